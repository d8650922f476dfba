"""Percentiles of windows, and medians over rounds."""

import statistics
from dataclasses import dataclass, field

from percentiles import percentile


@dataclass(frozen=True)
class Sample:
    """One batch of the neighbour."""

    due: float
    microseconds: float
    code: str


def of_window(samples: list[Sample], begin: float, end: float) -> dict:
    """The figures of the batches that were due within a window; milliseconds."""
    inside = [one for one in samples if begin <= one.due < end]
    took = [one.microseconds / 1000 for one in inside]
    if not took:
        return {"count": 0, "failed": 0}
    return {
        "count": len(took),
        "failed": sum(one.code != "OK" for one in inside),
        "p50": round(percentile(took, 0.5), 3),
        "p90": round(percentile(took, 0.9), 3),
        "p99": round(percentile(took, 0.99), 3),
        "most": round(max(took), 3),
        "worst": [round(one, 1) for one in sorted(took, reverse=True)[:10]],
    }


@dataclass(frozen=True)
class Row:
    """What the rounds of one attack come to, in milliseconds."""

    quiet: list[float]
    meanwhile: list[float]
    failed: int
    # The same as `meanwhile`, but the attack goes to another collector on the machine; empty where that wasn't made.
    elsewhere: list[float] = field(default_factory=list)

    @property
    def ratio(self) -> float:
        """How many times its quiet value the neighbour's p99 was."""
        return statistics.median(self.meanwhile) / statistics.median(self.quiet)


def row(rounds: list[dict]) -> Row:
    """Of one attack's rounds, each with the figures of its quiet time and of the attack."""
    own = [one for one in rounds if not one.get("elsewhere")]
    return Row(
        [one["quiet"]["p99"] for one in own],
        [one["attack"]["p99"] for one in own],
        sum(one["attack"]["failed"] for one in rounds),
        [one["attack"]["p99"] for one in rounds if one.get("elsewhere")],
    )
