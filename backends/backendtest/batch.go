package backendtest

import (
	"context"
	"iter"
	"testing"
	"time"

	"matrix/backends"
)

// batchCases are those of an engine that takes a whole batch.
func (l *launched) batchCases(t *testing.T, b backends.Batcher) {
	t.Run("Batch", func(t *testing.T) { l.wholeBatch(t, b) })
	t.Run("MaxTokens", func(t *testing.T) { l.batchMaxTokens(t, b) })
	t.Run("EmptyBatch", func(t *testing.T) {
		if replies := l.all(t, b, nil); len(replies) != 0 {
			t.Errorf("%d replies to no request", len(replies))
		}
	})
	if l.TooLong != "" {
		t.Run("TooLongAlone", func(t *testing.T) { l.batchTooLong(t, b) })
	}
	if l.Can.Abort {
		t.Run("Cancel", func(t *testing.T) { l.batchCancel(t, b) })
	}
	t.Run("BatchAgain", func(t *testing.T) { l.wholeBatch(t, b) })
}

// each yields requests one by one, as the runner does.
func each(reqs []backends.Request) iter.Seq[backends.Request] {
	return func(yield func(backends.Request) bool) {
		for _, req := range reqs {
			if !yield(req) {
				return
			}
		}
	}
}

// all runs a batch and fails on a sequence number answered twice or never asked.
func (l *launched) all(t *testing.T, b backends.Batcher, reqs []backends.Request) map[int64]backends.Reply {
	t.Helper()
	asked := make(map[int64]bool, len(reqs))
	for _, req := range reqs {
		asked[req.Seq] = true
	}
	replies := make(map[int64]backends.Reply, len(reqs))
	err := b.GenerateAll(l.within(t), each(reqs), func(r backends.Reply) {
		if _, twice := replies[r.Seq]; twice || !asked[r.Seq] {
			t.Errorf("seq %d was answered twice or never asked", r.Seq)
		}
		replies[r.Seq] = r
	})
	if err != nil {
		t.Errorf("generate all: %v", err)
	}
	return replies
}

// wholeBatch wants one good answer to each request of a batch.
func (l *launched) wholeBatch(t *testing.T, b backends.Batcher) {
	var reqs []backends.Request
	for i := range 40 {
		reqs = append(reqs, l.request(l.cell, int64(200+i)))
	}
	replies := l.all(t, b, reqs)
	for _, req := range reqs {
		r, ok := replies[req.Seq]
		if !ok {
			t.Errorf("seq %d was not answered", req.Seq)
			continue
		}
		checkOK(t, req, r, l.Can.Streams)
	}
}

// batchMaxTokens gives each request of one batch a limit of its own: an engine that takes one for all of them would be
// found out.
func (l *launched) batchMaxTokens(t *testing.T, b backends.Batcher) {
	var reqs []backends.Request
	for i := range 6 {
		req := l.request(l.cell, int64(300+i))
		req.MaxTokens = i + 1
		req.Generate.IgnoreEOS = l.Can.IgnoreEOS
		reqs = append(reqs, req)
	}
	for seq, r := range l.all(t, b, reqs) {
		most := seq - 300 + 1
		if r.Status != backends.OK || r.OutputTokens == nil || *r.OutputTokens > most {
			t.Errorf("asked for at most %d tokens: %s with %s (%s)", most, r.Status, number(r.OutputTokens), r.Error)
		} else if l.Can.IgnoreEOS && *r.OutputTokens != most {
			t.Errorf("asked for exactly %d tokens, got %d", most, *r.OutputTokens)
		}
	}
}

// batchTooLong shows that one impossible prompt fails alone and not the batch.
func (l *launched) batchTooLong(t *testing.T, b backends.Batcher) {
	var reqs []backends.Request
	for i := range 5 {
		reqs = append(reqs, l.request(l.cell, int64(400+i)))
	}
	if l.Chat {
		reqs[2].Messages[0].Content = l.TooLong
	} else {
		reqs[2].Prompt = l.TooLong
	}
	replies := l.all(t, b, reqs)
	for i, req := range reqs {
		if i == 2 {
			l.checkTooLong(t, replies[req.Seq])
		} else {
			checkOK(t, req, replies[req.Seq], l.Can.Streams)
		}
	}
}

// batchCancel stops a batch midway: GenerateAll returns soon, and nothing is answered twice.
func (l *launched) batchCancel(t *testing.T, b backends.Batcher) {
	ctx, cancel := context.WithCancel(l.within(t))
	defer cancel()
	var reqs []backends.Request
	for i := range 20 {
		reqs = append(reqs, l.long(int64(500+i)))
	}
	time.AfterFunc(300*time.Millisecond, cancel)
	seen := map[int64]bool{}
	began := time.Now()
	_ = b.GenerateAll(ctx, each(reqs), func(r backends.Reply) {
		if seen[r.Seq] {
			t.Errorf("seq %d was answered twice", r.Seq)
		}
		seen[r.Seq] = true
		if r.Status != backends.OK && r.Status != backends.Canceled {
			t.Errorf("seq %d: %s (%s), want canceled", r.Seq, r.Status, r.Error)
		}
	})
	if took := time.Since(began); took > 5*time.Second+margin {
		t.Errorf("a canceled batch took %v to return", took)
	}
}
