"""docket, or another program, in a terminal of its own."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
import threading
from pathlib import Path

from collector import BINARY
from waiting import eventually


class Terminal:
    """A program with a pseudo-terminal as its controlling one; what it shows is gathered as it comes."""

    def __init__(self, arguments: list[str], rows: int = 24, columns: int = 80, program: Path | str = BINARY, **environment: str):
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        # Nothing of whoever runs the tests: neither a pager nor a locale.
        kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LD_LIBRARY_PATH")}
        # Not by a function of ours in the child: for that Popen forks, and gRPC doesn't bear that beside calls of this process.
        self._process = subprocess.Popen(
            ["setsid", "--ctty", program, *arguments], stdin=slave, stdout=slave, stderr=slave,
            env=kept | {"TERM": "xterm", "LANG": "C.UTF-8"} | environment,
        )  # fmt: skip
        os.close(slave)
        self._shown = bytearray()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        while True:
            try:
                part = os.read(self._master, 65536)
            except OSError:
                # The other side has been closed: Linux says EIO.
                return
            if not part:
                return
            self._shown += part

    @property
    def raw(self) -> str:
        return self._shown.decode(errors="replace")

    @property
    def lines(self) -> list[str]:
        """What is shown, without emphasis."""
        return self.lines_since(0)

    def lines_since(self, place: int) -> list[str]:
        """What has been shown behind so many characters, without emphasis."""
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[=>]", "", self.raw[place:]).replace("\r\n", "\n").splitlines()

    def press(self, keys: str) -> None:
        os.write(self._master, keys.encode())

    @property
    def has_ended(self) -> bool:
        return self._process.poll() is not None

    def wait_for(self, text: str) -> None:
        eventually(lambda: text in self.raw, lambda: f"'{text}' was not shown, but {self.raw[-2000:]!r}")

    def end(self, code: int = 0) -> "Terminal":
        """Waits until the program has ended, and all it has shown is there."""
        try:
            assert self._process.wait(timeout=60) == code, self.raw[-2000:]
        finally:
            self.close()
        return self

    def close(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self._reader.join(timeout=30)
        if self._master >= 0:
            os.close(self._master)
            self._master = -1
