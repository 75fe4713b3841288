package backends

import (
	"slices"
	"strings"
)

// What can be odd about a reply that is counted all the same.
const (
	FlagUnknownFinish = "unknown_finish" // a finish reason that we do not know
	FlagOverMax       = "over_max"       // more output tokens than were asked for at most, and there is text for them
	FlagNoEndMark     = "no_end_mark"    // no [DONE], though finish_reason and usage came and the stream ended in order
	FlagNoFinish      = "no_finish"      // a whole answer without a finish reason
	FlagFewTokens     = "few_tokens"     // fewer output tokens than events with text, of which each has one at least
	FlagBadCount      = "bad_count"      // a count or time that cannot be: it is null
)

// Flag adds a flag once.
func (r *Reply) Flag(name string) {
	if !slices.Contains(r.Flags, name) {
		r.Flags = append(r.Flags, name)
	}
}

// answers are the finish reasons of an answer: OpenAI's, and what servers say for the same.
var answers = map[string]bool{
	"stop": true, "length": true, "tool_calls": true, "function_call": true, "tool_use": true, "eos": true, "eos_token": true,
	"end_turn": true, "stop_sequence": true, "max_tokens": true, "limit": true,
}

// failures are the finish reasons of an answer that was not given.
var failures = map[string]bool{
	"abort": true, "aborted": true, "error": true, "content_filter": true, "cancel": true, "canceled": true, "cancelled": true,
	"timeout": true, "failed": true, "safety": true, "load": true, "unload": true,
}

// Finish holds a reply that came whole against the end that the engine names: success is a list. A reason that is on
// neither list is flagged, and so is none at all.
func (r *Reply) Finish() {
	reason := strings.ToLower(r.FinishReason)
	switch {
	case r.Status != OK || answers[reason]:
	case reason == "":
		r.Flag(FlagNoFinish)
	case failures[reason]:
		r.Status, r.ErrorClass = Failed, "finish_"+reason
		r.Refused = r.Refused || reason == "content_filter" || reason == "safety"
		r.Error = "the engine ended the answer with finish_reason " + reason
	default:
		r.Flag(FlagUnknownFinish)
	}
}

// What repeats itself ends so many times with a unit of so many bytes at most, the length of a token or a few.
const (
	repeats     = 30
	longestUnit = 32
)

// RepeatTail is how many bytes of a text's end Repeats looks at.
const RepeatTail = repeats * longestUnit

// Repeats reports a text that ends with thirty times the same, or with so much white space. Ollama ends an answer there, and
// others go on to max_tokens: nobody can use either.
func Repeats(text string) bool {
	if len(text)-len(strings.TrimRight(text, " \t\r\n")) >= repeats {
		return true
	}
	for unit := 1; unit <= longestUnit && repeats*unit <= len(text); unit++ {
		tail := text[len(text)-repeats*unit:]
		if tail[unit:] == tail[:len(tail)-unit] {
			return true
		}
	}
	return false
}

// mostTokens is more than any context holds; what is beyond is no count.
const mostTokens = 1 << 27

// Plausible is a count from outside, or nil and a flag where it cannot be. most is what bounds it, 0 = nothing known.
func (r *Reply) Plausible(n *int64, most int64) *int64 {
	if n == nil {
		return nil
	}
	if most <= 0 || most > mostTokens {
		most = mostTokens
	}
	if *n < 0 || *n > most {
		r.Flag(FlagBadCount)
		return nil
	}
	return n
}
