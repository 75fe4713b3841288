package table

import (
	"encoding/json"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"matrix/experiments/cell"
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
	"measure":       "Σ over the segments that were not killed",
	"other":         "what is left of load_s: in no phase that the engine tells of",
}

// components are the parts of an identity; each is a column <name>_hash.
var components = []string{"spec", "dataset", "model", "backend", "hardware", "environment", "policy"}

// runColumns are the columns of run.parquet after the keys. What the manifest tells as well is written for readers who
// glob Parquet, and not read back.
var runColumns = sync.OnceValue(func() []runColumn {
	cols := slices.Concat(attemptColumns(), engineColumns(), machineColumns(), launchColumns(), calibrationColumns(), phaseColumns())
	for _, m := range record.Metrics() {
		cols = append(cols, metricColumn(m))
	}
	return append(cols,
		plain(numbers("finish_reasons", "ok requests by the end that the engine names; none = it names none", func(r *record.RunRow) *map[string]float64 { return &r.Summary.Finish })),
		plain(numbers("invalid_reasons", "measured requests whose answer cannot be used, by invalid_reason", func(r *record.RunRow) *map[string]float64 { return &r.Summary.Invalid })),
		plain(warnings()),
		plain(pairs("null_reasons", "metric column → why it is null", func(r *record.RunRow) *map[string]string { return &r.Summary.Why })))
})

// warnings are the run's and the summary's in one column; read back, all are the run's.
func warnings() column[record.RunRow] {
	c := words("warnings", "what to know before believing a number here", func(r *record.RunRow) *[]string { return &r.Run.Warnings })
	put := c.put
	c.put = func(b array.Builder, r *record.RunRow) {
		put(b, &record.RunRow{Run: record.Run{Warnings: r.Warnings()}})
	}
	return c
}

// metricColumn is a metric of the summary: whole numbers as such, so that SQL sums requests without a fraction.
func metricColumn(m record.Metric) runColumn {
	value := func(r *record.RunRow) *float64 { return r.Summary.Metrics[m.Name] }
	set := func(r *record.RunRow, v float64) {
		if r.Summary.Metrics == nil {
			r.Summary.Metrics = map[string]*float64{}
		}
		r.Summary.Metrics[m.Name] = &v
	}
	if !m.Whole() {
		return known(m.Name, m.Unit, m.Meaning(), value, set)
	}
	return count(m.Name, m.Unit, m.Meaning(), func(r *record.RunRow) *int64 {
		v := value(r)
		if v == nil {
			return nil
		}
		n := int64(*v)
		return &n
	}, func(r *record.RunRow, n int64) { set(r, float64(n)) })
}

// attemptColumns say which attempt it is, and of what: from the manifest.
func attemptColumns() []runColumn {
	cols := []runColumn{
		says("name", "coordinates of the cell", func(r *record.RunRow) string { return r.Manifest.Name }),
		says("reason", "why the attempt ended so", func(r *record.RunRow) string { return r.Manifest.Reason }),
		says("address", "SHA-256 of experiment and coordinates", func(r *record.RunRow) string { return r.Manifest.Address }),
		plain(pairs("axes", "axis → label", func(r *record.RunRow) *map[string]string { return &r.Manifest.Axes })),
		says("identity_hash", "SHA-256 of what was asked for", func(r *record.RunRow) string { return r.Manifest.Identity.Hash }),
	}
	for _, c := range components {
		cols = append(cols, says(c+"_hash", "SHA-256 of the identity's component", func(r *record.RunRow) string {
			return r.Manifest.Identity.Components.Get(c).Hash
		}))
	}
	return append(cols,
		unrepeated(says("identity_json", "component → value", func(r *record.RunRow) string { return identityJSON(r.Manifest) })),
		known("began_unix_s", "s", "wall clock of the measured phase's beginning", func(r *record.RunRow) *float64 { return positive(r.Run.BeganUnixS) },
			func(r *record.RunRow, v float64) { r.Run.BeganUnixS = v }),
		known("ended_unix_s", "s", "wall clock of the commit", func(r *record.RunRow) *float64 {
			return positive(float64(r.Manifest.Ended.UnixNano()) / 1e9)
		}, ofManifest[float64]),
		says("matrix_version", "of the matrix that measured it", func(r *record.RunRow) string { return r.Manifest.Matrix }),
		says("source_sha256", "of the HCL under sources/", func(r *record.RunRow) string { return r.Manifest.Source }),
		plain(nullable(truth("simulated", "", "no real engine ran", func(r *record.RunRow) *bool { return &r.Run.Simulated }))),
		plain(nullable(truth("imported", "", "an earlier result, not measured by matrix", func(r *record.RunRow) *bool { return &r.Run.Imported }))),
		count("segments", "", "stretches that the measured phase took; above 1 it was interrupted; load and phases are the first's", func(r *record.RunRow) *int64 {
			n := int64(r.Manifest.Segments)
			return &n
		}, ofManifest[int64]),
		unrepeated(segmentsColumn()),
	)
}

// engineColumns say what ran, as it said itself; null = it did not.
func engineColumns() []runColumn {
	return []runColumn{
		textAt("engine_name", "vllm, ollama, or what the server calls itself", func(r *record.RunRow) *string { return &r.Run.Engine.Name }),
		textAt("engine_version", "as the engine says", func(r *record.RunRow) *string { return &r.Run.Engine.Version }),
		plain(words("engine_argv", "command line of the engine", func(r *record.RunRow) *[]string { return &r.Run.Engine.Argv })),
		plain(pairs("engine_env", "as declared; secrets left out", func(r *record.RunRow) *map[string]string { return &r.Run.Engine.Env })),
		textAt("model_revision", "commit or digest", func(r *record.RunRow) *string { return &r.Run.Engine.Revision }),
		countAt("weight_bytes", "bytes", "weights as loaded", func(r *record.RunRow) **int64 { return &r.Run.Engine.WeightBytes }),
		textAt("dtype", "of the weights, as the engine says", func(r *record.RunRow) *string { return &r.Run.Engine.DType }),
		textAt("quantization", "of the weights, as the engine says; null or none: not quantised", func(r *record.RunRow) *string { return &r.Run.Engine.Quantization }),
		textAt("tokenizer", "name or path", func(r *record.RunRow) *string { return &r.Run.Engine.Tokenizer }),
		textAt("chat_template_sha256", "null when none was used", func(r *record.RunRow) *string { return &r.Run.Engine.Template }),
		countAt("kv_capacity_tokens", "tokens", "what the KV cache holds, as the engine says", func(r *record.RunRow) **int64 { return &r.Run.Engine.KVTokens }),
		countAt("max_model_len", "tokens", "context of one sequence", func(r *record.RunRow) **int64 { return &r.Run.Engine.MaxModelLen }),
		countAt("layers", "", "of the model, as the engine says", func(r *record.RunRow) **int64 { return &r.Run.Engine.Layers }),
		countAt("gpu_layers", "", "layers on the GPU", func(r *record.RunRow) **int64 { return &r.Run.Engine.LayersGPU }),
		countAt("size_bytes", "bytes", "Ollama's size of the loaded model", func(r *record.RunRow) **int64 { return &r.Run.Engine.SizeBytes }),
		countAt("size_vram_bytes", "bytes", "Ollama's part of it on the GPU", func(r *record.RunRow) **int64 { return &r.Run.Engine.SizeVRAMBytes }),
		countAt("footprint_packages", "", "packages that the engine's installation has", func(r *record.RunRow) **int64 { return &r.Run.Engine.FootprintPackages }),
		countAt("footprint_bytes", "bytes", "on disk", func(r *record.RunRow) **int64 { return &r.Run.Engine.FootprintBytes }),
		countAt("settings_count", "", "settings that differ from the engine's defaults", func(r *record.RunRow) **int64 { return &r.Run.SettingsCount }),
		plain(numbers("engine_metrics", "the engine's own counters over the measured phase, after − before", func(r *record.RunRow) *map[string]float64 { return &r.Run.EngineMetrics })),
	}
}

// machineColumns say on what it ran.
func machineColumns() []runColumn {
	return []runColumn{
		textAt("machine_host", "name of the host", func(r *record.RunRow) *string { return &r.Run.Machine.Host }),
		textAt("machine_cpu", "model of the processor", func(r *record.RunRow) *string { return &r.Run.Machine.CPU }),
		countOr("machine_cores", "", "logical processors", func(r *record.RunRow) *int64 { return &r.Run.Machine.Cores }),
		countOr("machine_ram_bytes", "bytes", "of the host", func(r *record.RunRow) *int64 { return &r.Run.Machine.RAMBytes }),
		textAt("machine_os", "name and version", func(r *record.RunRow) *string { return &r.Run.Machine.OS }),
		textAt("machine_kernel", "release", func(r *record.RunRow) *string { return &r.Run.Machine.Kernel }),
		textAt("machine_governor", "CPU frequency governor", func(r *record.RunRow) *string { return &r.Run.Machine.Governor }),
		textAt("gpu_name", "null without a GPU", func(r *record.RunRow) *string { return &r.Run.Machine.GPUName }),
		textAt("gpu_uuid", "of the first GPU", func(r *record.RunRow) *string { return &r.Run.Machine.GPUUUID }),
		countOf("gpu_count", "GPUs seen", func(r *record.RunRow) *int64 { return &r.Run.Machine.GPUs }),
		countAt("gpu_memory_bytes", "bytes", "of one GPU", func(r *record.RunRow) **int64 { return &r.Run.Machine.GPUMemoryBytes }),
		textAt("gpu_driver", "version", func(r *record.RunRow) *string { return &r.Run.Machine.Driver }),
		textAt("gpu_cuda", "version that the driver supports", func(r *record.RunRow) *string { return &r.Run.Machine.CUDA }),
		knownAt("gpu_power_limit_w", "W", "as set", func(r *record.RunRow) **float64 { return &r.Run.Machine.PowerLimitW }),
	}
}

// launchColumns say how it was asked, and what was beside it.
func launchColumns() []runColumn {
	return []runColumn{
		textAt("load_mode", "batch, closed, open", func(r *record.RunRow) *string { return &r.Run.Mode }),
		countOr("concurrency", "", "requests in flight of a closed load", func(r *record.RunRow) *int64 { return &r.Run.Concurrency }),
		countOf("neighbours", "other launches on this machine meanwhile", func(r *record.RunRow) *int64 { return &r.Run.Neighbours }),
		plain(words("gpus_used", "UUIDs of the GPUs that the launch could use", func(r *record.RunRow) *[]string { return &r.Run.GPUs })),
		textAt("server", "cell: a server of its own; group: shared with other cells", func(r *record.RunRow) *string { return &r.Run.Server }),
		textAt("server_launch", "group: ULID of the server's launch, under launches/", func(r *record.RunRow) *string { return &r.Run.ServerLaunch }),
		countAt("host_swap_used_bytes", "bytes", "swap in use at the start", func(r *record.RunRow) **int64 { return &r.Run.HostSwap }),
		knownAt("host_load1", "", "load average over one minute at the start", func(r *record.RunRow) **float64 { return &r.Run.HostLoad1 }),
		countOf("order_seed", "of the launch order", func(r *record.RunRow) *int64 { return &r.Run.OrderSeed }),
		countOf("order_index", "place in the launch order", func(r *record.RunRow) *int64 { return &r.Run.OrderIndex }),
		textAt("page_cache", "state before the launch", func(r *record.RunRow) *string { return &r.Run.PageCache }),
		textAt("compile_cache", "state before the launch", func(r *record.RunRow) *string { return &r.Run.CompileCache }),
		plain(computed(truth[bool], "primed", "", "an unmeasured start came right before, so the engine's caches were filled", func(r *record.RunRow) *bool {
			_, primed := r.Run.Phases["prime"]
			return &primed
		}, ofPhases)),
		knownAt("client_cpu_s", "s", "matrix's own CPU time in the measured phase; a killed segment's is lost", func(r *record.RunRow) **float64 { return &r.Run.ClientCPUS }),
		plain(maybe(truth[bool], "client_limited", "", "the client, not the engine, may have been the limit", func(r *record.RunRow) **bool { return &r.Run.ClientLimited })),
		knownAt("burst_in_s", "s", "a batch on a server: from the first dispatch until the last request had a connection", func(r *record.RunRow) **float64 { return &r.Run.BurstInS }),
		countAt("in_flight_max", "", "most requests with the engine at once, each on its connection", func(r *record.RunRow) **int64 { return &r.Run.InFlightMax }),
		countAt("unanswered_max", "", "most of them without a byte of an answer", func(r *record.RunRow) **int64 { return &r.Run.UnansweredMax }),
		countAt("reconnects", "", "connections lost before a byte of an answer though the engine was well; the requests were sent again", func(r *record.RunRow) **int64 { return &r.Run.Reconnects }),
		countAt("listen_overflows", "", "connections that this machine's kernel dropped at full backlogs in the measured phase, the engine's or another's", func(r *record.RunRow) **int64 { return &r.Run.ListenOverflows }),
		knownAt("predicted_weights_gib", "GiB", "the plan's memory prediction: weights", func(r *record.RunRow) **float64 { return &r.Run.Fit.WeightsGiB }),
		knownAt("predicted_kv_gib_per_sequence", "GiB", "the plan's memory prediction: cache of one longest sequence", func(r *record.RunRow) **float64 { return &r.Run.Fit.KVGiBPerSequence }),
		knownAt("predicted_overhead_gib", "GiB", "the plan's memory prediction: beside weights and cache", func(r *record.RunRow) **float64 { return &r.Run.Fit.OverheadGiB }),
		knownAt("predicted_need_gib", "GiB", "weights + overhead + one longest sequence", func(r *record.RunRow) **float64 { return &r.Run.Fit.NeedGiB }),
		knownAt("predicted_budget_gib", "GiB", "what the platform may use", func(r *record.RunRow) **float64 { return &r.Run.Fit.BudgetGiB }),
		knownAt("predicted_max_sequences", "", "longest sequences at once", func(r *record.RunRow) **float64 { return &r.Run.Fit.MaxSequences }),
		knownAt("predicted_kv_tokens", "tokens", "beside kv_capacity_tokens", func(r *record.RunRow) **float64 { return &r.Run.Fit.KVTokens }),
		slo("slo_ttft_s", func(b *cell.SLO) *time.Duration { return &b.TTFT }),
		slo("slo_tpot_s", func(b *cell.SLO) *time.Duration { return &b.TPOT }),
		slo("slo_e2e_s", func(b *cell.SLO) *time.Duration { return &b.E2E }),
	}
}

// phaseColumns are the parts of the load, a column each, in their order.
func phaseColumns() []runColumn {
	var cols []runColumn
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
		}, func(r *record.RunRow, v float64) {
			if r.Run.Phases == nil {
				r.Run.Phases = map[string]float64{}
			}
			r.Run.Phases[p] = v
		}))
	}
	return cols
}

// slo is one bound, in seconds; null where there is none. It is rounded to whole nanoseconds on the way back, as it came.
func slo(name string, bound func(*cell.SLO) *time.Duration) runColumn {
	return known(name, "s", "bound", func(r *record.RunRow) *float64 {
		if r.Run.SLO == nil {
			return nil
		}
		return positive(bound(r.Run.SLO).Seconds())
	}, func(r *record.RunRow, v float64) {
		if r.Run.SLO == nil {
			r.Run.SLO = &cell.SLO{}
		}
		*bound(r.Run.SLO) = time.Duration(math.Round(v * float64(time.Second)))
	})
}

// calibrationColumns are what matrix calibrate found on this machine, all null where it never ran.
func calibrationColumns() []runColumn {
	of := func(name, unit, doc string, at func(*record.Calibration) *float64) runColumn {
		return known(name, unit, doc, func(r *record.RunRow) *float64 {
			if r.Run.Calibration == nil {
				return nil
			}
			return at(r.Run.Calibration)
		}, func(r *record.RunRow, v float64) {
			if r.Run.Calibration == nil {
				r.Run.Calibration = &record.Calibration{}
			}
			*at(r.Run.Calibration) = v
		})
	}
	return []runColumn{
		of("calibration_unix_s", "s", "when matrix calibrate measured what the client costs here; null: never on this machine", func(c *record.Calibration) *float64 { return &c.UnixS }),
		of("calibration_events_per_s_core", "1/s", "events that come together, at one second of the client's CPU", func(c *record.Calibration) *float64 { return &c.EventsPerSCore }),
		of("calibration_cpu_per_request_s", "s", "client CPU of a request with one event", func(c *record.Calibration) *float64 { return &c.CPUPerRequestS }),
		of("calibration_cpu_per_event_s", "s", "client CPU of a further event that comes by itself", func(c *record.Calibration) *float64 { return &c.CPUPerEventS }),
		of("calibration_timestamp_error_p99_s", "s", "receipt of an event − its writing by the mock", func(c *record.Calibration) *float64 { return &c.TimestampErrorP99S }),
		of("calibration_send_lateness_p99_s", "s", "sent − scheduled at 1,000 requests a second", func(c *record.Calibration) *float64 { return &c.SendLatenessP99S }),
	}
}

// positive is v, or null for the zero that stands for "unknown" in a struct.
func positive(v float64) *float64 {
	if v <= 0 {
		return nil
	}
	return &v
}

// identityJSON is the identity's values as one JSON object. A value that is no JSON is left out: it would break the whole.
func identityJSON(m record.Manifest) string {
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

// segmentsColumn holds a list of records as JSON text: a nested column would cost each file a leaf a
// field, and only a run that was interrupted has more than one record.
func segmentsColumn() runColumn {
	c := says("segments_json", "each segment's duration, load, phases and why it ended", func(r *record.RunRow) string {
		if len(r.Run.Segments) == 0 {
			return ""
		}
		out, err := json.Marshal(r.Run.Segments)
		if err != nil {
			return "" // a NaN among the figures
		}
		return string(out)
	})
	c.get = func(a arrow.Array, i int, r *record.RunRow) {
		if json.Unmarshal([]byte(a.(*array.String).Value(i)), &r.Run.Segments) != nil {
			r.Run.Segments = nil // another tool's: nothing is known of them
		}
	}
	return c
}
