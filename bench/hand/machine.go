package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"matrix/runner/telemetry"
)

// sample is one batch, one way, and what the machine did meanwhile.
type sample struct {
	Seconds float64 `json:"seconds"`
	Tokens  int64   `json:"output_tokens"`
	Input   int64   `json:"input_tokens"`
	CPUS    float64 `json:"client_cpu_s"` // of the client's process; offline by hand has none of its own

	ClockHz   float64 `json:"sm_clock_hz"`     // mean; 0 = no GPU here
	PowerW    float64 `json:"power_w"`         // mean
	Throttled float64 `json:"throttled_ratio"` // share of the samples with a reason that slows the clock
	HostBusy  float64 `json:"host_cpu_ratio"`  // mean over all cores
}

func (s sample) rate() float64 { return float64(s.Tokens) / s.Seconds }

func (s sample) String() string {
	return fmt.Sprintf("%.1f tok/s, clock %.0f MHz, %.0f W, throttled %.0f%%, host %.0f%%, client %.2f s CPU",
		s.rate(), s.ClockHz/1e6, s.PowerW, 100*s.Throttled, 100*s.HostBusy, s.CPUS)
}

// slowing are NVML's clock event reasons that tell of less than what was asked for: power cap, hardware slow-down, heat.
const slowing = 0x4 | 0x8 | 0x20 | 0x40 | 0x80

// watched is a batch with the machine's means over it.
func watched(ctx context.Context, batch func(context.Context) (sample, error)) (sample, error) {
	var mu sync.Mutex
	sums, counts, slowed := map[string]float64{}, map[string]float64{}, 0.0
	recorder := telemetry.Start(telemetry.Target{}, 200*time.Millisecond, func(samples []telemetry.Sample) {
		mu.Lock()
		defer mu.Unlock()
		for _, x := range samples {
			sums[x.Metric] += x.Value
			counts[x.Metric]++
			if x.Metric == "throttle_reasons" && int64(x.Value)&slowing != 0 {
				slowed++
			}
		}
	})
	s, err := batch(ctx)
	recorder.Stop()
	mean := func(metric string) float64 { return sums[metric] / max(counts[metric], 1) }
	s.ClockHz, s.PowerW, s.HostBusy = mean("sm_clock_hz"), mean("power_w"), mean("host_cpu_ratio")
	s.Throttled = slowed / max(counts["throttle_reasons"], 1)
	return s, err
}
