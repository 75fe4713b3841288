package rows

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"matrix/results/record"
)

// ErrQuery is what a query asks for that means nothing.
// The asker's mistake, not the file's: HTTP 400.
var ErrQuery = errors.New("this is no query")

// Query is which rows are asked for.
type Query struct {
	Sort           string // a column of Sorts; "" = as they ended
	Down           bool   // the largest first; nulls are last all the same
	Status, Prompt string // "" = any
	Invalid        string // why an answer that came cannot be used, without the place in it; Any = whatever the reason, "" = usable ones, too
	Warmup         bool   // with those that only warm the engine up
	Hashes         bool   // with those of the prompts, which no compression makes smaller: a quarter of a page's time
	Limit          int    // rows of a page, 1 to most
	after          *key   // the last row of the page before, or the first of the one behind; nil = from the first, or the last
	back           bool   // the page before after: rows are looked for backwards
}

// Sorts are the columns that rows may be in the order of.
var Sorts = []string{record.ColSeq, record.ColSent, record.ColTTFT, record.ColTPOT, record.ColE2E, record.ColInputTokens, record.ColOutputTokens}

// Any reason for which an answer cannot be used.
// No reason has this name.
const Any = "any"

// most is how many rows a page may have.
const most = 1000

// Parse reads a query as the page writes it.
// Without limit a page has 50 rows. The error wraps ErrQuery and names what was asked.
func Parse(q url.Values) (Query, error) {
	out := Query{Sort: q.Get("sort"), Down: q.Get("desc") == "1", Status: q.Get("status"), Invalid: q.Get("invalid"), Prompt: q.Get("prompt"), Warmup: q.Get("warmup") == "1", Limit: 50}
	var err error
	if text := q.Get("limit"); text != "" {
		out.Limit, err = strconv.Atoi(text)
	}
	text := q.Get("after")
	if before := q.Get("before"); before != "" {
		text, out.back = strings.TrimPrefix(before, "end"), true
	}
	if text != "" && err == nil {
		out.after, err = parseKey(text)
	}
	if err != nil || out.Limit < 1 || out.Limit > most || out.Sort != "" && !slices.Contains(Sorts, out.Sort) {
		return out, fmt.Errorf("%w: sort=%s limit=%s after=%s%s (at most %d rows)", ErrQuery, q.Get("sort"), q.Get("limit"), q.Get("after"), q.Get("before"), most)
	}
	return out, nil
}

// key is a row's place in the order: its value, and its number where values are the same.
// As text it is the "after" of a page: rows that are equal in value keep their order over pages.
type key struct {
	value float64
	null  bool  // no value; value is then 0
	row   int64 // ordinal in the file
}

// "-" for null; no locale, no rounding: parseKey must find the same place again.
func (k key) String() string {
	value := "-"
	if !k.null {
		value = strconv.FormatFloat(k.value, 'g', -1, 64)
	}
	return value + "_" + strconv.FormatInt(k.row, 10)
}

func parseKey(text string) (*key, error) {
	value, row, _ := strings.Cut(text, "_")
	k := key{null: value == "-"}
	var err error
	if !k.null {
		k.value, err = strconv.ParseFloat(value, 64)
	}
	if err == nil {
		k.row, err = strconv.ParseInt(row, 10, 64)
	}
	return &k, err
}

// before reports whether a row comes before another. A missing value comes last whichever way it is sorted.
func (q *Query) before(a, b key) bool {
	if q.back {
		a, b = b, a
	}
	switch {
	case a.null != b.null:
		return b.null
	case !a.null && a.value != b.value:
		return (a.value < b.value) != q.Down
	}
	return a.row < b.row
}

// takes reports whether rows of a kind are asked for.
func (q *Query) takes(k kind) bool {
	return (q.Warmup || k.phase == record.PhaseMeasure) && (q.Status == "" || k.status == q.Status) &&
		(q.Invalid == "" || k.invalid == q.Invalid || q.Invalid == Any && k.invalid != "")
}

// top is the first rows of the order: at most twice as many as a page has, of which the second half is forgotten in time.
type top struct {
	q    *Query
	keys []key
	last *key // what comes after it is on no page; nil = not known yet
}

// add leaves out what stands on pages before, and what is known to stand behind this one.
func (t *top) add(k key) {
	if t.last != nil && !t.q.before(k, *t.last) || t.q.after != nil && !t.q.before(*t.q.after, k) {
		return
	}
	if t.keys = append(t.keys, k); len(t.keys) == 2*t.q.Limit {
		t.cut()
	}
}

// cut keeps a page of them. Keys differ in their rows, so the order is the same at every run.
func (t *top) cut() {
	slices.SortFunc(t.keys, func(a, b key) int {
		if t.q.before(a, b) {
			return -1
		}
		return 1
	})
	if len(t.keys) >= t.q.Limit {
		t.keys = t.keys[:t.q.Limit]
		t.last = &key{}
		*t.last = t.keys[t.q.Limit-1]
	}
}
