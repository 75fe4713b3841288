//go:build linux

package main

import (
	"fmt"
	"time"

	"matrix/runner/calibrate"
)

// named is a scenario of the table.
type named struct {
	Name string `json:"name"`
	calibrate.Scenario
	Peers bool `json:"-"` // beside the Python clients, which need a scenario that they can follow
}

const tokens = 128

// usual are the scenarios that the goals speak of.
func usual() []named {
	return []named{
		{"coalesced: 64 streams", closed(64, 0, 10_000), true},
		{"paced: 64 streams, 20 ms", closed(64, 20*time.Millisecond, 128), true},
		{"paced: 2,000 streams, 20 ms", closed(2000, 20*time.Millisecond, 4000), false},
		{"open: 1,000 req/s, 16 events, 5 ms", calibrate.Scenario{Protocol: "completions", RatePerS: 1000, Tokens: 16, GapS: 0.005, Requests: 4000}, false},
		{"open: 100 req/s, 16 events, 5 ms", calibrate.Scenario{Protocol: "completions", RatePerS: 100, Tokens: 16, GapS: 0.005, Requests: 400}, true},
	}
}

// grid is every combination, each for some three seconds.
func grid() []named {
	var all []named
	for _, streams := range []int{1, 64, 512, 2000} {
		for _, gap := range []time.Duration{0, 5 * time.Millisecond, 20 * time.Millisecond} {
			answer := tokens * gap
			requests, rate := max(2*streams, 5000), 1000.0
			if gap > 0 {
				requests = streams * max(1, int(3*time.Second/answer))
				rate = float64(streams) / answer.Seconds()
			}
			name := fmt.Sprintf("%d streams, %d ms", streams, gap.Milliseconds())
			open := closed(0, gap, max(16, min(int(3*rate), 3*requests)))
			open.RatePerS = rate
			all = append(all, named{"closed: " + name, closed(streams, gap, requests), false}, named{"open: " + name, open, false})
		}
	}
	return all
}

func closed(streams int, gap time.Duration, requests int) calibrate.Scenario {
	return calibrate.Scenario{Protocol: "completions", Streams: streams, Tokens: tokens, GapS: gap.Seconds(), Requests: requests}
}
