package simulator_test

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"matrix/backends"
	"matrix/experiments/cell"

	"github.com/shirou/gopsutil/v4/process"
)

// rss is the memory of an engine's process, in MiB.
func rss(b *testing.B, engine backends.Engine) float64 {
	b.Helper()
	p := &process.Process{Pid: int32(engine.Info().PIDs[0])}
	memory, err := p.MemoryInfo()
	if err != nil {
		b.Fatal(err)
	}
	return float64(memory.RSS) / (1 << 20)
}

func benchLaunch(b *testing.B, options cell.Values) backends.Engine {
	b.Helper()
	engine, _, err := launch(b, b.Context(), options, time.Minute)
	if err != nil {
		b.Fatal(err)
	}
	return engine
}

// BenchmarkBatch hands b.N requests to the engine as one batch; run it with -benchtime=200000x.
func BenchmarkBatch(b *testing.B) {
	engine := benchLaunch(b, cell.Values{
		"api": "vllm_offline", "slots": int64(256), "prefill_tokens_per_s": 1e8, "decode_tokens_per_s": 1e5,
	})
	answered := 0
	err := engine.(backends.Batcher).GenerateAll(b.Context(), func(yield func(backends.Request) bool) {
		for n := range int64(b.N) {
			if !yield(request(n)) {
				return
			}
		}
	}, func(backends.Reply) { answered++ })
	if err != nil || answered != b.N {
		b.Fatalf("%d of %d answered: %v", answered, b.N, err)
	}
	b.ReportMetric(rss(b, engine), "server-MiB")
}

// BenchmarkStreams keeps 5,000 streams open at once until b.N are answered; run it with -benchtime=20000x.
func BenchmarkStreams(b *testing.B) {
	engine := benchLaunch(b, cell.Values{
		"api": "vllm_serve", "slots": int64(5000), "prefill_tokens_per_s": 1e8, "decode_tokens_per_s": 10.0,
	})
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(b.N, 5000) {
		wg.Go(func() {
			for n := next.Add(1); n <= int64(b.N); n = next.Add(1) {
				req := request(n)
				req.MaxTokens = 64
				if r := engine.Generate(b.Context(), req); r.Status != backends.OK {
					b.Errorf("%s: %s", r.Status, r.Error)
				}
			}
		})
	}
	time.Sleep(time.Second)
	peak := rss(b, engine)
	wg.Wait()
	b.ReportMetric(max(peak, rss(b, engine)), "server-MiB")
}
