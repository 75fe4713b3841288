package serve

import (
	"io"
	"net/http"
	"time"

	"matrix/cmd/matrix/serve/watch"
)

// keepAlive is how often a silent stream says so, for proxies, for who has gone, and for the page, which else could not tell a server that hangs.
const keepAlive = 5 * time.Second

// stream sends what happens as server-sent events. Who connects again gets all of it anew: first "hello", which means that.
// The stream ends with the request; there is no history to go on from.
func stream(feed *watch.Feed) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		var b *watch.Batch
		for text, said := "event: hello\ndata: {}\n\n", time.Now(); ; {
			if text == "" && time.Since(said) > keepAlive {
				text = "event: beat\ndata: {}\n\n"
			}
			if text != "" {
				if _, err := io.WriteString(w, text); err != nil || http.NewResponseController(w).Flush() != nil {
					return
				}
				said = time.Now()
			}
			var err error
			if b, err = feed.Next(r.Context(), b); err != nil {
				return // its end is that of the connection
			}
			text = b.Text
		}
	}
}
