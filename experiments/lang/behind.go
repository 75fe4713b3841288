package lang

import (
	"slices"
	"strings"

	"matrix/experiments/hclvalue"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// Variable is a declared variable as it stands, for messages.
type Variable struct {
	Name string
	Text string // its value where that can be written as text, else ""
	From string // "--var", "MATRIX_VAR_x", "the saved plan", a file, "its default"
}

// Declared lists the variables of the files, by name.
func (c *Config) Declared() []Variable {
	var all []Variable
	for _, v := range c.loader.variables {
		x := Variable{Name: v.node.name, From: "its default"}
		if n := len(v.settings); n > 0 {
			x.From = v.settings[n-1].from
		}
		if text, err := convert.Convert(v.node.value, cty.String); err == nil && hclvalue.Present(text) {
			x.Text = text.AsString()
		}
		all = append(all, x)
	}
	slices.SortFunc(all, func(a, b Variable) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// Behind names the variable that a path in a message comes from, the longest where several could be; ok is false when
// none is. It goes by the text: on its way to an attribute a path may pass through any expression.
func (c *Config) Behind(message string) (v Variable, ok bool) {
	const least = 4 // shorter text, and numbers, stand in many a message by chance
	for _, x := range c.Declared() {
		if len(x.Text) >= least && strings.ContainsAny(x.Text, "/\\") && len(x.Text) > len(v.Text) && strings.Contains(message, x.Text) {
			v, ok = x, true
		}
	}
	return v, ok
}
