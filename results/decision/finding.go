package decision

import "fmt"

// findings are what to know of how the attempts ended.
func (g *contest) findings() []Finding {
	var out []Finding
	for _, c := range g.contenders {
		for _, at := range c.cells() {
			add := func(kind, text string) {
				out = append(out, Finding{Kind: kind, Contender: c.name, Cell: at.source.Cell, Text: at.source.Name + ": " + text})
			}
			all := at.complete + at.failed + at.censored
			if at.failed > 0 {
				add("failed", fmt.Sprintf("%d of %d attempts failed: %s", at.failed, all, at.reason))
			}
			if at.censored > 0 {
				add("censored", fmt.Sprintf("%d of %d attempts ran into their limit: %s", at.censored, all, at.reason))
			}
			if at.imported {
				add("imported", "an earlier result, not measured here")
			}
			if at.of != nil {
				if grew := at.of.Leak(); grew != "" {
					add(leak, grew)
				}
			}
		}
	}
	return out
}
