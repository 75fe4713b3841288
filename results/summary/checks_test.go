package summary_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"matrix/results/record"
	"matrix/results/stats"
	"matrix/results/store"
	"matrix/results/summary"
	"matrix/results/summary/summarytest"
	"matrix/results/summary/summarytest/planted"
)

// plantedPair is two platforms alike in all, a and b, of which b may be changed.
func plantedPair(t *testing.T, change func(b *summarytest.Cell)) []summary.Check {
	t.Helper()
	a := summarytest.Cell{Platform: "a", Size: 100, Launches: make([]summarytest.Launch, 2)}
	b := summarytest.Cell{Platform: "b", Size: 100, Launches: make([]summarytest.Launch, 2)}
	if change != nil {
		change(&b)
	}
	return summary.Checks(planted.Read(t, a, b).Cells)
}

// launches changes each launch of b.
func launches(change func(*summarytest.Launch)) func(*summarytest.Cell) {
	return func(b *summarytest.Cell) {
		for i := range b.Launches {
			change(&b.Launches[i])
		}
	}
}

func rows(change func(i int, r *record.RequestRow)) func(*summarytest.Cell) {
	return launches(func(l *summarytest.Launch) { l.Row = change })
}

func second(change func(*record.Run)) func(*summarytest.Cell) {
	return func(b *summarytest.Cell) { b.Launches[1].Run = change }
}

func runs(change func(*record.Run)) func(*summarytest.Cell) {
	return launches(func(l *summarytest.Launch) { l.Run = change })
}

func samples(source, metric string, value float64) func(*summarytest.Cell) {
	return launches(func(l *summarytest.Launch) {
		for at := -1.0; at < 12; at++ {
			l.Samples = append(l.Samples, record.SampleRow{TimeS: at, Source: source, Metric: metric, Value: value})
			if source == "host" {
				l.Samples = append(l.Samples, record.SampleRow{TimeS: at, Source: "process", Metric: "cpu_s", Value: at})
			}
		}
	})
}

func spec(part string, settings map[string]any) func(*summarytest.Cell) {
	return func(b *summarytest.Cell) {
		b.Spec = map[string]any{"generate": map[string]any{"max_tokens": 64}}
		if part == "generate" {
			settings["max_tokens"] = 64
		}
		b.Spec[part] = settings
	}
}

func ptr[T any](v T) *T { return &v }

// Each line of the list has a tree that reddens it; nothing else in that tree is red.
func TestChecksRedden(t *testing.T) {
	for name, c := range map[string]struct {
		check, level string
		change       func(*summarytest.Cell)
		says         string
		between      bool // two contenders
	}{
		"a template doubles the prompt": {summary.CheckPrompts, summary.Red, rows(func(_ int, r *record.RequestRow) { r.InputTokens = ptr(int64(400)) }), "200 against 400", true},
		"one token more a prompt":       {summary.CheckPrompts, summary.Amber, rows(func(_ int, r *record.RequestRow) { r.InputTokens = ptr(int64(202)) }), "200 against 202", true},
		"half as long":                  {summary.CheckOutputs, summary.Red, rows(func(_ int, r *record.RequestRow) { r.OutputTokens = ptr(int64(16)) }), "32 against 16", true},
		"a tenth shorter":               {summary.CheckOutputs, summary.Amber, rows(func(_ int, r *record.RequestRow) { r.OutputTokens = ptr(int64(29)) }), "32 against 29", true},
		"a few cut short": {summary.CheckOutputs, summary.Red, rows(func(i int, r *record.RequestRow) {
			if i%20 == 0 {
				r.OutputTokens, r.FinishReason = ptr(int64(30)), "length"
			}
		}), "0% of the answers against 5%", true},
		"a cache that had the prompts": {summary.CheckPrefixCache, summary.Red, runs(func(r *record.Run) {
			r.Warnings = append(r.Warnings, `prefix cache: this server has had them before`)
		}), "has had them before", false},
		"thinking though told not to": {summary.CheckRequest, summary.Amber, runs(func(r *record.Run) {
			r.Warnings = append(r.Warnings, "thinking: generate.thinking is false, and yet 3 of 9 answers hold reasoning")
		}), "3 of 9 answers hold reasoning", false},
		"slow sampling": {summary.CheckRequest, summary.Amber, runs(func(r *record.Run) {
			r.Warnings = append(r.Warnings, "sampling: top_k = 0 is slow")
		}), "top_k = 0", false},
		"no text": {summary.CheckAnswers, summary.Red, launches(func(l *summarytest.Launch) { l.Text = func(int) string { return "" } }), "200 of 200 answers have no text", false},
		"one without text": {summary.CheckAnswers, summary.Amber, func(b *summarytest.Cell) {
			b.Launches[0].Text = func(i int) string {
				if i == 3 {
					return ""
				}
				return fmt.Sprintf("answer %d is yes", i)
			}
		}, "1 of 200", false},
		"garbage": {summary.CheckAnswers, summary.Red, launches(func(l *summarytest.Launch) {
			l.Text = func(i int) string { return fmt.Sprintf("zz%d", i) }
		}), "0% begin with the same words", true},
		"other words now and then": {summary.CheckAnswers, summary.Amber, launches(func(l *summarytest.Launch) {
			l.Text = func(i int) string {
				if i%3 == 0 {
					return "no idea"
				}
				return fmt.Sprintf("answer %d is yes", i)
			}
		}), "66% begin with the same words", true},
		"aborted and ok": {summary.CheckEnds, summary.Red, rows(func(i int, r *record.RequestRow) {
			if i == 5 {
				r.FinishReason = "abort"
			}
		}), `ended by "abort"`, false},
		"an unknown end": {summary.CheckEnds, summary.Amber, rows(func(i int, r *record.RequestRow) {
			if i == 5 {
				r.FinishReason = "flux"
			}
		}), `ended by "flux"`, false},
		"some run into the limit": {summary.CheckEnds, summary.Amber, rows(func(i int, r *record.RequestRow) {
			if i%5 == 0 {
				r.FinishReason, r.MaxTokens = "length", 32
			}
		}), "0% of the answers against 20%", true},
		"a fifth misses the schema": {summary.CheckValid, summary.Amber, rows(func(i int, r *record.RequestRow) {
			if r.Valid = ptr(i%5 > 0); i%5 == 0 {
				r.InvalidReason = "schema:/score"
			}
		}), "40 of 200 answers cannot be used (20%): 40 × schema:/score", false},
		"thinks":         {summary.CheckRequest, summary.Red, spec("generate", map[string]any{"thinking": true}), "thinking false against true", true},
		"cold caches":    {summary.CheckRequest, summary.Red, runs(func(r *record.Run) { r.CompileCache = "cold" }), "isolation.caches warm against cold", true},
		"other sampling": {summary.CheckRequest, summary.Red, spec("generate", map[string]any{"temperature": 0.7}), "temperature 0 against 0.7", true},
		"a schema":       {summary.CheckRequest, summary.Red, spec("generate", map[string]any{"json_schema": map[string]any{"type": "object"}}), "json_schema", true},
		"a template":     {summary.CheckRequest, summary.Red, spec("generate", map[string]any{"template": "{{.Prompt}}"}), "template", true},
		"cached":         {summary.CheckPrefixCache, summary.Red, rows(func(_ int, r *record.RequestRow) { r.CachedTokens = ptr(int64(180)) }), "90% of the prompt tokens", false},
		"natural":        {summary.CheckPrefixCache, summary.Red, spec("isolation", map[string]any{"prefix_cache": "natural"}), "off against natural", true},
		"client":         {summary.CheckClient, summary.Red, second(func(r *record.Run) { r.ClientLimited = ptr(true) }), "launch 2", false},
		"busy client":    {summary.CheckClient, summary.Amber, second(func(r *record.Run) { r.ClientCPUS = ptr(100.0) }), "62.5% of the machine's cores in launch 2", false},
		"another GPU":    {summary.CheckMachine, summary.Red, second(func(r *record.Run) { r.Machine.GPUName = "A100" }), "GPU not the same in all launches: A100, H100", false},
		"power limit":    {summary.CheckMachine, summary.Red, second(func(r *record.Run) { r.Machine.PowerLimitW = ptr(350.0) }), "power limit", false},
		"driver":         {summary.CheckMachine, summary.Red, second(func(r *record.Run) { r.Machine.Driver = "570" }), "driver", false},
		"engine":         {summary.CheckMachine, summary.Red, second(func(r *record.Run) { r.Engine.Version = "1.1" }), "engine version not the same in all launches: 1.0, 1.1", false},
		"less power":     {summary.CheckMachine, summary.Red, runs(func(r *record.Run) { r.Machine.PowerLimitW = ptr(350.0) }), "power limit 700 W against 350 W", true},
		"older driver":   {summary.CheckMachine, summary.Amber, runs(func(r *record.Run) { r.Machine.Driver = "570" }), "GPU driver 580.1 against 570", true},
		"two hosts": {summary.CheckMachine, summary.Amber, func(b *summarytest.Cell) {
			runs(func(r *record.Run) { r.Machine.GPUUUID = "" })(b)
			second(func(r *record.Run) { r.Machine.GPUUUID, r.Machine.Host = "", "other" })(b)
		}, "launches ran on different hosts: box, other", false},
		"weights": {summary.CheckMachine, summary.Red, func(b *summarytest.Cell) {
			runs(func(r *record.Run) { r.Engine.Revision = "sha256:89abcdef01" })(b)
			second(func(r *record.Run) { r.Engine.Revision = "sha256:0123456789" })(b)
		}, "weights not the same in all launches: 01234567, 89abcdef", false},
		"template": {summary.CheckMachine, summary.Red, func(b *summarytest.Cell) {
			runs(func(r *record.Run) { r.Engine.Template = "89abcdef01" })(b)
			second(func(r *record.Run) { r.Engine.Template = "0123456789" })(b)
		}, "chat template not the same in all launches: 01234567, 89abcdef", false},
		"other weights": {summary.CheckRequest, summary.Amber, runs(func(r *record.Run) {
			r.Warnings = append(r.Warnings, "weights: the server loaded x, and calls it y")
		}), "the server loaded x, and calls it y", false},
		"other card": {summary.CheckMachine, summary.Amber, runs(func(r *record.Run) { r.Machine.GPUUUID = "GPU-b" }), "different cards", true},
		"throttled":  {summary.CheckMachine, summary.Amber, samples("nvml:GPU-a", "throttle_reasons", 0x20), "throttled for 100%", false},
		"neighbours": {summary.CheckMachine, summary.Amber, samples("host", "host_cpu_ratio", 0.5), "other processes used 43.7% of the machine", false},
		"offloaded":  {summary.CheckPlacement, summary.Red, runs(func(r *record.Run) { r.Engine.LayersGPU = ptr(int64(18)) }), "18 of 32 layers", false},
		"one in fifty fails": {summary.CheckSuccess, summary.Red, rows(func(i int, r *record.RequestRow) {
			if i%50 == 0 {
				r.Status = "failed"
			}
		}), "196 of 200 requests were answered (98%)", false},
		"one fails": {summary.CheckSuccess, summary.Amber, func(b *summarytest.Cell) {
			b.Launches[0].Row = func(i int, r *record.RequestRow) {
				if i == 7 {
					r.Status = "failed"
				}
			}
		}, "199 of 200 requests were answered (99.5%)", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			all := plantedPair(t, c.change)
			at := slices.IndexFunc(all, func(k summary.Check) bool { return k.Name == c.check && k.Level != summary.Green })
			if at < 0 {
				t.Fatalf("nothing is said: %+v", all)
			}
			got, want := all[at], []string{"b"}
			if c.between {
				want = []string{"a", "b"}
			}
			if got.Level != c.level || !strings.Contains(got.Text, c.says) || !slices.Equal(got.Contenders, want) || !slices.Contains(got.Cells, "e/b-m-100") {
				t.Errorf("got %+v", got)
			}
			for _, k := range all {
				if k.Name != c.check && k.Level == summary.Red {
					t.Errorf("beside it: %+v", k)
				}
			}
		})
	}
}

// Without a card that tells which machine it was, its name does.
func TestOtherHost(t *testing.T) {
	on := func(platform, host string) summarytest.Cell {
		of := summarytest.Launch{Run: func(r *record.Run) { r.Machine.GPUUUID, r.Machine.Host = "", host }}
		return summarytest.Cell{Platform: platform, Size: 100, Launches: []summarytest.Launch{of, of}}
	}
	for host, want := range map[string]string{"box": summary.Green, "other": summary.Amber} {
		all := summary.Checks(planted.Read(t, on("a", "box"), on("b", host)).Cells)
		if at := slices.IndexFunc(all, func(k summary.Check) bool { return k.Name == summary.CheckMachine }); all[at].Level != want || (want == summary.Amber) != strings.Contains(all[at].Text, "different hosts: box against other") {
			t.Errorf("%s: %+v", host, all[at])
		}
	}
}

// A healthy tree is green in every line; a layer that was put on the CPU on purpose, an answer that may be endless, weights
// of 16 bits by another name, and what one side does not tell are nothing.
func TestChecksStayGreen(t *testing.T) {
	for name, change := range map[string]func(*summarytest.Cell){
		"healthy": nil,
		"declared": func(b *summarytest.Cell) {
			spec("options", map[string]any{"num_gpu": 18})(b)
			runs(func(r *record.Run) { r.Engine.LayersGPU = ptr(int64(18)) })(b)
		},
		"other names": runs(func(r *record.Run) { r.Engine.DType, r.Engine.Quantization = "", "F16" }),
		"other words after other nonces": func(b *summarytest.Cell) {
			spec("isolation", map[string]any{"nonce": "launch"})(b)
			launches(func(l *summarytest.Launch) { l.Text = func(i int) string { return fmt.Sprintf("zz%d", i) } })(b)
		},
		"another nonce": launches(func(l *summarytest.Launch) {
			l.Row = func(i int, r *record.RequestRow) { r.PromptHash = [16]byte{byte(i), 1} }
			l.Text = func(i int) string { return fmt.Sprintf("zz%d", i) }
		}),
		"tells less": launches(func(l *summarytest.Launch) {
			l.Run = func(r *record.Run) { r.Machine.PowerLimitW, r.Engine.Template, r.Machine.Driver = nil, "", "" }
		}),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			all := plantedPair(t, change)
			var names []string
			for _, k := range all {
				names = append(names, k.Name)
				if k.Level != summary.Green {
					t.Errorf("%+v", k)
				}
			}
			want := []string{"prompt tokens", "output tokens", "answers", "ends", "request", "prefix cache", "client", "machine", "placement", "success"}
			if !slices.Equal(names, want) {
				t.Errorf("lines %q", names)
			}
		})
	}
}

// The tree of a real card: different cards for two of the platforms, and nothing red but that Ollama was asked other things.
func TestChecksOnRealResults(t *testing.T) {
	root := t.TempDir()
	summarytest.H100(t, root)
	store, err := store.Open(root)
	if err != nil {
		t.Fatal(err)
	}
	set, err := summary.Load(t.Context(), store, root, "gpu")
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range summary.Checks(set.Cells) {
		t.Logf("%s %s", k.Level, k.Text)
		unlike := k.Name == summary.CheckRequest && strings.HasPrefix(k.Text, "ollama and vllm") && strings.HasSuffix(k.Text, "ignore_eos false against true, top_k 40 against 0")
		if k.Level == summary.Red && k.Name != summary.CheckOutputs && !unlike {
			t.Errorf("%+v", k)
		}
	}
}

// One failure among 3,000 is no 100%, whatever the median of the launches.
func TestSuccessIsOverAllRequests(t *testing.T) {
	root := t.TempDir()
	one := func(i int, r *record.RequestRow) {
		if i == 7 {
			r.Status = "failed"
		}
	}
	summarytest.Plant(t, root, summarytest.Cell{Platform: "a", Size: 1000, Launches: []summarytest.Launch{{}, {Row: one}, {}}})
	store, err := store.Open(root)
	if err != nil {
		t.Fatal(err)
	}
	set, err := summary.Load(t.Context(), store, root)
	if err != nil {
		t.Fatal(err)
	}
	c := set.Cells[0]
	for _, e := range []stats.Estimate{c.Estimate("success_rate"), set.Estimate(c, "success_rate")} {
		if text := stats.Percent(e.Median); e.N != 3 || text != "99.9666%" {
			t.Errorf("%d launches: %s", e.N, text)
		}
	}
}

// A share has no interval beyond the whole, though it is one of logarithms.
func TestNoShareBeyondTheWhole(t *testing.T) {
	root := t.TempDir()
	busy := func(ratio float64) []record.SampleRow {
		var out []record.SampleRow
		for at := -1.0; at < 12; at++ {
			out = append(out, record.SampleRow{TimeS: at, Source: "nvml:GPU-a", Metric: "gpu_util_ratio", Value: ratio})
		}
		return out
	}
	summarytest.Plant(t, root, summarytest.Cell{Platform: "a", Size: 100, Launches: []summarytest.Launch{{Samples: busy(0.9)}, {Samples: busy(0.6)}}})
	store, err := store.Open(root)
	if err != nil {
		t.Fatal(err)
	}
	set, err := summary.Load(t.Context(), store, root)
	if err != nil {
		t.Fatal(err)
	}
	if e := set.Estimate(set.Cells[0], "gpu_util_ratio"); e.Method != stats.Pooled || e.High != 1 || e.Low >= 0.6 {
		t.Errorf("%+v", e)
	}
}
