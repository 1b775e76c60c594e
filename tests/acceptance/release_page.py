#!/usr/bin/env python3
"""release_page.py PAGE REPORT [REVISION]: the page (docs/release_tests.md) with
what ctest's JUnit report says, of this revision or of what is checked out. Tests
that are not in the report keep their rows: an hour's run can be made in parts.

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

Last run on {machine}.

| test | revision | seed | seconds | what it showed |
|---|---|---|---|---|
"""
ROW = re.compile(r"^\| (?:A\d\d )?(\w+) \| [0-9a-f]{7}.*$", re.MULTILINE)


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


def name_of(case):
  return case.get("name").removesuffix("_in_full").removesuffix("_test")


def row(case, of_revision):
  output = case.findtext("system-out") or ""
  name = name_of(case)
  figures = [(title, shown) for title, of, shown in FIGURE.findall(output)
             if of == name]
  lines = [shown for _, shown in figures]
  lines += [f"**skipped**: {test}"
            for test in sorted(set(SKIPPED.findall(output)))]
  seeds = sorted(set(SEED.findall(output)))
  return "| {} | {} | {} | {:.0f} | {} |".format(
      figures[0][0] if figures else name, of_revision,
      ", ".join(seeds) or "-", float(case.get("time")), "<br>".join(lines))


def merged(page, rows):
  """The rows by name, those of the page that are not made anew among them."""
  kept = {match[1]: match[0] for match in ROW.finditer(page)}
  return {**kept, **rows}


def self_test():
  case = ElementTree.fromstring(
      """<testcase name="x_test_in_full" time="1.6"><system-out>y: 1
A04 x: 2
LOCKSTEP_TEST_SEED=3
[  SKIPPED ] X.Z (0 ms)
A04 x: 5</system-out></testcase>""")
  shown = row(case, "0123abc")
  assert shown == (
      "| A04 x | 0123abc | 3 | 2 | 2<br>5<br>**skipped**: X.Z |"), shown
  case.set("name", "x_test")
  assert row(case, "0123abc") == shown, row(case, "0123abc")
  page = f"# Head\n{shown}\n| y | 0123abc | - | 1 | z |\n"
  assert merged(page, {"x": "new"}) == {
      "x": "new", "y": "| y | 0123abc | - | 1 | z |"}, merged(page, {})


def main():
  self_test()
  page, report = pathlib.Path(sys.argv[1]), sys.argv[2]
  of_revision = sys.argv[3] if len(sys.argv) > 3 else revision()
  cases = list(ElementTree.parse(report).getroot().iter("testcase"))
  failed = [case.get("name") for case in cases if case.get("status") != "run"]
  if failed or not cases:
    print(f"error: {report}: no page of a run in which "
          f"{', '.join(failed) or 'nothing'} ran", file=sys.stderr)
    return 1
  before = page.read_text() if page.exists() else ""
  rows = merged(before, {name_of(case): row(case, of_revision)
                         for case in cases})
  new = page.with_suffix(".new")
  new.write_text(HEAD.format(machine=machine()) + "\n".join(
      rows[name] for name in sorted(rows)) + "\n")
  new.rename(page)
  return 0


if __name__ == "__main__":
  sys.exit(main())
