package dataset

import (
	"reflect"
	"strings"
	"testing"

	"matrix/experiments/cell"
)

func cellOf(prefixCache, template string) *cell.Cell {
	return &cell.Cell{
		BatchSize: 2,
		Isolation: &cell.Isolation{PrefixCache: prefixCache},
		Generate:  &cell.Generate{MaxTokens: 100, Template: template},
	}
}

func request(t *testing.T, s *Set, c *cell.Cell, warmup bool, seq int) Entry {
	t.Helper()
	e, err := s.Request(c, warmup, seq, 0)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// These ten digits are part of every prompt that was ever measured: they must never change.
func TestNonceGolden(t *testing.T) {
	for _, g := range nonceGolden {
		if got := nonce(g.seed, g.warmup, g.seq, 0); got != g.want {
			t.Errorf("nonce(%d, %t, %d) = %s, want %s", g.seed, g.warmup, g.seq, got, g.want)
		}
	}
}

func TestNonceIsUnique(t *testing.T) {
	for _, seed := range []int64{0, 1, -1, 1 << 40} {
		seen := map[string]bool{}
		for seq := range 100_000 {
			for _, warmup := range []bool{false, true} {
				n := nonce(seed, warmup, seq, 0)
				if len(n) != 10 || strings.Trim(n, "0123456789") != "" || seen[n] {
					t.Fatalf("seed %d, seq %d: %q", seed, seq, n)
				}
				seen[n] = true
			}
		}
	}
}

func TestRequestNonce(t *testing.T) {
	d := write(t, "a.jsonl", `{"prompt":"p0"}`+"\n"+`{"messages":[{"role":"system","content":"s"},{"role":"user","content":"u"}]}`+"\n")
	d.Repeat, d.Seed = true, 5
	s := open(t, d)
	off := cellOf("off", "")
	for seq := range 4 {
		e := request(t, s, off, false, seq)
		mark := nonce(5, false, seq, 0) + "\n"
		if seq%2 == 0 && e.Prompt != mark+"p0" {
			t.Errorf("off, %d: %q", seq, e.Prompt)
		}
		if seq%2 == 1 && (e.Messages[0].Content != mark+"s" || e.Messages[1].Content != "u") {
			t.Errorf("off, %d: %v", seq, e.Messages)
		}
	}
	natural := cellOf("natural", "")
	if e := request(t, s, natural, false, 0); e.Prompt != "p0" {
		t.Errorf("natural, first copy: %q", e.Prompt)
	}
	if e := request(t, s, natural, false, 2); e.Prompt != "p0\n"+nonce(5, false, 2, 0) {
		t.Errorf("natural, second copy: %q", e.Prompt)
	}
	if e := request(t, s, natural, true, 0); e.Prompt != nonce(5, true, 0, 0)+"\np0" {
		t.Errorf("natural, warm-up: %q", e.Prompt)
	}
	if e, _ := s.Entry(1); e.Messages[0].Content != "s" {
		t.Errorf("the entry itself was changed: %v", e.Messages)
	}
}

func TestRequestMaxTokens(t *testing.T) {
	s := open(t, write(t, "a.jsonl", `{"prompt":"a","max_tokens":20}`+"\n"+`{"prompt":"b","max_tokens":500}`+"\n"+`{"prompt":"c"}`+"\n"))
	for seq, want := range []int{20, 100, 100} {
		if got := request(t, s, cellOf("off", ""), false, seq).MaxTokens; got != want {
			t.Errorf("prompt %d: %d, want %d", seq, got, want)
		}
	}
}

func TestForcedShape(t *testing.T) {
	d := write(t, "a.jsonl", `{"prompt":"p"}`+"\n"+`{"messages":[{"role":"system","content":"s"},{"role":"user","content":"u"}]}`+"\n")
	d.Chat = new(true)
	if e := request(t, open(t, d), cellOf("natural", ""), false, 0); e.Prompt != "" || !reflect.DeepEqual(e.Messages, user("p")) {
		t.Errorf("chat = true: %+v", e)
	}
	d.Chat = new(false)
	if e := request(t, open(t, d), cellOf("natural", ""), false, 1); e.Prompt != "s\n\nu" || e.Messages != nil {
		t.Errorf("chat = false: %+v", e)
	}
}

const gemma = "<start_of_turn>user\n{{with .System}}{{.}}\n\n{{end}}{{.Prompt}}<end_of_turn>\n<start_of_turn>model\n"

func TestTemplate(t *testing.T) {
	s := open(t, write(t, "a.jsonl", `{"prompt":"p"}`+"\n"+`{"messages":[{"role":"system","content":"s"},{"role":"user","content":"u <&>"}]}`+"\n"))
	if e := request(t, s, cellOf("natural", gemma), false, 0); e.Prompt != "<start_of_turn>user\np<end_of_turn>\n<start_of_turn>model\n" || e.Messages != nil {
		t.Errorf("%q", e.Prompt)
	}
	want := "<start_of_turn>user\n" + nonce(0, false, 1, 0) + "\ns\n\nu <&><end_of_turn>\n<start_of_turn>model\n"
	if e := request(t, s, cellOf("off", gemma), false, 1); e.Prompt != want {
		t.Errorf("%q", e.Prompt)
	}
	all := "{{range .Messages}}[{{.Role}}] {{.Content}}\n{{end}}"
	if e := request(t, s, cellOf("natural", all), false, 1); e.Prompt != "[system] s\n[user] u <&>\n" {
		t.Errorf("%q", e.Prompt)
	}
}

func TestTemplateFaults(t *testing.T) {
	s := open(t, write(t, "a.jsonl", `{"messages":[{"role":"system","content":"s"},{"role":"user","content":"u"}]}`+"\n"+
		`{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"},{"role":"user","content":"c"}]}`+"\n"))
	for _, test := range []struct {
		template string
		seq      int
		want     string
	}{
		{"{{.Prompt", 0, "generate.template: "},
		{"{{.Promt}}{{.System}}", 0, "can't evaluate field Promt"},
		{"{{.Prompt}}", 0, "has a system message, which the template leaves out"},
		{"{{.Prompt}}", 1, "has 3 turns"},
		{"constant .Messages", 0, "lacks the prompt's own"},
		{"{{range 99999999}}xxxxxxxxxxxxxxxx{{end}}.Messages", 0, "longer than 16 MiB"},
	} {
		_, err := s.Request(cellOf("off", test.template), false, test.seq, 0)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%q: %v, want … %s …", test.template, err, test.want)
		}
	}
	if err := s.Fits(cellOf("off", "{{.Prompt")); err == nil {
		t.Error("Fits accepts a template that does not parse")
	}
}

func TestFits(t *testing.T) {
	d := write(t, "a.jsonl", `{"prompt":"p"}`+"\n")
	s := open(t, d)
	err := s.Fits(cellOf("off", ""))
	if err == nil || !strings.Contains(err.Error(), "test.hcl:3: batch_size 2") || !strings.Contains(err.Error(), "(1)") ||
		!strings.Contains(hintOfError(err), "repeat = true") {
		t.Errorf("%v", err)
	}
	if _, err := s.Request(cellOf("off", ""), false, 1, 0); err == nil {
		t.Error("a request beyond the dataset was made")
	}
	if e := request(t, s, cellOf("off", ""), true, 7); e.Prompt != nonce(0, true, 7, 0)+"\np" {
		t.Errorf("warm-up may reuse prompts: %q", e.Prompt)
	}
	d.Repeat = true
	if err := open(t, d).Fits(cellOf("off", "")); err != nil {
		t.Error(err)
	}
}

func hintOfError(err error) string {
	if e, ok := err.(*Error); ok {
		return e.Hint
	}
	return ""
}

// TestEveryFaultHasAdvice: who reads of a fault is told what to do about it.
func TestEveryFaultHasAdvice(t *testing.T) {
	for _, line := range []string{
		`not json`, `{"prompt": 5}`, `{"prompt": " "}`, `{"text": "x"}`, `5`, `{"messages": []}`, `{"max_tokens": 0, "prompt": "x"}`,
		`{"messages": [{"role": "robot", "content": "a"}]}`, `{"messages": [{"role": "user", "content": [{"type": "image"}]}]}`,
	} {
		_, err := jsonParser(formatJSONL, "")([]byte(line))
		if err == nil || hintOf(err) == "" {
			t.Errorf("%s: %v, advice %q", line, err, hintOf(err))
		}
	}
}
