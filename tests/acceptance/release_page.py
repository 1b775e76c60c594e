#!/usr/bin/env python3
"""release_page.py REPORT: docs/release_tests.md, from ctest's JUnit report.

The figures are the lines of a test that begin with its name, and its number in
the design if it has one: "A04 both_kill_resume: ...".
"""

import pathlib
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

ROOT = pathlib.Path(__file__).resolve().parents[2]
FIGURE = re.compile(r"^((?:A\d\d )?(\w+)): (.+)$", re.MULTILINE)
SEED = re.compile(r"^LOCKSTEP_TEST_SEED=(\d+)$", re.MULTILINE)
SKIPPED = re.compile(r"^\[  SKIPPED \] (\S+\.\S+)", re.MULTILINE)

HEAD = """# Release tests

The acceptance tests in full length, which `make test` runs shortened. Written by
`make test-release`; never edit by hand.

Revision {revision}, {machine}.

| test | seed | seconds | what it showed |
|---|---|---|---|
"""


def git(*arguments):
  return subprocess.run(["git", "-C", str(ROOT), *arguments], check=True,
                        capture_output=True, text=True).stdout.strip()


def revision():
  """What was tested; said when it is not what is committed."""
  changed = git("status", "--porcelain", "--untracked-files=no", "--", ".",
                ":!docs/release_tests.md")
  return git("rev-parse", "--short=12", "HEAD") + (
      " with changes that are not committed" if changed else "")


def machine():
  cpus = [line.split(":", 1)[1].strip()
          for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines()
          if line.startswith("model name")]
  return f"{len(cpus)} x {cpus[0]}" if cpus else "an unknown processor"


def row(case):
  output = case.findtext("system-out") or ""
  name = case.get("name").removesuffix("_in_full").removesuffix("_test")
  figures = [(title, shown) for title, of, shown in FIGURE.findall(output)
             if of == name]
  lines = [shown for _, shown in figures]
  lines += [f"**skipped**: {test}"
            for test in sorted(set(SKIPPED.findall(output)))]
  seeds = sorted(set(SEED.findall(output)))
  return "| {} | {} | {:.0f} | {} |".format(
      figures[0][0] if figures else name, ", ".join(seeds) or "-",
      float(case.get("time")), "<br>".join(lines))


def self_test():
  case = ElementTree.fromstring(
      """<testcase name="x_test_in_full" time="1.6"><system-out>y: 1
A04 x: 2
LOCKSTEP_TEST_SEED=3
[  SKIPPED ] X.Z (0 ms)
A04 x: 5</system-out></testcase>""")
  shown = row(case)
  assert shown == "| A04 x | 3 | 2 | 2<br>5<br>**skipped**: X.Z |", shown
  case.set("name", "x_test")
  assert row(case) == shown, row(case)


def main():
  self_test()
  cases = list(ElementTree.parse(sys.argv[1]).getroot().iter("testcase"))
  failed = [case.get("name") for case in cases if case.get("status") != "run"]
  if failed or not cases:
    print(f"error: {sys.argv[1]}: no page of a run in which "
          f"{', '.join(failed) or 'nothing'} ran", file=sys.stderr)
    return 1
  print(HEAD.format(revision=revision(), machine=machine()), end="")
  print("\n".join(row(case) for case in cases))
  return 0


if __name__ == "__main__":
  sys.exit(main())
