package rows

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"matrix/results/record"
	"matrix/results/table"
)

// Cache keeps a few attempts open: a footer of ten million rows and the checksum of their gigabyte are worth a second, and good for as
// long as the file is the same.
// Its zero value is ready; safe for concurrent use. Close it, or its files stay open.
type Cache struct {
	mu   sync.Mutex
	open []*held // the last used first
}

// mostOpen bounds the open files.
// Each has a file or two and the runs of its groups.
const mostOpen = 8

// held is an attempt that is open, or being opened.
type held struct {
	dir   string
	state os.FileInfo   // of the file when it was opened: another one by that name is not it
	users int           // calls of With under way; guarded by the cache's mu
	gone  bool          // to be closed by its last user
	ready chan struct{} // closed when a and err are set
	a     *Attempt
	err   error
}

// With calls do with the requests of an attempt's folder. Of several who ask at once, one opens them.
// The attempt is good until do returns. A failed opening is not kept: the next who asks tries again; damage that the
// check found is.
func (c *Cache) With(ctx context.Context, dir string, do func(*Attempt) error) error {
	state, err := os.Lstat(filepath.Join(dir, table.FileOf(record.TableRequests)))
	if err != nil {
		return fmt.Errorf("read the requests: %w", err)
	}
	h, first := c.take(dir, state)
	defer c.leave(h)
	if first {
		h.a, h.err = Open(context.WithoutCancel(ctx), dir) // others wait for it too
		close(h.ready)
		if h.err != nil {
			c.drop(h)
		}
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-h.ready:
	}
	if h.err != nil {
		return h.err
	}
	if _, fault := h.a.Checked(); fault != nil {
		return fault // and stays: until the file is another, reading it again would tell nothing new
	}
	return do(h.a)
}

// take finds an attempt or makes its place; first is who has to open it. The one that was not used for longest gives
// way.
func (c *Cache) take(dir string, state os.FileInfo) (h *held, first bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, o := range c.open {
		if o.dir != dir {
			continue
		}
		if os.SameFile(o.state, state) && o.state.Size() == state.Size() && o.state.ModTime().Equal(state.ModTime()) {
			copy(c.open[1:i+1], c.open[:i])
			c.open[0] = o
			o.users++
			return o, false
		}
		c.remove(i) // another file by that name, or changed since
		break
	}
	h = &held{dir: dir, state: state, users: 1, ready: make(chan struct{})}
	if len(c.open) == mostOpen {
		// who uses it still has it
		c.remove(mostOpen - 1)
	}
	c.open = append([]*held{h}, c.open...)
	return h, true
}

// Close forgets all of them. Who still uses one closes it at last.
func (c *Cache) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.open) > 0 {
		c.remove(0)
	}
}

// remove forgets the i-th. The caller holds mu.
func (c *Cache) remove(i int) {
	h := c.open[i]
	c.open = append(c.open[:i:i], c.open[i+1:]...)
	h.gone = true
	c.closed(h)
}

// drop forgets one that could not be opened, unless another has taken its place meanwhile.
func (c *Cache) drop(h *held) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, o := range c.open {
		if o == h {
			c.remove(i)
			return
		}
	}
}

// leave is called once for each take.
func (c *Cache) leave(h *held) {
	c.mu.Lock()
	defer c.mu.Unlock()
	h.users--
	c.closed(h)
}

// closed closes what nobody uses any more. The caller holds mu.
// It waits for the check of the file, which close stops before.
func (c *Cache) closed(h *held) {
	if h.gone && h.users == 0 && h.a != nil {
		h.a.close()
	}
}
