"""Executes views.sql and analysis.ipynb on a results tree, and compares what the two say. Prints it as JSON."""

import glob
import json
import os
import re
import shutil
import subprocess
import sys

import duckdb
import nbformat
import pandas as pd
import pyarrow.parquet as pq
from nbclient import NotebookClient

root, folder = sys.argv[1], sys.argv[2]
os.environ["MATRIX_RESULTS"] = root

db = duckdb.connect()
db.execute("SET VARIABLE results = ?", [root])
for statement in duckdb.extract_statements(open(f"{folder}/views.sql").read()):
    db.execute(statement)
counts = {view: db.sql(f"SELECT count(*) FROM {view}").fetchall()[0][0] for view in ("runs", "requests", "samples", "outputs", "launches", "cells", "comparison")}

book = nbformat.read(f"{folder}/analysis.ipynb", as_version=4)
assert not any(c.get("outputs") for c in book.cells), "the notebook is stored without outputs"
book.cells.append(nbformat.v4.new_code_cell("cells.reset_index().to_json(os.environ['CELLS'])\nassert launches.groupby(['line', 'batch_size']).cell.nunique().max() == 1"))
os.environ["CELLS"] = sys.argv[3]
NotebookClient(book, timeout=300, kernel_name="python3").execute()
text = json.dumps([o for c in book.cells for o in c.get("outputs", [])])
pictures = text.count('"image/png"')

pandas, sql = pd.read_json(sys.argv[3], dtype={"cell": str}), db.sql("SELECT * FROM cells").df()
both = pandas.merge(sql, on=["experiment", "cell"], suffixes=("", "_sql"), how="outer")
assert len(both) == len(pandas) == len(sql) and len(sql) > 0
for metric in ("launches", "output_throughput", "ttft_p50_s", "load_s", "batch_s", "success_rate", "rss_peak_bytes"):
    a, b = both[metric].astype(float), both[f"{metric}_sql"].astype(float)
    assert (a.isna() == b.isna()).all() and ((a - b).abs() <= 1e-6 * a.abs()).where(a.notna(), True).all(), (metric, a.tolist(), b.tolist())
# What the documents show works on a tree of two versions, of which the older lacks columns: the SQL, and pandas.
older = sys.argv[3] + ".older"
shutil.copytree(root, older)
for table, column in (("run", "valid_share"), ("run", "output_throughput"), ("requests", "valid"), ("requests", "invalid_reason")):
    path = sorted(glob.glob(f"{older}/e/*/*/{table}.parquet"))[0]
    pq.write_table(pq.read_table(path, partitioning=None).drop_columns([column]), path)
tables = sys.argv[3] + ".tables"
subprocess.run([sys.argv[4], "export", "--results", root, "--format", "tables", "--out", tables], check=True, stdout=subprocess.DEVNULL)
for table in ("run", "requests", "samples", "outputs"):
    files = glob.glob(f"{root}/e/*/*/{table}.parquet")
    assert len(pd.read_parquet(f"{tables}/{table}")) == sum(pq.read_metadata(f).num_rows for f in files) > 0, table
queries = programs = 0
for document in sys.argv[6:]:
    page = re.sub(r"results/(gemma3|mine)", f"{older}/e", open(document).read()).replace('"tables/', f'"{tables}/')
    for query in re.findall(r"```sql\n(.*?)```", page, re.S):
        db.sql(query).fetchall()
        queries += 1
        if "NOT simulated" in query:
            rows = db.sql(query.replace("WHERE NOT simulated", "")).fetchall()
            assert len(rows) == 4 and all(r[2] > 0 for r in rows), rows
        # What vLLM had under way: the simulator tells none. A reading at which it did not change has it all the same; a tree before scrape_s has rows, too.
        if "num_requests_running" in query:
            told = sys.argv[3] + ".told/a/1"
            os.makedirs(told)
            rows = [("scrape_s", t, 0.01) for t in range(4)] + [("vllm:num_requests_running", 0, 2), ("vllm:num_requests_running", 3, 5), ("scrape_gap_s", 9, 5)]
            pd.DataFrame([{"attempt": "a", "segment": 1, "metric": m, "time_s": float(t), "value": float(v)} for m, t, v in rows]).to_parquet(f"{told}/samples.parquet")
            said = db.sql(query.replace(f"{older}/e", sys.argv[3] + ".told")).fetchall()
            assert sorted(said) == [("a", 0, 2), ("a", 1, 2), ("a", 2, 2), ("a", 3, 5)], said
            assert len(db.sql(query.replace(f"{older}/e", sys.argv[5])).fetchall()) > 100
    for code in re.findall(r"```python\n(.*?)```", page, re.S):
        names = {}
        exec(code, names)
        programs += 1
        rate = names["runs"]["output_throughput"].to_list()
        # what an export made is of one version: the older tree's lacks one
        assert len(rate) == counts["runs"] and sum(v is None or v != v for v in rate) == ("glob" in names), rate

medians = db.sql("SELECT name, output_throughput FROM cells ORDER BY name").fetchall()
unlike = db.sql("SELECT DISTINCT unnest(unlike) FROM comparison").fetchall()
print(json.dumps({"counts": counts, "pictures": pictures, "simulated": "SIMULATED" in text, "medians": dict(medians), "unlike": [u[0] for u in unlike], "queries": queries, "programs": programs}))
