package format

import (
	"math"
	"testing"
	"time"
	_ "time/tzdata" // a machine may have none
)

func TestNumbers(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{Whole(0), "0"}, {Whole(999), "999"}, {Whole(50_000), "50,000"}, {Whole(int64(-1_234_567)), "-1,234,567"}, {Whole(int64(math.MaxInt64)), "9,223,372,036,854,775,807"},
		{Three(0), "0"}, {Three(0.4), "0.400"}, {Three(12.345), "12.3"}, {Three(12345.6), "12,346"}, {Three(1e-9), "0.000000"}, {Three(math.Inf(1)), "+Inf"}, {Three(-2.5), "-2.50"},
		{Figure(69.97), "69.97"}, {Figure(0.4), "0.4"}, {Figure(10119), "10,119"}, {Figure(999.96), "1000"}, {Figure(-1500), "-1,500"}, {Figure(2), "2"},
		{Fixed(1234.5, 2), "1,234.50"}, {Fixed(math.NaN(), 2), "NaN"},
		{Bytes(999), "1.0 kB"}, {Bytes(5e6), "5.0 MB"}, {Bytes(4.2e9), "4.2 GB"},
		{Batch(10), "10"}, {Batch(1500), "1.5K"}, {Batch(50_000), "50K"}, {Batch(1234), "1234"}, {Batch(2_500_000), "2.5M"},
	} {
		if c.got != c.want {
			t.Errorf("%q, want %q", c.got, c.want)
		}
	}
}

// Two thirds are written one way, and a single failure of many is never rounded away.
func TestPercent(t *testing.T) {
	for share, want := range map[float64]string{1: "100%", 49_999.0 / 50_000: "99.998%", 0.57: "57%", 0.5: "50%", 0: "0%", 2.0 / 3: "66.7%", 1.0 / 50_000: "0.002%",
		0.9999999: "99.9999%", 1e-7: "1e-05%", 0.095: "9.5%"} {
		if got := Percent(share); got != want {
			t.Errorf("%v: %q, want %q", share, got, want)
		}
	}
}

func TestWords(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{Count(1, "answer"), "1 answer"}, {Count(0, "answer"), "0 answers"}, {Count(1000, "launch"), "1,000 launches"}, {Count(2, "entry"), "2 entries"},
		{Count(2, "key"), "2 keys"}, {Count(2, "address"), "2 addresses"}, {Count(int64(3), "more launch"), "3 more launches"}, {Count(2, "box"), "2 boxes"},
		{Verb(1, "wait"), "waits"}, {Verb(2, "wait"), "wait"},
		{Some([]string{"a", "b"}, 2), "a, b"}, {Some([]string{"a", "b", "c", "d"}, 2), "a, b and 2 more"}, {Some(nil, 3), ""},
	} {
		if c.got != c.want {
			t.Errorf("%q, want %q", c.got, c.want)
		}
	}
}

func TestTimes(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{Clock(45 * time.Second), "45s"}, {Clock(59700 * time.Millisecond), "1m00s"}, {Clock(12*time.Minute + 5*time.Second), "12m05s"}, {Clock(6*time.Hour + 7*time.Minute), "6h10m"},
		{Took(123 * time.Millisecond), "0.12 s"}, {Took(61300 * time.Millisecond), "61.3 s"}, {Took(12 * time.Minute), "12m00s"},
		{Span(2040), "34.0 min"}, {Span(1.5), "1.5 s"}, {Span(3 * 86400), "3.0 days"}, {Range(6000, 7100), "100–118 min"}, {Range(40, 11000), "40 s–3.1 h"}, {Range(0.5, 8), "0.5–8 s"}, {Range(3000, 12000), "0.8–3.3 h"}, {Range(0.002, 1e7), "too wide a range to use"},
	} {
		if c.got != c.want {
			t.Errorf("%q, want %q", c.got, c.want)
		}
	}
	now := time.Date(2026, 3, 28, 23, 50, 0, 0, time.UTC)
	for after, want := range map[time.Duration]string{5 * time.Minute: "23:55", 20 * time.Minute: "Sun 00:10", 8 * 24 * time.Hour: "5 Apr 23:50"} {
		if got := At(now.Add(after), now); got != want {
			t.Errorf("in %s: %q, want %q", after, got, want)
		}
	}
	// A night in which the clocks are set back is an hour longer, one in which they are set forward an hour shorter.
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		now   time.Time
		after time.Duration
		want  string
	}{
		{time.Date(2026, 10, 25, 1, 30, 0, 0, berlin), 2 * time.Hour, "02:30"}, {time.Date(2026, 10, 24, 23, 30, 0, 0, berlin), 25 * time.Hour, "Sun 23:30"},
		{time.Date(2026, 3, 28, 23, 30, 0, 0, berlin), 3 * time.Hour, "Sun 03:30"}, {time.Date(2026, 12, 31, 23, 30, 0, 0, berlin), time.Hour, "Fri 00:30"},
	} {
		if got := At(c.now.Add(c.after).UTC(), c.now); got != c.want {
			t.Errorf("%s after %s: %q, want %q", c.after, c.now, got, c.want)
		}
	}
}
