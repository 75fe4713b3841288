package recipe

import (
	"fmt"
	"strings"

	"matrix/backends"
	"matrix/backends/wire"
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

// Request is how a request is sent by hand, as notes of a script. OpenAI's servers want to be told that a body is JSON.
// -N has curl show the stream as it comes.
func Request(server string, p wire.Protocol, body []byte) []string {
	kind := ""
	if p.SSE() {
		kind = " -H 'Content-Type: application/json'"
	}
	return []string{"", "A request as matrix sends it:", fmt.Sprintf("  curl -N%s %s%s -d %s", kind, server, p.Path(), Word(string(body)))}
}
