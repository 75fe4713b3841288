package experiments

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/zclconf/go-cty/cty"
)

// checkMemory reads an amount of memory: a number of MiB, or a string with a unit. The result is MiB.
func (f field) checkMemory(v cty.Value) (cty.Value, *fault) {
	if v.Type() == cty.Number {
		return field{name: f.name, kind: number, min: atLeast(0)}.check(v)
	}
	s, ok := textOf(v)
	if !ok {
		return v, f.wrongType("an amount of memory", `"64MiB"`, v)
	}
	for unit, mib := range map[string]float64{"MiB": 1, "GiB": 1024} {
		digits, found := strings.CutSuffix(strings.TrimSpace(s), unit)
		if !found {
			continue
		}
		if n, err := strconv.ParseFloat(strings.TrimSpace(digits), 64); err == nil && n >= 0 && n < maxWhole {
			return cty.NumberFloatVal(n * mib), nil
		}
	}
	return v, &fault{summary: "Bad amount of memory for " + f.name, detail: fmt.Sprintf(`%q is not an amount of memory. Write "64MiB" or "1GiB".`, s)}
}

// checkCapture reads which outputs are kept: true, false, a number of samples, or a word.
func (f field) checkCapture(v cty.Value) (cty.Value, *fault) {
	switch v.Type() {
	case cty.Bool:
		return v, nil
	case cty.Number:
		return field{name: f.name, kind: whole, min: atLeast(0)}.check(v)
	case cty.String:
		return field{name: f.name, kind: text, oneOf: []string{"all", "sample", "none"}}.check(v)
	}
	return v, f.wrongType("true, false or a number of samples", "true", v)
}

// thinkingLevels are those of generate.thinking beside true and false.
var thinkingLevels = []string{"low", "medium", "high"}

// checkThinking reads whether a model is to think, and how hard; the result is a string.
func (f field) checkThinking(v cty.Value) (cty.Value, *fault) {
	if v.Type() == cty.Bool {
		return cty.StringVal(strconv.FormatBool(v.True())), nil
	}
	if s, ok := textOf(v); ok && s != "true" && s != "false" {
		return field{name: f.name, kind: text, oneOf: thinkingLevels}.check(v)
	} else if ok {
		return v, nil
	}
	return v, f.wrongType("true, false or a level", `"low"`, v)
}

// ThinkingLevel reads Thinking: whether to think, and the level, "" = the model's own.
func (g *Generate) ThinkingLevel() (level string, think bool) {
	switch g.Thinking {
	case "", "false":
		return "", false
	case "true":
		return "", true
	}
	return g.Thinking, true
}

var distributions = []string{"constant", "uniform", "normal", "lognormal"}

var lengthFields = []field{
	{name: "distribution", kind: text, oneOf: distributions}, {name: "mean", kind: number, min: atLeast(1)},
	{name: "stddev", kind: number, min: atLeast(0)}, {name: "min", kind: whole, min: atLeast(1)}, {name: "max", kind: whole, min: atLeast(1)},
}

// lengthOf reads a count of tokens, or a distribution of counts.
func lengthOf(v cty.Value) (Length, *fault) {
	if !present(v) {
		return Length{}, nil
	}
	if v.Type() == cty.Number {
		n := intAt(cty.ObjectVal(map[string]cty.Value{"n": v}), "n")
		if n < 1 {
			return Length{}, &fault{summary: "Value out of range", detail: "A length is at least 1 token."}
		}
		return Length{Distribution: "constant", Mean: float64(n), Min: n, Max: n}, nil
	}
	if !v.Type().IsObjectType() && !v.Type().IsMapType() {
		return Length{}, &fault{summary: "Wrong type for a length", detail: `Write a number of tokens, or { distribution = "normal", mean = 200, stddev = 50 }.`}
	}
	return distribution(v)
}

func distribution(v cty.Value) (Length, *fault) {
	checked := map[string]cty.Value{}
	for it := v.ElementIterator(); it.Next(); {
		k, e := it.Element()
		f := fieldNamed(lengthFields, k.AsString())
		if f == nil {
			return Length{}, &fault{summary: "Unknown attribute", detail: fmt.Sprintf("A length has no %q; it takes %s.%s", k.AsString(),
				strings.Join(fieldNames(lengthFields), ", "), didYouMean(k.AsString(), fieldNames(lengthFields)))}

		}
		c, wrong := f.check(e)
		if wrong != nil {
			return Length{}, wrong
		}
		checked[f.name] = c
	}
	o := cty.ObjectVal(checked)
	l := Length{Distribution: stringAt(o, "distribution"), Mean: floatAt(o, "mean"), Stddev: floatAt(o, "stddev"), Min: intAt(o, "min"), Max: intAt(o, "max")}
	return l.withDefaults(), l.withDefaults().validate()
}

// withDefaults fills what follows from the rest: a spread means normal, bounds alone mean uniform.
func (l Length) withDefaults() Length {
	if l.Distribution == "" {
		switch {
		case l.Stddev > 0:
			l.Distribution = "normal"
		case l.Min > 0 && l.Max > l.Min:
			l.Distribution = "uniform"
		default:
			l.Distribution = "constant"
		}
	}
	if l.Mean == 0 && l.Max > 0 {
		l.Mean = float64(max(l.Min, 1)+l.Max) / 2
	}
	if l.Distribution == "constant" {
		l.Min, l.Max = int(l.Mean), int(l.Mean)
	}
	l.Min = max(l.Min, 1)
	return l
}

func (l Length) validate() *fault {
	switch {
	case l.Mean < 1:
		return &fault{summary: "Length without a mean", detail: "Give the mean number of tokens: { mean = 200 }, or min and max."}
	case l.Max > 0 && l.Max < l.Min:
		return &fault{summary: "Value out of range", detail: fmt.Sprintf("max (%d) is below min (%d).", l.Max, l.Min)}
	case l.Distribution == "uniform" && l.Max == 0:
		return &fault{summary: "Uniform length without max", detail: "A uniform distribution needs min and max."}
	case (l.Distribution == "normal" || l.Distribution == "lognormal") && l.Stddev == 0:
		return &fault{summary: "Length without a spread", detail: fmt.Sprintf("A %s distribution needs stddev above 0.", l.Distribution)}
	}
	return nil
}

func fieldNamed(fields []field, name string) *field {
	for i := range fields {
		if fields[i].name == name {
			return &fields[i]
		}
	}
	return nil
}
