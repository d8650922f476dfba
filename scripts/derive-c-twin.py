#!/usr/bin/env python3
"""Derives from a proto3 file its twin for protoc-c: another source text, the same bytes on the wire.

protobuf-c reads a `string` as a NUL-terminated `char *`, so text with an embedded NUL would be cut in silence; `bytes`
comes with a length. protoc-c 1.4 refuses the proto3 keyword `optional`. The twin is therefore proto2 in which each
`string` is `bytes`, each singular field is `optional`, and repeated numbers are packed as proto3 packs them.

Usage: derive-c-twin.py INPUT.proto > OUTPUT.proto
"""

import re
import sys

PACKABLE = {
    "bool", "double", "float", "int32", "int64", "uint32", "uint64", "sint32", "sint64",
    "fixed32", "fixed64", "sfixed32", "sfixed64",
}
FIELD = re.compile(r"^(\s*)(optional\s+|repeated\s+)?([\w.]+)(\s+\w+\s*=\s*\d+)\s*(\[[^\]]*\])?\s*;(.*)$")
BLOCK = re.compile(r"^\s*(message|enum|oneof|service)\s+(\w+)")


def derive(text: str) -> str:
    """The twin of one file."""
    enums = set(re.findall(r"^\s*enum\s+(\w+)", text, re.M))
    blocks: list[str] = []
    out: list[str] = []
    for line in text.split("\n"):
        bare = line.split("//")[0]
        if bare.strip().startswith("syntax"):
            out.append('syntax = "proto2";')
            continue
        if re.match(r"\s*option\s", bare) or bare.strip().startswith("reserved"):
            continue
        block = BLOCK.match(bare)
        if block:
            blocks.append(block.group(1))
        field = FIELD.match(bare) if blocks and blocks[-1] in ("message", "oneof") and not block else None
        if field:
            line = twin_field(field, in_oneof=blocks[-1] == "oneof", enums=enums)
        if "}" in bare and blocks:
            blocks.pop()
        out.append(line)
    return "\n".join(out)


def twin_field(field: re.Match, in_oneof: bool, enums: set[str]) -> str:
    """One field of the twin."""
    indent, label, kind, name, _, _ = field.groups()
    label = (label or "").strip()
    if kind.startswith("map<"):
        sys.exit("derive-c-twin: maps have no twin; use a repeated message")
    if in_oneof:
        label = ""
    elif label != "repeated":
        label = "optional"
    options = " [packed=true]" if label == "repeated" and (kind in PACKABLE or kind in enums) else ""
    kind = "bytes" if kind == "string" else kind
    return f"{indent}{label}{' ' if label else ''}{kind}{name}{options};"


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as source:
        sys.stdout.write(derive(source.read()))
