"""How figures grow with one thing while everything else stays."""

from collections.abc import Iterator
from dataclasses import dataclass

from .figures import events_for, rate_at_size
from .scenarios import OVERHEAD_SECONDS, Block, State
from .spec import USUAL_EVENT_BYTES, RunSpec, batch_for, in_flight_for

# What is under way altogether stays about the same, so that a curve shows what it is about.
EVENTS_UNDER_WAY = 32_000
MAX_IN_FLIGHT = 64
# So that what a connection costs once doesn't decide.
MIN_BATCHES_A_CONNECTION = 6
LONG_LOADS = 10
LONG_EVENTS = 2_000_000


@dataclass(frozen=True)
class Axis:
    """One curve: the points of the full run, and those of the quick one."""

    name: str
    title: str
    points: tuple[str, ...]
    quick_points: tuple[str, ...]
    # Who is measured beside Docket in the full run.
    beside: tuple[str, ...] = ()

    @property
    def scenario(self) -> str:
        """What its runs are called in results.json."""
        return f"growth-{self.name}"


AXES = (
    Axis("batch", "events a batch", ("1", "10", "100", "500", "1000", "10000"), ("1", "100", "10000"), ("go",)),
    Axis("connections", "connections", ("1", "10", "100", "1000"), ("1", "100", "1000"), ("go",)),
    Axis("tenants", "tenants", ("1", "100", "1000", "10000"), ("1", "1000")),
    Axis("size", "bytes an event", ("100", "350", "1024", "4096", "16384", "65536"), ("100", "4096", "65536"), ("go",)),
    Axis("transport", "transport", ("plain", "TLS", "gzip", "TLS + gzip"), ("plain", "TLS", "gzip")),
    Axis("writers", "writers", ("1", "2", "3", "4"), ("1", "4"), ("go",)),
)
LONG = Axis(
    "rows", "million rows in the table", tuple(str(2 * (index + 1)) for index in range(LONG_LOADS)), (), ()
)  # fmt: skip


def axis_points(axis: Axis, state: State) -> tuple[str, ...]:
    """The points that this run of the suite measures."""
    return axis.quick_points if state.settings.is_quick and axis is not LONG else axis.points


def most_tenants(is_quick: bool) -> int:
    """How many tenants the token has to cover."""
    axis = next(axis for axis in AXES if axis.name == "tenants")
    return max(int(point) for point in (axis.quick_points if is_quick else axis.points))


def spec_at(axis: Axis, point: str, contestant: str, state: State) -> RunSpec:
    """The run at one point of a curve."""
    rate = state.rate(contestant)
    spec = RunSpec(
        axis.scenario, contestant, point=point, writers=state.settings.writers, in_flight=in_flight_for(4)
    )
    size = USUAL_EVENT_BYTES
    if axis.name == "batch":
        batch = int(point)
        under_way = max(1, min(MAX_IN_FLIGHT, EVENTS_UNDER_WAY // (spec.connections * batch)))
        spec = spec.with_(batch=batch, in_flight=under_way)
        rate = state.rate_at_batch(contestant, batch)
    elif axis.name == "connections":
        connections = int(point)
        spec = spec.with_(connections=connections, in_flight=in_flight_for(connections))
    elif axis.name == "tenants":
        spec = spec.with_(tenants=int(point))
    elif axis.name == "size":
        size = int(point)
        batch = batch_for(size)
        under_way = EVENTS_UNDER_WAY * USUAL_EVENT_BYTES // (spec.connections * batch * size)
        spec = spec.with_(batch=batch, event_bytes=size, in_flight=max(2, min(16, under_way)))
        rate = rate_at_size(size, rate)
    elif axis.name == "transport":
        spec = spec.with_(tls="TLS" in point, gzip="gzip" in point)
        rate = rate / 4 if spec.gzip else rate
    elif axis.name == "writers":
        spec = spec.with_(writers=int(point))
    events = events_for(rate, state.settings.growth_seconds, spec.batch, size)
    least = spec.connections * spec.batch * MIN_BATCHES_A_CONNECTION
    return spec.with_(events=max(events, least if size == USUAL_EVENT_BYTES else spec.batch))


def _contestants(axis: Axis, state: State) -> list[str]:
    return state.among("docket", *(() if state.settings.is_quick else axis.beside))


def _block(axis: Axis) -> Block:
    def specs(state: State) -> Iterator[RunSpec]:
        for point in axis_points(axis, state):
            for name in _contestants(axis, state):
                yield spec_at(axis, point, name, state)

    def seconds(state: State) -> float:
        runs = len(axis_points(axis, state)) * len(_contestants(axis, state))
        return runs * (OVERHEAD_SECONDS + 1.8 * state.settings.growth_seconds)

    return Block(axis.scenario, f"Growth: {axis.title}", specs, seconds)


def _long_block() -> Block:
    def specs(state: State) -> Iterator[RunSpec]:
        for index, point in enumerate(LONG.points if state.settings.is_long else ()):
            for name in state.among("docket"):
                yield RunSpec(
                    LONG.scenario, name, point=point, events=LONG_EVENTS, in_flight=state.settings.in_flight,
                    writers=state.settings.writers, keep_data=index > 0, segment_rows=LONG_EVENTS,
                )  # fmt: skip

    def seconds(state: State) -> float:
        rate = state.trial_rates.get("docket", 200_000)
        return len(LONG.points) * (OVERHEAD_SECONDS + 4 * LONG_EVENTS / rate) if state.settings.is_long else 0

    return Block(LONG.scenario, f"Growth: {LONG.title}", specs, seconds)


GROWTH_BLOCKS = (*(_block(axis) for axis in AXES), _long_block())
