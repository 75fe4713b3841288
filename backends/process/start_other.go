//go:build !linux

package process

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// child is the command itself: without Linux's subreaper there is no guard, and
// an engine outlives a matrix that is killed outright.
type child struct{ cmd *exec.Cmd }

// MainIfAsked does nothing here: only Linux has a guard.
func MainIfAsked() {}

// start runs the engine as the leader of a group of its own, without a guard: nothing ends it when we are killed.
func (p *Process) start(_ context.Context, c Command, path string, log *os.File) error {
	p.cmd = &exec.Cmd{
		Path: path, Args: c.Argv, Env: mark(c.Env, p.attempt), Dir: c.Dir,
		Stdout: log, Stderr: log, ExtraFiles: c.ExtraFiles,
		SysProcAttr: &syscall.SysProcAttr{Setpgid: true},
	}
	if err := p.cmd.Start(); err != nil {
		return err
	}
	p.pid = p.cmd.Process.Pid
	go p.await()
	return nil
}

// await takes the engine's end and ends what it left in its group.
func (p *Process) await() {
	defer close(p.gone)
	err := p.cmd.Wait()
	syscall.Kill(-p.pid, syscall.SIGKILL)
	var failed *exec.ExitError
	if errors.As(err, &failed) {
		if ws, ok := failed.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
			p.ended(Exit{Code: -1, Signal: ws.Signal().String()})
			return
		}
		p.ended(Exit{Code: failed.ExitCode()})
		return
	}
	p.ended(Exit{})
}

// terminate asks the group to end and ends it after grace.
func (p *Process) terminate(grace time.Duration) {
	syscall.Kill(-p.pid, syscall.SIGTERM)
	go func() {
		if !p.waitGone(grace) {
			p.kill()
		}
	}()
}

func (p *Process) kill()     { syscall.Kill(-p.pid, syscall.SIGKILL) }
func (p *Process) killHard() { p.kill() }

// OfAttempt, Leftovers and KillLeftovers need /proc.
func OfAttempt(string) []int { return nil }

// Leftovers is empty here: there is no /proc to find them in.
func Leftovers() []int { return nil }

// KillLeftovers does nothing here.
func KillLeftovers(context.Context) ([]int, error) { return nil, nil }

func owner() string { return "" }
