package schema

import (
	"encoding/json"
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"time"

	"matrix/experiments/cell"
	"matrix/experiments/hclvalue"
	"matrix/experiments/wording"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	ctyjson "github.com/zclconf/go-cty/cty/json"
)

// Fault is why a value does not fit its attribute.
type Fault struct {
	Summary string // without the value, which a secret may be
	Detail  string // what to do
	Secret  bool   // the value must not be shown
}

// Check converts a value to what the field takes. A null stays null (the attribute counts as not given); an unknown
// value passes, because whatever made it unknown has been reported.
func (f Field) Check(v cty.Value) (cty.Value, *Fault) {
	if !v.IsKnown() {
		return v, nil
	}
	if v.IsNull() {
		return f.Absent(), nil
	}
	switch f.Kind {
	case Text, Path, Folder, Command:
		return f.checkText(v)
	case Duration:
		return f.checkDuration(v)
	case Number, Whole:
		return f.checkNumber(v)
	case Flag:
		return f.checkFlag(v)
	case Texts:
		return f.checkTexts(v)
	case Environ:
		return f.checkEnviron(v)
	case Free, Object:
		if !v.Type().IsObjectType() && !v.Type().IsMapType() {
			return v, f.wrongType("an object", f.objectSample(v), v)
		}
		if path := secretIn(v, f.Name); f.Kind == Free && path != "" {
			return v, &Fault{Summary: "A secret in " + f.Name, Secret: true, Detail: path + " would be stored with every result and be seen in the process list. " +
				"Take it out of this file: launches run offline and need no token, matrix fetch reads it from the environment, and a server's key is named by api_key_env."}
		}
	case Memory:
		return f.checkMemory(v)
	case Capture:
		return f.checkCapture(v)
	case Thinking:
		return f.checkThinking(v)
	case Document:
		return f.checkDocument(v)
	}
	return v, nil
}

// Absent is the value of an attribute that is not given: null, or {} where a map is expected, so that
// cell.platform.args.x never stops at a missing args.
func (f Field) Absent() cty.Value {
	switch f.Kind {
	case Free, Environ:
		return cty.EmptyObjectVal
	case Number, Whole:
		return cty.NullVal(cty.Number)
	case Flag:
		return cty.NullVal(cty.Bool)
	case Texts:
		return cty.NullVal(cty.List(cty.String))
	case Object:
		return cty.NullVal(cty.EmptyObject)
	case Length, Capture, Memory, Document, Anything:
		return cty.NullVal(cty.DynamicPseudoType)
	}
	return cty.NullVal(cty.String)
}

// wrongType says what was expected and how to write it. sample is HCL.
func (f Field) wrongType(want, sample string, v cty.Value) *Fault {
	return &Fault{Summary: "Wrong type for " + f.Name, Detail: fmt.Sprintf("%s must be %s, not %s. Write, for example, %s = %s.",
		f.Name, want, Article(v.Type()), f.Name, sample)}
}

// objectSample is an object with what was written in its first attribute: vllm = "google/…" means { model = "google/…" }.
func (f Field) objectSample(v cty.Value) string {
	s, ok := hclvalue.Text(v)
	if len(f.Fields) == 0 || !ok {
		return "{ name = value }"
	}
	return fmt.Sprintf("{ %s = %q }", f.Fields[0].Name, s)
}

// Article is a type's name as a sentence has it: "an object", "a string".
func Article(ty cty.Type) string {
	name := ty.FriendlyName()
	if ty.IsObjectType() {
		name = "object"
	}
	if strings.ContainsAny(name[:1], "aeiou") {
		return "an " + name
	}
	return "a " + name
}

// checkText takes text alone, where HCL itself would make text of a number or a truth.
func (f Field) checkText(v cty.Value) (cty.Value, *Fault) {
	if v.Type() != cty.String {
		sample := `"…"`
		if len(f.OneOf) > 0 {
			sample = strconv.Quote(f.OneOf[0])
		}
		return v, f.wrongType("a string", sample, v)
	}
	s := v.AsString()
	if len(f.OneOf) > 0 && !slices.Contains(f.OneOf, s) {
		return v, &Fault{Summary: fmt.Sprintf("Unknown %s %q", f.Name, s), Detail: fmt.Sprintf("%s is %s.%s", f.Name, wording.Listed(f.OneOf), wording.DidYouMean(s, f.OneOf))}
	}
	if strings.HasPrefix(s, "~") && f.Kind != Text {
		return v, &Fault{Summary: "Path starts with ~", Detail: fmt.Sprintf("%s is taken as it is written, ~ included: the same file must mean the same on every machine. "+
			"Write the path in full, relative to this file, or give it by a variable.", f.Name)}
	}
	return v, nil
}

// checkDuration leaves a duration as text: HCL has no type for it, and an expression may still want to show it.
func (f Field) checkDuration(v cty.Value) (cty.Value, *Fault) {
	if v.Type() != cty.String {
		return v, f.wrongType(`a string with a unit`, `"30s"`, v)
	}
	d, err := time.ParseDuration(v.AsString())
	if err != nil {
		return v, &Fault{Summary: "Bad duration for " + f.Name, Detail: fmt.Sprintf("%q is not a duration. Write a number with its unit: \"500ms\", \"30s\", \"15m\", \"6h\" or \"1h30m\".", v.AsString())}
	}
	if d < 0 {
		return v, &Fault{Summary: "Negative duration for " + f.Name, Detail: "Time does not run backwards here: write \"0s\" for none."}
	}
	return v, nil
}

// checkNumber takes a number as text too, as HCL itself does ("8" from a variable), but not true, which cty would make 1.
func (f Field) checkNumber(v cty.Value) (cty.Value, *Fault) {
	sample := "1"
	if f.Min != nil && *f.Min > 1 {
		sample = strconv.FormatFloat(*f.Min, 'f', -1, 64)
	}
	n, err := convert.Convert(v, cty.Number)
	if err != nil || v.Type() == cty.Bool {
		return v, f.wrongType("a number", sample, v)
	}
	if hclvalue.Infinite(n) {
		detail := fmt.Sprintf("%s: %s", f.Name, NotFinite)
		if f.Name == "rate" {
			detail += ` As fast as the engine takes them is no rate: load { mode = "batch" }, or a closed load with its concurrency.`
		}
		return v, &Fault{Summary: "Not a finite number", Detail: detail}
	}
	big := n.AsBigFloat()
	if f.Kind == Whole && !big.IsInt() {
		return v, &Fault{Summary: "Not a whole number", Detail: fmt.Sprintf("%s must be a whole number, not %s.", f.Name, shortNumber(big))}
	}
	x, _ := big.Float64()
	if f.Min != nil && x < *f.Min {
		return v, &Fault{Summary: "Value out of range", Detail: fmt.Sprintf("%s must be at least %g, not %s.", f.Name, *f.Min, shortNumber(big))}
	}
	if f.Max != nil && x > *f.Max {
		return v, &Fault{Summary: "Value out of range", Detail: fmt.Sprintf("%s must be at most %g, not %s.", f.Name, *f.Max, shortNumber(big))}
	}
	if f.Kind == Whole && (x > maxWhole || x < -maxWhole) {
		return v, &Fault{Summary: "Value out of range", Detail: fmt.Sprintf("%s is beyond 2^53, not %s.", f.Name, shortNumber(big))}
	}
	return n, nil
}

// NotFinite says what a number must be.
const NotFinite = `A number must be finite: no "inf", no division by zero, nothing above 1.8e308.`

// maxWhole is the largest integer that every reader of the results keeps exactly.
const maxWhole = 1 << 53

// shortNumber is a number in a message, in twelve digits: a big float has up to 154.
func shortNumber(f *big.Float) string { return f.Text('g', 12) }

// checkFlag takes "true" as well, as HCL does: a variable from the environment is text.
func (f Field) checkFlag(v cty.Value) (cty.Value, *Fault) {
	b, err := convert.Convert(v, cty.Bool)
	if err != nil {
		return v, f.wrongType("true or false", "true", v)
	}
	return b, nil
}

// checkTexts takes numbers among the texts, which HCL converts, but no single text: "a" for ["a"] is as often a slip.
func (f Field) checkTexts(v cty.Value) (cty.Value, *Fault) {
	if v.Type().IsPrimitiveType() {
		return v, f.wrongType("a list of strings", `["…"]`, v)
	}
	list, err := convert.Convert(v, cty.List(cty.String))
	if err != nil {
		return v, f.wrongType("a list of strings", `["…"]`, v)
	}
	if !list.IsKnown() {
		return list, nil
	}
	for _, e := range list.Elements() {
		if e.IsKnown() && e.IsNull() {
			return v, &Fault{Summary: "Null in " + f.Name, Detail: fmt.Sprintf("Each element of %s is a string.", f.Name)}
		}
	}
	return list, nil
}

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
	for k, e := range v.Elements() {
		at := path
		if k.Type() == cty.String {
			at += "." + k.AsString()
			if e.Type() == cty.String && e.IsKnown() && !e.IsNull() && e.AsString() != "" && cell.SecretName(strings.ReplaceAll(k.AsString(), "-", "_")) {
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
func (f Field) checkEnviron(v cty.Value) (cty.Value, *Fault) {
	if !v.Type().IsObjectType() && !v.Type().IsMapType() {
		return v, f.wrongType("an object", "{ NAME = \"value\" }", v)
	}
	all := map[string]cty.Value{}
	for k, e := range v.Elements() {
		name := k.AsString()
		if name == "" || strings.ContainsAny(name, "=\x00") {
			return v, &Fault{Summary: "Bad environment variable name", Detail: fmt.Sprintf("%q cannot name an environment variable.", name)}
		}
		if !e.IsKnown() || e.IsNull() {
			all[name] = cty.UnknownVal(cty.String)
			if e.IsKnown() {
				all[name] = cty.NullVal(cty.String)
			}
			continue
		}
		if cell.SecretName(name) {
			return v, &Fault{Summary: "A secret in " + f.Name, Secret: true, Detail: fmt.Sprintf("%s.%s would be stored with every result. "+
				"Take it out of this file: launches run offline and need no token, matrix fetch reads it from the environment, and a server's key is named by api_key_env.", f.Name, name)}
		}
		s, err := convert.Convert(e, cty.String)
		if err != nil || !e.Type().IsPrimitiveType() {
			return v, &Fault{Summary: "Wrong type in " + f.Name, Detail: fmt.Sprintf("%s.%s must be a string, number or bool, not %s.", f.Name, name, Article(e.Type()))}
		}
		all[name] = s
	}
	return cty.ObjectVal(all), nil
}
