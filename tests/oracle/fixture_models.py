"""The two tiny models, their tokenizers and their adapters.

They differ on purpose, so that between them each spelling a reader must know
is met once:

                tiny-llama                     tiny-qwen2
  config.json   v4: rope_theta, rope_scaling   v5: rope_parameters, dtype
  RoPE          llama3 scaling that bites      default, theta 1e6
  head          untied                         tied
  q/k/v bias    none                           yes, implicit in the config
  head_dim      written                        absent
  weights       one file                       two shards and an index
  tokenizer     BOS by post-processor          no BOS, NFC, split by regex
  vocabulary    as long as the tokenizer       padded beyond the tokenizer
  template      in tokenizer_config.json,      chat_template.jinja,
                with {% generation %}          without
  adapter       alpha / r                      rsLoRA: alpha / sqrt(r)
"""

import json
import os

import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import save_file
from tokenizers import (Regex, Tokenizer, decoders, models, normalizers,
                        pre_tokenizers, processors, trainers)
from transformers import AutoModelForCausalLM

import fixture_data

LLAMA_CONFIG = {
    "architectures": ["LlamaForCausalLM"],
    "attention_bias": False,
    "attention_dropout": 0.0,
    "bos_token_id": 0,
    "eos_token_id": [1, 4],
    "head_dim": 16,
    "hidden_act": "silu",
    "hidden_size": 64,
    "initializer_range": 0.02,
    "intermediate_size": 96,
    "max_position_embeddings": 256,
    "mlp_bias": False,
    "model_type": "llama",
    "num_attention_heads": 4,
    "num_hidden_layers": 2,
    "num_key_value_heads": 2,
    "pretraining_tp": 1,
    "rms_norm_eps": 1e-05,
    # 32 positions before scaling: of the eight frequencies the first is kept,
    # the second interpolated, the others divided by the factor.
    "rope_scaling": {
        "factor": 8.0,
        "high_freq_factor": 4.0,
        "low_freq_factor": 1.0,
        "original_max_position_embeddings": 32,
        "rope_type": "llama3",
    },
    "rope_theta": 10000.0,
    "tie_word_embeddings": False,
    "torch_dtype": "float32",
    "transformers_version": "4.45.0",
    "use_cache": True,
    "vocab_size": 320,
}

QWEN2_CONFIG = {
    "architectures": ["Qwen2ForCausalLM"],
    "attention_dropout": 0.0,
    "bos_token_id": None,
    "dtype": "float32",
    "eos_token_id": 2,
    "hidden_act": "silu",
    "hidden_size": 64,
    "initializer_range": 0.02,
    "intermediate_size": 80,
    "layer_types": ["full_attention", "full_attention"],
    "max_position_embeddings": 256,
    "max_window_layers": 2,
    "model_type": "qwen2",
    "num_attention_heads": 4,
    "num_hidden_layers": 2,
    "num_key_value_heads": 2,
    "pad_token_id": 0,
    "rms_norm_eps": 1e-06,
    "rope_parameters": {"rope_theta": 1000000.0, "rope_type": "default"},
    "sliding_window": None,
    "tie_word_embeddings": True,
    "transformers_version": "5.24.0",
    "use_cache": True,
    "use_sliding_window": False,
    "vocab_size": 352,
}

LLAMA_TEMPLATE = (
    "{{- bos_token }}\n"
    "{%- for message in messages %}\n"
    "    {{- '<|start_header_id|>' + message['role'] + "
    "'<|end_header_id|>\\n\\n' }}\n"
    "    {%- if message['role'] == 'assistant' %}\n"
    "        {%- generation %}\n"
    "            {{- message['content'] | trim + '<|eot_id|>' }}\n"
    "        {%- endgeneration %}\n"
    "    {%- else %}\n"
    "        {{- message['content'] | trim + '<|eot_id|>' }}\n"
    "    {%- endif %}\n"
    "{%- endfor %}\n"
    "{%- if add_generation_prompt %}\n"
    "    {{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}\n"
    "{%- endif %}\n")

QWEN2_TEMPLATE = (
    "{%- for message in messages %}\n"
    "    {{- '<|im_start|>' + message['role'] + '\\n' + message['content'] "
    "+ '<|im_end|>\\n' }}\n"
    "{%- endfor %}\n"
    "{%- if add_generation_prompt %}\n"
    "    {{- '<|im_start|>assistant\\n' }}\n"
    "{%- endif %}\n")

LLAMA_SPECIALS = ["<|begin_of_text|>", "<|end_of_text|>",
                  "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"]
QWEN2_SPECIALS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
QWEN2_TOKENIZER_SIZE = 340
QWEN2_SPLIT = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}|"
               r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")

LINEARS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj",
           "down_proj"]

# name -> (model, LoraConfig arguments, std of B, seed)
ADAPTERS = {
    "tiny-llama-r8": ("tiny-llama", dict(
        r=8, lora_alpha=16, target_modules=LINEARS), 0.05, 11),
    "tiny-qwen2-r8-rs": ("tiny-qwen2", dict(
        r=8, lora_alpha=16, target_modules=LINEARS, use_rslora=True), 0.02,
        12),
    # Above 64: the engine's plain path. Two linears keep the file small.
    "tiny-llama-r80": ("tiny-llama", dict(
        r=80, lora_alpha=40, target_modules=["q_proj", "down_proj"]), 0.05,
        13),
}


def write_json(path, value):
    with open(path, "w", encoding="utf-8") as out:
        json.dump(value, out, ensure_ascii=False, indent=2)
        out.write("\n")


def tensor_shapes(config):
    """HF names and shapes of a Llama or Qwen2 checkpoint, sorted by name."""
    hidden, inner = config["hidden_size"], config["intermediate_size"]
    head_dim = hidden // config["num_attention_heads"]
    kv = config["num_key_value_heads"] * head_dim
    shapes = {"model.embed_tokens.weight": (config["vocab_size"], hidden),
              "model.norm.weight": (hidden,)}
    if not config["tie_word_embeddings"]:
        shapes["lm_head.weight"] = (config["vocab_size"], hidden)
    for i in range(config["num_hidden_layers"]):
        p = f"model.layers.{i}."
        for name, out in (("q", hidden), ("k", kv), ("v", kv)):
            shapes[f"{p}self_attn.{name}_proj.weight"] = (out, hidden)
            if config["model_type"] == "qwen2":
                shapes[f"{p}self_attn.{name}_proj.bias"] = (out,)
        shapes[p + "self_attn.o_proj.weight"] = (hidden, hidden)
        shapes[p + "mlp.gate_proj.weight"] = (inner, hidden)
        shapes[p + "mlp.up_proj.weight"] = (inner, hidden)
        shapes[p + "mlp.down_proj.weight"] = (hidden, inner)
        shapes[p + "input_layernorm.weight"] = (hidden,)
        shapes[p + "post_attention_layernorm.weight"] = (hidden,)
    return dict(sorted(shapes.items()))


def random_weights(config, seed):
    """Norms around 1 but not 1, biases not 0: else a test proves nothing."""
    generator = torch.Generator().manual_seed(seed)
    weights = {}
    for name, shape in tensor_shapes(config).items():
        value = torch.randn(shape, generator=generator)
        if "norm" in name:
            weights[name] = 1 + 0.1 * value
        else:
            weights[name] = 0.1 * value
    return weights


def save_weights(folder, weights, shards):
    """model.safetensors, or shards with an index as Hugging Face writes it."""
    if shards == 1:
        save_file(weights, os.path.join(folder, "model.safetensors"),
                  metadata={"format": "pt"})
        return
    names, weight_map = list(weights), {}
    for i in range(shards):
        part = names[i * len(names) // shards:(i + 1) * len(names) // shards]
        file = f"model-{i + 1:05d}-of-{shards:05d}.safetensors"
        save_file({n: weights[n] for n in part}, os.path.join(folder, file),
                  metadata={"format": "pt"})
        weight_map.update({n: file for n in part})
    size = sum(w.numel() * 4 for w in weights.values())
    write_json(os.path.join(folder, "model.safetensors.index.json"),
               {"metadata": {"total_size": size}, "weight_map": weight_map})


def corpus():
    for question, answer in fixture_data.questions():
        yield f"Q: {question}\nA: {answer}"
    yield "system user assistant You answer in one sentence."


def train_tokenizer(tokenizer, vocab_size, specials):
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(corpus(), trainers.BpeTrainer(
        vocab_size=vocab_size, special_tokens=specials, show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    assert tokenizer.get_vocab_size() == vocab_size
    return tokenizer


def write_llama_tokenizer(folder):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    train_tokenizer(tokenizer, LLAMA_CONFIG["vocab_size"], LLAMA_SPECIALS)
    bos = LLAMA_SPECIALS[0]
    tokenizer.post_processor = processors.Sequence([
        processors.ByteLevel(trim_offsets=False),
        processors.TemplateProcessing(
            single=f"{bos} $A", pair=f"{bos} $A {bos}:1 $B:1",
            special_tokens=[(bos, 0)])])
    tokenizer.save(os.path.join(folder, "tokenizer.json"))
    write_json(os.path.join(folder, "tokenizer_config.json"), {
        "bos_token": bos,
        "chat_template": LLAMA_TEMPLATE,
        "clean_up_tokenization_spaces": False,
        "eos_token": "<|eot_id|>",
        "model_max_length": 256,
        "pad_token": "<|end_of_text|>",
        "tokenizer_class": "PreTrainedTokenizerFast"})
    write_json(os.path.join(folder, "special_tokens_map.json"), {
        "bos_token": bos, "eos_token": "<|eot_id|>",
        "pad_token": "<|end_of_text|>"})


def write_qwen2_tokenizer(folder):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(QWEN2_SPLIT), "isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    train_tokenizer(tokenizer, QWEN2_TOKENIZER_SIZE, QWEN2_SPECIALS)
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    tokenizer.save(os.path.join(folder, "tokenizer.json"))
    write_json(os.path.join(folder, "tokenizer_config.json"), {
        "add_bos_token": False,
        "bos_token": None,
        "clean_up_tokenization_spaces": False,
        "eos_token": "<|im_end|>",
        "model_max_length": 256,
        "pad_token": "<|endoftext|>",
        "tokenizer_class": "PreTrainedTokenizerFast"})
    with open(os.path.join(folder, "chat_template.jinja"), "w",
              encoding="utf-8") as out:
        out.write(QWEN2_TEMPLATE)


def write_models(root):
    for name, config, shards, seed, write_tokenizer in (
            ("tiny-llama", LLAMA_CONFIG, 1, 1, write_llama_tokenizer),
            ("tiny-qwen2", QWEN2_CONFIG, 2, 2, write_qwen2_tokenizer)):
        folder = os.path.join(root, name)
        os.makedirs(folder)
        write_json(os.path.join(folder, "config.json"), config)
        write_json(os.path.join(folder, "generation_config.json"), {
            k: config[k] for k in ("bos_token_id", "eos_token_id")
            if config[k] is not None})
        save_weights(folder, random_weights(config, seed), shards)
        write_tokenizer(folder)


def load(folder, dtype=torch.float32):
    return AutoModelForCausalLM.from_pretrained(
        folder, dtype=dtype, attn_implementation="sdpa")


def write_adapters(root):
    """Non-zero B: with B = 0 the gradient of A is 0 and proves nothing."""
    for name, (base, arguments, b_std, seed) in ADAPTERS.items():
        model = get_peft_model(
            load(os.path.join(root, "models", base)),
            LoraConfig(task_type="CAUSAL_LM", lora_dropout=0.0, **arguments))
        generator = torch.Generator().manual_seed(seed)
        for tensor, value in sorted(model.named_parameters()):
            if value.requires_grad:
                std = 0.1 if "lora_A" in tensor else b_std
                value.data = std * torch.randn(value.shape,
                                               generator=generator)
        peft_config = model.peft_config["default"]
        peft_config.base_model_name_or_path = base
        # A set, and so in another order each run, unless it is sorted here.
        peft_config.target_modules = sorted(peft_config.target_modules)
        folder = os.path.join(root, "adapters", name)
        model.save_pretrained(folder)
        os.remove(os.path.join(folder, "README.md"))
