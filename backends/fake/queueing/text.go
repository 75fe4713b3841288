package queueing

import (
	"encoding/json"
	"hash/fnv"
	"io"
	"strings"
	"unicode/utf8"

	"matrix/experiments/cell"
)

// vocabulary is what free answers are made of; none of it needs escaping in JSON.
var vocabulary = strings.Fields(`the candidate has shown clear strong solid relevant recent experience in with
backend systems data teams and delivery of services while evidence for leadership scope remains limited some
gaps stay open but references confirm steady growth ownership quality results communication is good overall
score seven eight six out ten recommend interview next round because impact was measured well documented
reviewed by peers across projects years`)

// plan is what a prompt makes the engine say: a function of the prompt and the seed alone.
type plan struct {
	seed   uint64 // of its words
	tokens int64  // all of them; 1 at least
	reason string // stop, length
	whole  string // in the form that was asked for; "" = words
}

// asked are the parameters of a request that shape its answer.
type asked struct {
	maxTokens, minTokens int64
	ignoreEOS            bool
	temperature          float64 // 0 = the seed plays no part
	seed                 int64
	stop                 []string
	format               cell.ResponseFormat
	unformed             bool // the answer is to miss its form (invalid_rate)
}

// runesAToken is how much of a formed answer is one token.
const runesAToken = 4

// hashOf puts a 0 behind each part, so that two parts are not the same as one of both.
func hashOf(parts ...string) uint64 {
	h := fnv.New64a()
	for _, p := range parts {
		_, _ = io.WriteString(h, p)
		_, _ = h.Write([]byte{0})
	}
	return mix(h.Sum64())
}

// mix spreads a hash over all its bits (the finisher of SplitMix64).
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// answerTo plans an answer. By itself it would end after 8 to 519 tokens.
func answerTo(prompt uint64, a asked) plan {
	if a.temperature > 0 {
		prompt = mix(prompt ^ uint64(a.seed))
	}
	out := plan{seed: prompt, tokens: max(a.maxTokens, 1), reason: "length"}
	if !a.format.None() {
		return out.form(a)
	}
	if own := max(8+int64(prompt%512), a.minTokens); !a.ignoreEOS && own < out.tokens {
		out.tokens, out.reason = own, "stop"
	}
	if len(a.stop) > 0 {
		out.stopAt(a.stop, a.minTokens)
	}
	return out
}

// form puts the answer into the form that was asked for, or plants prose before it.
func (a plan) form(by asked) plan {
	if a.whole = formed(by.format, a.seed); by.unformed || a.whole == "" {
		a.whole = "Sure! " + a.whole
	}
	if own := int64(utf8.RuneCountInString(a.whole)+runesAToken-1) / runesAToken; own < a.tokens { // ignore_eos has no hold on a grammar
		a.tokens, a.reason = own, "stop"
	}
	return a
}

// stopAt ends the answer before the first stop string.
func (a *plan) stopAt(stop []string, minTokens int64) {
	text := a.text(0, a.tokens)
	cut := -1
	for _, s := range stop {
		if i := strings.Index(text, s); s != "" && i >= 0 && (cut < 0 || i < cut) {
			cut = i
		}
	}
	if cut < 0 {
		return
	}
	if n := int64(len(strings.Fields(text[:cut]))); n >= minTokens {
		a.tokens, a.reason = max(n, 1), "stop"
	}
}

// text is tokens from … to−1. Every word but the first carries the space before it, so pieces simply join.
func (a plan) text(from, to int64) string {
	if a.whole != "" {
		all := []rune(a.whole)
		n := int64(len(all))
		return string(all[min(from*runesAToken, n):min(to*runesAToken, n)])
	}
	var b strings.Builder
	for i := from; i < to; i++ {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(vocabulary[mix(a.seed+uint64(i))%uint64(len(vocabulary))])
	}
	return b.String()
}

// literal is the same as it stands in JSON, between quotes.
func (a plan) literal(from, to int64) string {
	text := a.text(from, to)
	if a.whole == "" {
		return text
	}
	quoted, _ := json.Marshal(text) // text: it cannot fail
	return string(quoted[1 : len(quoted)-1])
}

// words counts tokens without keeping them.
func words(text string) (n int64) {
	for range strings.FieldsSeq(text) {
		n++
	}
	return n
}

// share reports whether a prompt is among a given share of all prompts; salt keeps different faults apart.
func share(prompt uint64, rate float64, salt string) bool {
	return rate > 0 && float64(mix(prompt^hashOf(salt))>>11)/(1<<53) < rate
}
