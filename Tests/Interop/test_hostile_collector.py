"""Whatever a collector answers, the client library neither crashes nor hangs nor leaks, nor does it take for stored what isn't.

By seed: DOCKET_HOSTILE_SEEDS is how many, or which ("7," or "7,8"); DOCKET_HOSTILE_CONNECTIONS how many connections are spoilt in a
round, DOCKET_HOSTILE_ROUNDS how many rounds an emitter goes through. A seed fixes the script of each connection; which batches
that meets is up to the machine.
"""

import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import hostile_answers  # noqa: F401
import hostile_endings  # noqa: F401
import hostile_faults  # noqa: F401
import hostile_messages  # noqa: F401
import pytest
from hostile_behaviours import BEHAVIOURS, ENDING, OPENING, STEP
from hostile_collector import HostileCollector, Script, one_after_the_other
from hostile_run import HostileRun
from waiting import eventually

CONNECTIONS = int(os.environ.get("DOCKET_HOSTILE_CONNECTIONS", "15"))
ROUNDS = int(os.environ.get("DOCKET_HOSTILE_ROUNDS", "2"))


def seeds() -> list[int]:
    """Two new ones, unless told otherwise."""
    wanted = os.environ.get("DOCKET_HOSTILE_SEEDS", "2")
    if "," in wanted:
        return [int(seed) for seed in wanted.split(",") if seed]
    return [random.randrange(1 << 32) for _ in range(int(wanted))]


def random_scripts(seed: int) -> Callable[[int], Script]:
    """An opening, some steps and an ending for each connection; a seed has much or little that is illegal."""
    chance = random.Random(seed)
    legal_share = chance.choice((1, 0.8, 0.4))
    by_kind = {
        (kind, is_legal): [one for one in BEHAVIOURS.values() if (one.kind, one.is_legal) == (kind, is_legal)]
        for kind in (OPENING, STEP, ENDING)
        for is_legal in (True, False)
    }

    def script(number: int) -> Script:
        chance = random.Random(f"{seed}/{number}")
        kinds = [OPENING] + [STEP] * chance.choice((0, 1, 2, 4, 8)) + [ENDING]
        choices = [by_kind[kind, chance.random() < legal_share] for kind in kinds]
        chosen = [chance.choices(some, [one.weight for one in some])[0] for some in choices]
        return one_after_the_other(f"{seed}/{number}", [(one.name, one.behave) for one in chosen])

    return script


@pytest.fixture
def start_run(tmp_path: Path) -> Iterator[Callable[..., HostileRun]]:
    started: list[HostileRun] = []

    def start(scripts: Callable[[int], Script], targets: int, **settings: object) -> HostileRun:
        collector = HostileCollector(scripts)
        settings["targets"] = collector.addresses[:targets]
        started.append(HostileRun(tmp_path, collector, settings))
        return started[-1]

    yield start
    for run in started:
        run.stop()


@pytest.mark.parametrize("seed", seeds(), ids=lambda seed: f"seed-{seed}")
def test_whatever_a_collector_answers_each_event_is_accounted_for(start_run: Callable[..., HostileRun], seed: int) -> None:
    print(f"replay with DOCKET_HOSTILE_SEEDS={seed}, DOCKET_HOSTILE_CONNECTIONS={CONNECTIONS}")
    chance = random.Random(f"settings of {seed}")
    run = start_run(
        random_scripts(seed), targets=chance.choice((1, 2)),
        policy=chance.choice(("dropNewest", "dropOldest", "wait", "journal")), gzip=chance.random() < 0.3, maxBatchEvents=chance.choice((1, 3, 20)), reportsDrops=chance.random() < 0.5,
        maxAttempts=chance.choice((None, None, 4)), maxBatchBytes=2048, maxQueueBytes=chance.choice((16_384, 1 << 20)),
    )  # fmt: skip
    for _ in range(ROUNDS):
        run.be_hostile(CONNECTIONS)
        run.come_to_rest()
    # The first life ends in the midst of it, and the next one begins so.
    run.be_hostile(CONNECTIONS // 5)
    run.end()
    run.begin_again()
    run.be_hostile(CONNECTIONS // 5)
    run.come_to_rest()
    eventually(run.is_recovered, lambda: f"recovered of {run.lives[0]}: {run.emitter.stats()}")
    run.end()
    print(f"resident bytes {run.residents}, processor seconds {run.processor_seconds}, {run.lives}")
    run.audit()
