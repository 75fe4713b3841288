package apply_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"matrix/backends/process"

	"matrix/runner/apply"
	"matrix/runner/events"
	"matrix/runner/plan"
)

// ApplyDir is the variable that makes this binary an apply of the folder's experiment.
const ApplyDir = "MATRIX_TEST_APPLY"

// ApplyIfAsked applies and tells its attempt once a few requests have ended; the test then kills it.
func ApplyIfAsked() {
	dir := os.Getenv(ApplyDir)
	if dir == "" {
		return
	}
	plan, world, err := LoadPlan(context.Background(), dir, plan.Filter{Only: []string{"platform=ollama", "batch_size=30"}})
	if err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
	told := false
	observe := func(e events.Event) {
		if e.Kind == events.CellProgress && e.Progress.Done >= 5 && !told {
			told = true
			time.Sleep(1500 * time.Millisecond) // the spool is synced every second
			fmt.Println("attempt:", e.Attempt)
		}
	}
	_, err = apply.Apply(context.Background(), world, plan, apply.Options{WithoutNVML: true, Observe: observe})
	fmt.Println("ended:", err)
	os.Exit(0)
}

// SIGKILL of matrix in the middle of a cell: no engine is left, and the next apply goes on with the same attempt.
func TestKilledApplyGoesOn(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux has the guard that ends an engine whose matrix was killed")
	}
	s := NewSession(t)
	s.Write("decode_tokens_per_s = 400", "decode_tokens_per_s = 20") // 0.4 s a request, four at once
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), ApplyDir+"="+s.Dir)
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	lines.Scan()
	attempt, ok := strings.CutPrefix(lines.Text(), "attempt: ")
	_ = child.Process.Kill() // an error: it has ended, and then ok is false
	_ = child.Wait()         // it was killed
	if !ok {
		t.Fatalf("the apply said %q", lines.Text())
	}
	for deadline := time.Now().Add(5 * time.Second); len(process.OfAttempt(attempt)) > 0; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("processes %v outlive matrix", process.OfAttempt(attempt))
		}
	}
	f := plan.Filter{Only: []string{"platform=ollama", "batch_size=30"}}
	p := s.Make(f)
	if item := p.Items[0]; item.Resume != attempt || !strings.HasPrefix(item.Detail, "interrupted after") {
		t.Fatalf("planned:\n%s\n%q", States(p), item.Detail)
	}
	sum := s.Apply(t.Context(), p)
	if sum.Complete != 1 || sum.Attempts[0].Attempt != attempt || sum.Attempts[0].OK != 30 || sum.Attempts[0].Segments != 2 {
		t.Errorf("%d complete, %+v", sum.Complete, sum.Attempts)
	}
}
