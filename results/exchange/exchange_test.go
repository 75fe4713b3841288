package exchange

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"matrix/results/record"
	"matrix/results/store"
	"matrix/results/table"
)

func readFile(t *testing.T, name string, o Options) []*Set {
	t.Helper()
	path := filepath.Join("testdata", name)
	sets, err := ofOne(Read(t.Context(), []string{path}, o))
	if err != nil {
		t.Fatal(err)
	}
	return sets
}

// readDoc reads a file of that text.
func readDoc(t *testing.T, doc string, o Options) ([]*Set, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(path, []byte(doc), 0o600); err != nil {
		t.Fatal(err)
	}
	return ofOne(Read(t.Context(), []string{path}, o))
}

// kept imports sets into a new store and returns the row of run.parquet of the first.
func kept(t *testing.T, sets []*Set) *record.RunRow {
	t.Helper()
	store, err := store.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Keep(t.Context(), store, "old", []byte("source"), sets); err != nil {
		t.Fatal(err)
	}
	past, err := store.History(t.Context(), "old")
	if err != nil || len(past) != len(sets) {
		t.Fatalf("%d attempts, want %d (%v)", len(past), len(sets), err)
	}
	if bad, err := store.Verify(t.Context()); err != nil || len(bad) > 0 {
		t.Fatalf("verify: %v %v", bad, err)
	}
	row, err := table.ReadRun(past[0].Dir)
	if err != nil {
		t.Fatal(err)
	}
	return row
}

func close1(t *testing.T, row *record.RunRow, column string, want float64) {
	t.Helper()
	if got := table.Number(row, column); got == nil || math.Abs(*got-want) > 1e-6*math.Abs(want) {
		t.Errorf("%s = %v, want %g", column, got, want)
	}
}

// TestVLLMBench: files that vLLM 0.32.0's `vllm bench serve` wrote (against matrix's simulator): what we make of the
// requests is what it printed itself.
func TestVLLMBench(t *testing.T) {
	for _, name := range []string{"vllm_bench.json", "vllm_bench_totals.json"} {
		t.Run(name, func(t *testing.T) {
			var told map[string]any
			text, err := os.ReadFile(filepath.Join("testdata", name))
			if err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal(text, &told); err != nil {
				t.Fatal(err)
			}
			sets := readFile(t, name, Options{Format: VLLMBench, Labels: Labels{Platform: "vllm_before"}})
			if engine := sets[0].Engine.Name; engine != "" {
				t.Errorf("engine %q: the file does not say whose server was measured", engine)
			}
			s := sets[0]
			if s.Labels.Model != "gemma_3_270m" || s.Labels.BatchSize != 6 || s.Mode != "closed" || s.Concurrency != 4 {
				t.Errorf("labels %+v, mode %s %d", s.Labels, s.Mode, s.Concurrency)
			}
			row := kept(t, sets)
			close1(t, row, "output_throughput", told["output_throughput"].(float64))
			close1(t, row, "request_throughput", told["request_throughput"].(float64))
			close1(t, row, "duration_s", told["duration"].(float64))
			close1(t, row, "ttft_p50_s", told["median_ttft_ms"].(float64)/1000)
			close1(t, row, "ttft_first_chunk_mean_s", told["mean_ttft_ms"].(float64)/1000)
			close1(t, row, "output_tokens", told["total_output_tokens"].(float64))
			close1(t, row, "success_rate", 1)
			if !row.Run.Imported || row.Run.Simulated {
				t.Errorf("imported %v, simulated %v", row.Run.Imported, row.Run.Simulated)
			}
			if table.Number(row, "load_s") != nil || table.Number(row, "energy_j") != nil || table.Number(row, "cpu_s") != nil {
				t.Errorf("figures that nobody recorded: load %v, energy %v, cpu %v", table.Number(row, "load_s"), table.Number(row, "energy_j"), table.Number(row, "cpu_s"))
			}
		})
	}
}

// TestVLLMBenchChat: the first event of a chat names the role only, so its TTFT is not ours.
func TestVLLMBenchChat(t *testing.T) {
	doc := `{"endpoint_type":"openai-chat","model_id":"m","duration":2,"completed":1,"num_prompts":2,"failed":1,"request_rate":5.0,
		"input_lens":[3,4],"output_lens":[2,0],"ttfts":[0.5,0],"itls":[[0.25],[]],"errors":["","Traceback\nBoom: no"]}`
	sets, err := readDoc(t, doc, Options{Format: VLLMBench, Labels: Labels{Platform: "p"}})
	if err != nil {
		t.Fatal(err)
	}
	r := sets[0].Requests
	if r[0].FirstTokenS != nil || *r[0].FirstChunkS != 0.5 || *r[0].LastTokenS != 0.75 {
		t.Errorf("stamps %v %v %v", r[0].FirstTokenS, *r[0].FirstChunkS, *r[0].LastTokenS)
	}
	if r[1].Status != "failed" || r[1].Error != "Boom: no" || sets[0].Mode != "open" {
		t.Errorf("%s %q, %s", r[1].Status, r[1].Error, sets[0].Mode)
	}
	row := kept(t, sets)
	close1(t, row, "success_rate", 0.5)
	close1(t, row, "e2e_p50_s", 0.75)
}

// TestVLLMBenchQueueTimes: an open load's latency counts from when a request was due, as the file's queue times tell; none was sent before.
func TestVLLMBenchQueueTimes(t *testing.T) {
	for queue, want := range map[string]float64{"[0.5,0.5]": 1.25, "[-5,-5]": 0.75, "[0.5]": 0.75, "[null,null]": 0.75} {
		doc := `{"endpoint_type":"openai","model_id":"m","duration":3,"completed":2,"num_prompts":2,"failed":0,"request_rate":5.0,"input_lens":[3,4],"output_lens":[2,2],
			"ttfts":[0.5,0.5],"itls":[[0.25],[0.25]],"errors":["",""],"start_times":[1,2],"queue_times":` + queue + `}`
		sets, err := readDoc(t, doc, Options{Format: VLLMBench, Labels: Labels{Platform: "p"}})
		if err != nil {
			t.Fatal(err)
		}
		close1(t, kept(t, sets), "e2e_p50_s", want)
		if said := strings.Contains(strings.Join(sets[0].Warnings, "\n"), "scheduled_s of 2 of 2 requests cannot be"); said != (queue == "[-5,-5]") {
			t.Errorf("queue times %s: %q", queue, sets[0].Warnings)
		}
	}
}

// TestGuideLLM: a report that GuideLLM 0.8.1 wrote.
func TestGuideLLM(t *testing.T) {
	sets := readFile(t, "guidellm.json", Options{Format: GuideLLM, Labels: Labels{Platform: "serve_guidellm"}})
	s := sets[0]
	if s.Labels.Model != "gemma_3_270m" || s.Mode != "closed" || s.Concurrency != 2 || len(s.Requests) != 6 {
		t.Fatalf("labels %+v, mode %s %d, %d requests", s.Labels, s.Mode, s.Concurrency, len(s.Requests))
	}
	row := kept(t, sets)
	close1(t, row, "output_tokens", 48)
	close1(t, row, "requests_ok", 6)
	if d := table.Number(row, "duration_s"); d == nil || *d < 0.1 || *d > 0.2 {
		t.Errorf("duration %v, GuideLLM says 0.12", table.Number(row, "duration_s"))
	}
}

func TestOpenAIBatch(t *testing.T) {
	doc := `{"id":"1","custom_id":"a","response":{"status_code":200,"body":{"model":"org/X-2b","choices":[{"message":{"content":"yes"},"finish_reason":"stop"}],"usage":{"prompt_tokens":5,"completion_tokens":2}}},"error":null}
{"id":"2","custom_id":"b","response":{"status_code":500,"body":{}},"error":null}

{"id":"3","custom_id":"c","response":null,"error":{"code":"batch_expired","message":"too late"}}
`
	sets, err := readDoc(t, doc, Options{Format: OpenAIBatch, Labels: Labels{Platform: "batch"}})
	if err != nil {
		t.Fatal(err)
	}
	r := sets[0].Requests
	if r[0].Text != "yes" || *r[0].OutputTokens != 2 || r[1].ErrorClass != "http_500" || r[2].ErrorClass != "batch_expired" {
		t.Errorf("%+v", r)
	}
	row := kept(t, sets)
	close1(t, row, "success_rate", 1.0/3)
	if table.Number(row, "output_throughput") != nil || table.Number(row, "ttft_p50_s") != nil {
		t.Error("a throughput without a time")
	}
}

func TestMapped(t *testing.T) {
	m, err := ParseMap([]string{"platform=engine", "model=info.name", "output_tokens=n", "e2e_s=ms/1000", "sent_s=at", "done_s=end", "status=state"})
	if err != nil {
		t.Fatal(err)
	}
	jsonl := `{"engine":"Ollama","info":{"name":"gemma3:4b"},"n":10,"ms":1500,"at":1700000000.5,"end":1700000002,"state":"ok"}
{"engine":"Ollama","info":{"name":"gemma3:4b"},"n":30,"ms":2500,"at":1700000001.5,"end":1700000004.5,"state":"timeout"}
`
	sets, err := readDoc(t, jsonl, Options{Format: JSONL, Map: m})
	if err != nil {
		t.Fatal(err)
	}
	if l := sets[0].Labels; l.Platform != "ollama" || l.Model != "gemma3_4b" || l.BatchSize != 2 {
		t.Errorf("labels %+v", l)
	}
	if sets[0].Began.Unix() != 1700000000 {
		t.Errorf("began %v", sets[0].Began)
	}
	row := kept(t, sets)
	close1(t, row, "duration_s", 4)
	close1(t, row, "output_throughput", 2.5) // the timed out request's tokens do not count
	close1(t, row, "e2e_p50_s", 1.5)

	csv := "engine,info.name,n,ms,at,end,state\nOllama,gemma3:4b,10,1500,0.5,2,ok\n"
	if sets, err = readDoc(t, csv, Options{Format: CSV, Map: m}); err != nil || *sets[0].Requests[0].E2ES != 1.5 {
		t.Errorf("csv: %v %v", sets, err)
	}
}

func TestSQLite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history.db")
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range []string{"CREATE TABLE runs (engine TEXT, tokens INTEGER, latency REAL)", "INSERT INTO runs VALUES ('vllm', 7, 0.5), ('ollama', 9, 2.5), ('vllm', 8, 0.75)"} {
		if _, err := db.Exec(q); err != nil {
			t.Fatal(err)
		}
	}
	db.Close()
	m, err := ParseMap([]string{"platform=engine", "output_tokens=tokens", "e2e_s=latency"})
	if err != nil {
		t.Fatal(err)
	}
	sets, err := ofOne(Read(t.Context(), []string{path}, Options{Format: SQLite, Map: m, Query: "SELECT * FROM runs", Labels: Labels{Model: "m"}}))
	if err != nil {
		t.Fatal(err)
	}
	if len(sets) != 2 || sets[1].Labels.Platform != "vllm" || len(sets[1].Requests) != 2 || *sets[1].Requests[1].E2ES != 0.75 {
		t.Errorf("%+v", sets)
	}
	if _, err := ofOne(Read(t.Context(), []string{path}, Options{Format: SQLite, Map: m, Query: "DELETE FROM runs", Labels: Labels{Model: "m"}})); err == nil {
		t.Error("a query that writes was run")
	}
}

// TestRefused: bad input says what and where, and what to do.
func TestRefused(t *testing.T) {
	m := Map{"output_tokens": {Path: "n", Factor: 1}, "platform": {Path: "p", Factor: 1}}
	for _, c := range []struct {
		format, doc, want string
		m                 Map
	}{
		{"nope", "", "vllm-bench, guidellm", nil},
		{VLLMBench, `{"a":1}`, "no duration", nil},
		{VLLMBench, `[`, "no result of `vllm bench serve`", nil},
		{VLLMBench, `{"duration":1,"completed":1,"ttfts":[1,2],"itls":[]}`, "damaged", nil},
		{GuideLLM, `{}`, "no benchmarks", nil},
		{OpenAIBatch, "{}\n", "line 1: neither response nor error", nil},
		{JSONL, "{\"n\":\"x\",\"p\":1}\n{\"n\":\"y\"}\n", "n = x is no number", m},
		{JSONL, "{\"n\":1}\n{\n[\n", "line 2: invalid JSON", m},
		{JSONL, "{\"n\":1.5}\n", "is no count", m},
		{JSONL, "{\"n\":1}\n", `no record has a field "p"`, m},
		{JSONL, "{\"n\":1}\n", "--map is needed", nil},
		{CSV, "", "a header is needed", m},
		{CSV, "n,p\n1\n", "wrong number of fields", m},
		{OpenAIBatch, "", "--model", nil},
	} {
		_, err := readDoc(t, c.doc, Options{Format: c.format, Map: c.m, Labels: Labels{Platform: "x"}})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s %q: %v, want %q", c.format, c.doc, err, c.want)
		}
	}
	for _, text := range []string{"x", "x=y", "ttft_s=", "ttft_s=a/0", "ttft_s=a*b"} {
		if _, err := ParseMap([]string{text}); err == nil {
			t.Errorf("--map %s was taken", text)
		}
	}
	if _, err := ParseMap([]string{"e2e_s=a", "e2e_s=b"}); err == nil {
		t.Error("one column was mapped twice")
	}
}

// TestDisagreements: the "12B, 3.3 GB" of an old result is the size of a quantised 4B.
func TestDisagreements(t *testing.T) {
	s := &Set{Labels: Labels{Model: "gemma3_12b", BatchSize: 5000}, Requests: make([]Request, 100)}
	text := strings.Join(disagreements(s, 3.3e9), "\n")
	for _, want := range []string{"labelled a batch of 5000, with 100 requests", "3.3 GB", "12.0B", "1.6B to 6.0B"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q lacks %q", text, want)
		}
	}
	s = &Set{Labels: Labels{Model: "gemma3_4b", BatchSize: 100}, Requests: make([]Request, 100)}
	if got := disagreements(s, 3.3e9); len(got) > 0 {
		t.Errorf("%q", got)
	}
}

// TestMeasuredCellIsNotTakenOver: an import never becomes the newest attempt of a cell that matrix measured.
func TestMeasuredCellIsNotTakenOver(t *testing.T) {
	tree, err := store.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	s := &Set{Labels: Labels{Platform: "p", Model: "m", BatchSize: 1, Launch: 1}, Requests: []Request{newRequest(0)}}
	c, err := cellOf("old", s, nil)
	if err != nil {
		t.Fatal(err)
	}
	past := store.Past{Manifest: record.Manifest{Address: c.Address}}
	if _, err := cellOf("old", s, []store.Past{past}); err == nil || !strings.Contains(err.Error(), "p_before") {
		t.Errorf("%v", err)
	}
	for range 2 { // again and again is fine: it is the same set
		if _, err := Keep(t.Context(), tree, "old", nil, []*Set{s}); err != nil {
			t.Fatal(err)
		}
	}
}

func TestExport(t *testing.T) {
	store, err := store.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	sets := readFile(t, "vllm_bench.json", Options{Format: VLLMBench, Labels: Labels{Platform: "p"}})
	if _, err := Keep(t.Context(), store, "old", nil, sets); err != nil {
		t.Fatal(err)
	}
	past, err := store.History(t.Context(), "old")
	if err != nil {
		t.Fatal(err)
	}
	dirs := []Attempt{{Dir: past[0].Dir}, {Dir: past[0].Dir, WhyNot: "replaced"}}
	for _, table := range []string{"run", "requests", "samples", "outputs"} {
		for _, format := range []string{"parquet", "csv", "jsonl"} {
			var out bytes.Buffer
			rows, err := Export(&out, format, table, dirs)
			want := map[string]int64{"run": 2, "requests": 12, "samples": 0, "outputs": 12}[table]
			if err != nil || rows != want {
				t.Errorf("%s %s: %d rows, want %d (%v)", table, format, rows, want, err)
			}
			if format == "jsonl" && int64(bytes.Count(out.Bytes(), []byte("\n"))) != want {
				t.Errorf("%s: %d lines", table, bytes.Count(out.Bytes(), []byte("\n")))
			}
		}
	}
	if _, err := Export(&bytes.Buffer{}, "xml", "run", dirs); err == nil {
		t.Error("xml was written")
	}
	if _, err := Export(&bytes.Buffer{}, "csv", "runs", dirs); err == nil {
		t.Error("a table of no such name was written")
	}
}

// ofOne are the sets of one file.
func ofOne(files [][]*Set, err error) ([]*Set, error) {
	if err != nil {
		return nil, err
	}
	return files[0], nil
}
