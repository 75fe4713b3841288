package dataset

import (
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"

	"matrix/experiments/cell"
)

const weather = `{"type":"function","function":{"name":"weather","parameters":{"type":"object"}}}`

// TestFieldsOfARequest: what a batch line has beside its prompt is sent, or is counted in a note; a user's own columns
// are neither.
func TestFieldsOfARequest(t *testing.T) {
	s := open(t, write(t, "a.jsonl",
		`{"custom_id":"a","body":{"model":"gpt-x","temperature":0.7,"messages":[{"role":"user","content":"q"}],"tools":[`+weather+`],"tool_choice":"auto","user":"u","max_tokens":-1}}`+"\n"+
			`{"custom_id":"b","body":{"model":"gpt-x","n":1,"messages":[{"role":"user","content":"q"}],"response_format":{"type":"json_object"},"house_rule":3}}`+"\n"))
	e := request(t, s, cellOf("off", ""), false, 0)
	if string(e.Extra["tools"]) != "["+weather+"]" || string(e.Extra["tool_choice"]) != `"auto"` || len(e.Extra) != 2 || e.MaxTokens != 100 {
		t.Errorf("%s, at most %d tokens", e.Extra, e.MaxTokens)
	}
	want := []Field{{"tool_choice", "auto", 1, 1}, {"tools", "auto", 1, 1}, {"house_rule", "", 1, 2}, {"response_format", "json_object", 1, 2}}
	if got := s.Fields(); !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	notes := strings.Join(s.Notes(), "\n")
	for _, want := range []string{`2 entries ask for model "gpt-x"`, "1 entry has temperature", "1 entry has user"} {
		if !strings.Contains(notes, want) {
			t.Errorf("no note says %q:\n%s", want, notes)
		}
	}
	if strings.Contains(notes, " n,") || strings.Contains(notes, " n ") {
		t.Errorf("one answer is what is asked anyway:\n%s", notes)
	}
	rule := s.Facts()["rule"].(cell.Values)
	if rule["sent"] == nil {
		t.Error("results that were measured without the tools would count")
	}
	own := open(t, write(t, "b.jsonl", `{"prompt":"q","topic":"x","user":"me","score_total":1}`+"\n"))
	if len(own.Fields())+len(own.Notes()) > 0 || len(own.Facts()["rule"].(cell.Values)) > 0 {
		t.Errorf("columns of the user's own: %v %v", own.Fields(), own.Notes())
	}
}

// TestWhatIsAskedAbout: Dolly's context, and Alpaca's input where a column is named, are not sent, and a note counts the prompts
// that have one.
func TestWhatIsAskedAbout(t *testing.T) {
	const dolly = `{"instruction":"When?","context":"In 2000.","response":"2000","category":"qa"}` + "\n" + `{"instruction":"Which?","context":" ","response":"x"}` + "\n"
	const alpaca = `{"instruction":"Sort","input":"3 1","output":"1 3"}` + "\n" + `{"instruction":"Hi","input":"","output":"x"}` + "\n"
	for _, c := range []struct{ file, text, column, want string }{
		{"a.jsonl", dolly, "", "1 entry has context, which is not sent: to ask with it, put it into the text of the prompt"},
		{"a.jsonl", alpaca, "instruction", "1 entry has input, which is not sent"},
		{"a.jsonl", alpaca, "", ""},
		{"a.jsonl", dolly, "context", ""},
		{"a.csv", "Instruction,Context\nWhen?,In 2000.\nWhich?,\nWho?,Me.\n", "", "2 entries have context"},
		{"a.csv", "instruction,input\nSort,3 1\n", "", ""},
		{"a.csv", "instruction,input\nSort,3 1\n", "instruction", "1 entry has input"},
	} {
		d := write(t, c.file, c.text)
		d.Column = c.column
		s, err := Open(t.Context(), d)
		if c.column == "context" { // the second prompt is empty
			if err == nil {
				t.Error("an empty prompt passed")
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if notes := strings.Join(s.Notes(), "\n"); (c.want == "") != (notes == "") || !strings.Contains(notes, c.want) {
			t.Errorf("%s %s: %q, want %q", c.column, c.text, notes, c.want)
		}
		s.Close()
	}
}

// TestToolsNeedAChat: a raw prompt has no place for them.
func TestToolsNeedAChat(t *testing.T) {
	s := open(t, write(t, "a.jsonl", `{"messages":[{"role":"user","content":"q"}],"tools":[`+weather+`]}`+"\n"))
	c := cellOf("off", "{{.Prompt}}")
	c.BatchSize = 1
	if err := s.Fits(c); err == nil || !strings.Contains(err.Error(), "a.jsonl:1: tools") {
		t.Errorf("%v", err)
	}
	c.Generate.Template = ""
	if err := s.Fits(c); err != nil {
		t.Error(err)
	}
}

// TestLastAnswer: a conversation that ends with the assistant is the same request on every platform.
func TestLastAnswer(t *testing.T) {
	s := open(t, write(t, "a.jsonl",
		`{"messages":[{"role":"user","content":"q"},{"role":"assistant","content":"a"}]}`+"\n"+
			`{"messages":[{"role":"user","content":"q"},{"role":"assistant","content":"a"}],"continue_final_message":true}`+"\n"+
			`{"messages":[{"role":"user","content":[{"type":"text","text":"one"},{"type":"text","text":"two"}]}]}`+"\n"))
	e, _ := s.Entry(0)
	if len(e.Messages) != 1 || e.Reference != "a" {
		t.Errorf("%+v", e)
	}
	if e, _ := s.Entry(1); len(e.Messages) != 2 || e.Reference != "" {
		t.Errorf("asked to go on: %+v", e)
	}
	if e, _ := s.Entry(2); e.Messages[0].Content != "one\ntwo" {
		t.Errorf("text parts: %+v", e.Messages)
	}
	if notes := strings.Join(s.Notes(), "\n"); !strings.Contains(notes, "1 entry ends with the assistant's turn") {
		t.Error(notes)
	}
	rule := s.Facts()["rule"].(cell.Values)
	if rule["last_answer"] == nil || rule["text_parts"] == nil {
		t.Errorf("what is sent has changed, and the identity has not: %v", rule)
	}
}

// TestToolTurns: calls and their results are part of the conversation.
func TestToolTurns(t *testing.T) {
	s := open(t, write(t, "a.jsonl", `{"messages":[{"role":"user","content":"q"},{"role":"assistant","content":null,"tool_calls":[{"id":"1"}]},{"role":"tool","tool_call_id":"1","content":"r"}]}`+"\n"))
	e, err := s.Entry(0)
	if err != nil || string(e.Messages[1].ToolCalls) != `[{"id":"1"}]` || e.Messages[2].ToolCallID != "1" {
		t.Errorf("%+v, %v", e, err)
	}
}

// TestNonceBehindOwnBeginning: the sequence begins once, whoever rendered the prompt.
func TestNonceBehindOwnBeginning(t *testing.T) {
	for _, bos := range []string{"<bos>", "<s>", "<|begin_of_text|>", "<｜begin▁of▁sentence｜>"} {
		s := open(t, write(t, "a.jsonl", `{"prompt":"`+bos+`<user>q"}`+"\n"))
		if e := request(t, s, cellOf("off", ""), false, 0); e.Prompt != bos+nonce(0, false, 0, 0)+"\n<user>q" {
			t.Errorf("%q", e.Prompt)
		}
		c := cellOf("off", bos+"{{.Prompt}}")
		if _, err := s.Request(c, false, 0, 0); err == nil || !strings.Contains(err.Error(), "was rendered before") {
			t.Errorf("two beginnings: %v", err)
		}
	}
}

// TestSaltedNonce: a server that has seen the prompts of one salt has seen none of another's, of the same length.
func TestSaltedNonce(t *testing.T) {
	seen := map[string]bool{}
	for salt := range uint64(200) {
		for seq := range 100 {
			for _, warmup := range []bool{false, true} {
				n := nonce(7, warmup, seq, salt<<3)
				if key := n + string(rune(seq)); seen[key] || len(n) != 10 {
					t.Fatalf("salt %d, seq %d: %s again", salt, seq, n)
				} else {
					seen[key] = true
				}
			}
		}
	}
}

// TestColumnsThatAreNotSent: a table's columns that are named as a field of a request is are not sent, and that is said; a
// user's own are passed over.
func TestColumnsThatAreNotSent(t *testing.T) {
	var fields []arrow.Field
	for _, name := range []string{"prompt", "Temperature", "tools", "model", "topic"} {
		fields = append(fields, arrow.Field{Name: name, Type: arrow.BinaryTypes.String})
	}
	for _, d := range []*cell.Dataset{
		write(t, "t.csv", "prompt,Temperature,tools,model,topic,max_tokens\na,0.7,[],m,x,5\n"),
		tableOf(t, fields, `[{"prompt":"a","Temperature":"0.7","tools":"[]","model":"m","topic":"x"}]`),
	} {
		notes := strings.Join(open(t, d).Notes(), "\n")
		if strings.Count(notes, "is left out") != 2 || !strings.Contains(notes, "column Temperature") || !strings.Contains(notes, "column tools") {
			t.Errorf("%s: %s", d.Path, notes)
		}
	}
}

// TestHalfSurrogate: what JSON can write and UTF-8 cannot is replaced, and said; whole pairs and escaped backslashes are not it.
func TestHalfSurrogate(t *testing.T) {
	for line, half := range map[string]bool{
		`{"prompt": "a \ud83d b"}`:                                   true,
		`{"prompt": "a \udc00 b"}`:                                   true,
		`{"prompt": "a \ud83d\u0041"}`:                               true,
		`{"messages": [{"role": "user", "content": "\ud83dx"}]}`:     true,
		`{"prompt": "a \ud83d\ude00 b"}`:                             false,
		`{"prompt": "a \\ud83d b"}`:                                  false,
		`{"prompt": "a � b", "note": "\ud83d\ude00"}`:                false,
		`{"prompt": "plain", "note": "\ud83d is in no prompt"}`:      false,
		`{"prompt": "\u00e9\u2028\ud83d\ude00 \ud83d\ude00 \ud83d"}`: true,
	} {
		s := open(t, write(t, "x.jsonl", line+"\n"))
		notes := strings.Join(s.Notes(), "\n")
		if strings.Contains(notes, "1 entry has half a surrogate pair") != half {
			t.Errorf("%s: notes %q", line, notes)
		}
	}
}
