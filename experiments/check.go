package experiments

import (
	"encoding/json"
	"fmt"
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	ctyjson "github.com/zclconf/go-cty/cty/json"
)

// fault is why a value does not fit its attribute: a summary, and what to do.
type fault struct {
	summary, detail string
	secret          bool // the value must not be shown
}

// check converts a value to what the field takes. A null stays null (the attribute counts as not given); an unknown
// value passes, because whatever made it unknown has been reported.
func (f field) check(v cty.Value) (cty.Value, *fault) {
	if !v.IsKnown() {
		return v, nil
	}
	if v.IsNull() {
		return f.absent(), nil
	}
	switch f.kind {
	case text, path, folder, command:
		return f.checkText(v)
	case duration:
		return f.checkDuration(v)
	case number, whole:
		return f.checkNumber(v)
	case flag:
		return f.checkFlag(v)
	case texts:
		return f.checkTexts(v)
	case environ:
		return f.checkEnviron(v)
	case free, object:
		if !v.Type().IsObjectType() && !v.Type().IsMapType() {
			return v, f.wrongType("an object", f.objectSample(v), v)
		}
		if path := secretIn(v, f.name); f.kind == free && path != "" {
			return v, &fault{summary: "A secret in " + f.name, secret: true, detail: path + " would be stored with every result and be seen in the process list. " +
				"Take it out of this file: launches run offline and need no token, matrix fetch reads it from the environment, and a server's key is named by api_key_env."}
		}
	case memory:
		return f.checkMemory(v)
	case capture:
		return f.checkCapture(v)
	case thinking:
		return f.checkThinking(v)
	}
	return v, nil
}

// absent is the value of an attribute that is not given: null, or {} where a map is expected, so that
// cell.platform.args.x never stops at a missing args.
func (f field) absent() cty.Value {
	switch f.kind {
	case free, environ:
		return cty.EmptyObjectVal
	case number, whole:
		return cty.NullVal(cty.Number)
	case flag:
		return cty.NullVal(cty.Bool)
	case texts:
		return cty.NullVal(cty.List(cty.String))
	case object:
		return cty.NullVal(cty.EmptyObject)
	case length, capture, memory, anything:
		return cty.NullVal(cty.DynamicPseudoType)
	}
	return cty.NullVal(cty.String)
}

func (f field) wrongType(want, sample string, v cty.Value) *fault {
	return &fault{summary: "Wrong type for " + f.name, detail: fmt.Sprintf("%s must be %s, not %s. Write, for example, %s = %s.",
		f.name, want, article(v.Type()), f.name, sample)}
}

// objectSample is an object with what was written in its first attribute: vllm = "google/…" means { model = "google/…" }.
func (f field) objectSample(v cty.Value) string {
	s, ok := textOf(v)
	if len(f.fields) == 0 || !ok {
		return "{ name = value }"
	}
	return fmt.Sprintf("{ %s = %q }", f.fields[0].name, s)
}

func article(ty cty.Type) string {
	name := ty.FriendlyName()
	if ty.IsObjectType() {
		name = "object"
	}
	if strings.ContainsAny(name[:1], "aeiou") {
		return "an " + name
	}
	return "a " + name
}

func (f field) checkText(v cty.Value) (cty.Value, *fault) {
	if v.Type() != cty.String {
		sample := `"…"`
		if len(f.oneOf) > 0 {
			sample = strconv.Quote(f.oneOf[0])
		}
		return v, f.wrongType("a string", sample, v)
	}
	s := v.AsString()
	if len(f.oneOf) > 0 && !slices.Contains(f.oneOf, s) {
		return v, &fault{summary: fmt.Sprintf("Unknown %s %q", f.name, s), detail: fmt.Sprintf("%s is %s.%s", f.name, listed(f.oneOf), didYouMean(s, f.oneOf))}
	}
	if strings.HasPrefix(s, "~") && f.kind != text {
		return v, &fault{summary: "Path starts with ~", detail: fmt.Sprintf("%s is taken as it is written, ~ included: the same file must mean the same on every machine. "+
			"Write the path in full, relative to this file, or give it by a variable.", f.name)}
	}
	return v, nil
}

func (f field) checkDuration(v cty.Value) (cty.Value, *fault) {
	if v.Type() != cty.String {
		return v, f.wrongType(`a string with a unit`, `"30s"`, v)
	}
	d, err := time.ParseDuration(v.AsString())
	if err != nil {
		return v, &fault{summary: "Bad duration for " + f.name, detail: fmt.Sprintf("%q is not a duration. Write a number with its unit: \"500ms\", \"30s\", \"15m\", \"6h\" or \"1h30m\".", v.AsString())}
	}
	if d < 0 {
		return v, &fault{summary: "Negative duration for " + f.name, detail: "Time does not run backwards here: write \"0s\" for none."}
	}
	return v, nil
}

func (f field) checkNumber(v cty.Value) (cty.Value, *fault) {
	sample := "1"
	if f.min != nil && *f.min > 1 {
		sample = strconv.FormatFloat(*f.min, 'f', -1, 64)
	}
	n, err := convert.Convert(v, cty.Number)
	if err != nil || v.Type() == cty.Bool {
		return v, f.wrongType("a number", sample, v)
	}
	if infinite(n) {
		detail := fmt.Sprintf("%s: %s", f.name, notFinite)
		if f.name == "rate" {
			detail += ` As fast as the engine takes them is no rate: load { mode = "batch" }, or a closed load with its concurrency.`
		}
		return v, &fault{summary: "Not a finite number", detail: detail}
	}
	big := n.AsBigFloat()
	if f.kind == whole && !big.IsInt() {
		return v, &fault{summary: "Not a whole number", detail: fmt.Sprintf("%s must be a whole number, not %s.", f.name, shortNumber(big))}
	}
	x, _ := big.Float64()
	if f.min != nil && x < *f.min {
		return v, &fault{summary: "Value out of range", detail: fmt.Sprintf("%s must be at least %g, not %s.", f.name, *f.min, shortNumber(big))}
	}
	if f.max != nil && x > *f.max {
		return v, &fault{summary: "Value out of range", detail: fmt.Sprintf("%s must be at most %g, not %s.", f.name, *f.max, shortNumber(big))}
	}
	if f.kind == whole && (x > maxWhole || x < -maxWhole) {
		return v, &fault{summary: "Value out of range", detail: fmt.Sprintf("%s is beyond 2^53, not %s.", f.name, shortNumber(big))}
	}
	return n, nil
}

// maxWhole is the largest integer that every reader of the results keeps exactly.
const maxWhole = 1 << 53

func shortNumber(f *big.Float) string { return f.Text('g', 12) }

func (f field) checkFlag(v cty.Value) (cty.Value, *fault) {
	b, err := convert.Convert(v, cty.Bool)
	if err != nil {
		return v, f.wrongType("true or false", "true", v)
	}
	return b, nil
}

func (f field) checkTexts(v cty.Value) (cty.Value, *fault) {
	if v.Type().IsPrimitiveType() {
		return v, f.wrongType("a list of strings", `["…"]`, v)
	}
	list, err := convert.Convert(v, cty.List(cty.String))
	if err != nil {
		return v, f.wrongType("a list of strings", `["…"]`, v)
	}
	for it := list.ElementIterator(); list.IsKnown() && it.Next(); {
		if _, e := it.Element(); e.IsKnown() && e.IsNull() {
			return v, &fault{summary: "Null in " + f.name, detail: fmt.Sprintf("Each element of %s is a string.", f.name)}
		}
	}
	return list, nil
}

var secretName = regexp.MustCompile(`(?i)(KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIALS?|AUTHORIZATION)$`)

// SecretName reports whether an environment variable's name says that its value is a secret (HF_TOKEN, OPENAI_API_KEY;
// not TOKENIZERS_PARALLELISM).
func SecretName(name string) bool { return secretName.MatchString(name) }

// secretIn is the path of a text below v whose name says that it is a secret; "" when there is none. A flag or a number of
// such a name (hf_token = true) tells nothing. A text that is a JSON object, as vLLM takes its configurations, is looked into.
func secretIn(v cty.Value, path string) string {
	if !v.IsKnown() || v.IsNull() {
		return ""
	}
	if v.Type() == cty.String && strings.HasPrefix(strings.TrimSpace(v.AsString()), "{") {
		var inside ctyjson.SimpleJSONValue
		if json.Unmarshal([]byte(v.AsString()), &inside) != nil {
			return ""
		}
		v = inside.Value
	}
	if !v.CanIterateElements() {
		return ""
	}
	for it := v.ElementIterator(); it.Next(); {
		k, e := it.Element()
		at := path
		if k.Type() == cty.String {
			at += "." + k.AsString()
			if e.Type() == cty.String && e.IsKnown() && !e.IsNull() && e.AsString() != "" && SecretName(strings.ReplaceAll(k.AsString(), "-", "_")) {
				return at
			}
		}
		if found := secretIn(e, at); found != "" {
			return found
		}
	}
	return ""
}

// checkEnviron keeps each value as the string that the process will see.
func (f field) checkEnviron(v cty.Value) (cty.Value, *fault) {
	if !v.Type().IsObjectType() && !v.Type().IsMapType() {
		return v, f.wrongType("an object", "{ NAME = \"value\" }", v)
	}
	all := map[string]cty.Value{}
	for it := v.ElementIterator(); it.Next(); {
		k, e := it.Element()
		name := k.AsString()
		if name == "" || strings.ContainsAny(name, "=\x00") {
			return v, &fault{summary: "Bad environment variable name", detail: fmt.Sprintf("%q cannot name an environment variable.", name)}
		}
		if !e.IsKnown() || e.IsNull() {
			all[name] = cty.UnknownVal(cty.String)
			if e.IsKnown() {
				all[name] = cty.NullVal(cty.String)
			}
			continue
		}
		if SecretName(name) {
			return v, &fault{summary: "A secret in " + f.name, secret: true, detail: fmt.Sprintf("%s.%s would be stored with every result. "+
				"Take it out of this file: launches run offline and need no token, matrix fetch reads it from the environment, and a server's key is named by api_key_env.", f.name, name)}
		}
		s, err := convert.Convert(e, cty.String)
		if err != nil || !e.Type().IsPrimitiveType() {
			return v, &fault{summary: "Wrong type in " + f.name, detail: fmt.Sprintf("%s.%s must be a string, number or bool, not %s.", f.name, name, article(e.Type()))}
		}
		all[name] = s
	}
	return cty.ObjectVal(all), nil
}
