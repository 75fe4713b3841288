package lang

import (
	"strings"

	"matrix/experiments/cell"
	"matrix/experiments/hclvalue"
	"matrix/experiments/schema"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// Block is a declared block: as a value, as expressions see it, and as the struct that a cell carries.
type Block struct {
	Kind, Name string               // "platform", "ollama"
	At         hcl.Range            // of its label
	Ranges     map[string]hcl.Range // of its attributes
	Value      cty.Value            // with its id, and every field of its kind

	Platform *cell.Platform // one of the five, by Kind
	Model    *cell.Model
	Dataset  *cell.Dataset
	Hardware *cell.Hardware
	Engine   *cell.Engine // weights as well
}

// Address is the block as references have it, "platform.ollama".
func (b *Block) Address() string { return b.Kind + "." + b.Name }

// Blocks finds declared blocks by kind and label.
type Blocks map[string]map[string]*Block

// declaredBlocks makes the structs that cells carry of the blocks' values. What has no value (a mistake was said) has no block, and
// what refers to it stays silent.
// Engines and weights come first, whatever their place in the source: platforms and models look them up.
func (l *loader) declaredBlocks() Blocks {
	all := Blocks{"platform": {}, "model": {}, "dataset": {}, "hardware": {}, "engine": {}, "weights": {}}
	for _, n := range l.inSource {
		if installs(n.kind) && n.value.IsKnown() { // platforms look them up
			all[n.kind][n.name] = &Block{Kind: n.kind, Name: n.name, At: n.at, Ranges: n.ranges, Value: n.value, Engine: n.installed}
		}
	}
	for _, n := range l.inSource {
		if all[n.kind] == nil || installs(n.kind) || !n.value.IsKnown() {
			continue
		}
		b := &Block{Kind: n.kind, Name: n.name, At: n.at, Ranges: n.ranges, Value: n.value}
		switch n.kind {
		case "platform":
			b.Platform = platformOf(n)
			l.checkPlatform(n, b.Platform)
			installer{l}.installed(n, b.Platform, all)
		case "model":
			b.Model = modelOf(n)
			installer{l}.loads(b.Model)
			l.checkModel(n, b.Model)
		case "dataset":
			b.Dataset = l.datasetOf(n)
		case "hardware":
			b.Hardware = hardwareOf(n)
		}
		all[n.kind][n.name] = b
	}
	return all
}

// Find is the declared block that a value is; nil when it is something else. A conditional may have unified the
// value's type with another block's, so it is compared after conversion.
func (all Blocks) Find(kind string, v cty.Value) *Block {
	if !hclvalue.Present(v) || !v.Type().IsObjectType() {
		return nil
	}
	b := all[kind][hclvalue.String(v, "id")]
	if b == nil || !v.IsWhollyKnown() {
		return b
	}
	if same, err := convert.Convert(b.Value, v.Type()); err == nil && same.RawEquals(v) {
		return b
	}
	return nil
}

// FindAny looks through all kinds: an axis of any name may hold blocks.
func (all Blocks) FindAny(v cty.Value) *Block {
	for kind := range all {
		if b := all.Find(kind, v); b != nil {
			return b
		}
	}
	return nil
}

// PlaceOf is a range's beginning.
func PlaceOf(r hcl.Range) cell.Place { return cell.Place{File: r.Filename, Line: r.Start.Line} }

// PlacesOf are the beginnings of ranges.
func PlacesOf(ranges map[string]hcl.Range) cell.Places {
	places := cell.Places{}
	for path, r := range ranges {
		places[path] = PlaceOf(r)
	}
	return places
}

// platformOf is a platform as it is declared, no override merged in.
func platformOf(n *node) *cell.Platform {
	v := n.value
	return &cell.Platform{
		ID: n.name, Backend: hclvalue.String(v, "backend"), Args: hclvalue.Given(hclvalue.Attribute(v, "args")), Env: Environ(hclvalue.Attribute(v, "env")),
		Options: hclvalue.Given(hclvalue.Attribute(v, "options")), Python: hclvalue.String(v, "python"), Binary: hclvalue.String(v, "binary"), URL: oneVersion(hclvalue.String(v, "url")),
		APIKeyEnv: hclvalue.String(v, "api_key_env"), Attach: hclvalue.Bool(v, "attach"), Place: PlaceOf(n.at), Places: PlacesOf(n.ranges),
	}
}

// oneVersion takes the second /v1 off a URL: the address of a client, with what each of its requests begins with.
func oneVersion(url string) string { return strings.ReplaceAll(url, "/v1/v1", "/v1") }

// Environ are the values of an env, nil where there are none.
func Environ(v cty.Value) map[string]string {
	all := map[string]string{}
	for k, e := range hclvalue.Given(v) {
		if s, ok := e.(string); ok {
			all[k] = s
		}
	}
	if len(all) == 0 {
		return nil
	}
	return all
}

// modelOf keeps a part that is there and says nothing apart from one that is not there: the latter means another engine's model.
func modelOf(n *node) *cell.Model {
	m := &cell.Model{ID: n.name, Place: PlaceOf(n.at), Places: PlacesOf(n.ranges)}
	for _, f := range schema.PartFields() {
		if v := hclvalue.Attribute(n.value, f.Name); hclvalue.Present(v) {
			if m.Parts == nil {
				m.Parts = map[string]cell.Values{}
			}
			if m.Parts[f.Name] = hclvalue.Given(v); m.Parts[f.Name] == nil {
				m.Parts[f.Name] = cell.Values{} // it is there, and says nothing: Part.Check has a word for that
			}
		}
	}
	if v := hclvalue.Attribute(n.value, "architecture"); hclvalue.Present(v) {
		m.Architecture = &cell.Architecture{}
		fill(m.Architecture, v)
	}
	return m
}

// fill sets the fields of a struct whose tags name them to what an object has of them; the rest stays as it is.
func fill(part any, v cty.Value) {
	for _, s := range cell.Settings(part) {
		if given := hclvalue.Attribute(v, s.Name); hclvalue.Present(given) {
			hclvalue.Into(s.Field(part), given)
		}
	}
}

// hardwareOf takes a named GPU for one of it.
func hardwareOf(n *node) *cell.Hardware {
	v := n.value
	h := &cell.Hardware{ID: n.name, Slurm: hclvalue.Given(hclvalue.Attribute(v, "slurm")), Place: PlaceOf(n.at)}
	fill(h, v)
	if h.GPU != "" && h.GPUs == 0 {
		h.GPUs = 1
	}
	return h
}

// defaultPrompts is how many distinct prompts a synthetic dataset has.
const defaultPrompts = 1000

// datasetOf reads where prompts come from. The seed of a synthetic dataset may stand in either place.
func (l *loader) datasetOf(n *node) *cell.Dataset {
	v := n.value
	d := &cell.Dataset{ID: n.name, Path: hclvalue.String(v, "path"), Format: hclvalue.String(v, "format"), Column: hclvalue.String(v, "column"), Limit: hclvalue.Int(v, "limit"),
		Shuffle: hclvalue.Bool(v, "shuffle"), Repeat: hclvalue.Bool(v, "repeat"), Seed: int64(hclvalue.Int(v, "seed")), Place: PlaceOf(n.at)}
	if chat := hclvalue.Attribute(v, "chat"); hclvalue.Present(chat) {
		b := chat.True()
		d.Chat = &b
	}
	s := hclvalue.Attribute(v, "synthetic")
	if hclvalue.Present(s) {
		// The values were checked when the block was decoded, so a fault here has been said.
		input, _ := schema.LengthOf(hclvalue.Attribute(s, "input_tokens"))
		output, _ := schema.LengthOf(hclvalue.Attribute(s, "output_tokens"))
		d.Synthetic = &cell.Synthetic{InputTokens: input, OutputTokens: output, Count: hclvalue.Int(s, "count"), Prefix: hclvalue.Int(s, "prefix")}
		if d.Synthetic.Count == 0 {
			d.Synthetic.Count = defaultPrompts
		}
		if d.Seed == 0 {
			d.Seed = int64(hclvalue.Int(s, "seed"))
		}
	}
	l.checkDataset(n, d)
	return d
}
