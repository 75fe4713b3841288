package dataset

import (
	"bytes"
	"compress/gzip"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"golang.org/x/text/encoding/unicode"
)

func gzipped(text string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	w.Write([]byte(text))
	w.Close()
	return b.String()
}

func zstandard(text string) string {
	w, _ := zstd.NewWriter(nil)
	return string(w.EncodeAll([]byte(text), nil))
}

func wide(end unicode.Endianness, mark unicode.BOMPolicy, text string) string {
	out, err := unicode.UTF16(end, mark).NewEncoder().String(text)
	if err != nil {
		panic(err)
	}
	return out
}

// TestFilesAsPeopleHaveThem: what pandas, Excel, PowerShell, Hugging Face and others write is read as what it means, or
// refused with the line and the reason; it is never taken for something else.
func TestFilesAsPeopleHaveThem(t *testing.T) {
	ab := []Entry{{ID: "1", Prompt: "A, b?"}, {ID: "2", Prompt: "Größe"}}
	limited := []Entry{{ID: "1", Prompt: "A, b?", MaxTokens: 16}, {ID: "2", Prompt: "Größe"}}
	system := []Message{{Role: "system", Content: "S"}, {Role: "user", Content: "q"}}
	for _, c := range []struct {
		name, file, data, column string
		want                     []Entry
		fault                    string
	}{
		// Tables.
		{"Excel in Europe", "a.csv", "id;prompt;max_tokens\r\n1;A, b?;16\r\n2;Größe;\r\n", "", limited, ""},
		{"Excel's sep line", "a.csv", "sep=;\r\nid;prompt\r\n1;A, b?\r\n2;Größe\r\n", "", ab, ""},
		{"Excel's CSV UTF-8", "a.csv", "\xef\xbb\xbfid;prompt\r\n1;A, b?\r\n2;Größe\r\n", "", ab, ""},
		{"Excel's Unicode text", "a.txt", wide(unicode.LittleEndian, unicode.UseBOM, "id\tprompt\r\n1\tA, b?\r\n2\tGröße\r\n"), "", ab, ""},
		{"PowerShell's Export-Csv", "a.csv", "#TYPE System.Object\r\n\"id\",\"prompt\"\r\n\"1\",\"A, b?\"\r\n\"2\",\"Größe\"\r\n", "", ab, ""},
		{"PowerShell's Export-Csv of one column", "a.csv", "#TYPE System.Object\r\n\"prompt\"\r\n\"q\"\r\n", "", []Entry{{ID: "1", Prompt: "q"}}, ""},
		{"a fault below its line", "a.csv", "#TYPE System.Object\r\n\"id\",\"prompt\"\r\n\"1\"\r\n", "", nil, "a.csv:3: wrong number of fields"},
		{"DOS' end of file", "a.csv", "prompt\r\nq\r\n\x1a", "", []Entry{{ID: "1", Prompt: "q"}}, ""},
		{"DOS' end of file in JSONL", "a.jsonl", "{\"prompt\":\"q\"}\r\n\x1a\r\n", "", []Entry{{ID: "1", Prompt: "q"}}, ""},
		{"Excel on old Macs", "a.csv", "id;prompt\r1;A, b?\r2;Größe\r", "", ab, ""},
		{"tabs in a .csv", "a.csv", "id\tprompt\n1\tA, b?\n2\tGröße\n", "", ab, ""},
		{"commas in a .tsv", "a.tsv", "id,prompt\n1,\"A, b?\"\n2,Größe\n", "", ab, ""},
		{"bars", "a.csv", "id|prompt\n1|A, b?\n2|Größe\n", "", ab, ""},
		{"pandas to_csv with its index", "a.csv", ",id,prompt,max_tokens\n0,1,\"A, b?\",16.0\n1,2,Größe,\n", "", limited, ""},
		{"pandas' quoting=QUOTE_ALL", "a.csv", "\"id\",\"prompt\"\n\"1\",\"A, b?\"\n\"2\",\"Größe\"\n", "", ab, ""},
		{"na_rep", "a.csv", "id,prompt,max_tokens\n1,\"A, b?\",16\n2,Größe,nan\n", "", limited, ""},
		{"line breaks in quotes", "a.csv", "id;prompt\r\n1;\"a\r\nb;\"\"c\"\"\"\r\n", "", []Entry{{ID: "1", Prompt: "a\nb;\"c\""}}, ""},
		{"rows and columns that once were filled", "a.csv", "id,prompt,,\r\n1,\"A, b?\",,\r\n2,Größe,,\r\n,,,\r\n,,,\r\n", "", ab, ""},
		{"spaces in the header", "a.csv", "id, prompt \n1,\"A, b?\"\n2,Größe\n", "", ab, ""},
		{"Prompt in capitals", "a.csv", "ID,Prompt\n1,\"A, b?\"\n2,Größe\n", "", ab, ""},
		{"a column by name", "a.csv", "nr;frage;antwort\n1;A, b?;x\n2;Größe;y\n", "frage", ab, ""},
		{"UTF-16 without a mark", "a.csv", wide(unicode.LittleEndian, unicode.IgnoreBOM, "id;prompt\r\n1;A, b?\r\n2;Größe\r\n"), "", ab, ""},
		{"UTF-16 the other way", "a.csv", wide(unicode.BigEndian, unicode.UseBOM, "id;prompt\r\n1;A, b?\r\n2;Größe\r\n"), "", ab, ""},
		{"gzip", "a.csv.gz", gzipped("id;prompt\n1;A, b?\n2;Größe\n"), "", ab, ""},
		{"zstd", "a.tsv.zst", zstandard("id\tprompt\n1\tA, b?\n2\tGröße\n"), "", ab, ""},
		{"messages as JSON in a cell", "a.csv", "id,messages\nx,\"[{\"\"role\"\":\"\"user\"\",\"\"content\"\":\"\"q\"\"}]\"\n", "", []Entry{{ID: "x", Messages: user("q")}}, ""},
		{"Alpaca as a table", "a.csv", "instruction,input,output\nDo it,with this,done\nDo that,,\n", "", []Entry{{ID: "1", Prompt: "Do it\n\nwith this", Reference: "done"}, {ID: "2", Prompt: "Do that"}}, ""},
		{"prompts with semicolons", "a.csv", "prompt\na;b\nc;d\n", "", []Entry{{ID: "1", Prompt: "a;b"}, {ID: "2", Prompt: "c;d"}}, ""},
		{"Latin-1", "a.csv", "id;prompt\r\n1;a\r\n2;Gr\xf6\xdfe\r\n", "", nil, "a.csv:3: not valid UTF-8 (byte 0xF6)"},
		{"no header, one column", "a.csv", "What is two plus two?\nName a town.\n", "", nil, "a.csv:1: the first line looks like a prompt"},
		{"no header, more columns", "a.csv", "1;What is two plus two?\n2;Name a town.\n", "", nil, `a.csv:1: no column "prompt"`},
		{"semicolons, unknown names", "a.csv", "frage;antwort\na;b\n", "", nil, `a.csv:1: no column "prompt"`},
		{"a comma outside quotes", "a.csv", "id,prompt\n1,Hello, world\n", "", nil, "a.csv:2: wrong number of fields: 3, the header has 2"},
		{"curly quotes", "a.csv", "id,prompt\n1,“Hello, world”\n", "", nil, "a.csv:2: wrong number of fields"},
		{"a break outside quotes", "a.csv", "prompt,id\nHello\nworld,1\n", "", nil, "a.csv:2: wrong number of fields"},
		{"a quote left open", "a.csv", "prompt\n\"Hello\nworld\n", "", nil, "a quote has no end"},
		{"a bare quote", "a.csv", "prompt\n5\" pipe\n", "", nil, "a.csv:2: a quote stands inside a field"},
		{"a German thousand", "a.csv", "prompt;max_tokens\nx;1.024\n", "", nil, "a.csv:2: max_tokens is \"1.024\": is that 1 thousand?"},
		{"a German number", "a.csv", "prompt;max_tokens\nx;1.234,5\n", "", nil, "a.csv:2: max_tokens is \"1.234,5\"; it must be a whole number"},
		{"half a token", "a.csv", "prompt,max_tokens\nx,16.5\n", "", nil, "max_tokens is 16.5; it must be a whole number"},
		{"two prompt columns", "a.csv", "prompt,prompt\na,b\n", "", nil, `two columns are named "prompt"`},
		{"Python's lists", "a.csv", "messages\n\"[{'role': 'user', 'content': 'q'}]\"\n", "", nil, "messages is Python's way to print a list"},
		{"a separator that is none", "a.csv", "id:prompt\n1:a\n", "", nil, `a.csv:1: one column, and its name "id:prompt" looks like several`},
		{"Hive's separator", "a.csv", "id\x01prompt\n1\x01a\n", "", nil, "looks like several"},
		{"one column of an odd name", "a.csv", "prompt (English)\na:b\n", "", []Entry{{ID: "1", Prompt: "a:b"}}, ""},
		{"CSV that is named Parquet", "a.parquet", "id,prompt\n1,\"A, b?\"\n2,Größe\n", "", ab, ""},
		{"a table in Markdown", "a.csv", "| id | prompt |\n|---|:--|\n| 1 | a |\n", "", nil, "a.csv:2: a line is drawn under the header"},
		{"a login page", "a.csv", "\n <!doctype HTML><html>\n", "", nil, "a.csv: it is a web page"},
		{"an Excel workbook", "a.csv", "PK\x03\x04\x14\x00\x06\x00", "", nil, "a.csv: it is an Excel workbook"},
		{"a cut download", "a.csv.gz", gzipped("prompt\n" + strings.Repeat("abc\n", 1000))[:40], "", nil, "gzip data end too early"},
		// JSON lines and what is like them.
		{"PowerShell's >", "a.jsonl", wide(unicode.LittleEndian, unicode.UseBOM, "{\"id\":1,\"prompt\":\"A, b?\"}\r\n{\"id\":2,\"prompt\":\"Größe\"}\r\n"), "", ab, ""},
		{"CRLF and blank lines", "a.jsonl", "\xef\xbb\xbf\r\n{\"prompt\":\"A, b?\"}\r\n\r\n{\"prompt\":\"Größe\"}\r\n \r\n", "", ab, ""},
		{"pandas' lines", "a.jsonl", "{\"id\":1.0,\"prompt\":\"A, b?\",\"max_tokens\":16.0}\n{\"id\":2.0,\"prompt\":\"Gr\\u00f6\\u00dfe\",\"max_tokens\":null}\n", "", []Entry{{ID: "1.0", Prompt: "A, b?", MaxTokens: 16}, {ID: "2.0", Prompt: "Größe"}}, ""},
		{"Python's NaN", "a.jsonl", "{\"id\":1,\"prompt\":\"A, b?\",\"max_tokens\":16,\"score\":NaN}\n{\"id\":2,\"prompt\":\"Größe\",\"max_tokens\":NaN}\n", "", limited, ""},
		{"pandas' records", "a.json", `[{"id":1,"prompt":"A, b?"},{"id":2,"prompt":"Größe"}]`, "", ab, ""},
		{"an array with a comma too many", "a.json", "[\n{\"id\":1,\"prompt\":\"A, b?\"},\n{\"id\":2,\"prompt\":\"Größe\"},\n]\n", "", ab, ""},
		{"an array without its brackets", "a.jsonl", "{\"id\":1,\"prompt\":\"A, b?\"},\n{\"id\":2,\"prompt\":\"Größe\"},\n", "", ab, ""},
		{"one behind the other", "a.jsonl", `{"id":1,"prompt":"A, b?"}{"id":2,"prompt":"Größe"}`, "", ab, ""},
		{"written over lines", "a.json", "{\n  \"id\": 1,\n  \"prompt\": \"A, b?\"\n}\n{\n  \"id\": 2,\n  \"prompt\": \"Größe\"\n}\n", "", ab, ""},
		{"gzipped lines", "a.jsonl.gz", gzipped("{\"id\":1,\"prompt\":\"A, b?\"}\n{\"id\":2,\"prompt\":\"Größe\"}\n"), "", ab, ""},
		{"a field by name", "a.jsonl", `{"question":"A, b?","answer":"x"}` + "\n" + `{"question":"Größe"}`, "question", ab, ""},
		{"Alpaca", "a.json", `[{"instruction":"Do it","input":"with this","output":"done"},{"instruction":"Do that","input":"","output":""}]`, "",
			[]Entry{{ID: "1", Prompt: "Do it\n\nwith this", Reference: "done"}, {ID: "2", Prompt: "Do that"}}, ""},
		{"Alpaca without instruction", "a.json", `[{"instruction":"","input":"q","output":"a"}]`, "", []Entry{{ID: "1", Prompt: "q", Reference: "a"}}, ""},
		{"a number beyond all", "a.jsonl", `{"prompt":"q","max_tokens":1e400}`, "", nil, "max_tokens is 1e400; it must be a whole number"},
		{"messages under prompt", "a.jsonl", `{"prompt":[{"role":"system","content":"S"},{"role":"user","content":"q"}]}`, "", []Entry{{ID: "1", Messages: system}}, ""},
		{"a list of one prompt", "a.jsonl", `{"prompt":["q"]}`, "", []Entry{{ID: "1", Prompt: "q"}}, ""},
		{"numbers in quotes", "a.jsonl", `{"prompt":"q","max_tokens":"16"}`, "", []Entry{{ID: "1", Prompt: "q", MaxTokens: 16}}, ""},
		{"other fields of any kind", "a.jsonl", `{"prompt":"q","input":5,"system":[1],"conversations":null,"reference":{"a":1},"tags":{"x":[]}}`, "", []Entry{{ID: "1", Prompt: "q", Reference: `{"a":1}`}}, ""},
		{"a batch written over lines", "a.json", "{\n \"custom_id\": \"a\",\n \"body\": {\"messages\": [{\"role\": \"user\", \"content\": \"q\"}]}\n}\n", "", []Entry{{ID: "a", Messages: user("q")}}, ""},
		{"Anthropic's batches", "a.jsonl", `{"custom_id":"x","params":{"max_tokens":9,"system":[{"type":"text","text":"S"}],"messages":[{"role":"user","content":"q"}]}}`, "", []Entry{{ID: "x", Messages: system, MaxTokens: 9}}, ""},
		{"a body and params of another kind", "a.jsonl", `{"prompt":"q","body":"of a letter","params":"4B"}`, "", []Entry{{ID: "1", Prompt: "q"}}, ""},
		{"a batch's numbers", "a.jsonl", `{"custom_id":7,"body":{"prompt":"p","max_tokens":3.0,"temperature":0}}`, "", []Entry{{ID: "7", Prompt: "p", MaxTokens: 3, left: []string{"temperature"}}}, ""},
		{"one line broken", "a.jsonl", "{\"prompt\":\"a\"}\n{\"prompt\":\"b\"\n{\"prompt\":\"c\"}\n", "", nil, "a.jsonl:2: invalid JSON"},
		{"token ids", "a.jsonl", `{"prompt":[1,2,3]}`, "", nil, "prompt must be a string"},
		{"pandas' columns", "a.json", `{"prompt":{"0":"a","1":"b"}}`, "", nil, "prompt must be a string"},
		{"the list below a name", "a.json", `{"data":[{"prompt":"a"}]}`, "", nil, "neither prompt nor messages"},
		{"Latin-1 lines", "a.jsonl", "{\"prompt\":\"a\"}\n{\"prompt\":\"Gr\xf6\xdfe\"}\n", "", nil, "a.jsonl:2: not valid UTF-8 (byte 0xF6)"},
		{"a text file", "a.txt", "Name a town.\nName a river.\n", "", nil, `a.txt:1: neither JSON nor a table with a column of prompts: it begins "Name a town."`},
		{"a field that is not there", "a.jsonl", `{"prompt":"a"}`, "question", nil, `a.jsonl:1: no field "question"`},
		{"a field that is null, beside others", "a.jsonl", `{"question":"a","prompt":"x"}` + "\n" + `{"question":null,"prompt":"b","messages":[{"role":"user","content":"c"}]}`, "question", nil, `a.jsonl:2: the field "question" is null`},
		{"conversations declared, and null", "a.json", `[{"id":"a","conversations":null,"prompt":"b"},{"id":"c","conversations":[{"from":"human","value":"q"}]}]`, "conversations", []Entry{{ID: "c", Messages: user("q")}}, ""},
		// Conversations.
		{"role and content", "a.jsonl", `{"id":"c","conversations":[{"role":"user","content":"q"},{"role":"assistant","content":"a"}]}`, "", []Entry{{ID: "c", Messages: user("q"), Reference: "a"}}, ""},
		{"role and value", "a.jsonl", `{"id":"c","conversations":[{"role":"user","value":"q"},{"role":"assistant","value":"a"}]}`, "", []Entry{{ID: "c", Messages: user("q"), Reference: "a"}}, ""},
		{"LMSYS", "a.jsonl", `{"conversation_id":"c","model":"x","conversation":[{"role":"user","content":"q"},{"role":"assistant","content":"a"}]}`, "", []Entry{{ID: "c", Messages: user("q"), Reference: "a"}}, ""},
		{"Vicuna's items", "a.json", `[{"id":"c","items":[{"from":"human","value":"q"},{"from":"gpt","value":"a"}]}]`, "", []Entry{{ID: "c", Messages: user("q"), Reference: "a"}}, ""},
		{"system beside", "a.json", `[{"system":"S","conversations":[{"from":"human","value":"q"},{"from":"gpt","value":"a"}]}]`, "", []Entry{{ID: "1", Messages: system, Reference: "a"}}, ""},
		{"system first", "a.json", `[{"conversations":[{"from":"system","value":"S"},{"from":"human","value":"q"},{"from":"gpt","value":"a"}]}]`, "", []Entry{{ID: "1", Messages: system, Reference: "a"}}, ""},
		{"a tool's turns", "a.json", `[{"conversations":[{"from":"human","value":"q"},{"from":"function_call","value":"f()"},{"from":"observation","value":"1"},{"from":"gpt","value":"a"}]}]`, "", []Entry{{ID: "1", Messages: user("q"), Reference: "f()"}}, ""},
		{"a narrator", "a.json", `[{"conversations":[{"from":"narrator","value":"x"}]}]`, "", nil, `turn 1 is from "narrator"`},
		{"nothing but answers", "a.json", `[{"conversations":[{"from":"gpt","value":"x"}]}]`, "", nil, "the dataset has no prompts: 1 of 1 conversation left out: 1 that begin with an answer"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := write(t, c.file, c.data)
			d.Column = c.column
			s, err := Open(t.Context(), d)
			if c.fault != "" {
				if err == nil || !strings.Contains(err.Error(), c.fault) {
					t.Errorf("%v; want … %s …", err, c.fault)
				}
				var fault *Error
				if !errors.As(err, &fault) || hasGoNames(fault.Reason+fault.Hint) {
					t.Errorf("%v: that is Go's", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			if got := entries(t, s); !reflect.DeepEqual(got, c.want) {
				t.Errorf("got  %+v\nwant %+v", got, c.want)
			}
		})
	}
}

// hasGoNames finds the program's inside in what a user reads.
func hasGoNames(text string) bool {
	for _, name := range []string{"Go value", "Go struct", "dataset.", "json:", "csv.", "arrow.", "array.", "main."} {
		if strings.Contains(text, name) {
			return true
		}
	}
	return false
}

// TestWhatIsSeparatedOtherwiseIsAnotherDataset: results of an earlier matrix, which sent such files' whole lines, are not
// taken for results of these prompts; those of files that were read rightly stay what they were.
func TestWhatIsSeparatedOtherwiseIsAnotherDataset(t *testing.T) {
	for _, c := range []struct{ file, data, rule string }{
		{"a.csv", "id,prompt\n1,a\n", ""},
		{"a.tsv", "id\tprompt\n1\ta\n", ""},
		{"a.csv", "\xef\xbb\xbfprompt\na\n", ""},
		{"a.csv", "id;prompt\n1;a\n", "separator"},
		{"a.csv", wide(unicode.LittleEndian, unicode.UseBOM, "prompt\na\n"), "encoding"},
	} {
		rule := open(t, write(t, c.file, c.data)).Facts()["rule"]
		got := reflect.ValueOf(rule).MapKeys()
		if (len(got) == 0) != (c.rule == "") || len(got) == 1 && got[0].String() != c.rule {
			t.Errorf("%q: rule %v, want %q", c.data, rule, c.rule)
		}
	}
}

func TestNotes(t *testing.T) {
	for data, want := range map[string]string{
		`[{"conversations":null},{"conversations":[{"from":"gpt","value":"x"}]},{"conversations":[{"from":"system","value":"x"}]},{"conversations":[{"from":"human","value":"q"}]}]`: "3 of 4 conversations left out: 1 empty, 1 that begin with an answer, 1 without a user's turn",
		`{"id":"a","prompt":"p"}{"id":"a","prompt":"q"}`: "1 of 2 prompts have an id that another has, too",
	} {
		if notes := open(t, write(t, "a.json", data)).Notes(); len(notes) != 1 || !strings.Contains(notes[0], want) {
			t.Errorf("%q, want %q", notes, want)
		}
	}
}

// TestSmallFileThatUnpacksLarge: the disk is not filled.
func TestSmallFileThatUnpacksLarge(t *testing.T) {
	t.Setenv("MATRIX_FILE_GIB", "0.0001")
	_, err := Open(t.Context(), write(t, "a.jsonl.gz", gzipped(strings.Repeat("{\"prompt\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"}\n", 10_000))))
	if err == nil || !strings.Contains(err.Error(), "unpacked it is larger than 0.1024 MiB") {
		t.Errorf("%v", err)
	}
}
