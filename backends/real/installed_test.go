package real

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestInstalled: from an engine block to a result: the plan says what is lacking, fetch installs just the bytes of the lock,
// and a launch needs no network.
func TestInstalled(t *testing.T) {
	p := program{t: t, engines: engines(t, ollamaModel, ".uv/bin/uv"), dir: t.TempDir()}
	var err error
	if p.binary, err = built(); err != nil {
		t.Fatal(err)
	}
	for from, to := range map[string]string{"testdata/installed.hcl": "installed.hcl", "../../experiments/installed/matrix.lock.json": "matrix.lock.json"} {
		text, err := os.ReadFile(filepath.FromSlash(from))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(p.dir, to), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cache := filepath.Join(p.dir, "cache")
	t.Setenv("MATRIX_ENGINES", cache)
	t.Setenv("PATH", filepath.Join(p.engines, ".uv", "bin")+":"+os.Getenv("PATH"))

	if said := p.run(2, "plan", "--detailed-exitcode", "installed.hcl"); !strings.Contains(said, "is not installed: run matrix fetch installed.hcl") {
		t.Error("the plan does not say what is lacking")
	}
	if said := p.run(0, "fetch", "installed.hcl"); strings.Contains(said, "Locking") {
		t.Error("the engine was locked anew")
	}
	made, err := filepath.Glob(filepath.Join(cache, "*", "lib", "python3.*", "site-packages", "xllamacpp"))
	if err != nil || len(made) != 1 {
		t.Fatalf("installed are %v, %v", made, err)
	}
	apply := p.command("apply", "--auto-approve", "installed.hcl")
	offline := exec.CommandContext(t.Context(), "unshare", append([]string{"--net", "sh", "-c", `ip link set lo up && exec "$@"`, "sh"}, apply.Args...)...)
	offline.Dir, offline.Env = apply.Dir, apply.Env
	if out, err := offline.CombinedOutput(); err != nil {
		t.Fatalf("apply without a network: %v\n%s", err, out)
	}
	lock, _, _ := strings.Cut(strings.TrimPrefix(made[0], cache+string(filepath.Separator)), string(filepath.Separator))
	if said := p.run(0, "show", "llama_cpp"); !strings.Contains(said, "launch 1 · complete") || !strings.Contains(said, `{"lock":"`+lock[:40]) {
		t.Error("no complete launch of what was installed")
	}
	p.nothingRuns("installed")
	if said := p.run(0, "fetch", "installed.hcl"); !strings.Contains(said, "Nothing to fetch") {
		t.Error("the second fetch found something to do")
	}
}
