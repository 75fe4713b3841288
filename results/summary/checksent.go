package summary

import (
	"slices"
	"strings"
)

// Beginnings of the warnings with which a row says that the engine was sent, or did, something else than the cell asks.
const (
	warnsPrefixCache = "prefix cache:"
	warnsThinking    = "thinking:"
	warnsSampling    = "sampling:"
	warnsNonce       = "nonce:" // the prompts begin with others than at this launch elsewhere
)

// warned lists what rows say of themselves.
func (g *checking) warned(level string, beginnings ...string) {
	g.each(func(c *Cell) {
		for _, text := range c.Warnings() {
			for _, b := range beginnings {
				if said, ok := strings.CutPrefix(text, b); ok {
					g.one(level, c, "%s", strings.TrimSpace(said))
				}
			}
		}
	})
}

// sameBytes reports that the last launches of two cells were sent the same prompts to the byte: a server that outlives its
// launches gets nonces of its own for each.
func sameBytes(a, b *Cell) bool {
	rule := func(c *Cell) any { return asked(c.First())["isolation"]["nonce"] }
	last := func(c *Cell) *Attempt { return c.Launches[len(c.Launches)-1] }
	own := func(c *Cell) bool {
		return slices.ContainsFunc(last(c).Warnings(), func(w string) bool { return strings.HasPrefix(w, warnsNonce) })
	}
	return rule(a) == rule(b) && !own(a) && !own(b) && (rule(a) == nil || last(a).Launch == last(b).Launch)
}
