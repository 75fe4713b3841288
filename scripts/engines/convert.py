"""Turn the GGUF test model into the bf16 safetensors and tokenizer that vLLM loads: convert.py MODEL.gguf OUT_DIR."""

import os
import sys

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

PROMPT = "The capital of France is"
PROMPT_IDS = [2, 818, 5279, 529, 7001, 563]  # <bos> first: without it the model babbles


def main(gguf: str, out: str) -> None:
    folder, name = os.path.split(os.path.abspath(gguf))
    # dequantize=True: a model that is still quantized refuses to be saved.
    model = AutoModelForCausalLM.from_pretrained(
        folder, gguf_file=name, dtype=torch.bfloat16, quantization_config=GgufConfig(dequantize=True)
    )
    model.save_pretrained(out)

    tokenizer = AutoTokenizer.from_pretrained(folder, gguf_file=name)
    tokenizer.add_bos_token = True
    tokenizer.update_post_processor()
    tokenizer.save_pretrained(out)

    ids = AutoTokenizer.from_pretrained(out)(PROMPT)["input_ids"]
    if ids != PROMPT_IDS:
        raise SystemExit(f"the saved tokenizer gives {ids} for {PROMPT!r}, not {PROMPT_IDS}")


if __name__ == "__main__":
    main(*sys.argv[1:])
