package rows

import (
	"context"
	"encoding/hex"
	"fmt"
	"io/fs"
	"iter"
	"math"
	"runtime"
	"slices"
	"sync"

	"github.com/apache/arrow-go/v18/parquet"
	"golang.org/x/sync/errgroup"

	"matrix/results/record"
	"matrix/results/table"
)

// Request is a row of the table of requests; null where the value never came.
// Seconds since the measured phase began, and durations in seconds; the JSON is that of matrix serve.
type Request struct {
	Seq          int64    `json:"seq"`
	Prompt       string   `json:"prompt"`      // the prompt's id
	PromptHash   string   `json:"prompt_hash"` // of what was sent, in hex; "" where nobody recorded it, or asked for it
	Phase        string   `json:"phase"`
	Status       string   `json:"status"`
	Error        string   `json:"error"`
	SentS        *float64 `json:"sent_s"`
	TTFTS        *float64 `json:"ttft_s"`
	TPOTS        *float64 `json:"tpot_s"`
	E2ES         *float64 `json:"e2e_s"`
	InputTokens  *int64   `json:"input_tokens"`
	OutputTokens *int64   `json:"output_tokens"`
	Finish       string   `json:"finish_reason"`
	Valid        *bool    `json:"valid"`
	Invalid      string   `json:"invalid_reason"`
}

// shown are the columns that a page reads, in no order: the others stay on disk.
var shown = []string{record.ColSeq, "prompt_id", record.ColPhase, record.ColStatus, record.ColError, record.ColSent, record.ColTTFT, record.ColTPOT, record.ColE2E,
	record.ColInputTokens, record.ColOutputTokens, record.ColFinishReason, record.ColValid, record.ColInvalidReason}

// Page is what a query is answered with.
type Page struct {
	Total   int64            `json:"total"`   // rows of the attempt
	Matched int64            `json:"matched"` // by the query
	Counts  map[string]int64 `json:"counts"`  // of the measured phase, by status
	Invalid map[string]int64 `json:"invalid"` // of those that are ok and yet cannot be used, by reason
	Rows    []Request        `json:"rows"`
	Next    string           `json:"next"`    // "after" of the next page; "" = this is the last
	Prev    string           `json:"prev"`    // "before" of the page before
	Checked bool             `json:"checked"` // all bytes of the table have been held against their checksum
}

// Page answers a query.
// Counts and Matched come of the groups' kinds; only a prompt's rows must be counted by reading. It reads the sorted
// column of the promising groups, then the rows of one page.
func (a *Attempt) Page(ctx context.Context, q Query) (Page, error) {
	out := Page{Total: a.requests.Start(a.requests.Len()), Counts: map[string]int64{}, Invalid: map[string]int64{}, Rows: []Request{}}
	out.Checked, _ = a.Checked()
	for _, counts := range a.counts {
		for k, n := range counts {
			if k.phase == record.PhaseMeasure {
				out.Counts[k.status] += n
				if k.invalid != "" {
					out.Invalid[k.invalid] += n
				}
			}
			if q.takes(k) {
				out.Matched += n
			}
		}
	}
	found, named, err := a.first(ctx, &q)
	if err != nil {
		return out, err
	}
	// counts know no prompts
	if q.Prompt != "" {
		out.Matched = named
	}
	if q.back {
		slices.Reverse(found)
	}
	if n := len(found); n > 0 {
		out.Prev = found[0].String()
		if n == q.Limit && !q.back || q.back && q.after != nil {
			out.Next = found[n-1].String()
		}
	}
	numbers := make([]int64, len(found))
	for i, k := range found {
		numbers[i] = k.row
	}
	names := shown
	if q.Hashes {
		names = append(slices.Clip(names), record.ColPromptHash)
	}
	rows, err := a.requests.Rows(ctx, numbers, names)
	for _, r := range rows {
		one := Request{Seq: r.Seq, Prompt: r.PromptID, Phase: r.Phase, Status: r.Status, Error: r.Error, SentS: r.SentS, TTFTS: r.TTFTS, TPOTS: r.TPOTS,
			E2ES: r.E2ES, InputTokens: r.InputTokens, OutputTokens: r.OutputTokens, Finish: r.FinishReason, Valid: r.Valid, Invalid: r.InvalidReason}
		if r.PromptHash != [16]byte{} {
			one.PromptHash = hex.EncodeToString(r.PromptHash[:])
		}
		out.Rows = append(out.Rows, one)
	}
	return out, err
}

// Find is the measured request of a prompt; seq is where it most likely is. fs.ErrNotExist where there is none: elsewhere only an id that
// stands once tells a prompt.
// Requests of a dataset are mostly asked in its order, so that the prompt of another attempt has the same number here.
func (a *Attempt) Find(ctx context.Context, prompt string, seq int64) (Request, error) {
	likely, err := a.at(ctx, seq)
	if err == nil && len(likely) > 0 && likely[0].Prompt == prompt {
		return likely[0], nil
	}
	if err != nil {
		return Request{}, err
	}
	p, err := a.Page(ctx, Query{Prompt: prompt, Limit: 1, Hashes: true})
	switch {
	case err != nil:
	case prompt == "" || len(p.Rows) == 0:
		err = fmt.Errorf("request %d of prompt %q: %w", seq, prompt, fs.ErrNotExist)
	case p.Matched > 1:
		err = fmt.Errorf("prompt %q stands %d times, none of them as request %d: %w", prompt, p.Matched, seq, fs.ErrNotExist)
	}
	if err != nil {
		return Request{}, err
	}
	return p.Rows[0], nil
}

// at are the measured requests of a number.
func (a *Attempt) at(ctx context.Context, seq int64) ([]Request, error) {
	// They come right behind the one before, in the order of their numbers.
	p, err := a.Page(ctx, Query{Sort: record.ColSeq, Limit: 1, Hashes: true, after: &key{value: float64(seq), row: -1}})
	if err != nil || len(p.Rows) == 0 || p.Rows[0].Seq != seq {
		return nil, err
	}
	return p.Rows, nil
}

// first are the first rows of a query's order, and how many rows have its prompt.
// Groups are gone through at once, and one that cannot have a row before the last of the page is left out: of ten
// million rows, sorted by time, that is nearly all.
func (a *Attempt) first(ctx context.Context, q *Query) (keys []key, named int64, err error) {
	groups := a.promising(q)
	var mu sync.Mutex
	all := top{q: q}
	err = eachGroup(len(groups), func(i int) error {
		mu.Lock()
		// each has its own list, so that the lock is held for a moment only
		mine := top{q: q, last: all.last}
		mu.Unlock()
		g := groups[i]
		if mine.last != nil && g.known && !q.before(g.best, *mine.last) && q.Prompt == "" {
			return nil
		}
		n, err := a.keys(ctx, q, g.number, &mine)
		mu.Lock()
		defer mu.Unlock()
		named += n
		for _, k := range mine.keys {
			all.add(k)
		}
		if len(all.keys) >= q.Limit {
			all.cut()
		}
		return err
	})
	all.cut()
	return all.keys, named, err
}

// group is one that has rows of a query, with the first place that a row of it can have.
type group struct {
	number int
	best   key
	known  bool // best is from statistics, not guessed
}

// promising are the groups that have rows of a query, those with the first of them first.
// A group without statistics of the column may hold anything: it comes last, and is read.
func (a *Attempt) promising(q *Query) []group {
	var out []group
	for g, counts := range a.counts {
		n := int64(0)
		for k, m := range counts {
			if q.takes(k) {
				n += m
			}
		}
		if n == 0 {
			continue
		}
		x := group{number: g}
		bounds := table.Bounds{Low: float64(a.requests.Start(g)), High: float64(a.requests.Start(g+1) - 1)}
		if x.known = true; q.Sort != "" {
			bounds, x.known = a.requests.Bounds(g, q.Sort)
		}
		x.best = key{value: bounds.Low, row: a.requests.Start(g)}
		end := key{value: bounds.High, row: a.requests.Start(g + 1)}
		if q.Down {
			x.best.value, end.value = bounds.High, bounds.Low
		}
		if q.back { // those without a value come first
			x.best, end, x.known = end, x.best, x.known && !bounds.Nulls
		}
		// All of it stands on pages before; with a prompt it is read all the same, for what it adds to Matched.
		if x.known && !bounds.Nulls && q.after != nil && q.before(end, *q.after) && q.Prompt == "" {
			continue
		}
		out = append(out, x)
	}
	slices.SortStableFunc(out, func(x, y group) int {
		switch {
		case x.known != y.known && x.known, x.known && y.known && q.before(x.best, y.best):
			return -1
		case x.known != y.known && y.known, x.known && y.known && q.before(y.best, x.best):
			return 1
		}
		return 0
	})
	return out
}

// keys adds the places of a group's rows that a query takes, and returns their number.
// NaN in a column of numbers stands for null.
func (a *Attempt) keys(ctx context.Context, q *Query, g int, into *top) (n int64, err error) {
	first := a.requests.Start(g)
	rows, n, err := a.taken(ctx, q, g)
	if err != nil || n == 0 {
		return n, err
	}
	// as they ended is as they lie in the file
	if q.Sort == "" {
		for s := range rows {
			for i := s.from; i < s.to; i++ {
				into.add(key{value: float64(first + i), row: first + i})
			}
		}
		return n, nil
	}
	return n, a.requests.Numbers(g, q.Sort, func(values []float64) error {
		for s := range rows {
			for i, v := range values[s.from:s.to] {
				k := key{value: v, row: first + s.from + int64(i)}
				if k.null = math.IsNaN(v); k.null {
					k.value = 0
				}
				into.add(k)
			}
		}
		return ctx.Err()
	})
}

// span is rows of a group, counted from its first.
type span struct{ from, to int64 }

// taken are the rows of a group that a query takes, and their number.
// Spans come in the order of the rows, and do not overlap.
func (a *Attempt) taken(ctx context.Context, q *Query, g int) (spans iter.Seq[span], n int64, err error) {
	runs, err := a.runsOf(ctx, g)
	if err != nil {
		return nil, 0, err
	}
	spans = func(yield func(span) bool) {
		at := int64(0)
		for _, r := range runs {
			if q.takes(r.kind) && !yield(span{at, at + r.rows}) {
				return
			}
			at += r.rows
		}
	}
	if q.Prompt == "" {
		for s := range spans {
			n += s.to - s.from
		}
		return spans, n, nil
	}
	var named []int64
	at := int64(0)
	err = a.requests.Texts(ctx, g, "prompt_id", func(texts []parquet.ByteArray) error {
		for _, t := range texts {
			if string(t) == q.Prompt {
				named = append(named, at)
			}
			at++
		}
		return nil
	})
	var list []span
	for s := range spans { // both in order
		for len(named) > 0 && named[0] < s.to {
			if i := named[0]; i >= s.from {
				list = append(list, span{i, i + 1})
			}
			named = named[1:]
		}
	}
	return slices.Values(list), int64(len(list)), err
}

// eachGroup calls do for 0 … n-1, on all processors.
// The first error is returned when all have ended; the others are still called.
func eachGroup(n int, do func(int) error) error {
	var work errgroup.Group
	work.SetLimit(runtime.GOMAXPROCS(0))
	for i := range n {
		work.Go(func() error { return do(i) })
	}
	return work.Wait()
}
