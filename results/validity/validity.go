// Package validity says of one answer whether it can be used: whether it came, is whole, and is what was asked for (JSON
// that fits a schema, a text of a list, a text that a regular expression matches). It asks no engine and reads no file.
package validity

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"matrix/experiments/cell"
)

// Why an answer cannot be used; beside these, the status of a request that did not end ok. A schema's reason is
// "schema:" and the place in the answer, a JSON pointer: "schema:/score", "schema:/" for the answer as a whole.
const (
	NoText      = "no_text"             // nothing, or nothing but white space
	Truncated   = "truncated"           // cut by max_tokens, and so not what was asked for
	Thought     = "thinking_ate_budget" // max_tokens went on reasoning before the answer began
	Repeated    = "repeated"            // cut, and it repeats itself; also the status where the engine ended it for that
	Refused     = "refused"             // the model or the service declined
	NotJSON     = "not_json"            // no JSON, or something beside it: a code fence is something
	NotInChoice = "not_in_choice"
	NoMatch     = "no_match"  // of the regular expression with the whole text
	noSchema    = "no_schema" // an entry's own format is none, so nothing can be said to fit it
	noRegex     = "no_regex"  // likewise
	schemaAt    = "schema:"
)

const (
	mostReason = 128                 // bytes: an answer may nest as deep as it likes
	mostChecks = 1000                // compiled formats that are kept
	anObject   = `{"type":"object"}` // json = true means an object, as engines have it
	// How models mark what they think, where no parser of the engine's takes it out of the text.
	thinks, thought = "<think>", "</think>"
)

// Answer is how one request ended, as far as it decides whether the answer can be used.
type Answer struct {
	Status  string // as in requests.parquet
	Finish  string // finish_reason
	Text    string // of the answer, reasoning left out where the engine tells it apart
	Thought bool   // reasoning came beside the text
	Called  bool   // the answer calls tools: that is what was asked for, and no format is asked of it
	Refused bool   // declined, in the protocol's own field
	Repeats bool   // it ends with the same over and over
}

// Check is a format to hold answers against. Safe for concurrent use; nil takes any text.
type Check struct {
	ready func() fit // compiles it, at the first answer
}

// fit is a compiled format.
type fit struct {
	choice  []string
	schema  *jsonschema.Schema
	matches *regexp.Regexp
	broken  string // the reason of every answer where the format itself is broken
}

// Compiles says why a format is none: a schema that is no schema, a regular expression that does not compile.
func Compiles(f cell.ResponseFormat) error {
	_, err := compiled(f)
	return err
}

func compiled(f cell.ResponseFormat) (fit, error) {
	var c fit
	var err error
	switch {
	case f.JSON:
		c.schema, err = compile(anObject)
	case f.Schema != "":
		if c.schema, err = compile(f.Schema); err != nil {
			c.broken = noSchema
		}
	case f.Regex != "":
		if c.matches, err = regexp.Compile(`\A(?:` + f.Regex + `)\z`); err != nil {
			c.broken = noRegex
		}
	default:
		c.choice = f.Choice
	}
	return c, err
}

// Invalid is why an answer cannot be used, "" for one that can. Whatever else holds, an answer that fits is valid: one that
// max_tokens cut at its very end is whole.
func (c *Check) Invalid(a Answer) string {
	text := strings.TrimSpace(a.Text)
	cut := a.Finish == "length" || a.Finish == "max_tokens" || a.Finish == "limit"
	switch {
	case a.Refused:
		return Refused
	case a.Status != "ok":
		return a.Status
	case a.Called && text != "":
		return ""
	case cut && text == "" && a.Thought, cut && strings.HasPrefix(text, thinks) && !strings.Contains(text, thought):
		return Thought
	case cut && text == "" && a.Repeats: // white space to the end, as a grammar allows it
		return Repeated
	case cut && text == "" && a.Text != "":
		return Truncated
	case text == "", strings.HasPrefix(text, thinks) && strings.HasSuffix(text, thought): // it thought, and said nothing
		return NoText
	}
	reason, loops := "", cut && a.Repeats
	if c != nil {
		reason = c.ready().unfit(a.Text)
	}
	switch {
	case loops && (c == nil || reason != ""):
		return Repeated
	case cut && reason != "":
		return Truncated
	}
	return reason
}

// unfit holds the text against the format.
func (c fit) unfit(text string) string {
	switch {
	case c.broken != "":
		return c.broken
	case c.schema != nil:
		return misfit(c.schema, text)
	case c.matches != nil && !c.matches.MatchString(text):
		return NoMatch
	case c.choice != nil && !slices.Contains(c.choice, text):
		return NotInChoice
	}
	return ""
}

// Checks keeps the formats that were met. It is not safe for concurrent use.
type Checks struct {
	kept map[string]*Check
}

// Of is the check for a format, compiled once for each of the first thousand: an entry of a dataset may bring its own. One
// that is broken makes every answer invalid.
func (k *Checks) Of(f cell.ResponseFormat) *Check {
	if f.None() {
		return nil
	}
	key := strings.Join([]string{strconv.FormatBool(f.JSON), f.Schema, f.Regex, strings.Join(f.Choice, "\x00")}, "\x01")
	if c, ok := k.kept[key]; ok {
		return c
	}
	c := &Check{ready: sync.OnceValue(func() fit {
		c, _ := compiled(f) // what is wrong is the reason of each answer
		return c
	})}
	if k.kept == nil {
		k.kept = map[string]*Check{}
	}
	if len(k.kept) < mostChecks {
		k.kept[key] = c
	}
	return c
}
