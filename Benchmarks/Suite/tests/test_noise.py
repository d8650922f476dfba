"""What else used the processors."""

import pytest

from suite import noise
from suite.noise import note

@pytest.mark.parametrize(("busy", "own", "measured", "share"), [(20.0, 1.0, 9.0, 0.5), (10.0, 1.0, 9.0, 0.0)])
def test_noise_is_what_nobody_of_the_run_has_used(
    monkeypatch: pytest.MonkeyPatch, busy: float, own: float, measured: float, share: float
) -> None:
    clock = iter([100.0, 110.0])
    monkeypatch.setattr(noise.time, "monotonic", lambda: next(clock))
    monkeypatch.setattr(noise.os, "cpu_count", lambda: 2)
    monkeypatch.setattr(noise, "_busy_seconds", iter([5.0, 5.0 + busy]).__next__)
    monkeypatch.setattr(noise, "_own_seconds", iter([3.0, 3.0 + own]).__next__)
    assert noise.Noise().share(measured) == share


def test_disturbed_runs_are_counted() -> None:
    assert note([{"foreign_share": 0.01}, {"error": "failed"}]) is None
    text = note([{"foreign_share": 0.01}, {"foreign_share": 0.3}, {"foreign_share": 0.07}])
    assert text is not None
    assert text.startswith("2 of 3 runs were disturbed")
    assert "30 % at most" in text
