"""One run: empty tables, a started contestant, a load, and what it took."""

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

from .contestants import Contestant, address
from .failures import RunFailure
from .noise import Noise
from .processes import Child, cpu_seconds_of_tree, json_of, peak_mebibytes_of_tree, run_to_end
from .server import Server
from .spec import RunSpec

# Processor time is read so long after the last answer: what a collector has put off counts too.
SETTLE_SECONDS = 0.3
LOADER_ROWS_PER_COMMIT = 20_000
# The most that the loader's file holds; more rows come from the same file again.
LOADER_ROWS = 2_000_000
ROWS_SECONDS = 120
POLL_SECONDS = 0.2
# How long a load may take beside several times what it is expected to.
UNHINDERED_SECONDS = 40


class Bench:
    """Runs one spec after the other in front of one server."""

    def __init__(self, docket: Path, server: Server, folder: Path):
        self.server = server
        self._docket = docket
        self._folder = folder
        self._token, self._tenants_token = folder / "token", folder / "tenants-token"
        self._token.write_text(server.token)
        self._tenants_token.write_text(server.tenants_token)
        self._columns = run_to_end("docket", [docket, "bench", "tables", "--print-columns"], ROWS_SECONDS).strip()
        self._rows = (0, folder / "rows.copy")
        self._tls: tuple[Path, Path] | None = None

    def run(self, contestant: Contestant, spec: RunSpec, expected_seconds: float) -> dict:
        """The figures of one run. Raises RunFailure when it doesn't end well or rows are missing."""
        if not spec.keep_data:
            self.server.renew()
        # Docket's own events are there from the beginning.
        before = self.server.count(contestant.table(spec))
        if contestant.is_loader:
            figures = self._run_loader(contestant, spec)
        else:
            figures = self._run_collector(contestant, spec, UNHINDERED_SECONDS + 5 * expected_seconds)
        stored = self.server.count(contestant.table(spec)) - before
        if stored != figures["events"]:
            raise RunFailure(f"{stored:,} events are stored; {figures['events']:,} were acknowledged")
        return figures

    def trial(self, contestant: Contestant, spec: RunSpec, counts: Iterator[int]) -> Iterator[tuple[int, float]]:
        """Loads one started contestant again and again; for each number of events the seconds that they took."""
        self.server.renew()
        if contestant.is_loader:
            for events in counts:
                yield events, self._run_loader(contestant, spec.with_(events=events))["seconds"]
            return
        with self._started(contestant, spec) as (_, ready):
            done = 0
            for events in counts:
                done += events
                loaded = self._load(contestant, spec.with_(events=events), ready, UNHINDERED_SECONDS, done)
                yield events, loaded["seconds"]

    def _run_loader(self, contestant: Contestant, spec: RunSpec) -> dict:
        rows = min(spec.events, LOADER_ROWS)
        repeats = max(1, round(spec.events / rows))
        if self._rows[0] != rows:
            command = [self._docket, "bench", "rows", "--events", rows, "--output", self._rows[1]]
            run_to_end("docket bench rows", command, ROWS_SECONDS)
            self._rows = (rows, self._rows[1])
        noise, used = Noise(), self.server.cpu_seconds()
        printed = json_of(
            "copy-loader",
            [contestant.path, self.server.owner_conninfo, contestant.table(spec), self._columns, self._rows[1],
             LOADER_ROWS_PER_COMMIT, spec.writers, repeats],
            UNHINDERED_SECONDS * 5,
        )  # fmt: skip
        time.sleep(SETTLE_SECONDS)
        events, postgres = printed["rows"], self.server.cpu_seconds() - used
        return {
            "events": events,
            "seconds": printed["seconds"],
            "events_per_second": events / printed["seconds"],
            "collector_microseconds": printed["cpu_seconds"] / events * 1e6,
            "postgres_microseconds": postgres / events * 1e6,
            "foreign_share": noise.share(postgres),
        }

    def _run_collector(self, contestant: Contestant, spec: RunSpec, seconds: float) -> dict:
        with self._started(contestant, spec) as (child, ready):
            if spec.segment_rows:
                self.server.set_segment_rows(spec.segment_rows)
            noise = Noise()
            used = (cpu_seconds_of_tree(child.process_id), self.server.cpu_seconds())
            figures = self._load(contestant, spec, ready, seconds, spec.events)
            if spec.segment_rows:
                began = time.monotonic()
                figures["acknowledged_per_second"] = figures["events_per_second"]
                figures["sealed_segments"] = self.server.wait_until_sealed()
                figures["seconds"] += time.monotonic() - began
                figures["events_per_second"] = figures["events"] / figures["seconds"]
            time.sleep(SETTLE_SECONDS)
            collector = cpu_seconds_of_tree(child.process_id) - used[0]
            postgres = self.server.cpu_seconds() - used[1]
            figures["collector_microseconds"] = collector / figures["events"] * 1e6
            figures["postgres_microseconds"] = postgres / figures["events"] * 1e6
            figures["foreign_share"] = noise.share(collector + postgres)
            figures["peak_mebibytes"] = peak_mebibytes_of_tree(child.process_id)
        return figures

    @contextlib.contextmanager
    def _started(self, contestant: Contestant, spec: RunSpec) -> Iterator[tuple[Child, dict]]:
        """A contestant that serves; ended in order afterwards, or at once when something has failed."""
        file = self._folder / "ready.json"
        file.unlink(missing_ok=True)
        tls = self._certificate() if spec.tls else (Path(), Path())
        command = contestant.command(spec, self.server, file, tls)
        log = self._folder / f"{contestant.name}.log"
        child = Child(contestant.title, command, log, contestant.environment(self.server))
        try:
            yield child, child.wait_until_ready(file)
            child.stop()
        finally:
            child.kill()

    def _load(self, contestant: Contestant, spec: RunSpec, ready: dict, seconds: float, rows: int) -> dict:
        """What the load generator prints; for one that sends by itself, until so many rows are in its table."""
        if contestant.sends_itself:
            return self._send(contestant, spec, ready, seconds, rows)
        token = self._tenants_token if spec.tenants else self._token
        command = [self._docket, "bench", "load", "--address", address(ready), "--token-file", token, "--json"]
        if spec.tls:
            command += ["--ca-file", self._certificate()[0]]
        return json_of("the load generator", [*command, *spec.load_arguments()], seconds)

    def _send(self, contestant: Contestant, spec: RunSpec, ready: dict, seconds: float, rows: int) -> dict:
        """A sender that hears no acknowledgement: the last committed row ends the run."""
        command = [
            contestant.path / "send", "--address", address(ready), "--events", spec.events,
            "--connections", spec.connections,
        ]  # fmt: skip
        figures = json_of(f"{contestant.name}/send", command, seconds)
        began = time.monotonic()
        while self.server.count(contestant.table(spec)) < rows:
            if time.monotonic() - began > seconds:
                raise RunFailure(f"not all events were stored within {seconds:.0f} s")
            time.sleep(POLL_SECONDS)
        figures["seconds"] += time.monotonic() - began
        figures["events_per_second"] = figures["events"] / figures["seconds"]
        return figures

    def _certificate(self) -> tuple[Path, Path]:
        """A certificate of this machine's loopback address, and its key."""
        if self._tls is None:
            certificate, key = self._folder / "server.pem", self._folder / "server.key"
            run_to_end(
                "openssl",
                ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                 "-days", "2", "-subj", "/CN=localhost", "-keyout", key, "-out", certificate,
                 "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"],
                ROWS_SECONDS,
            )  # fmt: skip
            self._tls = (certificate, key)
        return self._tls
