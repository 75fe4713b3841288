// Package hclvalue turns evaluated HCL into plain Go values and back, and reads what stands in it.
package hclvalue

import (
	"math"
	"math/big"
	"reflect"
	"time"

	"matrix/experiments/cell"

	"github.com/zclconf/go-cty/cty"
)

// Text is the string in a value; false for null, unknown and other types.
func Text(v cty.Value) (string, bool) {
	if v == cty.NilVal || v.IsNull() || !v.IsKnown() || v.Type() != cty.String {
		return "", false
	}
	return v.AsString(), true
}

// Attribute reads one attribute of an object; cty.NilVal when there is none.
// A null or unknown object has none, so that callers need not ask first.
func Attribute(v cty.Value, name string) cty.Value {
	if v == cty.NilVal || v.IsNull() || !v.IsKnown() || !v.Type().IsObjectType() || !v.Type().HasAttribute(name) {
		return cty.NilVal
	}
	return v.GetAttr(name)
}

// Present reports a value that is there: neither absent, null nor unknown.
func Present(v cty.Value) bool { return v != cty.NilVal && v.IsKnown() && !v.IsNull() }

// String is a text attribute of an object, "" where there is none.
// A null or unknown text is "" as well.
func String(v cty.Value, name string) string {
	s, _ := Text(Attribute(v, name))
	return s
}

// Bool is a true or false attribute of an object.
// It is false where there is none, or it is unknown.
func Bool(v cty.Value, name string) bool {
	a := Attribute(v, name)
	return Present(a) && a.Type() == cty.Bool && a.True()
}

// Float is a number attribute of an object, 0 where there is none.
// Text that reads as a number is none: a block's values were converted when they were checked.
func Float(v cty.Value, name string) float64 {
	a := Attribute(v, name)
	if !Present(a) || a.Type() != cty.Number {
		return 0
	}
	return Number(a)
}

// Number is a present number in the 64 bits that results have; infinite where it does not fit.
func Number(v cty.Value) float64 {
	f, _ := v.AsBigFloat().Float64()
	return f
}

// Whole is a present number cut to an integer. schema.Field.Check has seen to it that it is one, within ±2^53.
func Whole(v cty.Value) int64 {
	n, _ := v.AsBigFloat().Int64()
	return n
}

// Int is Float cut to a whole number.
func Int(v cty.Value, name string) int { return int(Float(v, name)) }

// Go turns an evaluated value into string, bool, int64, float64, nil, []any or cell.Values.
// What is absent or unknown is nil, as null is: callers that must tell them apart ask Present first.
func Go(v cty.Value) any {
	if !Present(v) {
		return nil
	}
	ty := v.Type()
	switch {
	case ty == cty.String:
		return v.AsString()
	case ty == cty.Bool:
		return v.True()
	case ty == cty.Number:
		return goNumber(v.AsBigFloat())
	case ty.IsObjectType() || ty.IsMapType():
		return Map(v)
	case v.CanIterateElements():
		list := make([]any, 0, v.LengthInt())
		for _, e := range v.Elements() {
			list = append(list, Go(e))
		}
		return list
	}
	return nil
}

// goNumber is an int64 where the number is whole and fits, so that 1 and 1.0 are one value.
// HCL knows one kind of number, JSON and identities two: without this a value could be another by the way it was computed.
func goNumber(f *big.Float) any {
	if n, accuracy := f.Int64(); accuracy == big.Exact {
		return n
	}
	n, _ := f.Float64()
	return n
}

// Map turns an object or map into cell.Values; nil when it is absent.
// Members that are null stay, as nil: Given takes them out.
func Map(v cty.Value) cell.Values {
	if !Present(v) || !v.Type().IsObjectType() && !v.Type().IsMapType() {
		return nil
	}
	all := cell.Values{}
	for k, e := range v.Elements() {
		all[k.AsString()] = Go(e)
	}
	return all
}

// Cty is the way back, for values that a saved plan holds.
// Lists come back as tuples and maps as objects, as HCL's own literals are. A value of another Go type is null.
func Cty(v any) cty.Value {
	switch v := v.(type) {
	case string:
		return cty.StringVal(v)
	case bool:
		return cty.BoolVal(v)
	case int64:
		return cty.NumberIntVal(v)
	case float64:
		return cty.NumberFloatVal(v)
	case []any:
		list := make([]cty.Value, len(v))
		for i, e := range v {
			list[i] = Cty(e)
		}
		return cty.TupleVal(list)
	case cell.Values:
		return Cty(map[string]any(v))
	case map[string]any:
		all := make(map[string]cty.Value, len(v))
		for k, e := range v {
			all[k] = Cty(e)
		}
		return cty.ObjectVal(all)
	}
	return cty.NullVal(cty.DynamicPseudoType)
}

// Given is cell.Values without what is null: an attribute set to null counts as not given, so that a conditional can leave it
// out (cell.batch_size > 1000 ? 64 : null). nil where nothing is left.
func Given(v cty.Value) cell.Values {
	all := Map(v)
	for k, e := range all {
		if e == nil {
			delete(all, k)
		}
	}
	if len(all) == 0 {
		return nil
	}
	return all
}

// Infinite finds a number that is infinite, or would be in the 64 bits that results have: HCL computes with big floats, in
// which 1e400 is a number like any other.
func Infinite(v cty.Value) bool {
	switch {
	case !Present(v):
		return false
	case v.Type() == cty.Number:
		return math.IsInf(Number(v), 0)
	case v.Type().IsPrimitiveType() || !v.CanIterateElements():
		return false
	}
	for _, e := range v.Elements() {
		if Infinite(e) {
			return true
		}
	}
	return false
}

// elementBytes is about what an element of a list or object takes beside its text.
const elementBytes = 64

// Size estimates a value's size, and stops counting beyond limit.
// It is an estimate of what Go takes, and counts what two places share twice: it guards against growth by doubling.
func Size(v cty.Value, limit int) int {
	if !Present(v) || limit < 0 {
		return 1
	}
	if v.Type() == cty.String {
		return elementBytes/4 + len(v.AsString())
	}
	size := elementBytes
	if !v.CanIterateElements() {
		return size
	}
	for _, e := range v.Elements() {
		if size > limit {
			break
		}
		size += Size(e, limit-size)
	}
	return size
}

// Into gives a field of a struct the value of an attribute, which its schema has checked: of a setting of package cell.
// A duration's text was checked, so its error is passed over; a list is set anew, never changed in place.
func Into(field reflect.Value, v cty.Value) {
	switch {
	case field.Type() == reflect.TypeFor[time.Duration]():
		d, _ := time.ParseDuration(v.AsString())
		field.SetInt(int64(d))
	case field.CanInt():
		field.SetInt(Whole(v))
	case field.CanFloat():
		field.SetFloat(Number(v))
	case field.Kind() == reflect.Bool:
		field.SetBool(v.True())
	case field.Kind() == reflect.String:
		field.SetString(v.AsString())
	default:
		var list []string
		for _, e := range v.AsValueSlice() {
			if s, ok := Text(e); ok {
				list = append(list, s)
			}
		}
		field.Set(reflect.ValueOf(list))
	}
}
