#!/usr/bin/env python3
"""make_data.py ROOT OUT: one {"text": ...} line a paragraph of our documents.

The quickstart downloads nothing: the project's own words are its data.
"""

import json
import pathlib
import sys


def main():
  root, out = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
  sources = sorted(root.glob("*.md")) + sorted(root.glob("docs/**/*.md"))
  sources += sorted(root.glob("proto/lockstep/**/*.proto"))
  rows = []
  for source in sources:
    for paragraph in source.read_text(encoding="utf-8").split("\n\n"):
      if len(paragraph) >= 80:
        rows.append(paragraph.strip()[:600])
  with out.open("w", encoding="utf-8") as file:
    for row in rows:
      file.write(json.dumps({"text": row}, ensure_ascii=False) + "\n")
  print(f"{len(rows)} paragraphs of {len(sources)} documents")


if __name__ == "__main__":
  main()
