"""Goes through the blocks, round by round, and keeps to the time."""

import itertools
import time
from collections import Counter
from collections.abc import Iterator

from .contestants import Contestant
from .failures import RunFailure
from .figures import next_calibration
from .measure import Bench
from .progress import Progress
from .results import Results
from .scenarios import SINGLE_IN_FLIGHT, Block, State
from .spec import RunSpec
from .timeplan import TimePlan

FIRST_TRIAL_EVENTS = 5_000
# Who fails so often in a row takes no further part.
MAX_FAILURES = 2


class Engine:
    """Runs everything that the plan has time for."""

    def __init__(self, bench: Bench, contestants: list[Contestant], state: State, plan: TimePlan, progress: Progress):
        self._bench = bench
        self._contestants = {one.name: one for one in contestants}
        self._state = state
        self._plan = plan
        self._progress = progress
        self._failures: Counter[str] = Counter()

    @property
    def _results(self) -> Results:
        return self._state.results

    def run(self, blocks: list[Block]) -> Iterator[Block]:
        """Yields each block when it is done, so that results can be kept."""
        self._calibrate(list(self._state.present), single=False)
        for block in blocks:
            if self._plan.allows(block.name, 0, self._progress.elapsed_seconds):
                self._calibrate(block.needs_single_trials(self._state), single=True)
            self._run_block(block)
            yield block

    def _run_block(self, block: Block) -> None:
        for round_index in itertools.count():
            if not self._plan.allows(block.name, round_index, self._progress.elapsed_seconds):
                break
            began = time.monotonic()
            if round_index == 0:
                self._progress.say(f"\n{block.title}")
            for spec in block.specs(self._state):
                if spec.contestant in self._state.present:
                    left = self._plan.left_seconds(block.name, round_index) - (time.monotonic() - began)
                    self._run_one(spec, round_index, max(0, left))
            self._plan.record(block.name, time.monotonic() - began)
        wanted = self._state.settings.rounds.get(block.name, 0)
        if round_index < wanted:
            self._results.note(f"{block.title}: {round_index} of {wanted} rounds, since the time was up")

    def _run_one(self, spec: RunSpec, round_index: int, left: float) -> None:
        contestant = self._contestants[spec.contestant]
        what = contestant.title + (f", {spec.point}" if spec.point else "")
        self._progress.doing(f"{what}, {spec.events:,} events", left)
        run = _identity(spec, round_index)
        try:
            run |= self._bench.run(contestant, spec, spec.events / max(1.0, self._state.rate(spec.contestant)))
        except RunFailure as failure:
            run["error"] = str(failure)
            self._progress.done(f"{what}: FAILED: {failure}", left)
            self._count_failure(spec.contestant)
        else:
            self._failures[spec.contestant] = 0
            self._progress.done(f"{what}: {_summary(run)}", left)
        self._results.add(run)

    def _calibrate(self, names: list[str], single: bool) -> None:
        """Short trials that tell how many events fill a run; the first one warms the machine up, too."""
        rates = self._state.trial_single_rates if single else self._state.trial_rates
        for name in names:
            if name in rates:
                continue
            contestant = self._contestants[name]
            self._progress.doing(f"trial of {contestant.title}")
            settings = self._state.settings
            spec = RunSpec("trial", name, in_flight=settings.in_flight, writers=settings.writers)
            if single:
                spec = spec.with_(batch=1, in_flight=SINGLE_IN_FLIGHT)
            try:
                rates[name] = self._trial_rate(contestant, spec)
            except RunFailure as failure:
                self._results.note(f"{contestant.title} is left out, since its trial failed")
                self._results.add({**_identity(spec, 0), "error": str(failure)})
                self._progress.done(f"{contestant.title} is left out: {failure}")
                self._state.present.remove(name)
                continue
            self._progress.done(f"trial of {contestant.title}: about {rates[name]:,.0f} events/s")

    def _trial_rate(self, contestant: Contestant, spec: RunSpec) -> float:
        upcoming: list[int] = [FIRST_TRIAL_EVENTS]

        def counts() -> Iterator[int]:
            while upcoming:
                yield upcoming.pop()

        rate = 0.0
        for events, seconds in self._bench.trial(contestant, spec, counts()):
            rate = events / max(seconds, 1e-6)
            more = next_calibration(events, seconds, spec.batch)
            if more:
                upcoming.append(more)
        return rate

    def _count_failure(self, name: str) -> None:
        self._failures[name] += 1
        if self._failures[name] >= MAX_FAILURES and name in self._state.present:
            self._state.present.remove(name)
            self._results.note(f"{self._results.title(name)} is left out after {MAX_FAILURES} failures in a row")
            self._progress.say(f"{self._results.title(name)} takes no further part")


def _identity(spec: RunSpec, round_index: int) -> dict:
    return {
        "scenario": spec.scenario, "contestant": spec.contestant, "round": round_index, "point": spec.point,
        "parameters": spec.parameters(),
    }  # fmt: skip


def _summary(run: dict) -> str:
    parts = [f"{run['events_per_second']:,.0f} events/s", f"collector {run['collector_microseconds']:.2f} µs/event"]
    if "p99_milliseconds" in run:
        parts.append(f"p99 {run['p99_milliseconds']:.1f} ms")
    return ", ".join(parts)
