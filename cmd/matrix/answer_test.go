package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"matrix/cmd/matrix/cli/app"
	"matrix/results/decision"
	"matrix/results/summary/summarytest"
)

// typed runs a command line as a shell would, words in single quotes included.
func typed(t *testing.T, line string) (int, string) {
	t.Helper()
	var words []string
	for i, part := range strings.Split(line, "'") {
		if i%2 == 1 {
			words = append(words, part)
			continue
		}
		words = append(words, strings.Fields(part)...)
	}
	var stdout, stderr bytes.Buffer
	code := run(context.Background(), nil, words[1:], strings.NewReader(""), &stdout, &stderr)
	return code, stdout.String() + stderr.String()
}

// valid are the records of one type among the NDJSON that a command line prints; each is held against the schema.
func valid(t *testing.T, kind, line string) []json.RawMessage {
	t.Helper()
	compiler := jsonschema.NewCompiler()
	schema, err := compiler.Compile(filepath.Join(os.Getenv("MATRIX_TEST_DOCS"), "report.schema.json"))
	if err != nil {
		t.Fatal(err)
	}
	code, out := typed(t, line)
	if code != 0 {
		t.Fatalf("%s: exit code %d\n%s", line, code, out)
	}
	var found []json.RawMessage
	for text := range strings.Lines(out) {
		doc, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
		if err != nil {
			t.Fatalf("%v: %s", err, text)
		}
		if doc.(map[string]any)["type"] != kind {
			continue
		}
		if err := schema.Validate(doc); err != nil {
			t.Errorf("%v\n%s", err, text)
		}
		found = append(found, json.RawMessage(text))
	}
	return found
}

func answers(t *testing.T, line string) []decision.Answer {
	t.Helper()
	var out []decision.Answer
	for _, doc := range valid(t, "answer", line) {
		var a decision.Answer
		if err := json.Unmarshal(doc, &a); err != nil {
			t.Fatal(err)
		}
		out = append(out, a)
	}
	return out
}

// elsewhere makes an empty folder the working one; the docs stay at hand.
func elsewhere(t *testing.T) {
	t.Helper()
	docs, err := filepath.Abs("../../docs")
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("MATRIX_TEST_DOCS", docs)
	dir := t.TempDir()
	t.Setenv("HOME", dir)
	t.Chdir(dir)
}

// hasWork plans a command that an answer printed: something is pending.
func hasWork(t *testing.T, command string) {
	t.Helper()
	args, ok := strings.CutPrefix(command, "matrix apply ")
	if !ok {
		t.Errorf("%q is no command to measure", command)
		return
	}
	if code, out := typed(t, "matrix plan --detailed-exitcode --out plan.tmp "+args); code != app.CodePending {
		t.Errorf("%s has nothing to do: %d\n%s", command, code, out)
	}
}

// The kept tree of a real card: who reads its phases says vllm_offline, and that its first start was cold.
func TestAnswerOfH100(t *testing.T) {
	dir, err := filepath.Abs(".")
	if err != nil {
		t.Fatal(err)
	}
	tree := t.TempDir()
	summarytest.H100(t, filepath.Join(tree, "results"))
	elsewhere(t)
	t.Chdir(tree)
	sources, _ := filepath.Glob("results/gpu/sources/*")
	source, err := os.ReadFile(sources[0])
	if err != nil {
		t.Fatal(dir, err)
	}
	if err := os.WriteFile("h100.hcl", source, 0o644); err != nil {
		t.Fatal(err)
	}
	all := answers(t, "matrix report gpu --json --plan h100.hcl")
	planned := 0
	for _, a := range all {
		for _, m := range a.Missing {
			if m.Command != "" {
				hasWork(t, m.Command)
				planned++
			}
		}
		if a.Group.Workload != "ignore_eos true, top_k 0" {
			continue
		}
		if a.Verdict != decision.Provisional || a.Platform == nil || *a.Platform != "vllm_offline" || *a.RunnerUp != "vllm_serve" {
			t.Errorf("%d requests: %+v", a.Requests, a)
		}
		if !slices.ContainsFunc(a.Sentences, func(s string) bool { return strings.Contains(s, "vllm_offline loads 2.4 min instead of 48 s") }) {
			t.Errorf("the cold start is not named: %v", a.Sentences)
		}
	}
	if len(all) != 6 || planned < 3 {
		t.Errorf("%d answers, %d commands", len(all), planned)
	}
	if lines := valid(t, "score", "matrix report gpu --json --explain --requests 50000"); len(lines) < 10 {
		t.Errorf("%d lines of scores", len(lines))
	}
}

// A whole comparison on a real card, copied without most of its rows: shown at the size that was measured, leading and not
// shown beyond it, what is not there said, and the platform that is 45 times slower far behind.
func TestAnswerOfH200(t *testing.T) {
	tree := t.TempDir()
	summarytest.H200(t, filepath.Join(tree, "results"))
	elsewhere(t)
	t.Chdir(tree)
	want := map[int64]string{5_000: decision.Winner, 50_000: decision.Provisional, 200_000: decision.Provisional}
	all := answers(t, "matrix report h200 --json")
	for _, a := range all {
		if a.Platform == nil || *a.Platform != "vllm_offline, arrive=at_once" || a.Verdict != want[a.Requests] {
			t.Errorf("%d requests: %+v", a.Requests, a)
		}
		if !slices.ContainsFunc(a.Sentences, func(s string) bool { return strings.Contains(s, "loads 107 s instead of 38 s") }) {
			t.Errorf("the first start is not named: %v", a.Sentences)
		}
	}
	if len(all) != len(want) {
		t.Errorf("%d answers", len(all))
	}
	_, out := typed(t, "matrix report h200")
	for _, said := range []string{"26 attempts without outputs.parquet", "9 attempts without requests.parquet", "5.6 h"} {
		if !strings.Contains(out, said) {
			t.Errorf("%q is not said", said)
		}
	}
}

// openAI answers as an OpenAI-compatible server, at its own pace.
func openAI(t *testing.T, takes time.Duration) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			fmt.Fprint(w, `{"data": [{"id": "m", "max_model_len": 4096}]}`)
			return
		}
		w.Header().Set("Content-Type", "text/event-stream")
		time.Sleep(takes)
		for _, word := range []string{"one", " two", " three"} {
			fmt.Fprintf(w, "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"content\":%q},\"finish_reason\":null}]}\n\n", word)
		}
		fmt.Fprint(w, "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n",
			"data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"model\":\"m\",\"choices\":[],\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":3,\"total_tokens\":13}}\n\n", "data: [DONE]\n\n")
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// What an answer asks for is planned, run, and changes what the answer rests on. The decision block's prices and numbers
// are the report's.
func TestPrintedCommandsHaveWork(t *testing.T) {
	elsewhere(t)
	if err := writePrompts("prompts.jsonl", 40); err != nil {
		t.Fatal(err)
	}
	source := fmt.Sprintf(`
dataset "d" { path = "prompts.jsonl" }
model "m" { openai = { model = "m" } }
platform "quick" {
  backend = "openai"
  url     = %q
}
platform "slow" {
  backend = "openai"
  url     = %q
}
experiment "x" {
  dataset = dataset.d
  matrix {
    platform   = [platform.quick, platform.slow]
    model      = [model.m]
    batch_size = [20, 40]
  }
  generate { max_tokens = 8 }
  load { concurrency = 4 }
  warmup { requests = 1 }
}
decision "best" {
  requests       = 5000
  price_per_hour = 3.6
  currency       = "EUR"
}
`, openAI(t, 2*time.Millisecond), openAI(t, 6*time.Millisecond))
	if err := os.WriteFile("x.hcl", []byte(source), 0o644); err != nil {
		t.Fatal(err)
	}
	if code, out := typed(t, "matrix apply --auto-approve --only batch_size=20 x.hcl"); code != 0 {
		t.Fatal(code, out)
	}
	one := answers(t, "matrix report --json x")
	if len(one) != 1 || one[0].Requests != 5000 || one[0].Platform == nil || *one[0].Platform != "quick" || one[0].Cost == nil || one[0].Verdict != decision.Provisional {
		t.Fatalf("%+v", one)
	}
	if x := *one[0].Cost / *one[0].Seconds; x < 0.000999 || x > 0.001001 {
		t.Errorf("3.6 an hour is a thousandth a second, not %g", x)
	}
	command := one[0].Missing[0].Command
	hasWork(t, command)
	_, _ = typed(t, "matrix report --requests 5000,50000,200000 x")
	page, err := os.ReadFile("results/x/report/report.html")
	if err != nil {
		t.Fatal(err)
	}
	printed := regexp.MustCompile(`(?s)class="do">.*?<code>(.*?)</code>`).FindAllSubmatch(page, -1)
	for _, said := range printed { // one a card, those that the box turns to as well
		hasWork(t, html.UnescapeString(string(said[1])))
	}
	if len(printed) != 3 {
		t.Errorf("%d cards say what to do next, want 3", len(printed))
	}
	if code, out := typed(t, command+" --auto-approve"); code != 0 {
		t.Fatal(code, out)
	}
	more := answers(t, "matrix report --json --requests 5000,200000 x")
	if len(more) != 2 || more[0].RatioLow == nil || !slices.ContainsFunc(more[0].Sentences, func(s string) bool { return strings.Contains(s, "3 launches of quick, 3 of slow") }) {
		t.Errorf("the command changed nothing: %+v", more)
	}
	if _, out := typed(t, "matrix report x"); !strings.Contains(out, "quick") || !strings.Contains(out, "5,000 requests") || strings.Contains(out, "points of 100") {
		t.Errorf("the report in words:\n%s", out)
	}
}
