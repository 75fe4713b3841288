package serve

import (
	"net/http"
	"slices"
	"time"

	"matrix/cmd/matrix/serve/watch"
)

// patient ends the connection of one who takes nothing for a while: what he was to be told is kept in memory until then. A timeout of
// the server would end streams, which last for hours, and large pages that are read slowly.
type patient struct{ http.ResponseWriter }

// piece is how many bytes have to be taken in that time.
const piece = 64 << 10

// Write gives each piece its own time.
func (p patient) Write(text []byte) (n int, err error) {
	for part := range slices.Chunk(text, piece) {
		p.wait()
		m, err := p.ResponseWriter.Write(part)
		if n += m; err != nil {
			return n, err
		}
	}
	return n, nil
}

// wait gives what is written next its time, also what is flushed after the handler: the deadline of a request before would hold for it.
func (p patient) wait() {
	_ = http.NewResponseController(p.ResponseWriter).SetWriteDeadline(time.Now().Add(watch.Patience)) // not all connections have one
}

// Unwrap is for http.ResponseController.
func (p patient) Unwrap() http.ResponseWriter { return p.ResponseWriter }
