#!/usr/bin/env python3
"""count_results.py FOLDER EXPECTED_SKIPS: adds up gtest's XML reports.

FOLDER/1 has those of all test programs, FOLDER/2 those of the programs that failed
and ran once more. Prints the skipped and the flaky tests by name and one closing
line, and fails when a test failed each time or when another number of tests than
expected was skipped; `any` number may be expected.
"""

import pathlib
import re
import sys
import xml.etree.ElementTree as ElementTree


def results_in(folder):
  """{(program, suite, test): passed, failed or skipped}"""
  results = {}
  for report in sorted(folder.glob("*.xml")):
    # gtest numbers the reports of a program that is run several times.
    program = re.sub(r"_\d+$", "", report.stem)
    for case in ElementTree.parse(report).getroot().iter("testcase"):
      if case.find("failure") is not None:
        result = "failed"
      elif case.find("skipped") is not None or case.get("result") == "skipped":
        result = "skipped"
      elif case.get("status") == "run":
        result = "passed"
      else:
        continue
      results[program, case.get("classname"), case.get("name")] = result
  return results


def main():
  folder, expected = pathlib.Path(sys.argv[1]), sys.argv[2]
  first, again = results_in(folder / "1"), results_in(folder / "2")
  results = {**first, **again}
  named = {result: [f"{suite}.{test}" for (_, suite, test), it
                    in results.items() if it == result]
           for result in ("passed", "failed", "skipped")}
  flaky = [f"{key[1]}.{key[2]}" for key, result in again.items()
           if result == "passed" and first.get(key) != "passed"]
  for name in named["skipped"]:
    print(f"skipped: {name}")
  for name in flaky:
    print(f"flaky: {name}")
  quiet = expected not in ("any", str(len(named["skipped"])))
  if quiet:
    print(f"error: {len(named['skipped'])} tests were skipped, expected "
          f"{expected}; a new test that needs what not every machine has changes "
          "tests/expected_skips")
  print(f"{len(named['passed'])} passed, {len(named['failed'])} failed, "
        f"{len(named['skipped'])} skipped, {len(flaky)} flaky")
  return 1 if named["failed"] or not named["passed"] or quiet else 0


if __name__ == "__main__":
  sys.exit(main())
