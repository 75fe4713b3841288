package ledger

import (
	"errors"
	"strings"
	"testing"
	"time"

	"matrix/backends"
)

func TestLedgerDropsWhatIsTooMuch(t *testing.T) {
	rows := map[int64]int{}
	b := New(3, func(_ PendingRequest, r backends.Reply) error { rows[r.Seq]++; return nil })
	b.Begin(backends.Request{Seq: 0}, time.Time{})
	b.Begin(backends.Request{Seq: 1}, time.Time{})
	b.End(backends.Reply{Seq: 0, Status: backends.OK, Text: "a", OutputTokens: new(int64)})
	b.End(backends.Reply{Seq: 0, Status: backends.OK, Text: "a", OutputTokens: new(int64)})  // twice
	b.End(backends.Reply{Seq: 99, Status: backends.OK, Text: "a", OutputTokens: new(int64)}) // never asked
	b.Close(backends.Reply{Status: backends.Disconnected})
	b.End(backends.Reply{Seq: 1, Status: backends.OK, Text: "a", OutputTokens: new(int64)}) // too late
	b.NotSent(PendingRequest{}, 2, "x", "y")
	b.NotSent(PendingRequest{}, 1, "x", "y") // has its row
	for seq := range int64(3) {
		if rows[seq] != 1 {
			t.Errorf("request %d has %d rows, want 1", seq, rows[seq])
		}
	}
	if len(rows) != 3 || len(b.Warnings()) != 3 {
		t.Errorf("%d rows and warnings %q, want 3 and 3", len(rows), b.Warnings())
	}
}

func TestLedgerTellsTheFirstWriteError(t *testing.T) {
	full := errors.New("no space left on device")
	b := New(2, func(PendingRequest, backends.Reply) error { return full })
	told := 0
	b.Fatal = func(err error) {
		told++
		if !errors.Is(err, full) {
			t.Errorf("got %v", err)
		}
	}
	for seq := range int64(2) {
		b.Begin(backends.Request{Seq: seq}, time.Time{})
		b.End(backends.Reply{Seq: seq})
	}
	if told != 1 || !errors.Is(b.Err(), full) {
		t.Errorf("told %d times, kept %v", told, b.Err())
	}
}

// What waited for its turn while others spoke has not stalled when they end.
func TestNotStalledBehindOthers(t *testing.T) {
	traffic := backends.NewTraffic()
	began := time.Now()
	b := New(3, func(PendingRequest, backends.Reply) error { return nil })
	for seq := range int64(3) {
		f := traffic.Flight()
		b.Begin(backends.Request{Seq: seq, Flight: f}, began)
		f.Connected(began)
	}
	at := func(s float64) time.Time { return began.Add(time.Duration(s * float64(time.Second))) }
	if what, since := b.Sight().Stalled(at(40)); what != "all that is in flight" || since.Sub(began).Round(time.Second) != 0 {
		t.Errorf("nothing has come in 40 s: %q since %v", what, since)
	}
	b.End(backends.Reply{Seq: 0, Status: backends.OK, LastToken: at(39), Done: at(40)})
	if what, _ := b.Sight().Stalled(at(41)); what != "" {
		t.Errorf("two wait behind one that spoke 2 s ago, and it says that %s stalled", what)
	}
	b.End(backends.Reply{Seq: 1, Status: backends.TimedOut, Done: at(60)}) // no sign of life
	if what, since := b.Sight().Stalled(at(70)); what != "all that is in flight" || since.Sub(began).Round(time.Second) != 39*time.Second {
		t.Errorf("silent since 39 s, and it says %q since %v", what, since.Sub(began))
	}
}

func TestTripped(t *testing.T) {
	tests := []struct {
		done, failed, inFlight, planned int64
		limit                           float64
		want                            bool
	}{
		{1000, 1000, 0, 1000, 1, false}, // 1 = never give up
		{10, 5, 4, 1000, 0.1, false},    // too early to tell
		{50, 6, 4, 1000, 0.1, true},
		{50, 5, 4, 1000, 0.1, false},
		{60, 60, 940, 1000, 0.5, false}, // all in flight: refusals end at once, answers take minutes
		{12, 11, 4, 100, 0.1, true},     // over the limit whatever comes
		{1, 1, 4, 100, 0, true},
	}
	for _, tt := range tests {
		if got := Tripped(Counts{Done: tt.done, Failed: tt.failed}, tt.inFlight, 0, tt.planned, tt.limit); got != tt.want {
			t.Errorf("%+v: got %v", tt, got)
		}
	}
}

// An answer without text, or without a count, counts as ok and is said: an engine that says nothing is fast.
func TestLedgerTellsOfAnswersThatSayNothing(t *testing.T) {
	b := New(4, func(PendingRequest, backends.Reply) error { return nil })
	tokens := int64(8)
	for seq, r := range []backends.Reply{
		{Status: backends.OK, Text: "a", OutputTokens: &tokens}, {Status: backends.OK, OutputTokens: &tokens},
		{Status: backends.OK, Text: "a"}, {Status: backends.TimedOut},
	} {
		r.Seq = int64(seq)
		b.Begin(backends.Request{Seq: r.Seq}, time.Time{})
		b.End(r)
	}
	if got := strings.Join(b.Warnings(), "; "); strings.Count(got, "1 answers") != 2 || !strings.Contains(got, "have no text") || !strings.Contains(got, "without a count") {
		t.Errorf("warnings: %s", got)
	}
}
