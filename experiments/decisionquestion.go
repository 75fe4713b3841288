package experiments

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
)

// question reads what a decision is about: how many requests, at what prices; false = the attribute is another.
func (l *loader) question(to *Decision, d decoder, a *hcl.Attribute, v cty.Value) bool {
	switch a.Name {
	case "requests":
		l.requests(to, d, a, v)
	case "price_per_hour":
		to.PricePerHour = numberOf(v)
	case "electricity_per_kwh":
		to.ElectricityPerKWh = numberOf(v)
	case "currency":
		to.Currency, _ = textOf(v)
	default:
		return false
	}
	return true
}

func numberOf(v cty.Value) *float64 {
	if !present(v) {
		return nil
	}
	x, _ := v.AsBigFloat().Float64()
	return &x
}

// requests takes one number or a list of them.
func (l *loader) requests(to *Decision, d decoder, a *hcl.Attribute, v cty.Value) {
	if !present(v) {
		return
	}
	all := []cty.Value{v}
	if t := v.Type(); t.IsTupleType() || t.IsListType() || t.IsSetType() {
		all = v.AsValueSlice()
	}
	each := field{name: "requests", kind: whole, min: atLeast(1)}
	for _, one := range all {
		n, wrong := each.check(one)
		if wrong != nil {
			d.report(a.Expr.Range(), a.Expr, wrong)
			return
		}
		if !present(n) {
			continue
		}
		count, _ := n.AsBigFloat().Int64()
		to.Requests = append(to.Requests, count)
	}
}
