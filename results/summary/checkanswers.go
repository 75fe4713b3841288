package summary

import (
	"maps"
	"slices"
	"strings"

	"matrix/results/metrics"
	"matrix/results/record"
	"matrix/results/stats"
)

// Bounds of the checks on what was sent and what came back.
const (
	promptsRed, promptsAmber = 0.02, 0.005
	outputsRed, outputsAmber = 0.25, 0.05
	cutMost                  = 0.01 // share of answers cut short, where the other side has a fifth of it at most
	emptyMost                = 0.01 // share of ok requests without text
	wordsRed, wordsAmber     = 0.50, 0.80
	wordsFewest              = 20   // answers of both that are compared at least
	wordsCompared            = 3    // first words, as package quality compares them
	wordsLargest             = 5000 // requests of the cells whose answers are read, where there are any so small
	lengthMost               = 0.10
	cachedMost               = 0.05
)

// prompts compares how many tokens the same prompts were: where the engines count them differently, one was sent something else.
func (g *checking) prompts() {
	g.pairs(func(a, b *Cell) {
		if samePrompts(a, b) {
			g.apart(a, b, func(c *Cell) (float64, bool) { return c.mean("input_tokens", "requests_ok") }, promptsRed, promptsAmber,
				"prompt tokens a request", ": a template or a tokenizer differs")
		}
	})
}

// samePrompts is true where nobody tells otherwise.
func samePrompts(a, b *Cell) bool {
	of := func(c *Cell) string { return c.First().Identity.Components.Get("dataset").Hash }
	return of(a) == "" || of(b) == "" || of(a) == of(b)
}

// outputs compares how long the answers were. With ignore_eos on both sides the length is declared and says nothing.
func (g *checking) outputs() {
	g.pairs(func(a, b *Cell) {
		endless := func(c *Cell) bool { return asked(c.First())["generate"]["ignore_eos"] == true }
		if !endless(a) || !endless(b) {
			g.apart(a, b, func(c *Cell) (float64, bool) { return c.mean("output_tokens", "requests_ok") }, outputsRed, outputsAmber,
				"output tokens a request", "")
		}
		x, y := a.endings(), b.endings()
		if x.OK == 0 || y.OK == 0 {
			return
		}
		g.seen = true
		cutA, cutB := share(x.CutShort, x.OK), share(y.CutShort, y.OK)
		if max(cutA, cutB) > cutMost && max(cutA, cutB) >= 5*min(cutA, cutB) {
			g.two(Red, a, b, "cut short below max_tokens: %s of the answers against %s", stats.Percent(cutA), stats.Percent(cutB))
		}
	})
}

// share is 0 of none.
func share(n, of int64) float64 { return float64(n) / float64(max(of, 1)) }

// answers looks for empty ones, and whether those that should begin alike do.
func (g *checking) answers() {
	g.each(func(c *Cell) {
		e := c.endings()
		if e.OK == 0 || c.Imported {
			return
		}
		g.seen = true
		if empty := share(e.WithoutText, e.OK); empty > emptyMost {
			g.one(Red, c, "%d of %d answers have no text (%s)", e.WithoutText, e.OK, stats.Percent(empty))
		} else if e.WithoutText > 0 {
			g.one(Amber, c, "%d of %d answers have no text", e.WithoutText, e.OK)
		}
	})
	words := map[*Cell]map[int64]beginning{}
	for _, p := range g.comparable() {
		for _, c := range p {
			if _, read := words[c]; !read {
				words[c] = c.firstWords()
			}
		}
		g.begin(p[0], p[1], words[p[0]], words[p[1]])
	}
}

// comparable are the pairs whose answers should begin alike: greedy, the same model and prompts, real; of each two
// contenders at one batch size, so that not all of their answers are read.
func (g *checking) comparable() [][2]*Cell {
	best := map[string][2]*Cell{}
	g.pairs(func(a, b *Cell) {
		if a.Simulated || b.Simulated || a.Model != b.Model || !greedy(a) || !greedy(b) || !samePrompts(a, b) || !sameBytes(a, b) {
			return
		}
		key := g.named[a] + "\x00" + g.named[b]
		old, there := best[key]
		if !there || nearer(a.BatchSize, old[0].BatchSize) {
			best[key] = [2]*Cell{a, b}
		}
	})
	var out [][2]*Cell
	for _, key := range slices.Sorted(maps.Keys(best)) {
		out = append(out, best[key])
	}
	return out
}

// nearer prefers the largest of up to wordsLargest, else the smallest.
func nearer(n, than int64) bool {
	if n > wordsLargest || than > wordsLargest {
		return n < than
	}
	return n > than
}

// greedy reports that no temperature was asked for; of an import nobody knows.
func greedy(c *Cell) bool {
	generate, known := asked(c.First())["generate"]
	t, set := generate["temperature"].(float64)
	return known && (!set || t == 0)
}

// begin compares the first words of two cells' answers to prompts that were the same to the byte.
func (g *checking) begin(a, b *Cell, x, y map[int64]beginning) {
	both, same := 0, 0
	for seq, mine := range x {
		other, there := y[seq]
		if !there || mine.sent != other.sent {
			continue
		}
		both++
		if mine.words == other.words {
			same++
		}
	}
	if both < wordsFewest {
		return
	}
	g.seen = true
	level := Green
	switch agree := float64(same) / float64(both); {
	case agree < wordsRed:
		level = Red
	case agree < wordsAmber:
		level = Amber
	}
	if level != Green {
		g.two(level, a, b, "of %d answers to the same prompts %s begin with the same words: greedy answers of one model should", both, stats.Percent(float64(same)/float64(both)))
	}
}

// beginning is how one answer begins, and to what: a nonce before the prompt may differ between servers.
type beginning struct {
	sent  [16]byte // hash of the prompt as it was sent
	words string   // the first wordsCompared, with single spaces
}

// firstWords are how the answers of the last launch that kept any begin; nil without. A file that cannot be read tells
// nothing here: verify says so.
func (c *Cell) firstWords() map[int64]beginning {
	for _, l := range slices.Backward(c.Launches) {
		all, err := l.Answers()
		if err != nil || len(all) == 0 {
			continue
		}
		out := map[int64]beginning{}
		for _, a := range all {
			if words := strings.Fields(a.Text); len(words) > 0 { // an empty one is counted by its own check
				out[a.Seq] = beginning{a.Sent, strings.Join(words[:min(len(words), wordsCompared)], " ")}
			}
		}
		return out
	}
	return nil
}

// ends of an ok request that are no answer, and those that are.
var (
	noAnswer = []string{"abort", "aborted", "error", "content_filter", "cancelled", "canceled", "timeout", "load", "unload"}
	anAnswer = []string{"", "none", "stop", record.FinishLength, "max_tokens", "tool_calls", "function_call", "eos", "eos_token", "stop_sequence", "end_turn"}
)

// ends looks at how requests ended that count as answered. A reason that matrix does not know may be an answer or none.
func (g *checking) ends() {
	g.each(func(c *Cell) {
		e := c.endings()
		if e.OK == 0 {
			return
		}
		g.seen = true
		for _, reason := range slices.Sorted(maps.Keys(e.Finish)) {
			switch {
			case slices.Contains(noAnswer, reason):
				g.one(Red, c, "%d of %d requests counted as answered ended by %q, which is no answer", e.Finish[reason], e.OK, reason)
			case !slices.Contains(anAnswer, reason):
				g.one(Amber, c, "%d of %d answers ended by %q, which matrix does not know", e.Finish[reason], e.OK, reason)
			}
		}
	})
	g.pairs(func(a, b *Cell) {
		x, y := a.endings(), b.endings()
		if x.OK == 0 || y.OK == 0 || x.silent() || y.silent() {
			return
		}
		byA, byB := share(x.Finish[record.FinishLength], x.OK), share(y.Finish[record.FinishLength], y.OK)
		if max(byA, byB)-min(byA, byB) > lengthMost {
			g.two(Amber, a, b, "ended by the limit of tokens: %s of the answers against %s", stats.Percent(byA), stats.Percent(byB))
		}
	})
}

// endings is how the requests of a cell ended, over its launches.
type endings struct{ record.FinishCounts }

// silent: the engine names no ends.
func (e endings) silent() bool { return e.Finish[""] == e.OK }

// endings adds up what each launch tells; of an old one, whose row does not tell, its requests are counted, once.
func (c *Cell) endings() endings {
	sum := endings{record.FinishCounts{Finish: map[string]int64{}}}
	for _, a := range c.Launches {
		e := a.ends()
		sum.OK, sum.WithoutText, sum.CutShort = sum.OK+e.OK, sum.WithoutText+e.WithoutText, sum.CutShort+e.CutShort
		for reason, n := range e.Finish {
			sum.Finish[reason] += n
		}
	}
	return sum
}

// ends is how an attempt's ok requests ended: as its row says, or of an older one counted in its requests; nothing where
// those are not there.
func (a *Attempt) ends() record.FinishCounts {
	if a.counted != nil {
		return *a.counted
	}
	a.counted = new(record.FinishCounts)
	if a.row == nil || a.row.Summary.Finish == nil {
		if e, err := metrics.ReadEnds(a.Dir); err == nil {
			*a.counted = e
		}
		return *a.counted
	}
	e := record.FinishCounts{OK: a.OK, Finish: map[string]int64{}}
	for reason, n := range a.row.Summary.Finish {
		if reason == record.NoFinish {
			reason = ""
		}
		e.Finish[reason] = int64(n)
	}
	for column, into := range map[string]*int64{"ok_without_text": &e.WithoutText, "ok_cut_short": &e.CutShort} {
		if v := a.Number(column); v != nil {
			*into = int64(*v)
		}
	}
	*a.counted = e
	return e
}

// prefixCache looks for prompts that an engine knew already: their prefill costs nothing, which is a rate of the cache, not of
// the engine.
func (g *checking) prefixCache() {
	g.warned(Red, warnsPrefixCache)
	g.each(func(c *Cell) {
		cached, ok := c.mean("cached_tokens", "input_tokens")
		if !ok {
			return
		}
		g.seen = true
		if prefixCache(c) == "off" && cached > cachedMost {
			g.one(Red, c, "%s of the prompt tokens came from a prefix cache, which was to be off", stats.Percent(cached))
		}
	})
	g.pairs(func(a, b *Cell) {
		x, y := prefixCache(a), prefixCache(b)
		if x != "" && y != "" {
			g.seen = true
		}
		if x != "" && y != "" && x != y {
			g.two(Red, a, b, "prefix cache %s against %s", x, y)
		}
	})
}

// prefixCache is what was declared; "" for an earlier result, of which nothing is known.
func prefixCache(c *Cell) string {
	spec := asked(c.First())
	if _, known := spec["generate"]; !known {
		return ""
	}
	if natural, _ := spec["isolation"]["prefix_cache"].(string); natural != "" {
		return natural
	}
	return "off"
}
