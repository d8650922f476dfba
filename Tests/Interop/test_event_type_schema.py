"""Definitions of event types judge attributes as Python's jsonschema does."""

import json
import os
import random
import subprocess
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import jsonschema
import pytest
from collector import BINARY
from random_json import NUMBERS, TEXTS, Members, Number, scalar, string, text, value

DEFINITIONS = 400
DOCUMENTS = 20
NAMES = ["a", "b", "é", "e\u0301", "a/b~c", "k" * 70, "\U0001f9e8", 'q"\\']
TYPES = ["null", "boolean", "object", "array", "number", "integer", "string"]


def is_exact_number(_: object, instance: object) -> bool:
    return isinstance(instance, int | Decimal) and not isinstance(instance, bool)


def is_whole(_: object, instance: object) -> bool:
    return is_exact_number(_, instance) and instance == int(instance)


# Draft 2020-12 with numbers that have all their digits, as JSON Schema means them.
EXACT = jsonschema.validators.extend(
    jsonschema.Draft202012Validator,
    type_checker=jsonschema.Draft202012Validator.TYPE_CHECKER.redefine_many({"number": is_exact_number, "integer": is_whole}),
)  # fmt: skip


class Schemas:
    """Random schemas of the subset, as text; and documents that meet them often."""

    def __init__(self, chance: random.Random):
        self.chance = chance

    def range(self, least: str, most: str, numbers: list[str]) -> dict[str, object]:
        low, high = sorted((Number(self.chance.choice(numbers)) for _ in range(2)), key=Decimal)
        chosen = {}
        if self.chance.randrange(2):
            chosen[least] = low
        if self.chance.randrange(2):
            chosen[most] = high
        # Docket refuses what no value could meet.
        return {} if low == high and least.startswith("exclusive") | most.startswith("exclusive") else chosen

    def schema(self, depth: int) -> dict[str, object]:
        chance, schema = self.chance, {}
        if chance.randrange(3):
            schema["type"] = chance.choice(TYPES) if chance.randrange(2) else chance.sample(TYPES, chance.randint(1, 3))
        if not chance.randrange(4):
            schema["enum"] = [scalar(chance) for _ in range(chance.randint(1, 5))]
            if not chance.randrange(3):
                schema["const"] = chance.choice(schema["enum"])
        elif not chance.randrange(10):
            schema["const"] = scalar(chance)
        if not chance.randrange(3):
            schema |= self.range("minLength", "maxLength", ["0", "1", "2", "3", "50"])
        if not chance.randrange(3):
            schema |= self.range(
                chance.choice(["minimum", "exclusiveMinimum"]), chance.choice(["maximum", "exclusiveMaximum"]), NUMBERS
            )
        if not chance.randrange(3):
            schema |= self.range("minItems", "maxItems", ["0", "1", "2", "3"])
        if depth > 0 and chance.randrange(2):
            schema["items"] = self.schema(depth - 1)
        if depth > 0 and chance.randrange(3):
            schema |= self.object(depth)
        if not chance.randrange(6):
            schema["description"] = "for people"
        return schema

    def object(self, depth: int) -> dict[str, object]:
        chance, schema = self.chance, {}
        names = chance.sample(NAMES, chance.randint(0, 5))
        schema["properties"] = {name: self.schema(depth - 1) if chance.randrange(8) else True for name in names}
        schema["additionalProperties"] = chance.random() < 0.7
        known = NAMES if schema["additionalProperties"] else names
        schema["required"] = chance.sample(known, min(len(known), chance.choice([0, 0, 1, 2])))
        return schema

    def document(self, schema: object, depth: int) -> object:
        """A value that meets the schema more often than one at random."""
        chance = self.chance
        if schema is True or not chance.randrange(15):
            return value(chance, depth, NAMES)
        if "const" in schema or "enum" in schema:
            return chance.choice([*schema.get("enum", []), *([schema["const"]] if "const" in schema else [])])
        types = schema.get("type", TYPES)
        kind = types if isinstance(types, str) else chance.choice(types)
        if kind == "object":
            return self.members(schema, depth)
        if kind == "array":
            least, most = int(schema.get("minItems", 0)), int(schema.get("maxItems", 3))
            return [self.document(schema.get("items", True), depth - 1) for _ in range(chance.randint(least, max(least, most)))]
        if kind in ("number", "integer"):
            bounds = [one for name, one in schema.items() if "imum" in name]
            return chance.choice([*bounds, Number(chance.choice(NUMBERS)), Number(chance.choice(NUMBERS))])
        return {"null": None, "boolean": chance.random() < 0.5}.get(kind, chance.choice(TEXTS))

    def members(self, schema: dict[str, object], depth: int) -> Members:
        chance, properties = self.chance, schema.get("properties", {})
        names = [name for name in properties if chance.randrange(3)]
        names += [name for name in schema.get("required", []) if name not in names and chance.randrange(12)]
        if not chance.randrange(6):
            names.append(chance.choice(NAMES))
        if names and not chance.randrange(5):
            names.append(chance.choice(names))
        chance.shuffle(names)
        return Members((name, self.document(properties.get(name, True), depth - 1)) for name in names)


def definition_text(chance: random.Random, name: str, root: dict[str, object]) -> str:
    """The file of a definition whose attributes meet the schema `root`."""

    def pairs(of: object) -> object:
        if isinstance(of, dict):
            return Members((key, pairs(one)) for key, one in of.items())
        return [pairs(one) for one in of] if isinstance(of, list) else of

    attributes = {key: one for key, one in root.items() if key != "additionalProperties"}
    unknown = "keep" if root["additionalProperties"] else "refuse"
    whole = {"name": name, "version": Number("1"), "unknown_attributes": unknown, "attributes": attributes}
    return text(chance, pairs(whole))


def plain(of: object, number: type) -> object:
    """A schema as Python reads it from JSON, with numbers of that type."""
    if isinstance(of, dict):
        return {key: plain(one, number) for key, one in of.items()}
    if isinstance(of, list):
        return [plain(one, number) for one in of]
    if not isinstance(of, Number):
        return of
    is_integer = of.spelling.removeprefix("-").isdigit()
    return int(of.spelling) if is_integer else number(of.spelling)


def pointers(error: jsonschema.ValidationError) -> Iterator[str]:
    """What Docket may call the place of an error: for members that are missing or unknown, the member."""

    def joined(*path: object) -> str:
        parts = (str(one) if len(str(one)) <= 64 else str(one)[:64] + "…" for one in path)
        return "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in parts)

    path = tuple(error.absolute_path)
    if error.validator == "required":
        yield from (joined(*path, name) for name in error.validator_value if name not in error.instance)
    elif error.validator == "additionalProperties":
        described = error.schema.get("properties", {})
        yield from (joined(*path, name) for name in error.instance if name not in described)
    else:
        yield joined(*path)


def is_rounded(*texts: str) -> bool:
    """Whether JSON texts hold a number that 64 bits of floating point don't."""
    found = []

    def keep(spelling: str) -> int:
        found.append(Decimal(float(spelling)) != Decimal(spelling))
        return 0

    for one in texts:
        json.loads(one, parse_float=keep, parse_int=keep)
    return any(found)


def judged(folder: Path, lines: list[str]) -> dict[int, dict[str, str]]:
    """What `docket event-type test` says of events, by their number."""
    events = folder / "events.jsonl"
    events.write_text("\n".join(lines))
    ended = subprocess.run(
        [BINARY, "event-type", "test", folder, events, "--json"], check=False, capture_output=True, text=True, timeout=300
    )
    assert ended.returncode in (0, 65), ended.stderr
    *refusals, totals = (json.loads(line) for line in ended.stdout.splitlines())
    assert totals["event_count"] == len(lines)
    assert totals["refused_count"] == len(refusals)
    return {refusal["line"] - 1: refusal for refusal in refusals}


def test_random_attributes_are_judged_as_jsonschema_does(tmp_path: Path) -> None:
    seed = int(os.environ.get("DOCKET_TEST_SEED") or random.SystemRandom().randrange(1 << 32))
    print(f"seed {seed}: replay with DOCKET_TEST_SEED={seed}")
    chance = random.Random(seed)
    schemas = Schemas(chance)
    cases = []
    for number in range(DEFINITIONS):
        root = schemas.object(3)
        (tmp_path / f"{number}.json").write_text(definition_text(chance, f"t.n{number}", root))
        cases += [(number, root, text(chance, schemas.members(root, 3))) for _ in range(DOCUMENTS)]
    lines = [
        f'{{"type":"t.n{number}","occurred_at":"2026-01-01T00:00:00Z","attributes":{document}}}' for number, _, document in cases
    ]
    refusals = judged(tmp_path, lines)

    verdicts, rounded, codes = Counter(), 0, Counter()
    for index, (number, root, document) in enumerate(cases):
        what = f"DOCKET_TEST_SEED={seed} {(tmp_path / f'{number}.json').read_text()}\n{document}\n{refusals.get(index)}"
        errors = list(EXACT(plain(root, Decimal)).iter_errors(json.loads(document, parse_float=Decimal)))
        assert (index in refusals) == bool(errors), f"{what}\n{errors}"
        verdicts[bool(errors)] += 1
        # Python's own numbers are rounded to 64 bits; where that makes a difference, it is Docket that has all digits.
        usual = jsonschema.Draft202012Validator(plain(root, float)).is_valid(json.loads(document))
        if usual == bool(errors):
            rounded += 1
            assert is_rounded(document, (tmp_path / f"{number}.json").read_text()), what
        if index in refusals:
            codes[refusals[index]["code"]] += 1
            places = {place for error in errors for place in pointers(error)}
            assert refusals[index]["field"].removeprefix("attributes") in places, f"{what}\n{places}"
    # The test says little unless all verdicts come up, and often.
    assert min(verdicts[True], verdicts[False]) > len(cases) // 5, verdicts
    assert set(codes) == {"missing_field", "invalid_attribute", "unknown_attribute"}, codes
    assert rounded < len(cases) // 10, rounded


@pytest.mark.parametrize(
    ("schema", "document", "is_right"),
    [
        ('{"type":"integer"}', "1.0", True),
        ('{"type":"integer"}', "1e400", True),
        ('{"enum":[0]}', "false", False),
        ('{"enum":[false]}', "0", False),
        ('{"const":1}', "1.0", True),
        ('{"const":"\\u00e9"}', '"é"', True),
        ('{"const":"é"}', '"e\u0301"', False),
        ('{"maxLength":1}', '"\U0001f9e8"', True),
        ('{"maxLength":1}', '"\\ud83e\\udde8"', True),
        ('{"minimum":9007199254740993}', "9007199254740992", False),
    ],
)
def test_the_hard_cases_are_judged_as_jsonschema_does(tmp_path: Path, schema: str, document: str, is_right: bool) -> None:
    exact = json.loads(schema, parse_float=Decimal)
    assert EXACT(exact).is_valid(json.loads(document, parse_float=Decimal)) == is_right
    (tmp_path / "t.json").write_text(f'{{"name":"t","version":1,"attributes":{{"properties":{{"a":{schema}}}}}}}')
    line = f'{{"type":"t","occurred_at":"2026-01-01T00:00:00Z","attributes":{{"a":{document}}}}}'
    assert (judged(tmp_path, [line]) == {}) == is_right


def test_definitions_are_themselves_what_json_schema_allows() -> None:
    folder = Path(__file__).resolve().parent.parent.parent / "EventTypes"
    files = sorted(folder.glob("*.json"))
    assert len(files) == 8
    for file in files:
        jsonschema.Draft202012Validator.check_schema(json.loads(file.read_text()).get("attributes", {}))


def test_a_definition_at_fault_ends_the_command_with_its_file_and_place(tmp_path: Path) -> None:
    file = tmp_path / "t.json"
    file.write_text(f'{{"name":"t","version":1,"attributes":{{"properties":{{{string(random.Random(1), "a")}:{{"pattern":"x"}}}}}}}}')
    ended = subprocess.run([BINARY, "event-type", "test", tmp_path], check=False, capture_output=True, text=True, timeout=60)
    assert (ended.returncode, ended.stdout) == (65, "")
    assert ended.stderr.startswith(f"docket: {file}: attributes/properties/a has the keyword 'pattern'")
    assert ended.stderr.count("\n") == 1
