package openai

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"time"

	"matrix/backends"
	"matrix/backends/wire"
	"matrix/experiments/cell"
)

// defaultPoll is the pause between two looks at a batch that may take hours.
const defaultPoll = 10 * time.Second

// pollOf is options.poll; 0 for what is no duration.
func pollOf(p *cell.Platform) time.Duration {
	text, declared := p.Options["poll"].(string)
	if !declared {
		return defaultPoll
	}
	d, _ := time.ParseDuration(text)
	return d
}

// batcher hands whole batches to the Batch API: files up, batches created, polled, answers down. The service tells no
// time of a single request, so replies have none but the batch's begin and end.
type batcher struct {
	*attached
	dir  string        // scratch, for files on their way up
	poll time.Duration // between two looks at one batch

	keep   string // folder that outlives a crash; "" = nothing is kept
	kept   []kept // of this segment and those before, less what is answered
	loaded bool   // the file of earlier segments has been read
}

// batch is the service's view of one.
type batch struct {
	ID         string    `json:"id"`
	Status     string    `json:"status"`         // "in_progress", "completed", "failed", "expired", "cancelled" …
	OutputFile string    `json:"output_file_id"` // answers; "" = not yet, or none
	ErrorFile  string    `json:"error_file_id"`  // requests that were refused; "" = none
	Errors     *struct { // of a batch that failed as a whole; nil = none
		Data []struct{ Code, Message string }
	} `json:"errors"`
	inputFile string         // id of what was uploaded, for its deletion
	began     time.Time      // before the upload; of one that was taken up again, as it was kept
	seqs      map[int64]bool // asked and not answered yet
	unread    int            // lines of its output that are no JSON
}

// unreadNote is added where an answer is missing that may be one of the lines that could not be read.
func (r *batch) unreadNote() string {
	if r.unread == 0 {
		return ""
	}
	return fmt.Sprintf("; lines of its output that are no JSON: %d", r.unread)
}

// Generate is a batch of one.
func (b *batcher) Generate(ctx context.Context, req backends.Request) backends.Reply {
	reply := backends.Reply{Seq: req.Seq, Status: backends.NotSent, TokenSource: "none"}
	ctx, cancel := backends.Within(ctx, req.Timeout, context.DeadlineExceeded)
	defer cancel()
	one := func(yield func(backends.Request) bool) { yield(req) }
	err := b.GenerateAll(ctx, one, func(r backends.Reply) { reply = r })
	if err != nil && reply.Status == backends.NotSent {
		reply.Error = wire.OneLine(b.server.Redact(err.Error()))
		reply.Status, reply.ErrorClass = backends.Failed, "batch_failed"
		if errors.Is(err, context.DeadlineExceeded) {
			reply.Status, reply.ErrorClass = backends.TimedOut, "timeout"
		} else if errors.Is(err, context.Canceled) {
			reply.Status, reply.ErrorClass = backends.Canceled, "canceled"
		}
	}
	return reply
}

// GenerateAll submits everything first, in as many files as the service's limits ask for, and then waits. What a batch of
// an earlier segment has is not submitted again.
// done is called from this goroutine. On an error the batches that still run are canceled: they cost money.
func (b *batcher) GenerateAll(ctx context.Context, reqs iter.Seq[backends.Request], done func(backends.Reply)) error {
	b.readKept(ctx)
	var running []*batch
	again := map[string]*batch{}
	err := b.writeFiles(b.unsent(reqs, again), func(f *inputFile) error {
		sent, err := b.submit(ctx, f)
		if err == nil {
			b.remember(sent, f.hashes)
			running = append(running, sent)
		}
		return err
	})
	for _, r := range again {
		running = append(running, r)
		b.warn("batch " + r.ID + " of an interrupted segment was taken up again: its requests were sent then, and their times count from there")
	}
	if err != nil {
		return errors.Join(err, b.cancelAll(running))
	}
	for i, r := range running {
		if err := b.await(ctx, r); err != nil {
			return errors.Join(err, b.cancelAll(running[i:]))
		}
		if err := b.collect(ctx, r, done); err != nil {
			return errors.Join(err, b.cancelAll(running[i+1:]))
		}
		b.forget(r.ID)
	}
	return nil
}

// unsent leaves out what a kept batch has; those batches are put into again.
func (b *batcher) unsent(reqs iter.Seq[backends.Request], again map[string]*batch) iter.Seq[backends.Request] {
	return func(yield func(backends.Request) bool) {
		for req := range reqs {
			if len(b.kept) > 0 {
				if endpoint, line := b.line(req); b.pickUp(req.Seq, endpoint, line, again) {
					continue
				}
			}
			if !yield(req) {
				return
			}
		}
	}
}

// submit uploads a file of requests and makes a batch of it.
func (b *batcher) submit(ctx context.Context, f *inputFile) (*batch, error) {
	began := time.Now()
	id, err := b.upload(ctx, f.path)
	if err != nil {
		return nil, fmt.Errorf("upload batch file: %w", err)
	}
	var created batch
	err = b.server.call(ctx, http.MethodPost, "/batches", map[string]string{
		"input_file_id": id, "endpoint": f.endpoint, "completion_window": "24h",
	}, &created)
	if err != nil {
		return nil, fmt.Errorf("create batch: %w", err)
	}
	created.inputFile, created.began, created.seqs = id, began, f.seqs
	return &created, nil
}

// await looks at a batch until it is over. A look that fails is repeated: hours of work must not hang on one request.
func (b *batcher) await(ctx context.Context, r *batch) error {
	const patience = 30
	failures, after := 0, time.Duration(0)
	for {
		switch r.Status {
		case "completed", "expired", "cancelled":
			return nil
		case "failed":
			return fmt.Errorf("batch %s failed: %s", r.ID, r.reason())
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(max(b.poll, after)):
		}
		if err := b.server.call(ctx, http.MethodGet, "/batches/"+r.ID, nil, r); err != nil {
			var refused *wire.StatusError
			if after = 0; errors.As(err, &refused) {
				after = refused.After
			}
			if failures++; failures > patience || after > wire.LongestAsked {
				return fmt.Errorf("look at batch %s: %w", r.ID, err)
			}
			continue
		}
		failures, after = 0, 0
	}
}

// reason is the first that the service gives, of perhaps one for each line.
func (r *batch) reason() string {
	if r.Errors != nil && len(r.Errors.Data) > 0 {
		return cmp.Or(r.Errors.Data[0].Message, r.Errors.Data[0].Code)
	}
	return "the service gives no reason"
}

// collect reads answers and errors, and says what has neither.
func (b *batcher) collect(ctx context.Context, r *batch, done func(backends.Reply)) error {
	over := time.Now()
	for _, id := range []string{r.OutputFile, r.ErrorFile} {
		if id == "" {
			continue
		}
		if err := b.readAnswers(ctx, r, id, over, done); err != nil {
			return fmt.Errorf("read answers of batch %s: %w", r.ID, err)
		}
	}
	for seq := range r.seqs {
		done(backends.Reply{
			Seq: seq, Status: backends.Failed, ErrorClass: "batch_" + r.Status, Attempts: 1, Sent: r.began, Done: over, TokenSource: "none",
			Error: "the batch ended as " + r.Status + " without this request's answer" + r.unreadNote(),
		})
	}
	for _, id := range []string{r.inputFile, r.OutputFile, r.ErrorFile} {
		if id != "" { // they would stay for good; that one does is no failure of the measurement
			_ = b.server.call(ctx, http.MethodDelete, "/files/"+id, nil, nil)
		}
	}
	return nil
}

// cancelAll stops what would go on costing money. The context is over by now, as a rule.
func (b *batcher) cancelAll(running []*batch) error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	var all error
	for _, r := range running {
		if r.Status == "completed" || r.Status == "failed" || r.Status == "expired" || r.Status == "cancelled" {
			continue
		}
		if err := b.server.call(ctx, http.MethodPost, "/batches/"+r.ID+"/cancel", struct{}{}, nil); err != nil {
			all = errors.Join(all, fmt.Errorf("cancel batch %s: %w", r.ID, err))
		}
		b.forget(r.ID)
	}
	return all
}
