"""Runs vLLM's LLM class for matrix: requests in on one pipe, answers out on another, one JSON document a line.

Usage: driver.py CONFIG [IN OUT]   (file descriptors, 3 and 4 unless given)

CONFIG is a JSON file {"args": {...}} with the arguments of LLM(). stdout and stderr are vLLM's own, for the log.
All decisions are matrix's: this file hands requests to the engine as they come, emits each answer when it is
finished and then forgets it. Times are time.monotonic(), in seconds.

In:   {"i": id, "p": prompt | "m": messages, "n": max_tokens, "s": {sampling}, "to": timeout_s, "bos": bool,
       "tk": {variables of the chat template}, "tools": [...], "so": {structured outputs}}   a request
      {"x": [id, ...]}   forget requests.   End of file: stop.
Out:  {"hello": ...}  {"phase": name, "s": seconds}  {"ready": {...}}  {"fatal": text, "type": name}
      {"i": id, "t": [sent, first, last, done], "e": [queue, prefill, decode], "in", "out", "cached", "fin", "text"}
      {"i": id, "t": [sent, null, null, done], "err": class, "msg": text}
"""
import heapq
import json
import os
import select
import signal
import sys
import threading
import time
import traceback

CHUNK = 256 * 1024


class Pipes:
    """The two ends, without any buffering that could hide an answer."""

    def __init__(self, fd_in, fd_out):
        self.fd_in, self.fd_out = fd_in, fd_out
        self.rest = b""
        for fd in (fd_in, fd_out):
            os.set_inheritable(fd, False)

    def send(self, doc):
        line = (json.dumps(doc, separators=(",", ":")) + "\n").encode()
        while line:
            line = line[os.write(self.fd_out, line):]

    def readable(self, timeout):
        return bool(select.select([self.fd_in], [], [], timeout)[0])

    def lines(self):
        """The complete lines of one read; None at the end of the file."""
        chunk = os.read(self.fd_in, CHUNK)
        if not chunk:
            return None
        *whole, self.rest = (self.rest + chunk).split(b"\n")
        return whole


class Watchdog:
    """Ends the wait for an engine process that was killed: vLLM notices (seen in 0.32) and cleans up, but the thread
    that waits in step() for its outputs is never told."""

    def __init__(self, client):
        self.client, self.stopping = client, False
        threading.Thread(target=self.watch, daemon=True).start()

    def watch(self):
        while not self.stopping:
            time.sleep(0.5)
            if getattr(getattr(self.client, "resources", None), "engine_dead", False) and not self.stopping:
                break
        else:
            return
        time.sleep(1)  # outputs on their way come first
        if self.stopping:
            return
        print("EngineDeadError: the engine process ended unexpectedly", file=sys.stderr, flush=True)
        outputs = getattr(self.client, "outputs_queue", None)
        if outputs is not None:
            outputs.put_nowait(EngineDead("the engine process ended unexpectedly"))
            time.sleep(5)
        if not self.stopping:
            os._exit(1)


class EngineDead(Exception):
    """Goes through the queue that step() waits on."""


class Driver:
    """Feeds an LLM engine and passes on what it finishes."""

    def __init__(self, llm, pipes):
        from vllm import SamplingParams
        from vllm.sampling_params import RequestOutputKind

        self.llm, self.engine, self.pipes = llm, llm.llm_engine, pipes
        self.params, self.final = SamplingParams, RequestOutputKind.FINAL_ONLY
        self.max_len = self.engine.model_config.max_model_len
        self.bare = False    # the tokenizer takes no variables for a template
        self.live = {}       # engine's request id -> (our id, sent)
        self.deadlines = []  # heap of (time, engine's request id)
        # The queue of a separate engine process: step() blocks while it is empty. An engine in this process has none.
        self.ready_queue = getattr(self.engine.engine_core, "outputs_queue", None)

    def run(self):
        """Until the pipe ends. Requests come before answers, so that the engine sees the whole batch soon."""
        while True:
            if self.pipes.readable(0 if self.live else None):
                lines = self.pipes.lines()
                if lines is None:
                    return
                for line in lines:
                    self.take(json.loads(line))
                if not self.outputs_wait():
                    continue
            self.expire()
            if self.live:
                self.step()

    def outputs_wait(self):
        return self.ready_queue is not None and not self.ready_queue.empty()

    def take(self, doc):
        if "x" in doc:
            self.forget([str(i) for i in doc["x"]])
            return
        sent = time.monotonic()
        try:
            self.add(doc, sent)
        except Exception as e:  # one bad request fails alone
            if dead(e):
                raise
            self.refuse(doc["i"], sent, "prompt_too_long" if too_long(e) else "invalid_request", e)

    def add(self, doc, sent):
        prompt = self.render(doc)
        length, most = prompt_length(prompt), doc["n"]
        if length is not None and length + most > self.max_len:
            self.refuse(doc["i"], sent, "prompt_too_long",
                        f"prompt of {length} tokens and max_tokens {most} exceed max_model_len {self.max_len}")
            return
        rid = str(doc["i"])
        params = self.params(max_tokens=most, output_kind=self.final, **doc["s"], **structured(doc.get("so")))
        self.engine.add_request(rid, prompt, params)
        self.live[rid] = (doc["i"], sent)
        if doc.get("to"):
            heapq.heappush(self.deadlines, (sent + doc["to"], rid))

    def render(self, doc):
        """What LLM.generate and LLM.chat do to one prompt; the tokenizer alone where vLLM has no such step."""
        if "m" in doc:
            return self.render_chat(doc["m"], doc.get("tk") or {}, doc.get("tools"))
        special = {"add_special_tokens": False} if doc.get("bos") else {}
        one = getattr(self.llm, "_preprocess_cmpl_one", None)
        if one is not None:
            return one(doc["p"], special or None)
        return {"prompt_token_ids": self.tokenizer().encode(doc["p"], **special)}

    def render_chat(self, messages, variables, tools):
        one = getattr(self.llm, "_preprocess_chat_one", None)
        more = {"tools": tools} if tools else {}
        if one is None:
            ids = self.tokenizer().apply_chat_template(messages, add_generation_prompt=True, tokenize=True, **more, **variables)
            return {"prompt_token_ids": list(ids)}
        if variables and not self.bare:
            try:
                return one(messages, chat_template_kwargs=variables, **more)
            except ValueError as e:
                # Mistral's own tokenizer takes none. Its models do not think unless they are told to.
                if variables.get("thinking") or "Mistral" not in str(e) and "mistral" not in type(self.tokenizer()).__module__:
                    raise
                self.bare = True
        return one(messages, **more)

    def tokenizer(self):
        return self.llm.get_tokenizer()

    def step(self):
        if not self.engine.has_unfinished_requests():
            for rid in list(self.live):
                number, sent = self.live.pop(rid)
                self.refuse(number, sent, "lost", "the engine has forgotten the request")
            return
        for out in self.engine.step():
            if out.finished:
                # Newer engines name requests "7-ab12cd34" inside and "7" outside.
                known = self.live.pop(out.request_id, None) or self.live.pop(out.request_id.rsplit("-", 1)[0], None)
                if known is not None:
                    self.answer(out, *known)

    def answer(self, out, number, sent):
        done = time.monotonic()
        first, last, parts = clocks(out.metrics, sent, done)
        one = out.outputs[0]
        self.pipes.send({
            "i": number, "t": [sent, first, last, done], "e": parts,
            "in": len(out.prompt_token_ids) if out.prompt_token_ids is not None else None,
            "out": len(one.token_ids), "cached": out.num_cached_tokens,
            "fin": one.finish_reason or "", "text": one.text,
        })

    def refuse(self, number, sent, kind, text):
        self.pipes.send({"i": number, "t": [sent, None, None, time.monotonic()], "err": kind, "msg": str(text)})

    def forget(self, rids):
        known = [r for r in rids if self.live.pop(r, None) is not None]
        if known:
            self.engine.abort_request(known)

    def expire(self):
        now = time.monotonic()
        while self.deadlines and (self.deadlines[0][0] <= now or self.deadlines[0][1] not in self.live):
            rid = heapq.heappop(self.deadlines)[1]
            if rid in self.live:
                number, sent = self.live[rid]
                self.forget([rid])
                self.refuse(number, sent, "timeout", "no answer within the request's timeout")


def structured(asked):
    """The form of an answer as SamplingParams takes it, by the names of old and new versions."""
    if not asked:
        return {}
    try:
        from vllm.sampling_params import StructuredOutputsParams
        return {"structured_outputs": StructuredOutputsParams(**asked)}
    except ImportError:
        from vllm.sampling_params import GuidedDecodingParams
        return {"guided_decoding": GuidedDecodingParams(**asked)}


def prompt_length(prompt):
    ids = prompt.get("prompt_token_ids") if isinstance(prompt, dict) else None
    return None if ids is None else len(ids)


def clocks(m, sent, done):
    """First and last token on our clock, and [queue, prefill, decode]. The engine's clock is the same one
    (CLOCK_MONOTONIC) on a single machine; where its readings do not fit between ours, only differences are used."""
    if m is None or not getattr(m, "first_token_ts", 0):
        return None, None, None
    queued, scheduled, first, last = m.queued_ts, m.scheduled_ts, m.first_token_ts, m.last_token_ts
    last = max(last, first)
    parts = [scheduled - queued, first - scheduled, last - first]
    if not (sent <= queued and last <= done):
        shift = done - last
        first, last = max(first + shift, sent), done
    return first, last, parts if min(parts) >= 0 else None


def too_long(e):
    text = str(e)
    return any(s in text for s in ("longer than the max", "maximum model length", "maximum context length",
                                   "max_model_len", "context length is only"))


def dead(e):
    return "Dead" in type(e).__name__ or isinstance(e, (MemoryError, BrokenPipeError))


def metrics_port():
    """Serves the engine's Prometheus metrics on loopback, as `vllm serve` does; None where it cannot."""
    try:
        from prometheus_client import start_http_server
        server, _ = start_http_server(0, addr="127.0.0.1")
        return server.server_port
    except Exception:
        traceback.print_exc()
        return None


def facts(llm, version):
    config = llm.llm_engine.vllm_config
    cache, model = config.cache_config, config.model_config
    return {
        "version": version, "kv_tokens": getattr(cache, "kv_cache_size_tokens", None) or None,
        "max_model_len": model.max_model_len, "dtype": str(model.dtype).removeprefix("torch."),
        "quantization": model.quantization or "", "tokenizer": str(model.tokenizer),
        "prefix_caching": getattr(cache, "enable_prefix_caching", None), "metrics_port": metrics_port(),
    }


def load(config, pipes):
    began = time.monotonic()
    import vllm

    pipes.send({"phase": "import", "s": time.monotonic() - began})
    llm = vllm.LLM(**config["args"])
    pipes.send({"ready": facts(llm, vllm.__version__)})
    return llm


def stop(*_):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # once is enough
    sys.exit(143)


def main():
    with open(sys.argv[1]) as f:
        config = json.load(f)
    pipes = Pipes(*(int(fd) for fd in sys.argv[2:4] or (3, 4)))
    signal.signal(signal.SIGTERM, stop)
    pipes.send({"hello": {"pid": os.getpid(), "python": sys.version.split()[0], "now": time.monotonic()}})
    llm, watchdog, code = None, None, 0
    try:
        llm = load(config, pipes)
        watchdog = Watchdog(llm.llm_engine.engine_core)
        Driver(llm, pipes).run()
    except (BrokenPipeError, SystemExit):
        pass  # matrix has gone, or wants us to go
    except Exception as e:
        traceback.print_exc()
        code = 1
        pipes.send({"fatal": str(e), "type": type(e).__name__})
    finally:
        if watchdog is not None:
            watchdog.stopping = True
        try:
            llm.llm_engine.engine_core.shutdown()
        except Exception:
            pass  # a dead engine cannot be shut down; its guard ends what is left
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)  # no waiting for threads of libraries


if __name__ == "__main__":  # engine processes import this file
    main()
