#!/usr/bin/env python3
"""docs/api.md, made from the protos.

    api_docs.py           writes it
    api_docs.py --check   fails when it is not what the protos say

Names, types and comments are those of the .proto files as protoc reads them;
nothing is said here that is not said there.
"""

import argparse
import pathlib
import re
import subprocess
import sys
import tempfile

from google.protobuf import descriptor_pb2

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "api.md"
# What users call. proto/lockstep/worker/v1 is between our own programs.
FILES = [
    "lockstep/v1/job_service.proto",
    "lockstep/v1/cluster_service.proto",
    "lockstep/v1/job.proto",
]

HEAD = """\
# The gRPC API

Made from `proto/lockstep/v1` by `tests/docs/api_docs.py`; do not edit. A job
file is a `JobSpec` in YAML: the same names, enum values in lower case without
their prefix. A value in [brackets] is the default.

`lockstepd` listens on a UNIX socket and, when told so, on TCP of this host. A
caller over TCP sends `authorization: Bearer TOKEN`; the token lies in
`STATE/admin.token`. Any language whose gRPC reads these protos is a client.
"""

FIELD = descriptor_pb2.FieldDescriptorProto
SCALARS = {
    FIELD.TYPE_DOUBLE: "double", FIELD.TYPE_FLOAT: "float",
    FIELD.TYPE_INT64: "int64", FIELD.TYPE_UINT64: "uint64",
    FIELD.TYPE_INT32: "int32", FIELD.TYPE_UINT32: "uint32",
    FIELD.TYPE_BOOL: "bool", FIELD.TYPE_STRING: "string",
    FIELD.TYPE_BYTES: "bytes",
}


def read_files():
    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder) / "set.pb"
        subprocess.run(
            ["protoc", f"--proto_path={ROOT / 'proto'}",
             "--include_source_info", f"--descriptor_set_out={out}", *FILES],
            check=True)
        found = descriptor_pb2.FileDescriptorSet.FromString(out.read_bytes())
    by_name = {file.name: file for file in found.file}
    return [by_name[name] for name in FILES]


def short(type_name):
    return type_name.lstrip(".").removeprefix("lockstep.v1.")


def as_list(lines):
    """Status codes at the beginning of a line as points of a list."""
    return [f"* {line}" if re.match(r"[A-Z]+_?[A-Z]+: ", line) else line
            for line in lines]


def as_cell(lines):
    """A comment in one line of a table; what is indented stays a line."""
    text = " ".join(f"<br>`{' '.join(line.split())}`"
                    if line.startswith("  ") else line for line in lines)
    # Neither a column nor a link.
    return text.replace("|", "\\|").replace("](", "]\\(")


class Page:
    """The text of one file's part."""

    def __init__(self, file):
        self.file = file
        self.lines = []
        self.comments = {
            tuple(place.path): place.leading_comments
            for place in file.source_code_info.location}

    def comment(self, path):
        lines = self.comments[tuple(path)].rstrip("\n").split("\n")
        return [line.removeprefix(" ") for line in lines]

    def add(self, *lines):
        self.lines += lines

    def service(self, index, service):
        path = [6, index]
        self.add(f"## {service.name}", "", *self.comment(path), "")
        for i, rpc in enumerate(service.method):
            stream = "stream " if rpc.server_streaming else ""
            self.add(f"### {rpc.name}", "",
                     f"`{rpc.name}({short(rpc.input_type)}) -> "
                     f"{stream}{short(rpc.output_type)}`", "",
                     *as_list(self.comment(path + [2, i])), "")

    def message(self, path, name, message):
        self.add(f"### {name}", "", *self.comment(path), "")
        maps = {entry.name: entry for entry in message.nested_type
                if entry.options.map_entry}
        if message.field:
            self.add("| field | type | |", "|---|---|---|")
        for i, field in enumerate(message.field):
            # In JSON and YAML one field has another name.
            shown = (field.json_name if field.name == "api_version"
                     else field.name)
            self.add(f"| `{shown}` | {self.type_of(field, maps)} | "
                     f"{as_cell(self.comment(path + [2, i]))} |")
        if message.field:
            self.add("")
        for i, enum in enumerate(message.enum_type):
            self.enum(path + [4, i], f"{name}.{enum.name}", enum)
        for i, nested in enumerate(message.nested_type):
            if not nested.options.map_entry:
                self.message(path + [3, i], f"{name}.{nested.name}", nested)

    def enum(self, path, name, enum):
        self.add(f"#### {name}", "", *self.comment(path), "",
                 "| value | |", "|---|---|")
        for i, value in enumerate(enum.value):
            self.add(f"| `{value.name}` | "
                     f"{as_cell(self.comment(path + [2, i]))} |")
        self.add("")

    def type_of(self, field, maps):
        entry = maps.get(field.type_name.rsplit(".", 1)[-1])
        if entry is not None:
            key, value = (self.type_of(part, {}) for part in entry.field)
            return f"map {key} -> {value}"
        name = SCALARS.get(field.type) or short(field.type_name)
        if field.label == FIELD.LABEL_REPEATED:
            return f"repeated {name}"
        return f"optional {name}" if field.proto3_optional else name


def make():
    parts = [HEAD]
    for file in read_files():
        page = Page(file)
        for i, service in enumerate(file.service):
            page.service(i, service)
        page.add(f"## Messages of {file.name}", "")
        for i, message in enumerate(file.message_type):
            page.message([4, i], message.name, message)
        for i, enum in enumerate(file.enum_type):
            page.enum([5, i], enum.name, enum)
        parts.append("\n".join(page.lines))
    return "\n".join(parts).rstrip("\n") + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    text = make()
    if not check:
        PAGE.write_text(text)
        return 0
    if PAGE.exists() and PAGE.read_text() == text:
        return 0
    print(f"{PAGE.relative_to(ROOT)} is not what the protos say; run "
          f"{pathlib.Path(__file__).relative_to(ROOT)}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
