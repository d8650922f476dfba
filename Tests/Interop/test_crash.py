"""A collector that is killed in the middle of an import costs nothing: each event lands exactly once, as it was sent.

DOCKET_CRASH_EVENTS sets how many events are imported; the default keeps the suite short.
"""

import json
import os
import random
import subprocess
import time
from pathlib import Path
from typing import Callable

from collector import BINARY, Collector, free_port
from store_content import differing, sent_in_file

EVENTS = int(os.environ.get("DOCKET_CRASH_EVENTS", "40000"))
KILLS = 3
DEADLINE_SECONDS = 60 + EVENTS / 500

StartCollector = Callable[..., Collector]


def stored(collector: Collector) -> int:
    return int(collector.sql("SELECT count(*) FROM docket.events")[0][0])


def wait_for_growth(collector: Collector, start: int, wanted: int, importer: subprocess.Popen) -> None:
    """Waits until `wanted` more events are stored, or the import has ended."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while stored(collector) < start + wanted and importer.poll() is None:
        assert time.monotonic() < deadline, f"the import stands still\n{collector.log()}"
        time.sleep(0.02)


def test_an_import_across_kills_of_the_collector_stores_each_event_once_and_unchanged(
    start_collector: StartCollector, tmp_path: Path
) -> None:
    seed = int(os.environ.get("DOCKET_TEST_SEED", random.randrange(1 << 32)))
    print(f"seed {seed}: replay with DOCKET_TEST_SEED={seed}")
    chance = random.Random(seed)
    source = tmp_path / "events.jsonl"
    subprocess.run(
        [BINARY, "bench", "--write-jsonl", source, "--events", str(EVENTS), "--seed", str(seed)], check=True, timeout=600
    )

    port = free_port()
    listen = ("--listen", f"127.0.0.1:{port}")
    collector = start_collector(*listen)
    environment = {**os.environ, "DOCKET_TOKEN": collector.token}
    importer = subprocess.Popen(
        [BINARY, "import", "--format", "jsonl", "--address", f"127.0.0.1:{port}", "--max-attempts", "100", "--json", source],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    kills = 0
    for _ in range(KILLS):
        before = stored(collector)
        wait_for_growth(collector, before, chance.randrange(1, EVENTS // (6 * KILLS)), importer)
        if importer.poll() is not None:
            break
        collector.kill()
        kills += 1
        collector = start_collector(*listen, folder=collector.folder)
    output, errors = importer.communicate(timeout=DEADLINE_SECONDS)
    assert importer.returncode == 0, errors
    assert kills == KILLS, "the import was over before the last kill; raise DOCKET_CRASH_EVENTS"
    totals = json.loads(output)
    print(totals)
    assert totals["records"] == EVENTS
    assert totals["accepted"] + totals["replayed"] == EVENTS

    assert stored(collector) == EVENTS
    counts = collector.sql("SELECT count(DISTINCT event_id), count(DISTINCT (batch_id, position)) FROM docket.events")
    assert counts == [[str(EVENTS), str(EVENTS)]]
    sent = sent_in_file(source, collector.ready["tenant"])
    assert differing(sent, collector.ready["conninfo"]["maintainer"]) == []
