"""The cells of the fault matrix: each is an emitter, with what it was told of its events."""

import threading
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from emitter_process import EmitterProcess
from events import KNOWN_TYPE
from waiting import eventually

WAYS = ("emit", "emitDurably", "emitAndWait")
POLICIES = ("dropNewest", "dropOldest", "wait", "journal")

# The queue has room for more batches than may be on their way at once.
MAX_QUEUE_BYTES, MAX_BATCH_BYTES, MAX_BATCH_EVENTS = 128 << 10, 32 << 10, 5
REASON_BYTES = 500
# Together above what the queue holds.
BURST_COMMANDS, BURST_EVENTS = 60, 10
TICK_EVENTS, LAST_EVENTS = 6, 20
MOST_UNANSWERED_COMMANDS = 2 * BURST_COMMANDS
# Shorter than any fault lasts, and longer.
SHORT_MILLISECONDS, LONG_MILLISECONDS = 1000, 180_000
SHUTDOWN_MILLISECONDS, SHUTDOWN_ANSWER_SECONDS = 100, 5.0


class Cell:
    """One way to emit under one policy. Its events are numbered; those of one run are of no other's."""

    def __init__(self, way: str, policy: str, run: int, tenant: str, token: str, folder: Path):
        self.way, self.policy, self.run, self.tenant = way, policy, run, tenant
        self.journal = str(folder / "journal") if way == "emitDurably" or policy == "journal" else None
        # What went wrong, in words.
        self.faults: list[str] = []
        self.sent_count = 0
        # The numbers of the events of which the promise was given, and of the others by the error's code.
        self.kept: set[int] = set()
        self.failed: dict[str, set[int]] = {}
        # The numbers of those that go into quarantine, not into the table.
        self.unacceptable: set[int] = set()
        # The newest counters; the reasons of the drops among them; and the most that each counter has been.
        self.counters: dict[str, int] = {}
        self.dropped: dict[str, int] = {}
        self.peaks: Counter[str] = Counter()
        self.last_numbers: range = range(0)
        self.start_count = 0
        # How many events an emitter that was shut down has left in its journal.
        self.left_count: int | None = None
        self.process: EmitterProcess | None = None
        self._token = token
        self._commands: set[int] = set()
        self._using = threading.Lock()

    def start(self, targets: Sequence[str], prefix: Sequence[str | Path] = (), **settings: object) -> None:
        """Starts the emitter, also again."""
        chosen = {
            "targets": list(targets), "token": self._token, "policy": self.policy, "journal": self.journal, "run": self.run,
            "maxQueueBytes": MAX_QUEUE_BYTES, "maxBatchBytes": MAX_BATCH_BYTES, "maxBatchEvents": MAX_BATCH_EVENTS,
            **settings,
        }  # fmt: skip
        self._max_queue_bytes = chosen["maxQueueBytes"]
        started = EmitterProcess(chosen, self._observe, prefix)
        with self._using:
            self.process = started
            self._commands = set()
            self.start_count += 1

    def kill(self) -> None:
        """Ends the emitter as a crash does: what it has not answered it has not promised."""
        with self._using:
            self.process.kill()

    def shut_down(self) -> None:
        """Has the emitter give up what it can't send: whoever waits is told at once, and what can be kept is in the journal."""
        self.process.ask("shutdown", timeoutMs=SHUTDOWN_MILLISECONDS)
        try:
            eventually(lambda: not self.unanswered(), seconds=SHUTDOWN_ANSWER_SECONDS)
        except AssertionError:
            self.faults.append(f"commands are unanswered {SHUTDOWN_ANSWER_SECONDS} s after the shutdown: {self.unanswered()}")
        stats = self.process.ask("stats")["stats"]
        self.left_count = stats["journalled"]
        if stats["queued"] != stats["journalled"] or stats["queuedBytes"] != 0:
            self.faults.append(f"shut down, and not all is dropped or in the journal: {stats}")
        self.kill()

    def kill_if_running(self) -> None:
        """For cells that didn't come to their end."""
        if self.process is not None:
            self.kill()

    def emit(self, count: int, **options: object) -> range:
        """Has so many events emitted side by side, and doesn't wait for what becomes of them. Returns their numbers."""
        with self._using:
            numbers = range(self.sent_count, self.sent_count + count)
            self.sent_count += count
            fields = {"type": KNOWN_TYPE, "reasonBytes": REASON_BYTES, "timeoutMs": LONG_MILLISECONDS, "concurrency": count}
            self._commands.add(self.process.send(self.way, **{"from": numbers.start, "count": count, **fields, **options}))
            return numbers

    def burst(self) -> None:
        """More than the queue has room for."""
        self.emit_misfits()
        for index in range(BURST_COMMANDS):
            self.emit(BURST_EVENTS, timeoutMs=LONG_MILLISECONDS if index % 2 else SHORT_MILLISECONDS)

    def emit_misfits(self) -> None:
        """An event that no batch has room for, and one that the collector rejects."""
        self.emit(1, reasonBytes=MAX_BATCH_BYTES)
        self.unacceptable.update(self.emit(1, type="no.such.type"))

    def tick(self) -> None:
        """A few events, and a look at the counters."""
        if len(self.unanswered()) < MOST_UNANSWERED_COMMANDS:
            self.emit(TICK_EVENTS)
        self.process.send("stats")

    def unanswered(self) -> set[int]:
        """The commands that have had no reply from the process that there is now."""
        return self._commands - self.process.replies.keys()

    def is_idle(self) -> bool:
        """Whether every command is answered, and nothing is left to be sent."""
        return not self.unanswered() and self.process.ask("stats")["stats"]["queued"] == 0

    def finish(self) -> None:
        """Emits a few events more, which nothing is in the way of, and ends the emitter."""
        self.emit_misfits()
        self.last_numbers = self.emit(LAST_EVENTS)
        # Commands run side by side: a flush is to find them emitted.
        eventually(lambda: not self.unanswered())
        # The first flush tells of what had been given up before, the second of nothing.
        said = self.process.ask("flush").get("error")
        if said not in (None, "evicted", "journal") and not (said == "queueFull" and self.policy != "wait"):
            self.faults.append(f"the first flush: {said}")
        for act in ("flush", "shutdown", "stats"):
            error = self.process.ask(act).get("error")
            if error:
                self.faults.append(f"{act}: {error}")
        code = self.process.end()
        if code != 0:
            self.faults.append(f"the emitter ended with code {code}")

    def _observe(self, reply: dict) -> None:
        """Takes note of a reply, and checks what must hold at each moment."""
        stats, dropped = reply["stats"], reply["dropped"]
        if not stats:
            return
        came = stats["enqueued"] + stats["recovered"]
        went = stats["committed"] + stats["rejected"] + stats["dropped"] + stats["queued"]
        if came != went or stats["dropped"] != sum(dropped.values()) or min(stats.values()) < 0:
            self.faults.append(f"the counters don't add up: {stats}, {dropped}")
        if stats["queuedBytes"] > self._max_queue_bytes:
            self.faults.append(f"{stats['queuedBytes']} bytes are queued, of {self._max_queue_bytes}")
        self.counters, self.dropped = stats, dropped
        self.peaks |= Counter(stats)
        self.kept.update(reply["kept"])
        for code, numbers in reply["failed"].items():
            self.failed.setdefault(code, set()).update(numbers)
