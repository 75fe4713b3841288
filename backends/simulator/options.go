package simulator

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"matrix/backends/fake/queueing"
	"matrix/experiments/cell"
	"matrix/experiments/wording"
)

// field is one option: where its value goes and what it may be.
type field struct {
	into     any      // *string, *int64, *float64, *bool
	min, max float64  // of numbers; both ends count
	choices  []string // of texts
}

// noMax is more than any option is.
const noMax = 1e18

// fields are what platform.options may hold.
func fields(o *queueing.Options) map[string]field {
	return map[string]field{
		"api":                       {into: &o.API, choices: queueing.APIs()},
		"slots":                     {&o.Slots, 1, noMax, nil},
		"prefill_tokens_per_s":      {&o.PrefillTokensPerS, 0.001, noMax, nil},
		"decode_tokens_per_s":       {&o.DecodeTokensPerS, 0.001, noMax, nil},
		"decode_total_tokens_per_s": {&o.DecodeTotalTokensPerS, 0, noMax, nil},
		"kv_tokens":                 {&o.KVTokens, 0, noMax, nil},
		"max_model_len":             {&o.MaxModelLen, 2, noMax, nil}, // a token in and a token out
		"load_s":                    {&o.LoadS, 0, 86400, nil},       // a day at most
		"weights_gib":               {&o.WeightsGiB, 0, noMax, nil},
		"exit_at_load":              {&o.ExitAtLoad, -1, 255, nil}, // −1 = it does not exit
		"hang_at_load":              {into: &o.HangAtLoad},
		"oom_log":                   {into: &o.OOMLog},
		"refuse_model":              {into: &o.RefuseModel},
		"die_after_requests":        {&o.DieAfterRequests, 0, noMax, nil},
		"die_exit_code":             {&o.DieExitCode, 0, 255, nil},
		"die_slowly":                {into: &o.DieSlowly},
		"error_rate":                {&o.ErrorRate, 0, 1, nil},
		"stall_rate":                {&o.StallRate, 0, 1, nil},
		"invalid_rate":              {&o.InvalidRate, 0, 1, nil},
		"refuse_format":             {into: &o.RefuseFormat},
	}
}

// parse reads platform.options and says everything that is wrong with them.
// What is wrong is left at its default, so that the rest can be judged.
func parse(values cell.Values) (queueing.Options, []cell.Problem) {
	o := queueing.Defaults()
	all := fields(&o)
	var problems []cell.Problem
	for _, name := range slices.Sorted(maps.Keys(values)) {
		f, known := all[name]
		if !known {
			names := slices.Sorted(maps.Keys(all))
			problems = append(problems, cell.Problem{
				Summary: fmt.Sprintf("The simulator has no option %q", name),
				Detail:  cmp.Or(strings.TrimSpace(wording.DidYouMean(name, names)), "It has "+strings.Join(names, ", ")+"."),
				Path:    "platform.options." + name,
			})
			continue
		}
		if wrong := f.set(values[name]); wrong != "" {
			problems = append(problems, cell.Problem{
				Summary: fmt.Sprintf("The simulator's %s must be %s", name, wrong),
				Detail:  fmt.Sprintf("It is %v.", values[name]),
				Path:    "platform.options." + name,
			})
		}
	}
	return o, problems
}

// set stores a value and returns what it should have been when it does not fit. A null leaves the default.
func (f field) set(value any) (wrong string) {
	if value == nil {
		return ""
	}
	switch into := f.into.(type) {
	case *string:
		text, ok := value.(string)
		if !ok || !slices.Contains(f.choices, text) {
			return "one of " + strings.Join(f.choices, ", ")
		}
		*into = text
	case *bool:
		b, ok := value.(bool)
		if !ok {
			return "true or false"
		}
		*into = b
	case *int64:
		n, ok := whole(value)
		if !ok || float64(n) < f.min || float64(n) > f.max {
			return "a whole number" + f.bounds()
		}
		*into = n
	case *float64:
		n, ok := cell.Number(value)
		if !ok || n < f.min || n > f.max {
			return "a number" + f.bounds()
		}
		*into = n
	}
	return ""
}

// bounds is said in an error only, behind what kind of number it must be.
func (f field) bounds() string {
	if f.max == noMax {
		return fmt.Sprintf(", %v at least", f.min)
	}
	return fmt.Sprintf(" from %v to %v", f.min, f.max)
}

// whole takes a truth for the 1 and −1 of exit_at_load.
func whole(value any) (int64, bool) {
	if on, ok := value.(bool); ok && on {
		return 1, true
	} else if ok {
		return -1, true
	}
	n, ok := cell.Number(value)
	return int64(n), ok && n == float64(int64(n))
}

// Check says what the simulator cannot do for a cell. It refuses what the engine that it imitates refuses.
func Check(c *cell.Cell) []cell.Problem {
	if c.Platform == nil || c.Platform.Backend != cell.Simulator {
		return nil
	}
	o, problems := parse(c.Platform.Options)
	if len(c.Platform.Args) > 0 {
		problems = append(problems, cell.Problem{
			Summary: "The simulator takes no args", Detail: "Its queueing model is set in options.",
			Path: "platform.args", Warning: true,
		})
	}
	whose, lacking := o.Lacks()
	for _, what := range lacking {
		g := c.Generate
		if g != nil && (what == "ignore_eos" && g.IgnoreEOS || what == "min_tokens" && g.MinTokens > 0 ||
			what == "choice" && len(g.Asked().Choice) > 0 || what == "regex" && g.Asked().Regex != "") {
			problems = append(problems, cell.Problem{
				Summary: whose + "'s API has no " + what,
				Detail:  "Leave it out for all platforms: what one of them is not asked is not compared.",
				Path:    "generate." + what,
			})
		}
	}
	return problems
}
