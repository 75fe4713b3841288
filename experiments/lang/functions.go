package lang

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/big"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"syscall"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/ext/tryfunc"
	"github.com/hashicorp/hcl/v2/ext/typeexpr"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"

	"matrix/experiments/textfile"
)

// Bounds of what a function may make.
const (
	maxRange     = 100_000  // values of one range()
	maxProduct   = 100_000  // elements of one setproduct()
	maxFileBytes = 16 << 20 // of a file read by file() and the like
	maxWidth     = 1 << 20  // spaces or digits that indent() and format() are told to write at once
)

// pure are the functions that depend on their arguments alone. Nothing here knows a clock, a random number or the
// environment: a value that changes by itself would make every cell stale.
var pure = map[string]function.Function{
	"abs": stdlib.AbsoluteFunc, "can": tryfunc.CanFunc, "ceil": stdlib.CeilFunc, "chomp": stdlib.ChompFunc,
	"chunklist": stdlib.ChunklistFunc, "coalesce": stdlib.CoalesceFunc, "coalescelist": stdlib.CoalesceListFunc,
	"compact": stdlib.CompactFunc, "concat": stdlib.ConcatFunc, "contains": stdlib.ContainsFunc, "convert": typeexpr.ConvertFunc,
	"csvdecode": stdlib.CSVDecodeFunc, "distinct": stdlib.DistinctFunc, "element": stdlib.ElementFunc, "flatten": stdlib.FlattenFunc,
	"floor": stdlib.FloorFunc, "format": bounded(stdlib.FormatFunc), "formatdate": stdlib.FormatDateFunc, "formatlist": bounded(stdlib.FormatListFunc),
	"hasindex": stdlib.HasIndexFunc, "indent": bounded(stdlib.IndentFunc), "index": stdlib.IndexFunc, "int": stdlib.IntFunc,
	"join": stdlib.JoinFunc, "jsondecode": stdlib.JSONDecodeFunc, "jsonencode": stdlib.JSONEncodeFunc, "keys": stdlib.KeysFunc,
	"length": stdlib.LengthFunc, "log": stdlib.LogFunc, "lookup": stdlib.LookupFunc, "lower": stdlib.LowerFunc, "max": stdlib.MaxFunc,
	"merge": stdlib.MergeFunc, "min": stdlib.MinFunc, "parseint": stdlib.ParseIntFunc, "pow": stdlib.PowFunc, "range": rangeFunc,
	"regex": stdlib.RegexFunc, "regexall": stdlib.RegexAllFunc, "regexreplace": stdlib.RegexReplaceFunc, "replace": stdlib.ReplaceFunc,
	"reverse": stdlib.ReverseListFunc, "setintersection": stdlib.SetIntersectionFunc, "setproduct": productFunc,
	"setsubtract": stdlib.SetSubtractFunc, "setsymmetricdifference": stdlib.SetSymmetricDifferenceFunc, "setunion": stdlib.SetUnionFunc,
	"signum": stdlib.SignumFunc, "slice": stdlib.SliceFunc, "sort": stdlib.SortFunc, "split": stdlib.SplitFunc,
	"strlen": stdlib.StrlenFunc, "strrev": stdlib.ReverseFunc, "substr": stdlib.SubstrFunc, "timeadd": stdlib.TimeAddFunc,
	"title": stdlib.TitleFunc, "tobool": stdlib.MakeToFunc(cty.Bool), "tolist": stdlib.MakeToFunc(cty.List(cty.DynamicPseudoType)),
	"tomap": stdlib.MakeToFunc(cty.Map(cty.DynamicPseudoType)), "tonumber": stdlib.MakeToFunc(cty.Number),
	"toset": stdlib.MakeToFunc(cty.Set(cty.DynamicPseudoType)), "tostring": stdlib.MakeToFunc(cty.String), "trim": stdlib.TrimFunc,
	"trimprefix": stdlib.TrimPrefixFunc, "trimspace": stdlib.TrimSpaceFunc, "trimsuffix": stdlib.TrimSuffixFunc, "try": tryfunc.TryFunc,
	"upper": stdlib.UpperFunc, "values": stdlib.ValuesFunc, "zipmap": stdlib.ZipmapFunc,
}

// functionsIn are all functions for a file of the folder dir, from which file names start.
func functionsIn(dir string) map[string]function.Function {
	all := maps.Clone(pure)
	all["file"] = fileFunc(cty.String, func(name string) (cty.Value, error) {
		src, err := textfile.Read(within(dir, name), maxFileBytes)
		if err != nil {
			return cty.NilVal, fmt.Errorf("%s: %s", name, Reason(err))
		}
		return cty.StringVal(string(newlines(src))), nil
	})
	all["fileexists"] = fileFunc(cty.Bool, func(name string) (cty.Value, error) {
		info, err := os.Stat(within(dir, name))
		// A file of which nobody can tell whether it is there is not absent.
		if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ENOTDIR) {
			return cty.NilVal, fmt.Errorf("%s: %s", name, Reason(err))
		}
		return cty.BoolVal(err == nil && info.Mode().IsRegular()), nil
	})
	all["filesha256"] = fileFunc(cty.String, func(name string) (cty.Value, error) {
		sum, err := textfile.SHA256(within(dir, name))
		if err != nil {
			return cty.NilVal, fmt.Errorf("%s: %s", name, Reason(err))
		}
		return cty.StringVal(sum), nil
	})
	return all
}

// fileFunc is a function of one file's name.
func fileFunc(result cty.Type, read func(name string) (cty.Value, error)) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "path", Type: cty.String}},
		Type:   function.StaticReturnType(result),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			return read(args[0].AsString())
		},
	})
}

// within starts a relative name from a folder.
func within(dir, name string) string {
	if filepath.IsAbs(name) {
		return filepath.Clean(name)
	}
	return filepath.Join(dir, name)
}

// rangeFunc is range() with a bound of our own: cty's stops at 1,024 values, too few for batch sizes or seeds.
var rangeFunc = function.New(&function.Spec{
	VarParam: &function.Parameter{Name: "params", Type: cty.Number},
	Type:     function.StaticReturnType(cty.List(cty.Number)),
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		start, step := big.NewFloat(0), big.NewFloat(1)
		var end *big.Float
		switch len(args) {
		case 1:
			end = args[0].AsBigFloat()
		case 2, 3:
			start, end = args[0].AsBigFloat(), args[1].AsBigFloat()
		default:
			return cty.NilVal, fmt.Errorf("range takes (end), (start, end) or (start, end, step)")
		}
		if len(args) == 3 {
			step = args[2].AsBigFloat()
		} else if start.Cmp(end) > 0 {
			step = big.NewFloat(-1)
		}
		return countUp(start, end, step)
	},
})

// countUp lists a range's values, the end left out; downwards with a negative step.
func countUp(start, end, step *big.Float) (cty.Value, error) {
	if step.Sign() == 0 || step.IsInf() || start.IsInf() || end.IsInf() {
		return cty.NilVal, fmt.Errorf("range needs a finite start and end, and a step other than 0")
	}
	var values []cty.Value
	for at := start; at.Cmp(end)*step.Sign() < 0; at = new(big.Float).Add(at, step) {
		if len(values) == maxRange {
			return cty.NilVal, fmt.Errorf("a range holds at most %d values", maxRange)
		}
		values = append(values, cty.NumberVal(at))
	}
	if len(values) == 0 {
		return cty.ListValEmpty(cty.Number), nil
	}
	return cty.ListVal(values), nil
}

// productFunc is setproduct() with a bound: three ranges would fill the memory before anything could say so.
var productFunc = function.New(&function.Spec{
	VarParam: &function.Parameter{Name: "sets", Type: cty.DynamicPseudoType},
	Type: func(args []cty.Value) (cty.Type, error) {
		total := 1
		for _, a := range args {
			if !a.IsKnown() || a.IsNull() || !a.CanIterateElements() {
				continue // stdlib says what is wrong with it
			}
			if total *= a.LengthInt(); total > maxProduct {
				return cty.NilType, fmt.Errorf("a product holds at most %d elements", maxProduct)
			}
		}
		return stdlib.SetProductFunc.ReturnTypeForValues(args)
	},
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) { return stdlib.SetProductFunc.Call(args) },
})

// width finds a number of five digits or more anywhere in a format, whether it is a width or not.
var width = regexp.MustCompile(`\d{5,}`)

// bounded is a function whose first argument, a number of spaces or a format, says how much it writes: a slip there would
// fill the memory before the value could be found too large.
func bounded(f function.Function) function.Function {
	first := &function.Parameter{Name: "arguments", Type: cty.DynamicPseudoType, AllowNull: true, AllowDynamicType: true}
	return function.New(&function.Spec{
		VarParam: first,
		Type: func(args []cty.Value) (cty.Type, error) {
			if len(args) > 0 && args[0].IsWhollyKnown() && !args[0].IsNull() {
				told, err := convert.Convert(args[0], cty.String)
				if err == nil {
					for _, digits := range width.FindAllString(told.AsString(), -1) {
						if n, err := strconv.Atoi(digits); err != nil || n > maxWidth {
							return cty.NilType, fmt.Errorf("a width is at most %d", maxWidth)
						}
					}
				}
			}
			return f.ReturnTypeForValues(args)
		},
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) { return f.Call(args) },
	})
}

// functionNames are those that an expression may call, for suggestions.
// A child context has its own functions, or none: all of its parents' may be called.
func functionNames(ctx *hcl.EvalContext) []string {
	var names []string
	for ; ctx != nil; ctx = ctx.Parent() {
		names = slices.AppendSeq(names, maps.Keys(ctx.Functions))
	}
	return names
}
