package app

import (
	"fmt"
	"sync"
	"time"

	"matrix/backends/modelfile"
	"matrix/results/format"
)

// watchHashing says which model file is being hashed, once it takes longer than one likes to look at nothing: 8 GB take
// some seconds, once for each file. A person at a terminal is told how far it is, a log only that it is.
// stop waits for the goroutine, so that nothing is printed after it.
func (a *App) watchHashing() (stop func()) {
	if a.JSON {
		return func() {}
	}
	const every = 2 * time.Second
	over := make(chan struct{})
	var watching sync.WaitGroup
	watching.Go(func() {
		last := ""
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-over:
				return
			case <-tick.C:
			}
			if path, done, size := modelfile.Hashing(); path != "" && (a.TTY || path != last) {
				last = path
				fmt.Fprintf(a.Err, "reading %s for its digest, once: %.1f of %.1f GiB\n", path, format.GiB(done), format.GiB(size))
			}
		}
	})
	return func() { close(over); watching.Wait() }
}
