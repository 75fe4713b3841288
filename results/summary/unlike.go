package summary

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"matrix/experiments/cell"
	"matrix/results/stats"
)

// Difference is one thing in which two cells are unlike, beside what is compared.
type Difference struct {
	Aspect string // "precision", "max_tokens", "hardware" …
	A, B   string // "bfloat16", "Q4_K_M"
}

// String is "precision: bfloat16 against Q4_K_M".
func (d Difference) String() string { return d.Aspect + ": " + d.A + " against " + d.B }

// Unlike lists what differs between two cells that a ratio of theirs should be read with: model, precision, prompts, token
// limits, context, template, prefix cache, load, hardware, engine version and settings of the same engine, and whatever
// disturbed one of them. Empty when all that is known agrees. That the platforms differ is not said: it is compared.
func Unlike(a, b *Cell) []Difference {
	var out pairing
	out.add("model", a.Model, b.Model)
	out.add("batch size", fmt.Sprint(a.BatchSize), fmt.Sprint(b.BatchSize))
	out.flag("simulated", a.Simulated, b.Simulated, "simulated", "measured")
	out.flag("imported", a.Imported, b.Imported, "imported", "measured by matrix")
	x, y := a.First(), b.First()
	if x == nil || y == nil {
		return out
	}
	if p, q := precisionOf(x), precisionOf(y); !alike(p, q) {
		out.add("precision", p, q)
	}
	for _, t := range told {
		out.add(t.aspect, t.of(x), t.of(y))
	}
	if p, q, apart := validApartOf(a, b); apart {
		out.add("answers that can be used", stats.Percent(p), stats.Percent(q))
	}
	sameEngine := x.Run().Engine.Name == y.Run().Engine.Name
	if sameEngine {
		out.add("engine version", x.Run().Engine.Version, y.Run().Engine.Version)
	}
	out.spec(x, y, sameEngine)
	if sameEngine {
		out.packages(x, y)
	}
	return out
}

// told are the aspects that a run's row or identity tells in words, "" = not.
var told = []struct {
	aspect string
	of     func(*Attempt) string
}{
	{"prompts", func(a *Attempt) string { return short(a.Identity.Components.Get("dataset").Hash) }},
	{"context", func(a *Attempt) string { return whole(a, "max_model_len", " tokens") }},
	{"chat template", func(a *Attempt) string { return short(a.Run().Engine.Template) }},
	{"load", loadOf},
	{"prefix cache", cachedOf},
	{"reasoning", reasonsOf},
	{"GPU", gpuOf},
	{"processor", func(a *Attempt) string { return a.Run().Machine.CPU }},
	{"host", func(a *Attempt) string { return a.Run().Machine.Host }},
	{"GPU driver", func(a *Attempt) string { return a.Run().Machine.Driver }},
	{"GPU power limit", func(a *Attempt) string { return whole(a, "gpu_power_limit_w", " W") }},
	{"page cache", func(a *Attempt) string { return a.Run().PageCache }},
	{"compile cache", func(a *Attempt) string { return a.Run().CompileCache }},
	{"neighbours", func(a *Attempt) string { return whole(a, "neighbours", " other launches meanwhile") }},
	{"client", func(a *Attempt) string {
		if limited(a) {
			return "may have been the limit"
		}
		return "not the limit"
	}},
}

// precisionOf is the quantisation's name where there is one, else the type that is computed in.
func precisionOf(a *Attempt) string {
	return cmp.Or(noneless(a.Run().Engine.Quantization), a.Run().Engine.DType)
}

// sixteen are the names that engines give to weights of 16 bits: which of the two formats makes no difference in time.
var sixteen = []string{"bfloat16", "bf16", "float16", "f16", "fp16", "half"}

// alike reports that two precisions differ in name alone.
func alike(a, b string) bool {
	wide := func(name string) bool {
		return slices.Contains(sixteen, strings.ToLower(strings.TrimPrefix(name, "torch.")))
	}
	return a == b || wide(a) && wide(b)
}

// noneless is a quantisation's name, "" where there is none.
func noneless(name string) string {
	if strings.EqualFold(name, "none") {
		return ""
	}
	return name
}

// short is enough of a hash to tell two apart in a sentence.
func short(hash string) string { return hash[:min(8, len(hash))] }

// whole is a column without its fraction, with its unit; "" where nobody told.
func whole(a *Attempt, column, unit string) string {
	n := a.Number(column)
	if n == nil {
		return ""
	}
	return fmt.Sprintf("%.0f%s", *n, unit)
}

// loadOf is "batch", "closed, 16 in flight", "open".
func loadOf(a *Attempt) string {
	mode := a.Run().Mode
	if n := a.Number("concurrency"); n != nil && mode == "closed" {
		return fmt.Sprintf("closed, %.0f in flight", *n)
	}
	return mode
}

// cachedOf is the share of prompt tokens that came from a prefix cache, in tens of percent.
func cachedOf(a *Attempt) string {
	cached, input := a.Number("cached_tokens"), a.Number("input_tokens")
	if cached == nil || input == nil || *input <= 0 {
		return ""
	}
	share := *cached / *input
	if share < 0.05 {
		return "unused"
	}
	return fmt.Sprintf("about %.0f%% of prompt tokens", 10*float64(int(share*10+0.5)))
}

// reasonsOf says of a server whether it keeps to generate.thinking; a difference that was asked for is one of thinking itself.
func reasonsOf(a *Attempt) string {
	if slices.ContainsFunc(a.Warnings(), func(w string) bool { return strings.HasPrefix(w, warnsThinking) }) {
		return "in the answers, though told not to think"
	}
	return "as asked"
}

// gpuOf is the card's name, with how many where there are several; "none" where it was looked for and not there.
func gpuOf(a *Attempt) string {
	name, n := a.Run().Machine.GPUName, a.Number("gpu_count")
	switch {
	case name != "" && n != nil && *n > 1:
		return fmt.Sprintf("%.0f × %s", *n, name)
	case name == "" && n != nil:
		return "none"
	}
	return name
}

// pairing gathers differences.
type pairing []Difference

// add notes an aspect that differs. What only one side tells is no difference: it may be the same on the other.
func (p *pairing) add(aspect, a, b string) {
	if a != b && a != "" && b != "" {
		*p = append(*p, Difference{aspect, a, b})
	}
}

// flag notes a truth that differs, in words for either side.
func (p *pairing) flag(aspect string, a, b bool, yes, no string) {
	words := map[bool]string{true: yes, false: no}
	p.add(aspect, words[a], words[b])
}

// spec compares what was asked for: limits and sampling always, the engine's settings where it is the same engine.
func (p *pairing) spec(a, b *Attempt, sameEngine bool) {
	x, y := asked(a), asked(b)
	parts := []string{"generate", "isolation"}
	if sameEngine {
		parts = append(parts, "args", "options", "env")
	}
	for _, part := range parts {
		for _, key := range keysOf(x[part], y[part]) {
			v, w := clipped(setting(part, x[part], key), setting(part, y[part], key))
			p.add(key, v, w)
		}
	}
}

// keysOf are the keys of either map, each once, sorted.
func keysOf[V any](x, y map[string]V) []string {
	both := slices.AppendSeq(slices.Collect(maps.Keys(x)), maps.Keys(y))
	slices.Sort(both)
	return slices.Compact(both)
}

// setting is a value as it was asked for. What an identity leaves out of generate and isolation has a known value; of an
// engine's own settings only the engine knows it.
func setting(name string, part map[string]any, key string) string {
	v, ok := part[key]
	if !ok {
		v, ok = cell.IdentityDefault(name, key)
	}
	if !ok {
		return "default"
	}
	if text, ok := v.(string); ok {
		return text
	}
	doc, err := json.Marshal(v)
	if err != nil {
		panic(err) // it came from JSON
	}
	return string(doc)
}

// asked are the maps in the spec of an attempt's identity: part → setting → value.
func asked(a *Attempt) map[string]map[string]any { return askedOf(&a.Identity) }

// Formed reports that a form of the answers was asked for.
func (a *Attempt) Formed() bool {
	generate := asked(a)["generate"]
	return slices.ContainsFunc([]string{"json_schema", "json", "choice", "regex"}, func(name string) bool { return generate[name] != nil && generate[name] != false })
}

// askedOf is asked for an identity: of its spec, the settings that are maps.
func askedOf(id *cell.Identity) map[string]map[string]any {
	var parts map[string]json.RawMessage
	out := map[string]map[string]any{}
	if json.Unmarshal(id.Components.Get("spec").Value, &parts) != nil {
		return out // imported: nothing is known
	}
	for name, doc := range parts {
		var settings map[string]any
		if json.Unmarshal(doc, &settings) == nil {
			out[name] = settings
		}
	}
	return out
}

// packages compares what the engines' locks hold, where both have one: of two versions of an engine it is often not the engine
// that made the difference.
func (p *pairing) packages(a, b *Attempt) {
	x, y := locked(a), locked(b)
	if x == nil || y == nil {
		return
	}
	for _, name := range keysOf(x, y) {
		p.add("package "+name, cmp.Or(x[name], "absent"), cmp.Or(y[name], "absent"))
	}
}

// locked are the packages of an attempt's lock, by version; nil where nothing was locked.
func locked(a *Attempt) map[string]string {
	var environment struct{ Packages map[string]string }
	if json.Unmarshal(a.Identity.Components.Get("environment").Value, &environment) != nil {
		return nil // imported: nothing is known
	}
	return environment.Packages
}
