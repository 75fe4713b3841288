package real

import (
	"bufio"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"matrix/backends/process"
	"matrix/results/table"
)

// TestKilledInServe kills matrix with SIGKILL while `vllm serve` is being measured: no process of the engine is left, what
// was committed stands, and the next apply goes on with the requests that are not done.
func TestKilledInServe(t *testing.T) {
	p := newProgram(t)
	p.run(0, "apply", "--auto-approve", "--only", "platform=ollama", "platforms.hcl", "killed.hcl")
	results := filepath.Join(p.dir, "results")
	committed := digests(t, results)

	told := p.killAfter(8, "apply", "--auto-approve", "--json", "platforms.hcl", "killed.hcl")
	if after := digests(t, results); !maps.Equal(after, committed) {
		t.Errorf("committed files changed: %v, before %v", slices.Sorted(maps.Keys(after)), slices.Sorted(maps.Keys(committed)))
	}
	said := p.run(2, "plan", "--detailed-exitcode", "platforms.hcl", "killed.hcl")
	kept := regexp.MustCompile(`interrupted after (\d+) of 36`).FindStringSubmatch(said)
	if kept == nil {
		t.Fatal("the plan does not say after how many the cell was interrupted")
	}
	n, _ := strconv.Atoi(kept[1])
	if n < told || n >= 36 {
		t.Errorf("%d requests were kept, and matrix had told of %d", n, told)
	}
	if said := p.run(0, "apply"); !strings.Contains(said, "1 complete") {
		t.Error("the apply did not say that the cell is complete")
	}

	// Which attempts count is no attempt's own word, so the file that says it is written again when one more does.
	delete(committed, filepath.Join(results, "killed", "counts.parquet"))
	after := digests(t, results)
	for name, sum := range committed {
		if after[name] != sum {
			t.Errorf("%s changed", name)
		}
	}
	f := p.check("killed") // each request exactly once, and both attempts count, among other things
	if r := f.Runs["vllm_serve/36"]; r.OK != 36 || r.Segments != 2 || r.RowsBySegment["1"] != n || r.RowsBySegment["2"] != 36-n {
		t.Errorf("%+v, want %d requests in the first segment and the rest in the second", r, n)
	}
	p.run(0, "plan", "--detailed-exitcode", "platforms.hcl", "killed.hcl")
}

// killAfter kills matrix when it has told of so many requests and has written them down: every second, and later where the
// disk is slower. It returns how many it had told of, after all that it had started has gone.
func (p program) killAfter(requests int, args ...string) (told int) {
	p.t.Helper()
	cmd := p.command(args...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		p.t.Fatal(err)
	}
	cmd.Stderr = p.t.Output()
	if err := cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	told, attempt := progress(bufio.NewScanner(out), requests)
	await(p.t, 20*time.Second, "written", func() bool { return p.spooled(attempt) >= told+2 }) // warm-ups have rows too
	started := offspring(p.t, cmd.Process.Pid)
	_ = cmd.Process.Kill() // an error: it has ended, and then told is 0
	began := time.Now()
	_ = cmd.Wait() // it was killed
	if told < requests || len(started) < 3 {
		p.t.Fatalf("%d requests done, %d processes started; want %d, and a guard, the server, its engine core", told, len(started), requests)
	}
	// It takes a fraction of a second where the machine is not busy with something else; five are promised.
	await(p.t, 20*time.Second, "gone", func() bool { return len(process.OfAttempt(attempt)) == 0 && len(alive(started)) == 0 })
	p.t.Logf("%d processes, gone %.2f s after the SIGKILL: %v", len(started), time.Since(began).Seconds(), started)
	return told
}

// spooled is how many rows of an attempt's requests are on disk.
func (p program) spooled(attempt string) (rows int) {
	p.t.Helper()
	file := filepath.Join(p.dir, "results", ".matrix", "work", attempt, "requests-001.spool")
	if _, err := table.ReadSpool(file, func(batch arrow.RecordBatch) error { rows += int(batch.NumRows()); return nil }); err != nil {
		p.t.Fatal(err)
	}
	return rows
}

// progress reads records until one tells of so many requests done.
func progress(lines *bufio.Scanner, requests int) (done int, attempt string) {
	for lines.Scan() {
		var record struct {
			Attempt  string
			Progress struct{ Done int }
		}
		if json.Unmarshal(lines.Bytes(), &record) == nil && record.Progress.Done >= requests {
			return record.Progress.Done, record.Attempt
		}
	}
	return 0, ""
}

// child is a process, known by its start so that a number used again is not taken for it.
type child struct {
	pid         int
	name, start string
}

// offspring is all that descends from a process. Engines rename their processes over their environment, so a search for
// a variable may miss one; a parent cannot be hidden.
func offspring(t *testing.T, root int) []child {
	t.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	children := map[int][]child{}
	for _, file := range stats {
		if c, parent, ok := stat(file); ok {
			children[parent] = append(children[parent], c)
		}
	}
	all := slices.Clone(children[root])
	for i := 0; i < len(all); i++ {
		all = append(all, children[all[i].pid]...)
	}
	return all
}

// stat reads a /proc/PID/stat; ok is false when the process is gone or a zombie.
func stat(file string) (c child, parent int, ok bool) {
	content, err := os.ReadFile(file)
	if err != nil {
		return child{}, 0, false
	}
	text := string(content)
	open, end := strings.Index(text, "("), strings.LastIndex(text, ")")
	fields := strings.Fields(text[end+1:]) // state, parent, …; the start is field 22 of all
	c.pid, _ = strconv.Atoi(strings.TrimSpace(text[:open]))
	c.name, c.start = text[open+1:end], fields[19]
	parent, _ = strconv.Atoi(fields[1])
	return c, parent, fields[0] != "Z" && fields[0] != "X"
}

func alive(all []child) (left []child) {
	for _, c := range all {
		if now, _, ok := stat(fmt.Sprintf("/proc/%d/stat", c.pid)); ok && now.start == c.start {
			left = append(left, c)
		}
	}
	return left
}

// digests are the SHA-256 sums of all committed files.
func digests(t *testing.T, results string) map[string][32]byte {
	t.Helper()
	sums := map[string][32]byte{}
	err := filepath.WalkDir(results, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && d.Name() == ".matrix":
			return fs.SkipDir
		case d.IsDir():
			return nil
		}
		content, err := os.ReadFile(path)
		sums[path] = sha256.Sum256(content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return sums
}
