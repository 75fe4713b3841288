package view

import (
	"bytes"
	"testing"
)

// What is foreign is shown and moves nothing; our own colours pass where there are any; a character that comes in two
// writes is whole.
func TestOutputIsClean(t *testing.T) {
	for _, c := range []struct {
		color bool
		in    []string
		want  string
	}{
		{true, []string{"\x1b[1m\x1b[31mError:\x1b[0m \x1b[38;5;8mdim\x1b[0m\n"}, "\x1b[1m\x1b[31mError:\x1b[0m \x1b[38;5;8mdim\x1b[0m\n"},
		{false, []string{"\x1b[31mred\x1b[0m"}, "�[31mred�[0m"},
		{true, []string{"\x1b[2J\x1b[8mhidden\x1b[0m\x1b]0;t\x07"}, "�[2J�[8mhidden\x1b[0m�]0;t�"},
		{true, []string{"gr\xc3", "\xb6\xc3\x9fe \u202eabc \xe2\x80", "\xae."}, "größe �abc �."},
		{false, []string{"progress\rdone\n"}, "progress�done\n"},
	} {
		var got bytes.Buffer
		o := &stream{w: &got, color: c.color}
		for _, text := range c.in {
			if n, err := o.Write([]byte(text)); n != len(text) || err != nil {
				t.Errorf("%q: %d, %v", text, n, err)
			}
		}
		if got.String() != c.want {
			t.Errorf("%q: %q, want %q", c.in, got.String(), c.want)
		}
	}
	var got bytes.Buffer
	o := &stream{w: &got, faithful: true}
	if _, err := o.Write([]byte("\x1b\u202e")); err != nil || got.String() != "\x1b\u202e" {
		t.Errorf("for a program: %q, %v", got.String(), err)
	}
}

// TestSpelledKeepsColumns: a sign that is spelled with more letters moves nothing behind the next gap.
func TestSpelledKeepsColumns(t *testing.T) {
	for in, want := range map[string]string{
		"≥ 95%   12\n99%     13\n": ">= 95%  12\n99%     13\n",
		"a…  b   c\n":              "a... b  c\n", // one gap is too narrow for both
		"≥ 95 in a sentence\n":     ">= 95 in a sentence\n",
		"≥\n  indented":            ">=\n  indented",
		"ö ≥  ":                    "ö >=  ",
	} {
		var got bytes.Buffer
		if _, err := (&stream{w: &got, ascii: true}).Write([]byte(in)); err != nil || got.String() != want {
			t.Errorf("%q: %q, want %q", in, got.String(), want)
		}
	}
}
