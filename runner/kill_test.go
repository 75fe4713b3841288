package runner_test

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
	"matrix/runner"
)

// applyDir is the variable that makes this binary an apply of the folder's experiment.
const applyDir = "MATRIX_TEST_APPLY"

// applyIfAsked applies and tells its attempt once a few requests have ended; the test then kills it.
func applyIfAsked() {
	dir := os.Getenv(applyDir)
	if dir == "" {
		return
	}
	plan, world, err := loadPlan(context.Background(), dir, runner.Filter{Only: []string{"platform=ollama", "batch_size=30"}})
	if err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
	told := false
	observe := func(e runner.Event) {
		if e.Kind == runner.CellProgress && e.Progress.Done >= 5 && !told {
			told = true
			time.Sleep(1500 * time.Millisecond) // the spool is synced every second
			fmt.Println("attempt:", e.Attempt)
		}
	}
	_, err = runner.Apply(context.Background(), world, plan, runner.Options{WithoutNVML: true, Observe: observe})
	fmt.Println("ended:", err)
	os.Exit(0)
}

// SIGKILL of matrix in the middle of a cell: no engine is left, and the next apply goes on with the same attempt.
func TestKilledApplyGoesOn(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux has the guard that ends an engine whose matrix was killed")
	}
	s := newSession(t)
	s.write("decode_tokens_per_s = 400", "decode_tokens_per_s = 20") // 0.4 s a request, four at once
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), applyDir+"="+s.dir)
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
	f := runner.Filter{Only: []string{"platform=ollama", "batch_size=30"}}
	p := s.make(f)
	if item := p.Items[0]; item.Resume != attempt || !strings.HasPrefix(item.Detail, "interrupted after") {
		t.Fatalf("planned:\n%s\n%q", states(p), item.Detail)
	}
	sum := s.apply(t.Context(), p)
	if sum.Complete != 1 || sum.Attempts[0].Attempt != attempt || sum.Attempts[0].OK != 30 || sum.Attempts[0].Segments != 2 {
		t.Errorf("%d complete, %+v", sum.Complete, sum.Attempts)
	}
}
