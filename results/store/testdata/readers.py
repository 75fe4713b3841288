"""Reads a results tree with DuckDB, pandas, pyarrow and polars: types, nulls, one glob without a join;
and computes the metrics anew with numpy. Prints what it found as JSON; an assertion fails otherwise."""

import json
import sys

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow.parquet as pq

root, attempt = sys.argv[1], sys.argv[2]
runs, requests = f"{root}/gemma3/*/*/run.parquet", f"{root}/gemma3/*/*/requests.parquet"
samples, outputs = f"{root}/gemma3/*/*/samples.parquet", f"{root}/gemma3/*/*/outputs.parquet"
found = {}

# DuckDB: the documented query, and types.
found["query"] = duckdb.sql(f"""
    SELECT platform, batch_size, median(output_throughput) FROM '{runs}'
    WHERE attempt_status = 'complete' AND NOT simulated GROUP BY ALL
""").fetchall()
types = {name: kind for name, kind, *_ in duckdb.sql(f"DESCRIBE SELECT * FROM '{requests}'").fetchall()}
for name, kind in {"seq": "BIGINT", "launch": "INTEGER", "prompt_hash": "BLOB", "status": "VARCHAR", "ttft_s": "DOUBLE",
                   "output_tokens": "BIGINT", "http_status": "INTEGER", "chunk_gaps_s": "DOUBLE[]"}.items():
    assert types[name] == kind, (name, types[name])
types = {name: kind for name, kind, *_ in duckdb.sql(f"DESCRIBE SELECT * FROM '{runs}'").fetchall()}
for name, kind in {"simulated": "BOOLEAN", "axes": "MAP(VARCHAR, VARCHAR)", "engine_argv": "VARCHAR[]", "load_s": "DOUBLE",
                   "engine_metrics": "MAP(VARCHAR, DOUBLE)", "requests_ok": "BIGINT", "warnings": "VARCHAR[]"}.items():
    assert types[name] == kind, (name, types[name])
found["axes"] = duckdb.sql(f"SELECT DISTINCT axes['platform'] FROM '{runs}'").fetchall()
found["duckdb"] = duckdb.sql(f"""
    SELECT count(*), count(*) FILTER (status = 'ok'), sum(output_tokens)::BIGINT, count(ttft_s), count(error),
           count(chunk_gaps_s), count(output_hash), min(octet_length(prompt_hash))::BIGINT
    FROM '{requests}' WHERE attempt = '{attempt}' AND phase = 'measure'""").fetchall()[0]
found["samples"] = duckdb.sql(f"SELECT count(*), sum(value) FROM '{samples}' WHERE metric = 'rss_bytes'").fetchall()[0]
found["outputs"] = duckdb.sql(f"SELECT text FROM '{outputs}' ORDER BY seq LIMIT 1").fetchall()[0]

# Every table has the keys, so one glob works with no join.
keys = ["experiment", "cell", "launch", "attempt", "attempt_status", "platform", "model", "batch_size"]
for glob in (runs, requests, samples, outputs):
    assert duckdb.sql(f"SELECT {', '.join(keys)} FROM '{glob}' LIMIT 1").fetchall(), glob

# pyarrow: metadata, encodings, row groups.
one = f"{root}/gemma3/" + duckdb.sql(f"SELECT filename FROM read_parquet('{requests}', filename=true) WHERE attempt = '{attempt}' LIMIT 1").fetchall()[0][0].split("/gemma3/")[1]
file = pq.ParquetFile(one)
meta = {k.decode(): v.decode() for k, v in file.schema_arrow.metadata.items()}
assert meta["matrix.schema_version"] == "1" and meta["matrix.table"] == "requests", meta
assert json.loads(meta["matrix.units"])["ttft_s"] == "s"
field = file.schema_arrow.field("tpot_s")
assert field.metadata[b"unit"] == b"s" and b"(n" in field.metadata[b"doc"], field.metadata
assert not file.schema_arrow.field("seq").nullable and field.nullable
group = file.metadata.row_group(0)
encodings = {group.column(i).path_in_schema: group.column(i) for i in range(group.num_columns)}
assert "DELTA_BINARY_PACKED" in encodings["output_tokens"].encodings
assert "BYTE_STREAM_SPLIT" in encodings["ttft_s"].encodings
assert "BYTE_STREAM_SPLIT" in encodings["chunk_gaps_s.list.element"].encodings
assert "RLE_DICTIONARY" not in encodings["prompt_hash"].encodings
assert encodings["status"].compression == "ZSTD"
table = pq.read_table(one)

# polars and pandas see the same as pyarrow, nulls and all.
frame = pl.read_parquet(one)
df = pd.read_parquet(one)
assert frame.height == len(df) == table.num_rows
for name in table.column_names:
    nulls = table[name].null_count
    assert frame[name].null_count() == nulls, name
    assert df[name].isna().sum() == nulls, name
assert frame.schema["ttft_s"] == pl.Float64 and frame.schema["prompt_hash"] == pl.Binary
assert str(df["seq"].dtype) == "int64" and str(df["ttft_s"].dtype) == "float64"
for name in ("seq", "ttft_s", "output_tokens", "status", "prompt_hash", "prompt_id", "chunk_gaps_s"):
    assert frame[name].to_list() == table[name].to_pylist(), name
assert pl.read_parquet(runs).height == 2 and len(pd.read_parquet(one.replace("requests", "run"))) == 1

# The metrics, anew.
run = pl.read_parquet(one.replace("requests.parquet", "run.parquet")).row(0, named=True)
measured = df[df.phase == "measure"]
ok = measured[measured.status == "ok"]
failures = len(measured) - len(ok)
d = measured.done_s.max() - measured.sent_s.min()
anew = {
    "duration_s": d,
    "request_throughput": len(ok) / d,
    "output_throughput": ok.output_tokens.sum() / d,
    "total_token_throughput": (ok.output_tokens.sum() + ok.input_tokens.sum()) / d,
    "batch_s": run["load_s"] + d,
    "success_rate": len(ok) / run["requests_planned"],
    "itl_weighted_mean_s": (ok.e2e_s - ok.ttft_s).sum() / (ok.output_tokens - 1).sum(),
}


def steady(ok):
    """The steady window as docs/columns.md defines it, for a closed load whose answers all streamed. What is under way is
    a step function, integrated here from event to event; the program looks at it 1,000 times."""
    sent, first, last, done = (ok[c].to_numpy() for c in ("sent_s", "first_token_s", "last_token_s", "done_s"))
    assert (last > first).all()
    answer = np.median(last - first)
    begin, most = np.quantile(done, 0.1), np.quantile(sent, 0.99)
    until = max(most, begin + answer)
    edges = np.unique(np.concatenate([sent, done, [begin, until]]))
    under = np.searchsorted(np.sort(sent), edges[:-1], "right") - np.searchsorted(np.sort(done), edges[:-1], "right")
    width, early = np.diff(edges), edges[:-1] < until
    part = early & (edges[:-1] >= begin)
    level = np.average(under[part], weights=width[part])
    order = np.argsort(under[early])
    passed = np.cumsum(width[early][order])
    usual = under[early][order][np.searchsorted(passed, 0.9 * passed[-1])]
    end = edges[1:][under >= 0.9 * level][-1]
    assert level >= 0.75 * usual and end - begin >= answer / 2, "no steady window"
    share = np.clip(np.minimum(last, end) - np.maximum(first, begin), 0, None) / (last - first)
    look = (done.max() - sent.min()) / 1000
    return {
        "steady_span_s": (end - begin, 2 * look),
        "steady_request_throughput": (share.sum() / (end - begin), 0.005 * share.sum() / (end - begin)),
        "steady_output_throughput": ((share * ok.output_tokens).sum() / (end - begin), 0.005 * (share * ok.output_tokens).sum() / (end - begin)),
    }


quantiles = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99, "p999": 0.999}
n = (ok.output_tokens - 1).astype(int)
pooled = {
    "ttft": ok.first_token_s - ok.sent_s,
    "ttft_first_chunk": ok.first_chunk_s - ok.sent_s,
    "e2e": ok.last_token_s - ok.sent_s,
    "e2e_closed": ok.done_s - ok.sent_s,
    "tpot": (ok.last_token_s - ok.first_token_s) / (ok.output_tokens - 1),
    "itl_weighted": np.repeat(((ok.last_token_s - ok.first_token_s) / (ok.output_tokens - 1)).to_numpy(), n),
}
for name, values in pooled.items():
    for p, q in quantiles.items():
        anew[f"{name}_{p}_s"] = np.quantile(np.asarray(values), q)
for name in ("ttft", "e2e", "tpot"):
    for p, q in quantiles.items():
        values = np.sort(np.concatenate([np.asarray(pooled[name]), np.full(failures, np.inf)]))
        h = q * (len(values) - 1)
        low, high = values[int(h)], values[min(int(h) + 1, len(values) - 1)]
        anew[f"{name}_{p}_adjusted_s"] = high if np.isinf(high) else low + (h - int(h)) * (high - low)
gaps = np.concatenate(ok.chunk_gaps_s.dropna().to_list())
anew["chunk_gap_p90_s"] = np.quantile(gaps, 0.9)
within = {name: (value, 1e-9 * max(1, abs(value))) for name, value in anew.items()} | steady(ok)
for name, (value, tolerance) in within.items():
    assert run[name] is not None, f"{name} is null: {run['null_reasons']}"
    assert run[name] == value or abs(run[name] - value) <= tolerance, (name, run[name], value)
assert run["requests_ok"] == len(ok) and run["output_tokens"] == int(ok.output_tokens.sum())
assert run["goodput"] is None and run["energy_j"] is None
found["metrics"] = len(within)
print(json.dumps(found))
