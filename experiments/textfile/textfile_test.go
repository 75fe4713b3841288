package textfile

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"unicode/utf8"

	"github.com/klauspost/compress/zstd"
	"golang.org/x/text/encoding/unicode"
)

func gz(text string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	io.WriteString(w, text)
	w.Close()
	return b.String()
}

func zst(text string) string {
	w, _ := zstd.NewWriter(nil)
	return string(w.EncodeAll([]byte(text), nil))
}

func utf16(end unicode.Endianness, mark unicode.BOMPolicy, text string) string {
	out, err := unicode.UTF16(end, mark).NewEncoder().String(text)
	if err != nil {
		panic(err)
	}
	return out
}

// TestDecode: what people's programs write, and what is said where it is no text.
func TestDecode(t *testing.T) {
	const text = "prompt;id\r\nWas ist größer?;1\r\n"
	for _, c := range []struct{ name, in, want, fault string }{
		{"utf-8", text, text, ""},
		{"a mark", "\xef\xbb\xbf" + text, text, ""},
		{"PowerShell's >", utf16(unicode.LittleEndian, unicode.UseBOM, text), text, ""},
		{"big endian", utf16(unicode.BigEndian, unicode.UseBOM, text), text, ""},
		{"no mark, little", utf16(unicode.LittleEndian, unicode.IgnoreBOM, text), text, ""},
		{"no mark, big", utf16(unicode.BigEndian, unicode.IgnoreBOM, text), text, ""},
		{"gzip", gz(text), text, ""},
		{"gzip of two members", gz(text) + gz(text), text + text, ""},
		{"gzip filled up with zeros", gz(text) + strings.Repeat("\x00", 1000), text, ""},
		{"gzip with zeros between", gz(text) + "\x00\x00" + gz(text), text + text, ""},
		{"gzip and more", gz(text) + "\x00\x00x", "", "no gzip stands behind"},
		{"gzip and half a header", gz(text) + "\x1f\x8b", "", "end too early"},
		{"zstd", zst(text), text, ""},
		{"gzip of UTF-16", gz(utf16(unicode.LittleEndian, unicode.UseBOM, text)), text, ""},
		{"gzip of a marked file", gz("\xef\xbb\xbf" + text), text, ""},
		{"CSV (Macintosh)", "prompt;id\rWas?;1\r", "prompt;id\nWas?;1\n", ""},
		{"one line with a CR", "prompt\r", "prompt\r", ""},
		{"empty", "", "", ""},
		{"Latin-1", "a\nb\nWas ist gr\xf6\xdfer?\n", "", "line 3: not valid UTF-8 (byte 0xF6)"},
		{"Windows-1252 quotes", "\x93Hi\x94\n", "", "line 1: not valid UTF-8 (byte 0x93)"},
		{"a letter cut at the end", "a\nö\n\xc3", "", "line 3: not valid UTF-8"},
		{"gzip cut", gz(strings.Repeat(text, 100))[:60], "", "gzip data end too early"},
		{"gzip damaged", gz(text)[:20] + "xxxxxxxxxx" + gz(text)[30:], "", "gzip data are damaged"},
		{"gzip twice", gz(gz(text)), "", "compressed twice"},
		{"xlsx", "PK\x03\x04\x14\x00", "", "an Excel workbook"},
		{"xls", "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\x00", "", "an old Excel workbook"},
		{"xz", "\xfd7zXZ\x00\x00", "", "compressed with xz"},
		{"UTF-32", "\xff\xfe\x00\x00p\x00\x00\x00", "", "UTF-32"},
		{"sqlite", "SQLite format 3\x00", "", "a SQLite database"},
		{"arrow", "ARROW1\x00\x00", "", "an Arrow IPC"},
		{"git lfs", "version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "", "a Git LFS pointer"},
		{"web page", "<!DOCTYPE html><html>", "", "a web page"},
		{"binary", "abc\n\x01\x00\x02defghijklm", "", "line 2: it is a binary file"},
	} {
		t.Run(c.name, func(t *testing.T) {
			text, err := Decode(iotestOneByte{strings.NewReader(c.in)})
			var got []byte
			if err == nil {
				got, err = io.ReadAll(text)
			}
			if c.fault == "" && (err != nil || string(got) != c.want) {
				t.Errorf("%q, %v; want %q", got, err, c.want)
			}
			var fault *Error
			if c.fault != "" && (!errors.As(err, &fault) || !strings.Contains(err.Error(), c.fault)) {
				t.Errorf("%q, %v; want … %s …", got, err, c.fault)
			}
		})
	}
}

// iotestOneByte gives one byte at a time, so that letters are cut everywhere.
type iotestOneByte struct{ in io.Reader }

func (r iotestOneByte) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	return r.in.Read(p[:1])
}

func TestOpenRefusesAtOnce(t *testing.T) {
	dir := t.TempDir()
	fifo := filepath.Join(dir, "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Skip(err)
	}
	for path, want := range map[string]string{dir: "a folder", fifo: "a pipe", os.DevNull: "a device"} {
		if _, err := Open(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", path, err)
		}
	}
	file := filepath.Join(dir, "file")
	if err := errors.Join(os.WriteFile(file, []byte("x"), 0o600), os.Symlink(file, filepath.Join(dir, "link"))); err != nil {
		t.Fatal(err)
	}
	f, err := Open(filepath.Join(dir, "link"))
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
}

func TestBudget(t *testing.T) {
	if _, err := io.ReadAll(Limited(strings.NewReader("12345"), 4, BudgetEnv)); err == nil || !strings.Contains(Hint(err), BudgetEnv) {
		t.Errorf("%v", err)
	}
	if got, err := io.ReadAll(Limited(strings.NewReader("1234"), 4, "")); err != nil || string(got) != "1234" {
		t.Errorf("%q %v", got, err)
	}
	for size, want := range map[int64]int64{977: 256 << 20, 1 << 20: 1000 << 20, 1 << 40: DefaultBudget} {
		if got, err := Budget(size, DefaultBudget); got != want || err != nil {
			t.Errorf("%d bytes: %d, %v", size, got, err)
		}
	}
	for text, want := range map[string]int64{"0.5": 1 << 29, "-1": 0, "NaN": 0, "x": 0} {
		t.Setenv(BudgetEnv, text)
		if got, err := Budget(977, DefaultBudget); got != want || (err != nil) != (want == 0) {
			t.Errorf("%q: %d, %v", text, got, err)
		}
	}
}

func TestFinite(t *testing.T) {
	for in, want := range map[string]string{
		`{"a":NaN,"b":-Infinity,"c":[Infinity,1]}`: `{"a":null,"b":null,"c":[null,1]}`,
		`{"a":"NaN, \"Infinity","b":-1}`:           `{"a":"NaN, \"Infinity","b":-1}`,
		`{"a":"NaN\\","b":NaN}`:                    `{"a":"NaN\\","b":null}`,
	} {
		if got := Finite([]byte(in)); string(got) != want || !json.Valid(got) {
			t.Errorf("%s became %s", in, got)
		}
	}
}

func TestSeparator(t *testing.T) {
	wanted := func(names []string) bool {
		for _, n := range names {
			if n == "prompt" {
				return true
			}
		}
		return false
	}
	for _, c := range []struct {
		head  string
		usual rune
		want  rune
		skip  int
	}{
		{"id,prompt\n1,a;b\n", ',', ',', 0},
		{"id;prompt\n1;a,b\n", ',', ';', 0},
		{"id\tprompt\n", ',', '\t', 0},
		{"id|prompt|x\n", ',', '|', 0},
		{"id,prompt\n", '\t', ',', 0},
		{"prompt\na;b\n", ',', ',', 0},
		{"sep=;\r\nid,prompt\n", ',', ';', 7},
		{"\"sep=|\"\nid,prompt\n", ',', '|', 8},
		{"#TYPE System.Object\r\n\"id\";\"prompt\"\r\n", ',', ';', 21},
		{"question;answer\na;b\n", ',', ';', 0},
		{"question;answer\na;b;c\n", ',', ',', 0},
		{"question, or not;answer\na\n", ',', ',', 0},
		{"\"x;prompt\",\"prompt\"\n", ',', ',', 0},
		{"", ',', ',', 0},
	} {
		if got, skip := Separator([]byte(c.head), c.usual, wanted); got != c.want || skip != c.skip {
			t.Errorf("%q: %q, %d", c.head, got, skip)
		}
	}
}

// FuzzDecode: no panic, and what comes out is UTF-8.
func FuzzDecode(f *testing.F) {
	for _, s := range []string{"a\nö", "\xff\xfea\x00", "\xfe\xff\x00a", gz("a"), zst("a"), "\xef\xbb\xbf", "\r", "a\xc3", "sep=;\na;b"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		text, err := Decode(bytes.NewReader(data))
		if err != nil {
			return
		}
		got, err := io.ReadAll(Limited(text, 1<<22, ""))
		if err == nil && !utf8.Valid(got) {
			t.Errorf("%q", got)
		}
		if err == nil && text.AsIs() && string(got) != string(data[text.Mark:]) {
			t.Errorf("%q was read as %q", data, got)
		}
		Separator(data, ',', func([]string) bool { return false })
		Finite(data)
	})
}
