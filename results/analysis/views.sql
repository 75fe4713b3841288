-- Views of a results tree for DuckDB 1.3 or later. From the folder that holds results/:
--
--     duckdb -cmd "SET VARIABLE results = 'results'" -cmd ".read results/analysis/views.sql"
--
-- An attempt is one try at one launch; the launch is the sample, so medians are over launches, never over requests.
-- The views runs, requests, samples and outputs hold every attempt; launches and what follows from it only those that count.

CREATE OR REPLACE VIEW runs AS
SELECT * FROM read_parquet(getvariable('results') || '/*/*/*/run.parquet', union_by_name = true);

CREATE OR REPLACE VIEW requests AS
SELECT * FROM read_parquet(getvariable('results') || '/*/*/*/requests.parquet', union_by_name = true);

CREATE OR REPLACE VIEW samples AS
SELECT * FROM read_parquet(getvariable('results') || '/*/*/*/samples.parquet', union_by_name = true);

CREATE OR REPLACE VIEW outputs AS
SELECT * FROM read_parquet(getvariable('results') || '/*/*/*/outputs.parquet', union_by_name = true);

-- Which attempts count, as matrix itself says it: replaced, superseded and tainted ones do not. apply, taint, accept, import
-- and merge keep it; a tree made before it was kept, or after a run that was killed, gets it from `matrix report`.
CREATE OR REPLACE VIEW counts AS
SELECT * FROM read_parquet(getvariable('results') || '/*/counts.parquet');

-- The launches that count: nothing else is compared.
CREATE OR REPLACE VIEW launches AS
SELECT * FROM runs SEMI JOIN (SELECT attempt FROM counts WHERE counts.counts) USING (attempt);

-- One line a cell: medians over its launches, with the range of the throughput.
CREATE OR REPLACE VIEW cells AS
SELECT experiment, cell, any_value(name) AS name, platform, model, batch_size, bool_or(simulated) AS simulated,
       bool_or(imported) AS imported, count(*) AS launches,
       median(output_throughput) AS output_throughput, min(output_throughput) AS output_throughput_min,
       max(output_throughput) AS output_throughput_max, median(request_throughput) AS request_throughput,
       median(ttft_p50_s) AS ttft_p50_s, median(tpot_p50_s) AS tpot_p50_s, median(e2e_p50_s) AS e2e_p50_s,
       median(load_s) AS load_s, median(duration_s) AS duration_s, median(batch_s) AS batch_s,
       sum(requests_ok) / sum(requests_planned) AS success_rate, sum(requests_ok) AS requests_ok, sum(requests_planned) AS requests_planned,
       median(vram_peak_bytes) AS vram_peak_bytes, median(rss_peak_bytes) AS rss_peak_bytes,
       median(cpu_cores_mean) AS cpu_cores_mean, median(j_per_output_token) AS j_per_output_token,
       -- the coordinates beside platform, model and batch size: "load=at_once, quant=awq"
       array_to_string(list_sort(list_transform(list_filter(map_entries(any_value(axes)), lambda e: e.key NOT IN ('platform', 'model', 'batch_size')),
           lambda e: e.key || '=' || e.value)), ', ') AS other_axes,
       any_value(load_mode) AS load_mode, any_value(concurrency) AS concurrency, any_value(dtype) AS dtype,
       any_value(quantization) AS quantization, any_value(max_model_len) AS max_model_len,
       any_value(chat_template_sha256) AS chat_template_sha256, any_value(dataset_hash) AS dataset_hash,
       any_value(gpu_name) AS gpu_name, any_value(machine_host) AS machine_host
FROM launches
GROUP BY experiment, cell, platform, model, batch_size;

-- Each two platforms at the same model and batch size: b over a, and in what they are unlike. Read no ratio without it.
CREATE OR REPLACE VIEW comparison AS
SELECT a.experiment, a.model, a.batch_size, a.platform AS platform_a, b.platform AS platform_b, a.cell AS cell_a, b.cell AS cell_b,
       a.launches AS launches_a, b.launches AS launches_b,
       b.output_throughput / nullif(a.output_throughput, 0) AS output_throughput_ratio,
       b.request_throughput / nullif(a.request_throughput, 0) AS request_throughput_ratio,
       b.load_s / nullif(a.load_s, 0) AS load_ratio, b.batch_s / nullif(a.batch_s, 0) AS batch_ratio,
       -- A batch's latency includes waiting in the batch: no ratio against another load's.
       CASE WHEN a.load_mode = b.load_mode AND a.load_mode <> 'batch' THEN b.ttft_p50_s / nullif(a.ttft_p50_s, 0) END AS ttft_p50_ratio,
       list_filter([
           CASE WHEN a.other_axes IS DISTINCT FROM b.other_axes
                THEN 'axes: ' || coalesce(a.other_axes, 'not told') || ' against ' || coalesce(b.other_axes, 'not told') END,
           CASE WHEN coalesce(a.quantization, a.dtype) IS DISTINCT FROM coalesce(b.quantization, b.dtype)
                THEN 'precision: ' || coalesce(a.quantization, a.dtype, 'not told') || ' against ' || coalesce(b.quantization, b.dtype, 'not told') END,
           CASE WHEN a.load_mode IS DISTINCT FROM b.load_mode OR a.concurrency IS DISTINCT FROM b.concurrency
                THEN 'load: ' || concat_ws(' ', a.load_mode, a.concurrency) || ' against ' || concat_ws(' ', b.load_mode, b.concurrency) END,
           CASE WHEN a.max_model_len IS DISTINCT FROM b.max_model_len
                THEN 'context: ' || coalesce(a.max_model_len::VARCHAR, 'not told') || ' against ' || coalesce(b.max_model_len::VARCHAR, 'not told') END,
           CASE WHEN a.chat_template_sha256 IS DISTINCT FROM b.chat_template_sha256 THEN 'chat template' END,
           CASE WHEN a.dataset_hash IS DISTINCT FROM b.dataset_hash THEN 'prompts' END,
           CASE WHEN a.gpu_name IS DISTINCT FROM b.gpu_name OR a.machine_host IS DISTINCT FROM b.machine_host THEN 'machine' END,
           CASE WHEN a.simulated OR b.simulated THEN 'SIMULATED: tells nothing of a real engine' END,
           CASE WHEN a.imported <> b.imported THEN 'one of them is imported' END
       ], lambda x: x IS NOT NULL) AS unlike
FROM cells a
JOIN cells b ON a.experiment = b.experiment AND a.model = b.model AND a.batch_size = b.batch_size AND a.platform < b.platform;
