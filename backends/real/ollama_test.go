package real

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"matrix/backends"
	"matrix/backends/backendtest"
	"matrix/backends/ollama"
	"matrix/experiments/cell"
)

const ollamaModel = "model/gemma3-270m-q4_k_m.gguf"

// ollamaCell is Gemma 3 270M, four requests at once, in a store of its own.
func ollamaCell(dir, binary, store string) *cell.Cell {
	return &cell.Cell{
		Platform: &cell.Platform{
			ID: "ollama", Backend: ollama.Name, Binary: filepath.Join(dir, binary),
			Options: cell.Values{"num_ctx": int64(1024), "num_thread": int64(1)},
			Env:     map[string]string{"OLLAMA_NUM_PARALLEL": "4", "OLLAMA_MODELS": store},
		},
		Model:     &cell.Model{ID: "gemma3_270m", Parts: ollama.Model{GGUF: filepath.Join(dir, ollamaModel)}.Parts()},
		Generate:  &cell.Generate{MaxTokens: 16, TopP: 1, RepeatPenalty: 1},
		Isolation: &cell.Isolation{Server: "cell", Caches: "warm", PrefixCache: "off"},
	}
}

// ollamaEras are the two ways in which Ollama runs a model: through llama-server, and through a runner of its own.
var ollamaEras = map[string]string{"0.33.0": "ollama/bin/ollama", "0.11.4": "ollama-0.11.4/bin/ollama"}

func TestOllama(t *testing.T) {
	for version, binary := range ollamaEras {
		t.Run(version, func(t *testing.T) {
			dir := engines(t, binary, ollamaModel, readersPython)
			c := ollamaCell(dir, binary, t.TempDir())
			backendtest.Run(t, backendtest.Suite{
				Backend:     checkedOllama{t: t, version: version}.backend(),
				Cell:        func(*testing.T) *cell.Cell { return c },
				LoadTimeout: 2 * time.Minute, RequestTimeout: 2 * time.Minute, LongTokens: 900,
				Prompt: func(i int) string {
					return fmt.Sprintf("Story %d. Once upon a time in a far away country there lived", i)
				},
				TooLong: strings.Repeat("far too long ", 1000),
				Also:    func(t *testing.T, e backends.Engine, _ string) { constrained{cell: c, answers: 6}.run(t, dir, e) },
				Can:     backendtest.Can{Streams: true, Abort: true, Kill: true, Phases: true},
			})
		})
	}
}

// checkedOllama refuses an engine that does not count, answer and time as it is known to.
type checkedOllama struct {
	t       *testing.T
	version string
	launch  func(context.Context, backends.Spec) (backends.Engine, error)
}

func (c checkedOllama) backend() backends.Backend {
	b := ollama.New()
	c.launch = b.Launch
	b.Launch = c.Launch
	return b
}

func (c checkedOllama) Launch(ctx context.Context, spec backends.Spec) (backends.Engine, error) {
	seen := map[string]time.Duration{}
	observe := spec.Observe
	spec.Observe = func(p backends.Phase) {
		seen[p.Name] += p.Duration
		observe(p)
	}
	e, err := c.launch(ctx, spec)
	if err != nil {
		return nil, err
	}
	for _, phase := range []string{"spawn", "weights"} {
		if seen[phase] <= 0 {
			c.t.Errorf("phase %s took %v", phase, seen[phase])
		}
	}
	c.info(e.Info())
	c.answer(ctx, e, spec.Cell.Generate)
	c.bos(ctx, e, spec.Cell.Generate)
	return e, nil
}

func (c checkedOllama) info(i backends.Info) {
	c.t.Logf("version %s, %d tokens of context, %d of KV, %s, warnings %q", i.Version, deref(i.MaxModelLen), deref(i.KVTokens), i.Quantization, i.Warnings)
	c.t.Logf("layers %d/%d on the GPU, size %d, in VRAM %d, weights %d", deref(i.LayersGPU), deref(i.Layers), deref(i.SizeBytes), deref(i.SizeVRAMBytes), deref(i.WeightBytes))
	if i.Version != c.version || deref(i.MaxModelLen) != 1024 || deref(i.KVTokens) != 4096 || i.Quantization != "Q4_K_M" {
		c.t.Errorf("version %s, context %d, KV %d, %s", i.Version, deref(i.MaxModelLen), deref(i.KVTokens), i.Quantization)
	}
	if deref(i.Layers) != 19 || i.LayersGPU == nil || deref(i.SizeBytes) < 200e6 || i.SizeVRAMBytes == nil || deref(i.WeightBytes) < 200e6 {
		c.t.Errorf("layers %d (%d on the GPU), size %d, weights %d", deref(i.Layers), deref(i.LayersGPU), deref(i.SizeBytes), deref(i.WeightBytes))
	}
}

// answer holds one greedy answer against what this model is known to say.
func (c checkedOllama) answer(ctx context.Context, e backends.Engine, g *cell.Generate) {
	r := e.Generate(ctx, backends.Request{Prompt: "The capital of France is", MaxTokens: 8, Generate: g, Timeout: time.Minute, Chunks: true})
	if r.Status != backends.OK || deref(r.InputTokens) != 6 || deref(r.OutputTokens) != 8 {
		c.t.Errorf("%s (%s), %d prompt tokens, want 6; %d output tokens, want 8", r.Status, r.Error, deref(r.InputTokens), deref(r.OutputTokens))
	}
	if !strings.Contains(r.Text, "the capital") || r.FinishReason != "length" || len(r.ChunkGaps) == 0 {
		c.t.Errorf("text %q, finish reason %q, %d chunks", r.Text, r.FinishReason, r.Chunks)
	}
	if r.ServerPrefill == nil || r.ServerDecode == nil || r.ServerQueue == nil || *r.ServerPrefill <= 0 || *r.ServerDecode <= 0 {
		c.t.Errorf("native times: queue %v, prefill %v, decode %v", r.ServerQueue, r.ServerPrefill, r.ServerDecode)
	}
}

// bos: a prompt that brings its own <bos> is the same six tokens.
func (c checkedOllama) bos(ctx context.Context, e backends.Engine, g *cell.Generate) {
	r := e.Generate(ctx, backends.Request{Prompt: "<bos>The capital of France is", MaxTokens: 1, Generate: g, Timeout: time.Minute})
	if r.Status != backends.OK || deref(r.InputTokens) != 6 {
		c.t.Errorf("with <bos>: %s (%s), %d prompt tokens, want 6", r.Status, r.Error, deref(r.InputTokens))
	}
}

func deref(n *int64) int64 {
	if n == nil {
		return -1
	}
	return *n
}
