package decision

import (
	"fmt"
	"strings"

	"matrix/results/summary"
)

// findings are what to know before believing a group's ranking.
func (g *built) findings() []Finding {
	var out []Finding
	for _, c := range g.contenders {
		for _, size := range c.sizes() {
			out = append(out, c.at[size].findings(c.name)...)
		}
	}
	return append(g.unlike(), out...)
}

func (c *cell) findings(contender string) []Finding {
	var out []Finding
	add := func(kind, text string) {
		out = append(out, Finding{Kind: kind, Contender: contender, Cell: c.source.Cell, Text: c.source.Name + ": " + text})
	}
	if c.failed > 0 {
		add("failed", fmt.Sprintf("%d of %d attempts failed: %s", c.failed, c.complete+c.failed+c.censored, c.reason))
	}
	if c.censored > 0 {
		add("censored", fmt.Sprintf("%d of %d attempts ran into their limit: %s", c.censored, c.complete+c.failed+c.censored, c.reason))
	}
	if c.imported {
		add("imported", "an earlier result, not measured here")
	}
	if c.segmented && len(c.launches) == 0 {
		add("segmented", "measured in several segments: its rate is not ranked against whole attempts")
	}
	if c.of != nil {
		if grew := c.of.Leak(); grew != "" {
			add("leak", grew)
		}
	}
	return out
}

// unlike names what the others differ in from the first, beside what is compared: at the largest batch size of both.
func (g *built) unlike() []Finding {
	ref := g.best()
	if ref == nil {
		return nil
	}
	var out []Finding
	for _, c := range g.contenders {
		var parts []string
		for _, size := range c.sizes() {
			a, b := ref.at[size], c.at[size]
			if c == ref || a == nil || a.of == nil || b.of == nil {
				continue
			}
			parts = nil
			for _, d := range summary.Unlike(a.of, b.of) {
				parts = append(parts, d.String())
			}
		}
		if len(parts) > 0 {
			out = append(out, Finding{Kind: "unlike", Contender: c.name, Text: ref.name + " against " + c.name + ": " + strings.Join(parts, "; ")})
		}
	}
	return out
}
