package process

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// child is our end of the guard.
type child struct {
	mu   sync.Mutex // of writes to life
	life *os.File   // its end, even by our death, is what ends the guard
}

// start runs the guard, gives it its order and waits until the command runs.
func (p *Process) start(ctx context.Context, c Command, path string, log *os.File) error {
	lifeR, lifeW, err := os.Pipe()
	if err != nil {
		return err
	}
	statusR, statusW, err := os.Pipe()
	if err != nil {
		lifeR.Close()
		lifeW.Close()
		return err
	}
	// /proc/self/exe is this very program, even when its file was replaced or removed meanwhile (go run).
	guard := &exec.Cmd{
		Path: "/proc/self/exe", Args: []string{guardName}, Env: append([]string{}, detector...), // nil would mean ours
		Stdout: log, Stderr: log,
		ExtraFiles:  append([]*os.File{lifeR, statusW}, c.ExtraFiles...),
		SysProcAttr: &syscall.SysProcAttr{Setsid: true},
	}
	err = guard.Start()
	lifeR.Close()
	statusW.Close()
	if err != nil {
		lifeW.Close()
		statusR.Close()
		return err
	}
	p.life, p.guardPID = lifeW, guard.Process.Pid
	first := make(chan status, 1)
	go p.follow(guard, statusR, first)
	if err := p.order(c, path); err != nil {
		p.kill()
		<-p.gone
		return err
	}
	return p.awaitFirst(ctx, first)
}

// order tells the guard what to start, as one line of JSON on a pipe: arguments of a process can be read by every user of
// the machine, and an environment may have keys in it.
func (p *Process) order(c Command, path string) error {
	line, err := json.Marshal(order{
		Path: path, Argv: c.Argv, Env: mark(c.Env, p.attempt), Dir: c.Dir,
		Extra: len(c.ExtraFiles), Attempt: p.attempt, Owner: owner(),
	})
	if err != nil {
		return err
	}
	return p.say(append(line, '\n'))
}

// awaitFirst waits for the guard's first word, the engine's PID or why it could not be started.
func (p *Process) awaitFirst(ctx context.Context, first <-chan status) error {
	select {
	case s, ok := <-first:
		if !ok {
			return errors.New("the guard process ended at once; is process.MainIfAsked called in main?")
		}
		if s.Error != "" {
			<-p.gone
			return errors.New(s.Error)
		}
		p.pid = s.PID
		return nil
	case <-ctx.Done():
		return errors.Join(context.Cause(ctx), p.Kill())
	}
}

// follow reads what the guard says until it is gone.
func (p *Process) follow(guard *exec.Cmd, r *os.File, first chan<- status) {
	defer r.Close()
	lines := bufio.NewScanner(r)
	for said := false; lines.Scan(); {
		var s status
		if json.Unmarshal(lines.Bytes(), &s) != nil {
			continue
		}
		if !said {
			said = true
			first <- s
		}
		if s.Ended {
			p.ended(exitOf(s))
		}
	}
	close(first)
	guard.Wait()
	killAttempt(p.attempt, owner(), 100)                                       // the guard's work where it was itself killed; after its orderly end nothing is left to find
	p.ended(Exit{Code: -1, Signal: syscall.SIGKILL.String(), Unguarded: true}) // unless it has told an end before
	p.mu.Lock()
	p.life.Close()
	p.mu.Unlock()
	close(p.gone)
}

// exitOf: a signal has no code, and −1 is none that a program can give.
func exitOf(s status) Exit {
	if s.Signal != "" {
		return Exit{Code: -1, Signal: s.Signal}
	}
	return Exit{Code: s.Code}
}

// say writes whole lines only, from any goroutine; a guard that is gone makes it fail with EPIPE.
func (p *Process) say(line []byte) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, err := p.life.Write(line)
	return err
}

// terminate, kill and killHard are requests; a guard that is gone needs none, so errors do not matter.
func (p *Process) terminate(grace time.Duration) {
	p.say(fmt.Appendf(nil, "%d\n", max(grace.Milliseconds(), 0)))
}

func (p *Process) kill() { p.say([]byte("0\n")) }

// killHard ends a guard that hangs; the engine's parent-death signal and follow do its work then.
func (p *Process) killHard() {
	syscall.Kill(p.guardPID, syscall.SIGKILL)
}
