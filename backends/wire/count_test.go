package wire

import (
	"strings"
	"testing"

	"matrix/backends"
)

// TestOddCountsBesideAnAnswer: an answer that came whole counts, whatever stands beside it; a count that cannot be trusted
// is null and flagged, and never costs the answer.
func TestOddCountsBesideAnAnswer(t *testing.T) {
	const (
		word = `data: {"choices":[{"delta":{"content":"w"}}]}` + "\n\n"
		last = `data: {"choices":[{"delta":{},"finish_reason":"stop"}]}` + "\n\n"
		done = "data: [DONE]\n\n"
	)
	count := func(n string) string {
		return `data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":` + n + "}}\n\n"
	}
	four := int64(4)
	two := int64(2)
	for name, c := range map[string]struct {
		body   string
		tokens *int64
		flag   string
	}{
		"in order":                {word + word + word + word + last + count("4") + done, &four, ""},
		"every event":             {word + count("1") + word + count("2") + last + done, &two, ""},
		"with the last text":      {word + word + word + `data: {"choices":[{"delta":{"content":"w"},"finish_reason":"stop"}],"usage":{"completion_tokens":4}}` + "\n\n" + done, &four, ""},
		"before the end":          {word + word + count("2") + word + word + last + done, nil, backends.FlagBadCount},
		"a list":                  {word + last + `data: {"choices":[],"usage":[]}` + "\n\n" + done, nil, backends.FlagBadCount},
		"details of another form": {word + word + word + word + last + `data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":4,"prompt_tokens_details":"none"}}` + "\n\n" + done, &four, backends.FlagBadCount},
		"timings of another form": {word + word + word + word + last + `data: {"choices":[],"timings":"fast","usage":{"completion_tokens":4}}` + "\n\n" + done, &four, backends.FlagBadCount},
		"fewer than events":       {word + word + word + word + last + count("2") + done, &two, backends.FlagFewTokens},
		"no reason of its end":    {word + word + count("2") + done, &two, backends.FlagNoFinish},
	} {
		r := readText(strings.NewReader(c.body), OpenAIChat, 16)
		if r.Status != backends.OK {
			t.Errorf("%s: %s (%s)", name, r.Status, r.Error)
		}
		if got := r.OutputTokens; (got == nil) != (c.tokens == nil) || got != nil && *got != *c.tokens {
			t.Errorf("%s: %v tokens, want %v", name, got, c.tokens)
		}
		if got := strings.Join(r.Flags, " "); got != c.flag {
			t.Errorf("%s: flags %q, want %q", name, got, c.flag)
		}
	}
}
