package app

import (
	"errors"
	"fmt"
	"strings"

	"matrix/experiments/lang"
	"matrix/runner/plan"
)

// nameVariables adds to what a plan's cells lack the variable that a path comes from: it is what the user has to set.
// Cells that share an error go on sharing it.
func (s *Session) nameVariables(p *plan.Plan) {
	named := map[error]error{}
	for _, item := range p.Items {
		if item.Missing == nil || item.WaitsFor != "" {
			continue
		}
		text, known := named[item.Missing]
		if !known {
			text = errors.New(s.WithVariables(item.Missing.Error()))
			named[item.Missing] = text
		}
		item.Missing = text
	}
}

// WithVariables adds to each line of a message the variable that its path comes from.
func (s *Session) WithVariables(message string) string {
	lines := strings.Split(message, "\n")
	for i, line := range lines {
		if v, ok := s.Config.Behind(line); ok {
			lines[i] = fmt.Sprintf("%s (the path comes from var.%s: %s)", line, v.Name, setBy(v))
		}
	}
	return strings.Join(lines, "\n")
}

// setBy ends in what to type where nobody set it.
func setBy(v lang.Variable) string {
	if v.From == "its default" {
		return "its default; set MATRIX_VAR_" + v.Name + " or --var " + v.Name + "=…"
	}
	return "set by " + v.From
}
