package process

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// patience bounds every wait: generous, since the machine may be busy.
const patience = 30 * time.Second

func begin(t *testing.T, mode string, env ...string) *Process {
	t.Helper()
	p, err := Start(t.Context(), Command{
		Argv: []string{"/proc/self/exe"}, Env: append([]string{"MODE=" + mode}, env...),
		LogPath: filepath.Join(t.TempDir(), "log"), Attempt: "test-" + randomAttempt(),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Kill() })
	return p
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("%s: not within %s", what, patience)
}

func waitReady(t *testing.T, log string) {
	t.Helper()
	eventually(t, "engine ready", func() bool { return strings.Contains(Tail(log, 10), "ready") })
}

func TestExit(t *testing.T) {
	for _, code := range []int{0, 1, 7} {
		p := begin(t, "exit", "CODE="+strconv.Itoa(code))
		if e := p.Exit(); e.Code != code || e.Signal != "" || e.At.IsZero() {
			t.Errorf("exit %d: got %+v", code, e)
		}
		if err := p.Stop(t.Context(), 0); err != nil {
			t.Errorf("stop after the end: %v", err)
		}
	}
	p := begin(t, "sleep")
	syscall.Kill(p.PID(), syscall.SIGKILL)
	if e := p.Exit(); e.Code != -1 || e.Signal != "killed" || e.String() != "signal: killed" {
		t.Errorf("killed: got %+v", e)
	}
}

func TestStartErrors(t *testing.T) {
	for name, argv := range map[string][]string{
		"none": nil, "absent": {"/nonexistent/engine"}, "not on PATH": {"no-such-engine"},
		"not executable": {os.DevNull},
	} {
		if p, err := Start(t.Context(), Command{Argv: argv, Env: []string{"PATH=/nonexistent"}}); err == nil {
			p.Kill()
			t.Errorf("%s: started", name)
		}
	}
	_, err := Start(t.Context(), Command{Argv: []string{"/bin/true"}, LogPath: "/nonexistent/log"})
	if !errors.Is(err, os.ErrNotExist) {
		t.Errorf("log that cannot be opened: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Start(ctx, Command{Argv: []string{"/bin/true"}}); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled start: %v", err)
	}
}

func TestStopEndsTheWholeFamily(t *testing.T) {
	p := begin(t, "family")
	waitReady(t, p.logPath)
	eventually(t, "four processes", func() bool { return len(OfAttempt(p.attempt)) == 4 })
	if err := p.Stop(t.Context(), 100*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	if left := OfAttempt(p.attempt); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
	if err := p.Stop(t.Context(), time.Second); err != nil {
		t.Errorf("second stop: %v", err)
	}
}

func TestEndOfTheCommandEndsItsWorkers(t *testing.T) {
	p := begin(t, "family")
	waitReady(t, p.logPath)
	syscall.Kill(p.PID(), syscall.SIGKILL)
	<-p.Done()
	eventually(t, "workers gone", func() bool { return len(OfAttempt(p.attempt)) == 0 })
}

func TestStopOfAStubbornCommandKills(t *testing.T) {
	p := begin(t, "stubborn")
	waitReady(t, p.logPath)
	if err := p.Stop(t.Context(), 50*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	if e := p.Exit(); e.Signal != "killed" {
		t.Errorf("got %+v", e)
	}
}

func TestStopIsOrderlyFirst(t *testing.T) {
	p := begin(t, "sleep")
	waitReady(t, p.logPath)
	if err := p.Stop(t.Context(), patience); err != nil {
		t.Fatal(err)
	}
	if e := p.Exit(); e.Signal != "terminated" {
		t.Errorf("got %+v", e)
	}
}

func TestCanceledStopKillsAtOnce(t *testing.T) {
	p := begin(t, "stubborn")
	waitReady(t, p.logPath)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	began := time.Now()
	if err := p.Stop(ctx, time.Hour); err != nil {
		t.Fatal(err)
	}
	if d := time.Since(began); d > patience {
		t.Errorf("took %s", d)
	}
}

func TestTerminalSignalsDoNotReachEngineOrGuard(t *testing.T) {
	p := begin(t, "sleep")
	waitReady(t, p.logPath)
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		syscall.Kill(p.GuardPID(), sig)
	}
	ours, _ := syscall.Getpgid(0)
	for _, pid := range []int{p.PID(), p.GuardPID()} {
		if group, err := syscall.Getpgid(pid); err != nil || group == ours {
			t.Errorf("process %d: group %d, ours %d, %v", pid, group, ours, err)
		}
	}
	select {
	case <-p.Done():
		t.Errorf("the engine ended: %v", p.Exit())
	case <-time.After(100 * time.Millisecond):
	}
}

func TestKilledGuardTakesTheEngineAlong(t *testing.T) {
	p := begin(t, "family")
	waitReady(t, p.logPath)
	syscall.Kill(p.GuardPID(), syscall.SIGKILL)
	<-p.Done()
	if err := p.Exit().Error("it ended"); !errors.Is(err, ErrUnguarded) {
		t.Errorf("%v: that its guard was killed is the machine's doing", err)
	}
	if err := p.Stop(t.Context(), time.Second); err != nil {
		t.Fatal(err)
	}
	if left := OfAttempt(p.attempt); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

// startMatrix runs a parent in a process of its own, with a family below it.
func startMatrix(t *testing.T) (matrix *exec.Cmd, guard int, attempt string) {
	t.Helper()
	log := filepath.Join(t.TempDir(), "log")
	attempt = "test-" + randomAttempt()
	matrix = exec.Command("/proc/self/exe")
	matrix.Env = append(os.Environ(), "MODE=matrix", "LOG="+log, "ATTEMPT="+attempt)
	out, err := matrix.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := matrix.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		matrix.Process.Kill()
		matrix.Wait()
		for _, pid := range OfAttempt(attempt) {
			syscall.Kill(pid, syscall.SIGKILL)
		}
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	guard, _ = strconv.Atoi(strings.TrimSpace(line))
	waitReady(t, log)
	eventually(t, "four processes", func() bool { return len(OfAttempt(attempt)) == 4 })
	return matrix, guard, attempt
}

func TestKilledParentLeavesNothing(t *testing.T) {
	matrix, guard, attempt := startMatrix(t)
	matrix.Process.Kill()
	matrix.Wait()
	eventually(t, "engine gone", func() bool { return len(OfAttempt(attempt)) == 0 })
	eventually(t, "guard gone", func() bool { return !alive(guard) })
}

// TestTheNextMatrixGoesOn: the guard of one that was killed ends that one's engine, and not the next one's of the same attempt.
func TestTheNextMatrixGoesOn(t *testing.T) {
	matrix, guard, attempt := startMatrix(t)
	syscall.Kill(guard, syscall.SIGSTOP) // a machine so busy that the next one comes first
	matrix.Process.Kill()
	matrix.Wait()
	log := filepath.Join(t.TempDir(), "log")
	next, err := Start(t.Context(), Command{Argv: []string{"/proc/self/exe"}, Env: []string{"MODE=family"}, LogPath: log, Attempt: attempt})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { next.Kill() })
	waitReady(t, log)
	syscall.Kill(guard, syscall.SIGCONT)
	eventually(t, "guard gone", func() bool { return !alive(guard) })
	if left := OfAttempt(attempt); len(left) != 4 {
		t.Errorf("%d processes of the next engine are alive, want 4", len(left))
	}
}

func TestLeftoversOfAParentKilledWithItsGuard(t *testing.T) {
	matrix, guard, attempt := startMatrix(t)
	if mine := both(Leftovers(), OfAttempt(attempt)); len(mine) > 0 {
		t.Fatalf("leftovers while their matrix lives: %v", mine)
	}
	syscall.Kill(guard, syscall.SIGSTOP) // so that it cannot do its work first
	matrix.Process.Kill()
	matrix.Wait()
	syscall.Kill(guard, syscall.SIGKILL)
	eventually(t, "orphans are leftovers", func() bool { return len(both(Leftovers(), OfAttempt(attempt))) > 0 })
	killed, err := KillLeftovers(t.Context())
	if err != nil || len(killed) == 0 {
		t.Fatalf("killed %v: %v", killed, err)
	}
	if left := OfAttempt(attempt); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

func both(a, b []int) (c []int) {
	for _, x := range a {
		if slices.Contains(b, x) {
			c = append(c, x)
		}
	}
	return c
}

func TestExtraFiles(t *testing.T) {
	inR, inW, _ := os.Pipe()
	outR, outW, _ := os.Pipe()
	p, err := Start(t.Context(), Command{
		Argv: []string{"/proc/self/exe"}, Env: []string{"MODE=echo"}, ExtraFiles: []*os.File{inR, outW},
	})
	if err != nil {
		t.Fatal(err)
	}
	inR.Close()
	outW.Close()
	io.WriteString(inW, "through descriptors")
	inW.Close()
	got, err := io.ReadAll(outR) // ends only when the guard holds no copy
	if err != nil || string(got) != "through descriptors" {
		t.Errorf("got %q, %v", got, err)
	}
	if e := p.Exit(); e.Code != 0 {
		t.Errorf("got %+v", e)
	}
}

func TestLogIsAppended(t *testing.T) {
	log := filepath.Join(t.TempDir(), "log")
	for i, text := range []string{"one\n", "two\n"} {
		p, err := Start(t.Context(), Command{
			Argv: []string{"/proc/self/exe"}, Env: []string{"MODE=print", "TEXT=" + text}, LogPath: log,
		})
		if err != nil {
			t.Fatal(err)
		}
		<-p.Done()
		if want := int64(4 * i); p.LogOffset() != want {
			t.Errorf("offset %d, want %d", p.LogOffset(), want)
		}
	}
	if got, _ := os.ReadFile(log); string(got) != "one\ntwo\n" {
		t.Errorf("log: %q", got)
	}
}
