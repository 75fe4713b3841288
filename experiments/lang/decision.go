package lang

import (
	"fmt"
	"maps"
	"math"
	"slices"

	"matrix/experiments/cell"
	"matrix/experiments/diagnostic"
	"matrix/experiments/hclvalue"
	"matrix/experiments/schema"
	"matrix/experiments/wording"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
)

// decision reads how platforms are weighed.
// A decision is read even where parts of it are wrong, so that every mistake of it is said at once.
func (l *loader) decision(b fileBlock) *cell.Decision {
	attrs := l.content(b.Block, schema.Body(schema.DecisionBlock.Fields), "in decision").Attributes
	d := decoder{loader: l, ctx: l.root(b.file), dir: b.file.dir, ranges: map[string]hcl.Range{}}
	r := decisionReader{decoder: d, metrics: l.opts.Metrics, to: &cell.Decision{ID: b.Labels[0], Weights: map[string]float64{}, Require: map[string]float64{}, Goals: map[string]string{}}}
	for _, a := range InOrder(attrs) {
		if !l.sound(a.Expr) {
			continue
		}
		v := r.attribute(*schema.Named(schema.DecisionBlock.Fields, a.Name), a.Expr, a.Name)
		if !r.question(a, v) {
			r.part(a, hclvalue.Map(v))
		}
	}
	return r.to
}

// decisionReader reads one decision block.
type decisionReader struct {
	decoder
	metrics []cell.Metric  // that are known; nil: any is
	to      *cell.Decision // filled as it is read
}

// mistake reports one at its place, which may be that of a single name within an attribute.
func (r decisionReader) mistake(at hcl.Range, summary, detail string) {
	r.diags = r.diags.Append(diagnostic.Error(at, summary, detail))
}

// part reads weights, require or goals, name by name in their order, so that messages come in one order, too.
func (r decisionReader) part(a *hcl.Attribute, values cell.Values) {
	for _, name := range slices.Sorted(maps.Keys(values)) {
		at := a.Range
		if placed, ok := r.ranges[a.Name+"."+name]; ok {
			at = placed
		}
		if a.Name != "weights" && !r.metric(at, name) {
			continue
		}
		if a.Name == "goals" {
			r.goal(at, name, values[name])
			continue
		}
		n, ok := cell.Number(values[name])
		if !ok {
			r.mistake(at, "Wrong type for "+name, a.Name+" holds numbers, for instance "+a.Name+" = { "+name+" = 1 }.")
			continue
		}
		if a.Name == "require" {
			r.bound(at, name, n)
			r.to.Require[name] = n
			continue
		}
		r.weight(at, name, n)
	}
}

// criteria are what a decision weighs.
var criteria = []string{"performance", "reliability", "efficiency", "simplicity", "quality"}

// weight takes any unit: shares are made of the sum later.
func (r decisionReader) weight(at hcl.Range, name string, n float64) {
	switch {
	case !slices.Contains(criteria, name):
		r.mistake(at, "Unknown criterion", "A decision weighs "+wording.Listed(criteria)+"."+wording.DidYouMean(name, criteria))
	case n < 0:
		r.mistake(at, "Negative weight", "A weight is at least 0.")
	default:
		r.to.Weights[name] = n
	}
}

// goals are the directions of a metric.
var goals = []string{"min", "max"}

// goal reads the direction of a metric.
func (r decisionReader) goal(at hcl.Range, metric string, v any) {
	s, ok := v.(string)
	if !ok || !slices.Contains(goals, s) {
		r.mistake(at, "Unknown goal", "A metric's goal is "+wording.Listed(goals)+": whether less or more of it is better."+wording.DidYouMean(s, goals))
		return
	}
	r.to.Goals[metric] = s
}

// question reads what a decision is about: how many requests, at what prices; false = the attribute is another.
func (r decisionReader) question(a *hcl.Attribute, v cty.Value) bool {
	switch a.Name {
	case "requests":
		r.requests(a, v)
	case "price_per_hour":
		r.to.PricePerHour = numberOf(v)
	case "electricity_per_kwh":
		r.to.ElectricityPerKWh = numberOf(v)
	case "currency":
		r.to.Currency, _ = hclvalue.Text(v)
	default:
		return false
	}
	return true
}

// numberOf is a number that may be left out: nil is no price, 0 is a price of nothing.
func numberOf(v cty.Value) *float64 {
	if !hclvalue.Present(v) {
		return nil
	}
	return new(hclvalue.Number(v))
}

// requests takes one number or a list of them.
// Of a list the first wrong number ends the reading, so one mistake is said of it.
func (r decisionReader) requests(a *hcl.Attribute, v cty.Value) {
	if !hclvalue.Present(v) {
		return
	}
	all := []cty.Value{v}
	if t := v.Type(); t.IsTupleType() || t.IsListType() || t.IsSetType() {
		all = v.AsValueSlice()
	}
	each := schema.Field{Name: "requests", Kind: schema.Whole, Min: new(1.0)}
	for _, one := range all {
		n, wrong := each.Check(one)
		if wrong != nil {
			r.report(a.Expr.Range(), a.Expr, wrong)
			return
		}
		if hclvalue.Present(n) {
			r.to.Requests = append(r.to.Requests, hclvalue.Whole(n))
		}
	}
}

// metric reports whether a name is one of the metrics, and says so where it is not.
func (r decisionReader) metric(at hcl.Range, name string) bool {
	if r.metrics == nil || slices.ContainsFunc(r.metrics, func(m cell.Metric) bool { return m.Name == name }) {
		return true
	}
	names := make([]string, len(r.metrics))
	for i, m := range r.metrics {
		names[i] = m.Name
	}
	r.mistake(at, "Unknown metric", fmt.Sprintf("Nothing that is measured is called %q.%s docs/columns.md lists all, for instance %s.",
		name, wording.DidYouMean(name, names), wording.Listed([]string{"success_rate", "ttft_p99_s", "output_throughput"})))
	return false
}

// bound says of a ratio that no share can be.
// A percentage, 99 for 0.99, is told what to write.
func (r decisionReader) bound(at hcl.Range, name string, n float64) {
	i := slices.IndexFunc(r.metrics, func(m cell.Metric) bool { return m.Name == name })
	if i < 0 || r.metrics[i].Unit != cell.Ratio || n >= 0 && n <= 1 {
		return
	}
	detail := fmt.Sprintf("%s is a ratio, between 0 and 1.", name)
	if n > 1 && n <= 100 {
		detail = fmt.Sprintf("%s is a ratio: write %v.", name, math.Round(n*1e6)/1e8)
	}
	r.mistake(at, "Not a ratio", detail)
}
