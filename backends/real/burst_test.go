package real

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// burstRequests are in flight at once; REAL_BURST=5000 takes the number that once brought a client down.
const burstRequests = 1000

// burst is what testdata/burst.py found.
type burst struct {
	Status       map[string]int
	ErrorClass   map[string]int `json:"error_class"`
	Rows, Seqs   int
	OutputTokens int     `json:"output_tokens"`
	RSSBytes     float64 `json:"rss_bytes"`
	Running      float64
	Waiting      float64
}

// burst puts a whole batch in flight at once against a real `vllm serve`: each request ends as exactly one row.
func (p program) burst(url string) {
	t, n := p.t, burstRequests
	if text := os.Getenv("REAL_BURST"); text != "" {
		var err error
		if n, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	p.write("numbers.jsonl", numbers(n+64))
	experiment, err := os.ReadFile(filepath.Join("testdata", "burst.hcl"))
	if err != nil {
		t.Fatal(err)
	}
	p.write("burst.hcl", experiment)
	cmd := p.command("apply", "--auto-approve", "--var", "requests="+strconv.Itoa(n), "--var", "url="+url, "platforms.hcl", "burst.hcl")
	cmd.Stdout, cmd.Stderr = t.Output(), t.Output()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	files, memory := peaks(cmd.Process.Pid)
	if err := cmd.Wait(); err != nil {
		t.Errorf("apply: %v", err)
	}
	t.Logf("the client had %d files open at most, and %d MiB of memory", <-files, <-memory>>20)
	found := p.burstFound()
	if found.Rows != n || found.Seqs != n {
		t.Errorf("%d rows of %d requests, want %d", found.Rows, found.Seqs, n)
	}
	if found.Status["ok"] != n {
		t.Errorf("ended as %v (%v), want all ok", found.Status, found.ErrorClass)
	}
	if found.Waiting < float64(n)/2 {
		t.Errorf("at most %v waited in the engine: they were not in flight at once", found.Waiting)
	}
}

func (p program) write(name string, content []byte) {
	p.t.Helper()
	if err := os.WriteFile(filepath.Join(p.dir, name), content, 0o600); err != nil {
		p.t.Fatal(err)
	}
}

// numbers are prompts that differ from their first word on.
func numbers(n int) []byte {
	var b bytes.Buffer
	for i := range n {
		fmt.Fprintf(&b, "{\"prompt\": \"%d and %d are\"}\n", i, i+1)
	}
	return b.Bytes()
}

func (p program) burstFound() (found burst) {
	p.t.Helper()
	cmd := exec.CommandContext(p.t.Context(), filepath.Join(p.engines, readersPython), filepath.Join("testdata", "burst.py"),
		filepath.Join(p.dir, "results", "burst"))
	cmd.Stderr = p.t.Output()
	out, err := cmd.Output()
	if err != nil {
		p.t.Fatalf("burst.py: %v", err)
	}
	p.t.Logf("%s", out)
	if err := json.Unmarshal(out, &found); err != nil {
		p.t.Fatal(err)
	}
	return found
}

// peaks watches a process until it ends: its most open files and its peak resident bytes.
func peaks(pid int) (files <-chan int, memory <-chan int64) {
	f, m := make(chan int, 1), make(chan int64, 1)
	go func() {
		most, rss := 0, int64(0)
		for {
			open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
			status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
			_, after, ok := strings.Cut(string(status), "VmHWM:")
			if err != nil || !ok { // it has ended
				break
			}
			most = max(most, len(open))
			if kib, err := strconv.ParseInt(strings.Fields(after)[0], 10, 64); err == nil {
				rss = max(rss, kib<<10)
			}
			time.Sleep(200 * time.Millisecond)
		}
		f <- most
		m <- rss
	}()
	return f, m
}

// judged lets the real server judge two imported cells. What a base model of 270M says of them is noise: that each pair is
// asked both ways, heard, kept, and not asked for again is not.
func (p program) judged(url string) {
	t := p.t
	t.Helper()
	for name, text := range map[string]string{
		"judged.hcl": `dataset "questions" { path = "questions.jsonl" }
model "m" { openai = { model = "m" } }
platform "a" {
  backend = "openai"
  url     = "http://127.0.0.1:1/v1"
}
experiment "judged" {
  dataset    = dataset.questions
  platform   = platform.a
  model      = model.m
  batch_size = 3
}
`,
		"questions.jsonl": `{"custom_id": "q1", "method": "POST", "url": "/v1/completions", "body": {"prompt": "Capital of France?"}}
{"custom_id": "q2", "method": "POST", "url": "/v1/completions", "body": {"prompt": "Two and two?"}}
{"custom_id": "q3", "method": "POST", "url": "/v1/completions", "body": {"prompt": "Colour of snow?"}}
`,
		"x.jsonl": `{"id": "q1", "text": "Paris"}
{"id": "q2", "text": "four"}
{"id": "q3", "text": "white"}
`,
		"y.jsonl": `{"id": "q1", "text": "Rome"}
{"id": "q2", "text": "four"}
{"id": "q3", "text": "green"}
`,
	} {
		if err := os.WriteFile(filepath.Join(p.dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"x", "y"} {
		p.run(0, "import", "--format", "jsonl", "--experiment", "judged", "--platform", name, "--model", "m", "--map", "prompt_id=id", "--map", "text=text", name+".jsonl")
	}
	ask := []string{"judge", "x/m/3", "y/m/3", "judged.hcl", "--url", url, "--model", "gemma3_270m", "--max-tokens", "8"}
	first := p.run(0, ask...)
	if again := p.run(0, ask...); again != first {
		t.Errorf("asked again, it said\n%s\nand first\n%s", again, first)
	}
	files, err := filepath.Glob(filepath.Join(p.dir, "results", "judged", "judgements", "*"))
	if err != nil || len(files) != 1 {
		t.Fatalf("verdicts in %v (%v)", files, err)
	}
	kept, err := os.ReadFile(files[0])
	if err != nil || bytes.Count(kept, []byte("\n")) < 2 {
		t.Errorf("kept %q (%v): the two answers that differ want a verdict each", kept, err)
	}
}
