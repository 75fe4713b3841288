//go:build race

package process

import (
	"os"
	"slices"
	"testing"
)

// TestDetectorSettingsArePassed: an engine that is a program of the detector's, as the simulator is in tests, ends as fast as this one.
func TestDetectorSettingsArePassed(t *testing.T) {
	settings, set := os.LookupEnv("GORACE")
	if env := mark(nil, "attempt"); slices.Contains(env, "GORACE="+settings) != set {
		t.Errorf("GORACE is %q (set: %t), and the engine gets %q", settings, set, env)
	}
}
