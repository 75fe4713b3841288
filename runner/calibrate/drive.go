package calibrate

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"sync"
	"time"

	"matrix/backends"
	"matrix/backends/fake/stamped"
	"matrix/backends/process"
	"matrix/backends/wire"
	"matrix/experiments/cell"
	"matrix/runner/load"
)

// Scenario is one stretch of load against the mock.
type Scenario struct {
	Protocol string  `json:"protocol"` // completions, chat, generate, ndjson_chat
	Streams  int     `json:"streams"`  // in flight of a closed load
	RatePerS float64 `json:"rate_per_s,omitempty"`
	Arrival  string  `json:"arrival,omitempty"` // of an open load, "" = poisson
	Tokens   int     `json:"tokens"`            // events with text in an answer
	GapS     float64 `json:"gap_s"`             // between events; 0 = the whole answer at once
	Requests int     `json:"requests"`
	Stamps   bool    `json:"stamps"` // hold each event's time of receipt against its time of writing
}

// Settings are what the mock has to do for it.
func (s Scenario) Settings() stamped.Settings {
	return stamped.Settings{Tokens: s.Tokens, Gap: time.Duration(s.GapS * float64(time.Second))}
}

// Shape is the load shape of it: open where there is a rate, else closed.
func (s Scenario) Shape() *cell.Load {
	if s.RatePerS > 0 {
		return &cell.Load{Mode: "open", Rate: s.RatePerS, Arrival: s.Arrival}
	}
	return &cell.Load{Mode: "closed", Concurrency: s.Streams}
}

// Prompt is as long as a short chat's.
var Prompt = strings.Repeat("one two three four five six seven eight ", 12)

// Cost is what a client did and what it took. Times are of the measured stretch alone, without start-up.
type Cost struct {
	Requests  int64    `json:"requests"` // that ended, failed ones too
	Failed    int64    `json:"failed"`
	Events    int64    `json:"events"`
	WallS     float64  `json:"wall_s"`
	CPUS      float64  `json:"cpu_s"`         // of this process, all its threads
	RSSBytes  int64    `json:"rss_bytes"`     // most, of the whole client
	RSSBefore int64    `json:"rss_before"`    // before the first request
	Receipt   *Delay   `json:"receipt_error"` // time of receipt − time of writing, of events
	Send      *Delay   `json:"send_lateness"` // time of sending − time scheduled, of open loads
	Arrival   *Delay   `json:"arrival_delay"` // the server's time of arrival − time scheduled, of open loads
	Errors    []string `json:"errors,omitempty"`
}

// EventsPerCPUS is how many events one second of a core carries.
func (c Cost) EventsPerCPUS() float64 { return float64(c.Events) / c.CPUS }

// CPUPerEventS and CPUPerRequestS each lay the whole cost on their unit.
func (c Cost) CPUPerEventS() float64 { return c.CPUS / float64(c.Events) }

// CPUPerRequestS is the whole cost over the requests.
func (c Cost) CPUPerRequestS() float64 { return c.CPUS / float64(c.Requests) }

// protocols are those that the stamped server speaks, by the names that settings have for them.
var protocols = map[string]wire.Protocol{
	"completions": wire.OpenAICompletions, "chat": wire.OpenAIChat, "generate": wire.NDJSONGenerate, "ndjson_chat": wire.NDJSONChat,
}

// client is an engine as runner/load sees one: the mock, through the streaming client of the served backends.
type client struct {
	wire     *wire.Client // the one that measures engines, or its cost would not be theirs
	url      string       // of the mock, without a path
	protocol wire.Protocol
	done     chan struct{} // never closed
}

// Generate sends a request by the client that measures engines: it is what is calibrated.
func (c *client) Generate(ctx context.Context, req backends.Request) backends.Reply {
	body, _ := wire.OpenAIBody(req, "mock", wire.Extended)
	return c.wire.Do(ctx, wire.Call{URL: c.url + c.protocol.Path(), Body: body, Protocol: c.protocol, Model: "mock", Request: req})
}

// Info, Done and Close make it a backends.Engine: the mock tells nothing of itself and does not die.
func (c *client) Info() backends.Info         { return backends.Info{} }
func (c *client) Done() <-chan struct{}       { return c.done }
func (c *client) Close(context.Context) error { c.wire.Close(); return nil }

// Drive offers the scenario to the mock at url, in this process, and says what that cost.
func Drive(ctx context.Context, url string, s Scenario) (Cost, error) {
	protocol, ok := protocols[s.Protocol]
	if !ok {
		return Cost{}, fmt.Errorf("calibrate: no protocol %q", s.Protocol)
	}
	if err := stamped.Set(ctx, url, s.Settings()); err != nil {
		return Cost{}, err
	}
	c := &client{wire: wire.New(wire.Options{IdleTimeout: time.Minute}), url: url, protocol: protocol, done: make(chan struct{})}
	defer c.wire.Close()
	job := load.Job{Shape: s.Shape(), Requests: requests(s, protocol == wire.OpenAIChat || protocol == wire.NDJSONChat)}
	if s.RatePerS > 0 {
		schedule, err := load.NewSchedule(job.Shape, 1)
		if err != nil {
			return Cost{}, err
		}
		job.Arrivals = schedule.Arrivals()
	}
	seen := newWitness(s)
	job.Begin, job.Done = seen.begin, seen.end
	before := residentBytes()
	began, cpu := time.Now(), process.CPUSeconds()
	err := load.Run(ctx, c, job)
	cost := seen.cost(time.Since(began), process.CPUSeconds()-cpu)
	cost.RSSBefore, cost.RSSBytes = before, max(before, residentBytes(), seen.rss)
	return cost, errors.Join(err, ctx.Err())
}

// requests are equal but for their number.
func requests(s Scenario, chat bool) iter.Seq[backends.Request] {
	generate := &cell.Generate{MaxTokens: s.Tokens, IgnoreEOS: true}
	return func(yield func(backends.Request) bool) {
		for i := range s.Requests {
			req := backends.Request{Seq: int64(i), Prompt: Prompt, MaxTokens: s.Tokens, Generate: generate, Timeout: 5 * time.Minute, Chunks: s.Stamps}
			if chat {
				req.Prompt, req.Messages = "", []backends.Message{{Role: "user", Content: Prompt}}
			}
			if !yield(req) {
				return
			}
		}
	}
}

// witness takes the replies in.
type witness struct {
	s     Scenario
	clock clock

	mu        sync.Mutex
	c         Cost
	scheduled map[int64]time.Time // by seq; open loads alone
	receipt   *delays             // from writing to receipt, of events
	send      *delays
	arrival   *delays
	rss       int64 // most that was seen, bytes
}

// newWitness relates the two clocks once, right before the load.
func newWitness(s Scenario) *witness {
	return &witness{s: s, clock: newClock(), scheduled: map[int64]time.Time{}, receipt: newDelays(), send: newDelays(), arrival: newDelays()}
}

// begin remembers when a request of an open load was due.
func (w *witness) begin(req backends.Request, scheduled time.Time) {
	if scheduled.IsZero() {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.scheduled[req.Seq] = scheduled
}

// end holds an answer against what the server was told to send. Memory is looked at now and then only: the look costs more
// than an answer does.
func (w *witness) end(r backends.Reply) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.c.Requests++
	w.c.Events += int64(r.Chunks)
	if r.Status != backends.OK || r.Chunks != w.s.Tokens {
		w.c.Failed++
		if len(w.c.Errors) < 5 {
			w.c.Errors = append(w.c.Errors, fmt.Sprintf("request %d: %s %s %s (%d of %d events)", r.Seq, r.Status, r.ErrorClass, r.Error, r.Chunks, w.s.Tokens))
		}
		return
	}
	if w.c.Requests%1024 == 1 {
		w.rss = max(w.rss, residentBytes())
	}
	due, open := w.scheduled[r.Seq]
	if open {
		delete(w.scheduled, r.Seq)
		w.send.add(r.Sent.Sub(due))
	}
	if w.s.Stamps {
		w.moments(r, due)
	}
}

// moments reads what the mock wrote into the texts.
// Each event's text is the time of its writing, the first one's also the time at which the request arrived.
func (w *witness) moments(r backends.Reply, due time.Time) {
	text, at := r.Text, w.clock.of(r.FirstToken)
	for i := range w.s.Tokens {
		var written int64
		written, text = nextMoment(text)
		if i > 0 {
			at += int64(r.ChunkGaps[i-1] * 1e9)
		}
		w.receipt.add(time.Duration(at - written))
		if i == 0 {
			written, text = nextMoment(text)
			if !due.IsZero() {
				w.arrival.add(time.Duration(written - w.clock.of(due)))
			}
		}
	}
}

// cost is what was seen, with what it took by the caller's clocks.
func (w *witness) cost(wall time.Duration, cpu float64) Cost {
	w.mu.Lock()
	defer w.mu.Unlock()
	c := w.c
	c.WallS, c.CPUS = wall.Seconds(), cpu
	c.Receipt, c.Send, c.Arrival = w.receipt.summary(), w.send.summary(), w.arrival.summary()
	return c
}
