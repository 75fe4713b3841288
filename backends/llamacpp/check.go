package llamacpp

import (
	"fmt"
	"maps"
	"slices"

	"matrix/experiments/cell"
)

// check says what llama.cpp's server cannot do for a cell, without starting it.
func check(c *cell.Cell) []cell.Problem {
	var problems []cell.Problem
	say := func(path, summary, detail string) {
		problems = append(problems, cell.Problem{Summary: summary, Detail: detail, Path: path})
	}
	if sourceOf(c).gguf == "" {
		say("model.llama_cpp", fmt.Sprintf("model %q does not say what llama.cpp loads", c.Model.ID), `Add llama_cpp = { gguf = "file.gguf" } to the model block.`)
	}
	if c.Platform.Attach {
		say("platform.attach", "llama_cpp is launched, not attached to", `For a llama-server that runs already set backend = "openai" and its url.`)
	}
	if c.Platform.Binary != "" && c.Platform.Python != "" {
		say("platform.python", "the platform names a llama-server and an interpreter", "Keep one of binary and python.")
	}
	for _, name := range slices.Sorted(maps.Keys(c.Platform.Args)) {
		if slices.Contains(ours, name) {
			say("platform.args."+name, fmt.Sprintf("args.%s is set by matrix", name), "The model block and the launch decide it.")
		}
	}
	if len(c.Platform.Options) > 0 {
		say("platform.options", "llama_cpp has no options", "Its server's flags go into args, in snake_case: args = { ctx_size = 8192, parallel = 4 }.")
	}
	if c.Platform.Args["ctx_size"] == nil {
		problems = append(problems, cell.Problem{Warning: true, Path: "platform.args.ctx_size", Summary: "ctx_size is left to llama.cpp",
			Detail: "It takes the model's whole context, or as much as fits, and builds differ in that. Declare it: all slots together have so many tokens."})
	}
	g := c.Generate
	if g == nil {
		return problems
	}
	if g.Asked().Regex != "" {
		say("generate.regex", "llama.cpp has no regex: its grammars are written otherwise", `Ask all platforms for a choice, or for JSON: json_schema = { type = "string", enum = ["yes", "no"] }.`)
	}
	if len(g.Asked().Choice) > 0 && g.Tools != "" {
		say("generate.choice", "llama.cpp takes no choice beside tools", "It sends a choice as a grammar, and llama-server has its own for tools. Keep one of the two for all platforms.")
	}
	if g.MinTokens > 0 {
		say("generate.min_tokens", "llama.cpp has no min_tokens", "Leave it out for all platforms, or force the length with ignore_eos.")
	}
	if window := slotContext(c); window > 0 && g.MaxTokens >= window {
		say("generate.max_tokens", fmt.Sprintf("max_tokens %d does not fit a slot of %d tokens", g.MaxTokens, window),
			"Raise args.ctx_size, which all slots (args.parallel) share, or lower max_tokens.")
	}
	return problems
}

// usualSlots is what builds since 2025-11 take when they are not told; earlier ones take one.
const usualSlots = 4

// slotsOf is a guess where nothing is declared; after the load the server tells what it has.
func slotsOf(p *cell.Platform) int {
	if n := p.Args.Int("parallel"); n > 0 {
		return n
	}
	return usualSlots
}

// slotContext is the tokens of one slot, 0 where that is left to the server.
func slotContext(c *cell.Cell) int {
	n := c.Platform.Args.Int("ctx_size")
	if unified, _ := c.Platform.Args["kv_unified"].(bool); unified || c.Platform.Args["parallel"] == nil {
		return n // one pool: a slot may have all of it
	}
	return n / slotsOf(c.Platform)
}
