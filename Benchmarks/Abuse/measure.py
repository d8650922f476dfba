"""Attacks a collector, one attack after the other, and measures what an honest client beside it notices of that.

Each attack goes on for some seconds, at nice 19, between quiet times of the same collector and the same client; several
rounds of all. What costs the client too much is made once more, at another collector on the machine: what the client
notices of that is the machine's doing. Writes `abuse.json` and `abuse.md`, and with --publish the table of docs/security.md.
"""

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path += [str(ROOT / "Tests" / "Interop"), str(ROOT / "Benchmarks" / "Common")]

import stubs  # noqa: E402

stubs.generate()

import machine  # noqa: E402
import report  # noqa: E402
from attacks import ATTACKS, Attack  # noqa: E402
from attacks.process import AttackProcess  # noqa: E402
from certificates import make_authority, sign  # noqa: E402
from collector import Collector  # noqa: E402
from figures import Sample, of_window, row  # noqa: E402

WARM_UP_SECONDS = 5
SETTLE_SECONDS = 1
# How long an attack goes on once its limit, which is a time, may have struck.
STRIKE_SECONDS = 3
# How long the connections of an attack may take to go.
PATIENCE_SECONDS = 60
OPEN = "docket_rpc_connections"
PAGE = ROOT / "docs" / "security.md"
# The times that a window's figures are made of.
SPANS = ("before", "window", "after")


class Neighbour:
    """The honest client, as a process, and what it has told so far."""

    def __init__(self, collector: Collector, rate: float, authority: Path | None):
        self.session = f"neighbour-{os.urandom(8).hex()}"
        command = [sys.executable, Path(__file__).with_name("neighbour.py"), "--address", collector.address,
                   "--rate", str(rate), "--session", self.session]  # fmt: skip
        if authority is not None:
            command += ["--ca-file", authority]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True,
            env={**os.environ, "DOCKET_TOKEN": collector.token},
        )  # fmt: skip
        self.samples: list[Sample] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        for line in self.process.stdout:
            due, microseconds, code = line.split()
            self.samples.append(Sample(float(due), float(microseconds), code))

    def finish(self) -> None:
        """Ends it, and waits for its last answers."""
        self.process.stdin.close()
        try:
            self.process.wait(PATIENCE_SECONDS * 2)
        finally:
            self.stop()
        self._reader.join()

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


class Site:
    """A collector with a neighbour."""

    def __init__(self, options: argparse.Namespace, uses_tls: bool, folder: Path):
        flags: tuple[str, ...] = ()
        authority = None
        if uses_tls:
            authority = make_authority(folder, "Abuse CA")
            certificate, key = sign(folder, authority, "server")
            flags = ("--tls-certificate", str(certificate), "--tls-key", str(key))
        self.collector = Collector(*flags)
        self._options = options
        self._flags = flags
        self.other: Collector | None = None
        self.neighbour = Neighbour(self.collector, options.rate, authority)
        self.windows: list[dict] = []
        self._roots = [os.getpid(), self.collector.process.pid, self.neighbour.process.pid, *self._postmasters(self.collector)]

    @staticmethod
    def _postmasters(collector: Collector) -> list[int]:
        return [int(file.read_text().split("\n")[0]) for file in collector.folder.rglob("postmaster.pid")]

    def quiet(self) -> tuple[float, float]:
        """A quiet time."""
        begin = time.monotonic()
        time.sleep(self._options.quiet)
        return begin, time.monotonic()

    def start_other(self) -> None:
        """Starts a collector, with a PostgreSQL of its own, that the neighbour has nothing to do with."""
        self.other = Collector(*self._flags)
        self._roots += [self.other.process.pid, *self._postmasters(self.other)]

    def attack(self, attack: Attack, number: int, before: tuple[float, float]) -> tuple[float, float]:
        """One attack on the other collector, if there is one, and the quiet time behind it."""
        target = self.other or self.collector
        busy, own, used = machine.busy_seconds(), machine.tree_seconds(self._roots), self._used_seconds(target)
        counted = target.metrics().get(attack.counter, 0)
        resident_before = machine.resident_mebibytes(target.process.pid)
        process = AttackProcess(attack, target.address, target.token, self._seconds(attack), nice=self._options.nice)
        try:
            process.wait_until_begun()
            begin = time.monotonic()
            resident = self._most_resident_mebibytes(target, process)
            seen = process.finish()
        finally:
            process.stop()
        end = time.monotonic()
        used = self._used_seconds(target) - used
        self._settle()
        after = self.quiet()
        foreign = machine.busy_seconds() - busy - (machine.tree_seconds(self._roots) - own)
        self.windows.append(
            {
                "name": attack.name, "round": number, "elsewhere": self.other is not None, "seen": dict(seen), "before": before, "window": (begin, end),
                "after": after, "counted": target.metrics().get(attack.counter, 0) - counted,
                "collector_cpu_seconds": round(used, 2),
                "resident_before_mebibytes": round(resident_before, 1), "most_resident_mebibytes": round(resident, 1),
                "foreign_share": round(max(0, foreign) / (after[1] - begin) / (os.cpu_count() or 1), 3),
            }
        )  # fmt: skip
        return after

    def _seconds(self, attack: Attack) -> float:
        """How long it is made: until its limit has struck, where that is a time."""
        takes = max(attack.takes_seconds, attack.takes_seconds_by_default)
        return max(self._options.seconds, takes + STRIKE_SECONDS if takes else 0)

    @staticmethod
    def _most_resident_mebibytes(target: Collector, process: AttackProcess) -> float:
        """What the collector has in memory at the most until the attack is over."""
        most = 0.0
        while process.process.poll() is None:
            most = max(most, machine.resident_mebibytes(target.process.pid))
            time.sleep(0.1)
        return most

    @staticmethod
    def _used_seconds(target: Collector) -> float:
        return machine.used_seconds(target.process.pid)

    def _settle(self) -> None:
        """Waits until the attack's connections are gone, and writes out what it has made PostgreSQL store: the disk is not to be
        busy with it when the next one begins."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while self.collector.metrics()[OPEN] > 1 or (self.other and self.other.metrics()[OPEN] > 0):
            if time.monotonic() > deadline:
                raise SystemExit("abuse: the connections of an attack have not gone")
            time.sleep(0.1)
        for one in filter(None, (self.collector, self.other)):
            one.sql("CHECKPOINT", conninfo=one.ready["conninfo"]["maintainer"].replace("docket_maintainer", "postgres"))
        time.sleep(SETTLE_SECONDS)

    def rounds(self) -> list[dict]:
        """The figures of all windows, and whether everything that was acknowledged is stored."""
        self.neighbour.finish()
        samples = self.neighbour.samples
        answered = sum(one.code == "OK" for one in samples)
        stored = int(self.collector.sql(
            f"SELECT count(*) FROM docket.audit_log WHERE session_id = '{self.neighbour.session}'"
        )[0][0])  # fmt: skip
        if stored < answered:
            raise SystemExit(f"abuse: {answered} batches of the neighbour were acknowledged, and {stored} are stored")
        return self.figures()

    def figures(self) -> list[dict]:
        """The figures of all windows so far."""
        samples, found = list(self.neighbour.samples), []
        for one in self.windows:
            before, window, after = (one[name] for name in SPANS)
            inside = [sample for sample in samples if any(begin <= sample.due < end for begin, end in (before, after))]
            figures = {"quiet": of_window(inside, 0, after[1]), "attack": of_window(samples, *window)}
            found.append({name: value for name, value in one.items() if name not in SPANS} | figures)
        return found

    def stop(self) -> None:
        self.neighbour.stop()
        for one in filter(None, (self.collector, self.other)):
            one.stop()
            one.delete_folder()


@contextlib.contextmanager
def site_of(options: argparse.Namespace, uses_tls: bool, folder: Path) -> Iterator[Site]:
    site = Site(options, uses_tls, folder)
    try:
        yield site
    finally:
        site.stop()


def make_rounds(options: argparse.Namespace, site: Site, attacks: list[Attack]) -> None:
    for number in range(1, options.rounds + 1):
        quiet = site.quiet()
        for attack in attacks:
            place = ", elsewhere" if site.other else ""
            print(f"round {number}{place}: {attack.name}", file=sys.stderr, flush=True)
            quiet = site.attack(attack, number, quiet)


def too_dear(attack: Attack, figures: list[dict], ratio: float) -> bool:
    mine = [one for one in figures if one["name"] == attack.name and one["attack"]["count"] and one["quiet"]["count"]]
    return bool(mine) and row(mine).ratio > ratio


def measure(options: argparse.Namespace, chosen: list[Attack]) -> dict:
    """All rounds of all attacks."""
    about, rounds = machine.describe(), []
    for uses_tls in (False, True):
        attacks = [attack for attack in chosen if attack.uses_tls == uses_tls]
        if not attacks:
            continue
        with tempfile.TemporaryDirectory(prefix="docket-abuse-") as folder:
            with site_of(options, uses_tls, Path(folder)) as site:
                time.sleep(WARM_UP_SECONDS)
                make_rounds(options, site, attacks)
                figures = site.figures()
                if dear := [one for one in attacks if too_dear(one, figures, options.elsewhere_above)]:
                    site.start_other()
                    time.sleep(WARM_UP_SECONDS)
                    make_rounds(options, site, dear)
                rounds += site.rounds()
    settings = {name: getattr(options, name) for name in ("rounds", "seconds", "quiet", "rate", "nice")}
    settings["strike_seconds"] = STRIKE_SECONDS
    return {"machine": about, "settings": settings, "rounds": rounds}


def merged(results: dict, kept: dict) -> dict:
    """Results with those of `kept` for the attacks that weren't made."""
    if results["settings"] != kept["settings"] or results["machine"]["cpu"] != kept["machine"]["cpu"]:
        raise SystemExit("abuse: what was measured before was measured otherwise, or elsewhere; make all attacks anew")
    names = {one["name"] for one in results["rounds"]}
    return results | {"rounds": [one for one in kept["rounds"] if one["name"] not in names] + results["rounds"]}


def main() -> None:
    parser = argparse.ArgumentParser(prog="abuse", description=__doc__)
    add = parser.add_argument
    add("--rounds", type=int, default=3)
    add("--seconds", type=float, default=5, help="how long an attack goes on, unless its limit takes longer to strike")
    add("--quiet", type=float, default=3, help="how long the quiet time between two attacks is")
    add("--rate", type=float, default=100, help="batches of one event that the neighbour publishes in a second")
    add("--nice", type=int, default=19, help="how far the attacker stands back for all others")
    add("--elsewhere-above", type=float, default=3, metavar="RATIO",
        help="attack another collector as well where the neighbour's p99 was more than so many times its quiet value")
    add("--only", default="", metavar="NAMES", help="these attacks, with commas between them")
    add("--output", type=Path, default=ROOT / "Benchmarks" / "results", metavar="DIR")
    add("--publish", action="store_true", help="put the table into docs/security.md")
    add("--merge", action="store_true", help="keep what abuse.json has of the attacks that aren't made")
    add("--report-only", action="store_true", help="make the table again from abuse.json, without measuring")
    options = parser.parse_args()
    names = [name for name in options.only.split(",") if name] or list(ATTACKS)
    if unknown := set(names) - set(ATTACKS):
        parser.error(f"there is no attack {', '.join(sorted(unknown))}; there are: {', '.join(ATTACKS)}")
    raw = options.output / "abuse.json"
    if options.report_only:
        results = json.loads(raw.read_text())
    else:
        results = measure(options, [ATTACKS[name] for name in names])
        if options.merge:
            results = merged(results, json.loads(raw.read_text()))
        raw.write_text(json.dumps(results, indent=1) + "\n")
    text = report.table(results)
    (options.output / "abuse.md").write_text(text + "\n")
    if options.publish:
        report.publish(text, PAGE)
    print(text)


main()
