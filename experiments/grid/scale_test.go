package grid

import (
	"fmt"
	"matrix/experiments/cell"
	"matrix/experiments/lang"
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// large is an experiment of 10 × 10 × 100 × n cells over four axes, with an exclude, a constraint and load expressions
// that differ from cell to cell.
func large(n int) string {
	src := "dataset \"d\" {\n  synthetic = { input_tokens = 100 }\n}\n"
	for i := range 10 {
		src += fmt.Sprintf("platform \"p%d\" {\n  backend = %q\n  args    = { max_num_seqs = %d, max_model_len = 4096 }\n}\n", i, []string{"vllm_serve", "ollama"}[i%2], 64+i)
		src += fmt.Sprintf("model \"m%d\" {\n  vllm   = { model = \"org/m%d\" }\n  ollama = { model = \"m%d\" }\n}\n", i, i, i)
	}
	return src + fmt.Sprintf(`
experiment "large" {
  dataset = dataset.d

  matrix {
    platform   = values(platform)
    model      = values(model)
    batch_size = range(1, 101)
    seqs       = range(1, %d)
  }

  override {
    when = cell.platform.backend == "vllm_serve"
    args = { max_num_seqs = cell.seqs }
  }

  load {
    concurrency = cell.platform.backend == "ollama" ? cell.seqs : min(cell.batch_size, 2 * cell.seqs)
    timeout     = "30m"
  }

  generate {
    max_tokens = 256
  }

  limits {
    max_cells = 10000000
  }

  launches = cell.batch_size >= 90 ? 1 : 3

  exclude {
    when   = cell.platform.backend == "ollama" && cell.batch_size > 95
    reason = "hours"
  }

  constraint "few" {
    condition = cell.seqs * cell.batch_size <= 9000
    message   = "too much: ${cell.seqs} × ${cell.batch_size}"
  }
}
`, n+1)
}

func loadLarge(tb testing.TB, n int) *Config {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "large.hcl")
	if err := os.WriteFile(path, []byte(large(n)), 0o644); err != nil {
		tb.Fatal(err)
	}
	config, diags := Load([]string{path}, lang.Options{})
	if diags.HasErrors() {
		tb.Fatal(diags)
	}
	return config
}

// BenchmarkExpand100000 loads, expands and identifies 100,000 cells, keeping all of them.
func BenchmarkExpand100000(b *testing.B) {
	for b.Loop() {
		config := loadLarge(b, 10)
		cells := make([]*cell.Cell, 0, 100_000)
		x := config.Experiments[0].Expand(Hooks{})
		for c := range x.Cells() {
			cells = append(cells, c)
		}
		if len(cells) != 100_000 || x.Diagnostics().HasErrors() {
			b.Fatalf("%d cells, %v", len(cells), x.Diagnostics())
		}
		b.StopTimer()
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		b.ReportMetric(float64(m.HeapAlloc)/(1<<20), "MiB-kept")
		b.ReportMetric(float64(m.Sys)/(1<<20), "MiB-from-OS")
		b.StartTimer()
		ids := cell.NewIdentifier()
		hashes := map[string]bool{}
		for _, c := range cells {
			hashes[ids.Identify(c, cell.Facts{}).Hash] = true
		}
		b.ReportMetric(float64(x.evaluations), "evaluations")
		b.ReportMetric(float64(len(hashes)), "identities")
		runtime.KeepAlive(cells)
	}
}
