package recipe

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Python writes a value as JSON has it as a Python literal. indent is put before each line but the first.
// Names come sorted, so that the same cell has the same script.
func Python(v any, indent string) string {
	switch v := v.(type) {
	case nil:
		return "None"
	case bool:
		if v {
			return "True"
		}
		return "False"
	case map[string]any:
		if len(v) == 0 {
			return "{}"
		}
		var b strings.Builder
		b.WriteString("{\n")
		keys := make([]string, 0, len(v))
		for k := range v {
			keys = append(keys, k)
		}
		slices.Sort(keys)
		for _, k := range keys {
			fmt.Fprintf(&b, "%s    %s: %s,\n", indent, Python(k, ""), Python(v[k], indent+"    "))
		}
		return b.String() + indent + "}"
	case []any:
		parts := make([]string, len(v))
		for i, e := range v {
			parts[i] = Python(e, indent+"    ")
		}
		return "[" + strings.Join(parts, ", ") + "]"
	}
	// JSON's numbers and strings are Python's: \u and \n mean the same, and no surrogate is written as an escape.
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprintf("%q", fmt.Sprint(v))
	}
	return string(text)
}
