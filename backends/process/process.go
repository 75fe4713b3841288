// Package process owns the operating-system side of an engine: it starts one
// command under a guard process that ends every descendant when matrix dies,
// and stops it by group. It knows no engine.
//
// A parent-death signal, a process group and a subreaper are each not enough
// alone: a grandchild has been seen to survive its SIGKILLed parent. So matrix
// executes itself once more as a guard in a session of its own, which holds a
// pipe from us and is the subreaper of all that the engine starts. Programs
// that start processes call MainIfAsked first thing in main, tests in TestMain.
package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"
)

// Command is what to start.
type Command struct {
	Argv       []string   // Argv[0] is looked for on Env's PATH
	Env        []string   // complete; nothing is inherited
	Dir        string     // "" = ours
	LogPath    string     // stdout and stderr, opened O_APPEND; "" = discarded
	ExtraFiles []*os.File // the command's descriptors 3, 4, …; the caller closes its own copies
	Attempt    string     // MATRIX_ATTEMPT for it and its descendants; "" = a random one
}

// Exit says how the command ended.
type Exit struct {
	Code   int       // -1 when a signal ended it
	Signal string    // "killed"
	At     time.Time // when we heard of it
	// Unguarded: the guard was killed from outside and the command with it. That is the machine's doing (an out-of-memory
	// killer, an operator), not the command's.
	Unguarded bool
}

// ErrUnguarded is in the error of a command that ended because its guard was killed.
var ErrUnguarded = errors.New("matrix-guard, its parent, was killed from outside")

// Error makes an end the cause of a failure; what names the command: "ollama ended".
func (e Exit) Error(what string) error {
	if e.Unguarded {
		return fmt.Errorf("%s: %w", what, ErrUnguarded)
	}
	return fmt.Errorf("%s: %s", what, e)
}

// String is the end in a few words, for messages.
func (e Exit) String() string {
	if e.Signal != "" {
		return "signal: " + e.Signal
	}
	return fmt.Sprintf("exit code %d", e.Code)
}

// Process is one started command with its guard. Its methods may be called concurrently.
type Process struct {
	pid       int    // of the command; the leader of its group
	guardPID  int    // 0 where there is none
	attempt   string // never empty: a random one where none was given
	logPath   string
	logOffset int64         // bytes of earlier launches
	done      chan struct{} // the command has ended
	gone      chan struct{} // and no descendant is left
	exitOnce  sync.Once     // the first end that is told counts
	exit      Exit          // valid once done is closed
	child
}

// Start starts a command and returns once it runs. ctx bounds the start alone;
// afterwards the command lives until it ends, Stop, Kill, or our own death.
func Start(ctx context.Context, c Command) (*Process, error) {
	if len(c.Argv) == 0 {
		return nil, errors.New("start process: no command")
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("start %s: %w", c.Argv[0], err)
	}
	if c.Attempt == "" {
		c.Attempt = randomAttempt()
	}
	path, err := resolve(c.Argv[0], c.Env)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", c.Argv[0], err)
	}
	log, offset, err := openLog(c.LogPath)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	p := &Process{
		attempt: c.Attempt, logPath: c.LogPath, logOffset: offset,
		done: make(chan struct{}), gone: make(chan struct{}),
	}
	if err := p.start(ctx, c, path, log); err != nil {
		return nil, fmt.Errorf("start %s: %w", c.Argv[0], err)
	}
	return p, nil
}

// PID is the command's process id. GuardPID is its guard's, 0 where there is none (not Linux).
func (p *Process) PID() int      { return p.pid }
func (p *Process) GuardPID() int { return p.guardPID }

// LogPath is the file that its output goes to, "" where it is discarded.
func (p *Process) LogPath() string { return p.logPath }

// LogOffset is where this command's output begins in its log, in bytes.
func (p *Process) LogOffset() int64 { return p.logOffset }

// Done is closed when the command has ended; descendants may still be ending.
func (p *Process) Done() <-chan struct{} { return p.done }

// Exit says how the command ended. It is valid once Done is closed.
func (p *Process) Exit() Exit {
	<-p.done
	return p.exit
}

// ended stamps the time here, by our clock: the guard tells none.
func (p *Process) ended(e Exit) {
	p.exitOnce.Do(func() {
		e.At = time.Now()
		p.exit = e
		close(p.done)
	})
}

// Stop asks the command's group to end (SIGTERM), waits for at most grace, and
// kills all that descends from it. It returns when no descendant is left. When
// ctx ends first it kills at once. It may be called again and concurrently.
func (p *Process) Stop(ctx context.Context, grace time.Duration) error {
	p.terminate(grace)
	select {
	case <-p.gone:
		return nil
	case <-ctx.Done():
	case <-time.After(grace + killPatience):
	}
	return p.Kill()
}

// Kill ends everything at once and returns when no descendant is left. The error
// names processes that outlive SIGKILL (a driver that hangs).
func (p *Process) Kill() error {
	p.kill()
	if p.waitGone(killPatience) {
		return nil
	}
	p.killHard()
	if p.waitGone(killPatience) {
		return nil
	}
	return fmt.Errorf("kill process %d: still alive after SIGKILL: %v", p.pid, OfAttempt(p.attempt))
}

// killPatience is how long the kernel gets to bury what was killed: freeing tens
// of gigabytes of GPU memory takes a second, not ten.
const killPatience = 10 * time.Second

// waitGone takes no context: what was killed is waited for even when the one who asked has gone.
func (p *Process) waitGone(d time.Duration) bool {
	select {
	case <-p.gone:
		return true
	case <-time.After(d):
		return false
	}
}
