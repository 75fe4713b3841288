"""The loop of `vllm bench serve` (0.32, benchmarks/lib/endpoint_request_func.py), without its tokenizer and its table.

argv: URL, scenario as JSON, body as JSON. Prints a calibrate.Cost as JSON; the cost is of the requests alone.
"""

import asyncio
import codecs
import json
import random
import resource
import sys
import time

import aiohttp


class StreamedResponseHandler:
    def __init__(self):
        self.buffer = ""
        self.decoder = codecs.getincrementaldecoder("utf-8")()

    def add_chunk(self, chunk):
        self.buffer += self.decoder.decode(chunk)
        messages = []
        while "\n\n" in self.buffer:
            message, self.buffer = self.buffer.split("\n\n", 1)
            message = message.strip()
            if message:
                messages.append(message)
        if self.buffer.startswith("data: "):
            content = self.buffer.removeprefix("data: ").strip()
            if content == "[DONE]":
                messages.append(self.buffer.strip())
                self.buffer = ""
            elif content:
                try:
                    json.loads(content)
                    messages.append(self.buffer.strip())
                    self.buffer = ""
                except json.JSONDecodeError:
                    pass
        return messages


async def ask(session, url, payload, out):
    text, itl, events = "", [], 0
    stamps = []
    sent = latest = time.perf_counter()
    async with session.post(url=url, json=payload) as response:
        handler = StreamedResponseHandler()
        async for chunk in response.content.iter_any():
            chunk = chunk.strip()
            if not chunk:
                continue
            for message in handler.add_chunk(chunk):
                if message.startswith(":"):
                    continue
                data = message.removeprefix("data: ")
                if data == "[DONE]":
                    continue
                parsed = json.loads(data)
                if choices := parsed.get("choices"):
                    now = time.perf_counter()
                    itl.append(now - latest)
                    latest = now
                    piece = choices[0].get("text")
                    text += piece or ""
                    if piece:
                        events += 1
                        if out["stamps"]:
                            stamps.append((now, piece))
    out["events"] += events
    for now, piece in stamps:  # perf_counter is CLOCK_MONOTONIC on Linux, as the mock's moments are
        out["receipt"].append(now - int(piece.split()[0]) / 1e9)
    return sent


async def main(url, scenario, payload):
    count, rate = scenario["requests"], scenario.get("rate_per_s", 0)
    out = {"events": 0, "receipt": [], "send": [], "stamps": scenario["stamps"]}
    connector = aiohttp.TCPConnector(limit=0, limit_per_host=0, ttl_dns_cache=300, keepalive_timeout=60, force_close=False)
    before = resource.getrusage(resource.RUSAGE_SELF)
    began = time.perf_counter()
    async with aiohttp.ClientSession(connector=connector, trust_env=True, timeout=aiohttp.ClientTimeout(total=6 * 3600)) as session:
        if rate > 0:
            tasks, due, draw = [], began, random.Random(1)

            async def scheduled(due):
                out["send"].append(await ask(session, url, payload, out) - due)

            for _ in range(count):
                if (wait := due - time.perf_counter()) > 0:
                    await asyncio.sleep(wait)
                tasks.append(asyncio.create_task(scheduled(due)))
                due += draw.expovariate(rate)
            await asyncio.gather(*tasks)
        else:
            limit = asyncio.Semaphore(scenario["streams"])

            async def limited():
                async with limit:
                    await ask(session, url, payload, out)

            await asyncio.gather(*(asyncio.create_task(limited()) for _ in range(count)))
    wall = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(json.dumps({
        "requests": count, "failed": count - out["events"] // scenario["tokens"], "events": out["events"], "wall_s": wall, "cpu_s": cpu,
        "rss_bytes": after.ru_maxrss * 1024, "rss_before": before.ru_maxrss * 1024,
        "receipt_error": delay(out["receipt"]), "send_lateness": delay(out["send"]),
    }))


def delay(values):
    if not values:
        return None
    values.sort()
    return {"n": len(values), "p50_s": values[len(values) // 2], "p99_s": values[len(values) * 99 // 100], "max_s": values[-1]}


asyncio.run(main(sys.argv[1], json.loads(sys.argv[2]), json.loads(sys.argv[3])))
