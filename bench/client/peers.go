//go:build linux

package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"matrix/backends"
	"matrix/backends/fake/stamped"
	"matrix/backends/wire"
	"matrix/experiments/cell"
	"matrix/runner/calibrate"
)

//go:embed aiohttp_loop.py
var aiohttpLoop string

//go:embed setup.sh
var setup string

// peer is another client; argv is its command line for a scenario. One that measures itself prints a cost; the cost of the
// others is that of their whole process tree, between a small run and a large one.
type peer struct {
	name  string
	label string
	self  bool
	argv  func(dir, url string, s calibrate.Scenario) []string
}

func wanted(without string) []peer {
	all := []peer{
		{"aiohttp", "vllm bench loop", true, aiohttpArgv},
		{"guidellm", "guidellm 0.8.1", false, guidellmArgv},
		{"aiperf", "aiperf 0.13.0", false, aiperfArgv},
	}
	return slices.DeleteFunc(all, func(p peer) bool { return slices.Contains(strings.Split(without, ","), p.name) })
}

// folder is where setup.sh installs.
func folder() string {
	if dir := os.Getenv("MATRIX_BENCH"); dir != "" {
		return dir
	}
	cache, _ := os.UserCacheDir() // "" makes a path that is not there, which is said
	return filepath.Join(cache, "matrix", "bench")
}

// tokenizer is the one of the test model; the peers will not start without any.
func tokenizer() string {
	dir := os.Getenv("MATRIX_ENGINES")
	if dir == "" {
		cache, _ := os.UserCacheDir()
		dir = filepath.Join(cache, "matrix", "engines")
	}
	return filepath.Join(dir, "model", "gemma3-270m")
}

// install lets setup.sh install what is not there; a peer that then lacks is a row that says so.
func (b *bench) install(ctx context.Context) {
	cmd := exec.CommandContext(ctx, "bash", "-s")
	cmd.Stdin, cmd.Stderr = strings.NewReader(setup), os.Stderr
	_ = cmd.Run()
}

func aiohttpArgv(dir, url string, s calibrate.Scenario) []string {
	body, _ := wire.OpenAIBody(backends.Request{Prompt: calibrate.Prompt, MaxTokens: s.Tokens, Generate: &cell.Generate{IgnoreEOS: true}}, "mock", wire.Extended)
	text, _ := json.Marshal(s) // plain values
	return []string{filepath.Join(dir, "bin", "python"), "-c", aiohttpLoop, url + "/v1/completions", string(text), string(body)}
}

func guidellmArgv(dir, url string, s calibrate.Scenario) []string {
	profile := fmt.Sprintf("kind=concurrent,streams=%d", s.Streams)
	if s.RatePerS > 0 {
		profile = fmt.Sprintf("kind=poisson,rate=%g", s.RatePerS)
	}
	return []string{filepath.Join(dir, "bin", "guidellm"), "run", "--backend", "kind=openai_http,target=" + url + ",model=mock,request_format=/v1/completions",
		"--profile", profile, "--constraint", fmt.Sprintf("kind=max_requests,count=%d", s.Requests),
		"--tokenizer", "kind=huggingface_auto,model=" + tokenizer(),
		"--data", fmt.Sprintf("kind=synthetic_text,prompt_tokens=100,output_tokens=%d", s.Tokens),
		"--output", "kind=json,path=guidellm.json", "--disable-console"}
}

func aiperfArgv(dir, url string, s calibrate.Scenario) []string {
	argv := []string{filepath.Join(dir, "bin", "aiperf"), "profile", "--model", "mock", "--url", url, "--endpoint-type", "completions", "--streaming",
		"--request-count", fmt.Sprint(s.Requests), "--tokenizer", tokenizer(), "--use-server-token-count",
		"--synthetic-input-tokens-mean", "100", "--artifact-dir", "aiperf"}
	if s.RatePerS > 0 {
		return append(argv, "--request-rate", fmt.Sprint(s.RatePerS))
	}
	return append(argv, "--concurrency", fmt.Sprint(s.Streams))
}

// peer measures one of them; what goes wrong is the row's.
func (b *bench) peer(ctx context.Context, p peer, s named, core string) row {
	r := row{Scenario: s, Client: p.label}
	dir := filepath.Join(folder(), p.name)
	if _, err := os.Stat(filepath.Join(dir, "bin")); err != nil {
		r.Missing = "not installed: " + err.Error()
		return r
	}
	if _, err := os.Stat(filepath.Join(tokenizer(), "tokenizer.json")); err != nil && !p.self {
		r.Missing = "not measured: it needs a tokenizer: `just engines model` installs one"
		return r
	}
	var err error
	if p.self {
		err = b.measuresItself(ctx, &r, p, dir, core)
	} else {
		err = b.twoSizes(ctx, &r, p, dir, core)
	}
	if err != nil {
		r.Missing = "not measured: " + err.Error()
	}
	return r
}

func (b *bench) measuresItself(ctx context.Context, r *row, p peer, dir, core string) error {
	for _, stamps := range []bool{false, false, true} {
		s := r.Scenario.Scenario
		s.Stamps = stamps
		s.Requests = min(s.Requests, 1000) // it takes ten times as long over each
		if err := stamped.Set(ctx, b.url, s.Settings()); err != nil {
			return err
		}
		out, _, err := tree(ctx, ".", append([]string{"taskset", "-c", core}, p.argv(dir, b.url, s)...))
		if err != nil {
			return err
		}
		var c calibrate.Cost
		if err := json.Unmarshal(out, &c); err != nil {
			return fmt.Errorf("read its cost: %w", err)
		}
		seen, err := stamped.Count(ctx, b.url)
		if err != nil {
			return err
		}
		if stamps {
			r.Timed = append(r.Timed, c)
			continue
		}
		r.Runs, r.Server = append(r.Runs, c), append(r.Server, seen)
	}
	return nil
}

// twoSizes measures a client that cannot be looked into: starting takes it tens of CPU-seconds, so that the cost of a
// request is the difference of two runs over the difference of their requests.
func (b *bench) twoSizes(ctx context.Context, r *row, p peer, dir, core string) error {
	temp, err := os.MkdirTemp("", "bench-client-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	var costs [2]calibrate.Cost
	for i, n := range []int{64, 704} {
		s := r.Scenario.Scenario
		s.Requests = n
		if err := stamped.Set(ctx, b.url, s.Settings()); err != nil {
			return err
		}
		_, c, err := tree(ctx, temp, append([]string{"taskset", "-c", core}, p.argv(dir, b.url, s)...))
		if err != nil {
			return err
		}
		seen, err := stamped.Count(ctx, b.url)
		if err != nil {
			return err
		}
		c.Requests, c.Events = seen.Completed, seen.Completed*int64(s.Tokens)
		costs[i], r.Server = c, append(r.Server, seen)
	}
	small, large := costs[0], costs[1]
	if large.Requests <= small.Requests || large.CPUS <= small.CPUS {
		return fmt.Errorf("a larger run did no more: %d requests in %.1f s of CPU, then %d in %.1f", small.Requests, small.CPUS, large.Requests, large.CPUS)
	}
	per := (large.CPUS - small.CPUS) / float64(large.Requests-small.Requests)
	startup := small
	startup.CPUS -= per * float64(small.Requests)
	r.Startup = &startup
	large.CPUS = per * float64(large.Requests)
	r.Runs, r.Server = []calibrate.Cost{large}, r.Server[1:]
	return nil
}

// tree runs a program and says what it and all that it started used: CPU by what was waited for, memory by looking.
func tree(ctx context.Context, dir string, argv []string) (out []byte, c calibrate.Cost, err error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "NO_COLOR=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return nil, c, err
	}
	peak := watchMemory(cmd.Process.Pid)
	err = cmd.Wait()
	c.RSSBytes = peak()
	if err != nil {
		return nil, c, fmt.Errorf("%w: %s", err, lastLine(stdout.String()+stderr.String()))
	}
	u := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	c.CPUS = float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
	c.WallS = time.Since(began).Seconds()
	return []byte(stdout.String()), c, nil
}

func lastLine(text string) string {
	text = strings.TrimSpace(text)
	return text[strings.LastIndexByte(text, '\n')+1:]
}
