package cell

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Setting is one attribute of a part of a cell, as the tags of its field say it.
type Setting struct {
	Name     string       // as a user writes it; "" = it cannot be written
	Kind     string       // what may be written where the type does not say it
	OneOf    []string     // the words that a text may be
	Min, Max *float64     // nil: not bounded
	Identity string       // its name in an identity; "" = not in it
	Type     reflect.Type // of the field

	index    []int
	fallback any // of the field's type; nil = its zero value
	frozen   any // plain, as an identity has it; see Sparse
	sparse   bool
}

// settingsOf remembers what the tags say: map[reflect.Type][]Setting.
var settingsOf sync.Map

// Settings are those of a part of a cell, given as a pointer to its struct (*Generate), in the order of its fields.
func Settings(part any) []Setting {
	t := reflect.TypeOf(part).Elem()
	if known, ok := settingsOf.Load(t); ok {
		return known.([]Setting)
	}
	all := settingsIn(t, nil)
	settingsOf.Store(t, all)
	return all
}

// settingsIn are those of a struct that lies at a place in the part.
func settingsIn(t reflect.Type, at []int) (all []Setting) {
	for i := range t.NumField() {
		f, index := t.Field(i), append(slices.Clone(at), i)
		if f.Type.Kind() == reflect.Struct {
			all = append(all, settingsIn(f.Type, index)...)
			continue
		}
		all = append(all, settingOf(f, index))
	}
	return all
}

// settingOf reads one field's tags.
func settingOf(f reflect.StructField, index []int) Setting {
	s := Setting{Name: f.Tag.Get("hcl"), Kind: f.Tag.Get("kind"), OneOf: strings.Fields(f.Tag.Get("oneof")), Type: f.Type, index: index,
		Min: bound(f.Tag.Get("min")), Max: bound(f.Tag.Get("max"))}
	if text, ok := f.Tag.Lookup("default"); ok {
		s.fallback = fromText(f.Type, text)
	}
	if text, ok := f.Tag.Lookup("frozen"); ok {
		s.frozen, s.sparse = plain(reflect.ValueOf(fromText(f.Type, text))), true
	}
	s.Identity = f.Tag.Get("identity")
	switch {
	case s.Identity == "-":
		s.Identity = ""
	case s.Identity != "":
	case f.Type == durationType:
		s.Identity = s.Name + "_s"
	case s.Kind == "memory":
		s.Identity = s.Name + "_mib"
	default:
		s.Identity = s.Name
	}
	return s
}

var durationType = reflect.TypeFor[time.Duration]()

// bound is a limit by its tag; nil without one.
func bound(text string) *float64 {
	if text == "" {
		return nil
	}
	return new(fromText(reflect.TypeFor[float64](), text).(float64))
}

// fromText reads the text of a tag as a value of the field's type. A tag that cannot be read is a mistake of ours.
func fromText(t reflect.Type, text string) any {
	v := reflect.New(t).Elem()
	var err error
	switch {
	case t == durationType:
		var d time.Duration
		d, err = time.ParseDuration(text)
		v.SetInt(int64(d))
	case t.Kind() == reflect.String:
		v.SetString(text)
	case t.Kind() == reflect.Slice:
		if text != "" {
			err = fmt.Errorf("a list has no default but none")
		}
	default:
		err = json.Unmarshal([]byte(text), v.Addr().Interface())
	}
	if err != nil {
		panic("tag of a cell's setting: " + strconv.Quote(text) + ": " + err.Error())
	}
	return v.Interface()
}

// plain is a field's value as an identity has it.
func plain(v reflect.Value) any {
	switch {
	case v.Type() == durationType:
		return goFloat(time.Duration(v.Int()).Seconds())
	case v.CanInt():
		return v.Int()
	case v.CanFloat():
		return goFloat(v.Float())
	}
	return v.Interface()
}

// Field is the setting's field of a part, which is a pointer to the struct.
func (s Setting) Field(part any) reflect.Value {
	return reflect.ValueOf(part).Elem().FieldByIndex(s.index)
}

// SetDefaults fills a part with what holds where nothing is written.
func SetDefaults(part any) {
	for _, s := range Settings(part) {
		if s.fallback != nil {
			s.Field(part).Set(reflect.ValueOf(s.fallback))
		}
	}
}

// valuesOf is a part as an identity has it: without what equals its identity default; nil when nothing is left.
func valuesOf(part any) Values {
	kept := Values{}
	for _, s := range Settings(part) {
		v := plain(s.Field(part))
		if s.Identity == "" || s.sparse && same(v, s.frozen) {
			continue
		}
		kept[s.Identity] = v
	}
	return kept
}

// same compares by JSON, as identities are compared.
func same(a, b any) bool { return string(Canonical(a)) == string(Canonical(b)) }

// restore is the way back: it sets a part to what an identity has of it, its identity defaults included. What an identity
// never has stays.
func restore(part any, stored map[string]json.RawMessage) error {
	for _, s := range Settings(part) {
		field := s.Field(part)
		text, there := stored[s.Identity]
		switch {
		case s.Identity == "" || !there && !s.sparse:
			continue
		case !there:
			text = Canonical(s.frozen)
		}
		into := field.Addr().Interface()
		var seconds float64
		if s.Type == durationType {
			into = &seconds
		} else {
			field.SetZero() // decoding into a list would write over the one that cells share
		}
		if err := json.Unmarshal(text, into); err != nil {
			return fmt.Errorf("%s: %w", s.Identity, err)
		}
		if s.Type == durationType {
			field.SetInt(int64(seconds * float64(time.Second)))
		}
	}
	return nil
}

// IdentityDefault is what an identity means by leaving a setting of a part of its spec ("generate", "isolation") out; ok is
// false where it means that there is none (no template, no stop words), and for what is not known.
func IdentityDefault(part, name string) (value any, ok bool) {
	if part == "isolation" && name == "nonce" {
		return usualNonce, true
	}
	parts := map[string]any{"generate": &Generate{}, "isolation": &Isolation{}}
	if parts[part] == nil {
		return nil, false
	}
	for _, s := range Settings(parts[part]) {
		if s.Identity != name || !s.sparse {
			continue
		}
		_, list := s.frozen.([]string)
		return s.frozen, !list && s.frozen != ""
	}
	return nil, false
}
