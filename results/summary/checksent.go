package summary

import (
	"fmt"
	"slices"
	"strings"

	"matrix/experiments/cell"
)

// Beginnings of the warnings with which a row says that the engine was sent, or did, something else than the cell asks.
const (
	warnsPrefixCache = "prefix cache:"
	warnsThinking    = "thinking:"
	warnsSampling    = "sampling:"
	warnsWeights     = "weights:"
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

// requests looks for what was sent to one side only, at any batch size: whatever changes an answer's form (thinking, a schema,
// a template, tools), its length or its sampling. The seed makes no difference to time.
func (g *checking) requests() {
	g.warned(Amber, warnsThinking, warnsSampling, warnsWeights)
	for i, a := range g.cells {
		for _, b := range g.cells[i+1:] {
			if g.named[a] != g.named[b] {
				g.sent(a, b)
			}
		}
	}
}

// sent holds what two cells asked for against each other.
func (g *checking) sent(a, b *Cell) {
	unlike, known := NotAsked(&a.First().Identity, &b.First().Identity)
	g.seen = g.seen || known
	if x, y := cold(a), cold(b); x != y && (x == 0 && y == len(b.Launches) || y == 0 && x == len(a.Launches)) { // their loads are part of the times
		words := map[bool]string{true: "cold", false: "warm"}
		unlike = append(unlike, fmt.Sprintf("isolation.caches %s against %s", words[x > 0], words[y > 0]))
	}
	if len(unlike) > 0 {
		g.note(Check{Name: g.name, Level: Red, Contenders: []string{g.named[a], g.named[b]}, Cells: []string{folder(a), folder(b)},
			Text: fmt.Sprintf("%s and %s were not asked the same: %s", g.named[a], g.named[b], strings.Join(unlike, ", "))})
	}
}

// cold is how many launches of a cell were told to start on cold caches.
func cold(c *Cell) (n int) {
	for _, a := range c.Launches {
		if a.Run().CompileCache == "cold" {
			n++
		}
	}
	return n
}

// NotAsked are the settings of generate that two cells do not share, in words: "thinking false against true". known is false
// where one of the two does not tell.
func NotAsked(a, b *cell.Identity) (unlike []string, known bool) {
	x, knownA := askedOf(a)["generate"]
	y, knownB := askedOf(b)["generate"]
	if !knownA || !knownB {
		return nil, false
	}
	for _, name := range keysOf(x, y) {
		if p, q := setting("generate", x, name), setting("generate", y, name); p != q && name != "seed" {
			p, q = clipped(p, q)
			unlike = append(unlike, fmt.Sprintf("%s %s against %s", name, p, q))
		}
	}
	return unlike, true
}

// clipped shortens two values that differ, like schemas and templates, to what fits into a sentence and shows where they do.
func clipped(a, b string) (string, string) {
	const most, before = 40, 12
	x, y := []rune(strings.Join(strings.Fields(a), " ")), []rune(strings.Join(strings.Fields(b), " "))
	same := 0
	for same < min(len(x), len(y)) && x[same] == y[same] {
		same++
	}
	if len(x) <= most && len(y) <= most || a == b {
		same = 0
	}
	from := max(0, same-before)
	cut := func(r []rune) string {
		start, end := "", ""
		if r = r[min(from, len(r)):]; from > 0 {
			start = "…"
		}
		if len(r) > most {
			r, end = r[:most], "…"
		}
		return start + string(r) + end
	}
	return cut(x), cut(y)
}
