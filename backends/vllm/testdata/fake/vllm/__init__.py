"""As much of vLLM as the driver touches: words are tokens, an answer repeats a word, FAKE says what goes wrong."""
import os
import queue
import sys
import time

from ._version import __version__  # noqa: F401
from .sampling_params import SamplingParams  # noqa: F401

FAKE = os.environ.get("FAKE", "")


class EngineDeadError(Exception):
    pass


class VLLMValidationError(ValueError):
    pass


class Record:
    def __init__(self, **fields):
        self.__dict__.update(fields)


class Engine:
    def __init__(self, max_model_len):
        self.model_config = Record(max_model_len=max_model_len, dtype="torch.bfloat16", quantization=None, tokenizer="words")
        cache = Record(kv_cache_size_tokens=None, enable_prefix_caching=False)
        self.vllm_config = Record(cache_config=cache, model_config=self.model_config)
        self.engine_core = self
        self.outputs_queue = self
        self.waiting = {}
        self.resources = Record(engine_dead=False)
        self.results = queue.Queue()

    def put_nowait(self, result):
        self.results.put_nowait(result)

    def empty(self):
        return len(self.waiting) < 64

    def add_request(self, rid, prompt, params):
        words = prompt["prompt_token_ids"]
        asked = params.structured_outputs
        if asked and "multipleOf" in str(asked.json):  # as vLLM says it of its grammar compiler
            raise VLLMValidationError("The provided JSON schema contains features not supported by xgrammar.")
        if len(words) == 0:
            raise VLLMValidationError("The decoder prompt cannot be empty")
        self.waiting[rid] = (words, params, time.monotonic())
        return rid + "-ab12cd34"

    def abort_request(self, rids):
        for rid in rids:
            self.waiting.pop(rid, None)

    def has_unfinished_requests(self):
        return bool(self.waiting)

    def step(self):
        outs = []
        for rid, (words, params, queued) in list(self.waiting.items())[:256]:
            if words[0] == "die":
                raise EngineDeadError("EngineCore encountered an issue. See stack trace (above) for the root cause.")
            if words[0] == "vanish":  # the engine process is killed: its client knows, but its waiter is not told
                self.resources.engine_dead = True
                raise self.results.get()
            if words[0] == "stuck":
                time.sleep(0.01)
                continue
            del self.waiting[rid]
            outs.append(self.finish(rid, words, params, queued))
        return outs

    def finish(self, rid, words, params, queued):
        now = time.monotonic()
        metrics = Record(queued_ts=queued, scheduled_ts=queued, first_token_ts=now, last_token_ts=now)
        one = Record(text=(words[0] + " ") * params.max_tokens, token_ids=range(params.max_tokens), finish_reason="length")
        return Record(request_id=rid, finished=True, metrics=metrics, outputs=[one], prompt_token_ids=words, num_cached_tokens=0)

    def shutdown(self):
        print("fake engine shut down", flush=True)


class LLM:
    def __init__(self, **args):
        print("INFO 11-23 19:53:29 [utils.py:278] non-default args:", sorted(args), flush=True)
        if FAKE == "exit":
            print("(EngineCore pid=1) torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB.", flush=True)
            raise RuntimeError("Engine core initialization failed. See root cause above. Failed core proc(s): {}")
        if FAKE == "killed":
            os.kill(os.getpid(), 9)
        if FAKE == "hang":
            time.sleep(120)
        print("(EngineCore pid=1) INFO 11-23 19:53:46 [core.py:112] Initializing a V1 LLM engine (v0.99.0) with config:")
        print("(EngineCore pid=1) INFO 11-23 19:53:47 [x.py:1] Loading weights took 2.32 seconds")
        print("(EngineCore pid=1) INFO 11-23 19:53:48 [x.py:1] CPU KV cache size: 110,733 tokens, Maximum concurrency")
        print("(EngineCore pid=1) INFO 11-23 19:53:49 [core.py:302] init engine (profile, create kv cache, warmup model)"
              " took 1.50 s", flush=True)
        self.llm_engine = Engine(args.get("max_model_len", 2048))
        if FAKE != "old":
            self._preprocess_cmpl_one = lambda text, kwargs: {"prompt_token_ids": text.split()}
            self._preprocess_chat_one = self.chat_one

    def chat_one(self, messages, chat_template_kwargs=None, tools=None):
        """Each tool and each variable of the template that is on is a word of the prompt."""
        words = " ".join(m["content"] for m in messages).split()
        words += [name for name, value in (chat_template_kwargs or {}).items() if value]
        return {"prompt_token_ids": words + [t["function"]["name"] for t in tools or []]}

    def get_tokenizer(self):
        return Record(encode=lambda text, **_: text.split(),
                      apply_chat_template=lambda messages, **_: messages[0]["content"].split())


if sys.version_info < (3, 9):
    raise ImportError("too old")
