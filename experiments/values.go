package experiments

import (
	"bytes"
	"encoding/json"
	"math/big"

	"github.com/zclconf/go-cty/cty"

	"matrix/experiments/textfile"
)

// textOf is the string in a value; false for null, unknown and other types.
func textOf(v cty.Value) (string, bool) {
	if v == cty.NilVal || v.IsNull() || !v.IsKnown() || v.Type() != cty.String {
		return "", false
	}
	return v.AsString(), true
}

// attribute reads one attribute of an object; cty.NilVal when there is none.
func attribute(v cty.Value, name string) cty.Value {
	if v == cty.NilVal || v.IsNull() || !v.IsKnown() || !v.Type().IsObjectType() || !v.Type().HasAttribute(name) {
		return cty.NilVal
	}
	return v.GetAttr(name)
}

// present reports a value that is there: neither absent, null nor unknown.
func present(v cty.Value) bool { return v != cty.NilVal && v.IsKnown() && !v.IsNull() }

func stringAt(v cty.Value, name string) string {
	s, _ := textOf(attribute(v, name))
	return s
}

func boolAt(v cty.Value, name string) bool {
	a := attribute(v, name)
	return present(a) && a.Type() == cty.Bool && a.True()
}

func floatAt(v cty.Value, name string) float64 {
	a := attribute(v, name)
	if !present(a) || a.Type() != cty.Number {
		return 0
	}
	f, _ := a.AsBigFloat().Float64()
	return f
}

func intAt(v cty.Value, name string) int { return int(floatAt(v, name)) }

// goValue turns an evaluated value into string, bool, int64, float64, nil, []any or Values.
func goValue(v cty.Value) any {
	if !present(v) {
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
		return valuesOf(v)
	case v.CanIterateElements():
		list := make([]any, 0, v.LengthInt())
		for it := v.ElementIterator(); it.Next(); {
			_, e := it.Element()
			list = append(list, goValue(e))
		}
		return list
	}
	return nil
}

// goNumber is an int64 where the number is whole and fits, so that 1 and 1.0 are one value.
func goNumber(f *big.Float) any {
	if n, accuracy := f.Int64(); accuracy == big.Exact {
		return n
	}
	n, _ := f.Float64()
	return n
}

// valuesOf turns an object or map into Values; nil when it is absent.
func valuesOf(v cty.Value) Values {
	if !present(v) || !v.Type().IsObjectType() && !v.Type().IsMapType() {
		return nil
	}
	all := Values{}
	for it := v.ElementIterator(); it.Next(); {
		k, e := it.Element()
		all[k.AsString()] = goValue(e)
	}
	return all
}

// ctyValue is the way back, for values that a saved plan holds.
func ctyValue(v any) cty.Value {
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
			list[i] = ctyValue(e)
		}
		return cty.TupleVal(list)
	case Values:
		return ctyValue(map[string]any(v))
	case map[string]any:
		all := make(map[string]cty.Value, len(v))
		for k, e := range v {
			all[k] = ctyValue(e)
		}
		return cty.ObjectVal(all)
	}
	return cty.NullVal(cty.DynamicPseudoType)
}

// given is Values without what is null: an attribute set to null counts as not given.
func given(v cty.Value) Values {
	all := valuesOf(v)
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

// canonical is JSON with sorted keys and no escapes for HTML: equal values have equal bytes.
func canonical(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic("canonical JSON of evaluated values: " + err.Error()) // only strings, numbers, booleans, lists and maps come here
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// PlainJSON is an error of encoding/json in words of what was read, without Go's types: for the backends, which see this
// package alone. Any other error is returned as it is.
func PlainJSON(err error) error { return textfile.PlainJSON(err) }
