package launch

import (
	"fmt"
	"slices"
	"strings"

	"matrix/results/format"
	"matrix/results/record"
	"matrix/runner/ledger"
)

// ourFault is what this machine or this experiment lacks when requests end so, "" where it is the engine's. The request was
// refused before any engine saw it.
func ourFault(class string) (hint string) {
	switch class {
	case "http_401", "http_403", "http_407":
		return "the server refuses the key: platform.api_key_env names the variable that holds it"
	case "http_402":
		return "the server wants to be paid first"
	case "http_404", "http_405":
		return "the server knows no such path or model: correct platform.url or the model's name"
	case "http_301", "http_302", "http_303", "http_307", "http_308":
		return "the server redirects: write the address that it redirects to into platform.url"
	case "bad_url":
		return "correct platform.url"
	}
	return wants[class]
}

// turnedAway are the ends of requests that a server which somebody else runs does not want just now. Of a launched one that is
// ready they are its own fault.
func turnedAway(class string) bool { return class == "http_429" || class == "http_503" }

// wants are the classes of requests that never left because this machine lacks something, and what to do.
var wants = map[string]string{
	"fd_limit":   "raise the limit of open files (ulimit -n), or lower load.concurrency",
	"dns":        "the name in platform.url cannot be resolved here: correct it, or the machine's DNS",
	"no_ports":   "this machine has no free port left: lower load.concurrency",
	"no_memory":  "the kernel has no memory for more connections: lower load.concurrency",
	"no_network": "the server's network cannot be reached from here",
}

// useless is the end of a phase in which no request was answered; what names them: "warm-up requests".
func useless(what string, n int64, worst *ledger.Failure, logTail string) *Outcome {
	out := &Outcome{Status: record.EngineFailed, LogTail: logTail, whole: true}
	out.Reason = fmt.Sprintf("none of %s %s was answered", format.Whole(n), what)
	if worst == nil {
		return out
	}
	out.Reason += fmt.Sprintf(": %s × %s", format.Whole(worst.N), worst.Class)
	if worst.Text != "" {
		out.Reason += " (" + worst.Text + ")"
	}
	if out.Hint = ourFault(worst.Class); out.Hint != "" {
		out.Status = record.EnvironmentFailed
		return out
	}
	out.Hint = remedy(worst)
	if slices.Contains(refusals, worst.Class) && int64(worst.N) == n {
		out.Usage = BadRequest
	}
	return out
}

// refusals are the classes of a request that the engine understood and will not answer.
var refusals = []string{"http_400", "http_422", "invalid_request", "bad_request"}

// remedy is what to set where the engine's own words tell it.
func remedy(e *ledger.Failure) string {
	text := strings.ToLower(e.Text)
	switch {
	case strings.Contains(text, "chat template") || strings.Contains(text, "chat_template"):
		return "the model has no chat template: set generate.template, take an instruction-tuned model, or a dataset of prompts instead of messages"
	case strings.Contains(text, "system role") || strings.Contains(text, "roles must alternate"):
		return "the model's template takes no such conversation: take the system message out of the dataset, or set generate.template"
	case slices.ContainsFunc([]string{"schema", "grammar", "structured", "response_format", "guided"}, func(w string) bool { return strings.Contains(text, w) }):
		return "the engine does not take this form of an answer: change generate's json_schema, choice or regex for all platforms, or leave it out"
	case e.Class == "prompt_too_long":
		return "the prompts do not fit the context: raise max_model_len or num_ctx, or shorten them"
	case e.Class == "timeout" || e.Class == "unresponsive":
		return "raise load.timeout, or look into the engine's log"
	}
	return ""
}
