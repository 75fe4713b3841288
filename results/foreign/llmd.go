package foreign

import (
	"fmt"
	"path/filepath"
	"time"

	"matrix/results/exchange"
	"matrix/results/record"
)

// llmdVersion is of the Benchmark Report's schema (llm-d/llm-d-benchmark, br_v0_2_1_json_schema.json).
const llmdVersion = "0.2.1"

// writeLLMD writes an attempt as llm-d's Benchmark Report: JSON, which is YAML.
// Its readers parse YAML, of which JSON is a part.
func writeLLMD(dir string, r *run) ([]string, error) {
	about := map[string]any{"uid": r.Manifest.Attempt, "eid": r.Manifest.Experiment, "cid": record.CellKey(r.Manifest.Address), "description": r.Manifest.Name, "keywords": r.keywords()}
	if began, ended := r.at("began_unix_s"), r.at("ended_unix_s"); !began.IsZero() {
		// Its duration is ISO 8601, of the whole attempt.
		when := map[string]any{"start": began.Format(time.RFC3339Nano)}
		if !ended.IsZero() {
			when["end"], when["duration"] = ended.Format(time.RFC3339Nano), fmt.Sprintf("PT%.3fS", ended.Sub(began).Seconds())
		}
		about["time"] = when
	}
	scenario := map[string]any{"stack": []any{r.llmdComponent()}}
	if load := r.llmdLoad(); load != nil {
		scenario["load"] = load
	}
	return save(filepath.Join(dir, r.file()+".json"), map[string]any{"version": llmdVersion, "run": about, "scenario": scenario, "results": r.llmdResults()})
}

// llmdComponent is the engine. Its inference_engine must have an accelerator, which an engine on the CPU has not: that one is generic.
func (r *run) llmdComponent() map[string]any {
	engine, model := r.Run.Engine, r.Manifest.Model
	standardized := map[string]any{"kind": "generic", "tool": engine.Name, "tool_version": engine.Version, "model": model}
	// Engines may use fewer cards than the machine has.
	if gpu := r.Run.Machine.GPUName; gpu != "" {
		count := max(1, r.Run.Machine.GPUs)
		if used := len(r.Run.GPUs); used > 0 {
			count = int64(used)
		}
		standardized = map[string]any{"kind": "inference_engine", "tool": engine.Name, "tool_version": engine.Version, "role": "replica", "replicas": 1,
			"model": map[string]any{"name": model}, "accelerator": map[string]any{"model": gpu, "count": count, "parallelism": map[string]any{}}}
	}
	return map[string]any{"metadata": map[string]any{"label": r.Manifest.Platform, "cfg_id": r.Manifest.Identity.Components.Get("backend").Hash}, "standardized": standardized,
		"native": map[string]any{"args": map[string]any{"argv": append([]string{}, engine.Argv...)}}}
}

// llmdLoad is how it was asked; nil where nobody counted the prompts' tokens, which the schema must have.
// Lengths are means over the answered: of prompts that were not answered nobody counted tokens.
func (r *run) llmdLoad() map[string]any {
	in, out, ok := r.number("input_tokens"), r.number("output_tokens"), r.number("requests_ok")
	if in == nil || ok == nil || *ok == 0 {
		return nil
	}
	standardized := map[string]any{"tool": "matrix", "tool_version": r.Manifest.Matrix, "source": "unknown", "input_seq_len": map[string]any{"distribution": "other", "value": *in / *ok}}
	if out != nil {
		standardized["output_seq_len"] = map[string]any{"distribution": "other", "value": *out / *ok}
	}
	if c := r.number("concurrency"); c != nil && *c >= 1 {
		standardized["concurrency"] = *c
	}
	if rate := exchange.Rate(&r.Manifest); rate != nil {
		standardized["rate_qps"] = *rate
	}
	return map[string]any{"metadata": map[string]any{"cfg_id": r.Manifest.Identity.Components.Get("spec").Hash}, "standardized": standardized, "native": map[string]any{"config": map[string]any{"mode": r.Run.Mode, "batch_size": r.Manifest.BatchSize}}}
}

// statistics are what is kept of a distribution; nil without a mean.
// Percentiles count the answered alone, as that report does.
func (r *run) statistics(units, name string) any {
	mean := r.number(name + "_mean_s")
	if mean == nil {
		return nil
	}
	out := map[string]any{"units": units, "mean": *mean}
	for theirs, ours := range map[string]string{"p50": "p50", "p90": "p90", "p95": "p95", "p99": "p99", "p99p9": "p999"} {
		if v := r.number(name + "_" + ours + "_s"); v != nil {
			out[theirs] = *v
		}
	}
	return out
}

// rate is a figure of which there is one value.
func (r *run) rate(units, column string) any {
	if v := r.number(column); v != nil {
		return map[string]any{"units": units, "mean": *v}
	}
	return nil
}

// llmdResults are the figures: those that the schema has a place for in it, and all of them by their own names under
// observability, where it takes anything.
func (r *run) llmdResults() map[string]any {
	requests := map[string]any{"total": r.count("requests_planned"), "failures": r.failed() - r.count("requests_canceled") - r.count("requests_not_sent"),
		"incomplete": r.count("requests_canceled") + r.count("requests_not_sent")}
	latency := map[string]any{"time_to_first_token": r.statistics("s", "ttft"), "time_per_output_token": r.statistics("s/token", "tpot"),
		"inter_token_latency": r.statistics("s/token", "itl_weighted"), "request_latency": r.statistics("s", "e2e")}
	throughput := map[string]any{"output_token_rate": r.rate("tokens/s", "output_throughput"), "total_token_rate": r.rate("tokens/s", "total_token_throughput"), "request_rate": r.rate("queries/s", "request_throughput")}
	seen := map[string]any{"matrix": r.numbers()}
	if busy := r.rate("fraction", "gpu_util_ratio"); busy != nil { // of memory we keep the peak, and a Statistics must have a mean
		seen["components"] = []any{map[string]any{"component_label": r.Manifest.Platform, "aggregate": map[string]any{"gpu_utilization": busy}}}
	}
	if load := r.number("load_s"); load != nil {
		seen["pod_startup_times"] = map[string]any{"pods": []any{map[string]any{"name": r.Manifest.Platform, "model": r.Manifest.Model, "startup_seconds": *load}}}
	}
	return map[string]any{"request_performance": map[string]any{"aggregate": map[string]any{"requests": requests, "latency": latency, "throughput": throughput}}, "observability": seen}
}
