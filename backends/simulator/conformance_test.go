package simulator_test

import (
	"strings"
	"testing"
	"time"

	"matrix/backends/backendtest"
	"matrix/backends/simulator"
	"matrix/experiments/cell"
)

// cellWith is a complete cell for the simulator.
func cellWith(options cell.Values) *cell.Cell {
	return &cell.Cell{
		Experiment: "test", Address: strings.Repeat("0", 64), Slug: "simulated-0000000000000000",
		Platform:  &cell.Platform{ID: "sim", Backend: cell.Simulator, Options: options},
		Model:     &cell.Model{ID: "tiny"},
		BatchSize: 10,
		Generate:  &cell.Generate{MaxTokens: 16, TopP: 1, RepeatPenalty: 1},
		Isolation: &cell.Isolation{Server: "cell", Caches: "warm", PrefixCache: "off"},
		Limits:    &cell.Limits{MaxErrorRate: 1},
		Load:      &cell.Load{Mode: "closed", Concurrency: 16},
	}
}

func TestConformance(t *testing.T) {
	for _, api := range []string{"vllm_offline", "vllm_serve", "ollama"} {
		for _, chat := range []bool{false, true} {
			name := api
			if chat {
				name += "_chat"
			}
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				backendtest.Run(t, backendtest.Suite{
					Backend: simulator.New(),
					Cell: func(*testing.T) *cell.Cell {
						return cellWith(cell.Values{
							"api": api, "slots": int64(16), "prefill_tokens_per_s": int64(100_000),
							"decode_tokens_per_s": int64(200), "kv_tokens": int64(100_000), "load_s": 0.05,
						})
					},
					Chat: chat, LoadTimeout: 30 * time.Second, RequestTimeout: 30 * time.Second,
					TooLong: strings.Repeat("word ", 10_000),
					Can: backendtest.Can{
						Streams: api != "vllm_offline", IgnoreEOS: api != "ollama",
						Abort: true, Kill: !chat, Phases: true,
					},
				})
			})
		}
	}
}
