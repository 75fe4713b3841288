package metrics

import "testing"

// TestReasonsAreBounded: a schema has as many places as an answer can get wrong.
func TestReasonsAreBounded(t *testing.T) {
	var j judged
	for range 3 * mostReasons {
		j.add(false, nil, 0)
	}
	if len(j.reasons) != 1 || j.invalid != 3*mostReasons {
		t.Errorf("%d reasons of %d", len(j.reasons), j.invalid)
	}
}
