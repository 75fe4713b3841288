package quality

import (
	"context"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/mathext"

	"matrix/results/summary"
)

// Prompt is what a dataset says of one of its entries.
type Prompt struct {
	Text      string
	Reference string // expected answer, "" = none
}

// Prompts are what a dataset says of its entries, by their ids.
type Prompts map[string]Prompt

// Options say what is known beside the outputs.
type Options struct {
	Prompts Prompts             // nil = no dataset at hand: no references, and JSON is not looked for
	Observe func(done, all int) // called as prompts are compared; may be nil
}

// Report is what the outputs of a set tell.
type Report struct {
	Cells    []Cell   `json:"cells"` // those with outputs, in the set's order
	Pairs    []Pair   `json:"pairs"`
	Warnings []string `json:"warnings"`
}

// Cell is the quality of one cell's answers, of its last complete launch.
type Cell struct {
	Cell     string `json:"cell"` // folder
	Name     string `json:"name"`
	Attempt  string `json:"attempt"`
	N        int    `json:"n"`        // answers
	Empty    int    `json:"empty"`    // nothing but white space
	Refusals int    `json:"refusals"` // by how they begin: a heuristic in English
	JSONs    *Share `json:"jsons"`    // valid JSON of the prompts that ask for it; nil = none does, or no dataset
	Accuracy *Share `json:"accuracy"` // equal to the reference; nil = no prompt has one
	// Fields are those of the references that are JSON objects; then Accuracy counts the answers that have all of them right.
	Fields []FieldAccuracy `json:"fields"`
	ChrF   float64         `json:"chrf"` // mean against the references, 0–1
	RougeL float64         `json:"rouge_l"`
}

// Share is a part of a number of trials, with its two-sided 95% interval (Clopper–Pearson).
type Share struct {
	K, N             int
	Value, Low, High float64
}

// ShareOf is k of n; nil of none. More than n are all of n.
func ShareOf(k, n int) *Share {
	if n <= 0 {
		return nil
	}
	k = min(max(k, 0), n)
	s := &Share{K: k, N: n, Value: float64(k) / float64(n), High: 1}
	if k > 0 {
		s.Low = mathext.InvRegIncBeta(float64(k), float64(n-k)+1, 0.025)
	}
	if k < n {
		s.High = mathext.InvRegIncBeta(float64(k)+1, float64(n-k), 0.975)
	}
	return s
}

// answers are the outputs of one launch of a cell.
type answers struct {
	of   *summary.Cell
	by   *summary.Attempt // whose outputs they are
	seqs []int64          // in the order of the file
	text map[int64]summary.Answer
	byID bool // its answers stand at the seqs of another's, matched by the prompts' ids
}

// Measure reads the outputs of a set's cells and compares them. Simulated cells say nothing real: they are left out, unless there
// is nothing else to show.
func Measure(ctx context.Context, set *summary.Set, o Options) (*Report, error) {
	out := &Report{}
	var all []*answers
	real := slices.ContainsFunc(set.Cells, func(c *summary.Cell) bool { return !c.Simulated })
	for _, c := range set.Cells {
		if c.Simulated && real {
			continue
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		a, err := read(c)
		if err != nil { // what is damaged is told, and stands in nobody's way
			out.Warnings = append(out.Warnings, err.Error())
		}
		if a != nil {
			all = append(all, a)
			out.Cells = append(out.Cells, a.measure(o.Prompts))
		}
	}
	out.compare(all, o)
	return out, nil
}

// read takes the outputs of a cell's last complete launch that kept any; nil without.
func read(c *summary.Cell) (*answers, error) {
	for _, l := range slices.Backward(c.Launches) {
		all, err := l.Answers()
		if err != nil {
			return nil, fmt.Errorf("read the outputs of %s: %w", c.Name, err)
		}
		if len(all) == 0 {
			continue
		}
		a := &answers{of: c, by: l, text: map[int64]summary.Answer{}}
		for _, x := range all {
			a.seqs = append(a.seqs, x.Seq)
			a.text[x.Seq] = x
		}
		return a, nil
	}
	return nil, nil
}

// measure is what can be said of a cell by itself. Of a prompt that nobody knows, only what its answer says.
func (a *answers) measure(prompts Prompts) Cell {
	c := Cell{Cell: a.of.Slug, Name: a.of.Name, Attempt: a.by.Attempt, N: len(a.seqs)}
	var valid, asked, hits, known int
	var fields accuracies
	for _, seq := range a.seqs {
		x := a.text[seq]
		if empty(x.Text) {
			c.Empty++
		} else if refuses(x.Text) {
			c.Refusals++
		}
		p := prompts[x.PromptID]
		if jsonAsked.MatchString(p.Text) {
			asked++
			valid += one(validJSON(x.Text))
		}
		if p.Reference != "" {
			known++
			hits += one(right(x.Text, p.Reference))
			fields.add(object(x.Text), object(p.Reference))
			h, r := readingOf(x.Text), readingOf(p.Reference)
			c.ChrF, c.RougeL = c.ChrF+h.chrF(r), c.RougeL+h.rougeL(r)
		}
	}
	c.JSONs, c.Accuracy = ShareOf(valid, asked), ShareOf(hits, known)
	c.Fields = fields.list()
	c.ChrF, c.RougeL = c.ChrF/math.Max(1, float64(known)), c.RougeL/math.Max(1, float64(known))
	return c
}

// one is what a truth adds to a count.
func one(yes bool) int {
	if yes {
		return 1
	}
	return 0
}
