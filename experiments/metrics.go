package experiments

import (
	"fmt"
	"math"
	"slices"

	"github.com/hashicorp/hcl/v2"
)

// Metric is a name that a decision may use. What is measured is not this package's to know: the list is passed in.
type Metric struct {
	Name string
	Unit string // Ratio, or as the column has it
}

// Ratio is the unit of a share between 0 and 1.
const Ratio = "ratio"

// Suggest is the candidate that a mistyped name most likely means, "" when none is near enough.
func Suggest(name string, candidates []string) string { return suggest(name, candidates) }

// metric reports whether a name is one of the metrics, and says so where it is not.
func (l *loader) metric(at hcl.Range, name string) bool {
	if l.opts.Metrics == nil || slices.ContainsFunc(l.opts.Metrics, func(m Metric) bool { return m.Name == name }) {
		return true
	}
	names := make([]string, len(l.opts.Metrics))
	for i, m := range l.opts.Metrics {
		names[i] = m.Name
	}
	l.diags = l.diags.Append(mistake(at, "Unknown metric", fmt.Sprintf("Nothing that is measured is called %q.%s docs/columns.md lists all, for instance %s.",
		name, didYouMean(name, names), listed([]string{"success_rate", "ttft_p99_s", "output_throughput"}))))
	return false
}

// bound says of a ratio that no share can be.
func (l *loader) bound(at hcl.Range, name string, n float64) {
	i := slices.IndexFunc(l.opts.Metrics, func(m Metric) bool { return m.Name == name })
	if i < 0 || l.opts.Metrics[i].Unit != Ratio || n >= 0 && n <= 1 {
		return
	}
	detail := fmt.Sprintf("%s is a ratio, between 0 and 1.", name)
	if n > 1 && n <= 100 {
		detail = fmt.Sprintf("%s is a ratio: write %v.", name, math.Round(n*1e6)/1e8)
	}
	l.diags = l.diags.Append(mistake(at, "Not a ratio", detail))
}
