package queueing

import (
	"bufio"
	"encoding/json"
	"net/http"
	"sync"
	"time"
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
const inFlight = 1 << 16

// batchRun is one batch under way.
type batchRun struct {
	s     *server        // whose scheduler it is
	room  chan struct{}  // one for each request in the air
	ready chan struct{}  // finished has grown
	live  sync.WaitGroup // of those in the air

	mu       sync.Mutex                // guards what follows
	finished []func() BatchAnswer      // each makes its line when the writer asks
	flying   map[*sequence]*time.Timer // its timeout, nil = none
}

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
	b := &batchRun{
		s: s, room: make(chan struct{}, inFlight), ready: make(chan struct{}, 1), flying: map[*sequence]*time.Timer{},
	}
	taken := make(chan struct{})
	go func() {
		defer close(taken)
		b.take(r)
	}()
	b.answer(r, taken, bufio.NewWriterSize(w, 64<<10), flush)
	<-taken
}

// answer writes answers as they come until all requests are taken and have ended, or the client is gone.
func (b *batchRun) answer(r *http.Request, taken <-chan struct{}, out *bufio.Writer, flush *http.ResponseController) {
	encode := json.NewEncoder(out)
	for over := false; !over; {
		select {
		case <-r.Context().Done():
			b.cancelAll()
			return
		case <-b.ready:
		case <-taken:
			over = true
		}
		for _, line := range b.collect() {
			_ = encode.Encode(line()) // a client that is gone shows in the context
			if b.s.done() {
				_ = out.Flush()
				_ = flush.Flush()
				<-r.Context().Done() // the process ends
			}
		}
		_ = out.Flush()
		_ = flush.Flush()
	}
}

// take reads requests and queues them; it returns when all have ended.
func (b *batchRun) take(r *http.Request) {
	defer b.live.Wait()
	lines := bufio.NewScanner(r.Body)
	lines.Buffer(make([]byte, 64<<10), bodyLimit)
	for lines.Scan() {
		var q batchLine
		if err := json.Unmarshal(lines.Bytes(), &q); err != nil {
			return // the client is our own package; a line that is no JSON is a connection that broke
		}
		prompt, input, err := q.input(len(q.Messages) > 0)
		a := q.asked(16)
		a.unformed = share(prompt, b.s.InvalidRate, "invalid")
		if refused := b.refusal(q, prompt, input, a, err); refused != nil {
			b.add(func() BatchAnswer { return *refused })
			continue
		}
		select {
		case b.room <- struct{}{}:
			b.fly(q, input, answerTo(prompt, a))
		case <-r.Context().Done():
			return
		}
	}
}

// refusal is the answer to a request that never reaches the queue, nil when it may.
func (b *batchRun) refusal(q batchLine, prompt uint64, input int64, a asked, err error) *BatchAnswer {
	if err != nil {
		return &BatchAnswer{Seq: q.Seq, Class: "bad_request", Error: err.Error()}
	}
	if text := b.s.refuses(input, a); text == refusedFormat {
		return &BatchAnswer{Seq: q.Seq, Class: "bad_request", Error: text}
	} else if text != "" {
		return &BatchAnswer{Seq: q.Seq, Class: "prompt_too_long", Error: text}
	}
	if share(prompt, b.s.ErrorRate, "error") {
		return &BatchAnswer{Seq: q.Seq, Class: "http_500", Error: "simulated failure (error_rate)"}
	}
	return nil
}

// fly queues one request.
func (b *batchRun) fly(q batchLine, input int64, a plan) {
	s := &sequence{prompt: input, output: a.tokens, reason: a.reason}
	seq := q.Seq
	s.notify = func() {
		if s.ended.Load() {
			b.land(s, func() BatchAnswer { return finished(seq, s, a) })
		}
	}
	b.live.Add(1)
	b.mu.Lock()
	b.flying[s] = nil
	if q.TimeoutS > 0 {
		b.flying[s] = time.AfterFunc(Seconds(q.TimeoutS), func() {
			b.s.scheduler.cancel(s)
			b.land(s, func() BatchAnswer {
				return BatchAnswer{Seq: seq, Class: "timeout", Error: "no answer within the request's timeout"}
			})
		})
	}
	b.mu.Unlock()
	b.s.scheduler.submit(s)
}

// finished is the answer of a sequence that has ended.
func finished(seq int64, s *sequence, a plan) BatchAnswer {
	return BatchAnswer{
		Seq: seq, Text: a.text(0, s.output), InputTokens: s.prompt, OutputTokens: s.output, FinishReason: a.reason,
		QueueS: (s.admitted - s.arrived).Seconds(), PrefillS: (s.first - s.admitted).Seconds(),
		DecodeS: (s.last - s.first).Seconds(),
	}
}

// land ends a request in the air. Only the first call for it counts: an answer and a timeout may race.
func (b *batchRun) land(s *sequence, line func() BatchAnswer) {
	b.mu.Lock()
	timeout, flying := b.flying[s]
	delete(b.flying, s)
	b.mu.Unlock()
	if !flying {
		return
	}
	if timeout != nil {
		timeout.Stop()
	}
	b.add(line)
	<-b.room
	b.live.Done()
}

// add hands an answer to the writer, which makes the line: requests end under the scheduler's eyes and must not wait for
// JSON.
func (b *batchRun) add(line func() BatchAnswer) {
	b.mu.Lock()
	b.finished = append(b.finished, line)
	b.mu.Unlock()
	select {
	case b.ready <- struct{}{}:
	default:
	}
}

// collect takes all that is finished and leaves none: the writer makes the lines without the lock.
func (b *batchRun) collect() []func() BatchAnswer {
	b.mu.Lock()
	defer b.mu.Unlock()
	list := b.finished
	b.finished = nil
	return list
}

// cancelAll drops what is still in the air: the client is gone.
func (b *batchRun) cancelAll() {
	b.mu.Lock()
	left := b.flying
	b.flying = map[*sequence]*time.Timer{}
	b.mu.Unlock()
	for s, timeout := range left {
		if timeout != nil {
			timeout.Stop()
		}
		b.s.scheduler.cancel(s)
		<-b.room
		b.live.Done()
	}
}
