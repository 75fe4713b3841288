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
	Ratio    float64  `json:"ratio"` // geometric mean of tok/s through us / by hand
	Low      float64  `json:"ratio_low95"`
	High     float64  `json:"ratio_high95"` // two-sided 95%: Student's t over the pairs' log ratios
	Needed   int      `json:"pairs_for_1_percent"`
	AtClock  *float64 `json:"ratio_at_equal_clocks"` // nil: no clocks, or they did not differ
	CPURatio *float64 `json:"client_cpu_ratio"`      // through us / by hand; nil: by hand has no client of its own
	SameWork bool     `json:"same_work"`             // as many tokens in and out both ways
}

func compare(us, hand []sample) comparison {
	c := comparison{Pairs: len(us), Us: us, Hand: hand, SameWork: true}
	logs, clocks := make([]float64, len(us)), make([]float64, len(us))
	var cpu, handCPU float64
	for i := range us {
		logs[i] = math.Log(us[i].rate() / hand[i].rate())
		clocks[i] = math.Log(us[i].ClockHz / hand[i].ClockHz)
		cpu, handCPU = cpu+us[i].CPUS, handCPU+hand[i].CPUS
		c.SameWork = c.SameWork && us[i].Tokens == hand[i].Tokens && us[i].Input == hand[i].Input
	}
	mean, sd := stat.MeanStdDev(logs, nil)
	half := func(n float64) float64 {
		return distuv.StudentsT{Mu: 0, Sigma: 1, Nu: n - 1}.Quantile(0.975) * sd / math.Sqrt(n)
	}
	n := float64(len(logs))
	c.Ratio, c.Low, c.High = math.Exp(mean), math.Exp(mean-half(n)), math.Exp(mean+half(n))
	for c.Needed = 2; half(float64(c.Needed)) > math.Log(1.01); c.Needed++ {
	}
	if stat.Variance(clocks, nil) > 0 { // NaN without clocks
		intercept, _ := stat.LinearRegression(clocks, logs, nil, false)
		at := math.Exp(intercept)
		c.AtClock = &at
	}
	if handCPU > 0 {
		r := cpu / handCPU
		c.CPURatio = &r
	}
	return c
}

func (c comparison) print(out io.Writer) {
	for i := range c.Us {
		fmt.Fprintf(out, "pair %-3d through us  %s\n         by hand     %s\n         ratio %.4f\n", i+1, c.Us[i], c.Hand[i], c.Us[i].rate()/c.Hand[i].rate())
	}
	fmt.Fprintf(out, "output tok/s through us / by hand: %.4f, 95%% interval %.4f–%.4f over %d pairs; an interval of ± 1%% takes %d\n",
		c.Ratio, c.Low, c.High, c.Pairs, c.Needed)
	if c.AtClock != nil {
		fmt.Fprintf(out, "at equal clocks: %.4f\n", *c.AtClock)
	}
	if c.CPURatio != nil {
		fmt.Fprintf(out, "client CPU through us / by hand: %.3f\n", *c.CPURatio)
	}
	if !c.SameWork {
		fmt.Fprintln(out, "VOID: the two ways did not do the same work (tokens differ)")
	}
}
