"""Percentiles."""

import math


def percentile(values: list[float], share: float) -> float:
    """The least value that so large a share of all is not above (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]
