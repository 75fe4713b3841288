"""Runs matrix's own driver.py with one more request: "generate the last batch by hand", LLM.generate in this process.

Both ways so meet the same engine, weights, compiled graphs and cache. Usage as driver.py's: hand.py DRIVER CONFIG [IN OUT].
"""
import importlib.util
import json
import sys
import time

BY_HAND = "matrix: generate by hand"


def load_driver(path):
    spec = importlib.util.spec_from_file_location("driver", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules["driver"] = module
    spec.loader.exec_module(module)
    return module


def main():
    sys.argv = [a for a in sys.argv[1:] if a != "-u"]
    driver = load_driver(sys.argv[0])
    take, batch = driver.Driver.take, {}  # prompt -> request: the same batch comes again and again

    def taking(self, doc):
        if doc.get("p") != BY_HAND:
            batch[doc["p"]] = doc
            return take(self, doc)
        self.pipes.send(by_hand(self, doc, list(batch.values())))

    driver.Driver.take = taking
    driver.main()


def by_hand(self, doc, batch):
    """What a user's script does: a list of prompts, one SamplingParams, one call."""
    prompts = [d["p"] for d in batch]
    params = self.params(max_tokens=batch[0]["n"], **batch[0]["s"])
    began = time.monotonic()
    outs = self.llm.generate(prompts, params, use_tqdm=False)
    done = time.monotonic()
    told = {"seconds": done - began, "output_tokens": sum(len(o.outputs[0].token_ids) for o in outs),
            "input_tokens": sum(len(o.prompt_token_ids) for o in outs)}
    return {"i": doc["i"], "t": [began, done, done, done], "e": None, "in": told["input_tokens"], "out": told["output_tokens"],
            "cached": None, "fin": "stop", "text": json.dumps(told)}


if __name__ == "__main__":  # engine processes import this file
    main()
