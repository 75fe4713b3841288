package rows

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"matrix/results/record"
	"matrix/results/summary/summarytest"
	"matrix/results/table"
)

// size is more than one row group.
const size = 70_000

// planted is an attempt whose requests ended in an order of their own, some of them badly, some in the warm-up.
func planted(t *testing.T) (dir string, all []record.RequestRow) {
	t.Helper()
	root := t.TempDir()
	r := rand.New(rand.NewPCG(1, 2))
	order := r.Perm(size)
	summarytest.Plant(t, root, summarytest.Cell{Platform: "a", Size: size, Launches: []summarytest.Launch{{
		Text: func(i int) string { return fmt.Sprint("answer to ", i) },
		Row: func(i int, row *record.RequestRow) {
			row.Seq, row.PromptID = int64(order[i]), fmt.Sprint("p", order[i])
			if i%16 == 3 {
				row.PromptID = "often" // more than three pages of it in the first group
			}
			row.OutputTokens = new(int64(r.IntN(50) + 2)) // many are the same
			if *row.SentS += 100 * r.Float64(); i > 65_000 && i%50 == 0 {
				row.Status, row.FirstTokenS, row.LastTokenS, row.OutputTokens = record.StatusTimedOut, nil, nil, nil
			} else if i%9 == 4 { // in pieces, among rows without a reason
				row.Valid, row.InvalidReason = new(false), []string{"not_json", fmt.Sprint("schema:/", i)}[i%2]
			}
		},
	}}})
	dirs, err := filepath.Glob(filepath.Join(root, "e", "*", "0*"))
	if err != nil || len(dirs) != 1 {
		t.Fatal(dirs, err)
	}
	if err := table.ReadRequests(dirs[0], func(r record.RequestRow) error { all = append(all, r); return nil }); err != nil {
		t.Fatal(err)
	}
	return dirs[0], all
}

// wanted is the order of a query by reading and sorting everything.
func wanted(all []record.RequestRow, q Query) (seqs []int64) {
	value := map[string]func(record.RequestRow) *float64{
		record.ColE2E: func(r record.RequestRow) *float64 { return r.E2ES }, record.ColSent: func(r record.RequestRow) *float64 { return r.SentS },
		record.ColSeq: func(r record.RequestRow) *float64 { return new(float64(r.Seq)) },
		record.ColOutputTokens: func(r record.RequestRow) *float64 {
			if r.OutputTokens == nil {
				return nil
			}
			return new(float64(*r.OutputTokens))
		},
	}[q.Sort]
	var rows []record.RequestRow
	for _, r := range all {
		if q.takes(kindOf(r.Phase, r.Status, r.InvalidReason)) && (q.Prompt == "" || r.PromptID == q.Prompt) {
			rows = append(rows, r)
		}
	}
	if value == nil && q.Down {
		slices.Reverse(rows)
	} else if value != nil {
		slices.SortStableFunc(rows, func(a, b record.RequestRow) int {
			x, y := value(a), value(b)
			switch {
			case x == nil || y == nil:
				return cmp.Compare(map[bool]int{true: 1}[x == nil], map[bool]int{true: 1}[y == nil])
			case q.Down:
				return cmp.Compare(*y, *x)
			}
			return cmp.Compare(*x, *y)
		})
	}
	for _, r := range rows {
		seqs = append(seqs, r.Seq)
	}
	return seqs
}

func TestManyRows(t *testing.T) {
	dir, all := planted(t)
	t.Run("pages", func(t *testing.T) { testPages(t, dir, all) })
	t.Run("find", func(t *testing.T) { testFind(t, dir, all) })
}

// Every page of every order is what reading and sorting all rows gives, at the beginning, at the end, and over the edge of a row group.
func testPages(t *testing.T, dir string, all []record.RequestRow) {
	var c Cache
	err := c.With(t.Context(), dir, func(a *Attempt) error {
		if a.requests.Len() < 2 {
			t.Fatalf("%d row groups, want several", a.requests.Len())
		}
		for _, query := range []string{"", "desc=1", "sort=e2e_s", "sort=e2e_s&desc=1", "sort=sent_s&desc=1", "sort=output_tokens", "sort=output_tokens&desc=1", "sort=seq",
			"status=timed_out", "status=timed_out&sort=sent_s", "status=timed_out&sort=output_tokens", "status=rejected", "invalid=schema", "invalid=not_json&sort=e2e_s", "invalid=any&sort=output_tokens&desc=1", "invalid=regex", "warmup=1", "prompt=p77", "prompt=often", "prompt=often&sort=sent_s&desc=1"} {
			values, err := url.ParseQuery(query + "&limit=1000")
			if err != nil {
				return err
			}
			q, err := Parse(values)
			if err != nil {
				return err
			}
			want, got := wanted(all, q), []int64(nil)
			matched := len(want)
			for pages := 0; ; pages++ {
				p, err := a.Page(t.Context(), q)
				if err != nil {
					return fmt.Errorf("%s: %w", query, err)
				}
				if p.Matched != int64(matched) || p.Total != int64(len(all)) {
					t.Errorf("%s: %d of %d rows, want %d of %d", query, p.Matched, p.Total, matched, len(all))
				}
				for _, r := range p.Rows {
					got = append(got, r.Seq)
				}
				if p.Next == "" || pages > 10 {
					break
				}
				if values.Set("after", p.Next); pages == 3 && len(want) > 4*len(got) { // on with the last pages
					k := a.keyOf(t, q, all, want[len(want)-3000])
					values.Set("after", k.String())
					got, want = nil, want[len(want)-2999:]
				}
				if q, err = Parse(values); err != nil {
					return err
				}
			}
			if !slices.Equal(got, want) {
				t.Errorf("%s: %d rows, want %d in their order", query, len(got), len(want))
			}
			a.backwards(t, values, wanted(all, q))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// backwards goes from the end some pages back, and one forth again.
func (a *Attempt) backwards(t *testing.T, values url.Values, want []int64) {
	t.Helper()
	values.Del("after")
	values.Set("before", "end")
	var got []int64
	for pages := 0; pages < 4; pages++ {
		q, err := Parse(values)
		if err != nil {
			t.Fatal(err)
		}
		p, err := a.Page(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		var seqs []int64
		for _, r := range p.Rows {
			seqs = append(seqs, r.Seq)
		}
		if got = append(seqs, got...); len(seqs) < 1000 {
			break
		}
		if p.Matched != int64(len(want)) {
			t.Errorf("%v: page %d from the end: %d rows, want %d", values, pages, p.Matched, len(want))
		}
		if (p.Next == "") != (pages == 0) {
			t.Errorf("%v: page %d from the end leads on to %q", values, pages, p.Next)
		}
		values.Set("before", p.Prev)
	}
	if want = want[max(0, len(want)-4000):]; !slices.Equal(got, want) {
		t.Errorf("%v: %d rows from the end, want %d in their order", values, len(got), len(want))
	}
}

// keyOf is the place of a request in the order of a query.
func (a *Attempt) keyOf(t *testing.T, q Query, all []record.RequestRow, seq int64) key {
	t.Helper()
	number := int64(slices.IndexFunc(all, func(r record.RequestRow) bool { return r.Seq == seq }))
	q.after, q.Limit = nil, size
	for g := range a.requests.Len() {
		every := top{q: &q}
		if _, err := a.keys(t.Context(), &q, g, &every); err != nil {
			t.Fatal(err)
		}
		if i := slices.IndexFunc(every.keys, func(k key) bool { return k.row == number }); i >= 0 {
			return every.keys[i]
		}
	}
	t.Fatalf("no row of request %d", seq)
	return key{}
}

// A row is told with its own answer, found by its number, and by its prompt where that has another.
func testFind(t *testing.T, dir string, all []record.RequestRow) {
	var c Cache
	err := c.With(t.Context(), dir, func(a *Attempt) error {
		for _, i := range []int{0, 61_439, 61_440, size - 1} {
			want := all[i]
			for _, seq := range []int64{want.Seq, (want.Seq + 5) % size} {
				got, err := a.Find(t.Context(), want.PromptID, seq)
				if err != nil || got.Seq != want.Seq || got.Prompt != want.PromptID || *got.SentS != *want.SentS {
					t.Errorf("row %d by request %d: %+v, %v", i, seq, got, err)
				}
			}
			text, err := a.Text(t.Context(), want.Seq)
			if was := fmt.Sprint("answer to ", i); want.Status == record.StatusOK && (err != nil || text != was) {
				t.Errorf("row %d: %q, %v; want %q", i, text, err, was)
			}
		}
		for _, id := range []string{"none", "often", ""} { // an id that stands more than once tells no prompt
			if got, err := a.Find(t.Context(), id, 1<<40); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("prompt %q by a number that is not there: %+v, %v", id, got, err)
			}
		}
		_, err := a.Text(t.Context(), size)
		if !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("an answer that nobody gave: %v", err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A file is held against its checksum when it is opened, and again when it has changed since.
func TestCacheLooksAgain(t *testing.T) {
	root := t.TempDir()
	summarytest.Plant(t, root, summarytest.Cell{Platform: "a", Size: 20, Launches: []summarytest.Launch{{}}})
	dirs, _ := filepath.Glob(filepath.Join(root, "e", "*", "0*"))
	var c Cache
	page := func() error {
		return c.With(t.Context(), dirs[0], func(a *Attempt) error { _, err := a.Page(context.Background(), Query{Limit: 5}); return err })
	}
	if err := errors.Join(page(), page()); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dirs[0], "requests.parquet")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text[len(text)/2] ^= 1
	if err := errors.Join(os.Remove(path), os.WriteFile(path, text, 0o644)); err != nil {
		t.Fatal(err)
	}
	if err := page(); !errors.Is(err, table.ErrCorrupt) {
		t.Errorf("a flipped bit: %v", err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := page(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file that is gone: %v", err)
	}
}

// Of a large file a page is shown before its checksum is known; when it turns out to differ, that is said from then on.
func TestCheckedBeside(t *testing.T) {
	defer func(was int64) { checkedFirst = was }(checkedFirst)
	checkedFirst = 0
	root := t.TempDir()
	summarytest.Plant(t, root, summarytest.Cell{Platform: "a", Size: 20, Launches: []summarytest.Launch{{}}})
	dirs, _ := filepath.Glob(filepath.Join(root, "e", "*", "0*"))
	path := filepath.Join(dirs[0], "requests.parquet")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var hash []byte // is not compressed and in no view
	if err := table.ReadRequests(dirs[0], func(r record.RequestRow) error { hash = r.OutputHash[:]; return nil }); err != nil {
		t.Fatal(err)
	}
	text[bytes.LastIndex(text, hash)] ^= 1
	for _, bad := range []bool{true, false} {
		if !bad {
			text[bytes.LastIndex(text, hash[1:])-1] ^= 1
		}
		if err := os.WriteFile(path, text, 0o644); err != nil {
			t.Fatal(err)
		}
		a, err := Open(t.Context(), dirs[0])
		if err != nil {
			t.Fatal(err)
		}
		if p, err := a.Page(t.Context(), Query{Limit: 5}); err != nil || len(p.Rows) != 5 {
			t.Errorf("%d rows, %v", len(p.Rows), err)
		}
		if err := a.Wait(t.Context()); errors.Is(err, table.ErrCorrupt) != bad {
			t.Errorf("in the end: %v", err)
		}
		if p, err := a.Page(t.Context(), Query{Limit: 5}); err != nil || !p.Checked {
			t.Errorf("checked %v, %v", p.Checked, err)
		}
		a.close()
		var c Cache
		wait := func(a *Attempt) error { return a.Wait(t.Context()) }
		for range 2 {
			if err := c.With(t.Context(), dirs[0], wait); errors.Is(err, table.ErrCorrupt) != bad {
				t.Errorf("after that: %v", err)
			}
		}
		c.Close()
	}
}
