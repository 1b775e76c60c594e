"""`make bench-hf`: tokens a second of Lockstep and of the HF Trainer.

    oracle-python bench_hf.py --bin build/bin [--repeat 3] [--steps 60]

The same job for both: a 260K-parameter Llama, rows of 256 tokens, batches of
4, AdamW, float32, one thread a rank; LoRA r16 on all linears, and full; 1 and 2
ranks. Ours goes the whole way, through lockstepd and the command line. The two
take turns, so that a machine whose speed drifts drifts for both; each figure is
the median of the repeats. The last line is the smallest ratio.

With LOCKSTEP_TEST_DATA the model is the pretrained stories260K and the text is
tinyshakespeare; without, a random model of that shape and generated text.
"""

import argparse
import json
import os
import pathlib
import random
import statistics
import sys
import tempfile

from private_coordinator import coordinator, run, speeds

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["OMP_NUM_THREADS"] = "1"

HERE = pathlib.Path(__file__).resolve().parent
ROW_TOKENS, BATCH, ROWS = 256, 4, 400

JOB = """apiVersion: lockstep/v1
model: {{path: {model}}}
method: {method}
data: {{train: [{{path: {data}}}], max_length: {row_tokens}}}
train:
  max_steps: {steps}
  per_device_train_batch_size: {batch}
  learning_rate: 1.0e-3
resources: {{device: cpu, ranks: {world}}}
checkpoint: {{save_steps: 0}}
output_dir: {out}
"""
METHODS = {"lora": "{lora: {r: 16, alpha: 16}}", "full": "{full: {}}"}


def generated_text(words):
  """Words of a seeded vocabulary, for machines without the real data."""
  rng = random.Random(7)
  vocabulary = ["".join(rng.choices("etaoinshrdlu", k=rng.randint(2, 8)))
                for _ in range(800)]
  return " ".join(rng.choices(vocabulary, k=words))


def make_model(bin_dir, folder):
  """A random Llama of stories260K's shape, tokenizer and all."""
  text = folder / "corpus.jsonl"
  with text.open("w", encoding="utf-8") as file:
    for line in generated_text(20000).split(" e"):
      file.write(json.dumps({"text": line}) + "\n")
  worker = bin_dir / "lockstep-worker"
  run([worker, "tokenizer", "train", "--files", text, "--vocab-size", "512",
       "--output", folder / "tokenizer"])
  run([worker, "init-model", "--architecture", "llama", "--hidden-size", "64",
       "--layers", "5", "--heads", "8", "--kv-heads", "4",
       "--intermediate-size", "172", "--seed", "1",
       "--tokenizer", folder / "tokenizer", "--output", folder / "model"])
  return folder / "model"


def make_rows(model, text, folder):
  """The same rows twice: token ids for HF, text for us.

  A text row decodes to its ids and is cut at 256 tokens by both, so a step has
  the same shape for both.
  """
  from tokenizers import Tokenizer
  tokenizer = Tokenizer.from_file(str(model / "tokenizer.json"))
  ids = tokenizer.encode(text, add_special_tokens=False).ids
  rows, texts = folder / "rows.jsonl", folder / "text.jsonl"
  with rows.open("w") as ids_file, texts.open("w") as text_file:
    for i in range(ROWS):
      piece = ids[i * ROW_TOKENS:(i + 1) * ROW_TOKENS]
      if len(piece) < ROW_TOKENS:
        raise SystemExit(f"only {i} rows of {ROW_TOKENS} tokens in the text")
      ids_file.write(json.dumps({"input_ids": piece}) + "\n")
      # Eight tokens more than a row, so that the cut is at 256 for us too.
      longer = ids[i * ROW_TOKENS:(i + 1) * ROW_TOKENS + 8]
      text_file.write(json.dumps({"text": tokenizer.decode(longer)}) + "\n")
  return rows, texts


def peer(model, rows, mode, world, steps):
  launch = [sys.executable]
  if world > 1:
    launch += ["-m", "torch.distributed.run", "--standalone",
               "--nproc-per-node", str(world)]
  output = run(launch + [str(HERE / "hf_peer.py"), "--model", str(model),
                         "--rows", str(rows), "--mode", mode,
                         "--steps", str(steps), "--batch", str(BATCH)])
  return json.loads(output.strip().splitlines()[-1])["tokens_per_second"]


def ours(bin_dir, environment, folder, model, data, mode, world, steps, name):
  job = folder / f"{name}.yaml"
  job.write_text(JOB.format(
      model=model, method=METHODS[mode], data=data, row_tokens=ROW_TOKENS,
      steps=steps, batch=BATCH, world=world, out=folder / name))
  cli = bin_dir / "lockstep"
  run([cli, "submit", job, "--name", name, "--wait"], env=environment)
  return statistics.median(speeds(bin_dir, environment, name, after_step=10))


def main():
  parser = argparse.ArgumentParser(description=__doc__)
  parser.add_argument("--bin", type=pathlib.Path, required=True)
  parser.add_argument("--repeat", type=int, default=3)
  parser.add_argument("--steps", type=int, default=60)
  args = parser.parse_args()
  data = os.environ.get("LOCKSTEP_TEST_DATA")
  with tempfile.TemporaryDirectory() as folder:
    folder = pathlib.Path(folder)
    if data:
      model = pathlib.Path(data) / "models/stories260K-hf"
      text = (pathlib.Path(data) / "datasets/tinyshakespeare/input.txt"
             ).read_text(encoding="utf-8")[:600000]
    else:
      model = make_model(args.bin, folder)
      text = generated_text(120000)
    rows, texts = make_rows(model, text, folder)
    print(f"model {model.name}, rows of {ROW_TOKENS}, batch {BATCH}, "
          f"{args.steps} steps, median of {args.repeat}")
    ratios = []
    with coordinator(args.bin, folder) as environment:
      for mode in METHODS:
        for world in (1, 2):
          theirs, mine = [], []
          for repeat in range(args.repeat):
            theirs.append(peer(model, rows, mode, world, args.steps))
            mine.append(ours(args.bin, environment, folder, model, texts, mode,
                             world, args.steps, f"{mode}-{world}-{repeat}"))
          ratio = statistics.median(m / t for m, t in zip(mine, theirs))
          ratios.append(ratio)
          print(f"{mode:5} {world} rank(s): HF Trainer "
                f"{statistics.median(theirs):8.0f} tokens/s, Lockstep "
                f"{statistics.median(mine):8.0f} tokens/s, {ratio:.2f}x",
                flush=True)
  print(f"ratio: {min(ratios):.2f}")


if __name__ == "__main__":
  main()
