package launched

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"

	"matrix/backends"
)

// Unreachable is why a server that somebody else runs could not be attached to, with what to do.
func Unreachable(url string, err error) *backends.LaunchError {
	e := &backends.LaunchError{Environment: true, Class: "unreachable", Err: fmt.Errorf("attach to %s: %w", url, err), Hint: "start the server, or correct platform.url"}
	var untrusted *tls.CertificateVerificationError
	var plain tls.RecordHeaderError
	broke := errors.Is(err, syscall.ECONNRESET) || errors.Is(err, io.EOF)
	switch {
	case errors.As(err, &untrusted):
		e.Hint = "its certificate is not trusted here: SSL_CERT_FILE=FILE names one that is, or correct platform.url"
	case errors.As(err, &plain), strings.Contains(err.Error(), "HTTP response to HTTPS client"): // the library's words, of no type
		e.Hint = "that server speaks plain HTTP: write http:// in platform.url"
	case broke && strings.HasPrefix(url, "http://"), strings.Contains(err.Error(), "HTTP request to an HTTPS server"):
		e.Hint = "if that server speaks HTTPS, write https:// in platform.url"
	}
	return e
}
