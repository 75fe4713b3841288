package queueing

import (
	"container/heap"
	"math"
	"slices"
	"sync/atomic"
	"time"
)

// sequence is one request in the queue. Times are readings of the queue's clock; produced may be read
// without the queue's lock, everything else only once ended is true or under it.
type sequence struct {
	prompt, output int64  // tokens
	reason         string // why it will end: stop, length
	stream         bool   // wants to hear of every token, not of its end alone
	notify         func() // called when produced has grown; must not block

	produced atomic.Int64 // tokens so far
	ended    atomic.Bool  // set after produced has its last value

	arrived, admitted, first, last time.Duration // zero until then

	state    state
	end      time.Duration // of its prefill
	from, to float64       // positions on the decode scale at its first and last token
	index    int           // in the heap, while decoding
}

// state is where in the queue a sequence is.
type state int

const (
	waiting state = iota
	filling
	decoding
	over // ended or canceled
)

// need is the KV room that a sequence holds from its admission to its end. Reserving all of it at once
// means that nothing is ever preempted; growing it token by token would need a policy of whom to evict.
func (s *sequence) need() int64 { return s.prompt + s.output }

// queue is the model of a continuously batching engine: a pure function of the arrivals and the clock.
type queue struct {
	slots    int64   // sequences that are filled or decode
	prefill  float64 // tokens/s of the pipe
	decode   float64 // tokens/s of each sequence
	total    float64 // tokens/s of all together; 0 = no cap
	capacity int64   // KV tokens; 0 = no limit

	now      time.Duration // since the scheduler began; never goes back
	waiting  []*sequence   // first come first served; canceled ones are dropped when they are reached
	head     int           // of waiting: where the next one to look at is
	filling  []*sequence   // in the prefill pipe, in order of their ends
	pipeFree time.Duration // when the prefill pipe has done all that is booked
	decoding byEnd         // a heap
	scale    float64       // tokens that a sequence decoding since the start would have made
	kv       int64         // tokens held
	stats    stats
}

// newQueue makes a queue that stands at 0. It is not safe for concurrent use: the scheduler has the lock.
func newQueue(o Options) *queue {
	return &queue{
		slots: o.Slots, prefill: o.PrefillTokensPerS, decode: o.DecodeTokensPerS,
		total: o.DecodeTotalTokensPerS, capacity: o.KVTokens,
	}
}

// running counts the sequences that hold a slot.
func (q *queue) running() int { return len(q.filling) + len(q.decoding) }

// rate is the speed of one decoding sequence. All have the same, so one scale serves them all and a change
// of their number costs nothing per sequence.
func (q *queue) rate() float64 {
	if q.total > 0 && len(q.decoding) > 0 {
		return min(q.decode, q.total/float64(len(q.decoding)))
	}
	return q.decode
}

// add queues a sequence at the current time.
func (q *queue) add(s *sequence) {
	s.arrived, s.state = q.now, waiting
	q.waiting = append(q.waiting, s)
	q.stats.waiting++
	q.admit()
}

// cancel takes a sequence out. Time already booked in the prefill pipe is not given back: an engine
// finishes the step that it is in.
func (q *queue) cancel(s *sequence) {
	switch s.state {
	case over:
		return
	case waiting:
		q.stats.waiting--
	case filling:
		q.filling = slices.DeleteFunc(q.filling, func(f *sequence) bool { return f == s })
		q.kv -= s.need()
	case decoding:
		heap.Remove(&q.decoding, s.index)
		q.kv -= s.need()
	}
	s.state = over
	q.stats.aborted++
	q.admit()
}

// admit starts the prefill of as many waiting sequences as there is room for.
func (q *queue) admit() {
	for q.head < len(q.waiting) {
		s := q.waiting[q.head]
		if s.state == waiting {
			if int64(q.running()) >= q.slots || q.capacity > 0 && q.kv+s.need() > q.capacity {
				break
			}
			q.start(s)
		}
		q.waiting[q.head] = nil
		q.head++
	}
	if q.head > len(q.waiting)/2 { // a queue that never empties must not keep its past
		q.waiting = slices.Delete(q.waiting, 0, q.head)
		q.head = 0
	}
}

// start books the prefill at once, behind all that is booked: its end is known then, and nothing has to be looked at midway.
func (q *queue) start(s *sequence) {
	q.stats.waiting--
	q.kv += s.need()
	s.admitted, s.state = q.now, filling
	s.end = max(q.now, q.pipeFree) + Seconds(float64(s.prompt)/q.prefill)
	q.pipeFree = s.end
	q.filling = append(q.filling, s)
}

// next is when something happens next: a prefill or a sequence ends.
func (q *queue) next() (at time.Duration, ok bool) {
	if len(q.filling) > 0 {
		at, ok = q.filling[0].end, true
	}
	if len(q.decoding) > 0 {
		end := q.now + Seconds(max(0, q.decoding[0].to-q.scale)/q.rate())
		if !ok || end < at {
			at, ok = end, true
		}
	}
	return at, ok
}

// advance moves the clock to now and lets everything happen that is due by then.
func (q *queue) advance(now time.Duration) {
	for {
		at, ok := q.next()
		if !ok || at > now {
			break
		}
		q.move(at)
		q.settle()
	}
	q.move(now)
}

// move lets the decoding sequences grow; between two events their number, and so their speed, does not change.
func (q *queue) move(to time.Duration) {
	if to <= q.now {
		return
	}
	q.scale += q.rate() * (to - q.now).Seconds()
	q.now = to
}

// slack, in tokens, absorbs the rounding of the clock to nanoseconds and of the scale to 53 bits.
func (q *queue) slack() float64 { return 1e-6 + 2e-9*q.rate() }

// settle ends what is due at the current time and fills the slots that became free.
func (q *queue) settle() {
	for len(q.decoding) > 0 && q.decoding[0].to <= q.scale+q.slack() {
		q.finish(heap.Pop(&q.decoding).(*sequence))
	}
	for len(q.filling) > 0 && q.filling[0].end <= q.now {
		s := q.filling[0]
		q.filling = q.filling[1:]
		s.first = q.now
		q.stats.first(s)
		if s.output <= 1 {
			q.finish(s)
			continue
		}
		s.produced.Store(1)
		s.state = decoding
		s.from, s.to = q.scale, q.scale+float64(s.output-1)
		heap.Push(&q.decoding, s)
		s.tell()
	}
	q.admit()
}

// finish sets ended after produced, in which order follow reads them.
func (q *queue) finish(s *sequence) {
	s.last, s.state = q.now, over
	q.kv -= s.need()
	q.stats.finished(s)
	s.produced.Store(s.output)
	s.ended.Store(true)
	s.tell()
}

// stream tells every streaming sequence that has made a token since it was last told. It returns how many
// sequences are streaming.
func (q *queue) stream() (streaming int) {
	for _, s := range q.decoding {
		if !s.stream {
			continue
		}
		streaming++
		made := min(1+int64(math.Floor(q.scale-s.from+q.slack())), s.output-1) // the last one comes with the end
		if made > s.produced.Load() {
			s.produced.Store(made)
			s.tell()
		}
	}
	return streaming
}

// tell runs under the scheduler's lock, so notify must not come back to it.
func (s *sequence) tell() {
	if s.notify != nil {
		s.notify()
	}
}

// Seconds are a duration of so many.
func Seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// byEnd is a heap of the decoding sequences, the one that ends first on top.
type byEnd []*sequence

// Len, Less and Swap are heap.Interface's; Swap keeps each sequence's own index, by which it can be canceled.
func (h byEnd) Len() int           { return len(h) }
func (h byEnd) Less(i, j int) bool { return h[i].to < h[j].to }
func (h byEnd) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

// Push and Pop are heap.Interface's.
func (h *byEnd) Push(x any) {
	s := x.(*sequence)
	s.index = len(*h)
	*h = append(*h, s)
}

// Pop clears the place that it leaves, else the array would keep a sequence that has ended.
func (h *byEnd) Pop() any {
	old := *h
	s := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	return s
}
