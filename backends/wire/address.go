package wire

import (
	"errors"
	"net/url"
	"strings"

	"matrix/experiments/cell"
)

// Join puts a path behind the base address of a server, before its query: a gateway may want a key there.
func Join(base, path string) string {
	base, query, asked := strings.Cut(base, "?")
	base = strings.TrimRight(base, "/") + path
	if asked {
		base += "?" + query
	}
	return base
}

// Bare is the address of a server without what clients of other APIs put behind it ("/v1"); its query stays.
func Bare(base string, endings ...string) string {
	base, query, asked := strings.Cut(base, "?")
	base = strings.TrimRight(base, "/")
	for _, ending := range endings {
		base = strings.TrimSuffix(base, ending)
	}
	if asked {
		base += "?" + query
	}
	return base
}

// Unasked takes the query out of an address in an error of net/http, since errors are stored and shown. nil stays nil.
func Unasked(err error) error {
	var sent *url.Error
	if errors.As(err, &sent) {
		sent.URL = cell.PublicURL(sent.URL)
	}
	return err
}

// queryOf is what must not come back in an answer's text, as it stands and decoded: of the query, and of the parameters of
// the path.
// It wants no valid address: what url.Parse refuses is echoed all the same.
func queryOf(address string) (secrets []string) {
	start := strings.IndexAny(address, "?;")
	if start < 0 {
		return nil
	}
	for _, pair := range strings.FieldsFunc(address[start:], func(r rune) bool { return strings.ContainsRune("?&;/", r) }) {
		if _, value, ok := strings.Cut(pair, "="); ok && len(value) > 3 { // shorter ones are words
			secrets = append(secrets, value)
			if plain, err := url.QueryUnescape(value); err == nil && plain != value {
				secrets = append(secrets, plain)
			}
		}
	}
	return secrets
}
