"""The goldens: forward passes and training runs by Transformers and PEFT.

The schema is in tests/testdata/README.md; the C++ tests are written against
it. Each document is run alone (batch of one, no padding), which is the
definition that packing, batching and ranks must all agree with.
"""

import json
import os
import re

import torch
import torch.nn.functional as F
from peft import PeftModel
from safetensors.torch import save_file
from transformers import AutoTokenizer, Trainer, get_scheduler
from transformers.models.llama.modeling_llama import LlamaRMSNorm
from transformers.models.qwen2.modeling_qwen2 import Qwen2RMSNorm

import fixture_data
import fixture_models

MAX_LENGTH = 64
BINS_PER_STEP = 4
OPTIMIZER = dict(name="adamw", learning_rate=1e-3, adam_beta1=0.9,
                 adam_beta2=0.999, adam_epsilon=1e-8, weight_decay=0.01,
                 max_grad_norm=1.0)

# What of a full fine-tune's last weights is stored whole (the rest as norms).
FINAL_TENSORS = ("model.norm.weight",
                 "model.layers.0.input_layernorm.weight",
                 "model.layers.0.self_attn.k_proj.weight",
                 "model.layers.0.self_attn.k_proj.bias",
                 "model.layers.1.mlp.down_proj.weight")


def norm_in_own_dtype(self, x):
    """RMSNorm without the cast to float32 that spoils a float64 model."""
    scale = torch.rsqrt(x.pow(2).mean(-1, keepdim=True)
                        + self.variance_epsilon)
    return self.weight * (x * scale)


for norm_class in (LlamaRMSNorm, Qwen2RMSNorm):
    norm_class.forward = norm_in_own_dtype  # the same formula in float32


def load(root, model, adapter, dtype, full=False):
    net = fixture_models.load(os.path.join(root, "models", model), dtype)
    if adapter:
        net = PeftModel.from_pretrained(
            net, os.path.join(root, "adapters", adapter), is_trainable=True,
            autocast_adapter_dtype=False)
        net = net.to(dtype)
    return net.train(adapter is not None or full)


def encode(tokenizer, row):
    """{input_ids, trained}: the completion and the end token are trained."""
    bos = [tokenizer.bos_token_id] if tokenizer.bos_token_id is not None else []
    prompt = bos + tokenizer.encode(row["prompt"], add_special_tokens=False)
    completion = tokenizer.encode(row["completion"], add_special_tokens=False)
    completion.append(tokenizer.eos_token_id)
    return {"input_ids": prompt + completion,
            "trained": [0] * len(prompt) + [1] * len(completion)}


def documents(root, model):
    tokenizer = AutoTokenizer.from_pretrained(
        os.path.join(root, "models", model))
    return [encode(tokenizer, row)
            for row in fixture_data.prompt_completion_rows()]


def take_bin(source, start, limit):
    """Documents in file order from `start` on, as many as fit."""
    bin_, used = [], 0
    while len(bin_) < limit:
        document = source[(start + len(bin_)) % len(source)]
        used += len(document["input_ids"])
        if used > MAX_LENGTH:
            break
        bin_.append({k: list(v) for k, v in document.items()})
    return bin_


def make_steps(source, count):
    """Bins for each step, with the awkward cases named in the README."""
    steps, start = [], 0
    for step in range(1, count + 1):
        bins = []
        for i in range(BINS_PER_STEP):
            # Every fourth bin holds a single document (room left over).
            bins.append(take_bin(source, start, 1 if i == 3 else 3))
            start += len(bins[-1])
        if step == 1:
            bins[1][0]["trained"] = [1] * len(bins[1][0]["trained"])
        if step == 2:
            first = bins[0][0]
            bins[0][0] = {k: v[:1] for k, v in first.items()}
            bins[3][0] = {"input_ids": bins[3][0]["input_ids"][:2],
                          "trained": [0, 1]}
        for i in {4: (3,), 6: (1, 3), 7: (2, 3)}.get(step, ()):
            for document in bins[i]:
                document["trained"] = [0] * len(document["trained"])
        steps.append(bins)
    return steps


def terms(document):
    """Loss terms: trained tokens that have a token before them."""
    return sum(document["trained"][1:])


def token_losses(net, document):
    """Logits, and the loss of each term (0 where the token is untrained)."""
    ids = torch.tensor([document["input_ids"]])
    logits = net(input_ids=ids, use_cache=False).logits[0]
    trained = torch.tensor(document["trained"][1:], dtype=logits.dtype)
    losses = F.cross_entropy(logits[:-1], ids[0, 1:], reduction="none")
    return logits, losses * trained


def write_forward(root, model, adapter):
    source = documents(root, model)
    chosen = [source[1], source[8], source[20]]
    chosen[0]["trained"] = [1] * len(chosen[0]["trained"])
    golden = {"kind": "forward", "model": f"models/{model}",
              "adapter": f"adapters/{adapter}" if adapter else None,
              "documents": chosen,
              "trained_tokens": sum(terms(d) for d in chosen)}
    name = f"{adapter or model}.forward"
    for dtype, suffix in ((torch.float32, ""), (torch.float64, "_float64")):
        net = load(root, model, adapter, dtype).eval()
        with torch.no_grad():
            results = [token_losses(net, d) for d in chosen]
        loss_sum = sum(losses.sum() for _, losses in results).item()
        golden["loss_sum" + suffix] = loss_sum
        golden["loss" + suffix] = loss_sum / golden["trained_tokens"]
        if suffix:
            continue
        golden["token_losses"] = [losses.tolist() for _, losses in results]
        golden["logits_file"] = f"golden/{name}.logits.safetensors"
        save_file({f"logits.{i}": logits.contiguous()
                   for i, (logits, _) in enumerate(results)},
                  os.path.join(root, golden["logits_file"]))
    write_golden(root, name, golden)


def file_name(parameter):
    """The name in the file that the trained weights are saved to."""
    return parameter.replace(".default.", ".")


def train(root, model, adapter, dtype, steps, warmup):
    """The plain loop: what HF's Trainer does, its loss exact over the step.

    Returns the figures of each step, the gradients of step 1 (before the
    clip), the last weights and the names that get no weight decay.
    """
    net = load(root, model, adapter, dtype, full=adapter is None)
    params = {n: p for n, p in sorted(net.named_parameters())
              if p.requires_grad}
    decay = set(Trainer.get_decay_parameter_names(None, net))
    optimizer = torch.optim.AdamW(
        [{"params": [p for n, p in params.items() if n in decay],
          "weight_decay": OPTIMIZER["weight_decay"]},
         {"params": [p for n, p in params.items() if n not in decay],
          "weight_decay": 0.0}],
        lr=OPTIMIZER["learning_rate"],
        betas=(OPTIMIZER["adam_beta1"], OPTIMIZER["adam_beta2"]),
        eps=OPTIMIZER["adam_epsilon"])
    schedule = get_scheduler("linear", optimizer, warmup, len(steps))
    figures, gradients = [], None
    for bins in steps:
        count = sum(terms(d) for bin_ in bins for d in bin_)
        optimizer.zero_grad()
        loss_sum = 0.0
        for document in (d for bin_ in bins for d in bin_):
            if len(document["input_ids"]) < 2:
                continue  # no loss term; F.cross_entropy dislikes no rows
            total = token_losses(net, document)[1].sum()
            (total / count).backward()
            loss_sum += total.item()
        if gradients is None:
            gradients = {file_name(n): p.grad.clone()
                         for n, p in params.items()}
        norm = torch.nn.utils.clip_grad_norm_(
            params.values(), OPTIMIZER["max_grad_norm"]).item()
        figures.append({"loss_sum": loss_sum, "loss": loss_sum / count,
                        "grad_norm": norm,
                        "learning_rate": schedule.get_last_lr()[0]})
        optimizer.step()
        schedule.step()
    final = {file_name(n): p.detach().clone() for n, p in params.items()}
    no_decay = [file_name(n) for n in params if n not in decay]
    return figures, gradients, final, no_decay


def stored_whole(final, lora):
    """Small adapters whole; of the rest a few tensors, to keep files small."""
    if not lora:
        return {n: t for n, t in final.items() if n in FINAL_TENSORS}
    if lora["r"] > 64:
        return {n: t for n, t in final.items() if ".layers.1." in n}
    return final


def norms(tensors):
    return {n: t.double().norm().item() for n, t in tensors.items()}


def write_train(root, name, model, adapter, step_count, warmup):
    steps = make_steps(documents(root, model), step_count)
    figures, gradients, final, no_decay = train(
        root, model, adapter, torch.float32, steps, warmup)
    exact, exact_gradients, _, _ = train(
        root, model, adapter, torch.float64, steps, warmup)
    golden = {"kind": "train", "mode": "lora" if adapter else "full",
              "model": f"models/{model}",
              "adapter": f"adapters/{adapter}" if adapter else None,
              "lora": None, "max_length": MAX_LENGTH,
              "optimizer": dict(OPTIMIZER, no_decay=no_decay),
              "schedule": {"lr_scheduler_type": "linear",
                           "warmup_steps": warmup, "max_steps": step_count},
              "steps": []}
    if adapter:
        arguments = fixture_models.ADAPTERS[adapter][1]
        r, alpha = arguments["r"], arguments["lora_alpha"]
        rslora = arguments.get("use_rslora", False)
        golden["lora"] = {"r": r, "lora_alpha": alpha, "use_rslora": rslora,
                          "scaling": alpha / (r ** 0.5 if rslora else r),
                          "target_modules": arguments["target_modules"]}
    for i, (bins, mine, wide) in enumerate(zip(steps, figures, exact)):
        flat = [d for bin_ in bins for d in bin_]
        golden["steps"].append({
            "step": i + 1, "bins": bins,
            "input_tokens": sum(len(d["input_ids"]) for d in flat),
            "trained_tokens": sum(terms(d) for d in flat), **mine,
            "loss_float64": wide["loss"],
            "grad_norm_float64": wide["grad_norm"]})
    golden["gradients_file"] = f"golden/{name}.grad1.safetensors"
    save_file(gradients, os.path.join(root, golden["gradients_file"]))
    golden["gradient_norms"] = norms(gradients)
    golden["gradient_norms_float64"] = norms(exact_gradients)
    golden["final_file"] = f"golden/{name}.final.safetensors"
    save_file(stored_whole(final, golden["lora"]),
              os.path.join(root, golden["final_file"]))
    golden["final_norms"] = norms(final)
    write_golden(root, name, golden)
    report(name, golden, gradients, exact_gradients)


def report(name, golden, gradients, exact):
    """How far float32 is from float64: the floor of any test's tolerance."""
    worst = max(((gradients[n].double() - exact[n]).norm()
                 / exact[n].norm()).item() for n in gradients)
    drift = max(abs(s["loss"] / s["loss_float64"] - 1)
                for s in golden["steps"])
    losses = [round(s["loss"], 4) for s in golden["steps"]]
    print(f"{name}: gradients {worst:.1e}, losses {drift:.1e} from float64; "
          f"loss {losses}; grad_norm "
          f"{[round(s['grad_norm'], 2) for s in golden['steps']]}")


def write_golden(root, name, golden):
    """Indented, but an array of numbers on one line: small, and diffs read."""
    text = re.sub(r"\[\n[^\[\]{}\"]*\]",
                  lambda array: re.sub(r"\s+", "", array.group()),
                  json.dumps(golden, indent=1))
    with open(os.path.join(root, "golden", name + ".json"), "w",
              encoding="utf-8") as out:
        out.write(text + "\n")


def write(root):
    for model, adapter in (("tiny-llama", "tiny-llama-r8"),
                           ("tiny-qwen2", "tiny-qwen2-r8-rs")):
        write_forward(root, model, None)
        write_forward(root, model, adapter)
        write_train(root, f"{model}.lora", model, adapter, 11, 2)
        write_train(root, f"{model}.full", model, None, 11, 2)
    write_train(root, "tiny-llama.lora-r80", "tiny-llama", "tiny-llama-r80",
                3, 1)
