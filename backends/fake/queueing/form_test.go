package queueing

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"matrix/experiments/cell"
)

func compiled(t *testing.T, text string) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("s", doc); err != nil {
		t.Fatal(err)
	}
	return c.MustCompile("s")
}

// TestFormed: what the simulator says fits what was asked for, and is not always the same.
func TestFormed(t *testing.T) {
	shipped, err := os.ReadFile("../../../experiments/schemas/evaluation.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{string(shipped),
		`{"type":"object","properties":{"value":{"type":["number","null"],"exclusiveMinimum":0,"multipleOf":5},"kids":{"type":"array","items":{"$ref":"#/$defs/a~1b"}}},
			"required":["value"],"$defs":{"a/b":{"$ref":"#"}}}`,
		`{"anyOf":[{"type":"array","prefixItems":[{"const":"x"},{"enum":["a",1,null]}],"items":{"type":"boolean"},"minItems":2},{"type":"null"}]}`,
		`{"type":"string","minLength":30,"maxLength":31}`, `{"type":"number","minimum":-3,"maximum":-2.5}`, `{"properties":{"n":{"type":"integer","exclusiveMaximum":4,"minimum":3}},"required":["n","m"]}`,
	} {
		schema, different := compiled(t, text), map[string]bool{}
		for seed := range uint64(200) {
			answer := formed(cell.ResponseFormat{Schema: text}, mix(seed))
			different[answer] = true
			doc, err := jsonschema.UnmarshalJSON(strings.NewReader(answer))
			if err == nil {
				err = schema.Validate(doc)
			}
			if err != nil {
				t.Fatalf("%s: %s: %v", text, answer, err)
			}
		}
		if text == string(shipped) && len(different) < 150 {
			t.Errorf("%d different answers of 200", len(different))
		}
	}
	for _, text := range []string{`[0-9]{1,2}/10`, `(yes|no|maybe)( not)?`, `a+b*c?.é`, `score: (10|[1-9])`} {
		for seed := range uint64(50) {
			if answer := formed(cell.ResponseFormat{Regex: text}, mix(seed)); !regexp.MustCompile(`\A(?:` + text + `)\z`).MatchString(answer) {
				t.Fatalf("%s: %q", text, answer)
			}
		}
	}
	choice := []string{"yes", "nö", `"quoted"`}
	if answer := formed(cell.ResponseFormat{Choice: choice}, 7); !slices.Contains(choice, answer) {
		t.Error(answer)
	}
}

// TestFormOnTheWire: each API is asked in its own words, answers in pieces that join, cuts at max_tokens, and misses the form
// or refuses it where that is planted.
func TestFormOnTheWire(t *testing.T) {
	const schema = `{"type":"object","properties":{"word":{"enum":["\"nö\" <b>","\\"]}},"required":["word"]}`
	declared := `"response_format":{"type":"json_schema","json_schema":{"name":"a","schema":` + schema + `}}`
	for name, c := range map[string]struct{ api, path, body, limit string }{
		"chat":   {Serve, "/v1/chat/completions", `{"model":"nonce","messages":[{"role":"user","content":"q"}],` + declared + `,"stream":true,"max_tokens":%d}`, `"finish_reason":"length"`},
		"whole":  {Serve, "/v1/completions", `{"model":"nonce","prompt":"q",` + declared + `,"max_tokens":%d}`, `"finish_reason":"length"`},
		"ollama": {Ollama, "/api/chat", `{"model":"nonce","messages":[{"role":"user","content":"q"}],"format":` + schema + `,"options":{"num_predict":%d}}`, `"done_reason":"length"`},
		"raw":    {Ollama, "/api/generate", `{"model":"nonce","prompt":"q","stream":false,"format":` + schema + `,"options":{"num_predict":%d}}`, `"done_reason":"length"`},
		"batch":  {Offline, "/batch", `{"prompt":"q",` + declared + `,"max_tokens":%d}`, `"finish_reason":"length"`},
	} {
		t.Run(name, func(t *testing.T) {
			ask := func(most int, change func(*Options)) (int, string) {
				web := serving(t, func(o *Options) {
					o.API = c.api
					if change != nil {
						change(o)
					}
				})
				return post(t, web.URL+c.path, fmt.Sprintf(c.body, most))
			}
			_, answer := ask(50, nil)
			if text := textOf(answer); compiled(t, schema).Validate(decoded(text)) != nil {
				t.Errorf("%q of %s", text, answer)
			}
			if _, answer := ask(2, nil); !strings.Contains(answer, c.limit) || len([]rune(textOf(answer))) != 2*runesAToken {
				t.Errorf("cut: %s", answer)
			}
			if _, answer := ask(50, func(o *Options) { o.InvalidRate = 1 }); !strings.HasPrefix(textOf(answer), "Sure! {") {
				t.Errorf("planted: %s", answer)
			}
			if status, answer := ask(50, func(o *Options) { o.RefuseFormat = true }); !strings.Contains(answer, refusedFormat) || name != "batch" && status != 400 {
				t.Errorf("refused: %d %s", status, answer)
			}
		})
	}
}

func decoded(text string) any {
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		return nil
	}
	return doc
}

// textOf joins what an answer says, whatever its form.
func textOf(answer string) string {
	text := ""
	for line := range strings.Lines(answer) {
		var piece struct {
			Text, Response string
			Message        struct{ Content string }
			Choices        []struct {
				Text  string
				Delta struct{ Content string }
			}
		}
		if json.Unmarshal([]byte(strings.TrimPrefix(line, "data: ")), &piece) != nil {
			continue
		}
		text += piece.Text + piece.Response + piece.Message.Content
		for _, c := range piece.Choices {
			text += c.Text + c.Delta.Content
		}
	}
	return text
}
