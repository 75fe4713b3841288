package experiments_test

import (
	"encoding/json"
	"strings"
	"testing"

	"matrix/experiments/cell"
	"matrix/experiments/grid"
	"matrix/experiments/lang"
)

const engineBlocks = `
engine "old" {
  package = "server==1.0"
}
engine "new" {
  package   = ["server==2.0", "extra==1"]
  overrides = ["lib==3"]
  python    = "3.13"
}
engine "ollama_033" {
  ollama  = "0.33.0"
  package = "wheel==1"
}
model "m" {
  vllm   = { model = "google/gemma-3-4b-it" }
  ollama = { model = "gemma3:4b" }
}
dataset "prompts" {
  path = "prompts.jsonl"
}
platform "serve" {
  backend = "vllm_serve"
  engine  = engine.old
}
platform "other" {
  backend = "vllm_serve"
}
platform "ollama" {
  backend = "ollama"
  engine  = engine.ollama_033
}
`

// lockOf is a lock file as fetch writes it.
func lockOf(t *testing.T, all map[string]*cell.Lock) string {
	t.Helper()
	text, err := json.Marshal(lang.Locks{Engines: all})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func enginesIn(t *testing.T, files map[string]string) (map[string]*cell.Cell, string) {
	t.Helper()
	files["prompts.jsonl"] = `{"prompt":"Hello"}`
	config, diags := grid.Load([]string{write(t, files) + "/e.hcl"}, lang.Options{Engines: "/cache"})
	all := map[string]*cell.Cell{}
	for _, e := range config.Experiments {
		x := e.Expand(grid.Hooks{})
		for c := range x.Cells() {
			all[c.Name()] = c
		}
		diags = append(diags, x.Diagnostics()...)
	}
	var said []string
	for _, d := range diags {
		place := ""
		if d.Subject != nil {
			place = d.Subject.String()[strings.LastIndex(d.Subject.Filename, "/")+1:]
		}
		said = append(said, place+" "+d.Summary+": "+d.Detail)
	}
	return all, strings.Join(said, "\n")
}

const versions = `
experiment "versions" {
  dataset    = dataset.prompts
  model      = model.m
  batch_size = 1
  matrix {
    platform = [platform.serve, platform.other]
    engine   = [engine.old, engine.new]
  }
}`

// TestEngineAxis: an engine of an axis takes the place of the platform's own; what is locked decides the folder.
func TestEngineAxis(t *testing.T) {
	lock := &cell.Lock{Packages: []string{"lib==3 --hash=sha256:aa", "server==2.0 --hash=sha256:bb"}}
	asked := "server==2.0, extra==1, lib==3 (override), python 3.13, " + lang.System
	cells, said := enginesIn(t, map[string]string{"e.hcl": engineBlocks + versions, "matrix.lock.json": lockOf(t, map[string]*cell.Lock{asked: lock})})
	if said != "" {
		t.Fatal(said)
	}
	if len(cells) != 4 {
		t.Fatalf("%d cells, want 4", len(cells))
	}
	hash := lock.Hash("3.13", lang.System)
	for _, platform := range []string{"serve", "other"} {
		c := cells[platform+"/m/new/1"]
		if want := "/cache/" + hash + "/bin/python"; c.Platform.Engine.ID != "new" || c.Platform.Python != want {
			t.Errorf("%s runs %s of engine %s, want %s", c.Name(), c.Platform.Python, c.Platform.Engine.ID, want)
		}
		if old := cells[platform+"/m/old/1"]; old.Platform.Engine.Lock != nil || old.Platform.Engine.Absent() == nil {
			t.Errorf("%s has a lock, and none was written", old.Name())
		}
	}
	c := cells["other/m/new/1"]
	id := cell.Identify(c, cell.Facts{Backend: cell.Values{"version": "2.0"}})
	if text := string(id.Components.Get("backend").Value); !strings.Contains(text, hash) {
		t.Errorf("the identity's backend is %s, without the lock", text)
	}
	relocked := *c
	p, e := *c.Platform, *c.Platform.Engine
	e.Lock = &cell.Lock{Packages: []string{"lib==4 --hash=sha256:cc", "server==2.0 --hash=sha256:bb"}}
	e.Folder, p.Engine, relocked.Platform = "/cache/"+e.Lock.Hash("3.13", lang.System), &e, &p
	after := cell.Identify(&relocked, cell.Facts{Backend: cell.Values{"version": "2.0"}})
	if after.Hash == id.Hash {
		t.Error("another lock of the same version has the same identity")
	}
	found := ""
	for _, change := range cell.Diff(id, after, c) {
		found += change.Component + " " + change.Path + " " + change.Before + " → " + change.After + "\n"
	}
	if !strings.Contains(found, "environment packages.lib 3 → 4\n") || strings.Contains(found, "packages.server") {
		t.Errorf("what changed:\n%s", found)
	}
}

// TestSavedLock: a plan that was saved runs what it was made with, whatever the lock file says since.
func TestSavedLock(t *testing.T) {
	asked := "server==1.0, python 3.12, " + lang.System
	dir := write(t, map[string]string{"e.hcl": engineBlocks + versions, "prompts.jsonl": `{"prompt":"Hello"}`,
		"matrix.lock.json": lockOf(t, map[string]*cell.Lock{asked: {Packages: []string{"server==1.0 --hash=sha256:aa"}}})})
	config, _ := grid.Load([]string{dir + "/e.hcl"}, lang.Options{})
	want := config.Config.Blocks["engine"]["old"].Engine.LockHash()
	config, _ = grid.Load([]string{dir + "/e.hcl"}, lang.Options{Source: config.Files})
	if got := config.Config.Blocks["engine"]["old"].Engine.LockHash(); got != want || want == "" {
		t.Errorf("the saved plan has lock %q, want %q", got, want)
	}
}

func TestEngineMistakes(t *testing.T) {
	const small = `
experiment "e" {
  dataset    = dataset.prompts
  platform   = platform.p
  model      = model.m
  batch_size = 1
}`
	for name, x := range map[string]struct{ text, want string }{
		"nothing":     {`engine "x" {}` + "\n", `e.hcl:32,8-11 Engine of nothing: Give it a package = "NAME==1.2.3", or the version of "ollama".`},
		"no version":  {`engine "x" { package = "server" }`, "e.hcl:32,14-32 Package without a version: server would be another one tomorrow"},
		"a range":     {`engine "x" { package = "server>=2" }`, "Package without a version"},
		"an option":   {`engine "x" { package = ["server==1", "--index-url=http://x"] }`, "No requirement"},
		"a number":    {`engine "x" { package = 3 }`, "Wrong type for package"},
		"python":      {"engine \"x\" {\n  package = \"s==1\"\n  python = \"/usr/bin/python3\"\n}", "e.hcl:34,3-30 No version of Python"},
		"ollama":      {`engine "x" { ollama = "latest" }`, "No version of ollama"},
		"two sources": {"platform \"p\" {\n  backend = \"vllm_serve\"\n  engine = engine.old\n  python = \"/usr/bin/python3\"\n}" + small, `e.hcl:34,3-22 Engine of another kind: Platform "p" names a program by its path as well.`},
		"attached":    {"platform \"p\" {\n  backend = \"openai\"\n  url = \"http://x/v1\"\n  engine = engine.old\n}" + small, "launches nothing that could be installed"},
		"a package for ollama": {"platform \"p\" {\n  backend = \"ollama\"\n  engine = engine.old\n}" + small,
			`Platform "p" runs ollama, and engine "old" has no version of it.`},
		"ollama for a package": {"platform \"p\" {\n  backend = \"vllm_offline\"\n  engine = engine.ollama_033\n}" + small, "runs a Python package"},
		"text":                 {"platform \"p\" {\n  backend = \"vllm_serve\"\n  engine = \"old\"\n}" + small, "Not an engine"},
		"axis": {strings.ReplaceAll(strings.Replace(small, "platform   = platform.p", "matrix {\n platform = [platform.serve, platform.ollama]\n engine = [engine.old]\n}", 1), "\n\n", "\n"),
			`Engine of another kind: Platform "ollama" runs ollama, and engine "old" has no version of it. Exclude the pair.`},
	} {
		_, said := enginesIn(t, map[string]string{"e.hcl": engineBlocks + x.text + "\n"})
		if !strings.Contains(said, x.want) {
			t.Errorf("%s: said\n%s\nwant %s", name, said, x.want)
		}
	}
	if _, said := enginesIn(t, map[string]string{"e.hcl": engineBlocks + versions, "matrix.lock.json": "{"}); !strings.Contains(said, "Damaged lock file") {
		t.Errorf("a damaged lock: %s", said)
	}
}

const weightsBlocks = `
weights "small" {
  package = ["model==1.0", "reader==2"]
  script  = "make()"
}
weights "large" { package = "large==1" }
model "m" {
  vllm   = { model = "${weights.small.folder}/bf16" }
  ollama = { gguf = "${weights.large.folder}/q4.gguf" }
}
dataset "prompts" { path = "prompts.jsonl" }
platform "serve" { backend = "vllm_serve" }
platform "ollama" { backend = "ollama" }
experiment "e" {
  dataset    = dataset.prompts
  model      = model.m
  batch_size = 1
  matrix { platform = [platform.serve, platform.ollama] }
}`

// TestWeights: each cell needs what its own engine loads; the script belongs to what is locked.
func TestWeights(t *testing.T) {
	lock := &cell.Lock{Packages: []string{"model==1.0 --hash=sha256:aa"}, Script: "bb"}
	asked := "model==1.0, reader==2, python 3.12, script " + (&cell.Engine{Script: "make()"}).ScriptHash()[:8] + ", " + lang.System
	locks := lockOf(t, map[string]*cell.Lock{asked: lock})
	cells, said := enginesIn(t, map[string]string{"e.hcl": weightsBlocks, "matrix.lock.json": locks})
	if said != "" {
		t.Fatal(said)
	}
	small, large := cells["serve/m/1"].Weights(), cells["ollama/m/1"].Weights()
	if len(small) != 1 || len(large) != 1 || small[0].ID != "small" || large[0].ID != "large" {
		t.Fatalf("vllm loads %v, ollama %v", small, large)
	}
	if got, want := cells["serve/m/1"].Model.Parts["vllm"]["model"], "/cache/"+lock.Hash("3.12", lang.System)+"/bf16"; got != want {
		t.Errorf("vllm loads %v, want %s", got, want)
	}
	if why := large[0].Absent(); why == nil || !strings.Contains(why.Error(), `weights "large" (`) || !strings.Contains(why.Error(), "has no lock yet") {
		t.Errorf("of weights without a lock it says %v", why)
	}
	other := *lock
	other.Script = "cc"
	if other.Hash("3.12", lang.System) == lock.Hash("3.12", lang.System) {
		t.Error("what another script makes has the same hash")
	}
	changed := strings.Replace(weightsBlocks, "make()", "make(2)", 1)
	if cells, _ := enginesIn(t, map[string]string{"e.hcl": changed, "matrix.lock.json": locks}); cells["serve/m/1"].Weights()[0].Lock != nil {
		t.Error("another script has the lock of the first")
	}
	if _, said := enginesIn(t, map[string]string{"e.hcl": "weights \"x\" {}\n" + weightsBlocks}); !strings.Contains(said, "Weights of nothing") {
		t.Errorf("of empty weights it says %s", said)
	}
}
