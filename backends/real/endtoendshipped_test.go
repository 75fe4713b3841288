package real

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestShippedPlans: what `just quickstart-cpu` runs finds every engine and model that `just engines` installs. Running it
// takes an hour; TestEndToEnd runs the same platforms with fewer requests.
func TestShippedPlans(t *testing.T) {
	p := newProgram(t)
	file, err := filepath.Abs(filepath.Join("..", "..", "experiments", "cpu.hcl"))
	if err != nil {
		t.Fatal(err)
	}
	said := p.run(2, "plan", "--detailed-exitcode", file)
	if !strings.Contains(said, "Plan: 8 cells, 24 launches") {
		t.Error("not 8 cells are to be launched three times")
	}
	p.run(0, "validate", file)
}
