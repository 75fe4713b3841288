package backendtest

import (
	"context"
	"os"
	"testing"
	"time"

	"matrix/backends"
)

// kill launches an engine of its own and ends it in the midst of a request.
func (s Suite) kill(t *testing.T) { s.launch(t).killed(t) }

// killed ends the engine in the midst of a request, or of a batch.
func (l *launched) killed(t *testing.T) {
	time.AfterFunc(300*time.Millisecond, func() { killAll(l.engine.Info().PIDs) })
	if b, ok := l.engine.(backends.Batcher); ok {
		l.killedBatch(t, b)
	} else {
		l.killedRequest(t)
	}
	l.gone(t)
	if l.engine.Info().Cause == nil {
		t.Error("a killed engine has no cause")
	}
	if r := l.engine.Generate(l.within(t), l.request(l.cell, 901)); r.Status == backends.OK {
		t.Error("a dead engine answered")
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := l.engine.Close(ctx); err != nil {
		t.Errorf("close a dead engine: %v", err)
	}
}

// killAll kills only the roots: that the rest ends with them is what the case shows.
func killAll(pids []int) {
	for _, pid := range pids {
		if p, err := os.FindProcess(pid); err == nil {
			_ = p.Kill()
		}
	}
}

// killedRequest asks an engine that is killed meanwhile: the reply must blame it, and soon.
func (l *launched) killedRequest(t *testing.T) {
	began := time.Now()
	r := l.engine.Generate(l.within(t), l.long(600))
	switch r.Status {
	case backends.Disconnected, backends.Failed, backends.Truncated:
	default:
		t.Errorf("%s (%s), want disconnected, failed or truncated", r.Status, r.Error)
	}
	if r.ErrorClass == "" || r.Seq != 600 {
		t.Errorf("seq %d, error class %q", r.Seq, r.ErrorClass)
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("the reply came %v after the engine's end", took)
	}
}

// killedBatch: the error says it, and no request is answered twice or well after the death.
func (l *launched) killedBatch(t *testing.T, b backends.Batcher) {
	var reqs []backends.Request
	for i := range 20 {
		reqs = append(reqs, l.long(int64(700+i)))
	}
	seen := map[int64]bool{}
	err := b.GenerateAll(l.within(t), each(reqs), func(r backends.Reply) {
		if seen[r.Seq] {
			t.Errorf("seq %d was answered twice", r.Seq)
		}
		seen[r.Seq] = true
	})
	if err == nil {
		t.Error("a batch whose engine died returned no error")
	}
}
