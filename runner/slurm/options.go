package slurm

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"matrix/experiments/cell"
)

// ours are the options of sbatch that this package sets itself.
var ours = []string{"array", "job-name", "output", "error", "chdir", "parsable", "requeue", "no-requeue", "signal", "open-mode",
	"wrap", "test-only", "wait", "nodes", "ntasks"}

// Options turns hardware.slurm into options of sbatch: partition = "gpu" becomes --partition=gpu, exclusive = true becomes
// --exclusive, a list is joined by commas. What a run needs to be looked after cannot be set.
func Options(v cell.Values) ([]string, error) {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(v)) {
		option := strings.ReplaceAll(name, "_", "-")
		if slices.Contains(ours, option) {
			return nil, fmt.Errorf("hardware.slurm.%s: matrix sets --%s itself", name, option)
		}
		if strings.Trim(option, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" || strings.HasPrefix(option, "-") {
			return nil, fmt.Errorf("hardware.slurm.%s is no option of sbatch", name)
		}
		switch x := v[name].(type) {
		case nil:
		case bool:
			if x {
				all = append(all, "--"+option)
			}
		case []any:
			parts := make([]string, len(x))
			for i := range x {
				parts[i] = fmt.Sprint(x[i])
			}
			all = append(all, "--"+option+"="+strings.Join(parts, ","))
		case string, int64, int, float64, fmt.Stringer:
			all = append(all, fmt.Sprintf("--%s=%v", option, x))
		default:
			return nil, fmt.Errorf("hardware.slurm.%s must be a text, a number, true or a list of them", name)
		}
	}
	return all, nil
}
