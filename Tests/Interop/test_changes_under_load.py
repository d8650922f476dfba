"""What is changed while three collectors are under load: how soon it counts everywhere, and what becomes of the batches."""

import json
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from audit_of_changes import judged_late, let_in_between, misjudged_again, misstored, out_of_order, rules
from audit_of_store import contradictions, wait_for_rest
from changes import PATIENCE_SECONDS, Change, Stage, table
from cluster import Cluster
from events import unique
from judged_batches import ACCEPTED, TYPES
from judged_emitters import Line, StreamLine, UnaryLine
from test_tenancy import NAMES, add_token, cluster  # noqa: F401
from waiting import CHANGE_SECONDS

OVERLAP_SECONDS = 10
# What the definition of each version requires: what all events lack, but for the first and the last version. There are many
# such versions in a row, since a collector spends more time on a batch that it rejects: a change may come while it does.
REQUIRED = [[], *[["second"], ["third"]] * 10, []]
# After this, batches are stored although they break their definitions.
OBSERVE = "--event-types", "observe"
# A change as a kind, how batches are judged then, and the command.
Planned = tuple[str, str, tuple[str, ...]]


@pytest.fixture
def stage(cluster: Cluster) -> Iterator[Stage]:  # noqa: F811
    running = Stage(cluster)
    yield running
    running.stop()


def packs(folder: Path) -> dict[int, str]:
    """A folder for each version, with a definition of each type."""
    for version, required in enumerate(REQUIRED, start=1):
        (folder / str(version)).mkdir()
        properties = {name: {"type": "integer"} for name in ("first", "second", "third")}
        attributes = {"type": "object", "properties": properties, "required": required}
        for name in TYPES:
            definition = {"name": name, "version": version, "attributes": attributes}
            (folder / str(version) / f"{name}.json").write_text(json.dumps(definition))
    return {version: str(folder / str(version)) for version in range(1, len(REQUIRED) + 1)}


def changes_of(tenant: str, pack: dict[int, str]) -> list[Planned]:
    """What is changed for the tenant, one after the other, and how.

    Batches are judged otherwise after each change than before it. Both types change in one command, so that a batch shows in
    which an event is judged by the one and the next by the other.
    """

    def apply(version: int, becomes: str) -> Planned:
        return "event-type apply", becomes, ("event-type", "apply", pack[version], "--tenant", tenant)

    def set_(becomes: str, *setting: str) -> Planned:
        return f"tenant set {' '.join(setting)}", becomes, ("tenant", "set", tenant, *setting)

    last = len(REQUIRED)
    return [
        ("tenant add", ACCEPTED, ("tenant", "add", tenant)),
        ("tenant suspend", "TENANT_SUSPENDED", ("tenant", "suspend", tenant)),
        ("tenant resume", ACCEPTED, ("tenant", "resume", tenant)),
        *(apply(version, f"version {version}") for version in range(2, last)),
        set_(ACCEPTED, *OBSERVE),
        set_(f"version {last - 1}", "--event-types", "enforce"),
        apply(last, ACCEPTED),
        set_("QUOTA_EXCEEDED", "--events-per-second", "1"),
        set_(ACCEPTED, "--events-per-second", "any"),
    ]


def wait_for_registry(cluster: Cluster) -> None:  # noqa: F811
    """Until all collectors have loaded what is in the database now."""
    [[version]] = cluster.sql("SELECT version FROM docket.registry_version")
    deadline = time.monotonic() + PATIENCE_SECONDS
    for collector in cluster.collectors.values():
        while collector.metrics().get("docket_registry_version", 0) < int(version):
            assert time.monotonic() < deadline, collector.log()


def end_by_rotation(stage: Stage, tenant: str, number: int, old: list[Line]) -> tuple[list[Line], list[str]]:
    """Rotates a token. Gives the lines with its successor, and what was wrong with either token before the end and after."""
    change = stage.expect("token rotate: the overlap's end", old, "TOKEN_UNKNOWN")
    successors = stage.let_in(
        "token rotate: the successor", tenant, "token", "rotate", str(number), "--overlap", f"{OVERLAP_SECONDS}s"
    )
    over = datetime.fromisoformat(json.loads(stage.cluster.docket("token", "show", str(number), "--json"))["expires_at"])
    end = change.counts_from = time.monotonic() + over.timestamp() - time.time()
    stage.wait_for(change)
    late = [line for line in successors if line.times_judged(ACCEPTED, 0)[0] > end]
    wrong = [f"{line.name} wasn't let in before the end" for line in late]
    for line in old:
        attempts = [one for one in line.attempts if one.judgement]
        refused = [one for one in attempts if one.judgement == "TOKEN_UNKNOWN"]
        wrong += [f"{line.name} was refused before the end" for one in refused[:1] if one.answered_at < end]
        wrong += [f"{line.name} was let in after the end" for one in attempts if one not in refused and one.sent_at > end]
    return successors, wrong


def misjudged(lines: list[Line], wanted: list[str]) -> list[str]:
    """What is wrong with the judgements of lines that are to be judged by these rules, one after the other."""
    wrong = out_of_order(lines, wanted, before="TOKEN_UNKNOWN") + let_in_between(lines)
    of_each = [[line for line in lines if line.collector == name] for name in NAMES]
    return wrong or [late for some in of_each for late in judged_late(some, len(wanted))]


def summary(lines: list[Line], seconds: float) -> str:
    attempts = [one for line in lines for one in line.attempts]
    stored = [one for one in attempts if one.verdict and not one.verdict.replayed]
    accepted = sum(one.judgement == ACCEPTED for one in stored)
    replayed = sum(not one.is_judged_now for one in attempts)
    return (
        f"{len(attempts)} batches on {len(lines)} lines in {seconds:.1f} s: {accepted} accepted with "
        f"{sum(one.verdict.accepted_count for one in stored)} events, {len(stored) - accepted} rejected, {replayed} answered "
        f"as replays, {len(attempts) - len(stored) - replayed} refused"
    )


def test_each_change_counts_everywhere_within_a_second_and_judges_each_batch_whole(stage: Stage, tmp_path: Path) -> None:
    tenant, pack = unique("t-"), packs(tmp_path)
    token, number = add_token(stage.cluster, "--all-tenants", "--scope", "publish")
    stage.cluster.docket("event-type", "apply", pack[1])
    # All that is rejected is looked for in quarantine.
    stage.cluster.docket("policy", "set", "--quarantine-rows", "1000000")
    wait_for_registry(stage.cluster)
    began = time.monotonic()
    # What changes is nothing to the others.
    others = stage.open(stage.cluster.token, "default")
    old = stage.open(token, tenant, (StreamLine, StreamLine, UnaryLine))
    stage.wait_for(Change("the load", "TENANT_NOT_COVERED", dict.fromkeys(old, 0)))
    changes = changes_of(tenant, pack)
    for kind, becomes, command in changes:
        stage.change(kind, old, becomes, *command)
    added = stage.let_in("token add", tenant, "token", "add", "--tenant", tenant, "--scope", "publish")
    added_number = json.loads(stage.cluster.docket("token", "list", "--json").splitlines()[-1])["id"]
    streams = [line for line in others + old if isinstance(line, StreamLine)]
    problems = [f"{line.name} needed {line.streams} streams" for line in streams if line.streams != 1]
    successors, wrong = end_by_rotation(stage, tenant, number, old)
    stage.change("token revoke", added, "TOKEN_UNKNOWN", "token", "revoke", str(added_number))
    stage.stop()
    seconds = time.monotonic() - began

    problems += wrong + [f"{line.name}: {fault}" for line in stage.lines for fault in line.faults]
    judged = ["TENANT_NOT_COVERED", *(becomes for _, becomes, _ in changes), "TOKEN_UNKNOWN"]
    problems += misjudged(others, [ACCEPTED]) + misjudged(old, judged)
    problems += misjudged(successors, [ACCEPTED]) + misjudged(added, [ACCEPTED, "TOKEN_UNKNOWN"])
    observed = 1 + [command[3:] for _, _, command in changes].index(OBSERVE)
    marked = [one for line in old for rule in rules(line)[observed : observed + 1] for one in rule.attempts]
    problems += misjudged_again(stage.lines) + misstored(stage.cluster.postgres, stage.lines, marked)
    wait_for_rest(stage.cluster.postgres)
    problems += contradictions(stage.cluster.postgres)
    took = stage.seconds()
    print(f"{summary(stage.lines, seconds)}\n{table(took)}")
    assert problems == [], "\n".join(problems[:20])
    assert max(max(slowest.values()) for slowest in took.values()) < CHANGE_SECONDS
