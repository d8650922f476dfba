"""What is JSON: the collector takes what PostgreSQL can store and read back, no more and no less, and COPY takes all of it."""

import os
import random
import re
from collections import Counter

from client import Client
from collector import Collector
from docket.v1 import collector_pb2 as pb
from events import event, unique
from random_json import Members, scalar, string, text, value

BATCHES = 4
EVENTS = 1000
# What the limits of a collector allow (docs/configuration.md).
MAX_DEPTH = 32
SQL_BYTES = 100_000
# What JSON is made of, and what looks as if it were.
PIECES = [
    *"{}[],:\"'\\/0-+.eEuntf \t\r\n\b\x01\x1f\x7f", "\u00a0", "\ufeff", "\u2028", "\U0001f9e8", "\\u0000", "\\u0001", "\\ud83e",
    "\\udde8", "\\ud83e\\udde8", "\\uD83E\\n", "\\x41", "\\'", "\\u12", "null", "nul", "true", "TRUE", "NaN", "Infinity",
    "-Infinity", "01", "1.", ".5", "1e", "1e5", "1e+", "1e131071", "1e131072", "1e-16383", "1e-16384", "0x1", "1_0", "//", "/**/",
    ",,", ",}", "[,", "{}{}", '"a":1', "\\\\", "[[[[", "]]]]", '{"a":', "}}}}",
]  # fmt: skip


def changed(chance: random.Random, of: str) -> str:
    """A text with something taken out, put in or put elsewhere."""
    for _ in range(chance.choice([0, 0, 1, 1, 2, 3])):
        place = chance.randrange(len(of) + 1)
        way = chance.randrange(4)
        if way == 0:
            of = of[:place] + of[place + chance.randint(1, 3) :]
        elif way == 1:
            of = of[:place]
        else:
            of = of[:place] + chance.choice(PIECES) + of[place + chance.randrange(2) :]
    return of


def candidate(chance: random.Random) -> str:
    """A text that is JSON, or nearly."""
    kind = chance.randrange(12)
    if kind == 0:
        levels = chance.randint(MAX_DEPTH - 3, MAX_DEPTH + 3)
        shape = [chance.choice(["[]", "{}"]) for _ in range(levels - 1)]
        opening = "".join("[" if pair == "[]" else '{"k":' for pair in shape)
        nested = '{"a":' + opening + "1" + "".join(pair[1] for pair in reversed(shape)) + "}"
        return nested if chance.randrange(3) else changed(chance, nested)
    if kind == 1:
        return changed(chance, text(chance, scalar(chance)))
    if kind == 2:
        return "{" + string(chance, "x") + ":" + chance.choice(PIECES) + "}"
    if kind == 3:
        return '{"a":"' + chance.choice(PIECES) + chance.choice(PIECES) + '"}'
    if kind == 4:
        return '{"a":' + chance.choice(PIECES) + chance.choice(["", "", *PIECES]) + "}"
    members = Members((chance.choice("abc"), value(chance, 4, ["a", "b", "é"])) for _ in range(chance.randrange(4)))
    return changed(chance, text(chance, members))


def depth(of: str) -> int:
    """How deep a JSON text nests."""
    open_now, deepest = 0, 0
    for character in re.sub(r'"(?:[^"\\]|\\.)*"', "", of):
        open_now += {"{": 1, "[": 1, "}": -1, "]": -1}.get(character, 0)
        deepest = max(deepest, open_now)
    return deepest


def kinds(collector: Collector, texts: list[str]) -> list[str]:
    """What PostgreSQL makes of each text: its kind as JSON, `unreadable` if only `json` takes it, or `none`."""
    function = """
        CREATE FUNCTION pg_temp.kind(candidate text) RETURNS text LANGUAGE plpgsql AS $$
        BEGIN
            PERFORM candidate::json;
            BEGIN
                PERFORM candidate::jsonb;
            EXCEPTION WHEN OTHERS THEN
                RETURN 'unreadable';
            END;
            RETURN json_typeof(candidate::json);
        EXCEPTION WHEN OTHERS THEN
            RETURN 'none';
        END $$;"""
    found, chunk, size = [], [], 0

    def ask() -> None:
        values = ",".join(chunk)
        rows = collector.sql(
            f"{function} SELECT pg_temp.kind(convert_from(decode(one, 'hex'), 'UTF8')) "
            f"FROM string_to_table('{values}', ',') WITH ORDINALITY AS texts(one, place) ORDER BY place"
        )
        found.extend(kind for [kind] in rows)

    for one in texts:
        if size > SQL_BYTES:
            ask()
            chunk, size = [], 0
        chunk.append(one.encode().hex())
        size += len(chunk[-1])
    ask()
    assert len(found) == len(texts)
    return found


def test_random_attributes_are_taken_exactly_when_postgres_can_store_and_read_them(
    collector: Collector, client: Client
) -> None:
    seed = int(os.environ.get("DOCKET_TEST_SEED") or random.SystemRandom().randrange(1 << 32))
    print(f"seed {seed}: replay with DOCKET_TEST_SEED={seed}")
    chance = random.Random(seed)
    verdicts = Counter()
    for _ in range(BATCHES):
        session = unique()
        # Text without a byte is none of PostgreSQL's either; string_to_table would pass it over.
        texts = [candidate(chance) or " " for _ in range(EVENTS)]
        verdict = client.publish_events(*(event(session_id=session, attributes=one) for one in texts))
        refused = {rejection.index: rejection for rejection in verdict.rejections}
        for index, (one, kind) in enumerate(zip(texts, kinds(collector, texts), strict=True)):
            what = f"DOCKET_TEST_SEED={seed} {one!r}: {kind}, {refused.get(index)}"
            is_right = kind == "object" and depth(one) <= MAX_DEPTH
            assert (index not in refused) == is_right, what
            if index in refused:
                expected = {pb.REJECTION_CODE_INVALID_JSON, pb.REJECTION_CODE_TOO_DEEP}
                assert refused[index].field == "attributes" and refused[index].code in expected, what
            verdicts[kind if index in refused else "taken"] += 1
        # Nothing that was taken is refused by COPY; all of it is stored as it was sent, and can be read.
        stored = {one.position: one.event.attributes for one in client.query_all(session_id=session)}
        assert stored == {index: one for index, one in enumerate(texts) if index not in refused}
        [[readable]] = collector.sql(
            f"SELECT count(attributes::jsonb) FROM docket.audit_log WHERE session_id = '{session}'"
        )
        assert int(readable) == len(stored)
    # The test says little unless each verdict comes up often: JSON of another kind, no JSON, JSON that can't be read back.
    assert all(verdicts[kind] > EVENTS // 50 for kind in ("taken", "none", "unreadable", "string", "number")), verdicts
    assert verdicts["taken"] > EVENTS // 2, verdicts
