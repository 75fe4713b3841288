package metrics

import (
	"fmt"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"matrix/results/record"
	"matrix/results/table"
)

// events is in how many events the answers of more than one token came: what lies within one event took no time that
// anybody saw.
type events struct {
	single, several int64   // ok answers of more than one token: in one event, in more
	counted         float64 // of several: those whose events were counted
	perEvent        float64 // Σ tokens an event
	seen            float64 // Σ share of the tokens after the first that the time between events covers
}

// eventBatch is the columns of a batch that tell of events, looked up once a batch and not once a row.
type eventBatch struct {
	first, last *array.Float64
	tokens      *array.Int64
	chunks      *array.Int32
}

func eventsIn(b arrow.RecordBatch) eventBatch {
	return eventBatch{table.In[*array.Float64](b, record.ColFirstToken), table.In[*array.Float64](b, record.ColLastToken),
		table.In[*array.Int64](b, record.ColOutputTokens), table.In[*array.Int32](b, record.ColChunks)}
}

// add counts an ok request.
func (p *events) add(b eventBatch, i int) {
	if !b.tokens.IsValid(i) || b.tokens.Value(i) <= 1 {
		return
	}
	if !b.first.IsValid(i) || !b.last.IsValid(i) || b.last.Value(i) <= b.first.Value(i) {
		p.single++
		return
	}
	p.several++
	if n, k := float64(b.tokens.Value(i)), float64(b.chunks.Value(i)); k >= 2 {
		p.counted++
		p.perEvent += n / k
		p.seen += min(1, (n-n/k)/(n-1)) // the first event holds n/k tokens, whose time is not seen
	}
}

// understated is the share by which TPOT is too small from which on it is said. TPOT divides by n − 1 tokens, but the first
// event's n/k tokens were all there when the clock started.
const understated = 0.05

// pieced says what the events hide of the time per token.
func (s *summarizer) pieced(p events) {
	if p.several == 0 {
		if p.single > 0 && s.value(record.MeanOf(record.DistTPOT)) == nil {
			s.unseen(record.DistTPOT, record.DistITL)
		}
		return
	}
	if p.single > 0 {
		s.warn(fmt.Sprintf("%d of %d answers came in one event: they have no TPOT", p.single, p.single+p.several))
	}
	if p.counted == 0 {
		return
	}
	if hidden := 1 - p.seen/p.counted; hidden > understated {
		s.warn(fmt.Sprintf("an event held about %.1f tokens: TPOT is understated by about %.0f%%", p.perEvent/p.counted, 100*hidden))
	}
}

// unseen gives the columns of some distributions the reason that they are null.
func (s *summarizer) unseen(distributions ...string) {
	for name, v := range s.Metrics {
		if of, ok := latencyOf(name); ok && v == nil && slices.Contains(distributions, of) {
			s.Why[name] = "every answer came in one piece: there is no time between its tokens to tell"
		}
	}
}
