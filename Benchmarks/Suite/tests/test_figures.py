"""Medians, calibration and guesses."""

import pytest

from suite.figures import (
    MAX_EVENTS,
    Spread,
    events_for,
    next_calibration,
    rate_at_batch,
    rate_at_size,
    ratio,
    spread,
)


def test_a_spread_holds_median_least_and_most() -> None:
    assert spread([3, 1, 10]) == Spread(3, 1, 10, 3)
    assert spread([4, 2]) == Spread(3, 2, 4, 2)
    assert spread([]) is None


def test_a_ratio_is_that_of_the_medians() -> None:
    assert ratio(spread([100, 200, 900]), spread([100])) == 2
    assert ratio(None, spread([1])) is None
    assert ratio(spread([1]), None) is None
    assert ratio(spread([1]), spread([0])) is None


def test_events_fill_the_time_in_whole_batches() -> None:
    assert events_for(100_000, 5, 500) == 500_000
    assert events_for(100_001, 5, 500) == 500_500


def test_a_run_has_twenty_thousand_events_unless_they_take_too_long() -> None:
    assert events_for(3_000, 5, 500) == 20_000
    # 100 a second: 20,000 would take 200 s.
    assert events_for(100, 5, 500) == 1_500


def test_events_are_no_more_than_fit_into_memory() -> None:
    assert events_for(10_000_000, 12, 500) == MAX_EVENTS
    many = events_for(1_000_000, 12, 50, event_bytes=65_536)
    assert many % 50 == 0
    assert 0 < many * 65_536 <= 1_500_000_000


def test_events_are_one_batch_at_least() -> None:
    assert events_for(1, 1, 10_000) == 10_000


def test_a_trial_is_repeated_until_it_is_long_enough() -> None:
    assert next_calibration(5_000, 0.7, 500) is None
    assert next_calibration(MAX_EVENTS, 0.1, 500) is None
    longer = next_calibration(5_000, 0.1, 500)
    assert longer is not None
    assert longer % 500 == 0
    assert 35_000 <= longer <= 80_000


def test_a_trial_that_ended_at_once_grows_by_a_bounded_factor() -> None:
    assert next_calibration(5_000, 0.0, 500) == 80_000


def test_the_rate_at_a_batch_size_agrees_with_both_that_were_measured() -> None:
    assert rate_at_batch(500, 300_000, 40_000) == pytest.approx(300_000)
    assert rate_at_batch(1, 300_000, 40_000) == pytest.approx(40_000, rel=0.01)
    assert 40_000 < rate_at_batch(10, 300_000, 40_000) < 300_000
    assert rate_at_batch(10_000, 300_000, 40_000) > 300_000


def test_the_rate_at_a_batch_size_is_positive_where_batches_cost_everything() -> None:
    assert rate_at_batch(10_000, 500_000, 1_000) > 0


def test_larger_events_are_slower() -> None:
    assert rate_at_size(350, 300_000) == 300_000
    assert rate_at_size(65_536, 300_000) < 5_000
