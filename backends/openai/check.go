package openai

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"matrix/experiments/cell"
)

// ours are the fields of a request that matrix fills in.
var ours = []string{"model", "prompt", "messages", "stream", "stream_options", "n", "max_tokens", "temperature", "top_p", "seed", "stop"}

// Check says what an OpenAI-compatible server cannot be asked for a cell, without asking it.
func Check(c *cell.Cell) []cell.Problem {
	var problems []cell.Problem
	say := func(path, summary, detail string) {
		problems = append(problems, cell.Problem{Summary: summary, Detail: detail, Path: path})
	}
	if modelName(c) == "" {
		say("model.openai", fmt.Sprintf("model %q does not say what an OpenAI-compatible server calls it", c.Model.ID),
			`Add openai = { model = "name" } to the model block.`)
	}
	if c.Platform.URL == "" {
		say("platform.url", "the platform has no url", `Set url = "https://host/v1": nothing is launched for this backend.`)
	}
	for _, name := range slices.Sorted(maps.Keys(c.Platform.Args)) {
		if slices.Contains(ours, name) {
			say("platform.args."+name, fmt.Sprintf("args.%s is set by matrix", name), "The generate block and the model block decide it.")
		}
	}
	if c.Platform.Backend == cell.OpenAIBatch && c.Platform.Options["poll"] != nil && pollOf(c.Platform) < time.Second {
		say("platform.options.poll", "options.poll must be a duration of a second or more", `Write poll = "30s".`)
	}
	return append(problems, checkGenerate(c)...)
}

// checkGenerate: what OpenAI's API lacks may still be had from a server that takes it as an argument of its own.
func checkGenerate(c *cell.Cell) []cell.Problem {
	g := c.Generate
	if g == nil {
		return nil
	}
	var problems []cell.Problem
	for _, lack := range []struct {
		set     bool     // the generate block asks for it
		name    string   // of its attribute
		instead []string // arguments by which some server has it
	}{
		{g.IgnoreEOS, "ignore_eos", []string{"ignore_eos"}},
		{g.MinTokens > 0, "min_tokens", []string{"min_tokens"}},
		{g.TopK > 0, "top_k", []string{"top_k"}},
		{len(g.Asked().Choice) > 0, "choice", []string{"structured_outputs", "guided_choice", "grammar"}},
		{g.Asked().Regex != "", "regex", []string{"structured_outputs", "guided_regex", "grammar"}},
		{g.RepeatPenalty != 0 && g.RepeatPenalty != 1, "repeat_penalty", []string{"repeat_penalty", "repetition_penalty"}},
	} {
		passed := slices.ContainsFunc(lack.instead, func(arg string) bool { return c.Platform.Args[arg] != nil })
		if lack.set && !passed {
			problems = append(problems, cell.Problem{
				Summary: "OpenAI's API has no " + lack.name,
				Detail:  fmt.Sprintf("Leave it out, or pass the server's own field with platform.args.%s.", lack.instead[0]),
				Path:    "generate." + lack.name,
			})
		}
	}
	if level, think := g.ThinkingLevel(); think && level == "" && c.Platform.Args["chat_template_kwargs"] == nil && c.Platform.Args["reasoning_effort"] == nil {
		problems = append(problems, cell.Problem{
			Summary: "OpenAI's API has levels of thinking, and no switch",
			Detail:  `Set thinking = "low", "medium" or "high", or pass the server's own field, for instance platform.args.chat_template_kwargs = { enable_thinking = true }.`,
			Path:    "generate.thinking",
		})
	}
	return problems
}
