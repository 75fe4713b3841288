"""What one attempt left, as JSON: rows and how they ended, and what was seen of the engine meanwhile.

Usage: burst.py EXPERIMENT_FOLDER"""

import json
import sys

import duckdb

folder = sys.argv[1]
requests = f"(SELECT * FROM '{folder}/*/*/requests.parquet' WHERE phase = 'measure')"
statuses = dict(duckdb.sql(f"SELECT status, count(*) FROM {requests} GROUP BY status").fetchall())
classes = dict(duckdb.sql(f"SELECT error_class, count(*) FROM {requests} WHERE error_class IS NOT NULL GROUP BY 1").fetchall())
rows, seqs, tokens, sent, done, ttft = duckdb.sql(
    f"SELECT count(*), count(DISTINCT seq), sum(output_tokens), max(sent_s), max(done_s), max(ttft_s) FROM {requests}").fetchall()[0]
most = dict(duckdb.sql(f"SELECT metric, max(value) FROM '{folder}/*/*/samples.parquet' GROUP BY metric").fetchall())
print(json.dumps({
    "status": statuses, "error_class": classes, "rows": rows, "seqs": seqs, "output_tokens": int(tokens or 0),
    "last_sent_s": sent, "last_done_s": done, "ttft_max_s": ttft, "rss_bytes": most.get("rss_bytes"),
    "running": most.get("vllm:num_requests_running"), "waiting": most.get("vllm:num_requests_waiting"),
}))
