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

// PublicURL drops the user, the query and the parameters of a path (/v1;token=…) of a URL: keys are sometimes put there.
func PublicURL(url string) string {
	scheme, rest, ok := strings.Cut(url, "://")
	if !ok {
		scheme, rest = "", url
	}
	authority, path := rest, ""
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		authority, path = rest[:i], rest[i:]
	}
	authority = authority[strings.LastIndexByte(authority, '@')+1:]
	if i := strings.IndexAny(path, "?;"); i >= 0 {
		path = path[:i]
	}
	if ok {
		scheme += "://"
	}
	return scheme + authority + path
}
