"""What the Swift client promises, held against what is in the table."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from matrix_cells import MAX_QUEUE_BYTES, REASON_BYTES, Cell

# What an error's code says of the event: that it isn't stored, or nothing.
DEFINITE = {"queueFull", "evicted", "tooLarge", "journal", "rejected", "refused"}
DOUBTFUL = {"timedOut", "shutDown"}
# What nobody is told as long as nothing bounds the attempts: a client goes on until all is well.
IMPATIENT = {"unavailable", "unauthorized", "invalidConfiguration"}


@dataclass(frozen=True)
class Circumstances:
    """What a client may say, and what must have come about, follows from what happened to it."""

    # Nothing got through while much was emitted.
    overflowed: bool = True
    disk_was_full: bool = False
    was_shut_down: bool = False


class Found:
    """What the store has of a cell."""

    def __init__(self, numbers: Counter[int], reports: int, quarantined: int):
        # How often each event is in the table; how many reports of dropped events are; how many events are in quarantine.
        self.numbers, self.reports, self.quarantined = numbers, reports, quarantined


def broken_promises(cell: Cell, found: Found, circumstances: Circumstances) -> list[str]:
    """What isn't as it was promised, in words; nothing when all is well."""
    broken = [*dict.fromkeys(cell.faults)]
    broken += _stored_wrongly(cell, found)
    broken += _told_wrongly(cell, circumstances)
    # The counters of a process that was killed are gone.
    if cell.start_count == 1:
        broken += _counted_wrongly(cell, found)
        if circumstances.overflowed:
            broken += _not_put_to_the_test(cell, circumstances)
    if cell.left_count not in (None, cell.counters["recovered"]):
        broken.append(f"{cell.left_count} events were left in the journal, and {cell.counters['recovered']} recovered")
    return broken


def _stored_wrongly(cell: Cell, found: Found) -> list[str]:
    broken = []
    stored = set(found.numbers)
    if twice := [number for number, count in found.numbers.items() if count > 1]:
        broken.append(f"stored more than once: {_list(twice)}")
    if foreign := {number for number in stored if number >= cell.sent_count}:
        broken.append(f"stored, but never emitted: {_list(foreign)}")
    if accepted := cell.unacceptable & stored:
        broken.append(f"of no known type, and stored: {_list(accepted)}")
    if lost := cell.kept - stored - cell.unacceptable:
        broken.append(f"promised, and not stored: {_list(lost)}")
    for code in DEFINITE & cell.failed.keys():
        if kept := cell.failed[code] & stored:
            broken.append(f"told {code}, and stored all the same: {_list(kept)}")
    if late := set(cell.last_numbers) - stored:
        broken.append(f"emitted when all was well again, and not stored: {_list(late)}")
    return broken


def _told_wrongly(cell: Cell, circumstances: Circumstances) -> list[str]:
    may_say, may_drop = {"tooLarge"}, {"too_large", "queue_full"}
    if cell.way == "emitAndWait":
        may_say |= {"rejected", "timedOut"}
    if cell.way == "emitDurably" and circumstances.disk_was_full:
        may_say.add("journal")
        may_drop.add("journal")
    if circumstances.was_shut_down:
        may_say.add("shutDown")
        may_drop |= {"shut_down"} if cell.journal else {"shut_down", "unanswered"}
    if cell.policy != "wait":
        may_say.add("queueFull")
    if cell.policy == "dropOldest":
        may_drop.add("evicted")
        if cell.way == "emitAndWait":
            may_say.add("evicted")
    broken = [f"told {code}: {_list(cell.failed[code])}" for code in cell.failed.keys() - may_say]
    return broken + [f"dropped as {reason}: {cell.dropped[reason]}" for reason in cell.dropped.keys() - may_drop]


def _counted_wrongly(cell: Cell, found: Found) -> list[str]:
    counted, stored = cell.counters, set(found.numbers)
    expected = {
        "queued": (counted["queued"], 0),
        "queuedBytes": (counted["queuedBytes"], 0),
        "journalled": (counted["journalled"], 0),
        "recovered": (counted["recovered"], 0),
        "committed": (counted["committed"], found.numbers.total() + found.reports),
        "rejected": (counted["rejected"], found.quarantined),
    }
    if cell.way == "emit":
        # Each one was taken or counted as dropped; what is beyond are the client's own reports.
        reports = counted["enqueued"] - cell.sent_count
        expected["reports"] = (reports, max(reports, found.reports) if cell.policy == "dropOldest" else found.reports)
        expected["missing"] = (cell.sent_count - len(stored), counted["dropped"] + counted["rejected"])
        if cell.policy == "dropOldest":
            # Among what was evicted may be a report.
            expected["missing"] = (expected["missing"][0] + reports - found.reports, expected["missing"][1])
    broken = [f"{name} is {is_}, and should be {should}" for name, (is_, should) in expected.items() if is_ != should]
    told = cell.kept.union(*cell.failed.values())
    if cell.way != "emit" and told != set(range(cell.sent_count)):
        broken.append(f"nobody was told of {_list(set(range(cell.sent_count)) - told)}")
    return broken


def _not_put_to_the_test(cell: Cell, circumstances: Circumstances) -> list[str]:
    """A cell whose queue never filled up, or whose journal nothing went through, says nothing."""
    missing = []
    if circumstances.disk_was_full:
        if cell.way == "emitDurably" and not cell.failed.get("journal"):
            missing.append("nothing was refused by the journal")
    elif cell.journal and cell.peaks["journalled"] == 0:
        missing.append("nothing was in the journal")
    # A quarter of the queue is for what comes out of the journal. Events are a little larger than their reasons.
    elif cell.policy == "journal" and cell.peaks["queued"] * REASON_BYTES < MAX_QUEUE_BYTES * 3 // 4:
        missing.append("no more was kept than fits into memory")
    reason = {"dropNewest": "queue_full", "dropOldest": "evicted"}.get(cell.policy, "")
    if cell.way == "emit" and cell.policy == "wait":
        reason = "queue_full"
    if cell.way != "emitDurably" and reason and not cell.dropped.get(reason):
        missing.append(f"nothing was dropped as {reason}")
    if cell.way == "emitAndWait" and not cell.failed.get("timedOut"):
        missing.append("nobody waited for too long")
    if cell.way != "emitDurably" and not cell.dropped.get("too_large"):
        missing.append("nothing was too large")
    if cell.counters["rejected"] == 0:
        missing.append("nothing was rejected")
    return missing


def _list(numbers: Iterable[int]) -> str:
    found = sorted(numbers)
    return f"{len(found)}: {', '.join(map(str, found[:10]))}{', …' if len(found) > 10 else ''}"
