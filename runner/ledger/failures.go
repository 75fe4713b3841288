package ledger

import (
	"fmt"
	"slices"
	"strings"

	"matrix/backends"
)

// Failure is how often requests failed in one way, and the words of one.
type Failure struct {
	Class string
	N     int
	Text  string
}

// Failures are the ways in which requests failed, by class.
type Failures map[string]*Failure

// mostFailures bounds the ways that are told apart: classes may come from outside.
const mostFailures = 50

// Book counts a failure under its class, with the text of the first. After so many classes new ones are not kept: texts
// made by a server could be without end.
func (f Failures) Book(class, text string) {
	e := f[class]
	if e == nil {
		if len(f) >= mostFailures {
			return
		}
		e = &Failure{Class: class, Text: text}
		f[class] = e
	}
	e.N++
}

// Worst is how most of what failed ended; nil = nothing did.
func (f Failures) Worst() *Failure {
	var worst *Failure
	for _, e := range f {
		if worst == nil || e.N > worst.N || e.N == worst.N && e.Class < worst.Class {
			worst = e
		}
	}
	return worst
}

// Sum counts all that were booked.
func (f Failures) Sum() (n int) {
	for _, e := range f {
		n += e.N
	}
	return n
}

// slowLoad is more than a model that is loaded costs a request, in Ollama's load_duration.
const slowLoad = 0.5

// notice counts what is told about all requests together; the ledger's lock is held.
func (b *Ledger) notice(r *backends.Reply) {
	if r.Status != backends.OK && r.Status != backends.Repeated && r.Status != backends.Canceled {
		class := r.ErrorClass
		if class == "" {
			class = string(r.Status)
		}
		b.failures.Book(class, r.Error)
	}
	for _, f := range r.Flags {
		text := ""
		if f == backends.FlagUnknownFinish {
			text = r.FinishReason
		}
		b.flags.Book(f, text)
	}
	if r.Status == backends.OK && r.Text == "" {
		b.flags.Book(noText, "")
	}
	if r.Status == backends.OK && r.OutputTokens == nil {
		b.flags.Book(noCount, "")
	}
	if r.ServerLoad != nil && *r.ServerLoad >= slowLoad {
		b.loads++
		b.loadS += *r.ServerLoad
	}
}

// Worst is how most of what failed ended; nil = nothing did.
func (b *Ledger) Worst() *Failure {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.failures.Worst()
}

// What is odd about an answer that came in order, beside the backends' flags.
const (
	noText  = "no_text"
	noCount = "no_count"
)

// flagged is what is said of answers that are odd and count all the same; %s is one of them.
var flagged = map[string]string{
	backends.FlagUnknownFinish: "%d answers end for a reason that matrix does not know (finish_reason %q) and count as ok",
	backends.FlagOverMax:       "%d answers have more tokens than max_tokens by the engine's count, which is taken as it is",
	backends.FlagNoEndMark:     "%d streams ended in order without [DONE], behind finish_reason and usage, and count as ok",
	backends.FlagNoFinish:      "%d answers do not say why they ended (no finish_reason) and count as ok",
	backends.FlagFewTokens:     "%d answers have fewer tokens by the engine's count than events with text: it counts otherwise, or repeats itself",
	backends.FlagBadCount:      "%d answers came with a count or a time that cannot be (negative, beyond the context, no number, told before the end), which is null",
	noText:                     "%d answers have no text: look into one (outputs.parquet, server.log) before you believe a figure",
	noCount:                    "%d answers came without a count of tokens: there is no tok/s and no time per token of them",
}

// Warnings tells of replies that were dropped, and of what is odd about those that were not.
func (b *Ledger) Warnings() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var all []string
	for why, n := range b.strange {
		all = append(all, fmt.Sprintf("%d replies were dropped: the engine %s", n, why))
	}
	for name, e := range b.flags {
		if form := flagged[name]; strings.Contains(form, "%q") {
			all = append(all, fmt.Sprintf(form, e.N, e.Text))
		} else {
			all = append(all, fmt.Sprintf(form, e.N))
		}
	}
	if n := b.counts.Reconnects; n > 0 {
		all = append(all, fmt.Sprintf("%d connections were lost before a byte of an answer though the engine was well; the requests were sent again (reconnects)", n))
	}
	if b.loads > 0 {
		all = append(all, fmt.Sprintf("%d measured answers waited %.1f s together for the model to be loaded (load_duration): something had unloaded it", b.loads, b.loadS))
	}
	slices.Sort(all)
	return all
}
