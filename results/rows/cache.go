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
type Cache struct {
	mu   sync.Mutex
	open []*held // the last used first
}

// mostOpen bounds the open files.
const mostOpen = 8

type held struct {
	dir   string
	state os.FileInfo
	users int
	gone  bool // to be closed by its last user
	ready chan struct{}
	a     *Attempt
	err   error
}

// With calls do with the requests of an attempt's folder. Of several who ask at once, one opens them.
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

func (c *Cache) leave(h *held) {
	c.mu.Lock()
	defer c.mu.Unlock()
	h.users--
	c.closed(h)
}

// closed closes what nobody uses any more. The caller holds mu.
func (c *Cache) closed(h *held) {
	if h.gone && h.users == 0 && h.a != nil {
		h.a.close()
	}
}
