package report

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

	"matrix/cmd/matrix/cli/app"
	"matrix/cmd/matrix/view"
	"matrix/results/store"
	"matrix/results/summary"
)

// beforeAndNow is each cell before its last change, and as it is now.
// A cell that never changed has no past, and is in no pair.
func beforeAndNow(ctx context.Context, a *app.App, words []string) (out [2]view.Side, err error) {
	now, err := readSet(ctx, a, a.Results)
	if err != nil {
		return out, err
	}
	cells, err := chosen(now.Cells, a.Results, words...)
	if err != nil {
		return out, err
	}
	// by identity: what a cell was asked to be before it was changed
	before, err := now.Before(ctx)
	if err != nil {
		return out, err
	}
	if len(words) > 0 {
		before.Cells = namedBy(before.Cells, words[0])
	}
	if len(before.Cells) == 0 {
		return out, app.Hint(fmt.Errorf("no cell was measured before its last change"), "A cell changes with its engine's version, its model or its settings, and is then measured anew; matrix history lists what there is.")
	}
	return [2]view.Side{{Word: "before", Set: before, Cells: before.Cells}, {Word: "now", Set: now, Cells: cells}}, nil
}

// identityPrefix is the beginning of an identity's hash; fewer digits could be a date.
var identityPrefix = regexp.MustCompile(`^[0-9a-f]{8,64}$`)

// narrowed is the set that a date, an attempt or an identity names; nil where the word is none of them.
// Older launches are summed anew from the store: the set at hand has only what counts now.
func narrowed(ctx context.Context, set *summary.Set, word string) (*summary.Set, error) {
	var keep func(*summary.Cell, store.Past) bool
	day, dated := strings.CutPrefix(word, "@")
	// the whole id: the beginning of one might be a cell's
	_, noAttempt := ulid.ParseStrict(word)
	switch {
	case dated:
		end, err := endOf(day)
		if err != nil {
			return nil, err
		}
		// by its end: an attempt that was under way that day did not count yet
		keep = func(_ *summary.Cell, p store.Past) bool { return !p.Ended.After(end) }
	case noAttempt == nil:
		keep = func(_ *summary.Cell, p store.Past) bool { return p.Attempt == word }
	case identityPrefix.MatchString(word):
		keep = func(_ *summary.Cell, p store.Past) bool { return strings.HasPrefix(p.Identity.Hash, word) }
	default:
		return nil, nil
	}
	out, err := set.Narrow(ctx, keep)
	switch {
	case err != nil:
		return nil, err
	case len(out.Cells) > 0:
		return out, nil
	case dated, noAttempt == nil:
		return nil, app.Hint(fmt.Errorf("no complete launch is named by %q", word), "matrix history lists what there is.")
	}
	return nil, nil // eight digits may be the beginning of a cell's id
}

// endOf is a day's end, or the moment that is written out.
// A day is the user's own, a moment has its zone.
func endOf(word string) (time.Time, error) {
	if day, err := time.ParseInLocation(time.DateOnly, word, time.Local); err == nil {
		return day.AddDate(0, 0, 1).Add(-time.Nanosecond), nil
	}
	if at, err := time.Parse(time.RFC3339, word); err == nil {
		return at, nil
	}
	return time.Time{}, app.Hint(fmt.Errorf("%q is no date", word), "Write @2026-11-01, or @2026-11-01T12:00:00Z.")
}

// parseGates reads metric=-5%.
// The sign says which way is allowed; 0 and less than -100% mean nothing.
func parseGates(words []string) ([]summary.Gate, error) {
	var out []summary.Gate
	for _, word := range words {
		metric, change, found := strings.Cut(word, "=")
		percent, isPercent := strings.CutSuffix(change, "%")
		x, err := strconv.ParseFloat(percent, 64)
		if !found || !isPercent || err != nil || x == 0 || x <= -100 || !(x < 1e6) || !strings.ContainsAny(percent[:1], "+-") {
			return nil, app.Hint(fmt.Errorf("--gate %q is not understood", word), "Write --gate output_throughput=-5% (it may fall by 5%) or --gate ttft_p99_s=+10% (it may rise by 10%).")
		}
		out = append(out, summary.Gate{Metric: metric, Change: x / 100})
	}
	return out, nil
}
