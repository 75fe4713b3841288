package quality

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"matrix/results/summary"
)

// Ask puts one question to the judge and returns what it said.
type Ask func(ctx context.Context, question string) (string, error)

// Judge asks a model which of two answers is better. A judge prefers what stands first, or second; so each pair is put
// to it both ways, and a verdict that turns with the order is a tie.
type Judge struct {
	Model      string // part of the name under which verdicts are kept
	Ask        Ask
	Concurrent int // questions in flight; 0 = 1
	Limit      int // prompts judged at most, in the order of seq; 0 = all
	Prompts    Prompts
	Observe    func(done, all int) // nil = nobody listens; called from one goroutine at a time
}

// Verdicts of one prompt.
const (
	PrefersA = "a"
	PrefersB = "b"
	Tie      = "tie"     // said so, or the answers are the same, or the verdict turned with the order
	Unclear  = "unclear" // the judge did not say A, B or TIE
)

// Verdict is a line of a file of verdicts.
type Verdict struct {
	Seq     int64  `json:"seq"`
	Prompt  string `json:"prompt_id"`
	Verdict string `json:"verdict"`
	Forward string `json:"forward"` // what the judge said with A first; "" = not asked, the answers are equal
	Swapped string `json:"swapped"` // and with B first; its "A" is our B
}

// Judgement is what the verdicts on two cells come to.
type Judgement struct {
	A, B       string // names of the cells
	Model      string
	File       string // path of the verdicts
	N          int    // prompts with a verdict
	WinsA      int
	WinsB      int
	Ties       int
	Alike      int // of the ties: the answers are the same, word for word, so nobody was asked
	Unclear    int
	Turned     int    // of the ties: the verdict turned with the order
	PreferredB *Share // WinsB / (WinsA + WinsB), ties left out; nil without a decisive verdict
}

// question is what the judge reads. The words are part of the file's name: other words, other verdicts.
const question = `You compare two answers to the same request. Judge correctness first, then whether the answer follows the requested form, then brevity. The order of the answers means nothing.

[Request]
%s

[Answer A]
%s

[Answer B]
%s

Which answer is better? Reply with one word: A, B or TIE.`

// Compare judges the answers of two cells to the prompts that both were sent. Verdicts are appended to a file beside
// the experiment's results, root/<experiment>/judgements/, and never asked for again: an interrupted run goes on.
func (j Judge) Compare(ctx context.Context, root string, a, b *summary.Cell) (*Judgement, error) {
	x, err := read(a)
	if err != nil {
		return nil, err
	}
	y, err := read(b)
	if err != nil {
		return nil, err
	}
	if x == nil || y == nil {
		return nil, errors.New("one of the cells has no outputs: capture them (capture.outputs), and simulated ones say nothing")
	}
	file, err := openVerdicts(filepath.Join(root, a.Experiment, "judgements", j.name(x, y)))
	if err != nil {
		return nil, err
	}
	defer file.close()
	y = y.alignedTo(x)
	todo := shared(x, y)
	if j.Limit > 0 && len(todo) > j.Limit {
		todo = todo[:j.Limit]
	}
	if len(todo) == 0 {
		return nil, errors.New("the two cells share no prompt: nothing that was sent to one was sent to the other")
	}
	if err := j.all(ctx, x, y, todo, file); err != nil {
		return nil, err
	}
	return j.sum(file, todo, a, b), nil
}

// name tells files of verdicts apart: by what was judged, by whom, and how it was asked.
func (j Judge) name(x, y *answers) string {
	sum := sha256.Sum256([]byte(strings.Join([]string{x.by.Attempt, y.by.Attempt, j.Model, question}, "\x00")))
	return x.by.Attempt + "-" + y.by.Attempt + "-" + hex.EncodeToString(sum[:4]) + ".jsonl"
}

// shared are the prompts that both answered, in the order of seq: with Limit an interrupted run judges the same ones.
func shared(x, y *answers) []int64 {
	var out []int64
	for _, seq := range x.seqs {
		if x.shares(y, seq) {
			out = append(out, seq)
		}
	}
	return out
}

// all asks about what has no verdict yet. The first failure ends it; what was answered by then is kept.
func (j Judge) all(ctx context.Context, x, y *answers, todo []int64, file *verdicts) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(max(1, j.Concurrent))
	var mu sync.Mutex
	left := slices.DeleteFunc(slices.Clone(todo), file.has)
	done := len(todo) - len(left)
	for _, seq := range left {
		if ctx.Err() != nil {
			break
		}
		g.Go(func() error {
			v, err := j.one(ctx, seq, x.text[seq], y.text[seq])
			if err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			done++
			if j.Observe != nil {
				j.Observe(done, len(todo))
			}
			return file.add(v)
		})
	}
	return g.Wait()
}

// one asks both ways.
func (j Judge) one(ctx context.Context, seq int64, a, b summary.Answer) (Verdict, error) {
	v := Verdict{Seq: seq, Prompt: a.PromptID, Verdict: Tie}
	if strings.TrimSpace(a.Text) == strings.TrimSpace(b.Text) {
		return v, nil
	}
	p := j.Prompts[a.PromptID]
	var err error
	if v.Forward, err = j.Ask(ctx, fmt.Sprintf(question, p.Text, a.Text, b.Text)); err != nil {
		return v, fmt.Errorf("ask the judge about prompt %q: %w", a.PromptID, err)
	}
	if v.Swapped, err = j.Ask(ctx, fmt.Sprintf(question, p.Text, b.Text, a.Text)); err != nil {
		return v, fmt.Errorf("ask the judge about prompt %q: %w", a.PromptID, err)
	}
	v.Verdict = settle(heard(v.Forward), turned(heard(v.Swapped)))
	return v, nil
}

// settle makes one verdict of two.
func settle(forward, swapped string) string {
	switch {
	case forward == Unclear || swapped == Unclear:
		return Unclear
	case forward == swapped:
		return forward
	}
	return Tie
}

// turned is a verdict on the answers in the other order.
func turned(v string) string {
	switch v {
	case PrefersA:
		return PrefersB
	case PrefersB:
		return PrefersA
	}
	return v
}

// verdictWord takes A and B in capitals alone: a is an English word.
var verdictWord = regexp.MustCompile(`\b(?:A|B|TIE|Tie|tie)\b`)

// heard finds the verdict in what a judge said: its last such word, since some reason before they conclude.
func heard(text string) string {
	all := verdictWord.FindAllString(text, -1)
	if len(all) == 0 {
		return Unclear
	}
	switch strings.ToLower(all[len(all)-1]) {
	case "a":
		return PrefersA
	case "b":
		return PrefersB
	}
	return Tie
}

// sum counts the verdicts on the prompts at hand: a file may hold more, of an earlier run with a higher limit.
func (j Judge) sum(file *verdicts, todo []int64, a, b *summary.Cell) *Judgement {
	out := &Judgement{A: a.Name, B: b.Name, Model: j.Model, File: file.path}
	for _, seq := range todo {
		v := file.bySeq[seq]
		out.N++
		switch v.Verdict {
		case PrefersA:
			out.WinsA++
		case PrefersB:
			out.WinsB++
		case Unclear:
			out.Unclear++
		default:
			out.Ties++
			if v.Forward == "" {
				out.Alike++
			} else if heard(v.Forward) != turned(heard(v.Swapped)) {
				out.Turned++
			}
		}
	}
	out.PreferredB = ShareOf(out.WinsB, out.WinsA+out.WinsB)
	return out
}
