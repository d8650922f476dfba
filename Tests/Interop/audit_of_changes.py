"""What must be true of batches that were sent while rules changed: how each was judged, and what the store has of it."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from uuid import UUID

from docket.v1.collector_pb2 import Verdict

from judged_batches import CODES, Attempt
from judged_emitters import Line
from private_postgres import PrivatePostgres, Session

# A row for each batch but Docket's own.
STORED = """
    SELECT b.producer_id, b.sequence, t.slug, b.batch_id, encode(b.root, 'hex'), b.event_count,
        b.accepted_count, coalesce(cardinality(b.mark_positions), 0), coalesce(e.ids, ''), coalesce(q.events, '')
    FROM docket.batches AS b JOIN docket.tenants AS t USING (tenant_id)
    LEFT JOIN (
        SELECT batch_id, md5(string_agg(event_id::text, ',' ORDER BY position)) AS ids, bool_or(y.is_reserved) AS is_own
        FROM docket.events JOIN docket.event_types AS y USING (type_id) GROUP BY batch_id) AS e USING (batch_id)
    LEFT JOIN (
        SELECT batch_id, md5(string_agg(event, ''::bytea ORDER BY position)) AS events
        FROM docket.quarantine GROUP BY batch_id) AS q USING (batch_id)
    WHERE e.is_own IS NOT true"""
# How many of a sort are listed.
SHOWN = 5


@dataclass
class Rule:
    """The batches of a line that one rule judged, in the order of sending."""

    judgement: str
    attempts: list[Attempt]


def rules(line: Line) -> list[Rule]:
    """By which rules a line's batches were judged, one after the other; replays say nothing of that."""
    judged = (one for one in line.attempts if one.is_judged_now)
    return [Rule(judgement, list(attempts)) for judgement, attempts in groupby(judged, key=lambda one: one.judgement)]


def out_of_order(lines: Iterable[Line], wanted: list[str], before: str = "") -> list[str]:
    """The lines whose batches, in the order of sending, weren't judged by one rule after the other, as they were made.

    `before` is what the first batches may be answered, until the collector has heard of the first rule.
    """
    wrong = []
    for line in lines:
        found = [rule.judgement for rule in rules(line)]
        if found != wanted and found != [before, *wanted]:
            wrong.append(f"{line.name} was judged by {found}, not by {wanted}")
    return wrong


def judged_late(lines: list[Line], count: int) -> list[str]:
    """Batches of one collector that were judged by an earlier rule than one that it had answered by before they were sent.

    `count` is how many rules there are, to leave out what comes before the first.
    """
    judged = [rules(line)[-count:] for line in lines]
    wrong = []
    for number in range(count - 1):
        answered_at = min(one.answered_at for of_line in judged for rule in of_line[number + 1 :] for one in rule.attempts)
        for line, of_line in zip(lines, judged):
            late = [one for one in of_line[number].attempts if one.sent_at > answered_at]
            wrong += [
                f"{line.name}: batch {one.sequence} was {one.judgement}, {one.sent_at - answered_at:.3f} s after an answer "
                "by the next rule"
                for one in late[:SHOWN]
            ]
    return wrong


def let_in_between(lines: Iterable[Line]) -> list[str]:
    """Replays that were answered while batches before and behind them were refused: they are to be refused as well."""
    wrong = []
    for line in lines:
        before, replays = "", []
        for one in line.attempts:
            if not one.is_judged_now:
                replays.append(one)
                continue
            if one.judgement == before and before in CODES:
                wrong += [f"{line.name}: {name(replay)} was answered amid {before}" for replay in replays[:SHOWN]]
            before, replays = one.judgement, []
    return wrong


def misjudged_again(lines: Iterable[Line]) -> list[str]:
    """Batches with more or less than one verdict, whoever was sent them and how often."""
    wrong = []
    for attempts in by_batch(lines).values():
        first, *again = [one.verdict for one in attempts if one.verdict] or [None]
        if first is None:
            continue
        if first.replayed:
            wrong.append(f"{name(attempts[0])} was a replay at first: {attempts}")
        for verdict in again:
            same = type(verdict)()
            same.CopyFrom(verdict)
            same.replayed = False
            if same != first or not verdict.replayed:
                wrong.append(f"{name(attempts[0])} got another verdict than its first: {verdict}, {first}")
    return wrong


def misstored(postgres: PrivatePostgres, lines: Iterable[Line], marked: list[Attempt]) -> list[str]:
    """Batches that have a verdict and aren't stored as it says, exactly once, or are stored without one.

    `marked` are those that break a definition and were stored in spite of that.
    """
    session = Session(postgres)
    rows = {(UUID(row[0]).bytes, int(row[1])): row[2:] for row in session.ask(STORED)}
    session.close()
    wrong = []
    marked_keys = {one.key for one in marked}
    for key, attempts in by_batch(lines).items():
        stored, verdicts = rows.pop(key, None), [one.verdict for one in attempts if one.verdict]
        wanted = expected(attempts[0], verdicts[0], key in marked_keys) if verdicts else None
        if stored != wanted:
            judged = [one.judgement for one in attempts]
            wrong.append(f"{name(attempts[0])} was {judged}: in the store it is {stored}, not {wanted}")
    return wrong + [f"batch {key[1]} of {key[0].hex()} is stored, and nobody sent it: {row}" for key, row in rows.items()]


def expected(attempt: Attempt, verdict: Verdict, is_marked: bool) -> list[str]:
    """A batch's row."""
    batches, sequence = attempt.batches, attempt.sequence
    size, accepted, receipt = batches.size(sequence), verdict.accepted_count, verdict.receipt
    ids, events = ",".join(str(UUID(bytes=one)) for one in batches.event_ids(sequence)).encode(), b""
    if accepted == 0:
        events = b"".join(one.SerializeToString() for one in batches.events(sequence))
    return [
        batches.tenant, str(receipt.batch_id), receipt.root.hex(), str(size), str(accepted),
        str(size if is_marked else 0), hashlib.md5(ids).hexdigest() if accepted else "",
        hashlib.md5(events).hexdigest() if events else "",
    ]  # fmt: skip


def by_batch(lines: Iterable[Line]) -> dict[tuple[bytes, int], list[Attempt]]:
    """The attempts at each batch, in the order of sending."""
    found = defaultdict(list)
    for line in lines:
        for attempt in line.attempts:
            found[attempt.key].append(attempt)
    return {key: sorted(attempts, key=lambda one: one.sent_at) for key, attempts in found.items()}


def name(attempt: Attempt) -> str:
    return f"batch {attempt.sequence} for {attempt.batches.tenant}"
