package dataset

import (
	"bufio"
	"bytes"
	"os"
	"strings"
	"testing"
	"unicode/utf8"
)

// fuzzFormat opens whatever bytes as one format: no panic, and every entry that was indexed can be read again and
// says something.
func fuzzFormat(f *testing.F, format, name string, seeds ...string) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		d := write(t, name, string(data))
		d.Format, d.Repeat = format, true
		s, err := Open(t.Context(), d)
		if err != nil {
			return
		}
		defer s.Close()
		for i := range s.Len() {
			e, err := s.Entry(i)
			if err != nil {
				t.Fatalf("entry %d was indexed and cannot be read: %v", i, err)
			}
			if strings.TrimSpace(e.text()) == "" || !utf8.ValidString(e.text()) {
				t.Fatalf("entry %d is %+v", i, e)
			}
			if _, err := s.Request(cellOf("off", gemma), false, i, 0); err != nil && !strings.Contains(err.Error(), "generate.template") {
				t.Fatal(err)
			}
		}
	})
}

func FuzzJSONL(f *testing.F) {
	fuzzFormat(f, "jsonl", "a.jsonl", `{"prompt":"p"}`, "{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"x\"}]}]}\n\n{}", "\xef\xbb\xbf{}", "null",
		"{\"prompt\":\"a\"},\n{\"prompt\":\"b\"}", "{\n\"prompt\":NaN}", "{\"prompt\":[{\"role\":\"user\",\"content\":\"q\"}],\"max_tokens\":16.0}", "{\"instruction\":\"a\",\"input\":\"b\"}", "\xff\xfe{\x00}\x00", "{\"prompt\":\"\xe4\"}")
}

func FuzzOpenAIBatch(f *testing.F) {
	fuzzFormat(f, "openai_batch", "a.jsonl", `{"custom_id":"a","body":{"prompt":"p","max_tokens":3}}`, `{"body":null}`, `{"custom_id":{"a":1},"body":{"messages":null}}`)
}

func FuzzShareGPT(f *testing.F) {
	fuzzFormat(f, "sharegpt", "a.json", `[{"conversations":[{"from":"human","value":"q"},{"from":"gpt","value":"a"}]}]`, `[{"a":"\"}]"},`, `[`, `{"conversations":[]}`,
		`[{"conversation":[{"role":"user","value":"q"}],"system":"s"}]`, `[{"items":[{"from":"observation","value":5}]},]`)
}

func FuzzCSV(f *testing.F) {
	fuzzFormat(f, "csv", "a.csv", "prompt,id\n\"a\nb\",1\n\n\"c\",2\n", "prompt\n\"", "\xef\xbb\xbfprompt\nx\r\n", "a,b\n1,2", "prompt\n\r\n\"x\"\r\n",
		"sep=;\r\nid;prompt;\r\n1;a;\r\n;;\r\n", "prompt\ra\rb", "messages\n\"[{\"\"role\"\":\"\"user\"\",\"\"content\"\":\"\"q\"\"}]\"\n", "\xfe\xff\x00p\x00r\x00o\x00m\x00p\x00t\x00\n\x00a", "\x1f\x8b")
}

func FuzzParquet(f *testing.F) {
	good, err := os.ReadFile(parquetFile(f, []string{"one", "two"}, nil))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 1<<16 {
			return
		}
		d := write(t, "a.parquet", string(data))
		d.Column = "question"
		if s, err := Open(t.Context(), d); err == nil {
			s.Close()
		}
	})
}

func FuzzReadLine(f *testing.F) {
	f.Add([]byte("a\nbb\n\nccc"))
	f.Fuzz(func(t *testing.T, data []byte) {
		in := bufio.NewReaderSize(bytes.NewReader(data), 16)
		var all []byte
		for {
			raw, size, err := readLine(in, nil)
			if int(size) != len(raw) {
				t.Fatalf("a line of %d bytes is said to have %d", len(raw), size)
			}
			if all = append(all, raw...); err != nil {
				break
			}
		}
		if !bytes.Equal(all, data) {
			t.Fatalf("%q was read as %q", data, all)
		}
	})
}
