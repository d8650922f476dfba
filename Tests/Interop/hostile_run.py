"""An emitter against a hostile collector, from its warming up to its end and the life after it, and what must hold."""

import time
from pathlib import Path

from watched_emitter import WatchedEmitter
from hostile_collector import HostileCollector
from resident import is_within
from waiting import PAUSE_SECONDS, eventually

# Events that wait are this many at the most before more are emitted.
MOST_QUEUED = 400
STATS_SECONDS = 10
ROUND_SECONDS = 300
# What a round may leave behind: the allocator's slack after messages of megabytes, and the log's buffers.
MOST_GROWTH_BYTES = 64 << 20


class HostileRun:
    """One emitter with a journal."""

    def __init__(self, folder: Path, collector: HostileCollector, settings: dict[str, object]):
        self.collector, self.ledger = collector, collector.ledger
        self._settings = {
            "token": "t", "journal": str(folder / "journal"), "run": 1, **settings,
        }  # fmt: skip
        self._most_in_batch = int(settings.get("maxBatchEvents", 500))
        self._next_event = 0
        # What each way of emitting has promised, by the number of the event.
        self.kept: dict[str, set[int]] = {"emit": set(), "emitDurably": set(), "emitAndWait": set()}
        self.failed: dict[str, set[int]] = {}
        self._waiting: dict[int, str] = {}
        self.residents: list[int] = []
        self._descriptors = 0
        self._faults: list[str] = []
        # What each life has said and used at its end.
        self.lives: list[dict[str, int]] = []
        self.processor_seconds: list[float] = []
        self.emitter = self._start()
        self._warm_up()

    def stop(self) -> None:
        # Shown of a test that fails.
        print(self.collector.log())
        self.emitter.kill()
        self.collector.stop()

    # MARK: The course

    def _start(self) -> WatchedEmitter:
        return WatchedEmitter(**self._settings)

    def _warm_up(self) -> None:
        """What is allocated and opened once, is so before anything is measured."""
        self.collector.turn(honest=True)
        for _ in range(10):
            self._emit_all_ways()
            self._wait_for_replies()
        self.come_to_rest()

    def be_hostile(self, connections: int) -> None:
        """Emits until so many connections have been spoilt."""
        last = self.collector.connections + connections
        self.collector.turn(honest=False)
        deadline = time.monotonic() + ROUND_SECONDS
        while self.collector.connections < last:
            assert time.monotonic() < deadline, f"the client gave up: {self.emitter.stats()}"
            stats = self.emitter.wait(self.emitter.send("stats"), STATS_SECONDS)["stats"]
            self._check_confirmed(stats)
            if stats["queued"] < MOST_QUEUED:
                self._emit_all_ways()
            self._take_replies()
            time.sleep(PAUSE_SECONDS)

    def come_to_rest(self) -> None:
        """The collector accepts everything: all is answered, and nothing is left of the trouble."""
        self.collector.turn(honest=True)
        self._wait_for_replies()
        eventually(lambda: self._left() == 0, lambda: f"{self._left()} events stay queued: {self.emitter.stats()}", 30)
        # Whatever was closed or not: from here on there is a connection.
        self._emit("emitAndWait", 1, timeoutMs=10_000)
        self._wait_for_replies()
        self._descriptors = self._descriptors or self.emitter.descriptors()
        # What an earlier life left has a connection of its own.
        most = self._descriptors + len(self.lives)
        eventually(
            lambda: self.emitter.descriptors() <= most,
            lambda: f"open are {self.emitter.open_files()}, {most} may be", 15,
        )  # fmt: skip
        self.residents.append(self.emitter.resident_bytes())
        growth = self.residents[-1] - self.residents[0]
        assert is_within(growth, MOST_GROWTH_BYTES), f"resident bytes grew by {growth}: {self.residents}"

    def end(self) -> None:
        """Shuts the client down, as a process does that ends."""
        reply = self.emitter.ask("shutdown", timeoutMs=500)
        self._wait_for_replies()
        self.lives.append(reply["stats"])
        self.processor_seconds.append(self.emitter.processor_seconds())
        code = self.emitter.end()
        assert code == 0, f"the emitter ended with code {code}:\n{self.emitter.log()[-3000:]}"
        assert reply["stats"]["queued"] == reply["stats"]["journalled"], reply

    def begin_again(self) -> None:
        """The next process finds what the last one left."""
        self._faults += self.emitter.faults
        self.emitter.kill()
        self.emitter = self._start()

    def is_recovered(self) -> bool:
        """Whether it has all been read."""
        return self.emitter.stats()["recovered"] == self.lives[0]["journalled"]

    # MARK: Emitting

    def _emit_all_ways(self) -> None:
        self._emit("emit", 10)
        self._emit("emitDurably", 4, concurrency=4)
        self._emit("emitAndWait", 4, concurrency=4, timeoutMs=1500)

    def _emit(self, way: str, count: int, **more: object) -> None:
        first, self._next_event = self._next_event, self._next_event + count
        if way == "emit":
            self.kept[way].update(range(first, first + count))
        self._waiting[self.emitter.send(way, **{"from": first}, count=count, **more)] = way

    def _take_replies(self) -> None:
        for number in [number for number in self._waiting if self.emitter.has_answered(number)]:
            self._take_reply(number)

    def _take_reply(self, number: int) -> None:
        reply, way = self.emitter.wait(number), self._waiting.pop(number)
        self.kept[way].update(reply["kept"])
        for code, numbers in reply["failed"].items():
            self.failed.setdefault(f"{way}: {code}", set()).update(numbers)

    def _wait_for_replies(self) -> None:
        for number in list(self._waiting):
            self._take_reply(number)

    # MARK: What must hold

    def _left(self) -> int:
        """Events that wait, and weren't told to."""
        waiting = sum(len(self.ledger.batches[key]) for key in self.ledger.told_to_wait)
        return max(0, self.emitter.stats()["queued"] - waiting)

    def _check_confirmed(self, stats: dict[str, int]) -> None:
        said, given = stats["committed"] + stats["rejected"], self.ledger.confirmed_events(self._most_in_batch)
        assert said <= given, f"{said} events count as judged, of which {given} were at the most: {stats}"

    def audit(self) -> None:
        """Compares what was promised with what the collector has seen."""
        problems = [*self.ledger.faults, *self._faults, *self.emitter.faults]
        if "Fatal error" in (errors := self.emitter.log()):
            problems.append(errors[errors.index("Fatal error") :][:500])
        committed, rejected = self.kept["emitAndWait"], self.failed.get("emitAndWait: rejected", set())
        problems += [f"event {one} counts as committed" for one in committed if not self._was_told(one, is_rejected=False)]
        problems += [f"event {one} counts as rejected" for one in rejected if not self._was_told(one, is_rejected=True)]
        unseen = self.ledger.unseen_events(self._most_in_batch)
        gone = sum(life["dropped"] for life in self.lives) + unseen
        for way, most in (("emit", gone), ("emitDurably", gone), ("emitAndWait", unseen)):
            missing = self.kept[way] - self.ledger.places.keys()
            if len(missing) > most:
                problems.append(f"{len(missing)} events of {way} never came, of {most} at the most: {sorted(missing)[:9]}")
        assert not problems, "\n".join(problems[:20])

    def _was_told(self, number: int, *, is_rejected: bool) -> bool:
        """Whether the collector has given a verdict that said so of an event, if that came."""
        if number not in self.ledger.places:
            return True
        key, index = self.ledger.places[number]
        return any((index in rejected) == is_rejected for rejected in self.ledger.verdicts.get(key, ()))
