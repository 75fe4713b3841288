"""llama-server as Ollama starts it, out of the wheel xllamacpp: its flags become the wheel's parameters.

Ollama 0.30 and later run a llama-server that its Go module does not hold. A flag that is not known here ends the start, so
that nothing is measured with a setting left out."""

import os
import signal
import sys

import xllamacpp

VALUES = {
    "-c": "n_ctx", "-np": "n_parallel", "-b": "n_batch", "-ub": "n_ubatch", "-ngl": "n_gpu_layers", "--port": "port", "--keep": "n_keep",
    "--log-verbosity": "verbosity", "--main-gpu": "main_gpu", "--chat-template": "chat_template", "--image-min-tokens": "image_min_tokens",
}
ENUMS = {
    "--cache-type-k": ("cache_type_k", "ggml_type"), "--cache-type-v": ("cache_type_v", "ggml_type"),
    "--flash-attn": ("flash_attn_type", "llama_flash_attn_type"), "--load-mode": ("load_mode", "llama_load_mode"),
    "--split-mode": ("split_mode", "llama_split_mode"),
}
FLAGS = {"--embedding": ("embedding", True), "--context-shift": ("ctx_shift", True), "--no-jinja": ("use_jinja", False)}
NOTHING = {"--no-webui", "--offline", "--no-log-prefix", "--no-log-timestamps"}  # the wheel has no page, fetches nothing


def member(enum, word):
    word = {"on": "enabled", "off": "disabled", "dio": "direct_io"}.get(word, word).lower()
    for name, value in getattr(xllamacpp, enum).__members__.items():
        if name.lower() == word or name.lower().endswith("_" + word):
            return value
    raise SystemExit(f"xllamacpp {xllamacpp.__version__}: {enum} has no {word}")


if "--version" in sys.argv:
    print(f"version: xllamacpp-{xllamacpp.__version__}")
    raise SystemExit
params = xllamacpp.CommonParams()
words = iter(sys.argv[1:])
for word in words:
    if word in NOTHING:
        continue
    if word in FLAGS:
        name, value = FLAGS[word]
        setattr(params, name, value)
    elif word == "--model":
        params.model.path = next(words)
    elif word == "--host":
        name = "hostnames" if hasattr(params, "hostnames") else "hostname"
        old = getattr(params, name)
        setattr(params, name, type(old)([next(words)]) if isinstance(old, (list, set, tuple)) else next(words))
    elif word == "-t":
        params.cpuparams.n_threads = int(next(words))
    elif word in ENUMS:
        name, enum = ENUMS[word]
        setattr(params, name, member(enum, next(words)))
    elif word in VALUES and hasattr(params, VALUES[word]):
        old = getattr(params, VALUES[word])
        setattr(params, VALUES[word], type(old)(next(words)))
    else:
        raise SystemExit(f"xllamacpp {xllamacpp.__version__}: llama-server's {word} is not known here")
signal.signal(signal.SIGTERM, lambda *_: os._exit(0))  # its threads would be waited for
server = xllamacpp.Server(params)
while True:
    signal.pause()
