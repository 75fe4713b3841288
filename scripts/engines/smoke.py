"""Smoke test of the installed engines: smoke.py ENGINES_DIR [NAME ...], NAME one of the keys of CHECKS.

Each engine starts in a process group of its own on a free loopback port with temporary state, answers one prompt, and is
killed with its whole group. All must count the same prompt tokens. Only the standard library is used.
"""

import contextlib
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

PROMPT = "The capital of France is"
PROMPT_TOKENS = 6
VLLM_ENV = {
    "VLLM_CPU_KVCACHE_SPACE": "2",
    "HF_HUB_OFFLINE": "1",
    "VLLM_LOGGING_COLOR": "0",
    "VLLM_NO_USAGE_STATS": "1",
    "DO_NOT_TRACK": "1",
}
VLLM_START_S = 400  # each of three processes imports for half a minute on a busy two-core machine
START_S = 60
REPLY_S = 120

OFFLINE = """
import json, sys
from vllm import LLM, SamplingParams
if __name__ == "__main__":
    llm = LLM(model=sys.argv[1], enforce_eager=True, max_model_len=1024)
    params = SamplingParams(temperature=0, max_tokens=8, min_tokens=8, ignore_eos=True)
    reply = llm.generate([sys.argv[2]], params, use_tqdm=False)[0]
    answer = [len(reply.prompt_token_ids), len(reply.outputs[0].token_ids), reply.outputs[0].text]
    print("\\nSMOKE " + json.dumps(answer), flush=True)
"""

TOOLS = """
import duckdb, pandas, polars, pyarrow, pyarrow.parquet as pq, tempfile
with tempfile.NamedTemporaryFile(suffix=".parquet") as f:
    pq.write_table(pyarrow.table({"n": [1, 2, 3]}), f.name)
    sums = [duckdb.sql(f"select sum(n)::int from '{f.name}'").fetchall()[0][0],
            pandas.read_parquet(f.name).n.sum(), polars.read_parquet(f.name)["n"].sum()]
assert sums == [6, 6, 6], sums
"""


class Failed(Exception):
    """A check that failed; the message says why."""


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def kill_group(proc: subprocess.Popen) -> None:
    for sig, patience in ((signal.SIGTERM, 10), (signal.SIGKILL, 10)):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(proc.pid, sig)
        with contextlib.suppress(subprocess.TimeoutExpired):
            proc.wait(patience)
    # The leader may be gone before its children: wait until the group is empty.
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            os.killpg(proc.pid, signal.SIGKILL)
        except ProcessLookupError:
            return
        time.sleep(0.1)


@contextlib.contextmanager
def engine(argv, env, folder):
    """Run argv in its own process group, its output in folder/log; on the way out nothing of it is alive."""
    log = pathlib.Path(folder, "log")
    with log.open("wb") as out:
        proc = subprocess.Popen(
            [str(a) for a in argv], env={**os.environ, **env}, cwd=folder, stdin=subprocess.DEVNULL,
            stdout=out, stderr=subprocess.STDOUT, start_new_session=True,
        )
    try:
        yield proc
    except Failed as err:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-25:])
        raise Failed(f"{err}; the end of its log:\n{tail}") from None
    finally:
        kill_group(proc)


def call(url, body=None, timeout=REPLY_S):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=timeout) as reply:
            return json.loads(reply.read() or b"{}")
    except urllib.error.HTTPError as err:
        raise Failed(f"{url}: HTTP {err.code}: {err.read()[:300]!r}") from None
    except OSError as err:
        raise Failed(f"{url}: {err}") from None


def wait_ready(proc, url, patience):
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        if proc.poll() is not None:
            raise Failed(f"exited with {proc.returncode} before it was ready")
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except OSError:
            time.sleep(0.25)
    raise Failed(f"not ready after {patience} s")


def gguf(root):
    return root / "model" / "gemma3-270m-q4_k_m.gguf"


def ollama(binary):
    def check(root, folder):
        host = f"127.0.0.1:{free_port()}"
        env = {"OLLAMA_HOST": host, "OLLAMA_MODELS": str(folder / "models"), "HOME": str(folder)}
        with engine([root / binary, "serve"], env, folder) as proc:
            wait_ready(proc, f"http://{host}/api/version", START_S)
            modelfile = folder / "Modelfile"
            modelfile.write_text(f"FROM {gguf(root)}\n")
            created = subprocess.run(
                [str(root / binary), "create", "smoke", "-f", str(modelfile)], env={**os.environ, **env},
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=REPLY_S,
            )
            if created.returncode:
                raise Failed(f"ollama create: {created.stdout[-300:]!r}")
            reply = call(f"http://{host}/api/generate", {
                "model": "smoke", "prompt": PROMPT, "raw": True, "stream": False,
                "options": {"temperature": 0, "num_predict": 16, "num_ctx": 1024},
            })
            return reply["prompt_eval_count"], reply["eval_count"], reply["response"]
    return check


def completion(base, model, count):
    reply = call(f"{base}/v1/completions", {
        "model": model, "prompt": PROMPT, "max_tokens": count, "temperature": 0,
    })
    usage = reply["usage"]
    return usage["prompt_tokens"], usage["completion_tokens"], reply["choices"][0]["text"]


def llama_server(root, folder):
    port = free_port()
    argv = [root / "llama-server" / "llama-server", "-m", gguf(root), "--host", "127.0.0.1", "--port", port, "-c", 1024]
    with engine(argv, {}, folder) as proc:
        wait_ready(proc, f"http://127.0.0.1:{port}/health", START_S)
        return completion(f"http://127.0.0.1:{port}", "smoke", 16)


def vllm_offline(root, folder):
    script = folder / "offline.py"
    script.write_text(OFFLINE)
    argv = [root / "vllm/bin/python", script, root / "model" / "gemma3-270m", PROMPT]
    with engine(argv, VLLM_ENV, folder) as proc:
        try:
            code = proc.wait(VLLM_START_S)
        except subprocess.TimeoutExpired:
            raise Failed(f"no result after {VLLM_START_S} s") from None
        for line in (folder / "log").read_text(errors="replace").splitlines():
            if line.startswith("SMOKE "):
                return json.loads(line.removeprefix("SMOKE "))
        raise Failed(f"exited with {code} and printed no result")


def vllm_serve(root, folder):
    port = free_port()
    argv = [
        root / "vllm/bin/python", "-m", "vllm.entrypoints.openai.api_server", "--model", root / "model" / "gemma3-270m",
        "--served-model-name", "smoke", "--host", "127.0.0.1", "--port", port, "--max-model-len", 1024, "--enforce-eager",
    ]
    with engine(argv, VLLM_ENV, folder) as proc:
        wait_ready(proc, f"http://127.0.0.1:{port}/health", VLLM_START_S)
        return completion(f"http://127.0.0.1:{port}", "smoke", 8)


def tools(root, folder):
    done = subprocess.run(
        [str(root / "tools/bin/python"), "-c", TOOLS], cwd=folder, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=REPLY_S,
    )
    if done.returncode:
        raise Failed(done.stdout.decode(errors="replace")[-1000:])
    return None


CHECKS = {
    "tools": tools,
    "ollama": ollama("ollama/bin/ollama"),
    "ollama-old": ollama("ollama-0.11.4/bin/ollama"),
    "llama-server": llama_server,
    "vllm-offline": vllm_offline,
    "vllm-serve": vllm_serve,
}


def run(name, root):
    started = time.monotonic()
    try:
        with tempfile.TemporaryDirectory(prefix="matrix-smoke-") as folder:
            got = CHECKS[name](root, pathlib.Path(folder))
        if got is not None and got[0] != PROMPT_TOKENS:
            raise Failed(f"counted {got[0]} prompt tokens for {PROMPT!r}, not {PROMPT_TOKENS}")
        if got is not None and got[1] < 1:
            raise Failed("generated nothing")
    except (Failed, OSError, LookupError, subprocess.TimeoutExpired) as err:
        reason = err if isinstance(err, Failed) else repr(err)
        print(f"FAIL {name} after {time.monotonic() - started:.0f} s: {reason}", flush=True)
        return False
    what = "reads Parquet" if got is None else f"{got[0]} prompt tokens, {got[1]} generated: {got[2]!r}"
    print(f"ok   {name:<13} {time.monotonic() - started:5.1f} s  {what}", flush=True)
    return True


def main(root, *names):
    unknown = set(names) - CHECKS.keys()
    if unknown:
        raise SystemExit(f"no such check: {', '.join(sorted(unknown))}; there are {', '.join(CHECKS)}")
    # A TERM becomes an exception, so that engines are killed and folders removed on the way out.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    results = [run(name, pathlib.Path(root).resolve()) for name in names or CHECKS]
    print(f"{sum(results)} passed, {len(results) - sum(results)} failed")
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
