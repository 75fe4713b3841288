// Package rows pages through the requests of an attempt: filtered, sorted, a page at a time, however many there are. It reads row
// groups of the Parquet file by their statistics, holds no more than a page of them, and knows no HTTP.
package rows

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"matrix/results/record"
	"matrix/results/table"
)

// Attempt is the requests of one, open.
type Attempt struct {
	dir      string
	requests *table.Groups[record.RequestRow]
	counts   []map[kind]int64 // rows of each group: which groups a filter need not look at, and how many rows it takes

	mu      sync.Mutex // guards outputs
	outputs *table.Groups[record.OutputRow]
}

// kind is what a filter goes by.
type kind struct{ phase, status string }

// Open opens the requests in an attempt's folder. All bytes are read once for their checksum, and two columns.
func Open(ctx context.Context, dir string) (*Attempt, error) {
	requests, err := table.OpenRequests(dir)
	if err != nil {
		return nil, err
	}
	a := &Attempt{dir: dir, requests: requests, counts: make([]map[kind]int64, requests.Len())}
	err = eachGroup(requests.Len(), func(g int) error {
		var err error
		a.counts[g], err = a.count(ctx, g)
		return err
	})
	if err != nil {
		a.close()
		return nil, err
	}
	return a, nil
}

// count counts the rows of a group; where each column has one value throughout, none is read.
func (a *Attempt) count(ctx context.Context, g int) (map[kind]int64, error) {
	phase, same := a.requests.Constant(g, record.ColPhase)
	status, equal := a.requests.Constant(g, record.ColStatus)
	if same && equal {
		return map[kind]int64{{phase, status}: a.requests.Start(g+1) - a.requests.Start(g)}, nil
	}
	counts := map[kind]int64{}
	return counts, a.requests.Scan(ctx, g, []string{record.ColPhase, record.ColStatus}, func(b arrow.RecordBatch) error {
		phases, statuses := table.In[*array.String](b, record.ColPhase), table.In[*array.String](b, record.ColStatus)
		last, n := kind{}, int64(0)
		for i := range int(b.NumRows()) {
			if k := (kind{phases.Value(i), statuses.Value(i)}); k != last {
				counts[last] += n
				// Values are of the batch's memory, which is used again.
				last, n = kind{string([]byte(k.phase)), string([]byte(k.status))}, 0
			}
			n++
		}
		counts[last] += n
		return nil
	})
}

// Cache keeps a few attempts open: the checksum of a gigabyte is worth a second, and good for as long as the file is the same.
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
