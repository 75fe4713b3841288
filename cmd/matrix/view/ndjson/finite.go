package ndjson

import (
	"math"
	"reflect"
	"strings"
)

// finite is a value as JSON can hold it: what is not a number, or has no end, is null.
func finite(v any) any { return finiteOf(reflect.ValueOf(v)) }

func finiteOf(v reflect.Value) any {
	switch v.Kind() {
	case reflect.Invalid:
		return nil
	case reflect.Float64, reflect.Float32:
		if math.IsInf(v.Float(), 0) || math.IsNaN(v.Float()) {
			return nil
		}
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			return nil
		}
		return finiteOf(v.Elem())
	case reflect.Map:
		out := map[string]any{}
		for _, key := range v.MapKeys() {
			out[key.String()] = finiteOf(v.MapIndex(key))
		}
		return out
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 { // text in base64, or JSON as it is
			break
		}
		out := make([]any, v.Len())
		for i := range out {
			out[i] = finiteOf(v.Index(i))
		}
		return out
	case reflect.Struct:
		return finiteStruct(v)
	}
	return v.Interface()
}

// finiteStruct is a struct by the names that its JSON has. One that holds no float is left to its own MarshalJSON: a time.
func finiteStruct(v reflect.Value) any {
	if _, own := v.Interface().(interface{ MarshalJSON() ([]byte, error) }); own {
		return v.Interface()
	}
	out := map[string]any{}
	for _, f := range reflect.VisibleFields(v.Type()) {
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if !f.IsExported() || name == "-" || f.Anonymous || len(f.Index) > 1 && v.FieldByIndex(f.Index[:1]).Kind() == reflect.Pointer {
			continue
		}
		at := v.FieldByIndex(f.Index)
		if strings.Contains(options, "omitempty") && at.IsZero() {
			continue
		}
		if name == "" {
			name = f.Name
		}
		out[name] = finiteOf(at)
	}
	return out
}
