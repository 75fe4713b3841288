package quality

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"

	"matrix/results/format"
	"matrix/results/summary"
)

// Pair is how far two cells agree on the prompts that both were sent.
type Pair struct {
	A, B        string  // names of the cells
	CellA       string  // folders
	CellB       string  //
	SameModel   bool    // the model's label is the same
	Greedy      bool    // neither drew its words at random
	N           int     // prompts with an answer of both
	SameBytes   int     // of them: what was sent is the same to the byte; else a template of the experiment differs
	Exact       float64 // share of answers that are equal but for white space
	Prefix      float64 // mean share of the longer answer's words that both begin with
	FirstWords  float64 // share of prompts on which the first three words agree
	LengthRatio float64 // characters of B / of A, all answers together
	ChrF        float64 // mean of B against A, 0–1
	RougeL      float64 // mean, 0–1
	Accuracy    *Change // B − A on the prompts with a reference; nil without
	Fields      []Field // of answers that are JSON objects, by name
	ByID        bool    // one is imported: answers are matched by the prompts' ids, and nobody knows that the prompts are the same
	Warning     string  // "" = nothing odd
}

// Change is the mean paired difference of a measure, with its 95% interval (normal, over prompts).
type Change struct {
	Value, Low, High float64
	N                int
}

// pairsMost bounds the pairs of a tuning's hundreds of cells.
const pairsMost = 200

// couple is a pair at work.
type couple struct {
	Pair
	a, b             *answers // b's answers stand at a's seqs
	lengthA, lengthB float64
	deltas           []float64
	objects          [][2]map[string]any // answers of both that are one
}

// compare pairs cells of one experiment and batch size. It goes prompt by prompt, not pair by pair: an answer is in as many
// pairs as there are other cells, and reading it is most of the work.
func (r *Report) compare(all []*answers, o Options) {
	couples, more := couplesOf(all)
	seqs := map[int64]bool{}
	for _, c := range couples {
		for _, seq := range c.a.seqs {
			seqs[seq] = true
		}
	}
	read := map[string]*reading{}
	once := func(text string) *reading {
		if read[text] == nil {
			read[text] = readingOf(text)
		}
		return read[text]
	}
	for i, seq := range slices.Sorted(maps.Keys(seqs)) {
		if o.Observe != nil && ((i+1)%200 == 0 || i+1 == len(seqs)) {
			o.Observe(i+1, len(seqs))
		}
		clear(read)
		for _, c := range couples {
			if c.a.shares(c.b, seq) {
				c.add(seq, once, o.Prompts)
			}
		}
	}
	for _, c := range couples {
		if c.N == 0 {
			continue
		}
		c.done()
		r.Pairs = append(r.Pairs, c.Pair)
		if c.Warning != "" {
			r.Warnings = append(r.Warnings, c.Warning)
		}
	}
	if more {
		r.Warnings = append(r.Warnings, fmt.Sprintf("only the first %d pairs of cells were compared", len(couples)))
	}
}

// couplesOf are the first pairs, in the cells' order, and whether there are more.
func couplesOf(all []*answers) (out []*couple, more bool) {
	for i, a := range all {
		for _, b := range all[i+1:] {
			if !paired(a, b) {
				continue
			}
			if len(out) == pairsMost {
				return out, true
			}
			out = append(out, coupleOf(a, b))
		}
	}
	return out, false
}

// paired reports that two cells are a pair. An imported batch is seldom of the size of a measured one: such a pair is
// compared on the prompts that both have.
func paired(a, b *answers) bool {
	foreign := a.by.Run().Imported != b.by.Run().Imported
	return a.of.Experiment == b.of.Experiment && (a.of.BatchSize == b.of.BatchSize || foreign)
}

// coupleOf aligns b to a once, for all prompts.
func coupleOf(a, b *answers) *couple {
	b = b.alignedTo(a)
	return &couple{a: a, b: b, Pair: Pair{ByID: b.byID, A: a.of.Name, B: b.of.Name, CellA: a.of.Slug, CellB: b.of.Slug, SameModel: a.of.Model == b.of.Model, Greedy: a.greedy() && b.greedy()}}
}

// add counts the answers to one prompt.
func (c *couple) add(seq int64, once func(string) *reading, prompts Prompts) {
	x, y := c.a.text[seq], c.b.text[seq]
	c.N++
	c.SameBytes += one(!c.ByID && x.Sent == y.Sent)
	a, b := once(x.Text), once(y.Text)
	c.agree(a, b)
	if a.object != nil && b.object != nil {
		c.objects = append(c.objects, [2]map[string]any{a.object, b.object})
	}
	c.lengthA, c.lengthB = c.lengthA+a.long, c.lengthB+b.long
	if of := prompts[x.PromptID]; of.Reference != "" {
		c.deltas = append(c.deltas, float64(one(right(y.Text, of.Reference))-one(right(x.Text, of.Reference))))
	}
}

// done makes the figures of the sums.
func (c *couple) done() {
	c.mean()
	c.Fields = fieldsOf(c.objects)
	if c.lengthA > 0 {
		c.LengthRatio = c.lengthB / c.lengthA
	}
	c.Accuracy = changeOf(c.deltas)
	c.Warning = c.warning()
}

// shares reports that both answered the same prompt: the same bytes, or the same entry of the same dataset, which an
// experiment's template may have wrapped differently. That is what the warning is for.
func (a *answers) shares(b *answers, seq int64) bool {
	x, y := a.text[seq], b.text[seq]
	if _, both := b.text[seq]; !both {
		return false
	}
	if b.byID {
		return true
	}
	of, other := a.by.Identity.Components.Get("dataset").Hash, b.by.Identity.Components.Get("dataset").Hash
	return x.Sent == y.Sent || x.PromptID != "" && x.PromptID == y.PromptID && of != "" && of == other
}

// alignedTo moves b's answers to the seqs of a's with the same prompt id, where one of both is imported: then the order is
// the other tool's, and what was sent is not known. An id that stands more than once tells no prompt.
func (b *answers) alignedTo(a *answers) *answers {
	if !a.by.Run().Imported && !b.by.Run().Imported {
		return b
	}
	moved := &answers{of: b.of, by: b.by, text: map[int64]summary.Answer{}, byID: true}
	there := b.byPrompt()
	for id, seq := range a.byPrompt() {
		if at, ok := there[id]; ok {
			moved.text[seq] = b.text[at]
		}
	}
	return moved
}

// byPrompt is where the answer to each prompt stands, by ids that stand once.
func (a *answers) byPrompt() map[string]int64 {
	at, twice := map[string]int64{}, map[string]bool{}
	for _, seq := range a.seqs {
		id := a.text[seq].PromptID
		_, seen := at[id]
		if twice[id] = twice[id] || seen || id == ""; !twice[id] {
			at[id] = seq
		}
	}
	maps.DeleteFunc(at, func(id string, _ int64) bool { return twice[id] })
	return at
}

// noticed is how many of the first words must agree for two answers to have begun alike.
const noticed = 3

// agree adds up what two answers share; the sums become means in the end.
func (p *Pair) agree(a, b *reading) {
	share, words := prefixAgreement(a.fields, b.fields)
	p.Prefix += share
	if words >= noticed || share == 1 {
		p.FirstWords++
		p.Exact += float64(one(share == 1))
	}
	if a == b { // the same text
		p.ChrF, p.RougeL = p.ChrF+float64(one(a.runes > 0)), p.RougeL+float64(one(len(a.words) > 0))
		return
	}
	p.ChrF += b.chrF(a)
	p.RougeL += b.rougeL(a)
}

// mean divides the sums by the prompts.
func (p *Pair) mean() {
	n := math.Max(1, float64(p.N))
	for _, x := range []*float64{&p.Exact, &p.Prefix, &p.FirstWords, &p.ChrF, &p.RougeL} {
		*x /= n
	}
}

// Rules of thumb for the warning: rounding, batching and even four-bit weights change an answer somewhere along its
// way, but seldom its first words on most prompts (0.96 of 50 agreed between vLLM at bfloat16 and Ollama at Q4_K_M on
// the same bytes). Another template or tokenizer changes them nearly always.
const (
	beginAlike = 0.5
	pairsLeast = 10
)

// warning is what is odd about a pair, "" = nothing.
func (p *Pair) warning() string {
	if p.ByID {
		return fmt.Sprintf("%s and %s: one is imported, so answers are matched by prompt_id; whether the prompts were the same is not recorded", p.A, p.B)
	}
	if !p.SameModel || !p.Greedy || p.N < pairsLeast || p.FirstWords >= beginAlike {
		return ""
	}
	sent := "what was sent is the same to the byte, so look at the engines' own templates (chat_template_sha256)"
	if p.SameBytes < p.N {
		sent = "what was sent differs too: look at generate.template, or at the nonces of a server that outlives its launches"
	}
	return fmt.Sprintf("%s and %s: the same model without randomness begins alike on only %s of %d prompts. Probably a template or tokenizer mismatch; %s before you compare their speeds",
		p.A, p.B, format.Percent(p.FirstWords), p.N, sent)
}

// greedy reports that no temperature was asked for; a cell that does not tell is not called so.
func (a *answers) greedy() bool {
	if a.by.Run().Imported {
		return false // its spec is empty
	}
	var spec struct {
		Generate *struct {
			Temperature float64 `json:"temperature"`
		} `json:"generate"`
	}
	return json.Unmarshal(a.by.Identity.Components.Get("spec").Value, &spec) == nil && spec.Generate != nil && spec.Generate.Temperature == 0
}

// changeOf is nil without differences. The interval is the normal one of paired differences, within what a difference of two
// shares can be.
func changeOf(deltas []float64) *Change {
	n := float64(len(deltas))
	if n == 0 {
		return nil
	}
	var sum, squares float64
	for _, d := range deltas {
		sum += d
		squares += d * d
	}
	c := &Change{Value: sum / n, N: len(deltas), Low: -1, High: 1} // of one prompt nothing is known
	if n > 1 {
		half := 1.96 * math.Sqrt(max(0, squares-sum*sum/n)/(n-1)/n)
		c.Low, c.High = max(-1, c.Value-half), min(1, c.Value+half)
	}
	return c
}
