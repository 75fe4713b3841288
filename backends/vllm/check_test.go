package vllm

import (
	"strings"
	"testing"

	"matrix/experiments/cell"
)

func TestCheck(t *testing.T) {
	sound := func() *cell.Cell {
		return &cell.Cell{
			Platform: &cell.Platform{Backend: OfflineName, Args: cell.Values{
				"max_num_seqs": int64(64), "max_num_batched_tokens": int64(8192), "max_model_len": int64(4096),
			}},
			Model:     &cell.Model{ID: "m", Parts: Model{Model: "a/b"}.Parts()},
			Generate:  &cell.Generate{MaxTokens: 256},
			Isolation: &cell.Isolation{PrefixCache: "off"},
			Hardware:  &cell.Hardware{ID: "h", GPUs: 1},
		}
	}
	for name, c := range map[string]struct {
		change  func(*cell.Cell)
		path    string // of the one problem; "" = none
		warning bool
	}{
		"sound":           {func(*cell.Cell) {}, "", false},
		"no model":        {func(c *cell.Cell) { c.Model.Parts = nil }, "model.vllm", false},
		"gguf":            {func(c *cell.Cell) { c.Model.Parts[Part]["model"] = "/m/x.gguf" }, "model.vllm.model", true},
		"gone":            {func(c *cell.Cell) { c.Platform.Args["swap_space"] = int64(4) }, "platform.args.swap_space", false},
		"kebab":           {func(c *cell.Cell) { c.Platform.Args["max-logprobs"] = int64(4) }, "platform.args.max-logprobs", false},
		"owned":           {func(c *cell.Cell) { c.Platform.Args["served_model_name"] = "x" }, "platform.args.served_model_name", false},
		"server only":     {func(c *cell.Cell) { c.Platform.Args["port"] = int64(1) }, "platform.args.port", false},
		"tensor parallel": {func(c *cell.Cell) { c.Platform.Args["tensor_parallel_size"] = int64(2) }, "platform.args.tensor_parallel_size", false},
		"no room":         {func(c *cell.Cell) { c.Generate.MaxTokens = 4096 }, "generate.max_tokens", false},
		"default differs": {func(c *cell.Cell) { delete(c.Platform.Args, "max_num_seqs") }, "platform.args.max_num_seqs", true},
		"contradiction":   {func(c *cell.Cell) { c.Platform.Args["enable_prefix_caching"] = true }, "platform.args.enable_prefix_caching", false},
		"no stats":        {func(c *cell.Cell) { c.Platform.Args["disable_log_stats"] = true }, "platform.args.disable_log_stats", true},
		"attached LLM":    {func(c *cell.Cell) { c.Platform.Attach = true }, "platform.attach", false},
		"no url": {func(c *cell.Cell) {
			c.Platform.Backend, c.Platform.Attach = ServeName, true
		}, "platform.url", false},
	} {
		cell := sound()
		c.change(cell)
		got := Check(cell)
		if c.path == "" {
			if len(got) > 0 {
				t.Errorf("%s: %+v", name, got)
			}
			continue
		}
		if len(got) != 1 || got[0].Path != c.path || got[0].Warning != c.warning || got[0].Summary == "" || !strings.HasSuffix(got[0].Detail, ".") {
			t.Errorf("%s: %+v", name, got)
		}
	}
}
