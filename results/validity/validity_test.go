package validity

import (
	"strings"
	"testing"

	"matrix/experiments/cell"
)

func TestInvalid(t *testing.T) {
	schema := cell.ResponseFormat{Schema: `{"type":"object","properties":{"score":{"type":"integer"}},"required":["score"]}`}
	object := cell.ResponseFormat{JSON: true}
	choice := cell.ResponseFormat{Choice: []string{"yes", "no"}}
	regex := cell.ResponseFormat{Regex: "[a-z]+|[0-9]"}
	ok := func(text string) Answer { return Answer{Status: "ok", Finish: "stop", Text: text} }
	cut := func(text string) Answer { return Answer{Status: "ok", Finish: "length", Text: text} }
	for _, c := range []struct {
		name   string
		format cell.ResponseFormat
		answer Answer
		want   string
	}{
		{"text", cell.ResponseFormat{}, ok("anything"), ""},
		{"text cut short is text", cell.ResponseFormat{}, cut("any"), ""},
		{"nothing", cell.ResponseFormat{}, ok(""), NoText},
		{"white space", cell.ResponseFormat{}, ok(" \n"), NoText},
		{"failed", cell.ResponseFormat{}, Answer{Status: "timed_out", Text: "par"}, "timed_out"},
		{"refused", schema, Answer{Status: "ok", Text: `{"score":1}`, Refused: true}, Refused},
		{"content filter", schema, Answer{Status: "failed", Refused: true}, Refused},
		{"thought to the end", cell.ResponseFormat{}, Answer{Status: "ok", Finish: "length", Thought: true}, Thought},
		{"thought in the text", cell.ResponseFormat{}, cut("<think>\nLet me see"), Thought},
		{"thought, then began", schema, Answer{Status: "ok", Finish: "length", Thought: true, Text: `{"sc`}, Truncated},
		{"thought and said nothing", schema, Answer{Status: "ok", Finish: "stop", Thought: true}, NoText},
		{"thought in the text, and no more", cell.ResponseFormat{}, ok("<think>\nhm\n</think>\n"), NoText},
		{"thought in the text, and said", cell.ResponseFormat{}, ok("<think>hm</think>yes"), ""},
		{"tool", schema, Answer{Status: "ok", Finish: "tool_calls", Text: `look{}`, Called: true}, ""},
		{"fits", schema, ok(` {"score": 3} `), ""},
		{"whole at the cut", schema, cut(`{"score":3}`), ""},
		{"cut", schema, cut(`{"score":`), Truncated},
		{"white space to the cut", schema, cut("\n\n\n"), Truncated},
		{"cut in a loop", schema, Answer{Status: "ok", Finish: "length", Text: `{"score":00000`, Repeats: true}, Repeated},
		{"text cut in a loop", cell.ResponseFormat{}, Answer{Status: "ok", Finish: "length", Text: "the the the", Repeats: true}, Repeated},
		{"white space in a loop", schema, Answer{Status: "ok", Finish: "length", Text: "\n\n\n", Repeats: true}, Repeated},
		{"ended in a loop by the engine", cell.ResponseFormat{}, Answer{Status: "repeated", Text: "the the the", Repeats: true}, Repeated},
		{"a ruler that the model ended", cell.ResponseFormat{}, Answer{Status: "ok", Finish: "stop", Text: "-----", Repeats: true}, ""},
		{"fits, and repeats itself", schema, Answer{Status: "ok", Finish: "length", Text: `{"score":3}`, Repeats: true}, ""},
		{"fenced", schema, ok("```json\n{\"score\":3}\n```"), NotJSON},
		{"misfit", schema, ok(`{"score":"3"}`), "schema:/score"},
		{"lacks", schema, ok(`{}`), "schema:/"},
		{"object", object, ok(`{}`), ""},
		{"list", object, ok(`[]`), "schema:/"},
		{"chosen", choice, ok("yes"), ""},
		{"chosen with more", choice, ok("yes."), NotInChoice},
		{"chosen in quotes", choice, ok(`"yes"`), NotInChoice},
		{"matches", regex, ok("abc"), ""},
		{"matches in part", regex, ok("abc1"), NoMatch},
		{"alternative in part", regex, ok("12"), NoMatch},
		{"line after it", regex, ok("abc\n"), NoMatch},
		{"own schema is none", cell.ResponseFormat{Schema: `{"type":"objekt"}`}, ok(`{}`), noSchema},
		{"own regex is none", cell.ResponseFormat{Regex: `(`}, ok(`(`), noRegex},
	} {
		t.Run(c.name, func(t *testing.T) {
			var checks Checks
			if got := checks.Of(c.format).Invalid(c.answer); got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

// TestCompiles holds what is said of a schema that is none, and that none reaches for the network or a file.
func TestCompiles(t *testing.T) {
	for schema, want := range map[string]string{
		`{"type":"object"}`:                                              "",
		`{"type":"objekt","properties":{}}`:                              "at /type: value must be one of",
		`{"properties":{"score":{"minimum":"1"}}}`:                       "at /properties/score/minimum: got string, want number",
		`{"properties":{"score":{"$ref":"#/$defs/none"}}}`:               "$defs/none",
		`{"$ref":"http://example.com/schema.json"}`:                      "http://example.com/schema.json",
		`{"$ref":"file:///etc/passwd"}`:                                  "file:///etc/passwd",
		`{"properties":{"a":{"pattern":"(?=x)"}}}`:                       "(?=x)",
		`{"$schema":"http://json-schema.org/draft-07/schema#","a":true}`: "",
	} {
		err := Compiles(cell.ResponseFormat{Schema: schema})
		switch {
		case (err == nil) != (want == ""):
			t.Errorf("%s: %v", schema, err)
		case err != nil && (!strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n")):
			t.Errorf("%s: %q, want %q", schema, err, want)
		}
	}
}

// TestFormatsAreNotAsserted: in draft 7 too, as in Python's jsonschema.
func TestFormatsAreNotAsserted(t *testing.T) {
	var checks Checks
	check := checks.Of(cell.ResponseFormat{Schema: `{"$schema":"http://json-schema.org/draft-07/schema#","properties":{"day":{"type":"string","format":"date"}}}`})
	if got := check.Invalid(Answer{Status: "ok", Text: `{"day":"soon"}`}); got != "" {
		t.Error(got)
	}
}

// TestManyFormats: what is kept of an unbounded number of formats is bounded.
func TestManyFormats(t *testing.T) {
	var checks Checks
	for i := range 3 * mostChecks {
		f := cell.ResponseFormat{Choice: []string{strings.Repeat("x", i)}}
		if got := checks.Of(f).Invalid(Answer{Status: "ok", Text: "y"}); got != NotInChoice {
			t.Fatal(got)
		}
	}
	if len(checks.kept) != mostChecks {
		t.Errorf("%d kept", len(checks.kept))
	}
}
