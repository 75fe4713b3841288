package foreign

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"matrix/experiments/cell"
	"matrix/results/exchange"
	"matrix/results/record"
	"matrix/results/store"
	"matrix/results/summary/summarytest"
	"matrix/results/table"
)

// attempts are three attempts: one that counts, one with failures, one that does not count.
func attempts(t *testing.T) []exchange.Attempt {
	t.Helper()
	root := t.TempDir()
	summarytest.Plant(t, root, summarytest.Cell{Platform: "vllm", Size: 40, Launches: []summarytest.Launch{{}, {Row: func(i int, r *record.RequestRow) {
		if r.ChunkGapsS = []float64{0.01, 0.02, 0.05}; i%10 == 3 {
			r.Status, r.ErrorClass, r.Error = "failed", "http_500", "it broke"
		}
	}}, {Status: record.EngineFailed}}})
	return planted(t, root)
}

// planted are the attempts of a tree.
func planted(t *testing.T, root string) []exchange.Attempt {
	t.Helper()
	tree, err := store.Open(root)
	if err != nil {
		t.Fatal(err)
	}
	past, err := tree.History(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	var out []exchange.Attempt
	for _, p := range past {
		a := exchange.Attempt{Dir: p.Dir}
		if p.Status != record.Complete {
			a.WhyNot = p.Status
		}
		out = append(out, a)
	}
	return out
}

func write(t *testing.T, format string) (dir string, files []string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "out")
	files, err := Write(dir, format, attempts(t))
	if err != nil || Lost(format) == "" {
		t.Fatalf("%v; what is lost: %q", err, Lost(format))
	}
	return dir, files
}

// What vllm bench would have written is read back with the same requests and totals.
func TestVLLMBenchComesBack(t *testing.T) {
	_, files := write(t, Bench)
	if len(files) != 3 {
		t.Fatalf("%v", files)
	}
	sets, err := ofOne(exchange.Read(t.Context(), []string{files[1]}, exchange.Options{Format: exchange.VLLMBench, Labels: exchange.Labels{Platform: "p"}}))
	if err != nil {
		t.Fatal(err)
	}
	s, failed := sets[0], 0
	for i, r := range s.Requests {
		if r.Status != "ok" {
			failed++
			if r.Error != "it broke" {
				t.Errorf("request %d: %q", i, r.Error)
			}
			continue
		}
		first := *r.FirstTokenS - *r.SentS
		if first < 0.0199 || first > 0.0201 || len(r.ChunkGapsS) != 3 || *r.OutputTokens != 32 {
			t.Errorf("request %d: first token after %v s, gaps %v, %d tokens", i, first, r.ChunkGapsS, *r.OutputTokens)
		}
	}
	if len(s.Requests) != 40 || failed != 4 || s.Concurrency != 8 || s.Labels.Model != "m" || s.Given["requests_failed"] != 4 {
		t.Errorf("%d requests, %d failed, %+v", len(s.Requests), failed, s.Given)
	}
	for _, w := range s.Warnings {
		t.Errorf("its totals do not agree with its records: %s", w)
	}
}

// An open load comes back as one: its rate, and latencies that count from when a request was due. Where chunks were not kept, no gaps
// are made up; the statistics that vLLM's tools plot stand beside the lists.
func TestVLLMBenchKeepsOpenLoads(t *testing.T) {
	root := t.TempDir()
	summarytest.Plant(t, root, summarytest.Cell{Platform: "vllm", Size: 40, Launches: []summarytest.Launch{{
		Run: func(r *record.Run) { r.Mode, r.Concurrency = record.ModeOpen, 0 },
		Row: func(_ int, r *record.RequestRow) { r.ScheduledS, r.ClientQueueS = new(*r.SentS-0.5), new(0.5) },
	}}})
	a := planted(t, root)[0]
	row, err := table.ReadRun(a.Dir)
	if err != nil {
		t.Fatal(err)
	}
	row.Manifest.Identity.Components.Spec = &cell.Component{Value: json.RawMessage(`{"load":{"mode":"open","rate":7.5}}`)}
	files, err := writeBench(t.TempDir(), &run{a, row})
	if err != nil {
		t.Fatal(err)
	}
	sets, err := ofOne(exchange.Read(t.Context(), files, exchange.Options{Format: exchange.VLLMBench, Labels: exchange.Labels{Platform: "p"}}))
	if err != nil || sets[0].Mode != "open" || sets[0].Rate != 7.5 {
		t.Fatalf("%v %+v", err, sets)
	}
	for i, r := range sets[0].Requests {
		if late := *r.SentS - *r.ScheduledS; late < 0.4999 || late > 0.5001 || len(r.ChunkGapsS) > 0 || *r.LastTokenS-*r.SentS < 0.0999 {
			t.Errorf("request %d was sent %v s late, gaps %v, last token at %v", i, late, r.ChunkGapsS, *r.LastTokenS)
		}
	}
	var told map[string]any
	if doc, err := os.ReadFile(files[0]); err != nil || json.Unmarshal(doc, &told) != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]float64{"median_ttft_ms": 20, "p99_ttft_ms": 20, "std_ttft_ms": 0, "mean_e2el_ms": 100, "mean_tpot_ms": 80. / 31} {
		if got, known := told[name].(float64); !known || got < want-0.001 || got > want+0.001 {
			t.Errorf("%s is %v, want %v", name, told[name], want)
		}
	}
	if told["mean_itl_ms"] != nil {
		t.Errorf("gaps that nobody saw: %v", told["mean_itl_ms"])
	}
	load := (&run{a, row}).llmdLoad()["standardized"].(map[string]any)
	if load["rate_qps"] != 7.5 {
		t.Errorf("llm-d: %v", load)
	}
	row.Manifest.Identity.Components.Spec, row.Manifest.Axes = nil, map[string]string{"load": "rate_0.25"}
	if rate := exchange.Rate(&row.Manifest); rate == nil || *rate != 0.25 {
		t.Errorf("an import's rate: %v", rate)
	}
}

// The date of vllm bench is local and has no zone: where it was written it leads back to when the measured phase began, to the second.
func TestVLLMBenchKeepsItsTime(t *testing.T) {
	was := time.Local
	time.Local = time.FixedZone("", 5*3600+1800)
	defer func() { time.Local = was }()
	a := attempts(t)[0]
	row, err := table.ReadRun(a.Dir)
	if err != nil {
		t.Fatal(err)
	}
	const began = 1790000000.25
	row.Run.BeganUnixS, row.Manifest.Ended = began, time.UnixMilli(1790000090250) // the stop took long
	row.Summary.Set(record.MetricDuration, 5.5)
	files, err := writeBench(t.TempDir(), &run{a, row})
	if err != nil {
		t.Fatal(err)
	}
	sets, err := ofOne(exchange.Read(t.Context(), files, exchange.Options{Format: exchange.VLLMBench, Labels: exchange.Labels{Platform: "p"}}))
	if err != nil {
		t.Fatal(err)
	}
	if off := began - float64(sets[0].Began.UnixMilli())/1000; off < 0 || off >= 1 {
		t.Errorf("began %v s off, at %v", off, sets[0].Began)
	}
	doc, err := os.ReadFile(files[0])
	if want := time.Unix(1790000005, 0).Format(`"20060102-150405"`); err != nil || !strings.Contains(string(doc), want) {
		t.Errorf("no date %s in the file, %v", want, err)
	}
}

// A line is a name, how often, and pairs of a figure and its unit (golang.org/design/14313-benchmark-format); what does not count has none.
func TestGoBenchLines(t *testing.T) {
	_, files := write(t, GoBench)
	doc, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	var seen []string
	for line := range strings.Lines(string(doc)) {
		fields := strings.Fields(line)
		if !strings.HasPrefix(line, "Benchmark") {
			continue
		}
		if len(fields)%2 != 0 {
			t.Fatalf("no pairs: %s", line)
		}
		values := map[string]float64{}
		for i := 2; i < len(fields); i += 2 {
			if values[fields[i+1]], err = strconv.ParseFloat(fields[i], 64); err != nil {
				t.Error(err)
			}
		}
		seen = append(seen, fmt.Sprintf("%s %s %.3f %.0f", fields[0], fields[1], values["ns/op"]/1e9, values["output-tokens/s"]))
	}
	// 40 requests of 0.1 s; of the second launch 36 came through in 4 s.
	want := []string{"BenchmarkCell/platform=vllm/model=m/batch_size=40 40 0.100 320", "BenchmarkCell/platform=vllm/model=m/batch_size=40 36 0.111 288"}
	if !slices.Equal(seen, want) {
		t.Errorf("%q", seen)
	}
}

// A report of llm-d comes back with the figures of the run, in its own units and in others.
func TestLLMDComesBack(t *testing.T) {
	_, files := write(t, LLMD)
	read := func(path string) *exchange.Set {
		t.Helper()
		sets, err := ofOne(exchange.Read(t.Context(), []string{path}, exchange.Options{Format: exchange.LLMD, Labels: exchange.Labels{Platform: "p"}}))
		if err != nil {
			t.Fatal(err)
		}
		return sets[0]
	}
	s := read(files[1])
	for name, want := range map[string]float64{"requests_planned": 40, "requests_ok": 36, "requests_failed": 4, "ttft_p50_s": 0.02, "e2e_mean_s": 0.1, "output_throughput": 288, "success_rate": 0.9} {
		if got := s.Given[name]; got < 0.999*want || got > 1.001*want {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
	if s.Labels.Model != "m" || s.Concurrency != 8 || s.Engine.Version != "1.0" {
		t.Errorf("%+v, %+v, %d at once", s.Labels, s.Engine, s.Concurrency)
	}
	doc, err := os.ReadFile(files[1])
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "other.yaml")
	other := strings.Replace(string(doc), `"units": "s"`, `"units": "ms"`, 1)
	if err := os.WriteFile(path, []byte(other), 0o644); err != nil {
		t.Fatal(err)
	}
	if again := read(path); again.Given["e2e_mean_s"] == s.Given["e2e_mean_s"] && again.Given["ttft_mean_s"] == s.Given["ttft_mean_s"] {
		t.Error("the unit is not read")
	}
}

// What no real engine measured does not become a measurement by an export and an import.
func TestSimulatedComesBack(t *testing.T) {
	for _, c := range []struct {
		format    string
		simulated bool
	}{{LLMD, true}, {LLMD, false}, {Bench, true}, {Bench, false}} {
		root, format, simulated := t.TempDir(), c.format, c.simulated
		summarytest.Plant(t, root, summarytest.Cell{Platform: "vllm", Size: 40, Launches: []summarytest.Launch{{Run: func(r *record.Run) { r.Simulated = simulated }}}})
		from := planted(t, root)
		from[0].WhyNot = "superseded"
		files, err := Write(t.TempDir(), format, from)
		if err != nil {
			t.Fatal(err)
		}
		doc, err := os.ReadFile(files[0])
		if err != nil {
			t.Fatal(err)
		}
		sets, err := ofOne(exchange.Read(t.Context(), files, exchange.Options{Format: format, Labels: exchange.Labels{Platform: "p"}}))
		if err != nil {
			t.Fatal(err)
		}
		tree, err := store.Open(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := exchange.Keep(t.Context(), tree, "again", doc, sets); err != nil {
			t.Fatal(err)
		}
		a := planted(t, tree.Root())[0]
		row, err := table.ReadRun(a.Dir)
		if err != nil {
			t.Fatal(err)
		}
		said := strings.Join(row.Run.Warnings, "\n")
		if row.Run.Simulated != simulated || row.Manifest.Simulated != simulated || !row.Run.Imported || strings.Contains(said, "simulator") != simulated || !strings.Contains(said, "did not count it: superseded") {
			t.Errorf("%s: simulated %v, in its manifest %v, imported %v: %s", format, row.Run.Simulated, row.Manifest.Simulated, row.Run.Imported, said)
		}
	}
}

// An accelerator is of the cards that were used, not of all that the machine has.
func TestLLMDCountsTheCardsInUse(t *testing.T) {
	r := &run{RunRow: &record.RunRow{}}
	r.Run.Machine.GPUName, r.Run.Machine.GPUs = "H200", 8
	for _, used := range [][]string{nil, {"GPU-a", "GPU-b"}} {
		r.Run.GPUs = used
		want := int64(8)
		if used != nil {
			want = 2
		}
		doc, err := json.Marshal(r.llmdComponent())
		if err != nil || !strings.Contains(string(doc), fmt.Sprintf(`"accelerator":{"count":%d,`, want)) {
			t.Errorf("%v; want %d cards in %s", err, want, doc)
		}
	}
}

// The validator that llm-d ships takes every report.
func TestReadersLLMD(t *testing.T) {
	if os.Getenv("MATRIX_REAL") != "1" {
		t.Skip("needs MATRIX_REAL=1 and `just engines`")
	}
	_, files := write(t, LLMD)
	const script = `import sys
from llmd_benchmark_report.core import import_benchmark_report
for path in sys.argv[1:]:
    r = import_benchmark_report(path)
    print(r.version, r.results.request_performance.aggregate.requests.total, r.results.request_performance.aggregate.latency.request_latency.mean)
`
	out, err := exec.CommandContext(t.Context(), filepath.Join(os.Getenv("MATRIX_ENGINES"), "tools", "bin", "python"), append([]string{"-c", script}, files...)...).CombinedOutput()
	if err != nil || strings.Count(string(out), "0.2.1 40 ") != 3 {
		t.Errorf("%v\n%s", err, out)
	}
}

// A file store has an experiment, a run an attempt, and in each what was chosen and measured.
func TestMLflowFileStore(t *testing.T) {
	dir, _ := write(t, MLflow)
	metas, err := filepath.Glob(filepath.Join(dir, "*", "*", "meta.yaml"))
	if err != nil || len(metas) != 3 {
		t.Fatalf("%v, %v", metas, err)
	}
	status := map[string]int{}
	for _, meta := range metas {
		text := func(parts ...string) string {
			doc, err := os.ReadFile(filepath.Join(append([]string{filepath.Dir(meta)}, parts...)...))
			if err != nil {
				t.Fatal(err)
			}
			return string(doc)
		}
		for line := range strings.Lines(text("meta.yaml")) {
			if strings.HasPrefix(line, "status: ") {
				status[strings.TrimSpace(line)+" "+text("tags", "matrix.counts")]++
			}
		}
		if text("params", "platform") != "vllm" || text("params", "batch_size") != "40" || len(strings.Fields(text("metrics", "duration_s"))) != 3 {
			t.Errorf("%s lacks what was chosen or measured", meta)
		}
	}
	if fmt.Sprint(status) != "map[status: 3 true:2 status: 4 false:1]" {
		t.Errorf("%v", status)
	}
}

func TestWord(t *testing.T) {
	if got := word("a b/c=d\n"); got != "a_b_c_d_" {
		t.Errorf("%q would end a benchmark's name", got)
	}
}

// ofOne are the sets of one file.
func ofOne(files [][]*exchange.Set, err error) ([]*exchange.Set, error) {
	if err != nil {
		return nil, err
	}
	return files[0], nil
}
