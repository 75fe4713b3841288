package llamacpp

import (
	"slices"
	"strings"
	"testing"

	"matrix/experiments/cell"
)

func TestCheck(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*cell.Cell)
		want   string // path of the first problem, "" = none
	}{
		"good":            {func(*cell.Cell) {}, ""},
		"no model":        {func(c *cell.Cell) { c.Model.Parts = nil }, "model.llama_cpp"},
		"attached":        {func(c *cell.Cell) { c.Platform.Attach = true }, "platform.attach"},
		"two programs":    {func(c *cell.Cell) { c.Platform.Binary, c.Platform.Python = "a", "b" }, "platform.python"},
		"ours":            {func(c *cell.Cell) { c.Platform.Args["alias"] = "x" }, "platform.args.alias"},
		"options":         {func(c *cell.Cell) { c.Platform.Options = cell.Values{"num_ctx": int64(1)} }, "platform.options"},
		"context left":    {func(c *cell.Cell) { delete(c.Platform.Args, "ctx_size") }, "platform.args.ctx_size"},
		"min_tokens":      {func(c *cell.Cell) { c.Generate.MinTokens = 3 }, "generate.min_tokens"},
		"choice":          {func(c *cell.Cell) { c.Generate.Format.Choice = []string{"a"} }, ""},
		"choice, tools":   {func(c *cell.Cell) { c.Generate.Format.Choice, c.Generate.Tools = []string{"a"}, `[{}]` }, "generate.choice"},
		"regex":           {func(c *cell.Cell) { c.Generate.Format.Regex = "a+" }, "generate.regex"},
		"slots too small": {func(c *cell.Cell) { c.Generate.MaxTokens = 1024 }, "generate.max_tokens"},
	} {
		cell := testCell(cell.Values{"ctx_size": int64(4096), "parallel": int64(4)})
		c.change(cell)
		problems := check(cell)
		got := ""
		if len(problems) > 0 {
			got = problems[0].Path
		}
		if got != c.want || len(problems) > 1 {
			t.Errorf("%s: %+v, want %q", name, problems, c.want)
		}
	}
}

// TestCheckOrder: two plans of one file say the same, problems by the names of arguments.
func TestCheckOrder(t *testing.T) {
	c := testCell(cell.Values{"ctx_size": int64(4096)})
	for _, name := range ours {
		c.Platform.Args[name] = "x"
	}
	problems := check(c)
	if len(problems) != len(ours) || !slices.IsSortedFunc(problems, func(a, b cell.Problem) int { return strings.Compare(a.Path, b.Path) }) {
		t.Errorf("%+v", problems)
	}
}
