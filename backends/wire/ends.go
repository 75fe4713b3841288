package wire

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"time"
	"unicode/utf8"

	"matrix/backends"
)

// answerError is an end that the answer itself tells.
type answerError struct {
	status backends.Status // never OK
	class  string          // Reply.ErrorClass
	text   string          // as the server has it, not yet cut or redacted
}

func (e *answerError) Error() string { return e.text }

// malformed is an answer that broke the protocol. That is its end: it is not sent again.
func malformed(class, text string) error { return &answerError{backends.Malformed, class, text} }

// setEnd overwrites: who comes later knows more, as that our own timeout broke the connection.
func setEnd(r *backends.Reply, status backends.Status, class, text string) {
	r.Status, r.ErrorClass, r.Error = status, class, text
}

// engineError is an error that the engine reported within its answer.
func engineError(raw []byte) error {
	text := ErrorText(raw)
	return &answerError{backends.Failed, refusalClass(text, "error_event"), text}
}

// isError reports whether an "error" member says that there was one.
func isError(raw json.RawMessage) bool {
	switch string(raw) {
	case "", "null", `""`, "false", "{}":
		return false
	}
	return true
}

// ErrorText digs the message out of the shapes that servers give their errors.
func ErrorText(raw []byte) string {
	raw = bytes.TrimSpace(raw)
	var text string
	if json.Unmarshal(raw, &text) == nil {
		if strings.HasPrefix(text, `{"error"`) { // Ollama passes on what llama-server said
			return ErrorText([]byte(text))
		}
		return text
	}
	var object struct{ Error, Message, Detail json.RawMessage }
	if json.Unmarshal(raw, &object) == nil {
		for _, inner := range []json.RawMessage{object.Error, object.Message, object.Detail} {
			if isError(inner) {
				return ErrorText(inner)
			}
		}
	}
	return string(raw)
}

// tooLong is how engines say that a prompt does not fit: Ollama, llama-server, vLLM of different versions.
var tooLong = []string{
	"exceeds the context length", "exceeds the available context size", "maximum context length", "maximum model length",
	"context length is only", "max_model_len", "longer than the max", "longer than the context length", "exceed_context_size", "exceed context window", "context window of", "prompt is too long", "context_length_exceeded",
}

// refusalClass groups the engine's words.
func refusalClass(text, otherwise string) string {
	lower := strings.ToLower(text)
	for _, words := range tooLong {
		if strings.Contains(lower, words) {
			return "prompt_too_long"
		}
	}
	if strings.Contains(lower, "out of memory") {
		return "oom"
	}
	return otherwise
}

// connectionClass names what happened to a connection.
func connectionClass(err error) string {
	var dns *net.DNSError
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection_refused"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "connection_reset"
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return "connection_closed"
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
		return "fd_limit"
	case errors.As(err, &dns):
		return "dns"
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return "no_ports"
	case errors.Is(err, syscall.ENOBUFS), errors.Is(err, syscall.ENOMEM):
		return "no_memory"
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETDOWN):
		return "no_network"
	case errors.Is(err, os.ErrDeadlineExceeded):
		return "connection_timeout"
	}
	return "connection_broken"
}

// badFraming reports whether a body broke HTTP's or gzip's own form; net/http has no type for it.
func badFraming(err error) bool {
	return errors.Is(err, gzip.ErrHeader) || errors.Is(err, gzip.ErrChecksum) ||
		strings.Contains(err.Error(), "chunk") || strings.HasPrefix(err.Error(), "flate: corrupt")
}

// refused books an answer that is not 200.
func refused(r *backends.Reply, response *http.Response) {
	body, _ := io.ReadAll(io.LimitReader(response.Body, 64<<10))
	text := ErrorText(body)
	if text == "" {
		text = http.StatusText(response.StatusCode)
	}
	class := fmt.Sprintf("http_%d", response.StatusCode)
	switch response.StatusCode {
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		setEnd(r, backends.Rejected, class, text)
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusInternalServerError:
		setEnd(r, backends.Failed, refusalClass(text, class), text)
	default:
		setEnd(r, backends.Failed, class, text)
	}
}

// unsent books an exchange that broke before an answer began. What this machine lacks never left it, and no engine is to
// blame: such a request was not sent.
func unsent(r *backends.Reply, err error) {
	setEnd(r, backends.Disconnected, connectionClass(err), err.Error())
	switch r.ErrorClass {
	case "fd_limit", "dns", "no_ports", "no_memory", "no_network":
		r.Status, r.Sent = backends.NotSent, time.Time{}
		return
	}
	var net *net.OpError
	if !errors.As(err, &net) && strings.Contains(err.Error(), "malformed HTTP") {
		setEnd(r, backends.Malformed, "no_http", err.Error())
	}
}

// errTimeout is the cause by which a request's own timeout is told from the caller's end.
var errTimeout = errors.New("the request's timeout passed")

// stopped books an exchange that our own side ended: by its timeout, or because we stop.
func stopped(r *backends.Reply, ctx context.Context) {
	cause := context.Cause(ctx)
	switch {
	case cause == nil || r.Status == backends.OK || r.Status == backends.NotSent:
	case errors.Is(cause, errTimeout):
		setEnd(r, backends.TimedOut, "timeout", errTimeout.Error())
	default:
		setEnd(r, backends.Canceled, "canceled", cause.Error())
	}
}

// excerpt is a short printable piece of what a server sent.
func excerpt(b []byte) string {
	const most = 200
	if len(b) > most {
		return strings.ToValidUTF8(string(b[:most]), "") + "…"
	}
	return strings.ToValidUTF8(string(b), "\ufffd")
}

// OneLine fits an error into a row: one line, at most 500 bytes, not cut within a character.
func OneLine(text string) string {
	const most = 500
	text = strings.Join(strings.FieldsFunc(strings.ToValidUTF8(text, "\ufffd"), func(r rune) bool { return r < 0x20 }), " ")
	if len(text) <= most {
		return text
	}
	cut := most - len("…")
	for !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut] + "…"
}

// without takes secrets out of a text; an empty one is none.
func without(text string, secrets []string) string {
	for _, secret := range secrets {
		if secret != "" {
			text = strings.ReplaceAll(text, secret, "***")
		}
	}
	return text
}

// Echoed is a text of the server at an address in one line, and without the address's query: servers echo it.
func Echoed(text, address string) string { return OneLine(without(text, queryOf(address))) }

// NameDeath says of a broken connection that the engine died, where it did. A connection breaks before the process is known
// to have ended, hence the short wait; done is closed by the process's end.
func NameDeath(ctx context.Context, r backends.Reply, done <-chan struct{}) backends.Reply {
	if r.Status != backends.Disconnected && r.Status != backends.Truncated {
		return r
	}
	select {
	case <-done:
		r.ErrorClass = "engine_died"
	case <-ctx.Done():
	case <-time.After(200 * time.Millisecond):
	}
	return r
}
