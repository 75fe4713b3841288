package decision

import (
	"fmt"
	"strings"
)

// missing lists the evidence that would make a group's ranking whole: sizes that others completed, launches that
// broke off, and requests that a requirement needs.
func (r *rules) missing(g *built) []Missing {
	var out []Missing
	for _, c := range g.contenders {
		var never, broken []string
		for _, size := range g.sizes {
			switch at := c.at[size]; {
			case at == nil || !at.tried():
				never = append(never, fmt.Sprint(size))
			case len(at.launches) == 0:
				broken = append(broken, fmt.Sprint(size))
			}
		}
		if len(never) > 0 {
			out = append(out, r.run(c, never, "", fmt.Sprintf("%s was not measured at %s requests", c.name, strings.Join(never, ", "))))
		}
		if len(broken) > 0 {
			out = append(out, r.run(c, broken, "--rerun failed,censored", fmt.Sprintf("%s did not come through at %s requests: once the cause is gone, try again", c.name, strings.Join(broken, ", "))))
		}
	}
	return out
}

// run is a piece of evidence with the command that gets it.
func (r *rules) run(c *contender, sizes []string, flag, what string) Missing {
	m := Missing{Contender: c.name, What: what}
	m.Only = append(m.Only, c.selectors...)
	if len(sizes) > 0 {
		m.Only = append(m.Only, "batch_size="+strings.Join(sizes, ","))
	}
	parts := []string{r.apply}
	if flag != "" {
		parts = append(parts, flag)
	}
	for _, sel := range m.Only {
		parts = append(parts, "--only "+quoted(sel))
	}
	m.Command = strings.Join(parts, " ")
	return m
}

// quoted is a word for a shell.
func quoted(s string) string {
	if strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-=.,:/+@%") == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// moreLaunches asks for further launches of the first two: the count is the experiment's, and raising it makes no
// result stale.
func (r *rules) moreLaunches(g *built, l *Lead) []Missing {
	var out []Missing
	for _, c := range g.contenders {
		if c.name != l.First && c.name != l.Second {
			continue
		}
		var sizes []string
		for _, size := range g.sizes {
			if c.at[size] != nil {
				sizes = append(sizes, fmt.Sprint(size))
			}
		}
		m := r.run(c, sizes, "", fmt.Sprintf("more launches of %s: set launches = %d in the experiment", c.name, max(3, 2*c.fewest(scope{}))))
		m.Decides = true
		out = append(out, m)
	}
	return out
}
