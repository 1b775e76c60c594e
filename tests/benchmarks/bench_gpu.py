"""`make bench-gpu`: tokens a second of whole jobs on GPUs.

    python3 bench_gpu.py --bin BIN [--case CASE ...] [--steps 40] [--peer PEER]

A case is SHAPE-METHOD-GPUS[-RECOMPUTE][-anyorder]: 8b-lora-1, 1b-full-2,
8b-fp8-1-anyorder, 8b-lora-1-block; anyorder is full_determinism: false. Each is
a job, submitted through the command line to a lockstepd of our own: rows of 2048
tokens, all of them trained; random weights; LoRA r16 on all linears (fp8: with
its base in FP8) or full; 16384 tokens a rank and step, 8192 for 8b. Models and
data are made first, by PyTorch on the GPU.

Prints for each case the median tokens a second with the least and the most, and
how long its start took; for a case on 2 GPUs also how many times faster than
one, if that was run; with --peer (unsloth, liger, hf; see peers/gpu_peer.py)
also what that peer reaches with the same shape on one GPU, in the same run:
recomputing where ours recomputes blocks, and full where ours is, which unsloth
is not asked for.
"""

import argparse
import json
import pathlib
import random
import re
import shutil
import statistics
import struct
import subprocess
import sys
import tempfile

from private_coordinator import coordinator, points_of, run, speeds

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "peers"))
from gpu_peer import ROW, SHAPES  # pylint: disable=wrong-import-position

TOKENIZER = HERE.parent / "testdata/models/tiny-llama"
WARM_UP = 10
BATCH = {"8b": 4, "1b": 8, "0.5b": 8}
METHODS = {
    "lora": "{lora: {r: 16, alpha: 16}}",
    "fp8": "{lora: {r: 16, alpha: 16, base_dtype: fp8}}",
    "full": "{full: {}}",
}
DEFAULT_CASES = ["0.5b-lora-1", "1b-lora-1", "8b-lora-1"]
JOB = """apiVersion: lockstep/v1
model: {{path: {model}}}
method: {method}
data: {{train: [{{path: {data}}}], max_length: {row}}}
train:
  max_steps: {steps}
  per_device_train_batch_size: {batch}
  learning_rate: 1.0e-4
{more}resources: {{gpus: {gpus}}}
checkpoint: {{save_steps: 0}}
output_dir: {out}
"""


def tensors(config):
  """Names and shapes of a model's weights, in the order of the layers."""
  hidden, inner = config["hidden_size"], config["intermediate_size"]
  head = hidden // config["num_attention_heads"]
  kv = config["num_key_value_heads"] * head
  yield "model.embed_tokens.weight", (config["vocab_size"], hidden)
  for layer in range(config["num_hidden_layers"]):
    prefix = f"model.layers.{layer}."
    for name, shape in (
        ("self_attn.q_proj", (hidden, hidden)), ("self_attn.k_proj", (kv, hidden)),
        ("self_attn.v_proj", (kv, hidden)), ("self_attn.o_proj", (hidden, hidden)),
        ("mlp.gate_proj", (inner, hidden)), ("mlp.up_proj", (inner, hidden)),
        ("mlp.down_proj", (hidden, inner))):
      yield prefix + name + ".weight", shape
      if config["model_type"] == "qwen2" and name[-6:] in ("q_proj", "k_proj",
                                                           "v_proj"):
        yield prefix + name + ".bias", (shape[0],)
    yield prefix + "input_layernorm.weight", (hidden,)
    yield prefix + "post_attention_layernorm.weight", (hidden,)
  yield "model.norm.weight", (hidden,)
  if not config["tie_word_embeddings"]:
    yield "lm_head.weight", (config["vocab_size"], hidden)


def make_model(shape, folder):
  """A random model in bfloat16, with the tokenizer of the fixtures."""
  import torch
  family, sizes = SHAPES[shape]
  config = dict(
      sizes, model_type=family, hidden_act="silu", rms_norm_eps=1e-5,
      architectures=[{"llama": "LlamaForCausalLM",
                      "qwen2": "Qwen2ForCausalLM"}[family]],
      max_position_embeddings=8192, rope_theta=500000.0,
      torch_dtype="bfloat16")
  shutil.copytree(TOKENIZER, folder,
                  ignore=shutil.ignore_patterns("*.safetensors*"))
  (folder / "config.json").write_text(json.dumps(config))
  header, end = {}, 0
  for name, sizes in tensors(config):
    begin, end = end, end + 2 * torch.Size(sizes).numel()
    header[name] = {"dtype": "BF16", "shape": sizes,
                    "data_offsets": [begin, end]}
  text = json.dumps(header).encode()
  text += b" " * (-len(text) % 8)
  torch.manual_seed(0)
  with (folder / "model.safetensors").open("wb") as file:
    file.write(struct.pack("<Q", len(text)) + text)
    for name, entry in header.items():
      values = torch.randn(entry["shape"], device="cuda",
                           dtype=torch.bfloat16) * 0.02
      if "norm" in name:
        values += 1
      file.write(values.view(torch.uint8).cpu().numpy().tobytes())


def train_line(word):
  """The line of a job for what follows the number of GPUs in a case."""
  if word == "anyorder":
    return "  full_determinism: false\n"
  return f"  recompute: {word}\n"


def make_data(path, rows):
  """Rows of more than ROW tokens, which are cut there."""
  rng = random.Random(7)
  with path.open("w", encoding="utf-8") as file:
    for _ in range(rows):
      words = ("".join(rng.choices("etaoinshrdlu", k=rng.randint(3, 9)))
               for _ in range(ROW))
      file.write(json.dumps({"text": " ".join(words)}) + "\n")


class Bench:

  def __init__(self, args, folder, environment):
    self.args, self.folder, self.environment = args, folder, environment
    self.data = folder / "rows.jsonl"
    self.one_gpu = {}
    self.of_peer = {}
    make_data(self.data, rows=256)

  def model(self, shape):
    folder = self.folder / shape
    if not folder.exists():
      # One model at a time: they are large.
      for other in SHAPES:
        shutil.rmtree(self.folder / other, ignore_errors=True)
      # In a process of its own, which leaves nothing on the GPU.
      subprocess.run([sys.executable, __file__, "--make", shape, str(folder)],
                     check=True)
    return folder

  def run_case(self, case):
    shape, method, gpus, *more = case.split("-")
    kind = (shape, method, *more)
    name = case.replace(".", "-").replace("_", "-")
    out = self.folder / f"out-{case}"
    job = self.folder / f"{case}.yaml"
    job.write_text(JOB.format(
        model=self.model(shape), method=METHODS[method], data=self.data,
        row=ROW, steps=self.args.steps, batch=BATCH[shape], gpus=gpus, out=out,
        more="".join(map(train_line, more))))
    cli = self.args.bin / "lockstep"
    run([cli, "submit", job, "--name", f"bench-{name}", "--wait"],
        env=self.environment)
    measured = speeds(self.args.bin, self.environment, f"bench-{name}",
                      WARM_UP)
    start = self.describe_start(shape, f"bench-{name}")
    shutil.rmtree(out, ignore_errors=True)
    median = statistics.median(measured)
    line = (f"{case:22} {median:9.0f} tokens/s [{min(measured):.0f}, "
            f"{max(measured):.0f}]")
    if gpus == "1":
      self.one_gpu[kind] = median
    elif kind in self.one_gpu:
      line += f"  {median / self.one_gpu[kind]:.2f}x one GPU"
    print(line, flush=True)
    print(f"{'':22} {start}", flush=True)
    return median

  def describe_start(self, shape, name):
    """How long the weights and the first step of a job took."""
    log = run([self.args.bin / "lockstep", "logs", name],
              env=self.environment)
    seconds = float(re.search(r"weights loaded in ([\d.]+) s", log).group(1))
    size = sum(file.stat().st_size
               for file in (self.folder / shape).glob("*.safetensors"))
    first = points_of(self.args.bin, self.environment, name)[0]
    return (f"weights in {seconds:.2f} s, {size / seconds / 1e9:.1f} GB/s; "
            f"first step {first['values']['step_seconds']:.2f} s")

  def run_peer(self, case, mine):
    shape, method, gpus, *more = case.split("-")
    full = method == "full"
    if gpus != "1" or (full and self.args.peer == "unsloth"):
      return
    words = [sys.executable, str(HERE / "peers/gpu_peer.py"), "--impl",
             self.args.peer, "--shape", shape, "--tokens",
             str(BATCH[shape] * ROW)]
    words += ["--full"] if full else []
    words += ["--checkpointing"] if "block" in more else []
    if self.args.tokenizer:
      words += ["--tokenizer", self.args.tokenizer]
    if tuple(words) not in self.of_peer:
      # Peers talk before and behind it.
      figures = next(line for line in run(words).splitlines()
                     if line.startswith("{"))
      self.of_peer[tuple(words)] = json.loads(figures)
    theirs = self.of_peer[tuple(words)]
    print(f"{'':22} {theirs['tokens_per_second']:9} {self.args.peer}, "
          f"{mine / theirs['tokens_per_second']:.2f}x", flush=True)


def main():
  if sys.argv[1:2] == ["--make"]:
    make_model(sys.argv[2], pathlib.Path(sys.argv[3]))
    return
  parser = argparse.ArgumentParser(
      description=__doc__,
      formatter_class=argparse.RawDescriptionHelpFormatter)
  parser.add_argument("--bin", type=pathlib.Path, required=True)
  parser.add_argument("--case", action="append", dest="cases")
  parser.add_argument("--steps", type=int, default=40)
  parser.add_argument("--peer", choices=("unsloth", "liger", "hf"))
  parser.add_argument("--tokenizer", help="for unsloth")
  parser.add_argument("--folder", type=pathlib.Path,
                      help="for models and data [a temporary one]")
  args = parser.parse_args()
  args.bin = args.bin.resolve()
  with tempfile.TemporaryDirectory(dir=args.folder) as folder:
    folder = pathlib.Path(folder)
    with coordinator(args.bin, folder) as environment:
      bench = Bench(args, folder, environment)
      for case in args.cases or DEFAULT_CASES:
        mine = bench.run_case(case)
        if args.peer:
          bench.run_peer(case, mine)


if __name__ == "__main__":
  main()
