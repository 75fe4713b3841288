"""One client of `vllm bench serve`, kept up: its own request function under its own kind of session and semaphore.

Reads a batch a line from standard input, asks for it, prints what it took as a line of JSON.
"""
import asyncio
import json
import resource
import sys
import time

import aiohttp
from vllm.benchmarks.lib.endpoint_request_func import RequestFuncInput, async_request_openai_completions


async def batch(order):
    connector = aiohttp.TCPConnector(limit=0, limit_per_host=0, use_dns_cache=True, ttl_dns_cache=300, enable_cleanup_closed=True,
                                     force_close=False, keepalive_timeout=60)
    limit = asyncio.Semaphore(order["concurrency"])
    before = resource.getrusage(resource.RUSAGE_SELF)
    began = time.perf_counter()
    async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=6 * 3600)) as session:
        async def one(prompt):
            async with limit:
                return await async_request_openai_completions(RequestFuncInput(
                    prompt=prompt, api_url=order["url"] + "/v1/completions", prompt_len=0, output_len=order["tokens"],
                    model=order["model"], ignore_eos=True, extra_body={"temperature": 0}), session)

        outs = await asyncio.gather(*(one(p) for p in order["prompts"]))
        took = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_SELF)
    failed = [o for o in outs if not o.success]
    return {"seconds": took, "output_tokens": sum(o.output_tokens or 0 for o in outs), "input_tokens": sum(o.prompt_len for o in outs),
            "client_cpu_s": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
            "failed": len(failed), "error": failed[0].error if failed else ""}


for line in sys.stdin:
    print(json.dumps(asyncio.run(batch(json.loads(line)))), flush=True)
