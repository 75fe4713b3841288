package serve

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"net"
	"net/http"
	"slices"
	"strings"
)

// guard stands before every handler. A page of another site that a browser on this machine has open must neither read results
// (the Host of a rebound name is not ours, and Sec-Fetch-Site tells) nor be answered with anything that runs.
type guard struct {
	hosts   []string // names that this server answers to, without a port
	numbers bool     // and any address
	token   string   // "" = none is asked for
	next    http.Handler
}

// policy lets the page load what is embedded here, and nothing else from anywhere.
// No inline script is among it, so whatever a result says stays text.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// ServeHTTP answers nothing before all of it is checked. Headers come first, so that refusals have them, too.
func (g guard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p := patient{w}
	defer p.wait()
	h := p.Header()
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	switch {
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		h.Set("Allow", "GET, HEAD")
		http.Error(w, "this server only reads", http.StatusMethodNotAllowed)
	case !g.ours(r.Host):
		http.Error(w, "this server answers to "+strings.Join(g.hosts, ", ")+"; to another name by matrix serve --listen NAME:PORT", http.StatusMisdirectedRequest)
	// "": not a browser, or an old one
	case !slices.Contains([]string{"", "none", "same-origin"}, r.Header.Get("Sec-Fetch-Site")):
		http.Error(w, "asked by another site: type or paste the address where the browser shows it", http.StatusForbidden)
	case !g.known(w, r):
		http.Error(w, "the token is missing: open /?token=… once", http.StatusUnauthorized)
	default:
		g.next.ServeHTTP(p, r)
	}
}

// ours takes any port: a forwarded one differs.
func (g guard) ours(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.Trim(host, "[]")
	return slices.ContainsFunc(g.hosts, func(name string) bool { return strings.EqualFold(name, host) }) || g.numbers && net.ParseIP(host) != nil
}

// cookieName is another for each token: a browser does not tell the servers on one machine apart by their ports.
func (g guard) cookieName() string {
	sum := sha256.Sum256([]byte(g.token))
	return "matrix_" + hex.EncodeToString(sum[:4])
}

// known tells whether a request brings the token: as a bearer, as the cookie, or once in the address, which sets the cookie.
// The comparison takes as long for a wrong token as for the right one.
func (g guard) known(w http.ResponseWriter, r *http.Request) bool {
	if g.token == "" {
		return true
	}
	is := func(text string) bool { return subtle.ConstantTimeCompare([]byte(text), []byte(g.token)) == 1 }
	if is(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")) {
		return true
	}
	if c, err := r.Cookie(g.cookieName()); err == nil && is(c.Value) {
		return true
	}
	if is(r.URL.Query().Get("token")) {
		http.SetCookie(w, &http.Cookie{Name: g.cookieName(), Value: g.token, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode})
		return true
	}
	return false
}
