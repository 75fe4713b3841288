package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// writeLarge writes an experiment of n × 10,000 cells over four axes, with an exclude, a constraint and load expressions
// that differ from cell to cell.
func writeLarge(dir string, n int) (string, error) {
	var b strings.Builder
	b.WriteString("dataset \"d\" {\n  synthetic = { input_tokens = 100 }\n}\n")
	for i := range 10 {
		fmt.Fprintf(&b, "platform \"p%d\" {\n  backend = %q\n", i, []string{"vllm_serve", "ollama"}[i%2])
		if i%2 == 0 {
			b.WriteString("  args    = { max_num_seqs = 64, max_model_len = 4096, max_num_batched_tokens = 8192 }\n}\n")
		} else {
			fmt.Fprintf(&b, "  env     = { OLLAMA_NUM_PARALLEL = %d }\n  options = { num_ctx = 4096 }\n}\n", i)
		}
		fmt.Fprintf(&b, "model \"m%d\" {\n  vllm   = { model = \"org/m%d\" }\n  ollama = { model = \"m%d\" }\n}\n", i, i, i)
	}
	fmt.Fprintf(&b, large, n+1)
	path := filepath.Join(dir, "large.hcl")
	return path, os.WriteFile(path, []byte(b.String()), 0o644)
}

const large = `
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
`

// thousand is an experiment of 1,000 simulated cells.
func thousand() string {
	var b strings.Builder
	b.WriteString("dataset \"d\" {\n  synthetic = { input_tokens = 100 }\n}\n")
	for i := range 10 {
		fmt.Fprintf(&b, "platform \"p%d\" {\n  backend = \"simulator\"\n  options = { api = \"vllm_serve\", slots = %d }\n}\n", i, 8+i)
		fmt.Fprintf(&b, "model \"m%d\" {\n  openai = { model = \"m%d\" }\n}\n", i, i)
	}
	b.WriteString(`
experiment "long" {
  dataset  = dataset.d
  launches = 3

  matrix {
    platform   = values(platform)
    model      = values(model)
    batch_size = range(10, 110, 10)
  }
}
`)
	return b.String()
}
