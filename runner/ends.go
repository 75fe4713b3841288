package runner

import (
	"fmt"
	"slices"
	"strings"

	"matrix/backends"
	"matrix/results"
)

// end is how often requests ended in one way, and the words of one.
type end struct {
	class string
	n     int64
	text  string
}

// mostEnds bounds the ways that are told apart: classes may come from outside.
const mostEnds = 50

func book(in map[string]*end, class, text string) {
	e := in[class]
	if e == nil {
		if len(in) >= mostEnds {
			return
		}
		e = &end{class: class, text: text}
		in[class] = e
	}
	e.n++
}

// slowLoad is more than a model that is loaded costs a request, in Ollama's load_duration.
const slowLoad = 0.5

// notice counts what is told about all requests together; the ledger's lock is held.
func (b *ledger) notice(r *backends.Reply) {
	if r.Status != backends.OK && r.Status != backends.Canceled {
		class := r.ErrorClass
		if class == "" {
			class = string(r.Status)
		}
		book(b.ends, class, r.Error)
	}
	for _, f := range r.Flags {
		text := ""
		if f == backends.FlagUnknownFinish {
			text = r.FinishReason
		}
		book(b.flags, f, text)
	}
	if r.Status == backends.OK && r.Text == "" {
		book(b.flags, noText, "")
	}
	if r.Status == backends.OK && r.OutputTokens == nil {
		book(b.flags, noCount, "")
	}
	if r.ServerLoad != nil && *r.ServerLoad >= slowLoad {
		b.loads.n++
		b.loadS += *r.ServerLoad
	}
}

// worst is how most of what failed ended; nil = nothing did.
func (b *ledger) worst() *end {
	b.mu.Lock()
	defer b.mu.Unlock()
	var worst *end
	for _, e := range b.ends {
		if worst == nil || e.n > worst.n || e.n == worst.n && e.class < worst.class {
			worst = e
		}
	}
	return worst
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
	backends.FlagBadCount:      "%d answers came with a count or a time that cannot be (negative, beyond the context), which is null",
	noText:                     "%d answers have no text: look into one (outputs.parquet, server.log) before you believe a figure",
	noCount:                    "%d answers came without a count of tokens: there is no tok/s and no time per token of them",
}

// warnings tells of replies that were dropped, and of what is odd about those that were not.
func (b *ledger) warnings() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var all []string
	for why, n := range b.strange {
		all = append(all, fmt.Sprintf("%d replies were dropped: the engine %s", n, why))
	}
	for name, e := range b.flags {
		if form := flagged[name]; strings.Contains(form, "%q") {
			all = append(all, fmt.Sprintf(form, e.n, e.text))
		} else {
			all = append(all, fmt.Sprintf(form, e.n))
		}
	}
	if n := b.counts.reconnects; n > 0 {
		all = append(all, fmt.Sprintf("%d connections were lost before a byte of an answer though the engine was well; the requests were sent again (reconnects)", n))
	}
	if b.loads.n > 0 {
		all = append(all, fmt.Sprintf("%d measured answers waited %.1f s together for the model to be loaded (load_duration): something had unloaded it", b.loads.n, b.loadS))
	}
	slices.Sort(all)
	return all
}

// ourFault is what this machine or this experiment lacks when requests end so, "" where it is the engine's. The request was
// refused before any engine saw it.
func ourFault(class string) (hint string) {
	switch class {
	case "http_401", "http_403", "http_407":
		return "the server refuses the key: platform.api_key_env names the variable that holds it"
	case "http_404", "http_405":
		return "the server knows no such path or model: correct platform.url or the model's name"
	case "http_301", "http_302", "http_303", "http_307", "http_308":
		return "the server redirects: write the address that it redirects to into platform.url"
	case "bad_url":
		return "correct platform.url"
	}
	return wants[class]
}

// wants are the classes of requests that never left because this machine lacks something, and what to do.
var wants = map[string]string{
	"fd_limit":   "raise the limit of open files (ulimit -n), or lower load.concurrency",
	"dns":        "the name in platform.url cannot be resolved here: correct it, or the machine's DNS",
	"no_ports":   "this machine has no free port left: lower load.concurrency",
	"no_memory":  "the kernel has no memory for more connections: lower load.concurrency",
	"no_network": "the server's network cannot be reached from here",
}

// useless is the end of a phase in which no request was answered; what names them: "warm-up requests".
func useless(what string, n int64, worst *end, logTail string) outcome {
	out := outcome{status: results.EngineFailed, logTail: logTail, whole: true}
	out.reason = fmt.Sprintf("none of %s %s was answered", thousands(n), what)
	if worst == nil {
		return out
	}
	out.reason += fmt.Sprintf(": %s × %s", thousands(worst.n), worst.class)
	if worst.text != "" {
		out.reason += " (" + worst.text + ")"
	}
	if out.hint = ourFault(worst.class); out.hint != "" {
		out.status = results.EnvironmentFailed
		return out
	}
	out.hint = remedy(worst)
	return out
}

// remedy is what to set where the engine's own words tell it.
func remedy(e *end) string {
	text := strings.ToLower(e.text)
	switch {
	case strings.Contains(text, "chat template") || strings.Contains(text, "chat_template"):
		return "the model has no chat template: set generate.template, take an instruction-tuned model, or a dataset of prompts instead of messages"
	case strings.Contains(text, "system role") || strings.Contains(text, "roles must alternate"):
		return "the model's template takes no such conversation: take the system message out of the dataset, or set generate.template"
	case e.class == "prompt_too_long":
		return "the prompts do not fit the context: raise max_model_len or num_ctx, or shorten them"
	case e.class == "timeout" || e.class == "unresponsive":
		return "raise load.timeout, or look into the engine's log"
	}
	return ""
}
