#!/usr/bin/env python3
"""clang_tidy.py BUILD [FILE...]: clang-tidy over our sources, or those named.

The checks are those of .clang-tidy. BUILD has been built: a source that was
clean is not looked at again while it, the files of ours that its object was made
from (as ninja recorded them), the checks and clang-tidy are the same.
The marks lie in the user's cache, so that clones share them.
"""

import concurrent.futures
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]


def output_of(*command):
  return subprocess.run(command, cwd=ROOT, check=True, text=True,
                        stdout=subprocess.PIPE).stdout


def digest_of(*parts):
  return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


def recorded_headers(build):
  """Of each object: the files of ours, and generated, that it was made from."""
  headers = {}
  for record in output_of("ninja", "-C", build, "-t", "deps").split("\n\n"):
    lines = record.splitlines()
    if not lines or not lines[0].endswith("(VALID)"):
      continue
    files = [pathlib.Path(build, line.strip()) for line in lines[1:]]
    headers[lines[0].split(": #deps")[0]] = sorted(
        file for file in files if file.is_relative_to(ROOT))
  return headers


def sources_of(file):
  """The sources that are compiled as one (deploy/toolchain/cmake/Unite.cmake),
  or the one that it is."""
  if not re.search(r"_united_\d+\.cc$", file):
    return [file]
  included = re.findall(r'^#include "(.*)"$', pathlib.Path(file).read_text(),
                        re.MULTILINE)
  return [str(ROOT / path) for path in included]


def commands_for_clang(build, folder):
  """Writes the compile commands of each source, without GCC's precompiled
  headers, which clang cannot read; returns them by source."""
  text = pathlib.Path(build, "compile_commands.json").read_text()
  for gcc_only in ("-Winvalid-pch", "-Wno-stringop-overflow",
                   "-Wno-stringop-overread", "-Wno-subobject-linkage"):
    text = text.replace(gcc_only, "")
  text = re.sub(r"-include [^ ]*cmake_pch\.hxx", "", text)
  entries = [
      entry | {"file": source,
               "command": entry["command"].replace(entry["file"], source)}
      for entry in json.loads(text) for source in sources_of(entry["file"])]
  pathlib.Path(folder, "compile_commands.json").write_text(json.dumps(entries))
  return {entry["file"]: entry["command"] for entry in entries}


class Linter:

  def __init__(self, build, folder, clang_tidy):
    self.folder = folder
    self.clang_tidy = clang_tidy
    self.commands = commands_for_clang(build, folder)
    self.headers = recorded_headers(build)
    configs = output_of("git", "ls-files", "*.clang-tidy").splitlines()
    self.checks = digest_of(output_of(clang_tidy, "--version"),
                            *((ROOT / file).read_text() for file in configs))
    cache = os.environ.get("XDG_CACHE_HOME", os.path.expanduser("~/.cache"))
    self.marks = pathlib.Path(cache, "lockstep", "clang-tidy")
    self.marks.mkdir(parents=True, exist_ok=True)

  def mark_of(self, source):
    """Where it is noted that `source` is clean; nothing if its object is not
    there, and with it what it includes."""
    output = re.search(r" -o (\S+)", self.commands[str(ROOT / source)])
    headers = self.headers.get(output.group(1)) if output else None
    if headers is None:
      return None
    return self.marks / digest_of(
        source, self.checks, *(file.read_text() for file in headers))

  def is_clean(self, source):
    mark = self.mark_of(source)
    if mark and mark.exists():
      return True
    tidy = subprocess.run(
        [self.clang_tidy, "--quiet", "-p", self.folder, source], cwd=ROOT,
        text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    if tidy.returncode != 0:
      print(f"{tidy.stdout}clang-tidy: {source}", file=sys.stderr)
      return False
    if mark:
      mark.touch()
    return True


def main():
  build = str(pathlib.Path(sys.argv[1]).resolve())
  where = output_of("deploy/toolchain/install.sh", "--where")
  lint_env = re.search(r"^LOCKSTEP_LINT_ENV=(.*)$", where, re.MULTILINE).group(1)
  with tempfile.TemporaryDirectory() as folder:
    linter = Linter(build, folder, lint_env + "/bin/clang-tidy")
    sources = sys.argv[2:] or output_of("git", "ls-files", "*.cc").splitlines()
    # Only what this build compiles has flags to check it with.
    sources = [s for s in sources if str(ROOT / s) in linter.commands]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
      clean = list(pool.map(linter.is_clean, sources))
  if not all(clean):
    sys.exit(f"clang-tidy: {clean.count(False)} of {len(clean)} files not clean")
  print(f"clang-tidy: {len(clean)} files clean")


if __name__ == "__main__":
  main()
