"""Prints, a JSON line a model, its config.json and what transformers' own classes make of it on the meta device:
the parameters, and the numbers that one token leaves in the caches of its full and of its sliding layers.

Run it with the interpreter of an installed vLLM: python shapes.py > shapes.jsonl
"""

import json
import warnings

import torch
import transformers
from transformers import CONFIG_MAPPING, AutoModelForCausalLM

warnings.filterwarnings("ignore")
transformers.utils.logging.set_verbosity_error()

# Model type: what differs from its defaults. Small where the defaults already say everything.
MODELS = [
    ("llama", {}),
    ("llama", {"num_key_value_heads": 8, "attention_bias": True, "mlp_bias": True, "tie_word_embeddings": True}),
    ("mistral", {}),
    ("ministral", {"head_dim": 128}),
    ("qwen2", {"num_key_value_heads": 4, "num_hidden_layers": 28}),
    ("qwen3", {"num_key_value_heads": 8, "head_dim": 80}),
    ("gemma2", {}),
    ("gemma3_text", {}),
    ("gemma3n_text", {}),
    ("gemma4_text", {}),
    ("gemma4_text", {"num_kv_shared_layers": 20, "use_double_wide_mlp": True}),
    ("gemma4_text", {"num_kv_shared_layers": 0, "attention_k_eq_v": True, "num_global_key_value_heads": 2,
                     "hidden_size_per_layer_input": 0, "num_key_value_heads": 8, "num_attention_heads": 16}),
    ("gemma4_text", {"enable_moe_block": True, "num_experts": 32, "top_k_experts": 8, "moe_intermediate_size": 704,
                     "hidden_size_per_layer_input": 0, "attention_k_eq_v": True, "num_global_key_value_heads": 2}),
    ("phi3", {"num_key_value_heads": 8}),
    ("olmo2", {"num_key_value_heads": 8}),
    ("granite", {"num_key_value_heads": 8, "attention_bias": True}),
    ("cohere2", {"num_key_value_heads": 8}),
    ("glm4", {}),
    ("smollm3", {}),
    ("mixtral", {}),
    ("qwen3_moe", {"head_dim": 128, "mlp_only_layers": [0, 3]}),
    ("qwen3_moe", {"decoder_sparse_step": 2}),
    ("olmoe", {}),
    ("gpt_oss", {"num_hidden_layers": 24, "num_local_experts": 32}),
    ("glm4_moe", {"use_qk_norm": True, "attention_bias": True, "first_k_dense_replace": 3, "head_dim": 128}),
    ("llama4_text", {"interleave_moe_layer_step": 2, "num_local_experts": 128}),
    ("deepseek_v2", {"q_lora_rank": None, "first_k_dense_replace": 1}),
    ("deepseek_v3", {}),
    ("glm4_moe_lite", {}),
    ("minicpm3", {}),
    ("qwen3_next", {}),
    ("qwen3_5_text", {}),
    ("qwen3_5_moe_text", {}),
]
# Built for the test that says "unknown": their layers are not counted by matrix.
UNKNOWN = [("jamba", {}), ("falcon_h1", {}), ("granitemoehybrid", {}), ("nemotron_h", {})]


def cached(model):
    """Numbers of one token in a layer's cache, by the kind of the layer: from the projections that fill it."""
    kinds = {"full": 0, "sliding": 0}
    types = getattr(model.config, "layer_types", None)
    window = getattr(model.config, "sliding_window", None)
    shared = getattr(model.config, "num_kv_shared_layers", 0) or 0
    layers = model.model.layers
    for i, layer in enumerate(layers):
        attention = getattr(layer, "self_attn", None)
        if attention is None or i >= len(layers) - shared:
            continue
        if hasattr(attention, "kv_a_proj_with_mqa"):
            n = attention.kv_a_proj_with_mqa.out_features
        elif hasattr(attention, "qkv_proj"):
            n = attention.qkv_proj.out_features - attention.o_proj.in_features
        else:  # where the values are the keys (Gemma 4), both are cached nevertheless
            values = getattr(attention, "v_proj", None) or attention.k_proj
            n = attention.k_proj.out_features + values.out_features
        kind = "full"
        if (types and types[i] in ("sliding_attention", "chunked_attention")) or (not types and window):
            kind = "sliding"
        kinds[kind] += n
    return kinds


for known, models in ((True, MODELS), (False, UNKNOWN)):
    for model_type, changes in models:
        config = CONFIG_MAPPING[model_type](**changes)
        config.allow_global_per_layer_attribute_access = True  # Gemma 4: head_dim
        with torch.device("meta"):
            model = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)
        line = {"model_type": model_type, "known": known, "parameters": sum(p.numel() for p in model.parameters())}
        if known:
            line |= {"cached": cached(model), "layers": config.num_hidden_layers}
            stored = config.to_diff_dict()
            # The lengths that a hub's config.json has too, whether or not they are the class's defaults.
            for key in ("model_type", "num_hidden_layers", "num_attention_heads", "num_key_value_heads", "hidden_size",
                        "intermediate_size", "head_dim", "vocab_size", "tie_word_embeddings", "sliding_window", "layer_types"):
                if getattr(config, key, None) is not None:
                    stored[key] = getattr(config, key)
            line["config"] = json.loads(json.dumps(stored | {"torch_dtype": "bfloat16"}, default=str))
        else:
            line["config"] = json.loads(json.dumps(config.to_dict(), default=str))
        for useless in ("transformers_version", "dtype", "id2label", "label2id", "_name_or_path",
                        "allow_global_per_layer_attribute_access", "time_step_limit"):  # the last is infinite: no JSON
            line["config"].pop(useless, None)
        print(json.dumps(line))
