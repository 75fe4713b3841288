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
	"matrix/backends/vllm"
	"matrix/experiments/cell"
)

const (
	vllmPython = "vllm/bin/python"
	vllmModel  = "model/gemma3-270m"
)

// vllmCell is Gemma 3 270M, eager, since compiling takes longer than the whole test. Here as with every engine it computes
// in one thread: several wait for each other by spinning, and where anything else runs beside them a token takes seconds.
func vllmCell(dir, backend string) *cell.Cell {
	return &cell.Cell{
		Platform: &cell.Platform{
			ID: backend, Backend: backend, Python: filepath.Join(dir, vllmPython),
			Args: cell.Values{
				"max_model_len": int64(2048), "max_num_seqs": int64(16), "max_num_batched_tokens": int64(2048), "enforce_eager": true,
			},
			Env: map[string]string{"VLLM_CPU_KVCACHE_SPACE": "2", "VLLM_CPU_OMP_THREADS_BIND": "nobind", "OMP_NUM_THREADS": "1"},
		},
		Model: &cell.Model{ID: "gemma3_270m", Parts: vllm.Model{
			Model: filepath.Join(dir, vllmModel), DType: "bfloat16",
		}.Parts()},
		Generate:  &cell.Generate{MaxTokens: 16, TopP: 1, RepeatPenalty: 1},
		Isolation: &cell.Isolation{Server: "cell", Caches: "warm", PrefixCache: "off"},
	}
}

func vllmSuite(dir, backend string, b backends.Backend) backendtest.Suite {
	c := vllmCell(dir, backend)
	return backendtest.Suite{
		Backend:     checked(b),
		Cell:        func(*testing.T) *cell.Cell { return c },
		LoadTimeout: 8 * time.Minute, RequestTimeout: 2 * time.Minute, LongTokens: 1500,
		TooLong: strings.Repeat("far too long ", 2000),
		Can:     backendtest.Can{Streams: backend == vllm.ServeName, IgnoreEOS: true, Abort: true, Phases: true, KillLast: backend == vllm.ServeName},
	}
}

func TestVLLMOffline(t *testing.T) {
	dir := engines(t, vllmPython, vllmModel, readersPython)
	s := vllmSuite(dir, vllm.OfflineName, vllm.Offline())
	s.Also = func(t *testing.T, e backends.Engine, attempt string) {
		constrained{cell: s.Cell(t), answers: 6, words: true}.run(t, dir, e)
		t.Run("EngineProcessKilled", func(t *testing.T) { engineProcessKilled(t, s.Cell(t), e.(backends.Batcher), attempt) })
	}
	backendtest.Run(t, s)
}

func TestVLLMServe(t *testing.T) {
	dir := engines(t, vllmPython, vllmModel, readersPython)
	s := vllmSuite(dir, vllm.ServeName, vllm.Serve())
	s.Also = func(t *testing.T, e backends.Engine, _ string) {
		constrained{cell: s.Cell(t), answers: 6, words: true}.run(t, dir, e)
	}
	backendtest.Run(t, s)
}

// checked refuses an engine that does not count and answer as this model is known to.
func checked(b backends.Backend) backends.Backend {
	launch := b.Launch
	b.Launch = func(ctx context.Context, spec backends.Spec) (backends.Engine, error) {
		return checkedLaunch(ctx, spec, launch)
	}
	return b
}

func checkedLaunch(ctx context.Context, spec backends.Spec, launch func(context.Context, backends.Spec) (backends.Engine, error)) (backends.Engine, error) {
	phases := map[string]time.Duration{}
	observe := spec.Observe
	spec.Observe = func(p backends.Phase) {
		phases[p.Name] = p.Duration // told one at a time while the launch waits
		observe(p)
	}
	began := time.Now()
	e, err := launch(ctx, spec)
	if err != nil {
		return nil, err
	}
	if err := checkPhases(phases, time.Since(began)); err != nil {
		return nil, fmt.Errorf("%w; close: %v", err, e.Close(ctx))
	}
	if err := checkAnswer(ctx, spec, e); err != nil {
		return nil, fmt.Errorf("%w; close: %v", err, e.Close(ctx))
	}
	info := e.Info()
	if info.KVTokens == nil || info.MaxModelLen == nil || *info.MaxModelLen != 2048 || info.WeightBytes == nil || info.MetricsURL == "" {
		return nil, fmt.Errorf("incomplete: %+v; close: %v", info, e.Close(ctx))
	}
	return e, nil
}

// checkPhases wants every phase told, and a launch that is accounted for but for the construction of the model.
func checkPhases(phases map[string]time.Duration, took time.Duration) error {
	left := took
	for _, d := range phases {
		left -= d
	}
	for _, name := range []string{"spawn", "import", "workers", "weights", "kv_init", "ready"} {
		if _, ok := phases[name]; !ok {
			return fmt.Errorf("phase %s was not told, only %v", name, phases)
		}
	}
	if left < 0 || left > max(3*took/20, time.Second) {
		return fmt.Errorf("%s of a launch of %s are in no phase: %v", left, took, phases)
	}
	return nil
}

func checkAnswer(ctx context.Context, spec backends.Spec, e backends.Engine) error {
	// The second brings its own begin-of-sequence token, which must not be doubled.
	for i, prompt := range []string{"The capital of France is", "<bos>The capital of France is"} {
		r := e.Generate(ctx, backends.Request{
			Seq: int64(-1 - i), Prompt: prompt, MaxTokens: 8, Generate: spec.Cell.Generate, Timeout: 2 * time.Minute,
		})
		if err := checkCapital(r); err != nil {
			return fmt.Errorf("%s: %w", prompt, err)
		}
	}
	return nil
}

func checkCapital(r backends.Reply) error {
	switch {
	case r.Status != backends.OK:
		return fmt.Errorf("%s: %s", r.Status, r.Error)
	case *r.InputTokens != 6:
		return fmt.Errorf("%d prompt tokens, want 6 with the BOS", *r.InputTokens)
	case !strings.Contains(r.Text, "capital") && !strings.Contains(r.Text, "Paris"):
		return fmt.Errorf("answered %q: weights or tokenizer are wrong", r.Text)
	}
	return nil
}
