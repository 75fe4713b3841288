package experiments

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

// sized is a function that is not called when its result could be larger than a value may be. size bounds the
// result's bytes from above.
func sized(f function.Function, size func([]cty.Value) int) function.Function {
	return function.New(&function.Spec{
		Description: f.Description(), Params: f.Params(), VarParam: f.VarParam(),
		Type: f.ReturnTypeForValues,
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			if size(args) > maxValue {
				return cty.NilVal, fmt.Errorf("the result could hold more than %d MiB", maxValue>>20)
			}
			return f.Call(args)
		},
	})
}

// sum is for functions that put their arguments together.
func sum(args []cty.Value) int {
	size := 0
	for _, a := range args {
		size += sizeOf(a, maxValue-size)
	}
	if len(args) > 1 && args[0].Type() == cty.String { // join: the separator stands between all of them
		size += len(asText(args[0])) * lengths(args[1:])
	}
	return size
}

func lengths(args []cty.Value) int {
	n := 0
	for _, a := range args {
		if present(a) && a.CanIterateElements() {
			n += a.LengthInt()
		}
	}
	return n
}

func asText(v cty.Value) string {
	s, _ := textOf(v)
	return s
}

// width is a verb's width or precision: "%08.3f" has both.
var width = regexp.MustCompile(`%[-+ #0]*(\d*)\.?(\d*)`)

// formatted is for format and formatlist: a width makes text out of nothing.
func formatted(args []cty.Value) int {
	size, longest := 0, 1
	for i, a := range args {
		size += sizeOf(a, maxValue-size)
		if i > 0 && present(a) && (a.Type().IsListType() || a.Type().IsTupleType() || a.Type().IsSetType()) {
			longest = max(longest, a.LengthInt())
		}
	}
	for _, m := range width.FindAllStringSubmatch(asText(args[0]), -1) {
		for _, digits := range m[1:] {
			n, err := strconv.Atoi(digits)
			if digits != "" && (err != nil || n > maxWidth) {
				return maxValue + 1
			}
			size += n * longest
		}
	}
	return size + len(asText(args[0]))*longest
}

// maxWidth is where Go's fmt gives up and writes BADWIDTH into the text.
const maxWidth = 1_000_000

func indented(args []cty.Value) int {
	spaces, _ := args[0].AsBigFloat().Int64()
	text := asText(args[1])
	if spaces > maxValue {
		return maxValue + 1
	}
	return len(text) + int(max(spaces, 0))*strings.Count(text, "\n")
}

// replaced bounds how often something can be found: once before each byte and at the end.
func replaced(args []cty.Value) int {
	text, found := asText(args[0]), len(asText(args[0]))+1
	if sub := asText(args[1]); sub != "" && regexp.QuoteMeta(sub) == sub {
		found = strings.Count(text, sub)
	}
	return len(text) + found*len(asText(args[2]))
}
