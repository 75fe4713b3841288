"""A server that speaks as much of the OpenAI API as one streamed completion needs."""
import json
import os
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from vllm import FAKE


def flag(name):
    return sys.argv[sys.argv.index("--" + name) + 1]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def say(self, status, text, kind="application/json"):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def do_GET(self):
        if self.path == "/health":
            self.say(200, b"")
        elif self.path == "/version":
            self.say(200, json.dumps({"version": "0.99.0"}).encode())
        elif self.path == "/v1/models":
            name = "somebody-else" if FAKE == "impostor" else flag("served-model-name")
            self.say(200, json.dumps({"data": [{"id": name, "root": flag("model"), "max_model_len": 2048}]}).encode())

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        words = body["prompt"].split()
        if words[0] == "die":
            print("vllm.v1.engine.exceptions.EngineDeadError: EngineCore encountered an issue.", flush=True)
            os._exit(0)
        if len(words) + body["max_tokens"] > 2048:
            text = f"This model's maximum context length is 2048 tokens. However, you requested {len(words)} tokens"
            self.say(400, json.dumps({"error": {"message": text, "type": "BadRequestError", "code": 400}}).encode())
            return
        head = {"id": "cmpl-1", "object": "text_completion", "created": 1, "model": body["model"]}
        events = [dict(head, choices=[{"index": 0, "text": words[0], "finish_reason": "length"}]),
                  dict(head, choices=[], usage={"prompt_tokens": len(words), "completion_tokens": 1, "total_tokens": len(words) + 1})]
        text = "".join("data: " + json.dumps(e) + "\n\n" for e in events) + "data: [DONE]\n\n"
        self.say(200, text.encode(), "text/event-stream")


if __name__ == "__main__":
    if FAKE == "exit":
        print("(EngineCore pid=1) ValueError: No available memory for the cache blocks. Try increasing", flush=True)
        print("(APIServer pid=1) RuntimeError: Engine core initialization failed. See root cause above.", flush=True)
        sys.exit(1)
    if FAKE == "hang":
        time.sleep(120)
    print("(EngineCore pid=1) INFO 11-23 19:53:46 [core.py:112] Initializing a V1 LLM engine (v0.99.0) with config:", flush=True)
    print("(EngineCore pid=1) INFO 11-23 19:53:49 [core.py:302] init engine (profile, create kv cache, warmup model)"
          " took 1.50 s (compilation: 0.50 s)", flush=True)
    ThreadingHTTPServer((flag("host"), int(flag("port"))), Handler).serve_forever()
