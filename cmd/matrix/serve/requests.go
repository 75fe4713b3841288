package serve

import (
	"cmp"
	"container/heap"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"strconv"

	"matrix/results/record"
	"matrix/results/table"
)

// request is a row of the table of requests; null where the value never came.
type request struct {
	Seq          int64    `json:"seq"`
	Prompt       string   `json:"prompt"`
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
}

type requestsReply struct {
	Total   int64            `json:"total"` // rows of the attempt
	Matched int64            `json:"matched"`
	Counts  map[string]int64 `json:"counts"` // of the measured phase, by status
	Rows    []request        `json:"rows"`
}

// sorts are what rows may be in the order of; a missing value comes last whichever way.
var sorts = map[string]func(*request) *float64{
	"seq":           func(r *request) *float64 { f := float64(r.Seq); return &f },
	"sent_s":        func(r *request) *float64 { return r.SentS },
	"ttft_s":        func(r *request) *float64 { return r.TTFTS },
	"tpot_s":        func(r *request) *float64 { return r.TPOTS },
	"e2e_s":         func(r *request) *float64 { return r.E2ES },
	"input_tokens":  func(r *request) *float64 { return float(r.InputTokens) },
	"output_tokens": func(r *request) *float64 { return float(r.OutputTokens) },
}

func float(n *int64) *float64 {
	if n == nil {
		return nil
	}
	f := float64(*n)
	return &f
}

// page is which rows are asked for.
type page struct {
	sort            string
	descending      bool
	status, prompt  string // "" = any
	offset, limit   int
	includingWarmup bool
}

// deepest is how far into a sorted table one may page: the rows before a page are held in memory.
const deepest = 50_000

func pageOf(q url.Values) (page, error) {
	p := page{sort: cmp.Or(q.Get("sort"), "seq"), descending: q.Get("desc") == "1", status: q.Get("status"), prompt: q.Get("prompt"), limit: 100, includingWarmup: q.Get("warmup") == "1"}
	var errs error
	for name, n := range map[string]*int{"offset": &p.offset, "limit": &p.limit} {
		if text := q.Get(name); text != "" {
			var err error
			*n, err = strconv.Atoi(text)
			errs = errors.Join(errs, err)
		}
	}
	if errs != nil || sorts[p.sort] == nil || p.offset < 0 || p.limit < 1 || p.limit > 1000 || p.offset+p.limit > deepest {
		return p, fmt.Errorf("%w: sort=%s offset=%s limit=%s (at most 1000, down to row %d)", errAsked, q.Get("sort"), q.Get("offset"), q.Get("limit"), deepest)
	}
	return p, nil
}

func (p page) takes(r *record.RequestRow) bool {
	return (p.includingWarmup || r.Phase == "measure") && (p.status == "" || r.Status == p.status) && (p.prompt == "" || r.PromptID == p.prompt)
}

// first reports whether a row stands before another on the page.
func (p page) first(a, b *request) bool {
	x, y := sorts[p.sort](a), sorts[p.sort](b)
	switch {
	case x == nil || y == nil:
		if (x == nil) != (y == nil) {
			return y == nil
		}
	case *x != *y:
		return (*x < *y) != p.descending
	}
	return a.Seq < b.Seq
}

// best keeps the first rows of a page's order: the last of them on top, to be pushed out.
type best struct {
	page
	rows []request
}

func (b best) Len() int           { return len(b.rows) }
func (b best) Less(i, j int) bool { return b.first(&b.rows[j], &b.rows[i]) }
func (b best) Swap(i, j int)      { b.rows[i], b.rows[j] = b.rows[j], b.rows[i] }
func (b *best) Push(x any)        { b.rows = append(b.rows, x.(request)) }
func (b *best) Pop() any {
	last := b.rows[len(b.rows)-1]
	b.rows = b.rows[:len(b.rows)-1]
	return last
}

// requests answers with one page. All rows are read each time, and no more held than come before the page's end.
func (s *Server) requests(w http.ResponseWriter, r *http.Request) {
	p, err := pageOf(r.URL.Query())
	if err != nil {
		reply(w, nil, err)
		return
	}
	past, err := s.attempt(r)
	if err != nil {
		reply(w, nil, err)
		return
	}
	out := requestsReply{Counts: map[string]int64{}, Rows: []request{}}
	kept := &best{page: p}
	err = table.ReadRequests(past.Dir, func(row record.RequestRow) error {
		out.Total++
		if row.Phase == "measure" {
			out.Counts[row.Status]++
		}
		if !p.takes(&row) {
			return r.Context().Err()
		}
		out.Matched++
		x := request{Seq: row.Seq, Prompt: row.PromptID, Phase: row.Phase, Status: row.Status, Error: row.Error, SentS: row.SentS, TTFTS: row.TTFTS, TPOTS: row.TPOTS, E2ES: row.E2ES,
			InputTokens: row.InputTokens, OutputTokens: row.OutputTokens, Finish: row.FinishReason}
		switch {
		case kept.Len() < p.offset+p.limit:
			heap.Push(kept, x)
		case p.first(&x, &kept.rows[0]):
			kept.rows[0] = x
			heap.Fix(kept, 0)
		}
		return nil
	})
	sorted := make([]request, kept.Len())
	for i := len(sorted) - 1; i >= 0; i-- {
		sorted[i] = heap.Pop(kept).(request)
	}
	out.Rows = append(out.Rows, sorted[min(p.offset, len(sorted)):]...)
	reply(w, out, err)
}

// answer is what one request was answered with.
func (s *Server) answer(w http.ResponseWriter, r *http.Request) {
	seq, err := strconv.ParseInt(r.URL.Query().Get("seq"), 10, 64)
	if err != nil {
		reply(w, nil, fmt.Errorf("%w: seq=%s", errAsked, r.URL.Query().Get("seq")))
		return
	}
	past, err := s.attempt(r)
	if err != nil {
		reply(w, nil, err)
		return
	}
	found := errors.New("found")
	text := ""
	err = table.ReadOutputs(past.Dir, func(row record.OutputRow) error {
		if row.Seq != seq {
			return r.Context().Err()
		}
		text = row.Text
		return found
	})
	switch {
	case errors.Is(err, found):
		err = nil
	case err == nil:
		err = fmt.Errorf("answer %d: %w", seq, fs.ErrNotExist)
	}
	reply(w, map[string]any{"seq": seq, "text": text, "platform": past.Platform, "cell": past.Name}, err)
}
