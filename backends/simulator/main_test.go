package simulator

import (
	"os"
	"testing"

	"matrix/backends/process"
)

// TestMain lets this test binary be what it starts: the guard of an engine, and the simulator's server.
func TestMain(m *testing.M) {
	process.MainIfAsked()
	MainIfAsked()
	os.Exit(m.Run())
}
