package exchange

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/text/encoding/unicode"

	"matrix/results/store"
	"matrix/results/table"
)

// bench is a result of `vllm bench serve` in which so many of so many requests ended well.
func bench(ok, all int) map[string]any {
	list := func(at func(good bool) any) (out []any) {
		for i := range all {
			out = append(out, at(i < ok))
		}
		return out
	}
	pick := func(good, bad any) func(bool) any {
		return func(is bool) any {
			if is {
				return good
			}
			return bad
		}
	}
	starts := make([]float64, all)
	for i := range starts {
		starts[i] = 100 + float64(i)/10
	}
	return map[string]any{"date": "20260801-101500", "endpoint_type": "openai", "model_id": "org/some-4b", "num_prompts": all, "request_rate": "inf",
		"max_concurrency": 2, "duration": 2.0, "completed": ok, "failed": all - ok, "total_input_tokens": 10 * ok, "total_output_tokens": 8 * ok,
		"request_throughput": float64(ok) / 2, "output_throughput": float64(8*ok) / 2, "total_token_throughput": float64(18*ok) / 2,
		"input_lens": list(pick(10, 10)), "output_lens": list(pick(8, 0)), "ttfts": list(pick(0.4, 0.0)), "itls": list(pick([]float64{0.01, 0.01, 0.01, 0.01, 0.01, 0.01, 0.01}, []float64{})),
		"start_times": starts, "generated_texts": list(pick("x", "")), "errors": list(pick("", ""))}
}

func doc(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func mustRead(t *testing.T, text string, o Options) []*Set {
	t.Helper()
	if o.Labels.Platform == "" {
		o.Labels.Platform = "p"
	}
	sets, err := readDoc(t, text, o)
	if err != nil {
		t.Fatal(err)
	}
	return sets
}

func warned(s *Set, part string) bool { return strings.Contains(strings.Join(s.Warnings, "\n"), part) }

// TestFailuresWithoutAReason: vLLM keeps the reason phrase of a failed request, which may be empty.
func TestFailuresWithoutAReason(t *testing.T) {
	row := kept(t, mustRead(t, doc(t, bench(4, 6)), Options{Format: VLLMBench}))
	close1(t, row, "requests_ok", 4)
	close1(t, row, "requests_failed", 2)
	close1(t, row, "success_rate", 4.0/6)
	close1(t, row, "ttft_mean_s", 0.4) // not the zeros of those that failed
}

// TestTotalsAreHeldAgainstRecords: where a file's total is another than its records', both are said and the records count.
func TestTotalsAreHeldAgainstRecords(t *testing.T) {
	for field, told := range map[string]any{"completed": 5, "failed": 1, "total_output_tokens": 1000, "output_throughput": 1e9, "request_throughput": 77, "duration": 0.1} {
		b := bench(4, 6)
		b[field] = told
		s := mustRead(t, doc(t, b), Options{Format: VLLMBench})[0]
		if !warned(s, "the file says "+field) {
			t.Errorf("%s = %v: warnings %q", field, told, s.Warnings)
		}
		if row := kept(t, []*Set{s}); *table.Number(row, "output_throughput") > 200 {
			t.Errorf("%s = %v: output throughput %v", field, told, table.Number(row, "output_throughput"))
		}
	}
	if s := mustRead(t, doc(t, bench(4, 6)), Options{Format: VLLMBench})[0]; warned(s, "the file says") {
		t.Errorf("%q", s.Warnings)
	}
}

// TestSeveralDocuments: --append-result writes one behind the other; unlike loads are cells, like ones launches.
func TestSeveralDocuments(t *testing.T) {
	one, again, other := bench(4, 4), bench(4, 4), bench(4, 4)
	other["max_concurrency"] = 4
	for _, text := range []string{doc(t, one) + "\n" + doc(t, again) + "\n" + doc(t, other), doc(t, []any{one, again, other})} {
		sets := mustRead(t, text, Options{Format: VLLMBench})
		if len(sets) != 3 {
			t.Fatalf("%d sets", len(sets))
		}
		if got := []int{sets[0].Labels.Launch, sets[1].Labels.Launch, sets[2].Labels.Launch}; fmt.Sprint(got) != "[1 2 1]" {
			t.Errorf("launches %v", got)
		}
		store, err := store.Open(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		kept, err := Keep(t.Context(), store, "old", nil, sets)
		if err != nil {
			t.Fatal(err)
		}
		if kept[0].Cell.Address != kept[1].Cell.Address || kept[0].Cell.Address == kept[2].Cell.Address {
			t.Errorf("cells %s, %s, %s", kept[0].Cell.Name(), kept[1].Cell.Name(), kept[2].Cell.Name())
		}
	}
}

// TestErrorFile: a batch job's failures stand in a file of their own; both are one batch. The same requests again are a launch.
func TestErrorFile(t *testing.T) {
	dir := t.TempDir()
	var paths []string
	for name, text := range map[string]string{
		"1-out": `{"custom_id":"a","response":{"status_code":200,"body":{"model":"x-2b","choices":[{"message":{"content":"y"},"finish_reason":"stop"}]}}}`,
		"2-err": `{"custom_id":"b","response":{"status_code":400,"body":{"error":{"message":"too long"}}}}`,
		"3-out": `{"custom_id":"a","response":{"status_code":200,"body":{"model":"x-2b","choices":[{"message":{"content":"y"},"finish_reason":"stop"}]}}}`,
		"4-err": `{"custom_id":"b","response":{"status_code":500,"body":null}}`,
	} {
		paths = append(paths, filepath.Join(dir, name))
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	slices.Sort(paths)
	files, err := Read(t.Context(), paths, Options{Format: OpenAIBatch, Labels: Labels{Platform: "p"}})
	if err != nil {
		t.Fatal(err)
	}
	first, second := files[0][0], files[2][0]
	if len(files[1])+len(files[3]) > 0 || len(first.Requests) != 2 || first.Requests[1].ErrorClass != "http_400" || first.Labels.Launch != 1 || second.Labels.Launch != 2 || second.Labels.BatchSize != 2 {
		t.Errorf("%+v, %+v", first, second)
	}
}

// TestNaN: Python writes NaN and Infinity where nothing was measured.
func TestNaN(t *testing.T) {
	text := strings.ReplaceAll(doc(t, bench(2, 2)), `"request_throughput":1`, `"request_throughput":NaN,"mean_tpot_ms":Infinity`)
	text = strings.Replace(text, `"ttfts":[0.4,`, `"ttfts":[NaN,`, 1)
	s := mustRead(t, text, Options{Format: VLLMBench})[0]
	if s.Requests[0].FirstTokenS != nil || *s.Requests[1].FirstTokenS-*s.Requests[1].SentS < 0.39 {
		t.Errorf("%+v", s.Requests)
	}
}

// TestOddAnswers: each line of a batch's output stands for itself.
func TestOddAnswers(t *testing.T) {
	good := `{"custom_id":"a","response":{"status_code":200,"body":{"model":"org/X-2b","choices":[{"message":{"content":"yes"},"finish_reason":"stop"}],"usage":{"prompt_tokens":5,"completion_tokens":2.0}}},"error":null}`
	for _, c := range []struct{ name, line, status, class, text string }{
		{"an error that is text", `{"custom_id":"b","response":{"status_code":400,"body":null},"error":"too long"}`, "failed", "batch_error", "too long"},
		{"an error of numbers", `{"custom_id":"b","response":null,"error":{"code":7,"message":null}}`, "failed", "7", ""},
		{"a custom_id that is a number", `{"custom_id":17,"response":{"status_code":500,"body":"oops"},"error":null}`, "failed", "http_500", "oops"},
		{"a message in the body", `{"custom_id":"b","response":{"status_code":400,"body":{"error":{"message":"no such model"}}}}`, "failed", "http_400", "no such model"},
		{"no choices", `{"custom_id":"b","response":{"status_code":200,"body":{"choices":[]}}}`, "malformed", "malformed_answer", "the answer has no choices"},
		{"a status as text", `{"custom_id":"b","response":{"status_code":"200","body":{"choices":[{"message":{"content":null},"finish_reason":"stop"}]}}}`, "ok", "", ""},
		{"parts of content", `{"custom_id":"b","response":{"status_code":200,"body":{"choices":[{"message":{"content":[{"type":"text","text":"y"}]},"finish_reason":"length"}]}}}`, "ok", "", ""},
		{"an aborted answer", `{"custom_id":"b","response":{"status_code":200,"body":{"choices":[{"message":{"content":"y"},"finish_reason":"abort"}]}}}`, "failed", "finish_abort", "the engine named the end abort"},
		{"tokens beyond sense", `{"custom_id":"b","response":{"status_code":200,"body":{"choices":[{"text":"y","finish_reason":"stop"}],"usage":{"completion_tokens":-3}}}}`, "ok", "", ""},
	} {
		sets := mustRead(t, "\xef\xbb\xbf"+good+"\r\n \r\n"+c.line+"\r\n", Options{Format: OpenAIBatch})
		if len(sets[0].Requests) != 2 {
			t.Fatalf("%s: %d requests", c.name, len(sets[0].Requests))
		}
		first, r := sets[0].Requests[0], sets[0].Requests[1]
		if first.Status != "ok" || *first.OutputTokens != 2 || r.Status != c.status || r.ErrorClass != c.class || r.Error != c.text {
			t.Errorf("%s: %s %s %q", c.name, r.Status, r.ErrorClass, r.Error)
		}
		if r.OutputTokens != nil {
			t.Errorf("%s: %d tokens", c.name, *r.OutputTokens)
		}
	}
	s := mustRead(t, good+"\n{\"custom_id\":\n"+strings.Replace(good, `"a"`, `"c"`, 1), Options{Format: OpenAIBatch})[0]
	if len(s.Requests) != 2 || !warned(s, "1 of 3 lines left out: line 2: the JSON") && !warned(s, "1 of 3 lines left out: line 2: invalid JSON") {
		t.Errorf("%d requests, %q", len(s.Requests), s.Warnings)
	}
}

func mapOf(t *testing.T, texts ...string) Map {
	t.Helper()
	m, err := ParseMap(texts)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestTablesAsPeopleHaveThem: what Excel, PowerShell and pandas make of somebody's results.
func TestTablesAsPeopleHaveThem(t *testing.T) {
	utf16, err := unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewEncoder().String("ms,n\r\n1500,10\r\n")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, text string
		e2e        float64
		note       string
	}{
		{"Excel's mark", "\xef\xbb\xbfms,n\r\n1500,10\r\n", 1.5, ""},
		{"PowerShell", utf16, 1.5, ""},
		{"semicolons and decimal commas", "ms;n\r\n1.500,5;10\r\n", 1.5005, "decimal comma"},
		{"sep", "sep=;\r\nms;n\r\n1500;10\r\n", 1.5, ""},
		{"tabs", "ms\tn\n1500\t10\n", 1.5, ""},
		{"pandas' floats and index", ",ms,n\n0,1500.0,10.0\n", 1.5, ""},
		{"rows that were filled once", "ms,n,\n1500,10,\n,,\n", 1.5, ""},
		{"spaces in the header", "ms, n \n1500,10\n", 1.5, ""},
		{"old Macs", "ms,n\r1500,10\r", 1.5, ""},
		{"one value that is none", "ms,n\n1500,10\nn/a,\n,11\n", 1.5, ""},
		{"one odd row", "ms,n\n1500,10\n1,2,3\n1600,11\n", 1.5, "1 of 3 lines left out: line 3: wrong number of fields"},
		{"one odd value", "ms,n\n1500,10\nslow,11\n", 1.5, "1 of 2 values of e2e_s are null: the first, ms = slow is no number"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := mustRead(t, c.text, Options{Format: CSV, Map: mapOf(t, "e2e_s=ms/1000", "output_tokens=n"), Labels: Labels{Model: "m"}})[0]
			if r := s.Requests[0]; r.E2ES == nil || math.Abs(*r.E2ES-c.e2e) > 1e-9 || *r.OutputTokens != 10 {
				t.Errorf("%+v", r)
			}
			if !warned(s, c.note) {
				t.Errorf("%q, want %q", s.Warnings, c.note)
			}
		})
	}
}

// TestHowItEnded: success is a list of words; where nothing says how requests ended, no rate of success is made up.
func TestHowItEnded(t *testing.T) {
	for word, want := range map[string]string{`"ok"`: "ok", `"SUCCESS"`: "ok", `200`: "ok", `"200 OK"`: "ok", `true`: "ok", `"finished"`: "ok",
		`"error"`: "failed", `500`: "failed", `"HTTP 503"`: "failed", `false`: "failed", `0`: "failed", `"timeout"`: "timed_out", `"fertig"`: "failed", `null`: "failed", `""`: "failed"} {
		s := mustRead(t, `{"state":`+word+`,"n":3}`+"\n"+`{"state":"ok","n":3}`, Options{Format: JSONL, Map: mapOf(t, "status=state", "output_tokens=n"), Labels: Labels{Model: "m"}})[0]
		if s.Requests[0].Status != want {
			t.Errorf("%s is %s", word, s.Requests[0].Status)
		}
		if (word == `"fertig"`) != warned(s, "these statuses are not known, and taken for failures: fertig") {
			t.Errorf("%s: %q", word, s.Warnings)
		}
	}
	row := kept(t, mustRead(t, `{"n":3,"s":1,"d":3}`+"\n"+`{"n":5,"s":2,"d":4}`, Options{Format: JSONL, Map: mapOf(t, "output_tokens=n", "sent_s=s", "done_s=d"), Labels: Labels{Model: "m"}}))
	if table.Number(row, "success_rate") != nil || table.Number(row, "requests_ok") != nil || table.Number(row, "success_rate_low95") != nil {
		t.Errorf("success %v, ok %v", table.Number(row, "success_rate"), table.Number(row, "requests_ok"))
	}
	if why := row.Summary.Why["success_rate"]; !strings.Contains(why, "not recorded") {
		t.Errorf("the reason is %q", why)
	}
	close1(t, row, "output_throughput", 8.0/3)
}

// TestDerived: what follows from what a file tells is there.
func TestDerived(t *testing.T) {
	s := mustRead(t, `{"at":1700000000,"e2e":2.5,"ttft":0.5,"n":5}`+"\n"+`{"at":1700000001,"e2e":2.5,"ttft":0.5,"n":1}`, Options{Format: JSONL,
		Map: mapOf(t, "sent_s=at", "e2e_s=e2e", "ttft_s=ttft", "output_tokens=n"), Labels: Labels{Model: "m"}})[0]
	if r := s.Requests[0]; *r.DoneS != 2.5 || *r.FirstTokenS != 0.5 || *r.TPOTS != 0.5 {
		t.Errorf("%v %v %v", *r.DoneS, *r.FirstTokenS, *r.TPOTS)
	}
	row := kept(t, []*Set{s})
	close1(t, row, "duration_s", 3.5)
	s = mustRead(t, `{"e2e":2.5,"ttft":0.5,"n":5}`, Options{Format: JSONL, Map: mapOf(t, "e2e_s=e2e", "ttft_s=ttft", "output_tokens=n"), Labels: Labels{Model: "m"}})[0]
	row = kept(t, []*Set{s})
	if table.Number(row, "duration_s") != nil || !strings.Contains(row.Summary.Why["output_throughput"], "was not recorded") {
		t.Errorf("%v, %v", table.Number(row, "duration_s"), row.Summary.Why)
	}
	close1(t, row, "tpot_mean_s", 0.5)
}

// TestBeyondSense: negative times, counts that overflow, milliseconds taken for seconds are null, and said.
func TestBeyondSense(t *testing.T) {
	m := mapOf(t, "sent_s=s", "done_s=d", "output_tokens=n", "e2e_s=e")
	for _, c := range []struct{ text, note string }{
		{`{"s":1,"d":2,"n":3,"e":-5}`, "e2e_s of 1 of 2 requests cannot be"},
		{`{"s":5,"d":2,"n":3,"e":1}`, "done_s of 1 of 2"},
		{`{"s":1700000000000,"d":2,"n":3,"e":1}`, "sent_s of 1 of 2"},
		{`{"s":1,"d":2,"n":1e15,"e":1}`, "1 of 2 values of output_tokens are null"},
		{`{"s":1,"d":2,"n":5000000000,"e":1}`, "output_tokens of 1 of 2"},
		{`{"s":1,"d":2,"n":-3,"e":1}`, "n = -3 is no count"},
		{`{"s":1,"d":1e300,"n":3,"e":1}`, "done_s of 1 of 2"},
		{`{"s":1,"d":2,"n":3,"e":1500000}`, "e2e_s of 1 of 2"}, // microseconds
	} {
		s := mustRead(t, c.text+"\n"+`{"s":1,"d":2,"n":3,"e":1}`, Options{Format: JSONL, Map: m, Labels: Labels{Model: "m"}})[0]
		if !warned(s, c.note) {
			t.Errorf("%s: %q, want %q", c.text, s.Warnings, c.note)
		}
		row := kept(t, []*Set{s})
		if x := table.Number(row, "total_token_throughput"); x != nil && *x < 0 {
			t.Errorf("%s: %v", c.text, x)
		}
		if d := table.Number(row, "duration_s"); d != nil && (*d < 0 || *d > 10) {
			t.Errorf("%s: %v s", c.text, d)
		}
	}
	b := bench(2, 2)
	b["ttfts"], b["output_lens"] = []float64{-0.4, 0.4}, []int{-8, 8}
	s := mustRead(t, doc(t, b), Options{Format: VLLMBench})[0]
	if !warned(s, "ttft_first_chunk_s of 1 of 2 requests cannot be") || warned(s, "its records show -") || warned(s, "its records show 7") {
		t.Errorf("%q", s.Warnings)
	}
	for field, told := range map[string]any{"duration": -5, "completed": -1, "total_output_tokens": -7, "output_throughput": -3} {
		b := map[string]any{"model_id": "m", "duration": 2, "completed": 2, "failed": 0, "num_prompts": 2, "total_output_tokens": 4, "output_throughput": 2}
		b[field] = told
		s := mustRead(t, doc(t, b), Options{Format: VLLMBench})[0]
		if !warned(s, "cannot be") && !warned(s, "the file says") {
			t.Errorf("%s = %v: %q", field, told, s.Warnings)
		}
		row := kept(t, []*Set{s})
		for _, m := range table.Named() {
			if x := table.Number(row, m.Name); x != nil && *x < 0 {
				t.Errorf("%s = %v: %s is %v", field, told, m.Name, *x)
			}
		}
	}
}

// TestLabelsThatDoNotFit: a batch smaller than what is in the file is refused before anything is written.
func TestLabelsThatDoNotFit(t *testing.T) {
	for _, c := range []struct {
		text   string
		labels Labels
		want   string
	}{
		{doc(t, bench(5, 5)), Labels{BatchSize: 3}, "labelled a batch of 3, but it has 5 requests"},
		{`{"model_id":"m","duration":2,"completed":500,"num_prompts":10}`, Labels{BatchSize: 10}, "labelled a batch of 10, but it has 500 requests"},
		{doc(t, bench(5, 5)), Labels{BatchSize: -1}, "it may have 1 to"},
		{doc(t, bench(5, 5)), Labels{Launch: -1}, "launches are counted from 1"},
		{doc(t, bench(5, 5)), Labels{BatchSize: 1 << 40}, "it may have 1 to"},
	} {
		c.labels.Platform = "p"
		if _, err := readDoc(t, c.text, Options{Format: VLLMBench, Labels: c.labels}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v", c.labels, err)
		}
	}
	s := mustRead(t, `{"model_id":"m","duration":2,"completed":500,"num_prompts":10}`, Options{Format: VLLMBench})[0]
	if s.Labels.BatchSize != 500 {
		t.Errorf("%+v", s.Labels)
	}
	kept(t, []*Set{s})
}

// TestPlainRefusals: a user reads what is wrong in words of the file, not of this program.
func TestPlainRefusals(t *testing.T) {
	m := mapOf(t, "output_tokens=n")
	for _, c := range []struct {
		format, text, want string
	}{
		{VLLMBench, `{"duration":"2","completed":1}`, "duration must be a number, not string"},
		{VLLMBench, `{"duration":2,"completed":1,"ttfts":[{}]}`, "ttfts must be a number, not object"},
		{VLLMBench, `{"elapsed_time":2,"num_requests":1}`, "`vllm bench throughput`"},
		{VLLMBench, `[1]`, "a JSON object is expected, not number"},
		{GuideLLM, `{"benchmarks":[{"requests":{"successful":[{"request_id":5}]}}]}`, "must be a string, not number"},
		{JSONL, "[1]\n", "line 1: a JSON object is expected, not array"},
		{OpenAIBatch, `{"response":5}`, "response must be an object, not number"},
		{CSV, "n\n\"a", "a quote has no end"},
		{CSV, "n\n\xe4\n", "line 2: not valid UTF-8 (byte 0xE4)"},
		{JSONL, "PK\x03\x04", "an Excel workbook"},
		{JSONL, "PAR1", "Parquet"},
	} {
		_, err := readDoc(t, c.text, Options{Format: c.format, Map: m, Labels: Labels{Platform: "p", Model: "m"}})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s %q: %v, want %q", c.format, c.text, err, c.want)
			continue
		}
		for _, name := range []string{"Go value", "Go struct", "json:", "exchange.", "*float64", "main."} {
			if strings.Contains(err.Error(), name) {
				t.Errorf("%v: that is Go's", err)
			}
		}
	}
	fifo := filepath.Join(t.TempDir(), "fifo")
	if syscall.Mkfifo(fifo, 0o600) == nil {
		if _, err := ofOne(Read(t.Context(), []string{fifo}, Options{Format: JSONL, Map: m})); err == nil || !strings.Contains(err.Error(), "a pipe") {
			t.Errorf("a FIFO: %v", err)
		}
	}
}

// TestLargeValue: one huge value of a database does not fill the memory.
func TestLargeValue(t *testing.T) {
	path := filepath.Join(t.TempDir(), "odd name?.db")
	db, err := sql.Open("sqlite", "file:"+strings.ReplaceAll(path, "?", "%3F"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec("CREATE TABLE runs (n INTEGER, blob BLOB)"); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec("INSERT INTO runs VALUES (1, zeroblob(70000000))"); err != nil {
		t.Fatal(err)
	}
	db.Close()
	if _, err := os.Stat(path); err != nil {
		t.Fatal(err)
	}
	o := Options{Format: SQLite, Map: mapOf(t, "output_tokens=n"), Query: "SELECT * FROM runs", Labels: Labels{Platform: "p", Model: "m"}}
	if _, err := ofOne(Read(t.Context(), []string{path}, o)); err == nil || !strings.Contains(err.Error(), "larger than 64 MiB") {
		t.Errorf("%v", err)
	}
	o.Query = "SELECT n FROM runs"
	if _, err := ofOne(Read(t.Context(), []string{path}, o)); err != nil {
		t.Error(err)
	}
	t.Setenv("MATRIX_FILE_GIB", "0.2")
	o.Query = "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM r) SELECT zeroblob(50000000) AS n FROM r"
	if _, err := ofOne(Read(t.Context(), []string{path}, o)); err == nil || !strings.Contains(err.Error(), "more than is held in memory") {
		t.Errorf("%v", err)
	}
}

// FuzzImport: whatever the file, no panic and no row that cannot be.
func FuzzImport(f *testing.F) {
	f.Add(VLLMBench, `{"duration":2,"completed":1,"num_prompts":1,"input_lens":[1],"output_lens":[2],"ttfts":[0.1],"itls":[[0.1,null]],"errors":[null],"start_times":[1e300]}`)
	f.Add(VLLMBench, `{"duration":NaN,"completed":1}{"duration":-1,"completed":-2}`)
	f.Add(GuideLLM, `{"benchmarks":[{"start_time":-1,"requests":{"successful":[{"output_tokens":1e99,"info":{"timings":{"token_iterations":-5,"request_start":1e300}}}]}}]}`)
	f.Add(OpenAIBatch, `{"custom_id":7,"response":{"status_code":1e9,"body":{"choices":[{}],"usage":{"completion_tokens":1e300}}},"error":"x"}`)
	f.Add(JSONL, `{"n":1e308,"s":-1e308,"d":1e308,"e":"12,5","x":"200 OK"}`)
	f.Add(CSV, "sep=;\nn;s;d;e\n1.234,5;;;-5\n")
	f.Add(CSV, "\xff\xfen\x00\n\x001\x00")
	m, err := ParseMap([]string{"output_tokens=n"})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, format, text string) {
		path := filepath.Join(t.TempDir(), "f")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if format == SQLite {
			return
		}
		use := Map{}
		for column, field := range map[string]string{"output_tokens": "n", "sent_s": "s", "done_s": "d", "e2e_s": "e", "status": "x"} {
			if strings.Contains(text, field) {
				use[column] = Field{Path: field, Factor: 1}
			}
		}
		if len(use) == 0 {
			use = m
		}
		sets, err := ofOne(Read(t.Context(), []string{path}, Options{Format: format, Map: use, Labels: Labels{Platform: "p", Model: "m"}}))
		if err != nil {
			return
		}
		for _, s := range sets {
			for _, r := range s.Requests {
				if r.OutputTokens != nil && *r.OutputTokens < 0 || r.E2ES != nil && *r.E2ES < 0 || r.SentS != nil && r.DoneS != nil && *r.DoneS < *r.SentS {
					t.Errorf("%+v", r)
				}
			}
			for name, x := range s.Given {
				if !(x >= 0) || math.IsInf(x, 0) {
					t.Errorf("%s = %v", name, x)
				}
			}
		}
	})
}
