"""Two collectors, four producers, rotation after rotation, while collectors and PostgreSQL are killed at each step.

Sizes by the environment: DOCKET_CHAOS_EVENTS, DOCKET_CHAOS_SEGMENT_ROWS, and DOCKET_CHAOS_MOMENTS (how many,
or their names, or `all`). The defaults keep
the suite short; the whole of it is 5,000,000 events, 200,000 rows, all moments.
"""

import os
import random
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from audit_of_store import contradictions, misplaced, wait_for_rest
from chaos import KILLS_EACH, RESTARTS, Chaos
from producers import Import, Sent, add_sent

EVENTS = int(os.environ.get("DOCKET_CHAOS_EVENTS", "30000"))
SEGMENT_ROWS = int(os.environ.get("DOCKET_CHAOS_SEGMENT_ROWS", "2000"))
MOMENTS = os.environ.get("DOCKET_CHAOS_MOMENTS", "5")


@pytest.fixture
def start_chaos(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Callable[[int], Chaos]]:
    started: list[Chaos] = []

    def start(seed: int) -> Chaos:
        started.append(Chaos(tmp_path, seed, EVENTS, SEGMENT_ROWS, MOMENTS))
        return started[-1]

    yield start
    kept = os.environ.get("DOCKET_CHAOS_KEEP")
    for chaos in started:
        if not kept:
            chaos.stop()
    if not kept:
        shutil.rmtree(tmp_path, ignore_errors=True)


def unfinished(imports: list[Import]) -> list[Import]:
    """The imports that did not get a verdict on each of their events."""
    return [
        done
        for done in imports
        if done.code != (65 if done.piece.poisoned else 0)
        or done.totals["accepted"] + done.totals["replayed"] != done.piece.events - done.piece.poisoned
        or done.totals["rejected"] != done.piece.poisoned
    ]


def test_whoever_is_killed_at_whichever_step_each_event_is_stored_once_and_each_segment_is_sealed(
    start_chaos: Callable[[int], Chaos],
) -> None:
    seed = int(os.environ.get("DOCKET_TEST_SEED", random.randrange(1 << 32)))
    print(f"seed {seed}: replay with DOCKET_TEST_SEED={seed}")
    chaos = start_chaos(seed)
    began = time.monotonic()
    chaos.disturb()
    assert min(chaos.kills[name] for name in chaos.collectors) >= KILLS_EACH and chaos.postgres.restarts >= RESTARTS
    imports = chaos.load.finish()
    sent_at = time.monotonic()
    wait_for_rest(chaos.postgres)
    rested_at = time.monotonic()
    problems = [f"an import did not end well: {done}" for done in unfinished(imports)]
    problems += contradictions(chaos.postgres)

    sent = Sent()
    for producer in chaos.producers:
        add_sent(sent, producer.pieces, producer.tenant)
    problems += misplaced(chaos.postgres, sent)
    print(
        f"{EVENTS} events, {sum(done.piece.poisoned for done in imports)} of them poisoned, "
        f"{sum(done.totals.get('replayed', 0) for done in imports)} answered as replays; kills {dict(chaos.kills)}, "
        f"restarts {chaos.postgres.restarts}; sent in {sent_at - began:.0f} s, "
        f"at rest {rested_at - sent_at:.1f} s later, audited in {time.monotonic() - rested_at:.0f} s"
    )
    assert problems == [], "\n".join(problems[:20])
