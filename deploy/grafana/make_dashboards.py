#!/usr/bin/env python3
"""Writes deploy/grafana/dashboards/*.json, or with --check says which of them
is not what the files beside this one make.

Runs in the environment of deploy/toolchain/dashboards.lock:

    eval "$(deploy/toolchain/install.sh --where)"
    "$LOCKSTEP_DASHBOARDS_ENV/bin/python" deploy/grafana/make_dashboards.py
"""

import argparse
import json
import pathlib
import sys

from grafana_foundation_sdk.cog.encoder import JSONEncoder

import coordinator
import fleet
import job

FOLDER = pathlib.Path(__file__).resolve().parent / "dashboards"
DASHBOARDS = {"fleet": fleet, "job": job, "coordinator": coordinator}


def text_of(module):
  return json.dumps(module.dashboard(), cls=JSONEncoder, sort_keys=True,
                    indent=2) + "\n"


def main():
  parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
  parser.add_argument("--check", action="store_true")
  arguments = parser.parse_args()
  stale = []
  for name, module in DASHBOARDS.items():
    path = FOLDER / f"{name}.json"
    text = text_of(module)
    if arguments.check:
      if not path.exists() or path.read_text() != text:
        stale.append(path.name)
    else:
      path.write_text(text)
  if stale:
    print(f"deploy/grafana/dashboards: {', '.join(stale)}: "
          "run make_dashboards.py")
  return 1 if stale else 0


if __name__ == "__main__":
  sys.exit(main())
