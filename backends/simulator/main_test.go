package simulator

import (
	"os"
	"testing"

	"matrix/backends/fake"
	"matrix/backends/process"
)

// TestMain lets this test binary be what it starts: the guard of an engine, and the simulator's server.
func TestMain(m *testing.M) {
	process.MainIfAsked()
	fake.MainIfAsked()
	os.Exit(m.Run())
}
