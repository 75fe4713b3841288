package queueing

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

func TestBatchRoute(t *testing.T) {
	web := serving(t, func(o *Options) { o.API, o.MaxModelLen = Offline, 50 })
	var body bytes.Buffer
	for _, line := range []string{
		`{"seq":5,"prompt":"one two","max_tokens":3,"ignore_eos":true}`,
		`{"seq":6,"prompt":"` + strings.Repeat("w ", 60) + `","max_tokens":3}`,
		`{"seq":7,"messages":[{"role":"user","content":"one two three"}],"max_tokens":2,"ignore_eos":true,"timeout_s":60}`,
		`{"seq":8,"max_tokens":2}`,
	} {
		body.WriteString(line + "\n")
	}
	_, text := post(t, web.URL+"/batch", body.String())
	got := map[int64]BatchAnswer{}
	for line := range strings.Lines(text) {
		var a BatchAnswer
		if err := json.Unmarshal([]byte(line), &a); err != nil {
			t.Fatal(err)
		}
		got[a.Seq] = a
	}
	if len(got) != 4 {
		t.Fatalf("answers: %s", text)
	}
	if a := got[5]; a.OutputTokens != 3 || a.InputTokens != 2 || words(a.Text) != 3 || a.FinishReason != "length" || a.PrefillS <= 0 || a.DecodeS <= 0 {
		t.Errorf("%+v", a)
	}
	if got[6].Class != "prompt_too_long" || got[7].OutputTokens != 2 || got[8].Class != "bad_request" {
		t.Errorf("%+v", got)
	}
}

func TestBatchTimeout(t *testing.T) {
	web := serving(t, func(o *Options) { o.API, o.DecodeTokensPerS = Offline, 1 })
	_, text := post(t, web.URL+"/batch", `{"seq":1,"prompt":"x","max_tokens":1000,"ignore_eos":true,"timeout_s":0.05}`+"\n")
	if !strings.Contains(text, `"class":"timeout"`) {
		t.Errorf("%s", text)
	}
}
