#!/usr/bin/env python3
"""Who may include whom: the table of docs/architecture.md, checked.

Reads every project include of every C++ file outside tests/ and fails, naming
file and line, on one that the table does not allow. The table is written as
folder -> folders; a folder may always include itself.
"""

import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]

# The contract is what every program shares.
CONTRACT = {"proto", "proto/contract"}

# Folder -> folders whose headers it may include.
ALLOWED = {
    "proto": set(),
    "proto/contract": {"proto"},
    "kernels": set(),
    # The daemon.
    "server": CONTRACT | {
        "server/service", "server/scheduler", "server/rendezvous",
        "server/store", "server/launcher", "server/events", "server/metrics",
        "server/simulate", "server/webhook"},
    "server/service": CONTRACT | {
        "server", "server/scheduler", "server/rendezvous", "server/store",
        "server/events", "server/metrics"},
    "server/scheduler": CONTRACT | {
        "server", "server/store", "server/launcher", "server/rendezvous",
        "server/events"},
    "server/simulate": CONTRACT | {"server/scheduler"},
    "server/rendezvous": CONTRACT | {"server", "server/scheduler"},
    "server/launcher": CONTRACT | {
        "server", "server/scheduler", "server/store"},
    "server/store": CONTRACT,
    "server/events": CONTRACT | {"server/store"},
    "server/metrics": CONTRACT | {"server"},
    "server/webhook": CONTRACT | {"server", "server/events"},
    # One rank.
    "worker": CONTRACT | {
        "worker/train", "worker/prepare", "worker/export", "worker/supervise",
        "worker/comm", "worker/coordinator", "worker/model", "worker/io",
        "worker/data", "worker/optim", "worker/text"},
    "worker/train": CONTRACT | {
        "kernels", "worker/model", "worker/optim", "worker/data", "worker/io",
        "worker/comm", "worker/memory", "worker/coordinator"},
    "worker/prepare": CONTRACT | {
        "worker/data", "worker/io", "worker/text", "worker/coordinator",
        "worker/model/model_config.h"},
    "worker/export": CONTRACT | {
        "worker/io", "worker/text", "worker/model/model_config.h"},
    "worker/supervise": CONTRACT,
    "worker/model": CONTRACT | {
        "kernels", "worker/memory", "worker/io", "worker/data"},
    "worker/optim": CONTRACT | {"kernels"},
    "worker/memory": CONTRACT,
    "worker/io": CONTRACT | {"worker/text", "worker/model/model_config.h"},
    "worker/data": CONTRACT | {"worker/text"},
    "worker/comm": CONTRACT | {"worker/coordinator", "kernels"},
    "worker/coordinator": CONTRACT,
    "worker/text": CONTRACT,
    # Users' programs.
    "client": CONTRACT | {"client/internal"},
    "client/internal": CONTRACT | {"client"},
    "client/mocks": CONTRACT | {"client"},
    "client/cli": CONTRACT | {"client"},
}

# Headers in the daemon's own folder that its parts share.
SERVER_SHARED = {"server/clock.h", "server/server_log.h",
                 "server/server_options.h", "server/system_clock.h"}
# Only these folders may see ATen; torch/torch.h is for nobody (29 s a file).
ATEN = re.compile(r"worker/(comm|model|memory|optim|train)/|worker/worker\.")

INCLUDE = re.compile(r'^\s*#\s*include\s+["<]([^">]+)[">]')


def folder_of(header):
  """The table's name for the folder of an include, or None for foreign ones."""
  if re.match(r"(lockstep|google/rpc)/", header):
    return "proto"
  if header.startswith("server/store/record.pb.h"):
    return "server/store"
  top = header.split("/")[0]
  if top not in ("proto", "server", "worker", "client", "kernels", "tests"):
    return None
  return str(pathlib.PurePosixPath(header).parent)


def owner_of(folder):
  """The nearest listed folder: sub-folders share their parent's rule."""
  while folder and folder not in ALLOWED:
    folder = str(pathlib.PurePosixPath(folder).parent)
    if folder == ".":
      return None
  return folder


def problems_of(path, lines):
  """Yields 'path:line: reason' for each include that breaks the table."""
  own = owner_of(str(path.parent))
  if own is None:
    yield f"{path}:1: folder is not in the table of {__file__}"
    return
  for number, line in enumerate(lines, 1):
    match = INCLUDE.match(line)
    if not match:
      continue
    header = match.group(1)
    if header == "torch/torch.h":
      yield f"{path}:{number}: nobody includes torch/torch.h"
    if header.startswith(("ATen/", "c10/", "torch/")) and not ATEN.match(
        str(path)):
      yield f"{path}:{number}: {own} may not include {header}"
    if header == "sqlite3.h" and not str(path).startswith("server/store/sqlite."):
      yield f"{path}:{number}: only server/store/sqlite.cc sees sqlite3.h"
    folder = folder_of(header)
    if folder is None:
      continue
    target = owner_of(folder)
    if header in ALLOWED[own] or target == own:
      continue
    if target == "server" and header not in SERVER_SHARED and own != "server":
      yield f"{path}:{number}: {own} may not include {header}"
    elif target not in ALLOWED[own]:
      yield f"{path}:{number}: {own} may not include {header}"


def self_test():
  """The check itself must be able to fail."""
  bad = list(problems_of(pathlib.PurePosixPath("server/store/x.cc"),
                         ['#include "worker/text/tokenizer.h"',
                          "#include <ATen/ATen.h>"]))
  good = list(problems_of(pathlib.PurePosixPath("worker/train/x.cc"),
                          ['#include "kernels/swiglu.h"',
                           "#include <ATen/core/Tensor.h>"]))
  assert len(bad) == 2 and not good, (bad, good)


def main():
  self_test()
  files = subprocess.run(
      ["git", "-C", str(ROOT), "ls-files", "*.cc", "*.h", "*.cu", "*.cuh"],
      check=True, capture_output=True, text=True).stdout.split()
  problems = []
  for name in files:
    if name.startswith(("tests/",)) or "/gloo_shim/" in name or "/shim/" in name:
      continue
    text = (ROOT / name).read_text().splitlines()
    problems += problems_of(pathlib.PurePosixPath(name), text)
  print("\n".join(problems))
  print(f"layering: {len(files)} files, {len(problems)} problems")
  return 1 if problems else 0


if __name__ == "__main__":
  sys.exit(main())
