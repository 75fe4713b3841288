package experiments_test

import (
	"encoding/json"
	"maps"
	"testing"

	"github.com/google/go-cmp/cmp"

	"matrix/experiments/cell"
)

// TestPartsAreStoredAsAMap: manifests, plans and marks hold an object by name, whatever holds it in memory.
func TestPartsAreStoredAsAMap(t *testing.T) {
	want, parts := map[string]cell.Component{}, cell.Parts{}
	for _, name := range cell.Components() {
		want[name] = cell.Component{Hash: "of " + name, Value: json.RawMessage(`{"stop":"<b>"}`)}
		parts.Set(name, want[name])
		if got := parts.Get(name); got.Hash != want[name].Hash {
			t.Errorf("%s: %q", name, got.Hash)
		}
	}
	parts.Set("tomorrow's", cell.Component{Hash: "x"})
	if diff := cmp.Diff(want, maps.Collect(parts.All())); diff != "" {
		t.Errorf("components (-want +got):\n%s", diff)
	}
	text, err := json.Marshal(parts)
	if err != nil {
		t.Fatal(err)
	}
	asMap, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(asMap), string(text)); diff != "" {
		t.Errorf("JSON (-map +parts):\n%s", diff)
	}
	var again cell.Parts
	if err := json.Unmarshal([]byte(`{"tomorrow":{"hash":"y"},"spec":{"hash":"s","value":1}}`), &again); err != nil {
		t.Fatal(err)
	}
	if again.Get("spec").Hash != "s" || again.Get("policy").Hash != "" || again.Get("tomorrow").Hash != "" {
		t.Errorf("read: %+v", again)
	}
}
