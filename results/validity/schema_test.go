package validity

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"matrix/experiments/cell"
)

var update = flag.Bool("update", false, "write testdata/outside.jsonl by Python's jsonschema (MATRIX_ENGINES)")

// row is an answer and the schema that it was asked for.
type row struct {
	Schema json.RawMessage `json:"schema"`
	Text   string          `json:"text"`
}

// verdict is what Python's jsonschema says of a row.
type verdict struct {
	Valid bool     `json:"valid"`
	At    []string `json:"at"`
}

// schemas are the shipped one and what users write: nested, referring to itself, with alternatives.
func schemas(t *testing.T) []json.RawMessage {
	t.Helper()
	shipped, err := os.ReadFile(filepath.Join("..", "..", "experiments", "schemas", "evaluation.json"))
	if err != nil {
		t.Fatal(err)
	}
	return []json.RawMessage{shipped,
		[]byte(`{"type":"object","properties":{"name":{"type":"string","pattern":"^[a-z]+$"},"tree":{"$ref":"#/$defs/node"}},"required":["name"],
			"$defs":{"node":{"type":"object","properties":{"value":{"type":["number","null"]},"kids":{"type":"array","items":{"$ref":"#/$defs/node"}}},
			"required":["value"],"unevaluatedProperties":false}}}`),
		[]byte(`{"anyOf":[{"type":"object","properties":{"ok":{"const":true}},"required":["ok"]},{"type":"array","prefixItems":[{"type":"integer"},{"enum":["a",1,null]}],
			"items":false,"minItems":1,"uniqueItems":true}]}`),
		[]byte(`{"type":"object","patternProperties":{"^x_":{"type":"integer","exclusiveMinimum":0,"multipleOf":5}},"propertyNames":{"maxLength":6},
			"minProperties":1,"if":{"required":["x_a"]},"then":{"required":["x_b"]},"dependentRequired":{"y":["z"]},"additionalProperties":{"type":"boolean"}}`),
		[]byte(`{"allOf":[{"required":["a/b"]},{"properties":{"a/b":{"type":"string","format":"date"},"m~n":{"not":{"type":"null"}}}}]}`),
	}
}

// seeds are answers that fit, by schema.
var seeds = [][]string{
	{`{"score":7,"strengths":["clear","fast"],"risks":[],"recommendation":"interview","justification":"Solid work, some gaps."}`,
		`{"score": 1.0, "strengths": ["größer 🙂"], "risks": ["abc"], "recommendation": "hire", "justification": "\ud83d\ude42 0123456789"}`},
	{`{"name":"oak","tree":{"value":1,"kids":[{"value":null},{"value":2,"kids":[{"value":3}]}]}}`},
	{`{"ok":true}`, `[3,"a"]`, `[3]`},
	{`{"x_a":5,"x_b":10,"y":true,"z":false}`},
	{`{"a/b":"no date","m~n":0}`},
}

// rows plants faults: bytes lost, doubled and changed; values exchanged; fields renamed, left out and added; text around.
func rows(t *testing.T) (all []row) {
	t.Helper()
	r := rand.New(rand.NewPCG(1, 2))
	values := []string{`null`, `0`, `-1`, `11`, `1e2`, `5.5`, `""`, `"x"`, `"reject"`, `true`, `[]`, `{}`, `["a","a"]`, `{"value":"1"}`, `1E400`, `NaN`, `"\u0000"`}
	for i, schema := range schemas(t) {
		for _, seed := range seeds[i] {
			add := func(text string) { all = append(all, row{schema, text}) }
			add(seed)
			for _, around := range []string{"```json\n%s\n```", "Sure: %s", "%s.", " \n%s\t", "%s %[1]s", "\ufeff%s", "// %s"} {
				add(fmt.Sprintf(around, seed))
			}
			for range 120 {
				at := r.IntN(len(seed))
				for at > 0 && seed[at]&0xC0 == 0x80 { // whole characters: no engine's answer holds half of one
					at--
				}
				end := at + 1
				for end < len(seed) && seed[end]&0xC0 == 0x80 {
					end++
				}
				add(seed[:at])
				add(seed[:at] + seed[end:])
				add(seed[:at] + string(`"{}[]:,0-xe`[r.IntN(11)]) + seed[end:])
			}
			var doc any
			if err := json.Unmarshal([]byte(seed), &doc); err != nil {
				t.Fatal(err)
			}
			for range 120 {
				add(changed(r, doc, values))
			}
			for _, odd := range oddities {
				add(changed(r, doc, []string{odd}))
				add(strings.Replace(seed, "{", `{"score":`+odd+`,`, 1)) // a key that comes again: the last one counts
				add(strings.TrimSuffix(seed, "}") + `,"score":` + odd + `}`)
			}
		}
	}
	return all
}

// oddities are what JSON allows and few expect, and what looks like JSON.
var oddities = []string{`"\ud800"`, `"\ude42\ud83d"`, `1e-999999999`, `0e9999999999999999999`, `[1e-999999999,1e-999999998]`, `1e-400`, `100000000000000000000000000`, `7.0`, `-0`, `0.7e1`,
	`Infinity`, `-Infinity`, `07`, `.5`, `+1`, `1.`, "\"\x01\"", `'x'`, `undefined`, `[1,]`, `{"a":1,"a":2}`, `1e15`, `"\u0007"`}

// changed writes a document with one value exchanged, or one field left out, renamed or added.
func changed(r *rand.Rand, doc any, values []string) string {
	const mark = "\x00here"
	text, _ := json.Marshal(mutate(r, doc, mark))
	quoted, _ := json.Marshal(mark)
	return strings.ReplaceAll(string(text), string(quoted), values[r.IntN(len(values))])
}

func mutate(r *rand.Rand, doc any, mark string) any {
	if object, ok := doc.(map[string]any); ok && len(object) > 0 && r.IntN(5) > 0 {
		out, keys := map[string]any{}, []string{}
		for k, v := range object {
			out[k] = v
			keys = append(keys, k)
		}
		slices.Sort(keys)
		key := keys[r.IntN(len(keys))]
		switch r.IntN(5) {
		case 0:
			delete(out, key)
		case 1:
			out[key+"s"] = out[key]
			delete(out, key)
		case 2:
			out["extra"] = mark
		default:
			out[key] = mutate(r, out[key], mark)
		}
		return out
	}
	if list, ok := doc.([]any); ok && len(list) > 0 && r.IntN(3) > 0 {
		out := slices.Clone(list)
		at := r.IntN(len(out))
		if r.IntN(3) == 0 {
			return append(out, out[at])
		}
		out[at] = mutate(r, out[at], mark)
		return out
	}
	return mark
}

// TestAgainstPython: each row is judged as Python's jsonschema judges it, and the place that is told is one of those that it
// tells.
func TestAgainstPython(t *testing.T) {
	all := rows(t)
	golden := filepath.Join("testdata", "outside.jsonl")
	if *update {
		if err := os.WriteFile(golden, outside(t, all), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	valid, unlike := compare(t, all, text)
	if valid < 200 || len(all)-valid < 2000 || unlike > 0 {
		t.Errorf("%d rows, of them %d valid; judged otherwise than by jsonschema: %d", len(all), valid, unlike)
	}
}

// TestReadersOutside: what is kept of Python's jsonschema is what it says now.
func TestReadersOutside(t *testing.T) {
	if os.Getenv("MATRIX_REAL") != "1" {
		t.Skip("needs MATRIX_REAL=1 and `just engines`")
	}
	all := rows(t)
	if _, unlike := compare(t, all, outside(t, all)); unlike > 0 {
		t.Errorf("judged otherwise than by jsonschema: %d of %d", unlike, len(all))
	}
}

// outside asks Python's jsonschema.
func outside(t *testing.T, all []row) []byte {
	t.Helper()
	var in bytes.Buffer
	for _, r := range all {
		line, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		in.Write(append(line, '\n'))
	}
	engines := os.Getenv("MATRIX_ENGINES")
	if home, err := os.UserHomeDir(); engines == "" && err == nil {
		engines = filepath.Join(home, ".cache", "matrix", "engines")
	}
	cmd := exec.CommandContext(t.Context(), filepath.Join(engines, "tools", "bin", "python"), filepath.Join("testdata", "outside.py"))
	cmd.Stdin, cmd.Stderr = &in, os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func compare(t *testing.T, all []row, verdicts []byte) (valid, unlike int) {
	t.Helper()
	lines := bufio.NewScanner(bytes.NewReader(verdicts))
	var checks Checks
	for i, r := range all {
		var want verdict
		if !lines.Scan() || json.Unmarshal(lines.Bytes(), &want) != nil {
			t.Fatalf("no verdict on row %d of %d (-update asks for all)", i+1, len(all))
		}
		reason := checks.Of(cell.ResponseFormat{Schema: string(r.Schema)}).Invalid(Answer{Status: "ok", Finish: "stop", Text: r.Text})
		if want.Valid {
			valid++
		}
		at, ofSchema := strings.CutPrefix(reason, "schema:")
		fits := reason == "" == want.Valid
		// Of unevaluatedProperties we name the property, and jsonschema the object that has it.
		placed := !ofSchema && len(want.At) == 0 || slices.Contains(want.At, at) || slices.Contains(want.At, path.Dir(at))
		empty := strings.TrimSpace(r.Text) == "" && reason == NoText
		if !fits || !placed && !empty {
			if unlike++; unlike < 20 {
				t.Errorf("%q against %.80s…: %q, jsonschema: %+v", r.Text, r.Schema, reason, want)
			}
		}
	}
	return valid, unlike
}
