package openai

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"matrix/backends"
	"matrix/backends/backendtest"
	"matrix/experiments/cell"
)

const key = "sk-test-123"

// service is OpenAI's API with words for answers, and its batches, which take two looks.
type service struct {
	mu      sync.Mutex
	looks   int
	files   map[string]string
	status  string // that batches end with
	deleted []string
	cancels int
	endless bool
	odd     bool // it writes lines that others would not
}

func serve(t *testing.T) (*service, string) {
	t.Helper()
	s := &service{files: map[string]string{}, status: "completed"}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/models", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+key {
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprintf(w, `{"error":{"message":"bad key %s"}}`, r.Header.Get("Authorization"))
			return
		}
		fmt.Fprint(w, `{"data":[{"id":"other"},{"id":"m","max_model_len":64}]}`)
	})
	mux.HandleFunc("GET /version", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "" {
			t.Error("the key was sent where it is not needed")
		}
		fmt.Fprint(w, `{"version":"9.9"}`)
	})
	mux.HandleFunc("POST /v1/completions", s.stream)
	mux.HandleFunc("POST /v1/chat/completions", s.stream)
	mux.HandleFunc("POST /v1/files", s.upload)
	mux.HandleFunc("POST /v1/batches", s.create)
	mux.HandleFunc("GET /v1/batches/{id}", s.look)
	mux.HandleFunc("POST /v1/batches/{id}/cancel", func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.cancels++
		fmt.Fprint(w, `{}`)
	})
	mux.HandleFunc("GET /v1/files/{id}/content", func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		fmt.Fprint(w, s.files[r.PathValue("id")])
	})
	mux.HandleFunc("DELETE /v1/files/{id}", func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.deleted = append(s.deleted, r.PathValue("id"))
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return s, server.URL
}

type asked struct {
	Model     string
	Prompt    string
	Messages  []backends.Message
	MaxTokens int `json:"max_tokens"`
	TopK      int `json:"top_k"`
}

func (a asked) text() string {
	if len(a.Messages) > 0 {
		return a.Messages[0].Content
	}
	return a.Prompt
}

func (s *service) stream(w http.ResponseWriter, r *http.Request) {
	var a asked
	_ = json.NewDecoder(r.Body).Decode(&a)
	in := len(strings.Fields(a.text()))
	if in > 64 {
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, `{"error":{"message":"This model's maximum context length is 64 tokens"}}`)
		return
	}
	for range a.MaxTokens {
		fmt.Fprintf(w, "data: {\"model\":\"m-2026-01-01\",\"choices\":[{\"index\":0,\"text\":\" w\"}]}\n\n")
		w.(http.Flusher).Flush()
		select {
		case <-r.Context().Done():
			return
		case <-time.After(time.Millisecond):
		}
	}
	fmt.Fprintf(w, "data: {\"choices\":[{\"index\":0,\"text\":\"\",\"finish_reason\":\"length\"}],\"usage\":{\"prompt_tokens\":%d,\"completion_tokens\":%d}}\n\ndata: [DONE]\n\n", in, a.MaxTokens)
}

func (s *service) upload(w http.ResponseWriter, r *http.Request) {
	file, _, err := r.FormFile("file")
	if err != nil || r.FormValue("purpose") != "batch" {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	text, _ := io.ReadAll(file)
	s.mu.Lock()
	defer s.mu.Unlock()
	id := "in-" + strconv.Itoa(len(s.files))
	s.files[id] = string(text)
	fmt.Fprintf(w, `{"id":%q}`, id)
}

func (s *service) create(w http.ResponseWriter, r *http.Request) {
	var b struct {
		InputFile string `json:"input_file_id"`
		Endpoint  string `json:"endpoint"`
	}
	_ = json.NewDecoder(r.Body).Decode(&b)
	s.mu.Lock()
	defer s.mu.Unlock()
	id := "batch-" + b.InputFile
	var out, failed strings.Builder
	for lines := bufio.NewScanner(strings.NewReader(s.files[b.InputFile])); lines.Scan(); {
		var line struct {
			CustomID string `json:"custom_id"`
			URL      string
			Body     asked
		}
		_ = json.Unmarshal(lines.Bytes(), &line)
		switch in := len(strings.Fields(line.Body.text())); {
		case line.URL != b.Endpoint || strings.Contains(lines.Text(), "stream"):
			fmt.Fprintf(&failed, `{"custom_id":%q,"error":{"code":"bad_line","message":"no"}}`+"\n", line.CustomID)
		case s.odd && line.Body.text() == "e": // as vLLM's run-batch writes an error
			fmt.Fprintf(&out, "\n{\"custom_id\":\n{\"custom_id\":%q,\"response\":{\"status_code\":400,\"body\":null},\"error\":\"does not fit\"}\r\n", line.CustomID)
		case s.odd && line.Body.text() == "d":
			fmt.Fprintf(&out, `{"custom_id":%s,"response":{"status_code":200,"body":{"choices":[{"text":"w","message":{"content":null},"finish_reason":"stop"}]}},"error":null}`+"\n\n", line.CustomID)
		case strings.HasPrefix(line.Body.text(), "lost"):
		case in > 64:
			fmt.Fprintf(&failed, `{"custom_id":%q,"response":{"status_code":400,"body":{"error":{"message":"maximum context length is 64, %s"}}}}`+"\n", line.CustomID, key)
		default:
			fmt.Fprintf(&out, `{"custom_id":%q,"response":{"status_code":200,"body":{"choices":[{"text":"w","message":{"content":""},"finish_reason":"length"}],"usage":{"prompt_tokens":%d,"completion_tokens":%d}}}}`+"\n",
				line.CustomID, in, line.Body.MaxTokens)
		}
	}
	s.files[id+"-out"], s.files[id+"-err"] = out.String(), failed.String()
	fmt.Fprintf(w, `{"id":%q,"status":"validating"}`, id)
}

func (s *service) look(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := r.PathValue("id")
	switch s.looks++; {
	case s.looks == 1:
		w.WriteHeader(http.StatusBadGateway) // one bad look is no end
	case s.endless || s.looks == 2:
		fmt.Fprintf(w, `{"id":%q,"status":"in_progress"}`, id)
	case s.status == "failed":
		fmt.Fprintf(w, `{"id":%q,"status":"failed","errors":{"data":[{"code":"x","message":"too many lines"}]}}`, id)
	default:
		fmt.Fprintf(w, `{"id":%q,"status":%q,"output_file_id":"%s-out","error_file_id":"%s-err"}`, id, s.status, id, id)
	}
}

func cellOf(t *testing.T, backend, url string) *cell.Cell {
	t.Setenv("MATRIX_TEST_KEY", key)
	return &cell.Cell{
		Platform: &cell.Platform{ID: "p", Backend: backend, URL: url, APIKeyEnv: "MATRIX_TEST_KEY", Options: cell.Values{"poll": "5ms"}},
		Model:    &cell.Model{ID: "m", Parts: map[string]cell.Values{cell.OpenAI: {"model": "m"}}},
		Generate: &cell.Generate{MaxTokens: 8, TopP: 1, RepeatPenalty: 1},
	}
}

func TestConformance(t *testing.T) {
	_, url := serve(t)
	for name, chat := range map[string]bool{"completion": false, "chat": true} {
		t.Run(name, func(t *testing.T) {
			c := cellOf(t, cell.OpenAI, url)
			backendtest.Run(t, backendtest.Suite{
				Backend: New(), Cell: func(*testing.T) *cell.Cell { return c }, Chat: chat,
				TooLong: strings.Repeat("far too long ", 100), Can: backendtest.Can{Streams: true, Abort: true, Attached: true},
			})
		})
	}
}

func TestBatchConformance(t *testing.T) {
	s, url := serve(t)
	c := cellOf(t, cell.OpenAIBatch, url)
	backendtest.Run(t, backendtest.Suite{
		Backend: NewBatch(), Cell: func(*testing.T) *cell.Cell { return c },
		Can: backendtest.Can{Attached: true},
	})
	if len(s.deleted) < len(s.files)-2 {
		t.Errorf("%d of %d files were deleted", len(s.deleted), len(s.files))
	}
}

func launch(t *testing.T, b backends.Backend, c *cell.Cell) (backends.Engine, error) {
	t.Helper()
	e, err := b.Launch(t.Context(), backends.Spec{Cell: c, Dir: t.TempDir(), Observe: func(backends.Phase) {}, Timeout: time.Minute})
	if err == nil {
		t.Cleanup(func() { _ = e.Close(context.Background()) })
	}
	return e, err
}

// batchOf runs five prompts and a chat, of which one is too long and one is lost.
func batchOf(ctx context.Context, t *testing.T, url string) (map[int64]backends.Reply, error) {
	t.Helper()
	e, err := launch(t, NewBatch(), cellOf(t, cell.OpenAIBatch, url))
	if err != nil {
		t.Fatal(err)
	}
	replies := map[int64]backends.Reply{}
	prompts := []string{"a b c", strings.Repeat("x ", 100), "lost one", "d", "e"}
	err = e.(backends.Batcher).GenerateAll(ctx, func(yield func(backends.Request) bool) {
		for i, p := range prompts {
			if !yield(backends.Request{Seq: int64(i), Prompt: p, MaxTokens: 3, Generate: &cell.Generate{}}) {
				return
			}
		}
		yield(backends.Request{Seq: 5, Messages: []backends.Message{{Role: "user", Content: "f g"}}, MaxTokens: 3, Generate: &cell.Generate{}})
	}, func(r backends.Reply) { replies[r.Seq] = r })
	return replies, err
}

func TestBatch(t *testing.T) {
	s, url := serve(t)
	replies, err := batchOf(t.Context(), t, url)
	if err != nil || len(replies) != 6 {
		t.Fatalf("%d replies, %v", len(replies), err)
	}
	for seq, want := range map[int64]string{0: "ok", 1: "failed http_400", 2: "failed batch_completed", 3: "ok", 4: "ok", 5: "ok"} {
		r := replies[seq]
		if got := strings.TrimSpace(string(r.Status) + " " + r.ErrorClass); got != want || r.Sent.IsZero() || r.Done.Before(r.Sent) || !r.FirstToken.IsZero() || strings.Contains(r.Error, key) {
			t.Errorf("seq %d: %s (%s)", seq, got, r.Error)
		}
	}
	if r := replies[0]; *r.InputTokens != 3 || *r.OutputTokens != 3 || r.TokenSource != "usage" || r.Text != "w" {
		t.Errorf("%+v", r)
	}
	if len(s.deleted) != 6 {
		t.Errorf("deleted %v", s.deleted)
	}
}

// TestOddLines: each answer stands for itself, whatever stands beside it.
func TestOddLines(t *testing.T) {
	s, url := serve(t)
	s.odd = true
	replies, err := batchOf(t.Context(), t, url)
	if err != nil || len(replies) != 6 {
		t.Fatalf("%d replies, %v", len(replies), err)
	}
	for seq, want := range map[int64]string{0: "ok", 3: "ok", 5: "ok", 4: "failed http_400 does not fit",
		2: "failed batch_completed the batch ended as completed without this request's answer; lines of its output that are no JSON: 1"} {
		r := replies[seq]
		if got := strings.TrimSpace(string(r.Status) + " " + r.ErrorClass + " " + r.Error); got != want {
			t.Errorf("seq %d: %s", seq, got)
		}
	}
}

func TestBatchEnds(t *testing.T) {
	s, url := serve(t)
	s.status = "failed"
	if replies, err := batchOf(t.Context(), t, url); err == nil || !strings.Contains(err.Error(), "too many lines") || len(replies) != 0 {
		t.Errorf("failed: %d replies, %v", len(replies), err)
	}
	s, url = serve(t)
	s.endless = true
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := batchOf(ctx, t, url); !errors.Is(err, context.DeadlineExceeded) || s.cancels != 2 {
		t.Errorf("stopped: %v, %d batches canceled", err, s.cancels)
	}
}

// TestBatchIsTakenUpAgain: matrix dies while the service works; the next segment asks for what has no row yet, and gets it
// from the batches that are there. A request that is another one than it was is sent.
func TestBatchIsTakenUpAgain(t *testing.T) {
	s, url := serve(t)
	s.endless = true
	c, folder := cellOf(t, cell.OpenAIBatch, url), filepath.Join(t.TempDir(), "engine")
	ask := func(ctx context.Context, prompts map[int64]string, replies map[int64]backends.Reply) (backends.Engine, error) {
		e, err := NewBatch().Launch(t.Context(), backends.Spec{Cell: c, Dir: t.TempDir(), Keep: folder, Observe: func(backends.Phase) {}})
		if err != nil {
			t.Fatal(err)
		}
		return e, e.(backends.Batcher).GenerateAll(ctx, func(yield func(backends.Request) bool) {
			for _, seq := range slices.Sorted(maps.Keys(prompts)) {
				if !yield(backends.Request{Seq: seq, Prompt: prompts[seq], MaxTokens: 3, Generate: &cell.Generate{}}) {
					return
				}
			}
		}, func(r backends.Reply) { replies[r.Seq] = r })
	}
	dead, die := context.WithCancel(t.Context())
	first := make(chan error)
	go func() {
		_, err := ask(dead, map[int64]string{0: "a", 1: "b", 2: "c"}, map[int64]backends.Reply{})
		first <- err
	}()
	file := filepath.Join(folder, keepFile)
	var state []byte
	for state == nil {
		state, _ = os.ReadFile(file)
		time.Sleep(time.Millisecond)
	}
	die() // which cancels the batch in order; a crash leaves the file as it was
	if err := <-first; !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if left, err := os.ReadFile(file); err != nil || string(left) != "null" {
		t.Errorf("a canceled batch is kept: %s, %v", left, err)
	}
	if err := os.WriteFile(file, state, 0o600); err != nil {
		t.Fatal(err)
	}
	s.mu.Lock()
	s.endless, s.looks = false, 2
	uploads := len(s.files)
	s.mu.Unlock()
	replies := map[int64]backends.Reply{}
	e, err := ask(t.Context(), map[int64]string{1: "b", 2: "another"}, replies)
	if err != nil || len(replies) != 2 || replies[1].Status != backends.OK || replies[2].Status != backends.OK {
		t.Errorf("%v, %v", replies, err)
	}
	if files := len(s.files) - uploads; files != 3 { // one input with its output and errors: that of the other request
		t.Errorf("%d new files, want 3", files)
	}
	if w := e.Info().Warnings; len(w) != 1 || !strings.Contains(w[0], "taken up again") {
		t.Errorf("warnings %q", w)
	}
	if left, err := os.ReadFile(file); err != nil || string(left) != "null" {
		t.Errorf("what is over is kept: %s, %v", left, err)
	}
}

// TestFilesAreSplit: no input file outgrows the service's limit of requests.
func TestFilesAreSplit(t *testing.T) {
	b := &batcher{attached: &attached{model: "m"}, dir: t.TempDir()}
	var sizes []int
	err := b.writeFiles(func(yield func(backends.Request) bool) {
		for i := range maxFileRequests + 3 {
			if !yield(backends.Request{Seq: int64(i), Generate: &cell.Generate{}}) {
				return
			}
		}
	}, func(f *inputFile) error {
		sizes = append(sizes, len(f.seqs))
		return nil
	})
	if err != nil || len(sizes) != 2 || sizes[0] != maxFileRequests || sizes[1] != 3 {
		t.Errorf("%v, %v", sizes, err)
	}
	if left, err := os.ReadDir(b.dir); err != nil || len(left) != 0 {
		t.Errorf("%d files left, %v", len(left), err)
	}
}

func TestLaunchFailures(t *testing.T) {
	_, url := serve(t)
	for class, change := range map[string]func(*cell.Cell){
		"missing_key":  func(c *cell.Cell) { c.Platform.APIKeyEnv = "MATRIX_TEST_ABSENT" },
		"unauthorized": func(c *cell.Cell) { t.Setenv("MATRIX_TEST_KEY", "wrong") },
		"wrong_model":  func(c *cell.Cell) { c.Model.Parts[cell.OpenAI]["model"] = "absent" },
		"unreachable":  func(c *cell.Cell) { c.Platform.URL = "http://127.0.0.1:1" },
		"bad_argument": func(c *cell.Cell) { c.Platform.URL = "localhost:8000" },
	} {
		c := cellOf(t, cell.OpenAI, url)
		change(c)
		_, err := launch(t, New(), c)
		var failed *backends.LaunchError
		if !errors.As(err, &failed) || failed.Class != class || failed.Hint == "" || strings.Contains(err.Error(), key) {
			t.Errorf("%s: %v", class, err)
		}
	}
}

func TestInfoAndArguments(t *testing.T) {
	_, url := serve(t)
	c := cellOf(t, cell.OpenAI, url+"/v1/")
	c.Platform.Args = cell.Values{"top_k": int64(3)}
	e, err := launch(t, New(), c)
	if err != nil {
		t.Fatal(err)
	}
	if i := e.Info(); i.Version != "9.9" || !i.Attached || *i.MaxModelLen != 64 || len(i.Argv)+len(i.PIDs) != 0 {
		t.Errorf("%+v", i)
	}
	body := []byte(`{"model":"m","max_tokens":5}`)
	for want, args := range map[string]cell.Values{
		`{"model":"m","max_tokens":5}`:            nil,
		`{"max_tokens":5,"model":"m","top_k":3}`:  {"top_k": int64(3)},
		`{"max_completion_tokens":7,"model":"m"}`: {"max_completion_tokens": int64(7)},
	} {
		if got := string(withArgs(body, args)); got != want {
			t.Errorf("%v: %s", args, got)
		}
	}
}

func TestCheck(t *testing.T) {
	for path, change := range map[string]func(*cell.Cell){
		"model.openai":            func(c *cell.Cell) { c.Model.Parts = nil },
		"platform.url":            func(c *cell.Cell) { c.Platform.URL = "" },
		"platform.args.model":     func(c *cell.Cell) { c.Platform.Args = cell.Values{"model": "x"} },
		"platform.options.poll":   func(c *cell.Cell) { c.Platform.Options = cell.Values{"poll": "soon"} },
		"generate.ignore_eos":     func(c *cell.Cell) { c.Generate.IgnoreEOS = true },
		"generate.min_tokens":     func(c *cell.Cell) { c.Generate.MinTokens = 1 },
		"generate.top_k":          func(c *cell.Cell) { c.Generate.TopK = 1 },
		"generate.repeat_penalty": func(c *cell.Cell) { c.Generate.RepeatPenalty = 1.1 },
	} {
		c := cellOf(t, cell.OpenAIBatch, "http://x")
		c.Platform.Options = nil
		if problems := Check(c); len(problems) != 0 {
			t.Fatalf("a good cell: %+v", problems)
		}
		change(c)
		if problems := Check(c); len(problems) != 1 || problems[0].Path != path || problems[0].Warning {
			t.Errorf("%s: %+v", path, problems)
		}
	}
	c := cellOf(t, cell.OpenAI, "http://x")
	c.Generate.TopK, c.Generate.IgnoreEOS = 5, true
	c.Platform.Args = cell.Values{"top_k": int64(5), "ignore_eos": true}
	if problems := Check(c); len(problems) != 0 {
		t.Errorf("passed as arguments: %+v", problems)
	}
}

// TestMetricsAreFound: a server's own figures are read where it has them, under their own names; elsewhere nothing is.
func TestMetricsAreFound(t *testing.T) {
	for body, want := range map[string]string{
		"# TYPE llamacpp:tokens_predicted_total counter\nllamacpp:tokens_predicted_total 5\n": "llamacpp:",
		"<html>what?</html>": "",
	} {
		mux := http.NewServeMux()
		mux.HandleFunc("GET /v1/models", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"data":[{"id":"m"}]}`) })
		mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Authorization") != "" {
				t.Error("the key was sent where it is not needed")
			}
			fmt.Fprint(w, body)
		})
		server := httptest.NewServer(mux)
		t.Cleanup(server.Close)
		e, err := launch(t, New(), cellOf(t, cell.OpenAI, server.URL))
		if err != nil {
			t.Fatal(err)
		}
		if info := e.Info(); info.MetricsPrefix != want || (info.MetricsURL == "") != (want == "") {
			t.Errorf("%q at %q, want %q", info.MetricsPrefix, info.MetricsURL, want)
		}
	}
}

// TestKeptIsAFile: what lies where batches are kept, and is no regular file, is as good as none, and is not waited for.
func TestKeptIsAFile(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mkfifo(filepath.Join(dir, keepFile), 0o600); err != nil {
		t.Fatal(err)
	}
	b := &batcher{keep: dir}
	b.readKept(t.Context())
	if !b.loaded || b.kept != nil {
		t.Errorf("%+v", b.kept)
	}
}
