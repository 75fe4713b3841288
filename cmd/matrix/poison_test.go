package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"matrix/results/record"
	"matrix/results/summary/summarytest"
)

// sealedAgain changes a sealed document as somebody who knows the format can.
func sealedAgain(path string, change func(doc map[string]any)) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var doc map[string]any
	if err := json.Unmarshal(text, &doc); err != nil {
		return err
	}
	change(doc)
	delete(doc, "self")
	body, err := json.MarshalIndent(doc, "", "  ")
	if err != nil {
		return err
	}
	open := strings.TrimSuffix(string(body), "\n}") + ",\n  \"self\": \""
	sum := sha256.Sum256([]byte(open + "\"\n}\n"))
	return os.WriteFile(path, []byte(open+hex.EncodeToString(sum[:])+"\"\n}\n"), 0o644)
}

// tree is where a poisoned attempt lies: published in dir, or at work.
type tree struct{ root, dir, work string }

// poisonedAttempts are kinds of damage to one attempt among good ones: by a crash, a disk, another user, another matrix.
var poisonedAttempts = map[string]func(x tree) error{
	"manifest torn":  func(x tree) error { return os.Truncate(x.manifest(), 100) },
	"manifest empty": func(x tree) error { return os.Truncate(x.manifest(), 0) },
	"manifest gone":  func(x tree) error { return os.Remove(x.manifest()) },
	"manifest a FIFO": func(x tree) error {
		return replaced(x.manifest(), func(p string) error { return syscall.Mkfifo(p, 0o644) })
	},
	"manifest a folder":    func(x tree) error { return replaced(x.manifest(), func(p string) error { return os.Mkdir(p, 0o755) }) },
	"manifest null":        func(x tree) error { return os.WriteFile(x.manifest(), []byte("null\n"), 0o644) },
	"no address":           x(func(m map[string]any) { m["address"] = "" }),
	"no identity":          x(func(m map[string]any) { m["identity"] = map[string]any{} }),
	"no axes":              x(func(m map[string]any) { m["axes"] = nil }),
	"more ok than planned": x(func(m map[string]any) { m["ok"], m["planned"] = 500, 3 }),
	"nothing planned":      x(func(m map[string]any) { m["planned"] = 0 }),
	"below zero":           x(func(m map[string]any) { m["ok"], m["planned"], m["launch"], m["batch_size"] = -5, -3, -1, -7 }),
	"huge": x(func(m map[string]any) {
		m["ok"], m["planned"], m["batch_size"] = int64(1)<<62, int64(1)<<62, int64(1)<<62
	}),
	"a status of its own": x(func(m map[string]any) { m["status"] = "splendid\x1b[2J" }),
	"another schema":      x(func(m map[string]any) { m["schema"] = 99 }),
	"no files":            x(func(m map[string]any) { m["files"] = map[string]any{} }),
	"a name with dots": x(func(m map[string]any) {
		m["files"] = map[string]any{"../../../../x": map[string]any{"bytes": 1, "sha256": "x"}}
	}),
	"an odd summary": x(func(m map[string]any) {
		m["summary"] = map[string]any{"duration_s": -1e308, "load_s": -5, "output_throughput": 1e308}
	}),
	"table torn":         func(x tree) error { return os.Truncate(filepath.Join(x.dir, "requests.parquet"), 50) },
	"table gone":         func(x tree) error { return os.Remove(filepath.Join(x.dir, "run.parquet")) },
	"table flipped":      func(x tree) error { return flipped(filepath.Join(x.dir, "requests.parquet")) },
	"run flipped":        func(x tree) error { return flipped(filepath.Join(x.dir, "run.parquet")) },
	"tables of nonsense": func(x tree) error { return x.nonsense("requests.parquet", "run.parquet", "samples.parquet") },
	"run of requests": func(x tree) error {
		doc, err := os.ReadFile(filepath.Join(x.dir, "requests.parquet"))
		return errors.Join(err, x.instead("run.parquet", doc))
	},
	"requests of samples": func(x tree) error {
		doc, err := os.ReadFile(filepath.Join(x.dir, "samples.parquet"))
		return errors.Join(err, x.instead("requests.parquet", doc))
	},
	"a mark torn": func(x tree) error { return x.mark([]byte(`{"kind": "ta`)) },
	"a mark a FIFO": func(x tree) error {
		return errors.Join(x.mark(nil), replaced(x.markPath(), func(p string) error { return syscall.Mkfifo(p, 0o644) }))
	},
	"an accept of it": func(x tree) error { return x.mark([]byte(`{"kind": "accept", "identity": {"hash": [1]}}`)) },
	"marks a file":    func(x tree) error { return os.WriteFile(filepath.Dir(x.markPath()), nil, 0o644) },
	"an index of nonsense": func(x tree) error {
		path := filepath.Join(x.root, ".matrix", "index", "e")
		return errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte("matrix index 1\n\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), 0o644))
	},
	"index a FIFO": func(x tree) error {
		path := filepath.Join(x.root, ".matrix", "index", "e")
		return errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), syscall.Mkfifo(path, 0o644))
	},
	"work without a word": func(x tree) error { return os.MkdirAll(x.work, 0o755) },
	"work torn": func(x tree) error {
		return x.begun(func() error { return os.Truncate(filepath.Join(x.work, "attempt.json"), 30) })
	},
	"work a FIFO": func(x tree) error {
		return x.begun(func() error {
			return replaced(filepath.Join(x.work, "state.json"), func(p string) error { return syscall.Mkfifo(p, 0o644) })
		})
	},
	"work with a commit":     func(x tree) error { return x.begun(x.commit(map[string]any{"status": "complete", "rows": 4})) },
	"work with another road": func(x tree) error { return x.begun(x.commit(map[string]any{"status": "splendid"})) },
	"work with its files": func(x tree) error {
		return x.begun(x.commit(map[string]any{"status": "complete", "files": map[string]any{"../../x": map[string]any{}}}))
	},
	"work without rows": func(x tree) error {
		return errors.Join(x.begun(x.commit(map[string]any{"status": "complete"})), x.spools(os.Remove))
	},
	"work of nonsense": func(x tree) error {
		return errors.Join(x.begun(x.commit(map[string]any{"status": "complete"})), x.spools(func(p string) error { return os.WriteFile(p, []byte("MXSPOOL\x01junk"), 0o644) }))
	},
	"spools that are FIFOs": func(x tree) error {
		return errors.Join(x.begun(x.commit(map[string]any{"status": "complete"})), x.spools(func(p string) error { return replaced(p, func(p string) error { return syscall.Mkfifo(p, 0o644) }) }))
	},
	"a ballast of folders": func(x tree) error {
		return replaced(filepath.Join(x.root, ".matrix", "ballast"), func(p string) error { return os.MkdirAll(filepath.Join(p, "x"), 0o755) })
	},
	"a plan of nonsense": func(x tree) error {
		return os.WriteFile(filepath.Join(x.root, ".matrix", "plan"), []byte("{\"schema\":3"), 0o600)
	},
	"a cluster's run torn": func(x tree) error {
		dir := filepath.Join(x.root, ".matrix", "cluster", "01ARZ3NDEKTSV4RRFFQ69G5FAV")
		return errors.Join(os.MkdirAll(dir, 0o755), os.WriteFile(filepath.Join(dir, "run.json"), []byte("{"), 0o644))
	},
	"a calibration a FIFO": func(x tree) error { return x.fifo(".matrix", "calibration.json") },
	"a plan a FIFO":        func(x tree) error { return x.fifo(".matrix", "plan") },
	"counts a FIFO":        func(x tree) error { return x.fifo("e", "counts.parquet") },
	"a report a FIFO":      func(x tree) error { return x.fifo("e", "report", "report.md") },
	"a board a FIFO":       func(x tree) error { return x.fifo(".matrix", "running.json") },
	"what was sent a FIFO": func(x tree) error { return x.fifo(".matrix", "sent") },
	"a server a FIFO":      func(x tree) error { return x.fifo("e", "launches", "01ARZ3NDEKTSV4RRFFQ69G5FAV", "phases.json") },
	"the lock a FIFO": func(x tree) error {
		return replaced(filepath.Join(x.root, ".matrix", "lock"), func(p string) error { return syscall.Mkfifo(p, 0o644) })
	},
	"the lock a folder": func(x tree) error {
		return replaced(filepath.Join(x.root, ".matrix", "lock"), func(p string) error { return os.MkdirAll(filepath.Join(p, "x"), 0o755) })
	},
	"a lease torn": func(x tree) error {
		dir := filepath.Join(x.root, ".matrix", "cluster", "lease", "g1")
		return errors.Join(os.MkdirAll(dir, 0o755), os.WriteFile(filepath.Join(dir, "owner.json"), []byte("{"), 0o644))
	},
}

// x changes the manifest of the published attempt and seals it again.
func x(change func(m map[string]any)) func(tree) error {
	return func(x tree) error { return sealedAgain(x.manifest(), change) }
}

// fifo puts a FIFO in the place of a file of the tree.
func (x tree) fifo(names ...string) error {
	path := filepath.Join(append([]string{x.root}, names...)...)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return syscall.Mkfifo(path, 0o644)
}

func (x tree) manifest() string { return filepath.Join(x.dir, "manifest.json") }
func (x tree) markPath() string {
	return filepath.Join(filepath.Dir(x.dir), "marks", "01J00000000000000000000000.json")
}

func (x tree) mark(doc []byte) error {
	return errors.Join(os.MkdirAll(filepath.Dir(x.markPath()), 0o755), os.WriteFile(x.markPath(), doc, 0o644))
}

func replaced(path string, put func(string) error) error {
	return errors.Join(os.RemoveAll(path), put(path))
}

func flipped(path string) error {
	doc, err := os.ReadFile(path)
	if err == nil {
		doc[len(doc)/2] ^= 0x40
		err = os.WriteFile(path, doc, 0o644)
	}
	return err
}

// instead puts other bytes in a table's place, the manifest's sums with them.
func (x tree) instead(name string, doc []byte) error {
	sum := sha256.Sum256(doc)
	return errors.Join(os.WriteFile(filepath.Join(x.dir, name), doc, 0o644), sealedAgain(x.manifest(), func(m map[string]any) {
		m["files"].(map[string]any)[name] = map[string]any{"bytes": len(doc), "sha256": hex.EncodeToString(sum[:])}
	}))
}

func (x tree) nonsense(names ...string) error {
	var errs []error
	for _, name := range names {
		errs = append(errs, x.instead(name, []byte("PAR1\x00\x00\x00\x00PAR1")))
	}
	return errors.Join(errs...)
}

// begun makes an attempt at work of the published one, which is no longer published then.
func (x tree) begun(more func() error) error {
	err := os.MkdirAll(filepath.Dir(x.work), 0o755)
	if err == nil {
		err = os.Rename(x.dir, x.work)
	}
	if err == nil {
		err = os.Rename(filepath.Join(x.work, "manifest.json"), filepath.Join(x.work, "attempt.json"))
	}
	for _, table := range []string{"requests", "outputs", "samples"} {
		if err == nil {
			err = os.WriteFile(filepath.Join(x.work, table+"-001.spool"), []byte("MXSPOOL\x01"), 0o644)
		}
	}
	if err == nil {
		err = sealedOnce(filepath.Join(x.work, "state.json"), map[string]any{"run": map[string]any{"Planned": 4}, "self": ""})
	}
	return errors.Join(err, more())
}

func sealedOnce(path string, doc map[string]any) error {
	text, err := json.Marshal(doc)
	return errors.Join(err, os.WriteFile(path, text, 0o644), sealedAgain(path, func(map[string]any) {}))
}

func (x tree) commit(intent map[string]any) func() error {
	return func() error {
		return sealedAgain(filepath.Join(x.work, "state.json"), func(doc map[string]any) { doc["commit"] = intent })
	}
}

func (x tree) spools(do func(string) error) error {
	var errs []error
	found, _ := filepath.Glob(filepath.Join(x.work, "*.spool"))
	for _, path := range found {
		errs = append(errs, do(path))
	}
	return errors.Join(errs...)
}

// TestNothingPoisons: whatever one attempt became, every command says what is to be said and does its work on the others:
// none panics, none waits, none fails each time.
func TestNothingPoisons(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("HOME", dir)
	t.Chdir(dir)
	if err := errors.Join(writePrompts("prompts.jsonl", 20), os.WriteFile("exp.hcl", []byte(poisonable), 0o644),
		os.WriteFile("old.jsonl", []byte("{\"n\": 5, \"s\": 1.5}\n{\"n\": 6, \"s\": 1.6}\n"), 0o644)); err != nil {
		t.Fatal(err)
	}
	if code, text := command(t, "apply", "--auto-approve", "exp.hcl"); code != 0 {
		t.Fatalf("exit code %d: %s", code, text)
	}
	if err := os.Rename("results", "good"); err != nil {
		t.Fatal(err)
	}
	kinds := 0
	for i, name := range slices.Sorted(maps.Keys(poisonedAttempts)) {
		if testing.Short() && i%5 != 0 {
			continue
		}
		kinds++
		t.Run(name, func(t *testing.T) { poisonOne(t, poisonedAttempts[name]) })
	}
	t.Logf("%d kinds of damage, %d commands each", kinds, len(commandsOnPoison))
}

var commandsOnPoison = [][]string{
	{"status"}, {"plan", "exp.hcl"}, {"report", "e", "--out", "page"}, {"show", "b/m/4"}, {"verify"}, {"export", "--out", "all.jsonl", "--format", "jsonl"},
	{"compare", "platform=a", "platform=b"}, {"explain", "b/m/4", "exp.hcl"}, {"taint", "b/m/4", "--reason", "a test"}, {"merge", "good"},
	{"import", "--format", "jsonl", "--experiment", "old", "--platform", "p", "--model", "m", "--map", "output_tokens=n", "--map", "e2e_s=s", "old.jsonl"},
	{"apply", "--auto-approve", "exp.hcl"}, {"report", "e", "--out", "page"}, {"plan", "exp.hcl"},
}

func poisonOne(t *testing.T, poison func(tree) error) {
	if err := errors.Join(os.RemoveAll("results"), os.CopyFS("results", os.DirFS("good"))); err != nil {
		t.Fatal(err)
	}
	found, _ := filepath.Glob("results/e/a-*/*/manifest.json")
	if len(found) != 1 {
		t.Fatalf("attempts of a: %v", found)
	}
	at := filepath.Dir(found[0])
	if err := poison(tree{root: "results", dir: at, work: filepath.Join("results", ".matrix", "work", filepath.Base(at))}); err != nil {
		t.Fatal(err)
	}
	for i, args := range commandsOnPoison {
		code, text := command(t, args...)
		// A finding may be an error of the command that looks for findings, and of the one that wanted just this attempt.
		allowed := map[string][]int{"verify": {1}, "merge": {1}, "compare": {1}, "plan": {2}, "apply": {4}}
		if code == 0 || len(allowed[args[0]]) > 0 && allowed[args[0]][0] == code && !strings.Contains(text, "panic") {
			continue
		}
		t.Errorf("%d: matrix %s: exit code %d: %s", i, strings.Join(args, " "), code, text)
	}
	if code, text := command(t, "plan", "--detailed-exitcode", "exp.hcl"); code != 0 && code != 2 {
		t.Errorf("the plan at last: exit code %d: %s", code, text)
	}
}

// command runs the program in this process; a panic is one of the test.
func command(t *testing.T, args ...string) (code int, text string) {
	t.Helper()
	var out bytes.Buffer
	defer func() {
		if r := recover(); r != nil {
			code, text = -1, fmt.Sprintf("panic: %v\n%s", r, out.String())
		}
	}()
	code = run(context.Background(), nil, args, strings.NewReader(""), &out, &out)
	return code, out.String()
}

const poisonable = `dataset "d" {
  path = "prompts.jsonl"
}
model "m" {
  openai = { model = "m" }
}
platform "a" {
  backend = "simulator"
  options = { api = "ollama", load_s = 0.01, slots = 4, decode_tokens_per_s = 5000 }
}
platform "b" {
  backend = "simulator"
  options = { api = "ollama", load_s = 0.02, slots = 4, decode_tokens_per_s = 5000 }
}
experiment "e" {
  dataset = dataset.d
  matrix {
    platform = [platform.a, platform.b]
  }
  model      = model.m
  batch_size = 4
  launches   = 1
  warmup {
    requests = 1
  }
}
`

// TestNoTimeIsEndless: a time that is no number is one that was not told, for every reader; JSON has no word for it.
func TestNoTimeIsEndless(t *testing.T) {
	dir := t.TempDir()
	endless := func(i int, r *record.RequestRow) {
		if i == 5 {
			r.DoneS = new(math.Inf(1))
		}
	}
	nothing := func(i int, r *record.RequestRow) {
		if i == 5 {
			r.DoneS, r.FirstTokenS = new(math.NaN()), new(math.Inf(-1))
		}
	}
	summarytest.Plant(t, filepath.Join(dir, "results"), summarytest.Cell{Platform: "a", Size: 40, Launches: []summarytest.Launch{{Row: endless}, {}}},
		summarytest.Cell{Platform: "b", Size: 40, Launches: []summarytest.Launch{{}, {Row: nothing}}})
	for _, args := range [][]string{{"report", "--json"}, {"report", "--full"}, {"compare", "--json", "platform=a", "platform=b"},
		{"export", "--format", "vllm-bench", "--out", "bench"}, {"serve", "--build", "public"}} {
		cmd := exec.Command(matrixProgram(t), args...)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		if err != nil || bytes.Contains(out, []byte("Inf")) || bytes.Contains(out, []byte("NaN")) {
			t.Errorf("%s: %v\n%s", args, err, out)
		}
	}
}
