package calibrate

import (
	"os"
	"testing"
	"time"

	"matrix/backends/fake"
	"matrix/backends/fake/stamped"
)

func TestMain(m *testing.M) {
	fake.MainIfAsked()
	os.Exit(m.Run())
}

// TestDrive: every event is counted and dated, whatever the protocol and the shape.
func TestDrive(t *testing.T) {
	p, err := stamped.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	for _, s := range []Scenario{
		{Protocol: "completions", Streams: 4},
		{Protocol: "chat", Streams: 2, GapS: 0.001},
		{Protocol: "generate", Streams: 2},
		{Protocol: "ndjson_chat", Streams: 2},
		{Protocol: "completions", RatePerS: 500, GapS: 0.001},
	} {
		s.Tokens, s.Requests, s.Stamps = 8, 20, true
		c, err := Drive(t.Context(), p.URL, s)
		if err != nil || c.Failed != 0 || c.Requests != 20 || c.Events != 160 {
			t.Fatalf("%+v: %+v, %v", s, c, err)
		}
		if c.Receipt == nil || c.Receipt.N != 160 || c.Receipt.MaxS > 5 || c.CPUS < 0 || c.WallS <= 0 {
			t.Errorf("%+v: %+v", s, c)
		}
		if open := s.RatePerS > 0; open != (c.Send != nil) || open != (c.Arrival != nil) || open && c.Send.N != 20 {
			t.Errorf("%+v: send %+v, arrival %+v", s, c.Send, c.Arrival)
		}
		seen, err := stamped.Count(t.Context(), p.URL)
		if err != nil || seen.Requests != 20 {
			t.Errorf("the mock saw %+v, %v", seen, err)
		}
	}
	if _, err := Drive(t.Context(), p.URL, Scenario{Protocol: "telnet"}); err == nil {
		t.Error("an unknown protocol: want an error")
	}
}

func TestDelays(t *testing.T) {
	if Summarize(nil) != nil {
		t.Error("no delays: want nil, not zero")
	}
	var all []time.Duration
	for i := range 100 {
		all = append(all, time.Duration(i+1)*time.Millisecond)
	}
	d := Summarize(append(all, -time.Second))
	near := func(got, want float64) bool { return got > want*0.99 && got < want*1.01 }
	if d.N != 101 || !near(d.P50S, 0.050) || !near(d.P99S, 0.099) || !near(d.MaxS, 0.100) {
		t.Errorf("got %+v", d)
	}
}

func TestNextMoment(t *testing.T) {
	first, rest := nextMoment(" 0000000000000000012 34")
	second, rest := nextMoment(rest)
	if first != 12 || second != 34 || rest != "" {
		t.Errorf("got %d, %d, %q", first, second, rest)
	}
}
