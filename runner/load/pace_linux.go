package load

import (
	"context"
	"encoding/binary"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// margin before a moment is slept by the kernel's timer, the rest by Go's.
const margin = 2 * time.Millisecond

// pacer waits for moments to within some 0.1 ms. Go's own timers round short sleeps up to 1 ms, which epoll_wait counts
// in. A timerfd has the kernel's precision, no timer slack, and wakes the poller that the streams wait on anyway.
// clock_nanosleep on a locked thread was the other road: as precise, but a thread in a system call keeps its processor
// from the goroutine that it has just started, for as long as the runtime takes to notice.
type pacer struct {
	timer *os.File
	fd    int
}

// newPacer makes a pacer; without a timer it is as good as Go's.
func newPacer() *pacer {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return &pacer{}
	}
	return &pacer{timer: os.NewFile(uintptr(fd), "timerfd"), fd: fd}
}

// close gives the kernel's timer back.
func (p *pacer) close() {
	if p.timer != nil {
		_ = p.timer.Close()
		p.timer = nil
	}
}

// until waits for a moment and reports whether it came before ctx ended.
func (p *pacer) until(ctx context.Context, at time.Time) bool {
	if p.timer == nil {
		return sleepUntil(ctx, at)
	}
	if time.Until(at) > margin && !sleepUntil(ctx, at.Add(-margin)) {
		return false
	}
	wait := time.Until(at)
	if wait <= 0 {
		return ctx.Err() == nil
	}
	if !p.sleep(ctx, wait) || time.Until(at) > wait/2 { // no timer, or a clock that is not the kernel's: a test's
		p.close()
		return sleepUntil(ctx, at)
	}
	return ctx.Err() == nil
}

// sleep reports whether the kernel's timer worked.
func (p *pacer) sleep(ctx context.Context, wait time.Duration) bool {
	due := unix.ItimerSpec{Value: unix.NsecToTimespec(int64(wait))}
	if err := unix.TimerfdSettime(p.fd, 0, &due, nil); err != nil {
		return false
	}
	timer := p.timer // close may come while the function below still runs
	defer context.AfterFunc(ctx, func() { _ = timer.SetReadDeadline(time.Unix(1, 0)) })()
	var expired [8]byte
	_, err := timer.Read(expired[:])
	return err == nil && binary.NativeEndian.Uint64(expired[:]) > 0 || ctx.Err() != nil
}
