package summary

import (
	"encoding/json"
	"maps"
	"strings"

	"matrix/results/record"
)

// Keys by which starts and launches of different cells are pooled. They hold what the identity holds, so that a renamed
// label pools with what it was.

// SeriesKey is equal for launches that differ in nothing but their batch size.
func SeriesKey(m *record.Manifest) string { return keyWithout(m, "batch_size", "warmup") }

// StartKey is equal for starts of the same engine, model, settings, machine and state of the caches.
func StartKey(m *record.Manifest) string {
	return keyWithout(m, "batch_size", "load", "generate", "warmup", "dataset_seed", "dataset")
}

// KinKey is StartKey without the settings.
func KinKey(m *record.Manifest) string { return key(engine(m), part(m, "model"), part(m, "hardware")) }

// keyWithout is everything that was asked for but some parts of the spec; "dataset" stands for the prompts.
func keyWithout(m *record.Manifest, parts ...string) string {
	var spec map[string]any
	if json.Unmarshal(m.Identity.Components.Get("spec").Value, &spec) != nil {
		// Imported: labels are all there is.
		return key(m.Experiment, m.Platform, m.Model, axesBut(m, "batch_size"))
	}
	prompts := m.Identity.Components.Get("dataset").Hash
	for _, name := range parts {
		delete(spec, name)
		if name == "dataset" {
			prompts = ""
		}
	}
	if isolation, ok := spec["isolation"].(map[string]any); ok {
		for _, name := range []string{"server", "cooldown_s", "exclusive", "prime", "vram_tolerance_mib"} { // they change no engine
			delete(isolation, name)
		}
		if len(isolation) == 0 {
			delete(spec, "isolation")
		}
	}
	doc, err := json.Marshal(spec) // maps are sorted by key
	if err != nil {
		panic(err) // it came from JSON
	}
	return key(string(doc), prompts, engine(m), part(m, "model"), part(m, "hardware"))
}

// engine is the backend with its version, else the platform's label.
func engine(m *record.Manifest) string {
	if backend := part(m, "backend"); backend != "" {
		return backend
	}
	return m.Platform
}

// part is the hash of a component of the identity, "" where it is empty; the model's label stands in for an unknown one.
func part(m *record.Manifest, name string) string {
	c := m.Identity.Components.Get(name)
	if v := string(c.Value); v != "" && v != "{}" {
		return c.Hash
	}
	if name == "model" {
		return m.Model
	}
	return ""
}

// axesBut are an import's labels without one axis, in a fixed order.
func axesBut(m *record.Manifest, axis string) string {
	labels := maps.Clone(m.Axes)
	delete(labels, axis)
	doc, err := json.Marshal(labels)
	if err != nil {
		panic(err) // strings
	}
	return string(doc)
}

// attached reports a server that was there before: nothing was loaded by us.
func (a *Attempt) attached() bool {
	return a.Status == record.Complete && !a.Run().Imported && a.Run().Server != "group" && a.Number("load_s") == nil && len(a.Run().Engine.Argv) == 0
}

// key joins by a byte that no label holds.
func key(parts ...string) string { return strings.Join(parts, "\x00") }
