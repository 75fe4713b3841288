package openai

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"mime/multipart"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"matrix/backends"
	"matrix/backends/wire"
)

// Limits of the service for one input file.
const (
	maxFileRequests = 50_000
	maxFileBytes    = 190 << 20 // of 200 MB
)

// inputFile is a batch on its way up. All of its requests go to one endpoint.
type inputFile struct {
	path     string           // removed once it is uploaded
	endpoint string           // "/v1/chat/completions": a batch has one
	seqs     map[int64]bool   // of the requests in it
	hashes   map[int64]string // by seq, of each line: for batchkeep
	file     *os.File         // open until close
	out      *bufio.Writer    // of file; flushed by close
	bytes    int              // written so far
}

// writeFiles spreads requests over files and hands each over once it is full, so that no batch is held in memory.
func (b *batcher) writeFiles(reqs iter.Seq[backends.Request], submit func(*inputFile) error) error {
	open := map[string]*inputFile{}
	defer func() {
		for _, f := range open {
			f.remove()
		}
	}()
	flush := func(f *inputFile) error {
		delete(open, f.endpoint)
		defer f.remove()
		if err := f.close(); err != nil {
			return fmt.Errorf("write batch file: %w", err)
		}
		return submit(f)
	}
	for req := range reqs {
		endpoint, line := b.line(req)
		f := open[endpoint]
		if f != nil && (len(f.seqs) >= maxFileRequests || f.bytes+len(line) > maxFileBytes) {
			if err := flush(f); err != nil {
				return err
			}
			f = nil
		}
		if f == nil {
			var err error
			if f, err = createFile(b.dir, endpoint); err != nil {
				return err
			}
			open[endpoint] = f
		}
		f.add(req.Seq, line)
	}
	for _, endpoint := range []string{wire.OpenAICompletions.Path(), wire.OpenAIChat.Path()} {
		if f := open[endpoint]; f != nil {
			if err := flush(f); err != nil {
				return err
			}
		}
	}
	return nil
}

// line is one request of an input file: what would be streamed, less the streaming.
func (b *batcher) line(req backends.Request) (endpoint string, line []byte) {
	body, protocol := wire.OpenAIBody(b.begun(req), b.model, b.accepted())
	endpoint = protocol.Path()
	var fields map[string]json.RawMessage // as they stand: a schema's keys keep their order
	if err := json.Unmarshal(withArgs(body, b.args), &fields); err != nil {
		panic(fmt.Sprintf("read a request of our own: %v", err)) // our bug, not the user's
	}
	delete(fields, "stream")
	delete(fields, "stream_options")
	line, err := json.Marshal(map[string]any{
		"custom_id": strconv.FormatInt(req.Seq, 10), "method": http.MethodPost, "url": endpoint, "body": fields,
	})
	if err != nil {
		panic(fmt.Sprintf("encode a request of plain values: %v", err))
	}
	return endpoint, append(line, '\n')
}

// createFile makes it in the launch's own folder, with which it goes when we die before remove.
func createFile(dir, endpoint string) (*inputFile, error) {
	file, err := os.CreateTemp(dir, "batch-*.jsonl")
	if err != nil {
		return nil, fmt.Errorf("write batch file: %w", err)
	}
	return &inputFile{path: file.Name(), endpoint: endpoint, seqs: map[int64]bool{}, hashes: map[int64]string{}, file: file, out: bufio.NewWriter(file)}, nil
}

// add takes a line with its line feed; a seq comes once.
func (f *inputFile) add(seq int64, line []byte) {
	f.seqs[seq] = true
	f.hashes[seq] = lineHash(f.endpoint, line)
	f.bytes += len(line)
	_, _ = f.out.Write(line) // an error stays in the writer until close
}

// close tells of what went wrong in any add before it.
func (f *inputFile) close() error {
	if err := f.out.Flush(); err != nil {
		return err
	}
	return f.file.Close()
}

// remove may come after close or instead of it; its errors are those of a scratch folder that goes anyway.
func (f *inputFile) remove() {
	f.file.Close()
	os.Remove(f.path)
}

// upload streams a file up and returns its id.
func (b *batcher) upload(ctx context.Context, path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	var head bytes.Buffer
	form := multipart.NewWriter(&head)
	if err := form.WriteField("purpose", "batch"); err != nil {
		return "", err
	}
	if _, err := form.CreateFormFile("file", filepath.Base(path)); err != nil {
		return "", err
	}
	// The form's end is written by hand: a writer that ends it would have to hold the whole file, up to 190 MiB.
	tail := "\r\n--" + form.Boundary() + "--\r\n"
	resp, err := b.server.Send(ctx, http.MethodPost, wire.Join(b.server.base, "/files"), form.FormDataContentType(),
		io.MultiReader(&head, file, bytes.NewReader([]byte(tail))))
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	var uploaded struct{ ID string }
	if err := json.NewDecoder(resp.Body).Decode(&uploaded); err != nil {
		return "", err
	}
	return uploaded.ID, nil
}

// answer is one line of an output or an error file. vLLM's run-batch writes an error as text, and an id may come back as a
// number.
type answer struct {
	CustomID json.RawMessage `json:"custom_id"` // the seq, as line wrote it
	Response *struct {
		StatusCode int             `json:"status_code"` // HTTP's, of this one request
		Body       json.RawMessage `json:"body"`
	} `json:"response"`
	Error json.RawMessage `json:"error"`
}

// fault is what the answer's error says: an object with a code and a message, or text; ok where there is none.
func (a *answer) fault() (class, message string, ok bool) {
	if len(a.Error) == 0 || string(a.Error) == "null" {
		return "", "", true
	}
	var e struct{ Code, Message any }
	if json.Unmarshal(a.Error, &e) == nil && (e.Code != nil || e.Message != nil) {
		if e.Message == nil {
			e.Message = ""
		}
		if e.Code == nil {
			e.Code = "batch_error"
		}
		return fmt.Sprint(e.Code), fmt.Sprint(e.Message), false
	}
	var text string
	if json.Unmarshal(a.Error, &text) != nil {
		text = string(a.Error)
	}
	if a.Response != nil && a.Response.StatusCode >= 400 {
		return fmt.Sprintf("http_%d", a.Response.StatusCode), text, false
	}
	return "batch_error", text, false
}

// completion is what stands in an answer's body.
type completion struct {
	Choices []struct {
		Text         string                   // of a completion
		Message      struct{ Content string } // of a chat
		FinishReason string                   `json:"finish_reason"`
	}
	Usage *struct {
		Prompt     *int64 `json:"prompt_tokens"`
		Completion *int64 `json:"completion_tokens"`
		Details    *struct {
			Cached *int64 `json:"cached_tokens"`
		} `json:"prompt_tokens_details"`
	}
}

// readAnswers streams a file down. A line that answers nothing that was asked is passed over, and so is one that cannot be
// read: the other answers came, and were paid for.
func (b *batcher) readAnswers(ctx context.Context, r *batch, file string, over time.Time, done func(backends.Reply)) error {
	resp, err := b.server.Send(ctx, http.MethodGet, wire.Join(b.server.base, "/files/"+file+"/content"), "", nil)
	if err != nil {
		return err
	}
	body := &patient{body: resp.Body, silence: time.AfterFunc(filePatience, func() { resp.Body.Close() })}
	defer body.Close()
	lines := bufio.NewScanner(body)
	lines.Buffer(make([]byte, 64<<10), 64<<20)
	for lines.Scan() {
		var a answer
		if len(bytes.TrimSpace(lines.Bytes())) == 0 {
			continue
		}
		if json.Unmarshal(lines.Bytes(), &a) != nil {
			r.unread++
			continue
		}
		seq, err := strconv.ParseInt(strings.Trim(string(a.CustomID), `"`), 10, 64)
		if err != nil || !r.seqs[seq] {
			continue
		}
		delete(r.seqs, seq)
		reply := backends.Reply{Seq: seq, Attempts: 1, Sent: r.began, Done: over, TokenSource: "none"}
		a.fill(&reply)
		reply.Error = wire.OneLine(b.server.Redact(reply.Error))
		done(reply)
	}
	return lines.Err()
}

// fill books one answer.
func (a *answer) fill(r *backends.Reply) {
	fail := func(status backends.Status, class, text string) {
		r.Status, r.ErrorClass, r.Error = status, class, text
	}
	if a.Response != nil {
		r.HTTPStatus = a.Response.StatusCode
	}
	var c completion
	class, message, fine := a.fault()
	switch {
	case !fine:
		fail(backends.Failed, class, message)
	case a.Response == nil:
		fail(backends.Malformed, "malformed_event", "an answer has neither response nor error")
	case a.Response.StatusCode == http.StatusTooManyRequests || a.Response.StatusCode == http.StatusServiceUnavailable:
		fail(backends.Rejected, fmt.Sprintf("http_%d", a.Response.StatusCode), wire.ErrorText(a.Response.Body))
	case a.Response.StatusCode != http.StatusOK:
		fail(backends.Failed, fmt.Sprintf("http_%d", a.Response.StatusCode), wire.ErrorText(a.Response.Body))
	case json.Unmarshal(a.Response.Body, &c) != nil || len(c.Choices) == 0:
		fail(backends.Malformed, "malformed_event", "an answer has no choices")
	default:
		r.Status = backends.OK
		r.Text, r.FinishReason = c.Choices[0].Text+c.Choices[0].Message.Content, c.Choices[0].FinishReason
		if c.Usage != nil {
			r.InputTokens, r.OutputTokens = c.Usage.Prompt, c.Usage.Completion
			if c.Usage.Details != nil {
				r.CachedTokens = c.Usage.Details.Cached
			}
		}
		r.InputTokens, r.OutputTokens, r.CachedTokens = r.Plausible(r.InputTokens, 0), r.Plausible(r.OutputTokens, 0), r.Plausible(r.CachedTokens, 0)
		if r.OutputTokens != nil {
			r.TokenSource = "usage"
		}
		r.Finish()
	}
}
