package main

import (
	"bufio"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"matrix/backends"
	"matrix/backends/vllm"
	"matrix/experiments/cell"
	"matrix/runner/load"
)

//go:embed peer.py
var peerPy string

// server is one launched server and the peer's client, which stays up so that its start costs nothing here.
type server struct {
	*batcher
	concurrency int
	peer        *exec.Cmd
	ask         io.WriteCloser
	answers     *bufio.Reader
	order       []byte // what the peer is told for each batch
}

func launchServer(ctx context.Context, s settings) (rivals, error) {
	b, err := newBatcher(s)
	if err != nil {
		return nil, err
	}
	v := &server{batcher: b, concurrency: s.served}
	if err = b.launch(ctx, vllm.Serve(), b.cell(s, s.python, vllm.ServeName)); err == nil {
		err = v.startPeer(s)
	}
	if err != nil {
		v.close()
		return nil, err
	}
	return v, nil
}

func (v *server) startPeer(s settings) (err error) {
	script := filepath.Join(v.dir, "peer.py")
	prompts := make([]string, len(v.reqs))
	for i, r := range v.reqs {
		prompts[i] = r.Prompt
	}
	if v.order, err = json.Marshal(map[string]any{
		"url": strings.TrimSuffix(v.engine.Info().MetricsURL, "/metrics"), "model": "matrix-" + attempt,
		"prompts": prompts, "tokens": s.tokens, "concurrency": s.served,
	}); err != nil {
		return err
	}
	if err := os.WriteFile(script, []byte(peerPy), 0o644); err != nil {
		return err
	}
	v.peer = exec.Command(s.python, "-u", script)
	v.peer.Env = append(os.Environ(), "CUDA_VISIBLE_DEVICES=") // a client needs no GPU
	v.peer.Stderr = os.Stderr
	v.peer.SysProcAttr = withUs()
	in, err := v.peer.StdinPipe()
	if err != nil {
		return err
	}
	out, err := v.peer.StdoutPipe()
	if err != nil {
		return err
	}
	v.ask, v.answers = in, bufio.NewReader(out)
	return v.peer.Start()
}

// us is a closed load as apply runs it.
func (v *server) us(ctx context.Context) (s sample, err error) {
	var mu sync.Mutex
	failed := 0
	before, began := cpuS(), time.Now()
	last := began
	err = load.Run(ctx, v.engine, load.Job{
		Shape: &cell.Load{Mode: "closed", Concurrency: v.concurrency}, Requests: slices.Values(v.reqs),
		Begin: func(backends.Request, time.Time) {},
		Done: func(r backends.Reply) {
			mu.Lock()
			defer mu.Unlock()
			last = time.Now()
			if r.Status != backends.OK || r.OutputTokens == nil || r.InputTokens == nil {
				failed++
				return
			}
			s.Tokens, s.Input = s.Tokens+*r.OutputTokens, s.Input+*r.InputTokens
		},
	})
	if err == nil && failed > 0 {
		err = fmt.Errorf("%d of %d requests failed", failed, len(v.reqs))
	}
	s.Seconds, s.CPUS = last.Sub(began).Seconds(), cpuS()-before
	return s, err
}

// cpuS is what this process has used; the engine and its guard are other processes.
func cpuS() float64 {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}

func (v *server) hand(context.Context) (s sample, err error) {
	if _, err := v.ask.Write(append(v.order, '\n')); err != nil {
		return s, fmt.Errorf("ask the peer: %w", err)
	}
	line, err := v.answers.ReadBytes('\n')
	if err != nil {
		return s, fmt.Errorf("the peer's answer: %w", err)
	}
	var told struct {
		sample
		Failed int
		Error  string
	}
	if err := json.Unmarshal(line, &told); err != nil {
		return s, fmt.Errorf("the peer's answer: %w: %s", err, line)
	}
	if told.Failed > 0 {
		return s, errors.New("by hand: " + told.Error)
	}
	return told.sample, nil
}

func (v *server) close() {
	if v.peer != nil && v.peer.Process != nil {
		_ = v.ask.Close()
		_ = syscall.Kill(-v.peer.Process.Pid, syscall.SIGKILL)
		_ = v.peer.Wait()
	}
	v.batcher.close()
}
