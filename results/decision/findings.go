package decision

import (
	"fmt"
	"slices"
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
	if slopes := c.values("rss_slope_bytes_per_s"); len(slopes) > 1 && slices.Min(slopes) > leak {
		add("leak", fmt.Sprintf("memory grew in each of %d launches, by at least %.1f MB an hour", len(slopes), slices.Min(slopes)*3600/1e6))
	}
	return out
}

// leak is the growth of a process's memory, in bytes/s, below which it is called still: 1 MB an hour.
const leak = 1e6 / 3600

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
