package cell

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
)

// AsMeasured is the cell with what a stored identity says that it was measured with: the platform's settings, programs
// and addresses, the model as it was loaded, what was asked of each request. What an identity does not tell stays as c
// has it. A recipe of a measured cell is of what ran, whatever is declared, or set in the environment, since.
func (c *Cell) AsMeasured(id Identity) (*Cell, error) {
	var spec struct {
		Args, Options       Values
		Env                 map[string]string
		Attach              bool
		Generate, Isolation map[string]json.RawMessage
	}
	var environment struct {
		Local Values `json:"local_env"`
		URL   string
	}
	var model Values
	var backend struct{ Name string }
	for name, into := range map[string]any{"spec": &spec, "environment": &environment, "model": &model, "backend": &backend} {
		if err := decodeNumbers(id.Components.Get(name).Value, into); err != nil {
			return nil, fmt.Errorf("read the %s of a result's identity: %w", name, err)
		}
	}
	m, p := *c, *c.Platform
	p.Backend = cmp.Or(backend.Name, p.Backend)
	p.Args, p.Options, p.Env, p.Attach = wholeNumbers(spec.Args), wholeNumbers(spec.Options), spec.Env, spec.Attach
	p.Python, p.Binary, p.URL = environment.Local.Text("python"), environment.Local.Text("binary"), cmp.Or(environment.URL, p.URL)
	m.Platform, m.Model = &p, c.Model.asMeasured(p.Backend, model, environment.Local)
	generate, isolation := *c.Generate, *c.Isolation
	err := restore(&isolation, spec.Isolation)
	if spec.Generate != nil {
		err = errors.Join(err, restore(&generate, spec.Generate))
	}
	if err != nil {
		return nil, fmt.Errorf("read the spec of a result's identity: %w", err)
	}
	m.Generate, m.Isolation = &generate, &isolation
	return &m, nil
}

// asMeasured has the part of a backend as an identity tells it: the paths by the names of its environment, the rest by
// those of its model component.
func (m *Model) asMeasured(backend string, then, paths Values) *Model {
	out := *m
	p := (&Platform{Backend: backend}).Kind().Loads
	if p == nil {
		return &out
	}
	now, part := m.Parts[p.Name], Values{}
	for _, a := range p.Attributes {
		v := ""
		switch {
		case a.Digest: // an identity has no more than its digest
			v = now.Text(a.Name)
		case a.Unless != "" && paths.Text(a.Unless) != "":
		case a.Path:
			v = paths.Text(a.localName())
		default:
			if a.Local != "" {
				v = paths.Text(a.Local)
			}
			for _, name := range append([]string{a.Name}, a.Facts...) {
				v = cmp.Or(v, then.Text(name))
			}
		}
		if a.Required || a.Folder { // what an identity leaves out: an absolute path
			v = cmp.Or(v, now.Text(a.Name))
		}
		if v != "" {
			part[a.Name] = v
		}
	}
	out.Parts = maps.Clone(m.Parts) // the others stay as they are declared
	if out.Parts == nil {
		out.Parts = map[string]Values{}
	}
	out.Parts[p.Name] = part
	return &out
}

// decodeNumbers decodes JSON and keeps numbers as they are written; nothing into into when there is none.
func decodeNumbers(text []byte, into any) error {
	if len(text) == 0 {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	return d.Decode(into)
}

// wholeNumbers makes of decoded JSON what evaluated HCL would be: whole numbers are whole.
func wholeNumbers(v Values) Values {
	out, _ := evaluated(map[string]any(v)).(Values)
	if len(out) == 0 {
		return nil
	}
	return out
}

// evaluated makes one value of decoded JSON what Values hold.
func evaluated(v any) any {
	switch v := v.(type) {
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n
		}
		f, _ := v.Float64()
		return f
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = evaluated(v[i])
		}
		return out
	case map[string]any:
		out := Values{}
		for k := range v {
			out[k] = evaluated(v[k])
		}
		return out
	}
	return v
}
