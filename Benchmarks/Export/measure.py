"""Exports a log while the collector is saturated: what that costs ingestion, and what memory it takes on both sides.

Fills a log first. Then, in several rounds, the same load alone and beside an export of the whole log. Load and exporter stand back for
the collector and PostgreSQL (nice 10), since they share the processors with them, which those of other machines would not. Prints
medians and their ratio; writes `export.json`.
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
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "Tests" / "Interop"))

import stubs  # noqa: E402

stubs.generate()

from collector import BINARY, Collector  # noqa: E402

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


def beside(site: Site, events: int) -> dict:
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


def main() -> None:
    parser = argparse.ArgumentParser(prog="export", description=__doc__)
    parser.add_argument("--events", type=int, default=5_000_000, help="how many events the log has")
    parser.add_argument("--load", type=int, default=1_000_000, help="how many events a round publishes")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--output", type=Path, default=ROOT / "Benchmarks" / "results", metavar="DIR")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="docket-export-") as folder:
        site = Site(Path(folder))
        try:
            site.load(options.events)
            # The appender has what is committed a moment later.
            time.sleep(2)
            alone = [quiet_export(site)]
            print(json.dumps(alone[0]), flush=True)
            rounds = []
            for _ in range(options.rounds):
                rounds.append({"alone": site.load(options.load), "beside": beside(site, options.load)})
                print(json.dumps(rounds[-1]), flush=True)
        finally:
            site.stop()
    rates = [statistics.median(one["alone"] for one in rounds), statistics.median(one["beside"]["events_per_second"] for one in rounds)]
    results = {"quiet": alone, "rounds": rounds, "ratio": rates[1] / rates[0]}
    (options.output / "export.json").write_text(json.dumps(results, indent=1) + "\n")
    print(f"{rates[0]:,.0f} events/s alone, {rates[1]:,.0f} beside an export: {rates[1] / rates[0]:.2f}")


main()
