"""Do Transformers and PEFT load what the worker wrote, and agree with it?

    oracle-python check_peft.py --ids 1,2,3 [--expect LOGITS.safetensors]
        --model BASE --adapter DIR [--merged DIR]   an adapter, and its merge
        --full DIR                                  a whole model
        [--tol 1e-4]

LOGITS.safetensors holds one float32 tensor `logits` of [ids, vocab] (or, as
the goldens have it, `logits.0`): what the worker computed for --ids. Every
model named is loaded in float32 and compared with it; --merged is compared
with the adapter too. An error is the largest difference over the largest
logit. Names must match exactly: a tensor that is missing, unexpected or
ignored fails the check, for PEFT only warns of it.

Ends with one line, `check_peft: ok max_rel=...` and exit status 0, or
`check_peft: FAILED ...` and 1.
"""

import argparse
import os
import sys

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"

import torch
import transformers
from peft import PeftModel, get_peft_model_state_dict
from safetensors import safe_open
from transformers import AutoModelForCausalLM


class CheckError(Exception):
    """What is wrong, in words for the last line."""


def load_model(folder):
    net, info = AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, output_loading_info=True)
    for kind, names in info.items():
        if names:
            raise CheckError(f"{folder}: {kind}: {sorted(map(str, names))}")
    return net.eval()


def load_adapter(base, folder):
    net = PeftModel.from_pretrained(load_model(base), folder).eval()
    with safe_open(os.path.join(folder, "adapter_model.safetensors"),
                   "pt") as file:
        stored = {name: file.get_tensor(name) for name in file.keys()}
    wanted = get_peft_model_state_dict(net)
    if stored.keys() != wanted.keys():
        raise CheckError(f"{folder}: tensors that only one side has: "
                         f"{sorted(stored.keys() ^ wanted.keys())}")
    for name, tensor in stored.items():
        if not torch.equal(tensor.float(), wanted[name].float()):
            raise CheckError(f"{folder}: {name} is not what PEFT holds")
    return net


def logits_of(net, ids):
    with torch.no_grad():
        return net(input_ids=torch.tensor([ids]), use_cache=False).logits[0]


def read_logits(path):
    with safe_open(path, "pt") as file:
        names = [n for n in ("logits", "logits.0") if n in file.keys()]
        if not names:
            raise CheckError(f"{path}: no tensor named logits or logits.0")
        tensor = file.get_tensor(names[0]).float()
    return tensor.reshape(-1, tensor.shape[-1])


def relative(got, reference, what, tolerance):
    if got.shape != reference.shape:
        raise CheckError(f"{what}: shapes {tuple(got.shape)} and "
                         f"{tuple(reference.shape)} differ")
    error = ((got - reference).abs().max() / reference.abs().max()).item()
    print(f"{what}: max_rel={error:.2e}")
    if not error <= tolerance:  # also fails on NaN
        raise CheckError(f"{what}: max_rel={error:.2e} exceeds {tolerance:g}")
    return error


def check(args):
    ids = [int(token) for token in args.ids.split(",")]
    found = {}
    if args.adapter:
        found["adapter"] = logits_of(load_adapter(args.model, args.adapter),
                                     ids)
        base = logits_of(load_model(args.model), ids)
        change = (found["adapter"] - base).abs().max() / base.abs().max()
        print(f"the adapter changes the logits by {change:.2e}")
        if change == 0:
            raise CheckError("the adapter changes nothing: nothing is proved")
    if args.merged:
        found["merged"] = logits_of(load_model(args.merged), ids)
    if args.full:
        found["full"] = logits_of(load_model(args.full), ids)
    errors = []
    if args.expect:
        worker = read_logits(args.expect)
        errors += [relative(worker, logits, f"worker against {name}", args.tol)
                   for name, logits in found.items()]
    if args.merged:
        errors.append(relative(found["merged"], found["adapter"],
                               "merged against adapter", args.tol))
    return max(errors)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ids", required=True)
    parser.add_argument("--model")
    parser.add_argument("--adapter")
    parser.add_argument("--merged")
    parser.add_argument("--full")
    parser.add_argument("--expect")
    parser.add_argument("--tol", type=float, default=1e-4)
    args = parser.parse_args()
    if bool(args.model) != bool(args.adapter):
        parser.error("--model and --adapter go together")
    if args.merged and not args.adapter:
        parser.error("--merged needs --adapter")
    if not (args.merged or args.expect and (args.adapter or args.full)):
        parser.error("nothing to compare: give --expect or --merged")
    torch.set_num_threads(1)
    transformers.utils.logging.disable_progress_bar()
    try:
        print(f"check_peft: ok max_rel={check(args):.2e}")
    except (CheckError, OSError, ValueError, RuntimeError) as error:
        print(f"check_peft: FAILED {error}")
        sys.exit(1)


if __name__ == "__main__":
    main()
