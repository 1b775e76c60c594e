#!/usr/bin/env python3
"""Is this file the Trace Event Format, as Perfetto wants it?

    python3 check_trace.py FILE

Perfetto's own reader comes with none of the registries, so what it asks for is
asked here: JSON by the letter, each event as trace_event.schema.json has it (by
fastjsonschema), a name for each process and thread, and slices of a thread that
lie beside or inside one another, since Perfetto drops what overlaps. Whatever a
rank does lies in a slice of its step.

Prints, as JSON, {process: {thread: {slice: [how many, microseconds]}}}; or
`check_trace: FAILED ...`, with exit status 1.
"""

import collections
import json
import pathlib
import sys

import fastjsonschema

SCHEMA = pathlib.Path(__file__).resolve().parent / "trace_event.schema.json"


class Failed(Exception):
  pass


def without_doubles(pairs):
  keys = [key for key, _ in pairs]
  if len(keys) != len(set(keys)):
    raise Failed(f"a key twice in {keys}")
  return dict(pairs)


def no_constant(name):
  raise Failed(f"{name} is not JSON")


def read(path):
  return json.loads(pathlib.Path(path).read_text(encoding="utf-8"),
                    object_pairs_hook=without_doubles,
                    parse_constant=no_constant)


def names_of(events, kind, place):
  """The one name of each process or thread that there is."""
  names = {}
  for event in events:
    if event["ph"] != "M" or event["name"] != kind:
      continue
    name = event["args"]["name"]
    if names.setdefault(place(event), name) != name:
      raise Failed(f"{kind} {place(event)} is {names[place(event)]} and {name}")
  return names


def check_nesting(track, slices):
  """As Perfetto stacks them: the longest first of those that begin together."""
  stack = []
  lasting = [event for event in slices if event["dur"] > 0]
  for event in sorted(lasting, key=lambda e: (e["ts"], -e["dur"])):
    while stack and event["ts"] >= stack[-1]["ts"] + stack[-1]["dur"]:
      stack.pop()
    if stack:
      outer = stack[-1]
      if event["ts"] + event["dur"] > outer["ts"] + outer["dur"]:
        raise Failed(f"{track}: {event} overlaps {outer}")
      if event["args"] != stack[0]["args"]:
        raise Failed(f"{track}: {event} is in {stack[0]}")
    elif not event["name"].startswith("step "):
      raise Failed(f"{track}: {event} is in no step")
    stack.append(event)


def summary(trace):
  events = trace["traceEvents"]
  processes = names_of(events, "process_name", lambda e: e["pid"])
  threads = names_of(events, "thread_name", lambda e: (e["pid"], e["tid"]))
  tracks = collections.defaultdict(list)
  for event in events:
    if event["ph"] == "X":
      tracks[event["pid"], event["tid"]].append(event)
  if not tracks:
    raise Failed("no slices")
  found = {}
  for (pid, tid), slices in sorted(tracks.items()):
    if pid not in processes or (pid, tid) not in threads:
      raise Failed(f"process {pid}, thread {tid} have no names")
    check_nesting(f"process {pid}, thread {tid}", slices)
    by_name = collections.defaultdict(lambda: [0, 0])
    for event in slices:
      by_name[event["name"]][0] += 1
      by_name[event["name"]][1] += event["dur"]
    found.setdefault(processes[pid], {})[threads[pid, tid]] = by_name
  return found


def main():
  try:
    trace = read(sys.argv[1])
    fastjsonschema.validate(json.loads(SCHEMA.read_text()), trace)
    print(json.dumps(summary(trace)))
  except (Failed, ValueError, fastjsonschema.JsonSchemaException) as error:
    print(f"check_trace: FAILED {error}")
    return 1
  return 0


if __name__ == "__main__":
  sys.exit(main())
