"""A peer's optimizer steps on one GPU, for comparison with cuda_step_benchmark.

    python3 gpu_peer.py --impl hf|liger|unsloth --shape 0.5b|1b|8b --tokens N
        [--steps 20] [--checkpointing] [--full] [--tokenizer DIR]

The same work: LoRA r16 on all seven linears, bfloat16, rows of 2048 tokens,
random weights, all tokens trained, AdamW and clipping at 1. hf is Transformers
and PEFT with scaled-dot-product attention and PyTorch's fused AdamW; liger puts
Liger's kernels into it; unsloth loads the same random model by itself and wants
a tokenizer, whose pad token must be in the vocabulary. --full (hf, liger) trains
all weights, which like AdamW's moments are float32. The packages are not part of
the toolchain: install transformers, peft, liger-kernel or unsloth.

Prints one line of JSON:

    {"impl", "shape", "tokens", "checkpointing", "full", "tokens_per_second",
     "step_ms", "least_ms", "most_ms", "peak_gib", "first_step_s", "loss"}

peak_gib is what PyTorch reserved; first_step_s holds what the peer compiles.
"""

import argparse
import json
import os
import shutil
import tempfile
import time

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("UNSLOTH_DISABLE_STATISTICS", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

ROW = 2048
WARM_UP = 5
LINEARS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj",
           "down_proj"]
SHAPES = {
    "0.5b": ("qwen2", dict(
        hidden_size=896, num_hidden_layers=24, num_attention_heads=14,
        num_key_value_heads=2, intermediate_size=4864, vocab_size=151936,
        tie_word_embeddings=True)),
    "1b": ("llama", dict(
        hidden_size=2048, num_hidden_layers=16, num_attention_heads=32,
        num_key_value_heads=8, intermediate_size=8192, vocab_size=128256,
        tie_word_embeddings=True)),
    "8b": ("llama", dict(
        hidden_size=4096, num_hidden_layers=32, num_attention_heads=32,
        num_key_value_heads=8, intermediate_size=14336, vocab_size=128256,
        tie_word_embeddings=False)),
}


def random_model(shape, weights="bfloat16"):
  import torch
  from transformers import AutoModelForCausalLM, LlamaConfig, Qwen2Config
  family, sizes = SHAPES[shape]
  config = {"llama": LlamaConfig, "qwen2": Qwen2Config}[family](
      max_position_embeddings=8192, **sizes)
  dtype = getattr(torch, weights)
  torch.set_default_dtype(dtype)
  with torch.device("cuda"):
    model = AutoModelForCausalLM.from_config(
        config, attn_implementation="sdpa", dtype=dtype)
  torch.set_default_dtype(torch.float32)
  return model


def hf_model(args):
  if args.impl == "liger":
    from liger_kernel.transformers import (apply_liger_kernel_to_llama,
                                           apply_liger_kernel_to_qwen2)
    apply_liger_kernel_to_llama()
    apply_liger_kernel_to_qwen2()
  model = random_model(args.shape, "float32" if args.full else "bfloat16")
  if args.checkpointing:
    model.gradient_checkpointing_enable({"use_reentrant": False})
    model.enable_input_require_grads()
  model.config.use_cache = False
  model.train()
  return model if args.full else with_adapters(model)


def with_adapters(model):
  from peft import LoraConfig, get_peft_model
  return get_peft_model(model, LoraConfig(
      r=16, lora_alpha=16, target_modules=LINEARS, task_type="CAUSAL_LM"))


def unsloth_model(args, FastLanguageModel):
  import gc
  import torch
  checkpointing = "unsloth" if args.checkpointing else False
  with tempfile.TemporaryDirectory() as folder:
    model = random_model(args.shape)
    model.save_pretrained(folder, max_shard_size="4GB")
    del model
    gc.collect()
    torch.cuda.empty_cache()
    shutil.copytree(args.tokenizer, folder, dirs_exist_ok=True)
    model, _ = FastLanguageModel.from_pretrained(
        folder, max_seq_length=ROW, dtype=torch.bfloat16, load_in_4bit=False)
  model = FastLanguageModel.get_peft_model(
      model, r=16, lora_alpha=16, lora_dropout=0, bias="none",
      target_modules=LINEARS, use_gradient_checkpointing=checkpointing)
  FastLanguageModel.for_training(
      model, use_gradient_checkpointing=args.checkpointing)
  return model


def main():
  parser = argparse.ArgumentParser(
      description=__doc__,
      formatter_class=argparse.RawDescriptionHelpFormatter)
  parser.add_argument("--impl", choices=("hf", "liger", "unsloth"),
                      required=True)
  parser.add_argument("--shape", choices=SHAPES, required=True)
  parser.add_argument("--tokens", type=int, required=True)
  parser.add_argument("--steps", type=int, default=20)
  parser.add_argument("--checkpointing", action="store_true")
  parser.add_argument("--full", action="store_true")
  parser.add_argument("--tokenizer")
  args = parser.parse_args()
  if args.tokens % ROW:
    parser.error(f"--tokens must be a multiple of {ROW}")
  if args.full and args.impl == "unsloth":
    parser.error("--full: hf or liger")

  # Before torch and transformers, which it patches.
  FastLanguageModel = None
  if args.impl == "unsloth":
    from unsloth import FastLanguageModel
  import torch
  torch.manual_seed(0)
  if args.impl == "unsloth":
    model = unsloth_model(args, FastLanguageModel)
  else:
    model = hf_model(args)
  trained = [p for p in model.parameters() if p.requires_grad]
  optimizer = torch.optim.AdamW(trained, lr=1e-4, fused=True)
  rows = args.tokens // ROW
  vocabulary = SHAPES[args.shape][1]["vocab_size"]
  ids = torch.randint(10, vocabulary - 10, (rows, ROW), device="cuda")
  positions = torch.arange(ROW, device="cuda").expand(rows, -1)

  def step():
    begin = time.perf_counter()
    with torch.autocast("cuda", torch.bfloat16):
      output = model(input_ids=ids, labels=ids.clone(),
                     position_ids=positions, use_cache=False)
    output.loss.backward()
    torch.nn.utils.clip_grad_norm_(trained, 1.0)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    torch.cuda.synchronize()
    return time.perf_counter() - begin, output.loss.item()

  torch.cuda.reset_peak_memory_stats()
  first, _ = step()
  for _ in range(WARM_UP):
    step()
  taken = [step() for _ in range(args.steps)]
  times = sorted(seconds for seconds, _ in taken)
  median = times[len(times) // 2]
  print(json.dumps({
      "impl": args.impl, "shape": args.shape, "tokens": args.tokens,
      "checkpointing": args.checkpointing, "full": args.full,
      "tokens_per_second": round(args.tokens / median),
      "step_ms": round(1e3 * median, 1), "least_ms": round(1e3 * times[0], 1),
      "most_ms": round(1e3 * times[-1], 1),
      "peak_gib": round(torch.cuda.max_memory_reserved() / 2**30, 1),
      "first_step_s": round(first, 1), "loss": round(taken[-1][1], 3)}),
        flush=True)


if __name__ == "__main__":
  main()
