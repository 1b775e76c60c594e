"""Does the HF Trainer itself reproduce the training goldens?

    oracle-python tests/oracle/check_goldens.py tests/testdata

fixture_goldens.py trains with a plain loop that anyone can read. This runs
the same documents, one a micro-batch, through transformers.Trainer and asks
for the same loss, gradient norm and learning rate at every step and for the
same last weights. The labels of first tokens are masked, since the Trainer
would count them in its divisor without ever summing their loss.

Ends with `check_goldens: ok ...` and exit status 0, or with FAILED and 1.
"""

import glob
import json
import os
import sys
import tempfile

os.environ["HF_HUB_OFFLINE"] = "1"

import torch
import transformers
from peft import PeftModel
from safetensors.torch import load_file
from torch.utils.data import SequentialSampler
from transformers import Trainer, TrainingArguments

import fixture_models

LOSS_TOLERANCE = 1e-5
WEIGHT_TOLERANCE = 1e-4


class InOrderTrainer(Trainer):

    def _get_train_sampler(self, *args, **kwargs):
        return SequentialSampler(self.train_dataset)


def rows_of(golden):
    """Every document as a row; steps are filled up with untrained rows."""
    steps = [[d for bin_ in step["bins"] for d in bin_]
             for step in golden["steps"]]
    per_step = max(map(len, steps))
    rows = []
    for documents in steps:
        filler = {"input_ids": documents[0]["input_ids"],
                  "trained": [0] * len(documents[0]["trained"])}
        for document in documents + [filler] * (per_step - len(documents)):
            ids, trained = document["input_ids"], document["trained"]
            labels = [token if flag and t > 0 else -100
                      for t, (token, flag) in enumerate(zip(ids, trained))]
            rows.append({"input_ids": ids, "labels": labels})
    return rows, per_step


def run_trainer(root, golden, output_dir):
    model = fixture_models.load(os.path.join(root, golden["model"]))
    if golden["adapter"]:
        model = PeftModel.from_pretrained(
            model, os.path.join(root, golden["adapter"]), is_trainable=True)
    rows, per_step = rows_of(golden)
    keys = ("learning_rate", "adam_beta1", "adam_beta2", "adam_epsilon",
            "weight_decay", "max_grad_norm")
    trainer = InOrderTrainer(
        model=model, train_dataset=rows,
        args=TrainingArguments(
            output_dir=output_dir, per_device_train_batch_size=1,
            gradient_accumulation_steps=per_step, logging_steps=1,
            report_to=[], save_strategy="no", use_cpu=True, disable_tqdm=True,
            **golden["schedule"], **{k: golden["optimizer"][k] for k in keys}))
    trainer.train()
    logs = [entry for entry in trainer.state.log_history if "loss" in entry]
    weights = {name.replace(".default.", "."): value.detach()
               for name, value in model.named_parameters()
               if value.requires_grad}
    return logs, weights


def worst_errors(root, golden, logs, weights):
    """Worst relative error of the step figures, and of the last weights."""
    assert len(logs) == len(golden["steps"]), len(logs)
    figures = [abs(log[key] - step[key]) / max(abs(step[key]), 1e-12)
               for log, step in zip(logs, golden["steps"])
               for key in ("loss", "grad_norm", "learning_rate")]
    final = load_file(os.path.join(root, golden["final_file"]))
    assert set(golden["final_norms"]) == set(weights)
    tensors = [((weights[n] - t).norm() / t.norm()).item()
               for n, t in final.items()]
    return max(figures), max(tensors)


def main(root):
    torch.set_num_threads(1)
    transformers.utils.logging.disable_progress_bar()
    failed = False
    for path in sorted(glob.glob(os.path.join(root, "golden", "*.json"))):
        with open(path, encoding="utf-8") as file:
            golden = json.load(file)
        if golden["kind"] != "train":
            continue
        with tempfile.TemporaryDirectory() as output_dir:
            logs, weights = run_trainer(root, golden, output_dir)
        figures, tensors = worst_errors(root, golden, logs, weights)
        print(f"{os.path.basename(path)}: loss, grad_norm, lr "
              f"{figures:.1e}; last weights {tensors:.1e}")
        failed |= not (figures <= LOSS_TOLERANCE
                       and tensors <= WEIGHT_TOLERANCE)
    print("check_goldens: FAILED" if failed else
          f"check_goldens: ok (figures {LOSS_TOLERANCE:g}, weights "
          f"{WEIGHT_TOLERANCE:g})")
    sys.exit(failed)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: check_goldens.py TESTDATA_DIR")
    main(sys.argv[1])
