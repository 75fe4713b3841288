package vllm

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"matrix/backends"
	"matrix/experiments/cell"
)

// fetchCell has an interpreter that ignores the script and does as told.
func fetchCell(t *testing.T, script string) *cell.Cell {
	t.Helper()
	python := filepath.Join(t.TempDir(), "python")
	if err := os.WriteFile(python, []byte("#!/bin/sh\n"+script), 0o755); err != nil {
		t.Fatal(err)
	}
	return &cell.Cell{
		Platform: &cell.Platform{ID: "p", Backend: OfflineName, Python: python, Env: map[string]string{"HF_HOME": "/cache"}},
		Model:    &cell.Model{ID: "m", Parts: Model{Model: "lab/tiny", Tokenizer: "lab/words"}.Parts()},
	}
}

func TestLacking(t *testing.T) {
	c := fetchCell(t, `[ "$3 $4 $6" = "lacking weights main" ] && echo a warning && echo '{"files":2,"bytes":9}' || echo '{"files":0,"bytes":0}'`)
	missing, err := lacking(t.Context(), c)
	if err != nil || len(missing) != 1 || *missing[0].Bytes != 9 || missing[0].Into != "/cache/hub" || missing[0].Name != "lab/tiny" {
		t.Errorf("%+v, %v", missing, err)
	}
	c.Model.Parts = Model{Model: t.TempDir()}.Parts()
	if missing, err := lacking(t.Context(), c); err != nil || len(missing) > 0 {
		t.Errorf("a folder lacks %+v, %v", missing, err)
	}
	c.Model.Parts[Part]["model"] = c.Model.Parts[Part].Text("model") + "/gone"
	if _, err := lacking(t.Context(), c); err == nil || !strings.Contains(err.Error(), "find the model's folder") {
		t.Errorf("a folder that is not there: %v", err)
	}
}

func TestFetchProgress(t *testing.T) {
	c := fetchCell(t, `[ "$3 $4 $5" = "fetch tokenizer lab/words" ] && echo '{"done":1,"total":3}' && echo '{"done":3,"total":3}'`)
	var seen []int64
	err := fetch(t.Context(), c, backends.Download{Name: "lab/words"}, func(done, total int64) { seen = append(seen, done, total) })
	if err != nil || !slices.Equal(seen, []int64{1, 3, 3, 3}) {
		t.Errorf("%v, %v", seen, err)
	}
	if err := fetch(t.Context(), c, backends.Download{Name: "lab/other"}, nil); err == nil {
		t.Error("fetched what the cell does not load")
	}
}

// TestFetchErrors: each kind of trouble is said with what to do about it; no token is ever part of it.
func TestFetchErrors(t *testing.T) {
	for said, want := range map[string]string{
		`{"error":"gated","endpoint":"https://hf.co"}`:              "lab/tiny is gated: accept its licence at https://hf.co/lab/tiny, then set HF_TOKEN",
		`{"error":"gated","endpoint":"https://hf.co","token":true}`: "your token has no access yet",
		`{"error":"no_repository","endpoint":"https://hf.co"}`:      "https://hf.co has no repository lab/tiny for you",
		`{"error":"no_revision"}`:                                   `lab/tiny has no revision "main"`,
		`{"error":"refused","endpoint":"https://hf.co"}`:            "https://hf.co refuses lab/tiny: HF_TOKEN is wrong",
		`{"error":"unreachable","endpoint":"https://hf.co"}`:        "cannot reach https://hf.co: see the network",
		`{"error":"disk_full"}`:                                     "the disk is full",
		`{"error":"no_library"}`:                                    "has no huggingface_hub: install vLLM into it",
		`{"error":"other","text":"OSError: odd"}`:                   "OSError: odd",
		``: "run huggingface_hub: exit status 1: Killed",
	} {
		c := fetchCell(t, "echo '"+said+"'; echo Killed >&2; exit 1")
		if _, err := lacking(t.Context(), c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", said, err, want)
		}
	}
}
