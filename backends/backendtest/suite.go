package backendtest

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"matrix/backends"
	"matrix/experiments/cell"
)

// Suite says how one backend is put through the conformance cases. The engine is
// launched once and shared by the cases, since a real one takes minutes to load;
// Kill launches it a second time.
type Suite struct {
	Backend backends.Backend
	Cell    func(t *testing.T) *cell.Cell // complete: platform, model, generate, dataset not needed

	// Prompt makes the text of the i-th request; nil = numbered English sentences.
	Prompt func(i int) string
	// Chat sends the prompts as one user message instead of as raw text.
	Chat bool

	LoadTimeout    time.Duration // of one launch; 0 = 1 minute
	RequestTimeout time.Duration // of an ordinary request; 0 = 1 minute
	CaseTimeout    time.Duration // of one case: what hangs names itself and fails alone; 0 = 2 minutes
	MaxTokens      int           // of an ordinary request; 0 = 16
	LongTokens     int           // of a request that must still run when it is stopped; 0 = 2,000
	TooLong        string        // a prompt beyond the context window; "" = the case is left out

	// Also is what this engine alone can show: cases on the same launch, before its end. nil = none.
	Also func(t *testing.T, engine backends.Engine, attempt string)

	Can Can
}

// Can switches on what not every engine can do.
type Can struct {
	Streams   bool // FirstToken < Done is seen by the client; a batch engine tells it afterwards or not at all
	IgnoreEOS bool // Generate.IgnoreEOS gives exactly MaxTokens output tokens
	Abort     bool // a stopped request ends at once; else only its Reply does
	TooLongOK bool // TooLong is cut and answered instead of refused
	Kill      bool // the engine's processes are ours to kill: a second launch
	KillLast  bool // … the same launch, killed instead of closed: where a second takes a minute
	Phases    bool // Launch reports phases
	Attached  bool // nothing is launched: no processes to look for
}

// Run puts the backend through every case. Cases that a capability switches off are absent, not skipped,
// so that a report of the tests shows what was really tried.
func Run(t *testing.T, s Suite) {
	t.Helper()
	s = s.withDefaults()
	t.Run("Resolve", s.resolve)
	t.Run("Launch", func(t *testing.T) {
		l := s.launch(t)
		t.Run("Info", l.info)
		if b, ok := l.engine.(backends.Batcher); ok {
			l.batchCases(t, b)
		} else {
			l.servedCases(t)
		}
		if s.Also != nil {
			s.Also(t, l.engine, l.attempt)
		}
		if s.Can.KillLast {
			t.Run("Kill", l.killed)
		} else {
			t.Run("Close", l.closes)
		}
	})
	if s.Can.Kill {
		t.Run("Kill", s.kill)
	}
}

// withDefaults suits the simulator; a real engine sets longer times.
func (s Suite) withDefaults() Suite {
	if s.Prompt == nil {
		s.Prompt = func(i int) string {
			return fmt.Sprintf("Request %d: the quick brown fox jumps over the lazy dog, and then it", i)
		}
	}
	s.LoadTimeout = orDuration(s.LoadTimeout, time.Minute)
	s.RequestTimeout = orDuration(s.RequestTimeout, time.Minute)
	s.CaseTimeout = orDuration(s.CaseTimeout, 2*time.Minute)
	s.MaxTokens = orInt(s.MaxTokens, 16)
	s.LongTokens = orInt(s.LongTokens, 2000)
	return s
}

// within is a case's context.
func (s Suite) within(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), s.CaseTimeout)
	t.Cleanup(cancel)
	return ctx
}

// together asks requests at once.
func (l *launched) together(t *testing.T, reqs []backends.Request) []backends.Reply {
	ctx, replies := l.within(t), make([]backends.Reply, len(reqs))
	var wg sync.WaitGroup
	for i, req := range reqs {
		wg.Go(func() { replies[i] = l.engine.Generate(ctx, req) })
	}
	wg.Wait()
	return replies
}

func orDuration(d, otherwise time.Duration) time.Duration {
	if d == 0 {
		return otherwise
	}
	return d
}

func orInt(n, otherwise int) int {
	if n == 0 {
		return otherwise
	}
	return n
}

// request is the i-th ordinary request of a case. Sequence numbers of different cases do not meet.
func (s Suite) request(cell *cell.Cell, seq int64) backends.Request {
	generate := *cell.Generate
	generate.MinTokens = 0
	req := backends.Request{
		Seq: seq, PromptID: fmt.Sprint(seq), MaxTokens: s.MaxTokens,
		Generate: &generate, Timeout: s.RequestTimeout,
	}
	text := s.Prompt(int(seq))
	if s.Chat {
		req.Messages = []backends.Message{{Role: "user", Content: text}}
	} else {
		req.Prompt = text
	}
	return req
}
