#!/usr/bin/env python3
"""summary.py METRICS.json: the quickstart's last line, and its verdict.

Fails unless the loss of the last steps is below 0.8 of the first step's.
"""

import json
import statistics
import sys


def main():
  with open(sys.argv[1], encoding="utf-8") as file:
    points = [point["values"] for point in map(json.loads, file)
              if "loss" in point["values"]]
  first = points[0]["loss"]
  last = statistics.mean(point["loss"] for point in points[-5:])
  speed = statistics.median(point["tokens_per_second"] for point in points[1:])
  ok = last < 0.8 * first
  print(f"quickstart: {'ok' if ok else 'FAILED'}, loss {first:.3f} -> "
        f"{last:.3f} in {len(points)} steps, {speed:.0f} tokens/s")
  return 0 if ok else 1


if __name__ == "__main__":
  sys.exit(main())
