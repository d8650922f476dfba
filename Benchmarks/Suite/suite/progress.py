"""What the suite is doing: one line that is written over on a terminal, a line for each step otherwise."""

import sys
import time
from typing import TextIO


class Progress:
    """Writes to standard error, so that output can be piped."""

    def __init__(self, stream: TextIO = sys.stderr):
        self._stream = stream
        self._is_terminal = stream.isatty()
        self._began = time.monotonic()
        self._open = False

    @property
    def elapsed_seconds(self) -> float:
        """Since the suite began."""
        return time.monotonic() - self._began

    def say(self, text: str = "") -> None:
        """A line that stays."""
        self._clear()
        print(text, file=self._stream, flush=True)

    def doing(self, text: str, left_seconds: float | None = None) -> None:
        """What is being done now; on a terminal the result takes its place."""
        if not self._is_terminal:
            return
        left = "" if left_seconds is None else f", {clock(left_seconds)} left"
        self._clear()
        print(f"[{clock(self.elapsed_seconds)}{left}] {text} …"[:118], end="", file=self._stream, flush=True)
        self._open = True

    def done(self, text: str, left_seconds: float | None = None) -> None:
        """The result of a step."""
        left = "" if left_seconds is None or self._is_terminal else f", {clock(left_seconds)} left"
        self.say(f"[{clock(self.elapsed_seconds)}{left}] {text}")

    def _clear(self) -> None:
        if self._open:
            print("\r\x1b[K", end="", file=self._stream)
            self._open = False


def clock(seconds: float) -> str:
    """Minutes and seconds."""
    whole = max(0, round(seconds))
    return f"{whole // 60}:{whole % 60:02}"
