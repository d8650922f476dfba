"""Child processes of a run, with a log of their own and a certain end; and what a tree of processes has used."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

import psutil

from .failures import RunFailure

READY_SECONDS = 60
STOP_SECONDS = 30
LOG_CHARACTERS = 1500


class Child:
    """A running program whose output goes into a file."""

    def __init__(self, name: str, command: Sequence[object], log: Path, environment: dict[str, str] | None = None):
        self.name = name
        self._log = log
        with log.open("wb") as output:
            # A session of its own: Ctrl-C on the terminal reaches the suite alone, which then ends everything in order.
            self._process = subprocess.Popen(
                [str(part) for part in command], stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                env={**os.environ, **(environment or {})}, start_new_session=True,
            )  # fmt: skip

    @property
    def process_id(self) -> int:
        return self._process.pid

    def wait_until_ready(self, file: Path, seconds: float = READY_SECONDS) -> dict:
        """The content of its ready file, which appears whole, by a rename."""
        deadline = time.monotonic() + seconds
        while not file.exists():
            if self._process.poll() is not None:
                code = self._process.returncode
                raise RunFailure(f"{self.name} ended with code {code} before it served: {self.log()}")
            if time.monotonic() > deadline:
                raise RunFailure(f"{self.name} was not ready within {seconds:.0f} s: {self.log()}")
            time.sleep(0.02)
        return json.loads(file.read_text())

    def stop(self) -> None:
        """Asks it to finish what is under way and end; fails the run when it doesn't, or not with code 0."""
        code = self._process.poll()
        if code is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                code = self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.kill()
                raise RunFailure(f"{self.name} did not end within {STOP_SECONDS} s of SIGTERM: {self.log()}") from None
        if code != 0:
            raise RunFailure(f"{self.name} ended with code {code}: {self.log()}")

    def kill(self) -> None:
        """Ends it, and whatever it has started in its session, at once."""
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self._process.wait()

    def log(self) -> str:
        """The end of what it has written."""
        return self._log.read_text(errors="replace")[-LOG_CHARACTERS:].strip()


def run_to_end(name: str, command: Sequence[object], seconds: float, environment: dict[str, str] | None = None) -> str:
    """What a program prints; fails the run when it fails or takes longer than so many seconds."""
    process = subprocess.Popen(
        [str(part) for part in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, env={**os.environ, **(environment or {})}, start_new_session=True,
    )  # fmt: skip
    with process:
        try:
            output, errors = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            raise RunFailure(f"{name} was not done within {seconds:.0f} s") from None
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
    if process.returncode != 0:
        raise RunFailure(f"{name} ended with code {process.returncode}: {errors[-LOG_CHARACTERS:].strip()}")
    return output


def json_of(name: str, command: Sequence[object], seconds: float, environment: dict[str, str] | None = None) -> dict:
    """The JSON object that a program prints as its last line."""
    output = run_to_end(name, command, seconds, environment)
    try:
        return json.loads(output.strip().split("\n")[-1])
    except ValueError:
        raise RunFailure(f"{name} printed no JSON object but: {output[-LOG_CHARACTERS:].strip()}") from None


def cpu_seconds_of_tree(root: int) -> float:
    """User and system time of a process and all below it, those that have ended and were waited for included."""
    total = 0.0
    # The root last: a child that ends meanwhile is in its parent's sum by then.
    for process in reversed(_tree(root)):
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system + times.children_user + times.children_system
    return total


def peak_mebibytes_of_tree(root: int) -> float:
    """The most memory (VmHWM) that each process of the tree has had, added up; pages that they share count in each."""
    kibibytes = 0
    for process in _tree(root):
        try:
            status = Path(f"/proc/{process.pid}/status").read_text()
        except OSError:
            continue
        kibibytes += sum(int(line.split()[1]) for line in status.split("\n") if line.startswith("VmHWM:"))
    return kibibytes / 1024


def _tree(root: int) -> list[psutil.Process]:
    try:
        process = psutil.Process(root)
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        raise RunFailure(f"the process {root} has gone") from None
