package decision

import (
	"slices"

	"matrix/results/stats"
)

// projected are the batches that a choice is for and few run.
var projected = []int64{50_000, 200_000}

// projections carry the largest measured batch of each contender on: load_s + n / rate. Nobody measured them.
func (g *built) projections() []Projection {
	var out []Projection
	for _, c := range g.contenders {
		var from *cell
		for _, size := range c.sizes() {
			if at := c.at[size]; len(at.launches) > 0 && at.median("request_throughput") != nil {
				from = at
			}
		}
		if from == nil {
			continue
		}
		for _, n := range projected {
			if n > from.size && !c.at[n].broken() {
				out = append(out, project(c.name, from, n))
			}
		}
	}
	return out
}

func project(name string, from *cell, n int64) Projection {
	p := Projection{Contender: name, Requests: n, FromSize: from.size, Source: from.source, LoadS: from.median("load_s")}
	var seconds, rates []float64
	for _, l := range from.launches {
		if rate := l.values["request_throughput"]; rate > 0 {
			rates = append(rates, rate)
			seconds = append(seconds, l.values["load_s"]+float64(n)/rate)
		}
	}
	if len(seconds) == 0 {
		return p
	}
	p.Rate, p.Seconds = stats.Median(rates), stats.Median(seconds)
	if len(seconds) > 1 {
		low, high := slices.Min(seconds), slices.Max(seconds)
		p.Low, p.High = &low, &high
	}
	return p
}
