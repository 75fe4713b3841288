package recipe

import (
	"strings"

	"matrix/backends"
	"matrix/experiments/cell"
)

// shownBytes is how much of a prompt a comment may hold.
const shownBytes = 2000

// Example is the request that a script shows: the given one, its prompt cut where it is long, else one made up. notes say
// what is not the user's own in it.
func Example(c *cell.Cell, given backends.Request) (req backends.Request, notes []string) {
	req = given
	req.Generate = c.Generate
	if req.Prompt == "" && len(req.Messages) == 0 {
		req.Prompt, req.MaxTokens = "The capital of France is", c.Generate.MaxTokens
		return req, nil
	}
	if c.Isolation != nil && c.Isolation.PrefixCache == "off" {
		notes = append(notes, "The ten digits in front of its prompt are for measuring only: they keep prefix caches from answering.")
	}
	cut := func(text string) string {
		if len(text) <= shownBytes {
			return text
		}
		notes = append(notes, "Its prompt is cut here.")
		return strings.ToValidUTF8(text[:shownBytes], "") + "…"
	}
	req.Prompt = cut(req.Prompt)
	req.Messages = append([]backends.Message(nil), req.Messages...)
	for i := range req.Messages {
		req.Messages[i].Content = cut(req.Messages[i].Content)
	}
	return req, notes
}
