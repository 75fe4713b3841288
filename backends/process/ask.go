package process

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// Question is a short run of somebody else's program that tells something: an interpreter its import path, a batch
// system its queue. It is no engine and nothing is measured.
type Question struct {
	Path  string        // of the program, absolute
	Args  []string      // without the program's own name
	Env   []string      // all of it
	Stdin string        // "" = nothing to read
	Limit time.Duration // 0: as long as the context lasts
	// Line is called with each line of stdout as it comes; nil: stdout is returned.
	Line func(line []byte)
}

// mostSaid bounds what is kept of an answer, in bytes.
const mostSaid = 8 << 20

// Ask runs a question and returns what it said; stderr is for an error's text. It runs in an empty folder that goes
// afterwards: an interpreter looks for modules, a program for settings in the folder where the user happens to be. It ends,
// with all that it started, at its limit.
func Ask(ctx context.Context, q Question) (stdout, stderr []byte, err error) {
	if q.Limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, q.Limit, fmt.Errorf("it did not answer within %s", q.Limit))
		defer cancel()
	}
	dir, err := os.MkdirTemp("", "matrix-ask-")
	if err != nil {
		return nil, nil, fmt.Errorf("make an empty folder to run in: %w", err)
	}
	defer os.RemoveAll(dir)
	cmd := exec.CommandContext(ctx, q.Path, q.Args...)
	cmd.Dir, cmd.Env = dir, q.Env
	if cmd.Env == nil {
		cmd.Env = []string{} // nil would mean ours
	}
	if q.Stdin != "" {
		cmd.Stdin = bytes.NewBufferString(q.Stdin)
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second // what it started may hold the pipes
	var out, bad bounded
	cmd.Stdout, cmd.Stderr = &out, &bad
	if q.Line == nil {
		err = cmd.Run()
	} else {
		err = eachLine(cmd, q.Line)
	}
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return out.Bytes(), bad.Bytes(), err
}

// eachLine runs a command and calls each with every line as it comes. A line that is too long ends the reading with an
// error, not the command, which could not write on otherwise.
func eachLine(cmd *exec.Cmd, each func([]byte)) error {
	cmd.Stdout = nil
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	lines := bufio.NewScanner(pipe)
	lines.Buffer(nil, mostSaid)
	for lines.Scan() {
		each(lines.Bytes())
	}
	_, err = io.Copy(io.Discard, pipe) // after a line that was too long
	return errors.Join(lines.Err(), err, cmd.Wait())
}

// bounded keeps the first mostSaid bytes.
type bounded struct{ bytes.Buffer }

// Write takes what there is room for and says that it took all: the command that writes must not fail of it.
func (b *bounded) Write(p []byte) (int, error) {
	_, err := b.Buffer.Write(p[:min(len(p), max(0, mostSaid-b.Len()))])
	return len(p), err
}
