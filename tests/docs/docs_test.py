#!/usr/bin/env python3
"""What the pages of docs/ promise to cover is covered.

Every end cause has its section in operations.md, every field of a job file is
named in training.md or data.md, and every link within the tree leads somewhere.
"""

import pathlib
import re
import sys

import api_docs

ROOT = api_docs.ROOT
DOCS = ROOT / "docs"


def job_messages():
    for file in api_docs.read_files():
        if file.name.endswith("/job.proto"):
            return {message.name: message for message in file.message_type}
    raise AssertionError("no job.proto")


def missing_causes(messages):
    causes = next(enum for enum in messages["Attempt"].enum_type
                  if enum.name == "EndCause")
    wanted = {value.name for value in causes.value if value.number != 0}
    text = (DOCS / "operations.md").read_text()
    sections = set(re.findall(r"^### ([A-Z_]+)$", text, re.MULTILINE))
    for cause in sorted(wanted - sections):
        yield f"docs/operations.md: no section for the end cause {cause}"
    for section in sorted(sections - wanted):
        yield f"docs/operations.md: {section} is no end cause"


def missing_fields(messages):
    text = "".join((DOCS / page).read_text()
                   for page in ("training.md", "data.md"))
    words = set(re.findall(r"[a-z][a-z0-9_]+", text)) | {"r"}
    for name, message in messages.items():
        if not name.endswith("Spec") and name != "DataSource":
            continue
        for field in message.field:
            if name == "JobSpec" and field.name in ("api_version", "name",
                                                    "labels"):
                continue
            if field.name == "use_dora":
                continue  # Known, and refused: named by the error.
            if field.name not in words:
                yield (f"docs/training.md, docs/data.md: neither names "
                       f"{name}.{field.name}")


def anchors(path):
    for line in path.read_text().splitlines():
        if line.startswith("#"):
            title = line.lstrip("#").strip().lower()
            yield re.sub(r"[^\w -]", "", title).replace(" ", "-")


def broken_links():
    pages = [*DOCS.glob("**/*.md"), *ROOT.glob("*.md")]
    for page in pages:
        for target in re.findall(r"\]\(([^)#\s:]*)(#[^)\s]*)?\)",
                                 page.read_text()):
            path = page.parent / target[0] if target[0] else page
            where = page.relative_to(ROOT)
            if not path.exists():
                yield f"{where}: {target[0]} is not there"
            elif target[1] and target[1][1:] not in set(anchors(path)):
                yield f"{where}: {target[0]} has no part {target[1]}"


def main():
    messages = job_messages()
    problems = [*missing_causes(messages), *missing_fields(messages),
                *broken_links()]
    print("\n".join(problems), end="\n" if problems else "")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
