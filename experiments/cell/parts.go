package cell

import (
	"encoding/json"
	"iter"
)

// Component is one named part of an identity with the value that its hash was taken of.
type Component struct {
	Hash  string          `json:"hash"` // 64 hex digits
	Value json.RawMessage `json:"value"`
}

// Parts are the components of an identity, nil where there is none. What they point to is shared between identities
// and must not be written to. (A map instead costs half a kilobyte for each cell of a plan.)
type Parts struct {
	Backend     *Component `json:"backend,omitempty"`
	Dataset     *Component `json:"dataset,omitempty"`
	Environment *Component `json:"environment,omitempty"`
	Hardware    *Component `json:"hardware,omitempty"`
	Model       *Component `json:"model,omitempty"`
	Policy      *Component `json:"policy,omitempty"`
	Spec        *Component `json:"spec,omitempty"`
}

// at is where a component stands; nil: there is none of this name.
func (p *Parts) at(name string) **Component {
	switch name {
	case "backend":
		return &p.Backend
	case "dataset":
		return &p.Dataset
	case "environment":
		return &p.Environment
	case "hardware":
		return &p.Hardware
	case "model":
		return &p.Model
	case "policy":
		return &p.Policy
	case "spec":
		return &p.Spec
	}
	return nil
}

// Get returns a component by its name, an empty one where there is none.
func (p Parts) Get(name string) Component {
	if c := p.at(name); c != nil && *c != nil {
		return **c
	}
	return Component{}
}

// Set puts a component in its place. A name that is not one of Components is passed over: a newer matrix wrote it.
func (p *Parts) Set(name string, c Component) {
	if at := p.at(name); at != nil {
		*at = &c
	}
}

// All yields the components that there are, sorted by name.
func (p Parts) All() iter.Seq2[string, Component] {
	return func(yield func(string, Component) bool) {
		for _, name := range []string{"backend", "dataset", "environment", "hardware", "model", "policy", "spec"} {
			if c := *p.at(name); c != nil && !yield(name, *c) {
				return
			}
		}
	}
}
