package foreign

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// benchUnits are the figures of a line beside ns/op.
// Units are benchstat's way of naming metrics; those in which more is better are declared in the file, others are
// better when less.
var benchUnits = []struct{ unit, column string }{
	{"output-tokens/s", "output_throughput"}, {"requests/s", "request_throughput"}, {"goodput/s", "goodput"}, {"success-ratio", "success_rate"}, {"load-sec", "load_s"}, {"ttft-p50-sec", "ttft_p50_s"},
	{"ttft-p99-sec", "ttft_p99_s"}, {"tpot-p50-sec", "tpot_p50_s"}, {"e2e-p50-sec", "e2e_p50_s"}, {"e2e-p99-sec", "e2e_p99_s"}, {"J/output-token", "j_per_output_token"}, {"vram-peak-B", "vram_peak_bytes"},
}

// writeGoBench writes one file of benchmark lines, a line for each attempt that counts, as benchstat reads them. An operation is a
// request that was answered.
// Launches are lines of one name, so that benchstat takes them for samples of one benchmark. What does not count is
// left out: a line has no place to say so.
func writeGoBench(dir string, runs []*run) ([]string, error) {
	var b strings.Builder
	b.WriteString("Unit output-tokens/s better=higher\nUnit requests/s better=higher\nUnit goodput/s better=higher\nUnit success-ratio better=higher\n")
	// Configuration lines hold for what follows, so they are written where they change.
	about := ""
	for _, r := range runs {
		ok, took := r.number("requests_ok"), r.number("duration_s")
		if r.WhyNot != "" || ok == nil || *ok == 0 || took == nil {
			continue
		}
		if now := fmt.Sprintf("pkg: matrix/%s\ncpu: %s\ngpu: %s\nsimulated: %v\n", word(r.Manifest.Experiment), r.Run.Machine.CPU, r.Run.Machine.GPUName, r.Run.Simulated); now != about {
			about = now
			b.WriteString(now)
		}
		name := "BenchmarkCell/platform=" + word(r.Manifest.Platform) + "/model=" + word(r.Manifest.Model)
		axes := r.Manifest.Axes
		for _, axis := range slices.Sorted(maps.Keys(axes)) {
			// these three have their places in front and at the end
			if axis != "platform" && axis != "model" && axis != "batch_size" {
				name += "/" + word(axis) + "=" + word(axes[axis])
			}
		}
		fmt.Fprintf(&b, "%s/batch_size=%d %d %s ns/op", name, r.Manifest.BatchSize, int64(*ok), digits(1e9**took / *ok))
		for _, u := range benchUnits {
			if v := r.number(u.column); v != nil {
				b.WriteString(" " + digits(*v) + " " + u.unit)
			}
		}
		b.WriteString("\n")
	}
	path := filepath.Join(dir, "matrix.bench.txt")
	return []string{path}, os.WriteFile(path, []byte(b.String()), 0o644)
}

// digits writes as few digits as tell the number apart from all others.
func digits(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }

// word is a label as it may stand in a benchmark's name.
// benchstat splits names at "/" and "=", and lines at white space, U+0085 and U+00A0 among it.
func word(s string) string {
	return strings.Map(func(c rune) rune {
		if c <= ' ' || c == '/' || c == '=' || c == 0x7f || c == 0x85 || c == 0xa0 {
			return '_'
		}
		return c
	}, s)
}
