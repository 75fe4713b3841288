package quality

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"matrix/results/disk"
	"matrix/results/summary"
	"matrix/results/table"
)

// measures is what Measure computes: raised when a figure of a Report comes to mean, or to be, something else.
const measures = 1

// kept is a file under .matrix/quality: what was measured, of what.
type kept struct {
	Key    string  `json:"key"`
	Report *Report `json:"report"`
}

// Kept is Measure, once: comparing the answers of a large tree takes seconds, and they do not change. What was measured is kept in
// the tree by the checksums of all that it was measured from; a tree that we can or may only read has it computed each time.
func Kept(ctx context.Context, set *summary.Set, prompts Prompts, readOnly bool, observe func(done, all int)) (*Report, error) {
	key, name := keyOf(set, prompts)
	path := filepath.Join(set.Root, ".matrix", "quality", name+".json")
	var file kept
	if doc, err := disk.ReadFile(path, table.MaxDocument); err == nil && json.Unmarshal(doc, &file) == nil && file.Key == key && file.Report != nil {
		return file.Report, nil
	}
	r, err := Measure(ctx, set, Options{Prompts: prompts, Observe: observe})
	if err != nil || len(r.Cells) == 0 || readOnly {
		return r, err
	}
	if doc, err := json.Marshal(kept{key, r}); err == nil {
		var fs disk.FS
		if fs.MkdirAll(filepath.Dir(path)) == nil {
			_ = fs.WriteFile(path, doc) // it is computed again next time
		}
	}
	return r, nil
}

// keyOf tells what a report is measured from, and the name of its file: one for each choice of experiments.
func keyOf(set *summary.Set, prompts Prompts) (key, name string) {
	var of []any
	var experiments []string
	for _, c := range set.Cells {
		if c.Simulated {
			continue
		}
		if !slices.Contains(experiments, c.Experiment) {
			experiments = append(experiments, c.Experiment)
		}
		of = append(of, []any{c.Experiment, c.Slug, c.Name, c.Model, c.BatchSize})
		for _, a := range c.Launches {
			of = append(of, []any{a.Attempt, a.Files["outputs.parquet"].SHA256, a.Files["requests.parquet"].SHA256, a.Lacks("outputs"), a.Lacks("requests"),
				a.Identity.Components.Get("dataset").Hash, a.Identity.Components.Get("spec").Hash})
		}
	}
	for _, id := range slices.Sorted(maps.Keys(prompts)) {
		of = append(of, []any{id, prompts[id]})
	}
	doc, err := json.Marshal([]any{measures, prompts != nil, of})
	if err != nil {
		panic(err) // strings and numbers
	}
	return fmt.Sprintf("%x", sha256.Sum256(doc)), fmt.Sprintf("%.16x", sha256.Sum256([]byte(strings.Join(experiments, "\n"))))
}
