"""Reads what `matrix apply` left of real engines as an analyst would, and holds it against what the engines themselves
said: types, nulls, one glob without a join, token totals, load times. Prints what it found as JSON.

Usage: check.py EXPERIMENT_FOLDER QUERY PROMPTS   (SQL over the folder's run.parquet; the dataset, OpenAI batch JSONL)"""

import glob
import hashlib
import json
import re
import sys

import duckdb
import pandas as pd
import polars as pl
import pyarrow.parquet as pq

TABLES = ("run", "requests", "samples", "outputs")
KEYS = ["experiment", "cell", "launch", "attempt", "attempt_status", "platform", "model", "batch_size"]
LOAD_PHASES = ["spawn", "import", "workers", "weights", "compile", "graph_capture", "kv_init", "ready", "first_token", "other"]
STATED = {  # what the engines' own logs say of a load, s
    "vllm_offline": {"weights": r"Loading weights took ([\d.]+) seconds", "kv_init": r"init engine \(.*\) took ([\d.]+) s"},
    "ollama": {"weights": r"(?:llama runner|llama-server) started in ([\d.]+) seconds"},
}
STATED["vllm_serve"] = STATED["vllm_offline"]
SERVER_TIMES = ["server_queue_s", "server_prefill_s", "server_decode_s"]
NO_GPU = ["gpu_name", "gpu_uuid", "gpu_driver", "gpu_memory_bytes", "energy_j", "j_per_output_token", "vram_peak_bytes", "gpu_util_ratio"]
TYPES = {
    "requests": {"seq": "BIGINT", "launch": "INTEGER", "prompt_hash": "BLOB", "status": "VARCHAR", "http_status": "INTEGER",
                 "ttft_s": "DOUBLE", "server_queue_s": "DOUBLE", "output_tokens": "BIGINT", "chunk_gaps_s": "DOUBLE[]"},
    "run": {"simulated": "BOOLEAN", "axes": "MAP(VARCHAR, VARCHAR)", "engine_argv": "VARCHAR[]", "load_s": "DOUBLE",
            "phase_import_s": "DOUBLE", "engine_metrics": "MAP(VARCHAR, DOUBLE)", "requests_ok": "BIGINT", "gpu_layers": "BIGINT"},
    "samples": {"source": "VARCHAR", "metric": "VARCHAR", "value": "DOUBLE"},
    "outputs": {"seq": "BIGINT", "text": "VARCHAR"},
}


def near(a, b, what, relative=1e-6):
    assert abs(a - b) <= relative * max(1, abs(a), abs(b)), f"{what}: {a} against {b}"


def types(folder):
    """Every table is one glob with the keys in it, and has the documented types."""
    for table in TABLES:
        files = f"{folder}/*/*/{table}.parquet"
        found = {name: kind for name, kind, *_ in duckdb.sql(f"DESCRIBE SELECT * FROM '{files}'").fetchall()}
        for name, kind in TYPES[table].items():
            assert found[name] == kind, (table, name, found[name])
        missing = duckdb.sql(f"SELECT count(*) FROM '{files}' WHERE {' OR '.join(k + ' IS NULL' for k in KEYS)}").fetchall()[0][0]
        assert missing == 0, f"{missing} rows of {table} lack a key"


def readers(folder):
    """DuckDB, pandas, polars and pyarrow see the same rows, values and nulls."""
    for table in TABLES:
        for file in glob.glob(f"{folder}/*/*/{table}.parquet"):
            arrow, frame, df = pq.read_table(file), pl.read_parquet(file), pd.read_parquet(file)
            assert arrow.num_rows == frame.height == len(df), file
            for name in arrow.column_names:
                nulls = arrow[name].null_count
                duck = duckdb.sql(f"SELECT count(*) - count({name}) FROM '{file}'").fetchall()[0][0]
                assert nulls == frame[name].null_count() == df[name].isna().sum() == duck, (file, name)
            for name in ("ttft_s", "output_tokens", "server_decode_s", "prompt_id", "prompt_hash", "metric", "value", "text", "load_s"):
                if name in arrow.column_names:
                    assert frame[name].to_list() == arrow[name].to_pylist(), (file, name)


def requests_of(folder, attempt):
    df = pd.concat(pd.read_parquet(f) for f in glob.glob(f"{folder}/*/{attempt}/requests.parquet"))
    warm, measured = df[df.phase == "warmup"], df[df.phase == "measure"]
    assert len(warm) + len(measured) == len(df)
    return warm, measured


def rows(run, warm, measured):
    """Each planned request has exactly one row, all went well, in an order that time allows."""
    assert sorted(measured.seq) == list(range(run["requests_planned"])), "not each request exactly once"
    assert len(measured) == run["batch_size"] == run["requests_ok"], (len(measured), run["requests_ok"])
    assert set(measured.status) == {"ok"} and set(warm.status) == {"ok"}, set(measured.status)
    for a, b in (("sent_s", "first_chunk_s"), ("first_chunk_s", "first_token_s"), ("first_token_s", "last_token_s"), ("last_token_s", "done_s")):
        assert (measured[a] <= measured[b]).all(), f"{a} after {b}"
    assert (measured.sent_s >= 0).all() and (warm[warm.segment == 1].done_s <= 0).all()
    for name in ("input_tokens", "output_tokens"):
        assert measured[name].sum() == run[name] > 0, name
    assert (measured.output_tokens <= measured.max_tokens).all() and (measured.output_tokens >= 1).all()
    for name in ("error", "error_class", "chunk_gaps_s", "scheduled_s", "client_queue_s"):
        assert measured[name].isna().all(), f"{name} is not null"
    for name in ("ttft_s", "e2e_s", "output_hash", "prompt_hash", "finish_reason"):
        assert measured[name].notna().all(), f"{name} is null"
    assert not set(warm.prompt_hash) & set(measured.prompt_hash), "a warm-up prompt is measured"


def nulls(kind, run, measured):
    """What an engine does not tell is null; what it tells is there."""
    for name in NO_GPU:
        assert run[name] is None, f"{name} = {run[name]} without a GPU"
    assert run["requests_planned"] < 64 and run["ttft_p99_s"] is None and "p99" in dict(run["null_reasons"])["ttft_p99_s"]
    told = kind != "vllm_serve"
    for name in SERVER_TIMES:
        assert measured[name].notna().all() if told else measured[name].isna().all(), (kind, name)
    if told:
        assert (measured.server_decode_s > 0).all() and (measured.server_prefill_s > 0).all() and (measured.server_queue_s >= 0).all()
        assert (measured[SERVER_TIMES].sum(axis=1) <= measured.e2e_closed_s + 0.05).all(), "the engine was busy longer than the request took"
    assert measured.http_status.isna().all() if kind == "vllm_offline" else (measured.http_status == 200).all()
    assert set(measured.token_source) == ({"engine"} if kind == "vllm_offline" else {"usage"})
    ollama = kind == "ollama"
    for name in ("layers", "gpu_layers", "size_bytes", "size_vram_bytes", "quantization"):
        assert (run[name] is not None) == ollama, (kind, name, run[name])
    assert (run["phase_import_s"] is None) == ollama and (run["phase_kv_init_s"] is None) == ollama
    if ollama:
        assert run["gpu_layers"] == 0 and run["layers"] == 19 and run["size_vram_bytes"] == 0
    assert measured.cached_tokens.isna().all() if ollama else (measured.cached_tokens == 0).all(), "a prefix cache helped"


def metrics(run, kind, warm, measured):
    """vLLM's own counters, after − before, are the rows' sums."""
    m = dict(run["engine_metrics"])
    assert m["vllm:generation_tokens_total"] == measured.output_tokens.sum(), m["vllm:generation_tokens_total"]
    assert m["vllm:prompt_tokens_total"] == measured.input_tokens.sum(), m["vllm:prompt_tokens_total"]
    assert m["vllm:request_success_total"] == len(measured) == m["vllm:e2e_request_latency_seconds_count"]
    if kind == "vllm_offline":
        for ours, theirs in zip(SERVER_TIMES, ("queue", "prefill", "decode")):
            near(measured[ours].sum(), m[f"vllm:request_{theirs}_time_seconds_sum"], ours, 1e-3)
    # vLLM's clock starts after ours and stops before it.
    assert 0.5 * measured.e2e_closed_s.sum() < m["vllm:e2e_request_latency_seconds_sum"] <= measured.e2e_closed_s.sum() + 0.05
    return {"generation_tokens": m["vllm:generation_tokens_total"], "prompt_tokens": m["vllm:prompt_tokens_total"]}


def log(run, folder, warm, measured):
    """Ollama answers with its counts; its log says how many requests there were, and llama-server counts anew."""
    text = open(glob.glob(f"{folder}/*/{run['attempt']}/server.log")[0], encoding="utf-8", errors="replace").read()
    posts = len(re.findall(r"\| 200 \|.*POST +\"/api/(?:generate|chat)\"", text))
    assert posts >= len(warm) + len(measured), posts
    found = {"posts": posts}
    evaluated = re.findall(r"prompt eval time = +([\d.]+) ms / +(\d+) tokens", text)[-len(measured):]
    decoded = re.findall(r"\|\s+eval time = +([\d.]+) ms / +(\d+) tokens", text)[-len(measured):]
    if run["engine_version"] >= "0.3":  # 0.33: a llama-server that logs
        assert sum(int(n) for _, n in evaluated) == measured.input_tokens.sum(), evaluated
        assert sum(int(n) for _, n in decoded) == measured.output_tokens.sum(), decoded
        near(sum(float(ms) for ms, _ in evaluated) / 1e3, measured.server_prefill_s.sum(), "prefill", 1e-2)
        near(sum(float(ms) for ms, _ in decoded) / 1e3, measured.server_decode_s.sum(), "decode", 1e-2)
        found |= {"prompt_tokens": sum(int(n) for _, n in evaluated), "generation_tokens": sum(int(n) for _, n in decoded)}
    return found


def load(run, kind, folder):
    """The phases add up to the load, those that the engine states are in its log, and little of it is in no phase."""
    phases = {name: run[f"phase_{name}_s"] for name in LOAD_PHASES if run[f"phase_{name}_s"] is not None}
    near(sum(phases.values()), run["load_s"], f"sum of the load's phases {phases}", 0.02)
    assert phases["other"] <= max(0.15 * run["load_s"], 1), phases
    text = open(glob.glob(f"{folder}/*/{run['attempt']}/server.log")[0], encoding="utf-8", errors="replace").read()
    for name, pattern in STATED[kind].items():
        near(float(re.findall(pattern, text)[0]), phases[name], f"phase {name} against the log", 0.01)


def times(run, measured):
    """Loading took time, its phases fit into it, and the measured span is that of the rows."""
    phases = {name: run[f"phase_{name}_s"] for name in LOAD_PHASES if run[f"phase_{name}_s"] is not None}
    assert run["load_s"] > 0 and phases["spawn"] >= 0 and phases["weights"] > 0, (run["load_s"], phases)
    if run["segments"] == 1:
        near(measured.done_s.max() - measured.sent_s.min(), run["duration_s"], "duration_s")
    near(run["load_s"] + run["duration_s"], run["batch_s"], "batch_s")
    near(run["output_tokens"] / run["duration_s"], run["output_throughput"], "output_throughput")
    return {name: round(s, 3) for name, s in phases.items()}


def samples(folder, run):
    """The engine's processes were watched all the time: memory of the model's size, CPU seconds that only grow."""
    df = pd.concat(pd.read_parquet(f) for f in glob.glob(f"{folder}/*/{run['attempt']}/samples.parquet"))
    assert not df.source.str.startswith("nvml").any()
    own = df[df.source == "process"]
    assert own[own.metric == "rss_bytes"].value.max() >= run["weight_bytes"] and run["rss_peak_bytes"] >= run["weight_bytes"]
    for _, part in own[own.metric == "cpu_s"].groupby("segment"):
        assert part.sort_values("time_s").value.is_monotonic_increasing
    assert 0 < run["cpu_cores_mean"] <= run["machine_cores"] + 0.1


def outputs(folder, run, measured):
    """Each answer is kept, and is the one that was hashed."""
    df = pd.concat(pd.read_parquet(f) for f in glob.glob(f"{folder}/*/{run['attempt']}/outputs.parquet"))
    text = dict(zip(df.seq, df.text))
    for seq, digest in zip(measured.seq, measured.output_hash):
        assert text[seq] and hashlib.sha256(text[seq].encode()).digest()[:16] == digest, f"seq {seq}: {text[seq]!r}"
    return text


def blank_lines(file):
    """Blank lines of each prompt as the experiments' template writes it, by custom_id."""
    found = {}
    for line in open(file, encoding="utf-8"):
        request = json.loads(line)
        found[request["custom_id"]] = "\n\n".join(m["content"] for m in request["body"]["messages"]).count("\n\n")
    return found


def prompts(folder, file):
    """The same prompt has the same bytes and the same number of tokens on every platform. Ollama 0.11's own tokenizer
    looks for Gemma's token of one line feed before that of two, so there each blank line is one token more."""
    surplus = blank_lines(file)
    table = duckdb.sql(f"""
        SELECT r.platform, r.batch_size, r.seq, r.prompt_id, hex(r.prompt_hash), r.input_tokens, run.engine_version
        FROM '{folder}/*/*/requests.parquet' r JOIN '{folder}/*/*/run.parquet' run USING (attempt)
        WHERE r.phase = 'measure' AND r.attempt_status = 'complete'""").fetchall()
    seen = {}
    for platform, batch_size, seq, prompt, digest, tokens, version in table:
        if version.startswith("0.11."):
            tokens -= surplus[prompt]
        seen.setdefault((batch_size, seq), {})[platform] = (prompt, digest, tokens)
    unlike = {key: by_platform for key, by_platform in seen.items() if len(set(by_platform.values())) > 1}
    assert not unlike, unlike
    platforms = [len(by_platform) for by_platform in seen.values()]
    lengths = {tokens for by_platform in seen.values() for _, _, tokens in by_platform.values()}
    return {"count": len(seen), "distinct_lengths": len(lengths), "platforms_min": min(platforms), "platforms_max": max(platforms)}


def check(folder, run):
    kind = json.loads(run["identity_json"])["backend"]["name"]
    warm, measured = requests_of(folder, run["attempt"])
    assert run["attempt_status"] == "complete" and not run["simulated"] and run["success_rate"] == 1
    rows(run, warm, measured)
    nulls(kind, run, measured)
    samples(folder, run)
    outputs(folder, run, measured)
    if run["segments"] == 1:
        load(run, kind, folder)
    found = {"kind": kind, "version": run["engine_version"], "segments": run["segments"], "ok": run["requests_ok"],
             "rows_by_segment": {int(k): int(n) for k, n in measured.segment.value_counts().items()},
             "input_tokens": int(measured.input_tokens.sum()), "output_tokens": int(measured.output_tokens.sum()),
             "load_s": run["load_s"], "output_throughput": run["output_throughput"], "phases": times(run, measured),
             "warnings": run["warnings"]}
    if kind == "ollama":
        found["engine"] = log(run, folder, warm, measured)
    elif run["segments"] == 1:
        found["engine"] = metrics(run, kind, warm, measured)
    else:
        found["engine_metrics"] = len(dict(run["engine_metrics"] or {}))
    return found


def counted(folder, runs):
    """counts.parquet has each attempt once, and says of each that it counts: these trees hold nothing else."""
    rows = duckdb.sql(f"SELECT attempt, counts FROM '{folder}/counts.parquet' ORDER BY attempt").fetchall()
    assert rows == sorted((run["attempt"], True) for run in runs), rows


def main(folder, query, file):
    duckdb.sql("SET memory_limit = '1GB'")
    types(folder)
    readers(folder)
    runs = [row for f in sorted(glob.glob(f"{folder}/*/*/run.parquet")) for row in pq.read_table(f).to_pylist()]
    counted(folder, runs)
    print(json.dumps({
        "query": duckdb.sql(query).fetchall(),
        "runs": {f"{run['platform']}/{run['batch_size']}": check(folder, run) for run in runs},
        "prompts": prompts(folder, file),
    }))


main(*sys.argv[1:])
