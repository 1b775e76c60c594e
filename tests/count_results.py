#!/usr/bin/env python3
"""count_results.py FOLDER EXPECTED_SKIPS: adds up gtest's XML reports.

Prints the skipped tests by name and one closing line, and fails when a test
failed or when another number of tests than expected was skipped; `any` number
may be expected.
"""

import pathlib
import sys
import xml.etree.ElementTree as ElementTree


def main():
  folder, expected = pathlib.Path(sys.argv[1]), sys.argv[2]
  passed, failed, skipped = 0, 0, []
  for report in sorted(folder.glob("*.xml")):
    for case in ElementTree.parse(report).getroot().iter("testcase"):
      if case.find("failure") is not None:
        failed += 1
      elif case.find("skipped") is not None or case.get("result") == "skipped":
        skipped.append(f"{case.get('classname')}.{case.get('name')}")
      elif case.get("status") == "run":
        passed += 1
  for name in skipped:
    print(f"skipped: {name}")
  quiet = expected not in ("any", str(len(skipped)))
  if quiet:
    print(f"error: {len(skipped)} tests were skipped, expected {expected}; "
          "a new test that needs what not every machine has changes "
          "tests/expected_skips")
  print(f"{passed} passed, {failed} failed, {len(skipped)} skipped")
  return 1 if failed or passed == 0 or quiet else 0


if __name__ == "__main__":
  sys.exit(main())
