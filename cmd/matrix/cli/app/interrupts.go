package app

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"
)

// Interrupts is what ^C means to a command; nil: nobody presses it.
type Interrupts struct {
	hard  chan struct{} // closed when the user will not wait
	order atomic.Int64  // how many things go on that need time to stop in order
}

// Orderly says that from now on something runs that stops by itself in some seconds after ^C, a launch; until ended.
// Calls may nest. ended is called once.
func (i *Interrupts) Orderly() (ended func()) {
	if i == nil {
		return func() {}
	}
	i.order.Add(1)
	return func() { i.order.Add(-1) }
}

// Now is closed by the second ^C.
// nil, which never is, where nobody presses ^C.
func (i *Interrupts) Now() <-chan struct{} {
	if i == nil {
		return nil
	}
	return i.hard
}

// promptly is how long what is no launch may go on after ^C: a query, a file that is unpacked and a read of a FIFO do not
// look at the context. Whatever is on disk then is whole, or the next command tidies it.
const promptly = 600 * time.Millisecond

// Signals turns the first ^C into a canceled context and the second into hard closed. What still runs a second after that
// is cut off: the guards end the engines. SIGTERM and the terminal's going away are a ^C.
// Call it once a process. The goroutine lives as long as that.
func Signals(parent context.Context) (ctx context.Context, i *Interrupts) {
	ctx, cancel := context.WithCancel(parent)
	i = &Interrupts{hard: make(chan struct{})}
	got := make(chan os.Signal, 3)
	signal.Notify(got, os.Interrupt, syscall.SIGTERM)
	if !signal.Ignored(syscall.SIGHUP) { // nohup
		signal.Notify(got, syscall.SIGHUP)
	}
	go func() {
		<-got
		cancel()
		i.second(got)
		close(i.hard)
		time.Sleep(time.Second)
		os.Exit(CodeInterrupted)
	}()
	return ctx, i
}

// second returns when the user presses ^C again. A hangup is often told twice, by the shell and by the kernel, and means
// no more the second time.
func (i *Interrupts) second(got <-chan os.Signal) {
	tick := time.NewTicker(promptly / 20)
	defer tick.Stop()
	for since := time.Now(); ; {
		select {
		case s := <-got:
			if s != syscall.SIGHUP {
				return
			}
		case <-tick.C:
			if i.order.Load() > 0 {
				since = time.Now()
			} else if time.Since(since) > promptly {
				fmt.Fprintln(os.Stderr, "Error: interrupted")
				os.Exit(CodeInterrupted)
			}
		}
	}
}
