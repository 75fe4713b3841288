package dataset

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"matrix/experiments/cell"
)

// write makes a file of a test's own and its dataset.
func write(t *testing.T, name, data string) *cell.Dataset {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(data), 0o644); err != nil {
		t.Fatal(err)
	}
	return &cell.Dataset{ID: "test", Path: path, Place: cell.Place{File: "test.hcl", Line: 3}}
}

func open(t *testing.T, d *cell.Dataset) *Set {
	t.Helper()
	s, err := Open(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func entries(t *testing.T, s *Set) []Entry {
	t.Helper()
	var all []Entry
	for i := range s.Len() {
		e, err := s.Entry(i)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, e)
	}
	return all
}

func user(text string) []Message { return []Message{{Role: "user", Content: text}} }

func TestFormats(t *testing.T) {
	for _, test := range []struct {
		name, file, data, column, format string
		want                             []Entry
	}{
		{"openai batch", "a.jsonl", `{"custom_id":"x","method":"POST","url":"/v1/chat/completions","body":{"messages":[{"role":"system","content":"S"},{"role":"user","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]}],"max_tokens":7}}` + "\n\n" +
			`{"custom_id":"y","url":"/v1/completions","body":{"prompt":"p","max_completion_tokens":9}}`, "", "openai_batch",
			[]Entry{{ID: "x", Messages: turns("system", "S", "user", "a\nb"), MaxTokens: 7, parts: true}, {ID: "y", Prompt: "p", MaxTokens: 9}}},
		{"jsonl", "a.jsonl", "\xef\xbb\xbf" + `{"prompt":"p","reference":"r"}` + "\r\n" + `{"id":5,"messages":[{"role":"user","content":"m"}],"expected":42}` + "\r\n", "", "jsonl",
			[]Entry{{ID: "1", Prompt: "p", Reference: "r"}, {ID: "5", Messages: user("m"), Reference: "42"}}},
		{"sharegpt", "a.json", ` [ {"id":"c","conversations":[{"from":"human","value":"q } ] \" ?"},{"from":"gpt","value":"a"},{"from":"human","value":"q2"}]},
			{"conversations":[]}, {"conversations":[{"from":"gpt","value":"hello"}]},
			{"conversations":[{"from":"system","value":"s"},{"from":"human","value":"z"}]},
			{"reference":"own","conversations":[{"from":"human","value":"y"},{"from":"gpt","value":"b"}]} ]`, "", "sharegpt",
			[]Entry{{ID: "c", Messages: user(`q } ] " ?`), Reference: "a"}, {ID: "2", Messages: turns("system", "s", "user", "z")}, {ID: "3", Messages: user("y"), Reference: "own"}}},
		{"csv", "a.csv", "id,question,expected,max_tokens\nk1,\"one\nline two, with \"\"quotes\"\"\",yes,12\nk2,plain,,\n", "question", "csv",
			[]Entry{{ID: "k1", Prompt: "one\nline two, with \"quotes\"", Reference: "yes", MaxTokens: 12}, {ID: "k2", Prompt: "plain"}}},
		{"tsv", "a.tsv", "prompt\tid\na, b\t1\n", "", "csv", []Entry{{ID: "1", Prompt: "a, b"}}},
		{"csv with a mark", "a.csv", "\xef\xbb\xbfprompt\nä\nö", "", "csv", []Entry{{ID: "1", Prompt: "ä"}, {ID: "2", Prompt: "ö"}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := write(t, test.file, test.data)
			d.Column = test.column
			s := open(t, d)
			if got := entries(t, s); !reflect.DeepEqual(got, test.want) {
				t.Errorf("got  %+v\nwant %+v", got, test.want)
			}
			if s.Facts()["format"] != test.format {
				t.Errorf("read as %v", s.Facts()["format"])
			}
		})
	}
}

func TestLeftOutIsNoted(t *testing.T) {
	s := open(t, write(t, "a.json", `[{"conversations":[]},{"conversations":[{"from":"human","value":"q"}]}]`))
	if len(s.Notes()) != 1 || !strings.Contains(s.Notes()[0], "1 of 2 conversations left out: 1 empty") {
		t.Errorf("notes %q", s.Notes())
	}
}

func TestFaults(t *testing.T) {
	ok := `{"prompt":"p"}` + "\n"
	for _, test := range []struct{ name, file, data, want string }{
		{"bad JSON", "a.jsonl", ok + `{"prompt": }`, "a.jsonl:2: invalid JSON at byte 12"},
		{"wrong type", "a.jsonl", `{"messages":"x"}`, "a.jsonl:1: messages must be a list, not string"},
		{"wrong number", "a.jsonl", `{"prompt":"p","max_tokens":"many"}`, "a.jsonl:1: max_tokens must be a whole number, not string"},
		{"no object", "a.jsonl", ok + "7", "a.jsonl:2: a JSON object is expected, not number"},
		{"nothing asked", "a.jsonl", ok + ok + `{"text":"p"}`, "a.jsonl:3: neither prompt nor messages"},
		{"empty prompt", "a.jsonl", `{"prompt":" "}`, "a.jsonl:1: the prompt is empty"},
		{"empty messages", "a.jsonl", `{"messages":[]}`, "a.jsonl:1: the messages are empty"},
		{"role", "a.jsonl", `{"messages":[{"role":"usr","content":"x"}]}`, `a.jsonl:1: message 1 has role "usr"`},
		{"image", "a.jsonl", `{"messages":[{"role":"user","content":[{"type":"image_url"}]}]}`, "only text is measured"},
		{"max_tokens", "a.jsonl", `{"prompt":"p","max_tokens":0}`, "max_tokens is 0"},
		{"two prompts", "a.jsonl", `{"prompt":["a","b"]}`, "prompt must be a string"},
		{"encoding", "a.jsonl", "{\"prompt\":\"\xe4\"}", "a.jsonl:1: not valid UTF-8"},
		{"same id", "a.jsonl", `{"custom_id":"a","body":{"prompt":"p"}}` + "\n" + `{"custom_id":"a","body":{"prompt":"q"}}`, `a.jsonl:2: custom_id "a" is used on line 1 already`},
		{"empty file", "a.jsonl", "", "a.jsonl: the dataset has no prompts"},
		{"blank file", "a.jsonl", "\n \n", "a.jsonl: the dataset has no prompts"},
		{"array cut", "a.json", "[\n{\"conversations\":[]},\n{\"conv", "a.json:3: this entry has no end"},
		{"array open", "a.json", `[{"conversations":[]}`, "the JSON array has no end"},
		{"array of text", "a.json", `["a"]`, "an object must stand here"},
		{"speaker", "a.json", `[{"conversations":[{"from":"narrator","value":"x"}]}]`, `turn 1 is from "narrator"`},
		{"no column", "a.csv", "question,answer\na,b\n", `a.csv:1: no column "prompt"`},
		{"ragged", "a.csv", "prompt,id\na,1\nb\n", "a.csv:3: wrong number of fields"},
		{"csv empty", "a.csv", "prompt,id\na,1\n,2\n", "a.csv:3: the prompt is empty"},
		{"csv header only", "a.csv", "prompt\n", "the dataset has no prompts"},
		{"no parquet", "a.parquet", "PAR1 nonsense PAR1", "not a readable Parquet file"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := Open(t.Context(), write(t, test.file, test.data))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("got %v, want … %s …", err, test.want)
			}
			var fault *Error
			if !errors.As(err, &fault) {
				t.Errorf("%T holds no *Error", err)
			}
		})
	}
}

func TestManyFaults(t *testing.T) {
	_, err := Open(t.Context(), write(t, "a.jsonl", strings.Repeat("{}\n", 25)))
	if err == nil || strings.Count(err.Error(), "neither prompt") != 10 || !strings.Contains(err.Error(), "and 15 more faults") {
		t.Errorf("%v", err)
	}
}

func TestMissingFile(t *testing.T) {
	_, err := Open(t.Context(), &cell.Dataset{Path: filepath.Join(t.TempDir(), "none.jsonl")})
	if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "none.jsonl: no such file") {
		t.Errorf("%v", err)
	}
	if _, err := Open(t.Context(), &cell.Dataset{Path: t.TempDir()}); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("a folder: %v", err)
	}
	var fault *Error
	// or the advice would be that for results that cannot be written
	if err := fileError("x.jsonl", fs.ErrPermission); !errors.As(err, &fault) || fault.Hint == "" {
		t.Errorf("%v has no advice", err)
	}
}

func TestCanceled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Open(ctx, write(t, "a.jsonl", strings.Repeat("{\"prompt\":\"p\"}\n", 5000))); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// An over-long line is a fault of its own: it is not held, and the lines around it are read.
func TestOverlongLine(t *testing.T) {
	if testing.Short() {
		t.Skip("megabytes, byte by byte: minutes under the race detector")
	}
	d := write(t, "a.jsonl", "")
	f, err := os.Create(d.Path)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(f, `{"prompt":"a"}`+"\n"+`{"prompt":"`+strings.Repeat("x", 100<<10))
	if _, err := f.Seek(256<<20, 1); err != nil { // a hole: 256 MiB that take no disk
		t.Fatal(err)
	}
	fmt.Fprint(f, "\"}\n{}\n")
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err = Open(t.Context(), d)
	runtime.ReadMemStats(&after)
	if err == nil || !strings.Contains(err.Error(), "a.jsonl:2: longer than 16 MiB") || !strings.Contains(err.Error(), "a.jsonl:3: neither") {
		t.Errorf("%v", err)
	}
	if taken := after.TotalAlloc - before.TotalAlloc; taken > 128<<20 {
		t.Errorf("%d MiB were allocated for a line that must not be held", taken>>20)
	}
}

// 200,000 prompts cost their index, 16 bytes each, not their texts.
func TestIndexIsSmall(t *testing.T) {
	if testing.Short() {
		t.Skip("megabytes, byte by byte: minutes under the race detector")
	}
	var b strings.Builder
	for i := range 200_000 {
		fmt.Fprintf(&b, "{\"prompt\":\"prompt %d, %s\"}\n", i, "which is about a hundred bytes long, as prompts of a benchmark are at the very least, if not much more")
	}
	d := write(t, "a.jsonl", b.String())
	b.Reset()
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	s := open(t, d)
	runtime.GC()
	runtime.ReadMemStats(&after)
	if held := int64(after.HeapAlloc) - int64(before.HeapAlloc); held > 8<<20 {
		t.Errorf("%d KiB are held", held>>10)
	}
	if e, err := s.Entry(123_456); err != nil || !strings.HasPrefix(e.Prompt, "prompt 123456,") {
		t.Errorf("%+v, %v", e, err)
	}
}

func TestLimitAndShuffle(t *testing.T) {
	var b strings.Builder
	for i := range 100 {
		fmt.Fprintf(&b, "{\"prompt\":\"p%d\"}\n", i)
	}
	d := write(t, "a.jsonl", b.String())
	first := func() (ids []string) {
		for _, e := range entries(t, open(t, d)) {
			ids = append(ids, e.ID)
		}
		return ids
	}
	d.Limit = 3
	if got := first(); !reflect.DeepEqual(got, []string{"1", "2", "3"}) {
		t.Errorf("limit: %v", got)
	}
	d.Shuffle, d.Seed, d.Limit = true, 7, 8
	if got := first(); !reflect.DeepEqual(got, shuffledGolden) {
		t.Errorf("shuffled by 7: %q; the order must never change", got)
	}
	d.Limit = 100
	seen := map[string]bool{}
	for _, id := range first() {
		seen[id] = true
	}
	if len(seen) != 100 {
		t.Errorf("a shuffle lost prompts: %d are left", len(seen))
	}
}

func TestFacts(t *testing.T) {
	d := write(t, "a.jsonl", `{"prompt":"p"}`+"\n"+`{"prompt":"q"}`+"\n")
	plain := open(t, d).Facts()
	if plain["sha256"] != "d9329e7bd411e6f35bad7cc0ca003e1e98fbd992002647c97e9e6b42b77af603" {
		t.Errorf("digest %v", plain["sha256"])
	}
	d.Limit, d.Seed, d.Repeat = 2, 9, true // none of which changes what is asked
	if got := open(t, d).Facts(); !reflect.DeepEqual(got, plain) {
		t.Errorf("%v, want %v", got, plain)
	}
	d.Limit, d.Shuffle = 1, true
	want := cell.Values{"limit": int64(1), "shuffle": true, "seed": int64(9)}
	if got := open(t, d).Facts()["rule"]; !reflect.DeepEqual(got, want) {
		t.Errorf("rule %v, want %v", got, want)
	}
}

// A file that is edited under an open dataset would give prompts that its digest does not cover.
func TestChangedFile(t *testing.T) {
	d := write(t, "a.jsonl", `{"prompt":"p"}`+"\n")
	s := open(t, d)
	if err := os.Chtimes(d.Path, time.Time{}, time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Entry(0); err == nil || !strings.Contains(err.Error(), "was changed") {
		t.Errorf("%v", err)
	}
}

func TestPromptP95(t *testing.T) {
	var b strings.Builder
	for i := range 100 {
		fmt.Fprintf(&b, "{\"prompt\":%q}\n", strings.Repeat("x", i+1))
	}
	if got := open(t, write(t, "a.jsonl", b.String())).PromptP95Chars(); got != 95 {
		t.Errorf("p95 = %d", got)
	}
}

// turns are messages: role, content, role, content …
func turns(texts ...string) (list []Message) {
	for i := 0; i < len(texts); i += 2 {
		list = append(list, Message{Role: texts[i], Content: texts[i+1]})
	}
	return list
}
