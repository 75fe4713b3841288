package schema

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/zclconf/go-cty/cty"
	ctyjson "github.com/zclconf/go-cty/cty/json"

	"matrix/experiments/cell"
	"matrix/experiments/hclvalue"
)

// mostDocument is more than any schema that an engine makes a grammar of: it goes out with each request.
const mostDocument = 1 << 20 // bytes

// checkDocument reads JSON: the text of a file, or a value written in HCL. The result is compact text. A value's keys are
// in alphabetical order, because HCL's objects have none.
func (f Field) checkDocument(v cty.Value) (cty.Value, *Fault) {
	text, isText := hclvalue.Text(v)
	if !isText || f.Name == "tool_choice" { // whose words are JSON's texts
		doc, err := ctyjson.Marshal(v, v.Type())
		if err != nil {
			return v, f.wrongType("JSON", `file("answer.json")`, v)
		}
		text = string(doc)
	}
	if len(text) > mostDocument {
		return v, &Fault{Summary: f.Name + " is too large", Detail: fmt.Sprintf("It has %.1f MiB, and goes out with each request: 1 MiB at most.", float64(len(text))/(1<<20))}
	}
	var decoded any
	if err := json.Unmarshal([]byte(text), &decoded); err != nil {
		why, line := err.Error(), 1
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) {
			line += strings.Count(text[:syntax.Offset], "\n")
		}
		return v, &Fault{Summary: f.Name + " is no JSON", Detail: fmt.Sprintf(`Line %d of its text: %s. Write %s = file("….json"), or an object.`, line, why, f.Name)}
	}
	if f.Name == "tool_choice" {
		return cty.StringVal(cell.CompactJSON([]byte(text))), nil
	}
	_, isList := decoded.([]any)
	_, isObject := decoded.(map[string]any)
	if want := f.Name == "tools"; isList != want || isObject == want {
		return v, &Fault{Summary: "Wrong type for " + f.Name, Detail: map[bool]string{
			true:  `tools is a list of functions: [{ type = "function", function = { name = "…", parameters = {…} } }].`,
			false: f.Name + ` is a JSON Schema, an object: { type = "object", properties = {…} }.`}[want]}
	}
	return cty.StringVal(cell.CompactJSON([]byte(text))), nil
}
