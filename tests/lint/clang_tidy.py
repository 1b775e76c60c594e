#!/usr/bin/env python3
"""clang_tidy.py BUILD [FILE...]: clang-tidy over our sources, or those named.

The checks are those of .clang-tidy. Nearly all of clang-tidy's time goes into
headers, so the sources of a target are looked at as one; if that finds anything,
one by one, since it may be no more than a name that two of them share.

BUILD has been built: sources that were clean are not looked at again while they,
the files of ours that their objects were made from (as ninja recorded them), the
checks and clang-tidy are the same. The marks lie in the user's cache, so that
clones share them.
"""

import collections
import concurrent.futures
import hashlib
import json
import os
import pathlib
import re
import shutil
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
    headers[lines[0].split(": #deps")[0]] = {
        file for file in files if file.is_relative_to(ROOT)}
  return headers


def sources_of(file):
  """The sources that are compiled as one (deploy/toolchain/cmake/Unite.cmake),
  or the one that it is."""
  if not re.search(r"_united_\d+\.cc$", file):
    return [file]
  included = re.findall(r'^#include "(.*)"$', pathlib.Path(file).read_text(),
                        re.MULTILINE)
  return [str(ROOT / path) for path in included]


def compile_entries(build):
  """The entry of compile_commands.json of each source, by source, without GCC's
  precompiled headers, which clang cannot read."""
  text = pathlib.Path(build, "compile_commands.json").read_text()
  for gcc_only in ("-Winvalid-pch", "-Wno-stringop-overflow",
                   "-Wno-stringop-overread", "-Wno-subobject-linkage"):
    text = text.replace(gcc_only, "")
  text = re.sub(r"-include [^ ]*cmake_pch\.hxx", "", text)
  return {
      source: entry | {
          "file": source,
          "command": entry["command"].replace(entry["file"], source)}
      for entry in json.loads(text) for source in sources_of(entry["file"])}


def object_of(entry):
  match = re.search(r" -o (\S+)", entry["command"])
  return match.group(1) if match else ""


def groups_of(entries):
  """The sources of one target that are compiled alike, the largest first."""
  groups = collections.defaultdict(list)
  for source, entry in entries.items():
    target = object_of(entry).partition(".dir/")[0]
    alike = re.sub(r" (-o|-c) \S+", "", entry["command"])
    groups[target, alike].append(source)
  return sorted(groups.values(), key=len, reverse=True)


class Linter:

  def __init__(self, build, folder, clang_tidy, sources):
    self.folder = pathlib.Path(folder)
    self.clang_tidy = clang_tidy
    # Only what this build compiles has flags to check it with.
    self.entries = {source: entry
                    for source, entry in compile_entries(build).items()
                    if source in sources}
    self.groups = groups_of(self.entries)
    configs = output_of("git", "ls-files", "*.clang-tidy").splitlines()
    self.write_united(configs)
    self.headers = recorded_headers(build)
    self.checks = digest_of(output_of(clang_tidy, "--version"),
                            *((ROOT / file).read_text() for file in configs))
    cache = os.environ.get("XDG_CACHE_HOME", os.path.expanduser("~/.cache"))
    self.marks = pathlib.Path(cache, "lockstep", "clang-tidy")
    self.marks.mkdir(parents=True, exist_ok=True)

  def united(self, number):
    """The file that includes the sources of a group: in a folder like theirs,
    since the checks depend on it."""
    like = pathlib.Path(self.groups[number][0]).relative_to(ROOT).parent
    return self.folder / like / f"united_{number}.cc"

  def write_united(self, configs):
    """The united files, the checks for them, and all compile commands."""
    entries = list(self.entries.values())
    for number, group in enumerate(self.groups):
      united, first = self.united(number), self.entries[group[0]]
      united.parent.mkdir(parents=True, exist_ok=True)
      united.write_text("".join(
          f'#include "{source}"  // NOLINT\n' for source in group))
      entries.append(first | {
          "file": str(united),
          "command": first["command"].replace(group[0], str(united))})
    (self.folder / "compile_commands.json").write_text(json.dumps(entries))
    for config in configs:
      (self.folder / config).parent.mkdir(parents=True, exist_ok=True)
      shutil.copy(ROOT / config, self.folder / config)

  def mark_of(self, group):
    """Where it is noted that `group` is clean; nothing if its objects are not
    there, and with them what it includes."""
    headers = set()
    for source in group:
      recorded = self.headers.get(object_of(self.entries[source]))
      if recorded is None:
        return None
      headers |= recorded
    names = [str(pathlib.Path(source).relative_to(ROOT)) for source in group]
    return self.marks / digest_of(
        *names, self.checks, *(file.read_text() for file in sorted(headers)))

  def tidy(self, file):
    return subprocess.run(
        [self.clang_tidy, "--quiet", "-p", self.folder,
         # A united source's parts are as good as headers to clang-tidy.
         r"--header-filter=.*/(proto/contract|server|worker|client|kernels|"
         r"tests)/.*\.(h|cc)$", file],
        cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)

  def unclean_of(self, number):
    """Those of a group that are not clean, told to the user."""
    group = self.groups[number]
    mark = self.mark_of(group)
    if mark and mark.exists():
      return []
    unclean = []
    if len(group) == 1 or self.tidy(self.united(number)).returncode != 0:
      for source in group:
        tidy = self.tidy(source)
        if tidy.returncode != 0:
          print(f"{tidy.stdout}clang-tidy: {source}", file=sys.stderr)
          unclean.append(source)
    if mark and not unclean:
      mark.touch()
    return unclean


def main():
  build = str(pathlib.Path(sys.argv[1]).resolve())
  where = output_of("deploy/toolchain/install.sh", "--where")
  lint_env = re.search(r"^LOCKSTEP_LINT_ENV=(.*)$", where, re.MULTILINE).group(1)
  sources = sys.argv[2:] or output_of("git", "ls-files", "*.cc").splitlines()
  with tempfile.TemporaryDirectory() as folder:
    linter = Linter(build, folder, lint_env + "/bin/clang-tidy",
                    {str(ROOT / source) for source in sources})
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
      unclean = sum(pool.map(linter.unclean_of, range(len(linter.groups))), [])
  if unclean:
    sys.exit(f"clang-tidy: {len(unclean)} of {len(linter.entries)} files not "
             "clean")
  print(f"clang-tidy: {len(linter.entries)} files clean")


if __name__ == "__main__":
  main()
