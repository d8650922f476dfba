"""Ten tenants saturate a collector, each with the same; then one of them sends ten times as much. Measures what the others notice.

The nine others send as fast as they are answered, so many batches at once each; the tenth does the same on one connection, or on
ten. Everybody has connections of their own. Both arrangements in turn, several rounds; prints one line each, and the ratio of the
medians. Writes `fairness.json`.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "Tests" / "Interop"))

import stubs  # noqa: E402

stubs.generate()

from cluster import Cluster  # noqa: E402
from collector import BINARY  # noqa: E402

OTHERS = 9
GREEDY = "greedy"
SHARES = (1, 10)
EVENT_TYPE = "authz.decision"
PATIENCE_SECONDS = 120
STORED = 'docket_events_total{result="accepted"}'


@dataclass
class Load:
    """A `docket bench load` under way."""

    process: subprocess.Popen

    def finish(self) -> dict:
        output, fault = self.process.communicate(timeout=PATIENCE_SECONDS)
        if self.process.returncode != 0:
            raise SystemExit(f"fairness: docket bench load: {fault}")
        return json.loads(output)

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


class Site:
    """A collector with ten tenants, and a token for all of them."""

    def __init__(self, options: argparse.Namespace):
        self._options = options
        self._cluster = Cluster("collector")
        self._cluster.docket("event-type", "add", EVENT_TYPE)
        self._cluster.docket("tenant", "add", *(f"bench-{number}" for number in range(OTHERS)), GREEDY)
        self._token = self._cluster.docket("token", "add", "--all-tenants").strip()

    def load(self, *flags: str, events: int) -> Load:
        options = self._options
        command = [BINARY, "bench", "load", "--address", self._cluster.collectors["collector"].address, "--json",
                   "--batch", str(options.batch), "--in-flight", str(options.in_flight), "--events", str(events), *flags]  # fmt: skip
        return Load(subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={**os.environ, "DOCKET_TOKEN": self._token}, preexec_fn=lambda: os.nice(options.nice),
        ))  # fmt: skip

    def measure(self, share: int) -> dict:
        """What the others notice while one tenant has so many shares."""
        # More than it will get rid of: it is stopped when the others are done.
        before = self._stored()
        greedy = self.load("--tenant", GREEDY, "--connections", str(share), events=6 * self._options.events)
        try:
            deadline = time.monotonic() + PATIENCE_SECONDS
            while self._stored() == before:
                if time.monotonic() > deadline:
                    raise SystemExit("fairness: the greedy tenant stores nothing")
                time.sleep(0.05)
            found = self.load("--tenants", str(OTHERS), "--connections", str(OTHERS), events=self._options.events).finish()
            if greedy.process.poll() is not None:
                raise SystemExit("fairness: the greedy tenant was done before the others; give --events a smaller number")
            return found
        finally:
            greedy.stop()

    def _stored(self) -> float:
        return self._cluster.collectors["collector"].metrics().get(STORED, 0)

    def delete(self) -> None:
        self._cluster.delete()


def report(rounds: list[dict]) -> str:
    """The medians, and their ratio."""
    lines = [f"{'greedy tenant':>16}  {'p50, ms':>18}  {'p99, ms':>18}  {'others, events/s':>24}"]
    medians = {}
    for share in SHARES:
        found = [one["others"] for one in rounds if one["share"] == share]
        cells = []
        for key in ("p50_milliseconds", "p99_milliseconds", "events_per_second"):
            values = [one[key] for one in found]
            medians[share, key] = statistics.median(values)
            form = ",.0f" if key == "events_per_second" else ".1f"
            cells.append(f"{medians[share, key]:{form}} ({min(values):{form}}–{max(values):{form}})")
        lines.append(f"{share:>9} shares  {cells[0]:>18}  {cells[1]:>18}  {cells[2]:>24}")
    ratio = medians[SHARES[1], "p99_milliseconds"] / medians[SHARES[0], "p99_milliseconds"]
    return "\n".join([*lines, "", f"p99 of the others beside ten shares: {ratio:.2f} times that beside one"])


def main() -> None:
    parser = argparse.ArgumentParser(prog="fairness", description=__doc__)
    add = parser.add_argument
    add("--rounds", type=int, default=5)
    add("--events", type=int, default=300_000, help="what the nine others send in a round, together")
    add("--batch", type=int, default=100, help="events a batch")
    add("--in-flight", type=int, default=2, help="batches that a connection has under way")
    add("--nice", type=int, default=10, help="how far all senders stand back for the collector and PostgreSQL")
    add("--output", type=Path, default=ROOT / "Benchmarks" / "results", metavar="DIR")
    options = parser.parse_args()
    site, rounds = Site(options), []
    try:
        for number in range(1, options.rounds + 1):
            for share in SHARES if number % 2 else reversed(SHARES):
                print(f"round {number}: {share} shares", file=sys.stderr, flush=True)
                rounds.append({"round": number, "share": share, "others": site.measure(share)})
    finally:
        site.delete()
    settings = {name: getattr(options, name) for name in ("rounds", "events", "batch", "in_flight", "nice")}
    options.output.mkdir(parents=True, exist_ok=True)
    (options.output / "fairness.json").write_text(json.dumps({"settings": settings, "rounds": rounds}, indent=1) + "\n")
    print(report(rounds))


main()
