"""Exports a log, or has it followed by readers that stand still, while the collector is saturated: what that costs ingestion, and
what memory it takes.

Fills a log first, and exports it with nothing beside it when it has a fifth of its events and when it has all. Then, in several rounds,
the same load alone and beside an export of the whole log; which of both comes first alternates. Then the same with tails that nobody
reads. Before each load the segments are sealed, so that all begin alike. Load and exporter stand back for the collector and PostgreSQL
(nice 10), since they share the processors with them, which those of other machines would not. Prints the median of the rounds' ratios;
writes `export.json`.
"""

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "Tests" / "Interop"))

import stubs  # noqa: E402

stubs.generate()

from client import Client  # noqa: E402
from collector import BINARY, Collector  # noqa: E402
from tails import tail_request  # noqa: E402
from waiting import eventually  # noqa: E402

SETTLE_SECONDS = 600
SUMMARIZED_BYTES = 4 << 20
WITHOUT_LOG_INDEX = """
    SELECT count(*) FROM docket.batches AS b
    WHERE NOT EXISTS (SELECT FROM docket.log_entries AS l WHERE l.batch_id = b.batch_id)
"""
SAMPLE_SECONDS = 0.2


def resident_mebibytes(process_id: int) -> float:
    """What a process has in memory; 0 once it has ended."""
    try:
        status = Path(f"/proc/{process_id}/status").read_text()
    except OSError:
        return 0
    found = re.search(r"VmRSS:\s+(\d+)", status)
    return int(found[1]) / 1024 if found else 0


class Memory:
    """The most that processes have in memory while this is open."""

    def __init__(self, **processes: int):
        self.most = dict.fromkeys(processes, 0.0)
        self._processes = processes
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> "Memory":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._done.wait(SAMPLE_SECONDS):
            for name, process_id in self._processes.items():
                self.most[name] = max(self.most[name], resident_mebibytes(process_id))


class Site:
    """A collector, with what loads it and what reads from it."""

    def __init__(self, folder: Path):
        self.collector = Collector()
        self.folder = folder
        self._seed = 0
        self._environment = os.environ | {"DOCKET_TOKEN": self.collector.token}

    def load(self, events: int) -> float:
        """Publishes events as fast as they are answered; events a second."""
        self._seed += 1
        ended = subprocess.run(
            ["nice", "-n", "10", BINARY, "bench", "load", "--address", self.collector.address, "--events", str(events), "--seed", str(self._seed),
             "--json"],
            env=self._environment, capture_output=True, text=True, check=True,
        )  # fmt: skip
        return json.loads(ended.stdout)["events_per_second"]

    def settle(self) -> None:
        """Waits until nothing is left to be done for what has been committed: each batch has its log index, each segment that is
        full its indexes, and the hot one is summarized."""
        def is_settled() -> bool:
            metrics = self.collector.metrics()
            return (
                metrics["docket_segments_unsealed"] == 0
                and metrics["docket_hot_segment_unsummarized_bytes"] <= SUMMARIZED_BYTES
                and self.collector.sql(WITHOUT_LOG_INDEX) == [["0"]]
            )

        eventually(is_settled, "export: the log did not settle", SETTLE_SECONDS)

    def export(self) -> subprocess.Popen:
        """Begins an export of all that is committed now."""
        return subprocess.Popen(
            ["nice", "-n", "10", BINARY, "export", "--address", self.collector.address, "--output", self.folder / "log.jsonl", "--overwrite"],
            env=self._environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def exported(self) -> dict:
        return json.loads((self.folder / "log.jsonl.manifest.json").read_text())

    def stop(self) -> None:
        self.collector.stop()
        self.collector.delete_folder()


def quiet_export(site: Site) -> dict:
    """An export with nothing beside it."""
    before = resident_mebibytes(site.collector.process.pid)
    process = site.export()
    start = time.monotonic()
    with Memory(collector=site.collector.process.pid, exporter=process.pid) as memory:
        said = process.communicate()[1]
    if process.returncode:
        raise SystemExit(f"export: {said}")
    manifest = site.exported()
    return {
        "events": manifest["events"], "bytes": manifest["bytes"], "events_per_second": manifest["events"] / (time.monotonic() - start),
        "collector_mebibytes_before": before, "memory": memory.most,
    }  # fmt: skip


def beside_export(site: Site, events: int) -> dict:
    """The load while an export runs from its beginning to its end."""
    process = site.export()
    with Memory(collector=site.collector.process.pid, exporter=process.pid) as memory:
        rate = site.load(events)
        still_running = process.poll() is None
        process.kill()
        process.communicate()
    if not still_running:
        raise SystemExit("export: it ended before the load did; fill the log with more --events, or load fewer --load")
    return {"events_per_second": rate, "memory": memory.most}


@contextmanager
def still_tail(site: Site) -> Iterator[None]:
    """A call of Tail whose reader takes the first message, and no other."""
    with Client(site.collector.address, site.collector.token) as client:
        call = client.audit_log.Tail(tail_request(), metadata=client.metadata)
        next(call)
        yield
        call.cancel()


def beside_tails(site: Site, events: int, count: int) -> dict:
    """The load while so many readers follow the log and stand still."""
    with ExitStack() as tails, Memory(collector=site.collector.process.pid) as memory:
        for _ in range(count):
            tails.enter_context(still_tail(site))
        return {"events_per_second": site.load(events), "memory": memory.most}


def one_round(site: Site, events: int, is_alone_first: bool, beside: Callable[[Site, int], dict]) -> dict:
    """The same load alone and beside readers."""
    found = {}
    for kind in ("alone", "beside") if is_alone_first else ("beside", "alone"):
        site.settle()
        found[kind] = site.load(events) if kind == "alone" else beside(site, events)
    return found | {"ratio": found["beside"]["events_per_second"] / found["alone"]}


def compared(site: Site, options: argparse.Namespace, readers: str, beside: Callable[[Site, int], dict]) -> dict:
    """Rounds of load alone and beside readers, and the median of their ratios."""
    rounds = []
    for number in range(options.rounds):
        rounds.append(one_round(site, options.load, number % 2 == 0, beside))
        print(json.dumps(rounds[-1]), flush=True)
    alone = statistics.median(one["alone"] for one in rounds)
    loaded = statistics.median(one["beside"]["events_per_second"] for one in rounds)
    ratio = statistics.median(one["ratio"] for one in rounds)
    print(f"{alone:,.0f} events/s alone, {loaded:,.0f} beside {readers}: {ratio:.2f} in the median of {len(rounds)} rounds")
    return {"rounds": rounds, "ratio": ratio}


def filled(site: Site, events: int) -> dict:
    """An export of the log, once it has so many more events."""
    site.load(events)
    site.settle()
    export = quiet_export(site)
    print(json.dumps(export), flush=True)
    return export


def main() -> None:
    parser = argparse.ArgumentParser(prog="export", description=__doc__)
    parser.add_argument("--events", type=int, default=5_000_000, help="how many events the log has")
    parser.add_argument("--load", type=int, default=2_000_000, help="how many events a round publishes, twice")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--tails", type=int, default=15, help="how many readers follow the log and stand still")
    parser.add_argument("--only", default="export,tails", help="which to compare, with a comma: export, tails")
    parser.add_argument("--output", type=Path, default=ROOT / "Benchmarks" / "results", metavar="DIR")
    options = parser.parse_args()
    only = options.only.split(",")
    results: dict = {}
    with tempfile.TemporaryDirectory(prefix="docket-export-") as folder:
        site = Site(Path(folder))
        try:
            if "export" in only:
                few = options.events // 5
                results["quiet"] = [filled(site, few), filled(site, options.events - few)]
                results["export"] = compared(site, options, "an export", beside_export)
            if "tails" in only:
                site.load(options.load)
                results["tails"] = {"count": options.tails} | compared(
                    site, options, f"{options.tails} tails that stand still", lambda *of: beside_tails(*of, options.tails)
                )
        finally:
            site.stop()
    file = options.output / "export.json"
    kept = json.loads(file.read_text()) if file.exists() else {}
    file.write_text(json.dumps(kept | results, indent=1) + "\n")


main()
