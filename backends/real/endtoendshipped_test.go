package real

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestShippedPlans: what `just quickstart-cpu` runs finds every engine and model that `just engines` installs. Running it
// takes ten minutes; TestEndToEnd runs the same platforms with fewer requests.
func TestShippedPlans(t *testing.T) {
	p := newProgram(t)
	file, err := filepath.Abs(filepath.Join("..", "..", "experiments", "cpu.hcl"))
	if err != nil {
		t.Fatal(err)
	}
	said := p.run(2, "plan", "--detailed-exitcode", file)
	if !strings.Contains(said, "Plan: 6 cells, 6 launches") {
		t.Error("not 6 cells are to be launched")
	}
	p.run(0, "validate", file)
}
