package cell

import (
	"regexp"
	"strings"
)

var secretName = regexp.MustCompile(`(?i)(KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIALS?|AUTHORIZATION)$`)

// SecretName reports whether an environment variable's name says that its value is a secret (HF_TOKEN, OPENAI_API_KEY;
// not TOKENIZERS_PARALLELISM).
func SecretName(name string) bool { return secretName.MatchString(name) }

// PublicURL is the platform's url as it may be stored and shown.
func (p *Platform) PublicURL() string { return PublicURL(p.URL) }

// PublicURL drops the user and the query of a URL: keys are sometimes put there.
func PublicURL(url string) string {
	url, _, _ = strings.Cut(url, "?")
	if scheme, rest, ok := strings.Cut(url, "://"); ok {
		if i := strings.IndexByte(rest, '@'); i >= 0 && i < len(rest) && !strings.Contains(rest[:i], "/") {
			return scheme + "://" + rest[i+1:]
		}
	}
	return url
}
