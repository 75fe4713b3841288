package process

import (
	"bufio"
	"encoding/json"
	"errors"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// guardName is argv[0] of the guard, also what `ps` shows.
const guardName = "matrix-guard"

// Descriptors of the guard. The command's ExtraFiles follow.
const (
	fdLife   = 3 // from us: the order, then requests; its end means that we are dead
	fdStatus = 4 // to us
	fdExtra  = 5
)

// order is the first line on the lifeline: what the guard is to run.
type order struct {
	Path    string // absolute
	Argv    []string
	Env     []string // complete, marks included
	Dir     string
	Extra   int    // descriptors from fdExtra on
	Attempt string // by which, with Owner, is found what does not descend from the guard
	Owner   string // of the matrix that gives the order
}

// status is one line from the guard.
type status struct {
	PID    int    `json:",omitempty"` // first word of a command that runs
	Error  string `json:",omitempty"` // first word of one that does not
	Ended  bool   `json:",omitempty"` // with Code or Signal
	Code   int    `json:",omitempty"`
	Signal string `json:",omitempty"`
}

// MainIfAsked becomes the guard when this process was started as one, and then
// never returns. It is the first call in main, and in each TestMain of a package
// whose tests start processes.
func MainIfAsked() {
	if len(os.Args) == 0 || os.Args[0] != guardName {
		return
	}
	// The engine's parent-death signal follows this thread, so it must not end before the process.
	runtime.LockOSThread()
	if err := guard(); err != nil {
		json.NewEncoder(os.NewFile(fdStatus, "status")).Encode(status{Error: err.Error()})
		os.Exit(1)
	}
	os.Exit(0)
}

// guard runs one command and returns when no descendant is left.
func guard() error {
	swallowSignals()
	unix.CloseOnExec(fdLife)
	unix.CloseOnExec(fdStatus)
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return err
	}
	life := bufio.NewReader(os.NewFile(fdLife, "life"))
	line, err := life.ReadBytes('\n')
	if err != nil {
		return err
	}
	var o order
	if err := json.Unmarshal(line, &o); err != nil {
		return err
	}
	RaiseFileLimit()
	pid, err := launch(o)
	if err != nil {
		return err
	}
	w := ward{pid: pid, attempt: o.Attempt, owner: o.Owner, out: json.NewEncoder(os.NewFile(fdStatus, "status"))}
	w.out.Encode(status{PID: pid})
	w.watch(requests(life), reap())
	return nil
}

// swallowSignals catches what a terminal or a supervisor sends: only the end of
// the lifeline ends a guard. Not signal.Ignore: an ignored signal would stay
// ignored in the engine, which then could not be asked to stop.
func swallowSignals() {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT)
	go func() {
		for range c {
		}
	}()
}

// launch starts the command in its own group, to die with this thread.
func launch(o order) (int, error) {
	files := []uintptr{0, 1, 2}
	for i := range o.Extra {
		unix.CloseOnExec(fdExtra + i)
		files = append(files, uintptr(fdExtra+i))
	}
	pid, err := syscall.ForkExec(o.Path, o.Argv, &syscall.ProcAttr{
		Dir: o.Dir, Env: o.Env, Files: files,
		Sys: &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL},
	})
	for i := range o.Extra { // else nobody ever sees these pipes end
		unix.Close(fdExtra + i)
	}
	return pid, err
}

// ended is a child that is over, as wait4 tells.
type ended struct {
	pid int
	ws  syscall.WaitStatus // as wait4 tells it
}

// reap waits for every child; its channel closes when there is none. As orphans
// become children of a subreaper, that means that no descendant is left.
func reap() <-chan ended {
	c := make(chan ended)
	go func() {
		defer close(c)
		for {
			var ws syscall.WaitStatus
			pid, err := syscall.Wait4(-1, &ws, 0, nil)
			if errors.Is(err, syscall.EINTR) {
				continue
			}
			if err != nil {
				return
			}
			c <- ended{pid, ws}
		}
	}()
	return c
}

// requests yields how long the command may take to end, one value a request; our death is a request for none.
func requests(life *bufio.Reader) <-chan time.Duration {
	c := make(chan time.Duration)
	go func() {
		for {
			line, err := life.ReadString('\n')
			if err != nil {
				c <- 0
				return
			}
			ms, _ := strconv.ParseInt(strings.TrimSpace(line), 10, 64)
			c <- time.Duration(ms) * time.Millisecond
		}
	}()
	return c
}

// ward is what a guard watches over.
type ward struct {
	pid     int // of the command, and of its group
	attempt string
	owner   string
	out     *json.Encoder // of status lines; only watch writes
}

// watch serves requests until every descendant is gone.
func (w *ward) watch(requests <-chan time.Duration, reaped <-chan ended) {
	const again = 50 * time.Millisecond // a fork may slip through one walk over /proc
	kill := time.NewTimer(time.Hour)
	kill.Stop()
	defer kill.Stop()
	for {
		select {
		case e, ok := <-reaped:
			if !ok {
				// What carries the attempt without descending from us was started through a daemon.
				killAttempt(w.attempt, w.owner, 40)
				return
			}
			if e.pid == w.pid {
				w.report(e.ws)
				kill.Reset(0)
			}
		case grace := <-requests:
			if grace > 0 {
				w.signalAll(syscall.SIGTERM)
			}
			kill.Reset(grace)
		case <-kill.C:
			w.signalAll(syscall.SIGKILL)
			kill.Reset(again)
		}
	}
}

// report is heard before the last descendant is gone: whoever waits for an answer must not wait for those.
func (w *ward) report(ws syscall.WaitStatus) {
	s := status{Ended: true, Code: ws.ExitStatus()}
	if ws.Signaled() {
		s.Signal = ws.Signal().String()
	}
	w.out.Encode(s)
}

// signalAll reaches the group and everything that left it.
func (w *ward) signalAll(sig syscall.Signal) {
	syscall.Kill(-w.pid, sig)
	for _, pid := range descendants(os.Getpid()) {
		if group, err := syscall.Getpgid(pid); err != nil || group != w.pid {
			syscall.Kill(pid, sig)
		}
	}
}
