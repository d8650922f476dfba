"""The test emitter (Tests/TestEmitter) as a process: commands in, replies out, and what it takes of the machine."""

import json
import os
import subprocess
import threading
import time
from pathlib import Path

REPLY_SECONDS = 60


class EmitterProcess:
    """A running emitter. Whoever reads a reply finds its counters checked."""

    def __init__(self, binary: Path, folder: Path, **settings: object):
        folder.mkdir(parents=True, exist_ok=True)
        self._errors = (folder / "stderr").open("ab")
        self.process = subprocess.Popen(
            [binary], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors, text=True,
            env={"SWIFT_BACKTRACE": "enable=no", **os.environ},
        )  # fmt: skip
        self.error_file = folder / "stderr"
        # What must not happen.
        self.faults: list[str] = []
        self._replies: dict[int, dict] = {}
        self._arrived = threading.Condition()
        self._next = 1
        self._has_ended = False
        threading.Thread(target=self._read, daemon=True).start()
        self._write(settings)
        opened = self.reply(0)
        assert not opened.get("error"), f"the emitter can't begin: {opened['error']}"

    def order(self, act: str, **fields: object) -> int:
        """Gives a command, and returns what its reply is known by."""
        number, self._next = self._next, self._next + 1
        self._write({"id": number, "act": act, **fields})
        return number

    def reply(self, number: int, seconds: float = REPLY_SECONDS) -> dict:
        """The reply to a command, once it is there."""
        with self._arrived:
            found = self._arrived.wait_for(lambda: number in self._replies or self._has_ended, seconds)
            if number in self._replies:
                return self._replies.pop(number)
        raise AssertionError(f"the emitter {'ended' if found else f'gave no reply within {seconds} s'}\n{self.errors()[-3000:]}")

    def arrived(self, number: int) -> bool:
        return number in self._replies

    def ask(self, act: str, seconds: float = REPLY_SECONDS, **fields: object) -> dict:
        return self.reply(self.order(act, **fields), seconds)

    def stats(self) -> dict[str, int]:
        return self.ask("stats")["stats"]

    def end(self) -> int:
        """Ends its input; its exit code."""
        self.process.stdin.close()
        return self.process.wait(REPLY_SECONDS)

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            try:
                pipe.close()
            except BrokenPipeError:
                continue
        self._errors.close()

    def errors(self) -> str:
        return self.error_file.read_text(errors="replace")

    # MARK: The process

    def resident_bytes(self, field: str = "VmRSS") -> int:
        """What it holds in memory now; with VmHWM, what it ever did."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith(field))

    def descriptors(self) -> int:
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def open_files(self) -> list[str]:
        return sorted(str(link.readlink()) for link in Path(f"/proc/{self.process.pid}/fd").iterdir())

    def processor_seconds(self) -> float:
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    # MARK: Lines

    def _write(self, line: dict) -> None:
        try:
            self.process.stdin.write(json.dumps(line) + "\n")
            self.process.stdin.flush()
        except OSError as error:
            raise AssertionError(f"the emitter has ended: {self.errors()[-3000:]}") from error

    def _read(self) -> None:
        for line in self.process.stdout:
            reply = json.loads(line)
            self._check(reply)
            with self._arrived:
                self._replies[reply["id"]] = reply
                self._arrived.notify_all()
        with self._arrived:
            self._has_ended = True
            self._arrived.notify_all()

    def _check(self, reply: dict) -> None:
        """Each event is somewhere, at each moment."""
        stats = reply.get("stats")
        if not stats:
            return
        outcome = stats["committed"] + stats["rejected"] + stats["dropped"] + stats["queued"]
        if stats["enqueued"] + stats["recovered"] != outcome:
            self.faults.append(f"at {time.monotonic():.3f} the counters don't add up: {stats}")
        if min(stats.values()) < 0:
            self.faults.append(f"a counter is below zero: {stats}")
