package results

import (
	"encoding/json"

	"matrix/results/record"
)

// phaseDocs say what a name does not.
var phaseDocs = map[string]string{
	"prime":         "an unmeasured start before this one, which filled the engine's caches (isolation.prime)",
	"import":        "until vLLM's engine core begins: interpreters start and import, one after the other",
	"workers":       "vLLM's workers come up, or Ollama looks for memory and starts its runner",
	"weights":       "as the engine states it",
	"compile":       "torch.compile, as vLLM states it",
	"graph_capture": "CUDA graphs, as vLLM states it",
	"kv_init":       "vLLM's profiling and KV cache",
	"ready":         "from there until the first request can be sent",
	"first_token":   "of the first request, which ends the load",
	"other":         "what is left of load_s: in no phase that the engine tells of",
}

// components are the parts of an identity; each is a column <name>_hash.
var components = []string{"spec", "dataset", "model", "backend", "hardware", "environment", "policy"}

func runColumns() []column[record.RunRow] {
	cols := append(attemptColumns(), engineColumns()...)
	cols = append(cols, machineColumns()...)
	cols = append(cols, launchColumns()...)
	for _, m := range Metrics() {
		cols = append(cols, metricColumn(m))
	}
	return append(cols,
		numbers("finish_reasons", "ok requests by the end that the engine names; none = it names none", func(r *record.RunRow) map[string]float64 { return r.Summary.Finish }),
		words("warnings", "what to know before believing a number here", func(r *record.RunRow) []string {
			return append(append([]string{}, r.Run.Warnings...), r.Summary.Warnings...)
		}),
		pairs("null_reasons", "metric column → why it is null", func(r *record.RunRow) map[string]string { return r.Summary.Why }))
}

func metricColumn(m Metric) column[record.RunRow] {
	doc := join(m.Formula, m.Doc)
	if m.Whole() {
		return count(m.Name, m.Unit, doc, func(r *record.RunRow) *int64 {
			if v := r.Summary.Metrics[m.Name]; v != nil {
				return ptr(int64(*v))
			}
			return nil
		})
	}
	return known(m.Name, m.Unit, doc, func(r *record.RunRow) *float64 { return r.Summary.Metrics[m.Name] })
}

func join(formula, doc string) string {
	if doc == "" {
		return formula
	}
	return formula + "; " + doc
}

func attemptColumns() []column[record.RunRow] {
	cols := []column[record.RunRow]{
		says("name", "coordinates of the cell", func(r *record.RunRow) string { return r.Manifest.Name }),
		says("reason", "why the attempt ended so", func(r *record.RunRow) string { return r.Manifest.Reason }),
		says("address", "SHA-256 of experiment and coordinates", func(r *record.RunRow) string { return r.Manifest.Address }),
		pairs("axes", "axis → label", func(r *record.RunRow) map[string]string { return r.Manifest.Axes }),
		says("identity_hash", "SHA-256 of what was asked for", func(r *record.RunRow) string { return r.Manifest.Identity.Hash }),
	}
	for _, c := range components {
		cols = append(cols, says(c+"_hash", "SHA-256 of the identity's component", func(r *record.RunRow) string {
			return r.Manifest.Identity.Components.Get(c).Hash
		}))
	}
	return append(cols,
		uniqueText(says("identity_json", "component → value", func(r *record.RunRow) string { return identityJSON(r.Manifest) })),
		known("began_unix_s", "s", "wall clock of the measured phase's beginning", func(r *record.RunRow) *float64 { return positive(r.Run.BeganUnixS) }),
		known("ended_unix_s", "s", "wall clock of the commit", func(r *record.RunRow) *float64 {
			return positive(float64(r.Manifest.Ended.UnixNano()) / 1e9)
		}),
		says("matrix_version", "of the matrix that measured it", func(r *record.RunRow) string { return r.Manifest.Matrix }),
		says("source_sha256", "of the HCL under sources/", func(r *record.RunRow) string { return r.Manifest.Source }),
		yesno("simulated", "no real engine ran", func(r *record.RunRow) *bool { return &r.Run.Simulated }),
		yesno("imported", "an earlier result, not measured by matrix", func(r *record.RunRow) *bool { return &r.Run.Imported }),
		count("segments", "", "stretches that the measured phase took; above 1 it was interrupted", func(r *record.RunRow) *int64 { return ptr(int64(r.Manifest.Segments)) }),
		uniqueText(says("segments_json", "each segment's duration, load and reason", func(r *record.RunRow) string { return segmentsJSON(r.Run.Segments) })),
	)
}

func engineColumns() []column[record.RunRow] {
	return []column[record.RunRow]{
		says("engine_name", "vllm, ollama, or what the server calls itself", func(r *record.RunRow) string { return r.Run.Engine.Name }),
		says("engine_version", "as the engine says", func(r *record.RunRow) string { return r.Run.Engine.Version }),
		words("engine_argv", "command line of the engine", func(r *record.RunRow) []string { return r.Run.Engine.Argv }),
		pairs("engine_env", "as declared; secrets left out", func(r *record.RunRow) map[string]string { return r.Run.Engine.Env }),
		says("model_revision", "commit or digest", func(r *record.RunRow) string { return r.Run.Engine.Revision }),
		count("weight_bytes", "bytes", "weights as loaded", func(r *record.RunRow) *int64 { return r.Run.Engine.WeightBytes }),
		says("dtype", "of the weights, as the engine says", func(r *record.RunRow) string { return r.Run.Engine.DType }),
		says("quantization", "of the weights, as the engine says; null or none: not quantised", func(r *record.RunRow) string { return r.Run.Engine.Quantization }),
		says("tokenizer", "name or path", func(r *record.RunRow) string { return r.Run.Engine.Tokenizer }),
		says("chat_template_sha256", "null when none was used", func(r *record.RunRow) string { return r.Run.Engine.Template }),
		count("kv_capacity_tokens", "tokens", "what the KV cache holds, as the engine says", func(r *record.RunRow) *int64 { return r.Run.Engine.KVTokens }),
		count("max_model_len", "tokens", "context of one sequence", func(r *record.RunRow) *int64 { return r.Run.Engine.MaxModelLen }),
		count("layers", "", "of the model, as the engine says", func(r *record.RunRow) *int64 { return r.Run.Engine.Layers }),
		count("gpu_layers", "", "layers on the GPU", func(r *record.RunRow) *int64 { return r.Run.Engine.LayersGPU }),
		count("size_bytes", "bytes", "Ollama's size of the loaded model", func(r *record.RunRow) *int64 { return r.Run.Engine.SizeBytes }),
		count("size_vram_bytes", "bytes", "Ollama's part of it on the GPU", func(r *record.RunRow) *int64 { return r.Run.Engine.SizeVRAMBytes }),
		count("footprint_packages", "", "packages that the engine's installation has", func(r *record.RunRow) *int64 { return r.Run.Engine.FootprintPackages }),
		count("footprint_bytes", "bytes", "on disk", func(r *record.RunRow) *int64 { return r.Run.Engine.FootprintBytes }),
		count("settings_count", "", "settings that differ from the engine's defaults", func(r *record.RunRow) *int64 { return r.Run.SettingsCount }),
		numbers("engine_metrics", "the engine's own counters over the measured phase, after − before", func(r *record.RunRow) map[string]float64 { return r.Run.EngineMetrics }),
	}
}

func machineColumns() []column[record.RunRow] {
	return []column[record.RunRow]{
		says("machine_host", "name of the host", func(r *record.RunRow) string { return r.Run.Machine.Host }),
		says("machine_cpu", "model of the processor", func(r *record.RunRow) string { return r.Run.Machine.CPU }),
		count("machine_cores", "", "logical processors", func(r *record.RunRow) *int64 { return someInt(r.Run.Machine.Cores) }),
		count("machine_ram_bytes", "bytes", "of the host", func(r *record.RunRow) *int64 { return someInt(r.Run.Machine.RAMBytes) }),
		says("machine_os", "name and version", func(r *record.RunRow) string { return r.Run.Machine.OS }),
		says("machine_kernel", "release", func(r *record.RunRow) string { return r.Run.Machine.Kernel }),
		says("machine_governor", "CPU frequency governor", func(r *record.RunRow) string { return r.Run.Machine.Governor }),
		says("gpu_name", "null without a GPU", func(r *record.RunRow) string { return r.Run.Machine.GPUName }),
		says("gpu_uuid", "of the first GPU", func(r *record.RunRow) string { return r.Run.Machine.GPUUUID }),
		count("gpu_count", "", "GPUs seen", func(r *record.RunRow) *int64 { return &r.Run.Machine.GPUs }),
		count("gpu_memory_bytes", "bytes", "of one GPU", func(r *record.RunRow) *int64 { return r.Run.Machine.GPUMemoryBytes }),
		says("gpu_driver", "version", func(r *record.RunRow) string { return r.Run.Machine.Driver }),
		says("gpu_cuda", "version that the driver supports", func(r *record.RunRow) string { return r.Run.Machine.CUDA }),
		known("gpu_power_limit_w", "W", "as set", func(r *record.RunRow) *float64 { return r.Run.Machine.PowerLimitW }),
	}
}

func launchColumns() []column[record.RunRow] {
	cols := []column[record.RunRow]{
		says("load_mode", "batch, closed, open", func(r *record.RunRow) string { return r.Run.Mode }),
		count("concurrency", "", "requests in flight of a closed load", func(r *record.RunRow) *int64 { return someInt(r.Run.Concurrency) }),
		count("neighbours", "", "other launches on this machine meanwhile", func(r *record.RunRow) *int64 { return &r.Run.Neighbours }),
		words("gpus_used", "UUIDs of the GPUs that the launch could use", func(r *record.RunRow) []string { return r.Run.GPUs }),
		says("server", "cell: a server of its own; group: shared with other cells", func(r *record.RunRow) string { return r.Run.Server }),
		says("server_launch", "group: ULID of the server's launch, under launches/", func(r *record.RunRow) string { return r.Run.ServerLaunch }),
		count("host_swap_used_bytes", "bytes", "swap in use at the start", func(r *record.RunRow) *int64 { return r.Run.HostSwap }),
		known("host_load1", "", "load average over one minute at the start", func(r *record.RunRow) *float64 { return r.Run.HostLoad1 }),
		count("order_seed", "", "of the launch order", func(r *record.RunRow) *int64 { return &r.Run.OrderSeed }),
		count("order_index", "", "place in the launch order", func(r *record.RunRow) *int64 { return &r.Run.OrderIndex }),
		says("page_cache", "state before the launch", func(r *record.RunRow) string { return r.Run.PageCache }),
		says("compile_cache", "state before the launch", func(r *record.RunRow) string { return r.Run.CompileCache }),
		yesno("primed", "an unmeasured start came right before, so the engine's caches were filled", func(r *record.RunRow) *bool {
			_, primed := r.Run.Phases["prime"]
			return &primed
		}),
		known("client_cpu_s", "s", "matrix's own CPU time in the measured phase", func(r *record.RunRow) *float64 { return r.Run.ClientCPUS }),
		yesno("client_limited", "the client, not the engine, may have been the limit", func(r *record.RunRow) *bool { return r.Run.ClientLimited }),
		known("burst_in_s", "s", "a batch on a server: from the first dispatch until the last request had a connection", func(r *record.RunRow) *float64 { return r.Run.BurstInS }),
		count("in_flight_max", "", "most requests with the engine at once, each on its connection", func(r *record.RunRow) *int64 { return r.Run.InFlightMax }),
		count("unanswered_max", "", "most of them without a byte of an answer", func(r *record.RunRow) *int64 { return r.Run.UnansweredMax }),
		count("reconnects", "", "connections lost before a byte of an answer though the engine was well; the requests were sent again", func(r *record.RunRow) *int64 { return r.Run.Reconnects }),
		count("listen_overflows", "", "connections that this machine's kernel dropped at full backlogs in the measured phase, the engine's or another's", func(r *record.RunRow) *int64 { return r.Run.ListenOverflows }),
		known("predicted_weights_gib", "GiB", "the plan's memory prediction: weights", func(r *record.RunRow) *float64 { return r.Run.Fit.WeightsGiB }),
		known("predicted_kv_gib_per_sequence", "GiB", "the plan's memory prediction: cache of one longest sequence", func(r *record.RunRow) *float64 { return r.Run.Fit.KVGiBPerSequence }),
		known("predicted_overhead_gib", "GiB", "the plan's memory prediction: beside weights and cache", func(r *record.RunRow) *float64 { return r.Run.Fit.OverheadGiB }),
		known("predicted_need_gib", "GiB", "weights + overhead + one longest sequence", func(r *record.RunRow) *float64 { return r.Run.Fit.NeedGiB }),
		known("predicted_budget_gib", "GiB", "what the platform may use", func(r *record.RunRow) *float64 { return r.Run.Fit.BudgetGiB }),
		known("predicted_max_sequences", "", "longest sequences at once", func(r *record.RunRow) *float64 { return r.Run.Fit.MaxSequences }),
		known("predicted_kv_tokens", "tokens", "beside kv_capacity_tokens", func(r *record.RunRow) *float64 { return r.Run.Fit.KVTokens }),
		known("slo_ttft_s", "s", "bound", func(r *record.RunRow) *float64 { return slo(r, 0) }),
		known("slo_tpot_s", "s", "bound", func(r *record.RunRow) *float64 { return slo(r, 1) }),
		known("slo_e2e_s", "s", "bound", func(r *record.RunRow) *float64 { return slo(r, 2) }),
	}
	cols = append(cols, calibrationColumns()...)
	for _, p := range record.Phases {
		doc := "null where the engine does not say"
		if says := phaseDocs[p]; says != "" {
			doc = says + "; " + doc
		}
		cols = append(cols, known("phase_"+p+"_s", "s", doc, func(r *record.RunRow) *float64 {
			if v, ok := r.Run.Phases[p]; ok {
				return &v
			}
			return nil
		}))
	}
	return cols
}

func slo(r *record.RunRow, which int) *float64 {
	if r.Run.SLO == nil {
		return nil
	}
	bounds := []float64{r.Run.SLO.TTFT.Seconds(), r.Run.SLO.TPOT.Seconds(), r.Run.SLO.E2E.Seconds()}
	return positive(bounds[which])
}

func ptr[T any](v T) *T { return &v }

// positive is v, or null for the zero that stands for "unknown" in a struct.
func positive(v float64) *float64 {
	if v <= 0 {
		return nil
	}
	return &v
}

func someInt(v int64) *int64 {
	if v == 0 {
		return nil
	}
	return &v
}

func identityJSON(m Manifest) string {
	values := map[string]json.RawMessage{}
	for name, c := range m.Identity.Components.All() {
		if json.Valid(c.Value) {
			values[name] = c.Value
		}
	}
	out, err := json.Marshal(values)
	if err != nil {
		panic(err) // valid JSON values under string keys
	}
	return string(out)
}

func segmentsJSON(segments []Segment) string {
	if len(segments) == 0 {
		return ""
	}
	out, err := json.Marshal(segments)
	if err != nil {
		return "" // a NaN among the figures
	}
	return string(out)
}
