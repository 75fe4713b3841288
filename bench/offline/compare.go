package main

import (
	"fmt"
	"io"
	"math"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"
)

// comparison is what the pairs say.
type comparison struct {
	Pairs    int      `json:"pairs"`
	Us       []sample `json:"through_us"`
	Hand     []sample `json:"by_hand"`
	Ratio    float64  `json:"ratio"`       // geometric mean of tok/s through us / by hand
	Low95    float64  `json:"ratio_low95"` // one-sided lower 95% bound: Student's t over the pairs' log ratios
	SameWork bool     `json:"same_work"`   // as many tokens in and out both ways
}

func compare(us, hand []sample) comparison {
	c := comparison{Pairs: len(us), Us: us, Hand: hand, SameWork: true}
	logs := make([]float64, len(us))
	for i := range us {
		logs[i] = math.Log(us[i].rate() / hand[i].rate())
		c.SameWork = c.SameWork && us[i].Tokens == hand[i].Tokens && us[i].Input == hand[i].Input
	}
	mean, sd := stat.MeanStdDev(logs, nil)
	n := float64(len(logs))
	t := distuv.StudentsT{Mu: 0, Sigma: 1, Nu: n - 1}.Quantile(0.95)
	c.Ratio, c.Low95 = math.Exp(mean), math.Exp(mean-t*sd/math.Sqrt(n))
	return c
}

func (c comparison) print(out io.Writer) {
	fmt.Fprintf(out, "%-4s  %12s  %12s  %8s\n", "pair", "through us", "by hand", "ratio")
	for i := range c.Us {
		fmt.Fprintf(out, "%-4d  %12.1f  %12.1f  %8.4f\n", i+1, c.Us[i].rate(), c.Hand[i].rate(), c.Us[i].rate()/c.Hand[i].rate())
	}
	fmt.Fprintf(out, "output tok/s; ratio %.4f, one-sided lower 95%% bound %.4f over %d pairs\n", c.Ratio, c.Low95, c.Pairs)
	if !c.SameWork {
		fmt.Fprintln(out, "VOID: the two ways did not do the same work (tokens differ)")
	}
}
