package queueing

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"regexp/syntax"
	"slices"
	"strings"

	"matrix/experiments/cell"
)

// formed is an answer in the form that was asked for, as an engine would be held to it. What the simulator does not know
// (a schema's pattern or dependencies) it does not keep: the answer is then found invalid.
func formed(f cell.ResponseFormat, seed uint64) string {
	switch w := (writer{seed: seed}); {
	case f.JSON:
		return w.written(map[string]any{"answer": w.words(8, 40)})
	case f.Schema != "":
		var schema any
		if json.Unmarshal([]byte(f.Schema), &schema) != nil {
			return ""
		}
		w.root = schema
		return w.written(w.value(schema, 0))
	case f.Regex != "":
		expression, err := syntax.Parse(f.Regex, syntax.Perl)
		if err != nil {
			return ""
		}
		return w.match(expression)
	default:
		return f.Choice[w.below(len(f.Choice))]
	}
}

// writer makes up values; the same seed makes the same.
type writer struct {
	seed uint64 // moves with each choice
	root any    // the schema that references point into
}

// below is even enough for so few choices: a modulus favours the low ones by one part in 2⁶⁴/n.
func (w *writer) below(n int) int {
	w.seed = mix(w.seed + 1)
	return int(w.seed % uint64(n))
}

func (w *writer) written(v any) string {
	text, _ := json.Marshal(v) // made of plain values
	return string(text)
}

// words are at least and at most so many characters.
func (w *writer) words(least, most int) string {
	text := ""
	for len(text) < least {
		text = strings.TrimSpace(text + " " + vocabulary[w.below(len(vocabulary))])
	}
	return strings.TrimSpace(text[:min(len(text), max(most, 0))])
}

// deepest is where a schema that contains itself gets only what it requires, and lists are empty.
const deepest = 4

// value is an instance of a schema.
func (w *writer) value(schema any, depth int) any {
	s, _ := schema.(map[string]any)
	if depth > 16*deepest { // it requires itself: no instance is finite
		return nil
	}
	if at, refers := s["$ref"].(string); refers {
		return w.value(w.target(at), depth+1)
	}
	if v, fixed := s["const"]; fixed {
		return v
	}
	if all, _ := s["enum"].([]any); len(all) > 0 {
		return all[w.below(len(all))]
	}
	for _, name := range []string{"anyOf", "oneOf", "allOf"} {
		if all, _ := s[name].([]any); len(all) > 0 {
			return w.value(all[0], depth+1)
		}
	}
	kind := s["type"]
	if kinds, _ := kind.([]any); len(kinds) > 0 {
		kind = kinds[0]
	}
	switch kind {
	case "object":
		return w.object(s, depth)
	case "array":
		return w.list(s, depth)
	case "integer", "number":
		return w.number(s, kind == "integer")
	case "boolean":
		return w.below(2) == 0
	case "null":
		return nil
	case "string":
		least, most := int(numberOr(s["minLength"], 4)), int(numberOr(s["maxLength"], 80))
		return w.words(min(least+12, most), most)
	}
	if s["properties"] != nil {
		return w.object(s, depth)
	}
	return w.words(8, 40)
}

// target is what a reference within the schema means.
func (w *writer) target(pointer string) any {
	at := w.root
	for _, part := range strings.Split(strings.TrimPrefix(pointer, "#"), "/")[1:] {
		object, _ := at.(map[string]any)
		at = object[strings.NewReplacer("~1", "/", "~0", "~").Replace(part)]
	}
	return at
}

// object is every property while there is depth left, and the required ones below. Names come sorted: a map's order would
// make answers differ from run to run.
func (w *writer) object(s map[string]any, depth int) any {
	out := map[string]any{}
	properties, _ := s["properties"].(map[string]any)
	required, _ := s["required"].([]any)
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		if depth < deepest || slices.Contains(required, any(name)) {
			out[name] = w.value(properties[name], depth+1)
		}
	}
	for _, name := range required {
		if name, ok := name.(string); ok && properties[name] == nil {
			out[name] = w.words(8, 40)
		}
	}
	return out
}

// list has at most two elements more than it must.
func (w *writer) list(s map[string]any, depth int) any {
	least, most := int(numberOr(s["minItems"], 0)), int(numberOr(s["maxItems"], 3))
	n := least
	if depth < deepest && most > least {
		n += w.below(min(most-least, 2) + 1)
	}
	out := []any{}
	first, _ := s["prefixItems"].([]any)
	for i := range n {
		item := s["items"]
		if i < len(first) {
			item = first[i]
		}
		out = append(out, w.value(item, depth+1))
	}
	return out
}

// number is a multiple of multipleOf between the bounds.
func (w *writer) number(s map[string]any, whole bool) any {
	step := numberOr(s["multipleOf"], 1)
	low := numberOr(s["minimum"], numberOr(s["exclusiveMinimum"], -step)+step)
	high := numberOr(s["maximum"], numberOr(s["exclusiveMaximum"], low+11*step)-step)
	first := math.Ceil(low/step) * step
	v := first
	if n := int(min((high-first)/step, 1000)); n > 0 {
		v += float64(w.below(n+1)) * step
	}
	if whole {
		return int64(v)
	}
	return v
}

// numberOr takes what encoding/json makes of a number; anything else in a schema's place for one counts as absent.
func numberOr(v any, otherwise float64) float64 {
	if n, ok := v.(float64); ok {
		return n
	}
	return otherwise
}

// match is a text that a regular expression matches whole: the shortest, where it repeats.
func (w *writer) match(e *syntax.Regexp) string {
	var b strings.Builder
	switch e.Op {
	case syntax.OpLiteral:
		return string(e.Rune)
	case syntax.OpCharClass:
		at := 2 * w.below(len(e.Rune)/2)
		return fmt.Sprintf("%c", e.Rune[at]+rune(w.below(int(min(e.Rune[at+1]-e.Rune[at], 25))+1)))
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return "x"
	case syntax.OpAlternate:
		return w.match(e.Sub[w.below(len(e.Sub))])
	case syntax.OpCapture, syntax.OpPlus:
		return w.match(e.Sub[0])
	case syntax.OpRepeat:
		for range e.Min {
			b.WriteString(w.match(e.Sub[0]))
		}
	case syntax.OpConcat:
		for _, part := range e.Sub {
			b.WriteString(w.match(part))
		}
	}
	return b.String()
}
