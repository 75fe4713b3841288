package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"matrix/backends"
	"matrix/backends/vllm"
	"matrix/experiments/cell"
)

//go:embed hand.py
var handPy string

// byHand is the prompt that hand.py answers with LLM.generate's time over the batch before.
const byHand = "matrix: generate by hand"

// batcher is one launched engine and the batch that it is asked again and again.
type batcher struct {
	dir    string
	engine backends.Engine
	reqs   []backends.Request
	gen    *cell.Generate
}

// attempt names the engine that is launched.
const attempt = "bench-hand"

func launchOffline(ctx context.Context, s settings) (rivals, error) {
	b, err := newBatcher(s)
	if err != nil {
		return nil, err
	}
	python, err := b.wrapper(s.python)
	if err == nil {
		err = b.launch(ctx, vllm.Offline(), b.cell(s, python, vllm.OfflineName))
	}
	if err != nil {
		b.close()
		return nil, err
	}
	return b, nil
}

func newBatcher(s settings) (*batcher, error) {
	dir, err := os.MkdirTemp("", "matrix-bench-hand-*")
	if err != nil {
		return nil, err
	}
	b := &batcher{dir: dir, gen: &cell.Generate{MaxTokens: s.tokens, TopP: 1, RepeatPenalty: 1, IgnoreEOS: true}}
	b.prompts(s)
	return b, nil
}

func (b *batcher) launch(ctx context.Context, with backends.Backend, cell *cell.Cell) (err error) {
	log := filepath.Join(b.dir, "engine.log")
	b.engine, err = with.Launch(ctx, backends.Spec{
		Cell: cell, Attempt: attempt, Dir: b.dir, LogPath: log, Timeout: 10 * time.Minute,
		Observe: func(p backends.Phase) {
			fmt.Fprintf(os.Stderr, "%-14s %.1f s\n", p.Name, p.Duration.Seconds())
		},
	})
	if err != nil {
		tail, _ := os.ReadFile(log)
		return fmt.Errorf("launch vLLM: %w\n%s", err, tail[max(0, len(tail)-4000):])
	}
	return nil
}

// wrapper is an interpreter that runs hand.py around whatever script it is given.
func (b *batcher) wrapper(python string) (string, error) {
	script := filepath.Join(b.dir, "hand.py")
	if err := os.WriteFile(script, []byte(handPy), 0o644); err != nil {
		return "", err
	}
	bin := filepath.Join(b.dir, "bin")
	if err := os.Mkdir(bin, 0o755); err != nil {
		return "", err
	}
	path := filepath.Join(bin, "python")
	text := fmt.Sprintf("#!/bin/sh\ncase \"$1\" in -u) exec %q -u %q \"$@\";; esac\nexec %q \"$@\"\n", python, script, python)
	return path, os.WriteFile(path, []byte(text), 0o755)
}

func (b *batcher) cell(s settings, python, backend string) *cell.Cell {
	args := cell.Values{}
	for name, text := range s.args {
		args[name] = value(text)
	}
	return &cell.Cell{
		Platform:  &cell.Platform{ID: "vllm", Backend: backend, Python: python, Args: args, Env: s.env},
		Model:     &cell.Model{ID: "model", Parts: vllm.Model{Model: s.model}.Parts()},
		Generate:  b.gen,
		Isolation: &cell.Isolation{Server: "cell", Caches: "warm", PrefixCache: "off"},
	}
}

// value reads a flag's text as a boolean or a number where it is one.
func value(text string) any {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return n
	}
	if f, err := strconv.ParseFloat(text, 64); err == nil {
		return f
	}
	if v, err := strconv.ParseBool(text); err == nil {
		return v
	}
	return text
}

// prompts are distinct from their first word on, so that no prefix is shared.
func (b *batcher) prompts(s settings) {
	words := []string{"river", "engine", "letter", "garden", "number", "window", "market", "signal"}
	for i := range s.requests {
		var text strings.Builder
		fmt.Fprintf(&text, "%d:", i)
		for w := range s.words {
			text.WriteString(" " + words[(i*7+w*(i%5+3)+w/8)%len(words)])
		}
		b.reqs = append(b.reqs, backends.Request{Seq: int64(i), Prompt: text.String(), MaxTokens: s.tokens, Generate: b.gen})
	}
}

func (b *batcher) us(ctx context.Context) (sample, error) {
	var s sample
	failed := 0
	began := time.Now()
	last := began
	err := b.engine.(backends.Batcher).GenerateAll(ctx, slices.Values(b.reqs), func(r backends.Reply) {
		last = time.Now()
		if r.Status != backends.OK || r.OutputTokens == nil {
			failed++
			return
		}
		s.Tokens += *r.OutputTokens
		if r.InputTokens != nil {
			s.Input += *r.InputTokens
		}
	})
	if err == nil && failed > 0 {
		err = fmt.Errorf("%d of %d requests failed", failed, len(b.reqs))
	}
	s.Seconds = last.Sub(began).Seconds()
	return s, err
}

func (b *batcher) hand(ctx context.Context) (sample, error) {
	var s sample
	r := b.engine.Generate(ctx, backends.Request{Prompt: byHand, MaxTokens: 1, Generate: b.gen})
	if r.Status != backends.OK {
		return s, fmt.Errorf("by hand: %s %s", r.Status, r.Error)
	}
	return s, json.Unmarshal([]byte(r.Text), &s)
}

func (b *batcher) close() {
	if b.engine != nil {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		_ = b.engine.Close(ctx)
	}
	os.RemoveAll(b.dir)
}
