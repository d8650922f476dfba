"""A collector of its own for the tests: `docket dev` with a private PostgreSQL in a temporary folder."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from urllib.request import urlopen

from stubs import ROOT
from waiting import eventually

BINARY = Path(os.environ.get("DOCKET_BINARY", ROOT / ".build" / "debug" / "docket"))
# A sanitizer's build needs most of it.
START_DEADLINE_SECONDS = 180
STOP_DEADLINE_SECONDS = 60


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Collector:
    """A running `docket dev`, or another command that runs a collector. `ready` is the content of its ready file."""

    def __init__(
        self,
        *flags: str,
        folder: Path | None = None,
        command: Sequence[str] = ("dev", "--data-directory", "data"),
        environment: dict[str, str] | None = None,
        program: Path = BINARY,
    ):
        """Starts it; with `folder` on the data that an earlier one left there."""
        self._name = f"{program.name} {command[0]}"
        # In /tmp, since a Unix socket's path is at most 107 bytes; open to all, since PostgreSQL doesn't run as root.
        self.folder = folder or Path(tempfile.mkdtemp(prefix="docket-interop-", dir="/tmp"))
        self.folder.chmod(0o755)
        self._log_path = self.folder / "docket.log"
        ready_file = self.folder / "ready.json"
        ready_file.unlink(missing_ok=True)
        with self._log_path.open("ab") as log:
            self.process = subprocess.Popen(
                [program, *command, "--listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0",
                 "--ready-file", ready_file, *flags],
                cwd=self.folder, env={**os.environ, **(environment or {})}, stdin=subprocess.DEVNULL, stdout=log,
                stderr=log, start_new_session=True,
            )  # fmt: skip
        self.ready = self._wait_for(ready_file)

    @property
    def address(self) -> str:
        """Host and port of the gRPC server."""
        return self.ready["grpc"]

    @property
    def host_and_port(self) -> tuple[str, int]:
        host, port = self.address.rsplit(":", 1)
        return host, int(port)

    @property
    def token(self) -> str:
        return self.ready["token"]

    def metrics(self) -> dict[str, float]:
        """The series of /metrics."""
        with urlopen(f"http://{self.ready['http']}/metrics", timeout=30) as answer:
            lines = answer.read().decode().splitlines()
        return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines if line and line[0] != "#")}

    def log(self) -> str:
        """The end of what it has logged."""
        return self._log_path.read_text(errors="replace")[-8000:]

    def sql(self, statement: str, conninfo: str | None = None, timeout: float = 60) -> list[list[str]]:
        """The rows of a statement that the maintainer, who sees all tenants, runs, or whoever the connection string names."""
        found = subprocess.run(
            ["psql", conninfo or self.ready["conninfo"]["maintainer"], "--no-psqlrc", "--quiet", "--no-align",
             "--tuples-only", "--field-separator=|", "--set=ON_ERROR_STOP=1", "--command", statement],
            check=False, capture_output=True, text=True, timeout=timeout,
        )  # fmt: skip
        assert found.returncode == 0, f"psql: {found.stderr}"
        return [line.split("|") for line in found.stdout.splitlines()]

    def reload(self, series: str) -> None:
        """Has it read its files again, and waits until the series has counted that."""
        before = self.metrics().get(series, 0)
        self.process.send_signal(signal.SIGHUP)
        eventually(lambda: self.metrics().get(series, 0) > before, self.log)

    def stop(self) -> int:
        """Asks it to stop and returns its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(STOP_DEADLINE_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"{self._name} did not stop within {STOP_DEADLINE_SECONDS} s:\n{self.log()}") from None

    def kill(self) -> None:
        """Ends the collector at once; its PostgreSQL stays behind, as after a crash."""
        self.process.kill()
        self.process.wait(STOP_DEADLINE_SECONDS)

    def delete_folder(self) -> None:
        """Deletes the data, and first stops a PostgreSQL that a killed collector has left behind."""
        for pid_file in self.folder.rglob("postmaster.pid"):
            with contextlib.suppress(OSError, ValueError):
                os.kill(int(pid_file.read_text().split("\n")[0]), signal.SIGQUIT)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _wait_for(self, ready_file: Path) -> dict:
        """The ready file appears whole, by a rename."""
        deadline = time.monotonic() + START_DEADLINE_SECONDS
        while not ready_file.exists():
            if self.process.poll() is not None:
                raise AssertionError(f"{self._name} ended with code {self.process.returncode}:\n{self.log()}")
            if time.monotonic() > deadline:
                self.kill()
                raise AssertionError(f"{self._name} was not ready within {START_DEADLINE_SECONDS} s:\n{self.log()}")
            time.sleep(0.02)
        return json.loads(ready_file.read_text())
