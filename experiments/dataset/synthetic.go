package dataset

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"strings"

	"matrix/experiments/cell"
)

// generatorVersion changes when the same parameters would give other prompts.
const generatorVersion = "words/1"

// Bounds of what may be asked of the generator.
const (
	defaultCount   = 1000
	maxPromptWords = 1 << 20
	maxCount       = 100_000_000
)

// generator makes prompts of random words; nothing is kept, each is made when it is asked for.
type generator struct {
	spec   cell.Synthetic // Count filled in
	seed   uint64
	prefix string // the words that all prompts share, made once; "" = none
}

// openSynthetic digests what the prompts are made from, which stands for their bytes: to make 100 million of them just for
// a digest would take far too long.
func (s *Set) openSynthetic() error {
	spec := *s.d.Synthetic
	if spec.Count == 0 {
		spec.Count = defaultCount
	}
	fault := checkSynthetic(spec)
	if fault != "" {
		return &Error{Path: s.d.Place.File, Line: s.d.Place.Line, Reason: fmt.Sprintf("dataset %q: %s", s.d.ID, fault)}
	}
	g := &generator{spec: spec, seed: uint64(s.d.Seed)}
	var b strings.Builder
	writeWords(&b, newRandom(g.seed, prefixStream), spec.Prefix)
	g.prefix = b.String()
	described, err := json.Marshal(map[string]any{"generator": generatorVersion, "seed": s.d.Seed, "spec": spec})
	if err != nil {
		return err
	}
	sum := sha256.Sum256(described)
	s.source, s.format, s.sha256 = g, "synthetic", hex.EncodeToString(sum[:])
	return nil
}

// checkSynthetic says what is out of bounds, "" = nothing. The language says most of it at a better place; a caller in Go
// has not been through that.
func checkSynthetic(s cell.Synthetic) string {
	switch {
	case s.Count < 0 || s.Count > maxCount:
		return fmt.Sprintf("synthetic.count is %d; it may be 1 to %d", s.Count, maxCount)
	case s.Prefix < 0 || s.Prefix > maxPromptWords:
		return fmt.Sprintf("synthetic.prefix is %d; it may be 0 to %d", s.Prefix, maxPromptWords)
	}
	if fault := checkLength(s.InputTokens); fault != "" {
		return "synthetic.input_tokens: " + fault
	}
	if s.OutputTokens != (cell.Length{}) {
		if fault := checkLength(s.OutputTokens); fault != "" {
			return "synthetic.output_tokens: " + fault
		}
	}
	return ""
}

// checkLength says what no length can be drawn from, "" = nothing.
func checkLength(l cell.Length) string {
	for _, n := range []float64{l.Mean, l.Stddev, float64(l.Min), float64(l.Max)} {
		if math.IsNaN(n) || n < 0 || n > maxPromptWords {
			return fmt.Sprintf("%v is not between 0 and %d", n, maxPromptWords)
		}
	}
	if l.Max > 0 && l.Min > l.Max {
		return fmt.Sprintf("min %d is above max %d", l.Min, l.Max)
	}
	switch l.Distribution {
	case "uniform":
		if l.Max < 1 {
			return "a uniform distribution needs min and max"
		}
	case "", "constant", "normal", "lognormal":
		if l.Mean < 1 {
			return "mean must be 1 at least"
		}
	default:
		return fmt.Sprintf("distribution %q is not one of constant, uniform, normal, lognormal", l.Distribution)
	}
	return ""
}

// draw takes one length. Mean and deviation of a lognormal are those of the lengths themselves, not of their logarithms.
func draw(r *random, l cell.Length) int {
	n := l.Mean
	switch l.Distribution {
	case "uniform":
		return max(1, l.Min+int(r.below(uint64(l.Max-l.Min+1))))
	case "normal":
		n = float64(l.Mean) + float64(l.Stddev*r.normal())
	case "lognormal":
		ratio := l.Stddev / l.Mean
		variance := ln(1 + float64(ratio*ratio))
		mu := ln(l.Mean) - variance/2
		n = exp(float64(mu) + float64(math.Sqrt(variance)*r.normal()))
	}
	most := maxPromptWords
	if l.Max > 0 {
		most = l.Max
	}
	return min(max(int(math.Round(min(n, maxPromptWords))), l.Min, 1), most)
}

func (g *generator) len() int     { return g.spec.Count }
func (g *generator) close() error { return nil }

// chars makes the prompt to know its length, which is why p95 looks at a sample only.
func (g *generator) chars(i int) int {
	e, _ := g.entry(i) // never fails
	return len(e.Prompt)
}

// entry has a stream of its own for each prompt: prompt 7 is the same whatever count, shuffle or limit say.
func (g *generator) entry(i int) (Entry, error) {
	r := newRandom(g.seed, syntheticStream+uint64(i))
	words := draw(r, g.spec.InputTokens)
	e := Entry{ID: fmt.Sprintf("synthetic-%d", i+1)}
	if g.spec.OutputTokens != (cell.Length{}) {
		e.MaxTokens = draw(r, g.spec.OutputTokens)
	}
	var b strings.Builder
	b.WriteString(g.prefix)
	writeWords(&b, r, words)
	e.Prompt = b.String()
	return e, nil
}

// writeWords appends n random words, a space before each but the text's first.
func writeWords(b *strings.Builder, r *random, n int) {
	for range n {
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(vocabulary[r.below(uint64(len(vocabulary)))])
	}
}

// vocabulary holds short English words, which byte-pair tokenizers keep as one token with the space before them.
var vocabulary = strings.Fields(`the of and to in is that for it as was with be by on not he his but at are this have
from or had an they which one you were all her she there would their we him been has when who will no more if out so
up said what its about than into them can only other time new some could these two may first then do any like my now
over such our man me even most made after also did many off before must well back through years much where your way
down should because long each just state those people too mr how little good world make very year still see own work
men day get here old life both between being under three never know same last another while us might great go come
since against right came take used himself few house american use place during high without again home around small
however found mrs part school thought went say general once upon war every left number course water until always away
public something fact less though far put head think set called enough hand took government system better four night
told nothing end why find going look asked later point knew next city business case group toward young days let room
word side given order early second early light power line body large face problem human kind`)
