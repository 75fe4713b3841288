"""Generates with vLLM's LLM class: the whole batch at once, each answer a line of JSON on stdout."""
import json
import sys
import time

ARGS = {}

SAMPLING = {}

TEMPLATE = {}

BATCH = 1


def requests(path):
    """The prompts of a JSONL file: a text or a list of messages each."""
    if path is None:
        return ["The capital of France is"]
    found = []
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            if line.strip() and len(found) < BATCH:
                doc = json.loads(line)
                doc = doc.get("body", doc)
                found.append(doc.get("messages") or doc["prompt"])
    return found


def begun(llm, prompt):
    """A prompt with a begin-of-sequence token of its own must not get another."""
    tokenizer = llm.get_tokenizer()
    if tokenizer.bos_token and prompt.startswith(tokenizer.bos_token):
        return {"prompt_token_ids": tokenizer.encode(prompt, add_special_tokens=False)}
    return prompt


def main():
    from vllm import LLM, SamplingParams

    asked = requests(sys.argv[1] if len(sys.argv) > 1 else None)
    llm, params = LLM(**ARGS), SamplingParams(**SAMPLING)
    began = time.monotonic()
    if isinstance(asked[0], str):
        answers = llm.generate([begun(llm, prompt) for prompt in asked], params)
    else:
        answers = llm.chat(asked, params, chat_template_kwargs=TEMPLATE)
    took = time.monotonic() - began
    tokens = 0
    for answer in answers:
        one = answer.outputs[0]
        tokens += len(one.token_ids)
        print(json.dumps({"text": one.text, "tokens": len(one.token_ids), "finish_reason": one.finish_reason}))
    print(f"{len(answers)} requests, {tokens} output tokens in {took:.2f} s", file=sys.stderr)


if __name__ == "__main__":  # engine processes import this file
    main()
