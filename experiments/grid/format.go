package grid

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/zclconf/go-cty/cty"

	"matrix/experiments/cell"
	"matrix/experiments/wording"
)

// checkFormat looks at what an answer must be.
// json = false is the default, so it counts as not written.
func (r *reader) checkFormat(f cell.ResponseFormat) {
	var set []string
	for _, name := range []string{"json_schema", "json", "choice", "regex"} {
		if v := r.get(name); v != cty.NilVal && v != cty.False {
			set = append(set, name)
		}
	}
	if len(set) > 1 {
		r.fail(set[1], "Two forms of an answer", fmt.Sprintf("An answer has one form: keep one of %s.", wording.Listed(set)))
		return
	}
	if len(set) == 0 && f.CheckOnly {
		r.fail("check_only", "check_only without a form", "It holds answers against a form of which the engines are not told: give json_schema, json, choice or regex, or leave it out.")
	}
	if v := r.get("choice"); v != cty.NilVal {
		r.checkChoice(f.Choice)
	}
	if _, err := regexp.Compile(f.Regex); err != nil {
		r.fail("regex", "Bad regular expression", strings.TrimPrefix(err.Error(), "error parsing regexp: ")+". It is RE2's syntax (no look-around, no back-references), and the whole answer must match.")
	}
}

// checkChoice wants texts by which answers can be told apart.
func (r *reader) checkChoice(choice []string) {
	seen := map[string]bool{}
	for _, c := range choice {
		if c == "" || seen[c] {
			r.fail("choice", "Bad choice", fmt.Sprintf("%q stands in it twice, or is empty: no answer could be told by it.", c))
			return
		}
		seen[c] = true
	}
	if len(choice) == 0 {
		r.fail("choice", "Empty choice", `An answer is one of these texts: choice = ["yes", "no"]. Leave it out for free text.`)
	}
}

// checkTools looks at which tools a model is offered, and must use.
// tool_choice is JSON text by now: its words have their quotes.
func (r *reader) checkTools(g *cell.Generate) {
	choice := g.ToolChoice
	switch word := choice == `"auto"` || choice == `"none"` || choice == `"required"`; {
	case choice == "":
	case g.Tools == "":
		r.fail("tool_choice", "tool_choice without tools", "It says which of the tools a model uses. Give tools, or leave it out.")
	case !word && !strings.HasPrefix(choice, "{"):
		r.fail("tool_choice", "Bad tool_choice", `It is "auto", "none", "required", or one function: { type = "function", function = { name = "…" } }.`)
	}
}
