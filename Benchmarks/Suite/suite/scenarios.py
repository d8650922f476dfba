"""What is measured: blocks of runs that belong together, in the order in which contestants take turns."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from .figures import events_for, rate_at_batch, ratio
from .results import Results
from .spec import RunSpec

# How much of its rate without indexes a contestant keeps at least a guess for when indexes are kept up.
INDEXED_SHARE = 0.12
# And Docket with sealing.
SUSTAINED_SHARE = 0.4
# What a slow contestant, whose time is its own rather than PostgreSQL's, keeps.
INDEXED_SPEED = 0.5
# Segments that the events would fill. Rotation looks at a segment several times a second only: with few events more are
# aimed at, so that at least five come about.
ROTATIONS, ROTATIONS_OF_FEW, FEW_EVENTS = 6, 10, 1_500_000
LATENCY_LOADS = (20, 50, 80)
EQUAL_LATENCY_FACTOR = 2
# A run's costs beside the load: a new database, starting, making the events, stopping, counting.
OVERHEAD_SECONDS = 2.5
# Of the load's time: the faster a contestant, the more events have to be made. The loader's are made once for all
# rounds.
MAKING_SHARES = {"docket": 1.0, "grpc-swift": 0.7}
USUAL_MAKING_SHARE = 0.4
# How many times a usual run somebody may take to index as many events as Docket seals; others get fewer events.
INDEXED_TIMES = {"go": 5.0, "loader": 5.0}
USUAL_INDEXED_TIMES = 2.0
# And how many times each is thought to take.
INDEXED_GUESSES = {"go": 4.5, "loader": 1.8}
SINGLE_IN_FLIGHT = 64


@dataclass(frozen=True)
class Settings:
    """How long and how often."""

    is_quick: bool
    seconds: float
    growth_seconds: float
    limit_seconds: float
    rounds: dict[str, int]
    in_flight: int = 16
    writers: int = 2
    is_long: bool = False


@dataclass
class State:
    """What blocks know when they make their runs: who takes part, and the rates until now."""

    settings: Settings
    results: Results
    present: list[str]
    # Events a second in short trials: of usual batches, and of batches of one event.
    trial_rates: dict[str, float] = field(default_factory=dict)
    trial_single_rates: dict[str, float] = field(default_factory=dict)

    def rate(self, contestant: str) -> float:
        """Events a second at saturation with usual batches."""
        measured = self.results.spread("burst", contestant, "events_per_second")
        return measured.median if measured else self.trial_rates[contestant]

    def single_rate(self, contestant: str) -> float:
        """Events a second at saturation with batches of one event."""
        measured = self.results.spread("single", contestant, "events_per_second")
        return measured.median if measured else self.trial_single_rates.get(contestant, self.rate(contestant) / 8)

    def rate_at_batch(self, contestant: str, batch: int) -> float:
        """A guess for another batch size."""
        return rate_at_batch(batch, self.rate(contestant), self.single_rate(contestant))

    def among(self, *names: str) -> list[str]:
        """Those of the names that take part."""
        return [name for name in names if name in self.present]


@dataclass(frozen=True)
class Block:
    """Runs that are repeated together, round by round."""

    name: str
    title: str
    # The runs of one round; a later one may look at the results of an earlier one.
    specs: Callable[[State], Iterator[RunSpec]]
    # A guess of a round's time, before anything is known.
    seconds_per_round: Callable[[State], float]
    needs_single_trials: Callable[[State], list[str]] = lambda state: []


def _usual(state: State, scenario: str, contestant: str, seconds: float) -> RunSpec:
    return RunSpec(
        scenario, contestant, events=events_for(state.rate(contestant), seconds, 500),
        in_flight=state.settings.in_flight, writers=state.settings.writers,
    )  # fmt: skip


def _run_seconds(seconds: float, name: str) -> float:
    return OVERHEAD_SECONDS + (1 + MAKING_SHARES.get(name, USUAL_MAKING_SHARE)) * seconds


def _burst(state: State) -> Iterator[RunSpec]:
    for name in state.present:
        yield _usual(state, "burst", name, state.settings.seconds)


def _burst_seconds(state: State) -> float:
    return sum(_run_seconds(state.settings.seconds, name) for name in state.present)


def _indexed_contestants(state: State) -> list[str]:
    return state.among("loader", "docket", "go") if state.settings.is_quick else state.present


def _indexed(state: State) -> Iterator[RunSpec]:
    """Docket and what runs in its place until everything is sealed; the others with the same indexes kept up."""
    names = _indexed_contestants(state)
    if not names:
        return
    seconds = state.settings.seconds
    leader = "docket" if "docket" in names else max(names, key=state.rate)
    share = SUSTAINED_SHARE if leader == "docket" else INDEXED_SHARE
    events = events_for(share * state.rate(leader), seconds, 500)
    for name in names:
        spec = _usual(state, "indexed", name, seconds).with_(table="indexed", events=events)
        if name == "docket":
            yield spec.with_(segment_rows=events // (ROTATIONS_OF_FEW if events < FEW_EVENTS else ROTATIONS))
        elif name != "grpc-swift":
            # A slow one takes fewer, which is to its advantage: its indexes stay small.
            longest = INDEXED_TIMES.get(name, USUAL_INDEXED_TIMES) * seconds
            most = events_for(state.rate(name) * INDEXED_SPEED, longest, 500)
            yield spec.with_(events=min(events, most))


def _indexed_seconds(state: State) -> float:
    times = [
        INDEXED_GUESSES.get(name, USUAL_INDEXED_TIMES) for name in _indexed_contestants(state) if name != "grpc-swift"
    ]
    return sum(OVERHEAD_SECONDS + one * state.settings.seconds for one in times)


def _single_contestants(state: State) -> list[str]:
    if state.settings.is_quick:
        return state.among("docket", "go")
    return [name for name in state.present if name not in ("loader", "rsyslog", "python-queue")]


def _single(state: State) -> Iterator[RunSpec]:
    seconds = state.settings.seconds
    usual = RunSpec("single", "", batch=1, in_flight=SINGLE_IN_FLIGHT, writers=state.settings.writers)
    names = _single_contestants(state)
    for name in names:
        yield usual.with_(contestant=name, events=events_for(state.single_rate(name), seconds, 1))
    if "docket" in names and "go" in names and state.results.spread("single", "go", "events_per_second"):
        rate = round(EQUAL_LATENCY_FACTOR * state.single_rate("go"))
        whole = max(1, round(seconds))
        yield usual.with_(scenario="single-rate", contestant="docket", rate=rate, seconds=whole, events=rate * whole)


def _single_seconds(state: State) -> float:
    return (len(_single_contestants(state)) + 1) * (OVERHEAD_SECONDS + 1.2 * state.settings.seconds)


def _latency_contestants(state: State) -> list[str]:
    return state.among("docket", "go") if state.settings.is_quick else state.among("docket", "go", "python-copy")


def _latency(state: State) -> Iterator[RunSpec]:
    whole = max(1, round(state.settings.seconds))
    for load in LATENCY_LOADS:
        for name in _latency_contestants(state):
            rate = max(100, round(state.rate(name) * load / 100, -2))
            yield _usual(state, "latency", name, whole).with_(
                point=f"{load}", rate=int(rate), seconds=whole, events=int(rate) * whole
            )


def _latency_seconds(state: State) -> float:
    runs = len(LATENCY_LOADS) * len(_latency_contestants(state))
    return runs * (OVERHEAD_SECONDS + 1.4 * state.settings.seconds)


MAIN_BLOCKS = (
    Block("burst", "Burst, no index", _burst, _burst_seconds),
    Block("indexed", "With the readers' indexes", _indexed, _indexed_seconds),
    Block("single", "Batches of one event", _single, _single_seconds, _single_contestants),
    Block("latency", "Latency by load", _latency, _latency_seconds),
)


def equal_latency_ratio(results: Results) -> float | None:
    """How many times Go's rate Docket was offered and has acknowledged."""
    docket = results.spread("single-rate", "docket", "events_per_second")
    return ratio(docket, results.spread("single", "go", "events_per_second"))
