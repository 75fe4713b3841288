package cell

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Change is one difference between two identities, for "before → after".
type Change struct {
	Component string `json:"component"` // spec, dataset, model, backend, hardware, environment, policy
	Path      string `json:"path"`      // "args.max_num_seqs"
	Before    string `json:"before"`    // "unset" where there was none
	After     string `json:"after"`
	Place     Place  `json:"place,omitzero"`
}

// unset stands for an attribute that one side does not have: it was left to its default.
const unset = "unset"

// Diff lists what changed between a stored identity and a new one, component by component, policy left out;
// places are those of the attributes in the cell's source where known.
func Diff(before, after Identity, c *Cell) []Change {
	var changes []Change
	for _, component := range slices.Concat(decisive, []string{"environment"}) {
		b, a := before.Components.Get(component), after.Components.Get(component)
		if b.Hash == a.Hash {
			continue
		}
		old, now := Flatten(b.Value), Flatten(a.Value)
		either := maps.Clone(old)
		maps.Copy(either, now)
		for _, path := range slices.Sorted(maps.Keys(either)) {
			was, is := textAt(old, path), textAt(now, path)
			if was == is {
				continue
			}
			changes = append(changes, Change{Component: component, Path: path, Before: was, After: is, Place: changePlace(component, path, c)})
		}
	}
	return changes
}

// textAt is an attribute's text, or that it is not set.
func textAt(values map[string]string, path string) string {
	if v, ok := values[path]; ok {
		return v
	}
	return unset
}

// Flatten turns stored JSON into one line per attribute. A value that is no JSON object becomes one line itself.
func Flatten(value json.RawMessage) map[string]string {
	all := map[string]string{}
	d := json.NewDecoder(bytes.NewReader(value))
	d.UseNumber() // 2^53 and above stay exact
	var v any
	if err := d.Decode(&v); err != nil {
		all["value"] = string(value)
		return all
	}
	flattenInto(all, "", v)
	return all
}

// flattenInto quotes a text that would read as another: an empty one, one of several lines, the word unset.
func flattenInto(all map[string]string, path string, v any) {
	if m, ok := v.(map[string]any); ok {
		for k, e := range m {
			flattenInto(all, strings.TrimPrefix(path+"."+k, "."), e)
		}
		return
	}
	switch v := v.(type) {
	case string:
		all[path] = v
		if v == "" || v == unset || strings.ContainsAny(v, "\n\t") {
			all[path] = fmt.Sprintf("%q", v)
		}
	case json.Number:
		all[path] = v.String()
	default:
		all[path] = string(Canonical(v))
	}
}

// changePlace finds the attribute that a path of an identity stands for.
func changePlace(component, path string, c *Cell) Place {
	if c == nil {
		return Place{}
	}
	for _, unit := range []string{"_s", "_mib", "_sha256"} {
		path = strings.TrimSuffix(path, unit)
	}
	switch component {
	case "spec":
		if path == "dataset_seed" && c.Dataset != nil {
			return c.Dataset.Place
		}
		return c.PlaceOf(path)
	case "dataset":
		if c.Dataset != nil {
			return c.Dataset.Place
		}
	case "model":
		return c.Model.Places.or(c.modelPrefix()+path, c.Model.Place)
	case "environment":
		if path == "url" {
			return c.PlaceOf("platform.url")
		}
	}
	return Place{}
}

// Attribute is one value of an identity's component.
type Attribute struct {
	Component string `json:"component"`
	Path      string `json:"path"` // "args.max_num_seqs"
	Value     string `json:"value"`
	Place     Place  `json:"place,omitzero"` // where the source says so, if it does
}

// Components are those of an identity, the decisive ones first.
func Components() []string {
	return slices.Concat(decisive, []string{"environment", "policy"})
}

// Attributes lists what a component of the cell's identity is made of, sorted by path.
func (c *Cell) Attributes(id Identity, component string) []Attribute {
	values := Flatten(id.Components.Get(component).Value)
	list := make([]Attribute, 0, len(values))
	for _, path := range slices.Sorted(maps.Keys(values)) {
		list = append(list, Attribute{component, path, values[path], changePlace(component, path, c)})
	}
	return list
}

// modelPrefix is where the source has what the cell's engine loads: "vllm." before an attribute of the identity's model.
func (c *Cell) modelPrefix() string {
	if p := c.Platform.Kind().Loads; p != nil {
		return p.Name + "."
	}
	return ""
}
