"""The peer of `make bench-hf`: the same job, trained by the HF Trainer.

    oracle-python hf_peer.py --model DIR --rows ROWS.jsonl --mode lora|full
        [--steps 60] [--warmup 10] [--batch 4]
    oracle-python -m torch.distributed.run --standalone --nproc-per-node 2
        hf_peer.py ...                                       two ranks (Gloo)

A row is {"input_ids": [...]}; every token is trained and all rows have one
length, so nothing is padded. Each rank trains `batch` rows a step on one
thread in float32; LoRA is r 16, alpha 16, on all seven linears. DDP does not
search for unused parameters (its default here, which costs the peer time).
Rank 0 prints one line of JSON last:

    {"impl", "mode", "world", "batch", "row_tokens", "steps",
     "tokens_per_second", "step_ms", "losses"}

tokens_per_second counts the tokens of all ranks over the steps after the
warm-up; losses has one entry every ten steps (their mean).
"""

import argparse
import json
import os
import tempfile
import time

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"

import torch
from transformers import (AutoModelForCausalLM, Trainer, TrainerCallback,
                          TrainingArguments)

LINEARS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj",
           "down_proj"]


class StepClock(TrainerCallback):
    """When each step ended."""

    def __init__(self):
        self.ended = {}

    def on_step_end(self, args, state, control, **kwargs):
        self.ended[state.global_step] = time.perf_counter()


def read_rows(path):
    with open(path, encoding="utf-8") as file:
        rows = [json.loads(line)["input_ids"] for line in file if line.strip()]
    lengths = sorted({len(row) for row in rows})
    if len(lengths) != 1:
        raise SystemExit(f"{path}: rows of one length wanted, not {lengths}")
    return [{"input_ids": row, "labels": row} for row in rows]


def load_model(folder, mode):
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    if mode == "full":
        return model
    from peft import LoraConfig, get_peft_model
    return get_peft_model(model, LoraConfig(
        r=16, lora_alpha=16, target_modules=LINEARS, task_type="CAUSAL_LM"))


def train(args, output_dir):
    torch.set_num_threads(1)
    torch.manual_seed(0)
    rows = read_rows(args.rows)
    clock = StepClock()
    trainer = Trainer(
        model=load_model(args.model, args.mode), train_dataset=rows,
        callbacks=[clock],
        args=TrainingArguments(
            output_dir=output_dir, per_device_train_batch_size=args.batch,
            max_steps=args.steps, learning_rate=1e-3, logging_steps=10,
            lr_scheduler_type="linear", report_to=[], save_strategy="no",
            ddp_find_unused_parameters=False, use_cpu=True, disable_tqdm=True,
            seed=0))
    trainer.train()
    if not trainer.is_world_process_zero():
        return
    world = int(os.environ.get("WORLD_SIZE", 1))
    seconds = ((clock.ended[args.steps] - clock.ended[args.warmup])
               / (args.steps - args.warmup))
    tokens = len(rows[0]["input_ids"]) * args.batch * world
    print(json.dumps({
        "impl": "hf-trainer", "mode": args.mode, "world": world,
        "batch": args.batch, "row_tokens": len(rows[0]["input_ids"]),
        "steps": args.steps, "tokens_per_second": round(tokens / seconds),
        "step_ms": round(1e3 * seconds, 1),
        "losses": [round(entry["loss"], 4)
                   for entry in trainer.state.log_history
                   if "loss" in entry]}), flush=True)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--rows", required=True)
    parser.add_argument("--mode", choices=("lora", "full"), required=True)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--warmup", type=int, default=10)
    parser.add_argument("--batch", type=int, default=4)
    args = parser.parse_args()
    if not 0 < args.warmup < args.steps:
        parser.error("--warmup must lie between 0 and --steps")
    with tempfile.TemporaryDirectory() as output_dir:
        train(args, output_dir)
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main()
