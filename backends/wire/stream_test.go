package wire

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"strings"
	"testing"
	"testing/iotest"

	"matrix/backends"
	"matrix/experiments/cell"
)

// readText reads a whole answer without a network.
func readText(body io.Reader, p Protocol, maxTokens int) backends.Reply {
	var r backends.Reply
	read(body, &Call{Protocol: p, Request: backends.Request{MaxTokens: maxTokens}}, &r, func() {})
	return r
}

// TestRealStreams reads what the engines really sent.
func TestRealStreams(t *testing.T) {
	for _, c := range []struct {
		file    string
		p       Protocol
		in, out int64
		chunks  int
		finish  string
		text    string // begins with
	}{
		{"vllm_completion.txt", OpenAICompletions, 12, 16, 16, "length", "គ្មាន"},
		{"vllm_chat.txt", OpenAIChat, 13, 16, 16, "length", " Preset Preset"},
		{"ollama_generate.txt", NDJSONGenerate, 31, 12, 12, "length", " hummingbirdexpect"},
		{"ollama_chat.txt", NDJSONChat, 3, 12, 12, "length", " Assemble cread"},
		{"ollama_openai.txt", OpenAIChat, 3, 8, 8, "length", " Prabh"},
		{"ollama_toolong.txt", NDJSONGenerate, 2048, 4, 4, "length", " sre"},
		{"llama_server.txt", OpenAICompletions, 6, 3, 3, "length", " the capital of"},
	} {
		text, err := os.ReadFile("testdata/" + c.file)
		if err != nil {
			t.Fatal(err)
		}
		for name, body := range map[string]io.Reader{
			"whole": bytes.NewReader(text), "bytes": iotest.OneByteReader(bytes.NewReader(text)), "late": iotest.DataErrReader(bytes.NewReader(text)),
		} {
			r := readText(body, c.p, 16)
			if r.Status != backends.OK || *r.InputTokens != c.in || *r.OutputTokens != c.out || r.Chunks != c.chunks || r.FinishReason != c.finish {
				t.Errorf("%s, %s: %s (%s), %v in, %v out, %d chunks, finish %q", c.file, name, r.Status, r.Error, r.InputTokens, r.OutputTokens, r.Chunks, r.FinishReason)
			}
			if !strings.HasPrefix(r.Text, c.text) {
				t.Errorf("%s, %s: text %q", c.file, name, r.Text)
			}
		}
	}
}

// TestChatRole: chat's first event has a role and no text. It is a chunk, not a token.
func TestChatRole(t *testing.T) {
	text, err := os.ReadFile("testdata/vllm_chat.txt")
	if err != nil {
		t.Fatal(err)
	}
	r := readText(iotest.OneByteReader(bytes.NewReader(text)), OpenAIChat, 16)
	if !r.FirstToken.After(r.FirstChunk) {
		t.Errorf("first token %v, first chunk %v", r.FirstToken, r.FirstChunk)
	}
}

func TestReasoningIsSpokenButNotAnswered(t *testing.T) {
	for p, body := range map[Protocol]string{
		OpenAIChat: `data: {"choices":[{"delta":{"reasoning_content":"hm"}}]}` + "\n\n" + `data: {"choices":[{"delta":{"reasoning_content":", so"}}]}` + "\n\n" +
			`data: {"choices":[{"delta":{"content":"yes"},"finish_reason":"stop"}]}` + "\n\ndata: [DONE]\n\n",
		NDJSONChat: `{"message":{"content":"","thinking":"hm"},"done":false}` + "\n" + `{"message":{"content":"","thinking":", so"},"done":false}` + "\n" +
			`{"message":{"content":"yes"},"done":false}` + "\n" + `{"message":{"content":""},"done":true,"done_reason":"stop"}` + "\n",
	} {
		if r := readText(strings.NewReader(body), p, 16); r.Status != backends.OK || r.Text != "yes" || r.Chunks != 3 || r.FirstToken.IsZero() {
			t.Errorf("%s: %s (%s), text %q, %d chunks", p, r.Status, r.Error, r.Text, r.Chunks)
		}
	}
}

// TestOneEventIsSpokenOnce: a thought under both of its names, or beside the answer, is one event; a call of a tool is
// what such an answer consists of.
func TestOneEventIsSpokenOnce(t *testing.T) {
	end := `data: {"choices":[{"delta":{},"finish_reason":"stop"}]}` + "\n\ndata: [DONE]\n\n"
	for body, want := range map[string]string{
		`data: {"choices":[{"delta":{"reasoning":"hm","reasoning_content":"hm"}}]}` + "\n\n" + `data: {"choices":[{"delta":{"reasoning":"so","content":"yes"}}]}` + "\n\n": "yes",
		`data: {"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"name":"f","arguments":""}}]}}]}` + "\n\n" +
			`data: {"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\"a\":1}"}}]}}]}` + "\n\n": `f{"a":1}`,
	} {
		if r := readText(strings.NewReader(body+end), OpenAIChat, 16); r.Status != backends.OK || r.Text != want || r.Chunks != 2 || r.Thought != (want == "yes") {
			t.Errorf("%s (%s), text %q, %d chunks, thought %t", r.Status, r.Error, r.Text, r.Chunks, r.Thought)
		}
	}
	body := `{"message":{"content":"","tool_calls":[{"function":{"name":"f","arguments":{"a":1}}}]},"done":false}` + "\n" + `{"message":{"content":""},"done":true,"done_reason":"stop"}` + "\n"
	if r := readText(strings.NewReader(body), NDJSONChat, 16); r.Status != backends.OK || r.Text != `f{"a":1}` || r.Chunks != 1 {
		t.Errorf("%s (%s), text %q, %d chunks", r.Status, r.Error, r.Text, r.Chunks)
	}
}

// TestDataInSeveralLines: an event's data may be cut into lines.
func TestDataInSeveralLines(t *testing.T) {
	body := ": a comment\nevent: message\nid: 1\nretry: 5\ndata: {\"choices\":\ndata: [{\"text\":\"a\"}]}\n\ndata:[DONE]\n\n"
	if r := readText(strings.NewReader(body), OpenAICompletions, 16); r.Status != backends.OK || r.Text != "a" {
		t.Errorf("%s (%s), text %q", r.Status, r.Error, r.Text)
	}
	if r := readText(strings.NewReader("data: {\"choices\":\n\ndata: [DONE]\n\n"), OpenAICompletions, 16); r.Status != backends.Malformed {
		t.Errorf("%s (%s)", r.Status, r.Error)
	}
}

// TestRepeatedToken: Ollama ends an answer of more than 30 equal tokens without a last line, and without saying why. That is
// an end of its own, and never ok.
func TestRepeatedToken(t *testing.T) {
	for _, test := range []struct {
		token, then string
		count       int
		want        backends.Status
	}{
		{`"response":"0"`, "", 31, backends.Repeated}, {`"response":" the"`, "", 31, backends.Repeated},
		{`"response":"\n"`, "", 31, backends.Repeated}, {`"response":"0"`, "", 20, backends.Truncated},
		{`"thinking":" wait"`, "", 31, backends.Repeated}, {`"message":{"thinking":" wait"}`, "", 2000, backends.Repeated},
		{`"thinking":" wait"`, "", 20, backends.Truncated},
		{`"thinking":"-"`, `{"response":"Yes","done":false}`, 40, backends.Truncated}, // a rule in its thoughts, and an answer that broke off
	} {
		body := strings.Repeat(`{`+test.token+`,"done":false}`+"\n", test.count)
		r := readText(strings.NewReader(`{"thinking":"It is 1","done":false}`+"\n"+body+test.then), NDJSONGenerate, 64)
		if r.Status != test.want {
			t.Errorf("%d × %s, then %q: %s (%s)", test.count, test.token, test.then, r.Status, r.Error)
		}
	}
}

func TestSSEErrors(t *testing.T) {
	for body, want := range map[string]string{
		"error: {\"error\":{\"message\":\"slot broke\"}}\n\n": "slot broke",
		"error: it broke\n\n":                                                                    "it broke",
		"{\"object\":\"error\",\"message\":\"old vLLM\"}\n":                                      "old vLLM",
		"data: {\"object\":\"error\",\"message\":\"old vLLM\"}\n\n":                              "old vLLM",
		"data: {\"error\":\"{\\\"error\\\":{\\\"message\\\":\\\"nested\\\"}}\"}\n\ndata: [DONE]": "nested",
	} {
		if r := readText(strings.NewReader(body), OpenAICompletions, 16); r.Status != backends.Failed || r.Error != want {
			t.Errorf("%q: %s %q", body, r.Status, r.Error)
		}
	}
}

func TestOpenAIBody(t *testing.T) {
	req := backends.Request{
		Prompt: "<bos><start_of_turn>user\nA & B", MaxTokens: 9,
		Generate: &cell.Generate{MaxTokens: 9, Temperature: 0.5, TopP: 0.9, TopK: 3, Seed: 7, MinTokens: 2, IgnoreEOS: true, RepeatPenalty: 1, Stop: []string{"\n"}},
	}
	for _, c := range []struct {
		chat bool
		d    Dialect
		want string
	}{
		{false, OpenAI, `{"model":"m","prompt":"<bos><start_of_turn>user\nA & B","max_tokens":9,"temperature":0.5,"top_p":0.9,"seed":7,"stop":["\n"],"stream":true,"stream_options":{"include_usage":true}}`},
		{false, Extended, `{"model":"m","prompt":"<bos><start_of_turn>user\nA & B","max_tokens":9,"temperature":0.5,"top_p":0.9,"seed":7,"stop":["\n"],"stream":true,"stream_options":{"include_usage":true},"top_k":3,"min_tokens":2,"ignore_eos":true,"repetition_penalty":1,"add_special_tokens":false}`},
		{true, Extended, `{"model":"m","messages":[{"role":"user","content":"hi"}],"max_completion_tokens":9,"temperature":0.5,"top_p":0.9,"seed":7,"stop":["\n"],"stream":true,"stream_options":{"include_usage":true},"top_k":3,"min_tokens":2,"ignore_eos":true,"repetition_penalty":1,"chat_template_kwargs":{"enable_thinking":false,"thinking":false}}`},
	} {
		r := req
		if c.chat {
			r.Messages = []backends.Message{{Role: "user", Content: "hi"}}
		}
		body, p := OpenAIBody(r, "m", c.d)
		if string(body) != c.want || p == OpenAIChat != c.chat {
			t.Errorf("%s\n%s\nwant\n%s", p, body, c.want)
		}
	}
	req.Generate = &cell.Generate{MaxTokens: 9}
	if body, _ := OpenAIBody(req, "m", OpenAI); strings.Contains(string(body), "seed") || !strings.Contains(string(body), `"temperature":0,`) {
		t.Errorf("greedy: %s", body)
	}
}

func TestOneLine(t *testing.T) {
	for text, want := range map[string]string{"a\r\nb\tc": "a b c", "": "", "bad \xff": "bad \ufffd"} {
		if got := OneLine(text); got != want {
			t.Errorf("%q: %q", text, got)
		}
	}
	if got := OneLine(strings.Repeat("é", 400)); len(got) > 500 || len(got) < 490 || !strings.HasSuffix(got, "é…") {
		t.Errorf("%d bytes, ends %q", len(got), got[len(got)-6:])
	}
}

// FuzzUnescape holds our reader of strings against encoding/json's.
func FuzzUnescape(f *testing.F) {
	for _, seed := range []string{`a`, `\n\t\"\\\/`, `\u00e9\ud83d\ude00\ud83d`, `\u12`, `"`, "\x01", `\ud800\u0041`, "é😀", `\`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, ok := appendUnescaped(nil, []byte(s))
		var want string
		err := json.Unmarshal([]byte(`"`+s+`"`), &want)
		if ok != (err == nil) {
			t.Fatalf("%q: ok %v, encoding/json: %v", s, ok, err)
		}
		if ok && strings.ToValidUTF8(string(got), "\ufffd") != strings.ToValidUTF8(want, "\ufffd") && !strings.Contains(want, "\ufffd") {
			t.Fatalf("%q: %q, encoding/json: %q", s, got, want)
		}
	})
}

// fuzzStream: whatever a server sends ends as one status, is the same in one piece as byte by byte, and the short cut
// of the template gives what a full parse gives.
func fuzzStream(f *testing.F, p Protocol, files ...string) {
	for _, file := range files {
		text, err := os.ReadFile("testdata/" + file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
		f.Add(text[:len(text)/2])
		f.Add(bytes.ReplaceAll(text, []byte(`"text":"`), []byte(`"text":"\u00e9\`)))
		f.Add(bytes.ReplaceAll(text, []byte("done"), []byte("Done")))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		whole := readText(bytes.NewReader(body), p, 1000)
		if whole.Status == "" || whole.Done.IsZero() || (whole.Status == backends.OK) != (whole.ErrorClass == "") {
			t.Fatalf("status %q, class %q, done %v", whole.Status, whole.ErrorClass, whole.Done)
		}
		torn := readText(iotest.OneByteReader(bytes.NewReader(body)), p, 1000)
		slow := readText(iotest.HalfReader(bytes.NewReader(bytes.ReplaceAll(body, []byte("\n"), []byte("\n\n")))), p, 1000)
		for _, other := range []backends.Reply{torn, slow} {
			if len(body) < 4096 && bytes.IndexByte(body, '\r') < 0 && other.Status == backends.OK && whole.Status == backends.OK && other.Text != whole.Text {
				t.Fatalf("%q, then %q", whole.Text, other.Text)
			}
		}
		if torn.Status != whole.Status || torn.Text != whole.Text || torn.Chunks != whole.Chunks {
			t.Fatalf("in one piece %s %q %d, byte by byte %s %q %d", whole.Status, whole.Text, whole.Chunks, torn.Status, torn.Text, torn.Chunks)
		}
	})
}

func FuzzSSE(f *testing.F) {
	fuzzStream(f, OpenAIChat, "vllm_chat.txt", "vllm_completion.txt", "ollama_openai.txt", "llama_server.txt")
}

func FuzzNDJSON(f *testing.F) {
	fuzzStream(f, NDJSONGenerate, "ollama_generate.txt", "ollama_chat.txt", "ollama_toolong.txt")
}

// TestTemplateIsUsed: without it the goal for coalesced events is out of reach, and nothing else would show.
func TestTemplateIsUsed(t *testing.T) {
	for file, p := range map[string]Protocol{
		"vllm_completion.txt": OpenAICompletions, "vllm_chat.txt": OpenAIChat, "ollama_generate.txt": NDJSONGenerate,
		"ollama_chat.txt": NDJSONChat, "llama_server.txt": OpenAICompletions,
	} {
		text, err := os.ReadFile("testdata/" + file)
		if err != nil {
			t.Fatal(err)
		}
		var learned template
		fit, lines := 0, 0
		s := stream{call: &Call{Protocol: p}, reply: &backends.Reply{}, finished: func() {}}
		for line := range bytes.SplitSeq(text, []byte("\n")) {
			if line = bytes.TrimPrefix(line, []byte("data: ")); len(line) == 0 || line[0] != '{' {
				continue
			}
			lines++
			if _, ok := s.template.text(line); ok {
				fit++
			}
			if p.SSE() {
				err = s.data(line)
			} else {
				err = s.ndjson(line)
			}
			if err != nil {
				t.Fatal(err)
			}
			learned = s.template
		}
		if !learned.known || fit < lines-5 {
			t.Errorf("%s: %d of %d lines fit the template", file, fit, lines)
		}
	}
}
