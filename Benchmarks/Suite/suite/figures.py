"""The pure arithmetic: medians and spreads, how many events a run takes, what a ratio is."""

import math
import statistics
from dataclasses import dataclass

# The load generator holds all events of a run in memory, about 1 KiB each beside their attributes.
MAX_EVENTS = 4_000_000
MIN_EVENTS = 20_000
MAX_TOTAL_BYTES = 1_500_000_000


@dataclass(frozen=True)
class Spread:
    """A median with the smallest and the largest value."""

    median: float
    least: float
    most: float
    count: int


def spread(values: list[float]) -> Spread | None:
    """Of all runs of one kind; None without any."""
    if not values:
        return None
    return Spread(statistics.median(values), min(values), max(values), len(values))


def ratio(one: Spread | None, other: Spread | None) -> float | None:
    """How many times the other's median the one's is."""
    if one is None or other is None or other.median == 0:
        return None
    return one.median / other.median


def events_for(rate: float, seconds: float, batch: int, event_bytes: int = 350) -> int:
    """How many events keep a contestant of this rate busy for so long, in whole batches.

    At least 20,000 unless they would take three times as long, and never more than the load generator can hold.
    """
    wanted = rate * seconds
    if wanted < MIN_EVENTS:
        wanted = min(MIN_EVENTS, 3 * wanted)
    most = max(batch, min(MAX_EVENTS, MAX_TOTAL_BYTES // max(350, event_bytes)))
    batches = max(1, math.ceil(min(wanted, most) / batch))
    return min(batches, max(1, most // batch)) * batch


def next_calibration(events: int, seconds: float, batch: int, enough_seconds: float = 0.7) -> int | None:
    """How many events a longer trial takes when the last was too short to tell a rate; None when it was long enough."""
    if seconds >= enough_seconds or events >= MAX_EVENTS:
        return None
    # A trial that ended at once says little about the rate: not more than sixteen times as many in one step.
    factor = min(16.0, 1.2 * enough_seconds / max(seconds, 1e-3))
    return min(MAX_EVENTS, math.ceil(events * factor / batch) * batch)


def rate_at_batch(batch: int, rate_of_batches: float, rate_of_singles: float, usual_batch: int = 500) -> float:
    """Events a second at another batch size, if a batch costs a fixed time beside that of its events."""
    per_single, per_event = 1 / rate_of_singles, 1 / rate_of_batches
    per_batch = max(0.0, (per_single - per_event) / (1 - 1 / usual_batch))
    own = max(0.2 * per_event, per_event - per_batch / usual_batch)
    return 1 / (own + per_batch / batch)


def rate_at_size(event_bytes: int, rate: float, usual_bytes: int = 350) -> float:
    """Events a second at another size, if half the cost of a usual event is that of its bytes."""
    return rate / (0.5 + 0.5 * event_bytes / usual_bytes)
