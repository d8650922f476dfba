"""A process that emits with Docket's Swift client, and is told what by lines of JSON: Tests/TestEmitter."""

import json
import os
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from stubs import ROOT
from waiting import eventually

PROGRAM = Path(os.environ.get("DOCKET_TEST_EMITTER", ROOT / ".build" / "debug" / "test-emitter"))
START_SECONDS, REPLY_SECONDS, STOP_SECONDS = 60, 60, 30
LOG_LINES = 60


class EmitterProcess:
    """A running emitter. Commands run side by side; `replies` has what they were answered, by their ids."""

    def __init__(
        self, settings: dict, observe: Callable[[dict], None] = lambda reply: None, prefix: Sequence[str | Path] = (),
        log_lines: int | None = LOG_LINES,
    ):  # fmt: skip
        """Starts it behind the words of `prefix`. `observe` is told of each reply, on a thread of this object's own. Of what it logs,
        the last `log_lines` lines are kept, or all."""
        if not PROGRAM.exists() and not os.environ.get("CI"):
            pytest.skip(f"there is no {PROGRAM}: build test-emitter, or name another by DOCKET_TEST_EMITTER")
        self.replies: dict[int, dict] = {}
        self._observe = observe
        self._log: deque[str] = deque(maxlen=log_lines)
        self._ids = 0
        self._writing = threading.Lock()
        # With Python's signals: one that outgrows its file size limit gets EFBIG, as from a full disk, and isn't killed.
        self.process = subprocess.Popen(
            [*prefix, PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            bufsize=1, restore_signals=False, start_new_session=True,
        )  # fmt: skip
        self._threads = [threading.Thread(target=read, daemon=True) for read in (self._read_replies, self._read_log)]
        for thread in self._threads:
            thread.start()
        self._write(settings)
        try:
            error = self.wait(0, START_SECONDS).get("error")
            assert error is None, error
        except BaseException:
            self.kill()
            raise

    @property
    def pid(self) -> int:
        return self.process.pid

    def log(self) -> str:
        """The end of what it has logged."""
        return "\n".join(self._log)

    def send(self, act: str, **options: object) -> int:
        """Gives a command, and doesn't wait for the reply. Returns the command's id."""
        with self._writing:
            self._ids += 1
            number = self._ids
        self._write({"id": number, "act": act, **options})
        return number

    def wait(self, number: int, seconds: float = REPLY_SECONDS) -> dict:
        """The reply to a command."""
        eventually(
            lambda: number in self.replies or self.process.poll() is not None,
            lambda: f"command {number} isn't answered:\n{self.log()}", seconds,
        )  # fmt: skip
        if number not in self.replies:
            for thread in self._threads:
                thread.join(REPLY_SECONDS)
        assert number in self.replies, f"the emitter ended with {self.process.returncode}:\n{self.log()}"
        return self.replies[number]

    def ask(self, act: str, **options: object) -> dict:
        """Gives a command and waits for the reply."""
        return self.wait(self.send(act, **options))

    def end(self) -> int:
        """Ends it by the end of its input, and returns its exit code."""
        self.process.stdin.close()
        try:
            return self.process.wait(STOP_SECONDS)
        finally:
            self.kill()

    def kill(self) -> None:
        """Ends it at once. What it had answered is in `replies`."""
        self.process.kill()
        self.process.wait()
        for thread in self._threads:
            thread.join(STOP_SECONDS)
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            try:
                pipe.close()
            except BrokenPipeError:
                pass

    def _write(self, line: dict) -> None:
        text = json.dumps(line) + "\n"
        with self._writing:
            try:
                self.process.stdin.write(text)
            except (BrokenPipeError, ValueError):
                # It was killed: `wait` tells.
                pass

    def _read_replies(self) -> None:
        for line in self.process.stdout:
            try:
                reply = json.loads(line)
            except ValueError:
                # The half of a line that a killed process leaves.
                continue
            self._observe(reply)
            self.replies[reply["id"]] = reply

    def _read_log(self) -> None:
        for line in self.process.stderr:
            self._log.append(line.rstrip("\n"))
