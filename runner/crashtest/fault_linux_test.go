package crashtest

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"matrix/results/record"
	"matrix/results/store"
)

// needs skips where a test cannot run, but not in CI: there it is a failure.
func needs(t *testing.T, ok bool, what string) {
	t.Helper()
	switch {
	case ok:
	case os.Getenv("CI") != "":
		t.Fatalf("needs %s", what)
	default:
		t.Skipf("needs %s", what)
	}
}

// failed holds an apply that a fault ended against what a user must see, and then lets the next one go on.
func (r tree) failed(code int, out string) {
	r.t.Helper()
	switch {
	case code == 0: // nothing that matters was hit
	case code != 1 && code != 4, strings.Contains(out, "goroutine "):
		r.t.Errorf("apply ended with %d:\n%s", code, out)
	case code == 1 && !strings.Contains(out, "Error: "):
		r.t.Errorf("no word of why:\n%s", out)
	}
	r.nothingLeft()
}

func (r tree) goesOn(launches int, args ...string) {
	r.t.Helper()
	_, code, out := r.apply(0, args...)
	if code != 0 {
		r.t.Errorf("the next apply ended with %d:\n%s", code, out)
	}
	r.nothingLeft()
	r.verified()
	complete := 0
	for _, p := range r.history() {
		r.eachOnce(p)
		if p.Status == record.Complete {
			complete++
		}
	}
	if complete != launches {
		r.t.Errorf("%d launches are complete, want %d; the next apply said:\n%s", complete, launches, out)
		for _, p := range r.history() {
			r.t.Logf("launch %d %s: %s", p.Launch, p.Status, p.Reason)
		}
	}
}

// TestFaults lets system calls of real applies fail, as strace can; its counters are per thread.
func TestFaults(t *testing.T) {
	t.Parallel()
	strace, err := exec.LookPath("strace")
	needs(t, err == nil, "strace (apt-get install strace)")
	var faults []string
	for _, call := range []string{"fsync", "renameat", "mkdirat", "unlinkat", "openat"} {
		for _, fault := range []string{"EIO:when=1", "ENOSPC:when=2", "EIO:when=3+", "ENOSPC:when=5", "EIO:when=9"} {
			faults = append(faults, call+":error="+fault)
		}
	}
	if os.Getenv("MATRIX_CRASH") == "" {
		faults = []string{"fsync:error=EIO:when=3", "renameat:error=ENOSPC:when=2"}
	}
	for _, fault := range faults {
		t.Run(fault, func(t *testing.T) {
			t.Parallel()
			r := plant(t, t.TempDir(), `api = "vllm_serve", load_s = 0.01, slots = 8, decode_tokens_per_s = 400`,
				"batch_size = 60\n launches = 2\n load {\n concurrency = 8\n }\n")
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
			defer cancel()
			call, _, _ := strings.Cut(fault, ":")
			cmd, out := r.command(strace, "-f", "-qq", "--seccomp-bpf", "-o", os.DevNull, "-e", "trace="+call, "-e", "inject="+fault,
				r.bin, "apply", "--auto-approve", "kill.hcl")
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			defer context.AfterFunc(ctx, func() { _ = cmd.Process.Kill() })()
			_ = cmd.Wait() // its exit code is judged below
			r.failed(cmd.ProcessState.ExitCode(), out.String())
			t.Logf("exit %d", cmd.ProcessState.ExitCode())
			var again []string
			if strings.Contains(out.String(), "engine failed") { // it hit the engine, which a user is told to run again
				again = []string{"--rerun", "failed,censored"}
			}
			r.goesOn(2, again...)
			if t.Failed() {
				t.Logf("the faulty apply said:\n%s", out)
			}
		})
	}
}

// TestFullDisk fills a disk of less than two MiB with an apply: the attempt is committed as failed in the room that the
// ballast had, and with more room the next apply measures the launch.
func TestFullDisk(t *testing.T) {
	long(t)
	t.Parallel()
	needs(t, os.Geteuid() == 0, "root, to mount a small file system")
	dir := t.TempDir()
	r := plant(t, dir, `api = "vllm_serve", load_s = 0.01, slots = 64, decode_tokens_per_s = 400`,
		"batch_size = 12000\n load {\n concurrency = 64\n }\n")
	small := filepath.Join(dir, "results")
	if err := os.Mkdir(small, 0o755); err != nil {
		t.Fatal(err)
	}
	err := syscall.Mount("matrix-crashtest", small, "tmpfs", 0, "size=1920k")
	needs(t, err == nil, "mount: it may not mount a tmpfs")
	t.Cleanup(func() {
		if err := syscall.Unmount(small, 0); err != nil {
			t.Error(err)
		}
	})
	_, code, out := r.apply(0)
	if code != 1 || !strings.Contains(out, "no space left on device") || !strings.Contains(out, "make room") {
		t.Errorf("apply ended with %d:\n%s", code, out)
	}
	r.failed(code, out)
	r.verified()
	if _, err := os.Stat(filepath.Join(small, ".matrix", "ballast")); err == nil {
		t.Error("the ballast is still there")
	}
	past := r.history()
	if len(past) != 1 || past[0].Status != record.EnvironmentFailed || past[0].OK == 0 || !strings.Contains(past[0].Reason, "no space left") {
		t.Errorf("history: %+v\n%s", past, out)
	}
	if err := syscall.Mount("", small, "", syscall.MS_REMOUNT, "size=64m"); err != nil {
		t.Fatal(err)
	}
	r.goesOn(1)
	if !slices.ContainsFunc(r.history(), func(p store.Past) bool { return p.Status == record.EnvironmentFailed }) {
		t.Error("the failure is forgotten")
	}
}
