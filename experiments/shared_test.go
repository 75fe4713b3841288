package experiments_test

import (
	"path/filepath"
	"testing"

	"matrix/experiments/grid"
	"matrix/experiments/lang"
)

// TestImportsShareDefinitions: the experiments of an imported file are not asked for, unless the file is named as well.
func TestImportsShareDefinitions(t *testing.T) {
	dir := write(t, map[string]string{"base.hcl": experiment(threeAxes), "main.hcl": `
imports = ["base.hcl"]
experiment "mine" {
  dataset    = dataset.prompts
  platform   = platform.offline
  model      = model.small
  batch_size = 3
}
`})
	base, main := filepath.Join(dir, "base.hcl"), filepath.Join(dir, "main.hcl")
	for _, c := range []struct {
		paths []string
		want  int
	}{{[]string{main}, 1}, {[]string{base}, 1}, {[]string{main, base}, 2}, {[]string{base, main}, 2}, {[]string{dir}, 2}} {
		config, diags := grid.Load(c.paths, lang.Options{})
		if diags.HasErrors() || len(config.Experiments) != c.want {
			t.Errorf("%v: %d experiments, want %d (%v)", c.paths, len(config.Experiments), c.want, diags)
		}
	}
}
