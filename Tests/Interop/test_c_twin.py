"""The C twin of Protos/ (scripts/derive-c-twin.py) means the same bytes on the wire as the originals."""

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.message import Message

from stubs import PROTOS, ROOT, WELL_KNOWN, proto_files, run_protoc

SEED = int(os.environ.get("DOCKET_TEST_SEED") or random.SystemRandom().randrange(1 << 32))

# Everything that the derivation knows how to treat, whether or not a file of Protos/ uses it today, in the style of
# those files: a field a line.
EVERY_KIND = """
syntax = "proto3";
package docket.test;
import "google/protobuf/duration.proto";
option optimize_for = SPEED;
// A comment with "quotes"; and a { brace.
enum Colour { COLOUR_UNSPECIFIED = 0; COLOUR_RED = 1; COLOUR_BLUE = 7; }
message Every {
  reserved 100, 101;
  string text = 1; // trailing
  optional string present_text = 2;
  repeated string texts = 3;
  bytes data = 4;
  optional bytes present_data = 5;
  repeated bytes datas = 6;
  int32 a = 7;
  optional int64 b = 8;
  uint32 c = 9;
  repeated int32 packed_int32 = 20;
  repeated int64 packed_int64 = 21;
  repeated uint64 packed_uint64 = 22;
  repeated sint32 packed_sint32 = 23;
  repeated fixed32 packed_fixed32 = 24;
  repeated sfixed64 packed_sfixed64 = 25;
  repeated double packed_double = 26;
  repeated bool packed_bool = 27;
  repeated Colour colours = 28;
  repeated float packed_float = 29;
  Colour colour = 30;
  optional Colour present_colour = 31;
  bool flag = 32;
  double real = 33;
  google.protobuf.Duration duration = 34;
  message Nested {
    string name = 1;
    repeated Nested children = 2;
    enum Kind { KIND_UNSPECIFIED = 0; KIND_A = 1; }
    Kind kind = 3;
    repeated Kind kinds = 4;
  }
  Nested nested = 35;
  repeated Nested many = 36;
  oneof choice {
    string choice_text = 40;
    Nested choice_nested = 41;
    uint64 choice_number = 42;
  }
}
service Sender { rpc Send(Every) returns (stream Every); }
"""


def twin_of(source: Path) -> str:
    """What the derivation prints for a file."""
    script = ROOT / "scripts" / "derive-c-twin.py"
    return subprocess.run([sys.executable, script, source], check=True, capture_output=True, text=True).stdout


def descriptors(folder: Path, include: list[Path], files: list[str]) -> descriptor_pb2.FileDescriptorSet:
    """What protoc makes of files, their imports included."""
    target = folder / "descriptors.binpb"
    run_protoc(*(f"-I{path}" for path in include), "--include_imports", f"--descriptor_set_out={target}", *files)
    return descriptor_pb2.FileDescriptorSet.FromString(target.read_bytes())


class Pair:
    """The originals and their twins."""

    def __init__(self, folder: Path):
        sources, twins = folder / "sources", folder / "twins"
        (sources / "docket" / "test").mkdir(parents=True)
        (sources / "docket" / "test" / "every.proto").write_text(EVERY_KIND)
        self.files = [*proto_files(), "docket/test/every.proto"]
        well_known = ["google/protobuf/any.proto", "google/protobuf/duration.proto"]
        self.compared = [*self.files, *well_known]
        for name in self.compared:
            [source] = [root / name for root in (PROTOS, sources, WELL_KNOWN) if (root / name).exists()]
            target = twins / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(twin_of(source))
        self.twins = twins
        self.original_set = descriptors(sources, [PROTOS, sources, WELL_KNOWN], self.files)
        self.twin_set = descriptors(twins, [twins], self.compared)
        self.original = pool_of(self.original_set)
        self.twin = pool_of(self.twin_set)


def pool_of(files: descriptor_pb2.FileDescriptorSet) -> descriptor_pool.DescriptorPool:
    pool = descriptor_pool.DescriptorPool()
    for file in files.file:
        pool.Add(file)
    return pool


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    return Pair(tmp_path_factory.mktemp("twins"))


FILES = [*proto_files(), "docket/test/every.proto", "google/protobuf/any.proto", "google/protobuf/duration.proto"]

# Kinds of field that are the same bytes, by the name of their encoding.
WIRE_KINDS = {FieldDescriptor.TYPE_STRING: "bytes", FieldDescriptor.TYPE_BYTES: "bytes"}


def wire_shape(field: FieldDescriptor) -> dict[str, object]:
    """All that decides how a field is written."""
    target = field.message_type or field.enum_type
    oneof = field.containing_oneof
    # A proto3 `optional` is a oneof of one field that protoc makes up; it is not on the wire.
    synthetic = oneof is not None and len(oneof.fields) == 1 and oneof.name == f"_{field.name}"
    return {
        "name": field.name,
        "number": field.number,
        "kind": WIRE_KINDS.get(field.type, field.type),
        "repeated": field.is_repeated,
        "packed": field.is_repeated and field.is_packed,
        "target": target.full_name if target else None,
        "oneof": oneof.name if oneof and not synthetic else None,
        "group": field.type == FieldDescriptor.TYPE_GROUP,
    }


def messages_of(message: Descriptor) -> dict[str, Descriptor]:
    found = {message.full_name: message}
    for nested in message.nested_types:
        found |= messages_of(nested)
    return found


def enums_of(file: object) -> dict[str, EnumDescriptor]:
    found = {enum.full_name: enum for enum in file.enum_types_by_name.values()}
    for top in file.message_types_by_name.values():
        for message in messages_of(top).values():
            found |= {enum.full_name: enum for enum in message.enum_types}
    return found


def all_messages(file: object) -> dict[str, Descriptor]:
    found: dict[str, Descriptor] = {}
    for top in file.message_types_by_name.values():
        found |= messages_of(top)
    return found


@pytest.mark.parametrize("name", FILES)
def test_each_field_of_the_twin_has_the_originals_number_wire_type_label_and_packing(pair: Pair, name: str) -> None:
    original = all_messages(pair.original.FindFileByName(name))
    twin = all_messages(pair.twin.FindFileByName(name))
    assert set(twin) == set(original)
    for full_name, message in original.items():
        expected = {field.number: wire_shape(field) for field in message.fields}
        assert {field.number: wire_shape(field) for field in twin[full_name].fields} == expected, full_name


@pytest.mark.parametrize("name", FILES)
def test_each_enumeration_of_the_twin_has_the_originals_numbers(pair: Pair, name: str) -> None:
    def numbers(enums: dict[str, EnumDescriptor]) -> dict[str, dict[str, int]]:
        return {full_name: {value.name: value.number for value in enum.values} for full_name, enum in enums.items()}

    assert numbers(enums_of(pair.twin.FindFileByName(name))) == numbers(enums_of(pair.original.FindFileByName(name)))


@pytest.mark.parametrize("name", FILES)
def test_each_service_of_the_twin_has_the_originals_methods(pair: Pair, name: str) -> None:
    def methods(pool: descriptor_pool.DescriptorPool) -> dict[str, tuple[object, ...]]:
        return {
            method.full_name: (
                method.input_type.full_name, method.client_streaming, method.output_type.full_name,
                method.server_streaming,
            )
            for service in pool.FindFileByName(name).services_by_name.values()
            for method in service.methods
        }  # fmt: skip

    assert methods(pair.twin) == methods(pair.original)


@pytest.mark.parametrize("name", FILES)
def test_the_twin_has_no_string_and_keeps_the_presence_of_every_singular_field(pair: Pair, name: str) -> None:
    for message in all_messages(pair.twin.FindFileByName(name)).values():
        for field in message.fields:
            assert field.type != FieldDescriptor.TYPE_STRING, f"{field.full_name} would be cut at U+0000"
            assert field.is_repeated or field.has_presence, field.full_name
            assert not field.is_required, field.full_name


def test_protoc_c_reads_the_twins(pair: Pair, tmp_path: Path) -> None:
    """protoc-c 1.4 refuses the keyword `optional` in proto3."""
    run = subprocess.run(
        ["protoc-c", f"--proto_path={pair.twins}", f"--c_out={tmp_path}", *pair.compared],
        check=False, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr


def random_message(generator: random.Random, kind: type[Message], depth: int = 0) -> Message:
    """A message with some fields set, to values that encodings tend to get wrong."""
    message = kind()
    for field in kind.DESCRIPTOR.fields:
        if generator.random() < 0.3:
            continue
        if field.message_type is not None:
            if depth > 3:
                continue
            inner = message_factory.GetMessageClass(field.message_type)
            if field.is_repeated:
                for _ in range(generator.randrange(4)):
                    getattr(message, field.name).add().CopyFrom(random_message(generator, inner, depth + 1))
            else:
                getattr(message, field.name).CopyFrom(random_message(generator, inner, depth + 1))
        elif field.is_repeated:
            getattr(message, field.name).extend(random_value(generator, field) for _ in range(generator.randrange(5)))
        else:
            setattr(message, field.name, random_value(generator, field))
    return message


def random_value(generator: random.Random, field: FieldDescriptor) -> object:
    """A value of a field that is no message."""
    if field.enum_type is not None:
        return generator.choice(field.enum_type.values).number
    signed = {FieldDescriptor.CPPTYPE_INT32: 31, FieldDescriptor.CPPTYPE_INT64: 63}
    unsigned = {FieldDescriptor.CPPTYPE_UINT32: 32, FieldDescriptor.CPPTYPE_UINT64: 64}
    if bits := signed.get(field.cpp_type):
        return generator.choice([0, 1, -1, (1 << bits) - 1, -(1 << bits), generator.randrange(1 << bits)])
    if bits := unsigned.get(field.cpp_type):
        return generator.choice([0, 1, (1 << bits) - 1, generator.randrange(1 << bits)])
    if field.cpp_type == FieldDescriptor.CPPTYPE_BOOL:
        return generator.random() < 0.5
    if field.cpp_type in (FieldDescriptor.CPPTYPE_DOUBLE, FieldDescriptor.CPPTYPE_FLOAT):
        return generator.choice([0.0, -0.0, 1.5, float("inf"), -1.0])
    if field.type == FieldDescriptor.TYPE_BYTES:
        return generator.randbytes(generator.choice([0, 1, 16, 200]))
    return "".join(generator.choices("a\0\\\n ü€😀", k=generator.choice([0, 1, 16, 200])))


def same_bytes(pair: Pair, full_name: str, seed: int) -> None:
    generator = random.Random(f"{seed} {full_name}")
    original = message_factory.GetMessageClass(pair.original.FindMessageTypeByName(full_name))
    twin = message_factory.GetMessageClass(pair.twin.FindMessageTypeByName(full_name))
    for _ in range(50):
        sent = random_message(generator, original)
        data = sent.SerializeToString(deterministic=True)
        read = twin.FromString(data)
        assert read.SerializeToString(deterministic=True) == data, f"DOCKET_TEST_SEED={seed} {full_name}: {sent}"
        assert original.FromString(read.SerializeToString()) == sent, f"DOCKET_TEST_SEED={seed} {full_name}: {sent}"
        unset = twin.FromString(data)
        unset.DiscardUnknownFields()
        assert unset.ByteSize() == len(data), f"DOCKET_TEST_SEED={seed} {full_name}: unknown to the twin: {sent}"


@pytest.mark.parametrize("name", FILES)
def test_random_messages_are_the_same_bytes_for_original_and_twin(pair: Pair, name: str) -> None:
    for full_name in all_messages(pair.original.FindFileByName(name)):
        same_bytes(pair, full_name, SEED)
