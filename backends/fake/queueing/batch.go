package queueing

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"runtime"
	"sync"

	"matrix/backends"
)

// batchLine is one request of POST /batch, our own way to hand a whole batch to the engine: a line of JSON
// in, a line of JSON out when it is answered, over one connection. One connection a request would need
// more descriptors than a process may have.
type batchLine struct {
	openAIRequest
	Seq      int64   `json:"seq"`                 // the client's; comes back with the answer
	TimeoutS float64 `json:"timeout_s,omitempty"` // s; 0 = none
}

// BatchAnswer is how one of them ended. Durations are by the queue's own clock.
type BatchAnswer struct {
	Seq          int64   `json:"seq"`             // of the request
	Error        string  `json:"error,omitempty"` // "" = answered
	Class        string  `json:"class,omitempty"` // prompt_too_long, bad_request, http_500, timeout
	Text         string  `json:"text,omitempty"`
	InputTokens  int64   `json:"input_tokens"` // words, which are tokens here
	OutputTokens int64   `json:"output_tokens"`
	FinishReason string  `json:"finish_reason,omitempty"`
	QueueS       float64 `json:"queue_s"`   // s, from its arrival to its admission
	PrefillS     float64 `json:"prefill_s"` // s, to its first token
	DecodeS      float64 `json:"decode_s"`  // s, to its last
}

// inFlight is how many requests of a batch the engine holds; the next ones wait on the wire, so that memory
// does not grow with the batch.
const inFlight = 1 << 15

// batch answers while the body is still coming: the offline API hands a batch over as it is made, and answers come as they
// end.
func (s *server) batch(w http.ResponseWriter, r *http.Request) {
	flush := http.NewResponseController(w)
	if err := flush.EnableFullDuplex(); err != nil {
		refuseOpenAI(w, http.StatusInternalServerError, err.Error())
		return
	}
	w.Header().Set("Content-Type", "application/x-ndjson")
	w.WriteHeader(http.StatusOK)
	_ = flush.Flush()
	answers := make(chan BatchAnswer, 256)
	go s.take(r.Context(), r.Body, answers)
	out := bufio.NewWriterSize(w, 64<<10)
	encode := json.NewEncoder(out)
	for a := range answers {
		_ = encode.Encode(a) // a client that is gone shows in the context
		dies := s.done()
		runtime.Gosched() // those that ended at the same moment go out with one write
		if dies || len(answers) == 0 {
			_ = out.Flush()
			_ = flush.Flush()
		}
		if dies {
			<-r.Context().Done() // the process ends
		}
	}
}

// take reads requests and queues them in their order; it closes answers when all have ended, or the client is gone.
func (s *server) take(ctx context.Context, body io.Reader, answers chan<- BatchAnswer) {
	defer close(answers)
	var live sync.WaitGroup
	defer live.Wait()
	room := make(chan struct{}, inFlight)
	lines := bufio.NewScanner(body)
	lines.Buffer(make([]byte, 64<<10), bodyLimit)
	for lines.Scan() {
		var q batchLine
		if err := json.Unmarshal(lines.Bytes(), &q); err != nil {
			return // the client is our own package; a line that is no JSON is a connection that broke
		}
		select {
		case room <- struct{}{}:
		case <-ctx.Done():
			return
		}
		prompt, input, err := q.input(len(q.Messages) > 0)
		a := q.asked(16)
		a.unformed = share(prompt, s.InvalidRate, "invalid")
		answer := s.refusal(q, prompt, input, a, err)
		var g *generation
		if answer == nil {
			g = s.generate(prompt, input, answerTo(prompt, a), false)
		}
		seq, timeout := q.Seq, q.TimeoutS
		live.Go(func() {
			defer func() { <-room }()
			if g != nil {
				answer = s.ended(ctx, g, seq, timeout)
			}
			select {
			case answers <- *answer:
			case <-ctx.Done():
			}
		})
	}
}

// refusal is the answer to a request that never reaches the queue, nil when it may.
func (s *server) refusal(q batchLine, prompt uint64, input int64, a asked, err error) *BatchAnswer {
	if err != nil {
		return &BatchAnswer{Seq: q.Seq, Class: "bad_request", Error: err.Error()}
	}
	if text := s.refuses(input, a); text == refusedFormat {
		return &BatchAnswer{Seq: q.Seq, Class: "bad_request", Error: text}
	} else if text != "" {
		return &BatchAnswer{Seq: q.Seq, Class: "prompt_too_long", Error: text}
	}
	if share(prompt, s.ErrorRate, "error") {
		return &BatchAnswer{Seq: q.Seq, Class: "http_500", Error: "simulated failure (error_rate)"}
	}
	return nil
}

// ended is how a queued request ends, within its timeout where it has one.
func (s *server) ended(ctx context.Context, g *generation, seq int64, timeout float64) *BatchAnswer {
	ctx, cancel := backends.Within(ctx, Seconds(timeout), context.DeadlineExceeded)
	defer cancel()
	if !s.follow(ctx, g, nil) {
		return &BatchAnswer{Seq: seq, Class: "timeout", Error: "no answer within the request's timeout"} // or nobody reads it
	}
	return &BatchAnswer{
		Seq: seq, Text: g.text(0, g.output), InputTokens: g.prompt, OutputTokens: g.output, FinishReason: g.plan.reason,
		QueueS: (g.admitted - g.arrived).Seconds(), PrefillS: (g.first - g.admitted).Seconds(), DecodeS: (g.last - g.first).Seconds(),
	}
}
