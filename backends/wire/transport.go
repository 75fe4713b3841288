package wire

import (
	"cmp"
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"time"
)

// readBufferBytes is small on purpose: thousands of streams are open at once and an event has some 200 bytes.
const readBufferBytes = 4 << 10

// newTransport keeps as many connections as there are requests in flight: with net/http's default of two idle ones,
// each answer would cost a new connection and soon a port. Idle connections go before the server drops them, as a
// POST on a connection that the server has just closed is lost. One stream a connection: HTTP/2 would put all
// streams of a server behind one flow-control window.
func newTransport(o Options, g *gate) *http.Transport {
	dialer := &net.Dialer{Timeout: time.Minute, KeepAlive: 30 * time.Second}
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := dialer.DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return g.opened(c), nil
	}
	idle := cmp.Or(o.Connections, 1<<16)
	return &http.Transport{
		Proxy:               http.ProxyFromEnvironment, // never for loopback
		DialContext:         dial,
		MaxConnsPerHost:     o.Connections,
		MaxIdleConns:        idle,
		MaxIdleConnsPerHost: idle,
		IdleConnTimeout:     cmp.Or(o.IdleTimeout, 4*time.Second), // below uvicorn's keep-alive of 5 s
		DisableKeepAlives:   o.NoReuse,
		DisableCompression:  true, // gzip would hold tokens back; one that comes unasked is read all the same
		ReadBufferSize:      readBufferBytes,
		TLSNextProto:        map[string]func(string, *tls.Conn) http.RoundTripper{},
	}
}
