package wire

import (
	"context"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// mostUntaken is how many connections may wait to be accepted. vLLM's uvicorn has room for 2,048 and does not accept
	// while it tokenises; what comes beyond the room is dropped by the kernel, sent again, and reset after some 15 s.
	mostUntaken = 1000
	// firstUntaken holds until one connection has shown who the server is.
	firstUntaken = 16
	// lookEvery is how often the kernel is asked while somebody waits.
	lookEvery = 5 * time.Millisecond
	// patience is how long the next waits for an answer's headers before the kernel's word is enough, and probe how many
	// are then let through at once: so many may find no room.
	patience = time.Second
	probe    = 32
)

// gate lets connections through as fast as the server takes them, so that all of a batch can be in flight at once and none
// is lost on the way in. A connection is taken when
//
//   - a byte has come back on it,
//   - or, where the server listens on this machine, its queue of connections to be accepted is short: the kernel tells,
//   - or, elsewhere, the kernel there has acknowledged the request. That means that it had room for the connection,
//     not that the server has accepted it, so it counts only when no headers come for a while: a server that sends
//     them with the first token (Ollama) or with the last must not have its batch cut into pieces of a thousand.
//
// A bound on requests without headers alone was the other road; it makes Ollama's 5,000 in flight 1,000. So was a fixed
// number of connections a second: too slow for one server, and too fast for another.
type gate struct {
	listening func(server net.Addr) (queued, room int, ok bool) // how the accept queue stands; a test's to replace

	mu      sync.Mutex     // guards all below, and each conn's acked
	most    int            // of entered + untaken − credit
	entered int            // let through and not yet on a connection
	untaken map[*conn]bool // open, and no byte of an answer yet
	credit  int            // of untaken, how many the kernel says are taken; below 0: it says that more wait, of others
	queue   []*waiter      // first come first; those that are gone stay until they are at the front
	looking bool           // watch runs
	server  net.Addr       // nil: none yet, or it is not on this machine
}

// waiter is a request that waits for its turn to connect.
type waiter struct {
	since   time.Time     // it came
	through chan struct{} // closed when it may go
	gone    bool          // it no longer waits
}

// newGate makes a gate of one client, and so of one server: what is learnt of its queue holds for all.
func newGate() *gate {
	return &gate{listening: acceptQueue, most: firstUntaken, untaken: map[*conn]bool{}}
}

// enter waits until there is room. Who was let through calls arrived once: with a connection, or without.
func (g *gate) enter(ctx context.Context) error {
	g.mu.Lock()
	if len(g.queue) == 0 && g.room() > 0 {
		g.entered++
		g.mu.Unlock()
		return nil
	}
	w := &waiter{since: time.Now(), through: make(chan struct{})}
	g.queue = append(g.queue, w)
	if !g.looking {
		g.looking = true
		go g.watch()
	}
	g.mu.Unlock()
	select {
	case <-w.through:
		return nil
	case <-ctx.Done():
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	select {
	case <-w.through: // at the same moment
		g.entered--
		g.admit()
	default:
		w.gone = true
	}
	return context.Cause(ctx)
}

// arrived ends what enter began. A connection that is new has been counted by opened by then, which runs before GotConn; a
// kept one takes no room.
func (g *gate) arrived() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.entered--
	g.admit()
}

// room and admit want the lock.
func (g *gate) room() int { return g.most - g.entered - len(g.untaken) + g.credit }

// admit lets through as many as there is room for, in the order in which they came. The caller holds the lock.
func (g *gate) admit() {
	n := 0
	for ; n < len(g.queue) && (g.queue[n].gone || g.room() > 0); n++ {
		if w := g.queue[n]; !w.gone {
			g.entered++
			close(w.through)
		}
	}
	if g.queue = g.queue[n:]; len(g.queue) == 0 {
		g.queue = nil
	}
}

// watch asks the kernel while somebody waits.
func (g *gate) watch() {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for range tick.C {
		if g.look() {
			return
		}
	}
}

// look takes in what the kernel says. It reports that nobody waits any more.
func (g *gate) look() (over bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	// Within the lock: a connection that comes while the queue is read would be in none of the two numbers.
	queued, room, ok := g.here()
	if ok {
		g.credit = len(g.untaken) - queued
		g.most = min(mostUntaken, max(1, room-room/8))
	} else {
		g.trust()
	}
	g.admit()
	g.looking = len(g.queue) > 0
	return !g.looking
}

// trust lets some more through when those before have been acknowledged and no answer has begun for a while.
func (g *gate) trust() {
	if g.entered > 0 || len(g.queue) == 0 || time.Since(g.queue[0].since) < patience {
		return
	}
	for c := range g.untaken {
		if !c.acked {
			c.acked = !c.wrote.Load() || acknowledged(c.Conn)
		}
		if !c.acked {
			return
		}
	}
	g.credit = len(g.untaken) - g.most + probe
}

// conn is a connection of which it is known whether the server has taken it.
type conn struct {
	net.Conn
	gate  *gate
	taken atomic.Bool // a byte came, or it was closed; once and for all
	wrote atomic.Bool // something was: before that there is nothing to acknowledge
	acked bool        // under the gate's lock
}

// opened takes a new connection in.
func (g *gate) opened(c net.Conn) *conn {
	x := &conn{Conn: c, gate: g}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.untaken[x] = true
	if g.server == nil && g.most == firstUntaken {
		g.most = mostUntaken
		if here(c) {
			g.server = c.RemoteAddr()
		}
		if _, room, ok := g.here(); ok {
			g.most = min(mostUntaken, max(1, room-room/8))
		}
	}
	return x
}

// here is how the accept queue of a server on this machine stands; it wants the lock.
func (g *gate) here() (queued, room int, ok bool) {
	if g.server == nil {
		return 0, 0, false
	}
	return g.listening(g.server)
}

// settled takes note that the server has a connection, or that it is over; either makes room for the next.
func (g *gate) settled(c *conn) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.untaken, c)
	if g.credit > 0 {
		g.credit--
	}
	g.admit()
}

// settle is called by reader and closer at once, and counts once.
func (c *conn) settle() {
	if !c.taken.Swap(true) {
		c.gate.settled(c)
	}
}

// Read takes the first byte for the sign that the server has the connection.
func (c *conn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n > 0 && !c.taken.Load() {
		c.settle()
	}
	return n, err
}

// Write notes that there is something to acknowledge, whether or not it went out whole.
func (c *conn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.wrote.Store(true)
	return n, err
}

// Close settles first: a connection that broke before a byte came must not take its place in the gate along.
func (c *conn) Close() error {
	c.settle()
	return c.Conn.Close()
}

// here reports whether the other end is on this machine: a loopback address, or the one that we have ourselves.
func here(c net.Conn) bool {
	to, ok := c.RemoteAddr().(*net.TCPAddr)
	from, same := c.LocalAddr().(*net.TCPAddr)
	return ok && same && (to.IP.IsLoopback() || slices.Equal(to.IP, from.IP))
}
