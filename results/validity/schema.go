package validity

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
)

// formats are those that the library asserts in schemas of draft 7 and before. They are annotations here, in every draft: as
// in Python's jsonschema, with which whoever receives the answers is likely to check them, and in the engines' grammars.
var formats = []string{"json-pointer", "relative-json-pointer", "uuid", "duration", "period", "ipv4", "ipv6", "hostname", "email", "date", "time",
	"date-time", "uri", "iri", "uri-reference", "iri-reference", "uri-template", "semver", "regex"}

// noLoader follows no reference out of the schema: not to the network, nor to a file of this machine.
type noLoader struct{}

func (noLoader) Load(url string) (any, error) {
	return nil, fmt.Errorf("it refers to %s, and a schema is one document here", url)
}

// compile reads a JSON Schema, of draft 2020-12 where it does not say which.
func compile(text string) (*jsonschema.Schema, error) {
	const here = "answer:" // a name for the document that no reference can mean
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		return nil, err
	}
	doc, held := asDoubles(doc)
	if !held {
		return nil, errors.New("one of its numbers is larger than a double holds")
	}
	c := jsonschema.NewCompiler()
	c.UseLoader(noLoader{})
	for _, name := range formats {
		c.RegisterFormat(&jsonschema.Format{Name: name, Validate: func(any) error { return nil }})
	}
	if err := c.AddResource(here, doc); err != nil {
		return nil, err
	}
	schema, err := c.Compile(here)
	var wrong *jsonschema.SchemaValidationError
	var inside *jsonschema.ValidationError
	if errors.As(err, &wrong) && errors.As(wrong.Err, &inside) {
		first := firstLeaf(inside, true)
		return nil, fmt.Errorf("at %s: %s", pointer(first.InstanceLocation), first.ErrorKind.LocalizedString(message.NewPrinter(language.English)))
	}
	if err != nil {
		return nil, errors.New(strings.ReplaceAll(err.Error(), here, ""))
	}
	return schema, nil
}

// misfit says where a text does not fit a schema; "" where it does.
func misfit(schema *jsonschema.Schema, text string) string {
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		return NotJSON
	}
	doc, held := asDoubles(doc)
	if !held {
		return NotJSON
	}
	var wrong *jsonschema.ValidationError
	if errors.As(schema.Validate(doc), &wrong) {
		reason := schemaAt + pointer(firstLeaf(wrong, false).InstanceLocation)
		return strings.ToValidUTF8(reason[:min(len(reason), mostReason)], "")
	}
	return ""
}

// asDoubles is a document whose numbers doubles hold; false where one does not. Whoever receives another reads infinity or fails
// (RFC 8259, section 6). One that lies too near to 0 is read as 0, and so it is here. To compute exactly with 1e999999999 or
// 1e-999999999 would take our memory, and the library panics.
func asDoubles(doc any) (held any, ok bool) {
	switch v := doc.(type) {
	case json.Number:
		x, err := strconv.ParseFloat(string(v), 64)
		if x == 0 {
			return json.Number("0"), err == nil
		}
		return v, err == nil
	case []any:
		for i := range v {
			if v[i], ok = asDoubles(v[i]); !ok {
				return nil, false
			}
		}
	case map[string]any:
		for name := range v {
			if v[name], ok = asDoubles(v[name]); !ok {
				return nil, false
			}
		}
	}
	return doc, true
}

// firstLeaf is the fault that is told: of several, that with the first place in alphabetical order, so that the same answer
// always has the same reason. Of an anyOf or oneOf it is the value that fits none, unless every alternative is asked for.
func firstLeaf(e *jsonschema.ValidationError, every bool) *jsonschema.ValidationError {
	switch e.ErrorKind.(type) {
	case *kind.AnyOf, *kind.OneOf, *kind.Not, *kind.Contains, *kind.MinContains, *kind.PropertyNames:
		if !every {
			return e
		}
	}
	if len(e.Causes) == 0 {
		return e
	}
	first := firstLeaf(e.Causes[0], every)
	for _, cause := range e.Causes[1:] {
		if leaf := firstLeaf(cause, every); bare(leaf.InstanceLocation) < bare(first.InstanceLocation) {
			first = leaf
		}
	}
	return first
}

// pointer is a JSON pointer (RFC 6901), "/" for the whole document.
func pointer(path []string) string {
	if len(path) == 0 {
		return "/"
	}
	return bare(path)
}

func bare(path []string) string {
	var b strings.Builder
	for _, part := range path {
		b.WriteString("/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(part))
	}
	return b.String()
}
