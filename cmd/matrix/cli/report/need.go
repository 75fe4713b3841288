package report

import (
	"context"
	"path/filepath"
	"strings"

	"matrix/backends/process"
	"matrix/cmd/matrix/view"
	"matrix/results/decision"
	"matrix/runner/plan"
)

// command is what to type to get what an answer lacks: only a command that has work to do is one. It is planned first.
// A card that says "do this" must not lead to "nothing is pending".
func (d declaration) command(ctx context.Context) func(decision.Need) string {
	if d.session == nil {
		return func(decision.Need) string { return "" }
	}
	return func(n decision.Need) string {
		// without --rerun first: what failed is a result too
		for _, try := range []decision.Need{n, again(n)} {
			if d.hasWork(ctx, try) {
				return "matrix apply" + d.arguments() + try.Flags()
			}
		}
		return ""
	}
}

// again is the need with what ended badly tried once more: such ends are results, and run again only when asked for.
func again(n decision.Need) decision.Need {
	n.Rerun = "failed,censored"
	return n
}

// hasWork plans what a need asks for, as apply would.
// It reads the results once more; nothing is started.
func (d declaration) hasWork(ctx context.Context, n decision.Need) bool {
	s := *d.session // its cells, under a filter of its own
	s.Filter = plan.Filter{Only: n.Only, Launches: n.Launches}
	if n.Rerun != "" {
		s.Filter.Rerun = strings.Split(n.Rerun, ",")
	}
	plans, err := s.Plans(ctx) // an error: its selectors match nothing that is declared
	return err == nil && view.Pending(plans) > 0
}

// arguments are those that load the same files again.
// Quoted for a shell, so that the line can be copied.
func (d declaration) arguments() string {
	var b strings.Builder
	for _, path := range d.session.Paths {
		b.WriteString(" " + process.Quote(shorter(path)))
	}
	vars := d.session.App.Vars
	for _, v := range vars.Vars {
		b.WriteString(" --var " + process.Quote(v))
	}
	for _, file := range vars.VarFiles {
		b.WriteString(" --var-file " + process.Quote(shorter(file)))
	}
	b.WriteString(d.app.ResultsFlag())
	return b.String()
}

// shorter is a path from here where that is shorter.
func shorter(path string) string {
	here, err := filepath.Abs(".")
	if err != nil {
		return path
	}
	if rel, err := filepath.Rel(here, path); filepath.IsAbs(path) && err == nil && len(rel) < len(path) {
		return rel
	}
	return path
}
