"""Random JSON values, and their texts in every spelling that JSON allows."""

import random
from decimal import Decimal

# Texts that tests about names and lengths find hard: other lengths in bytes, in UTF-16 and in code points.
TEXTS = ["", "a", "b", "ab", "é", "e\u0301", "漢字", "\U0001f9e8", "a/b~c", 'q"\\', "\n\t", "\x01\x7f", "null", "\uffff", "long " * 9]
NUMBERS = [
    "0", "-0", "0.0", "1", "1.0", "10e-1", "-1", "2", "2.5", "25e-1", "3", "1e2", "100", "1E+2", "-0.5", "0.1", "1e-7",
    "9007199254740993", "9007199254740992.0", "123456789012345678901234567890", "1e30", "0.10000000000000001", "1e400",
    "-1e400", "1e-400", "99999999999999999999.5",
]  # fmt: skip


class Number(Decimal):
    """A number that remembers how it is to be written."""

    spelling: str

    def __new__(cls, spelling: str) -> "Number":
        made = super().__new__(cls, spelling)
        made.spelling = spelling
        return made


class Members(list):
    """The members of an object as pairs, of which several may have one name."""


def scalar(chance: random.Random) -> object:
    """A value without inside."""
    kind = chance.randrange(8)
    if kind < 3:
        return chance.choice(TEXTS)
    if kind < 6:
        return Number(chance.choice(NUMBERS))
    return chance.choice([None, True, False])


def value(chance: random.Random, depth: int, names: list[str]) -> object:
    """Any value; its objects use these names, now and then twice."""
    kind = chance.randrange(10) if depth > 0 else 0
    if kind < 6:
        return scalar(chance)
    if kind < 8:
        return [value(chance, depth - 1, names) for _ in range(chance.randrange(4))]
    return Members((chance.choice(names), value(chance, depth - 1, names)) for _ in range(chance.randrange(4)))


def text(chance: random.Random, of: object) -> str:
    """A text of the value, with white space and escapes where JSON allows them."""

    def space() -> str:
        return chance.choice(["", "", "", " ", "\t ", "  "])

    if isinstance(of, Members):
        members = (f"{space()}{string(chance, name)}{space()}:{space()}{text(chance, one)}{space()}" for name, one in of)
        return "{" + (",".join(members) or space()) + "}"
    if isinstance(of, list):
        return "[" + (",".join(f"{space()}{text(chance, one)}{space()}" for one in of) or space()) + "]"
    if isinstance(of, str):
        return string(chance, of)
    if isinstance(of, Number):
        return of.spelling
    return {None: "null", True: "true", False: "false"}[of]


def string(chance: random.Random, of: str) -> str:
    """A text of a string: some characters escaped, in one of their ways."""
    short = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", "/": "\\/"}

    def written(character: str) -> str:
        way = chance.randrange(6)
        if way == 0 and character in short:
            return short[character]
        if way <= 1 or character in '"\\' or ord(character) < 0x20:
            units = character.encode("utf-16-be")
            numbers = (int.from_bytes(units[index : index + 2]) for index in range(0, len(units), 2))
            return "".join(chance.choice(["\\u{:04x}", "\\u{:04X}"]).format(unit) for unit in numbers)
        return character

    return '"' + "".join(written(character) for character in of) + '"'
