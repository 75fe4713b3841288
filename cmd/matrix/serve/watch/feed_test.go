package watch

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"matrix/runner/apply"
)

// after asks a feed for the batch after b.
func after(t *testing.T, f *Feed, b *Batch) *Batch {
	t.Helper()
	next, err := f.Next(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	return next
}

// One who comes later is told all that there is, and then the same as who was there before, by one look.
func TestFeedIsShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := watch(t)
		f := NewFeed(w.store)
		w.file("{\"n\":1}\n", apply.JournalFile)
		w.beat(time.Now())
		first := after(t, f, nil)
		time.Sleep(lookEvery / 3) // between two looks
		second := after(t, f, nil)
		if !strings.Contains(second.Text, `event: records`+"\n"+`data: {"source":"","of":[{"n":1}]}`) || !strings.Contains(second.Text, "event: now\n") {
			t.Fatalf("the first is told\n%s\nthe second\n%s", first.Text, second.Text)
		}
		w.file("{\"n\":1}\n{\"n\":2}\n", apply.JournalFile)
		first, second = after(t, f, first), after(t, f, second)
		if first != second || strings.Contains(first.Text, `"n":1`) || !strings.Contains(first.Text, `"n":2`) {
			t.Errorf("then the first is told\n%s\nthe second\n%s", first.Text, second.Text)
		}
	})
}

// Who has been told something else goes on alone, until it has been told the same.
func TestFeedOfTheBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := watch(t)
		f := NewFeed(w.store)
		line := "{\"message\":\"" + strings.Repeat("x", 1000) + "\"}\n"
		w.file(strings.Repeat(line, 3000), apply.JournalFile)
		began, told, batches := time.Now(), 0, 0
		first := after(t, f, nil)
		for b := first; ; b = after(t, f, b) {
			told += strings.Count(b.Text, `"message"`)
			if batches++; len(b.Text) > 2*mostRead {
				t.Errorf("%d bytes at once", len(b.Text))
			}
			if !b.behind {
				first = b
				break
			}
		}
		if told != 3000 || batches < 3 || time.Since(began) > 0 {
			t.Errorf("%d lines in %d batches after %s", told, batches, time.Since(began))
		}
		second := after(t, f, nil)
		if second.place == first.place {
			t.Error("one who is behind is taken for one who is not")
		}
		for second.behind {
			second = after(t, f, second)
		}
		if second.place != first.place {
			t.Error("one who has caught up goes on alone")
		}
	})
}

// What one has not taken is kept for as long as Patience, and longer where nobody else has been told more.
func TestFeedOfTheSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := watch(t)
		f := NewFeed(w.store)
		slow := after(t, f, nil)
		time.Sleep(2 * Patience)
		slow = after(t, f, slow)
		quick := slow
		for began := time.Now(); time.Since(began) < Patience-lookEvery; {
			quick = after(t, f, quick)
		}
		if _, err := f.Next(t.Context(), slow); err != nil {
			t.Errorf("in time: %v", err)
		}
		for range 3 {
			quick = after(t, f, quick)
		}
		if _, err := f.Next(t.Context(), slow); !errors.Is(err, ErrSlow) {
			t.Errorf("too late: %v", err)
		}
		over, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := f.Next(over, quick); !errors.Is(err, context.Canceled) {
			t.Errorf("who has gone: %v", err)
		}
	})
}

// Another apply's journal is another file, however long; what a source has told of one is not what it would tell of the other.
func TestAgrees(t *testing.T) {
	a, b := watch(t), watch(t)
	a.after(0)
	b.Watcher = New(a.store)
	b.Look(a.at)
	if !a.agrees(b.Watcher) {
		t.Error("two who were told the same do not agree")
	}
	a.file("{\"n\":1}\n", apply.JournalFile)
	a.after(time.Second)
	if a.agrees(b.Watcher) {
		t.Error("one knows a record more, and they agree")
	}
	if err := os.Rename(filepath.Join(a.root, ".matrix", apply.JournalFile), filepath.Join(a.root, "kept")); err != nil {
		t.Fatal(err)
	}
	a.file("{\"n\":2}\n", apply.JournalFile)
	b.Look(a.at)
	if a.agrees(b.Watcher) {
		t.Error("each knows another apply's record, and they agree")
	}
}
