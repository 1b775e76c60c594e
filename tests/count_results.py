#!/usr/bin/env python3
"""Adds up gtest's XML reports.

count_results.py FOLDER EXPECTED_SKIPS: prints the skipped tests by name and one
closing line, and fails when a test failed or when another number of tests than
expected was skipped; `any` number may be expected.

count_results.py --sum NAME=FOLDER ...: one line a folder and the sum of all;
fails when a test failed or when a folder has none.
"""

import pathlib
import sys
import xml.etree.ElementTree as ElementTree


def count(folder):
  """(passed, failed, names of the skipped) of all reports in `folder`."""
  passed, failed, skipped = 0, 0, []
  for report in sorted(pathlib.Path(folder).glob("*.xml")):
    for case in ElementTree.parse(report).getroot().iter("testcase"):
      if case.find("failure") is not None:
        failed += 1
      elif case.find("skipped") is not None or case.get("result") == "skipped":
        skipped.append(f"{case.get('classname')}.{case.get('name')}")
      elif case.get("status") == "run":
        passed += 1
  return passed, failed, skipped


def line(passed, failed, skipped):
  return f"{passed} passed, {failed} failed, {skipped} skipped"


def check(folder, expected):
  passed, failed, skipped = count(folder)
  for name in skipped:
    print(f"skipped: {name}")
  quiet = expected not in ("any", str(len(skipped)))
  if quiet:
    print(f"error: {len(skipped)} tests were skipped, expected {expected}; "
          "a new test on real data changes tests/expected_skips")
  print(line(passed, failed, len(skipped)))
  return 1 if failed or passed == 0 or quiet else 0


def sum_up(arguments):
  sums, empty = [0, 0, 0], False
  for argument in arguments:
    name, folder = argument.split("=", 1)
    passed, failed, skipped = count(folder)
    print(f"{name + ':':9}{line(passed, failed, len(skipped))}")
    empty |= passed == 0
    for i, number in enumerate((passed, failed, len(skipped))):
      sums[i] += number
  print(f"{'all:':9}{line(*sums)}")
  return 1 if sums[1] or empty else 0


def main():
  if sys.argv[1] == "--sum":
    return sum_up(sys.argv[2:])
  return check(sys.argv[1], sys.argv[2])


if __name__ == "__main__":
  sys.exit(main())
