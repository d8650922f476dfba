"""The time plan."""

from suite.timeplan import TimePlan


def rounds(plan: TimePlan) -> list[int]:
    return [share.rounds for share in plan.shares]


def test_everything_is_planned_when_there_is_time() -> None:
    plan = TimePlan(1000, [("a", 10, 5), ("b", 20, 3)], before_seconds=10)
    assert rounds(plan) == [5, 3]
    assert plan.total_seconds == 10 + 50 + 60


def test_each_block_gets_a_first_round_before_any_gets_a_second() -> None:
    assert rounds(TimePlan(60, [("a", 20, 5), ("b", 20, 5), ("c", 20, 5)])) == [1, 1, 1]
    assert rounds(TimePlan(100, [("a", 20, 5), ("b", 20, 5), ("c", 20, 5)])) == [2, 2, 1]


def test_a_block_that_does_not_fit_gets_no_round_and_leaves_the_time_to_others() -> None:
    assert rounds(TimePlan(50, [("a", 20, 1), ("b", 100, 1), ("c", 20, 1)])) == [1, 0, 1]


def test_the_plan_stays_within_the_limit() -> None:
    for limit in range(10, 400, 7):
        plan = TimePlan(limit, [("a", 17, 5), ("b", 31, 3), ("c", 5, 2)], before_seconds=5)
        assert plan.total_seconds <= limit or rounds(plan) == [0, 0, 0]


def test_a_block_without_wanted_rounds_never_runs() -> None:
    plan = TimePlan(1000, [("a", 10, 1), ("long", 10, 0)])
    assert rounds(plan) == [1, 0]
    assert not plan.allows("long", 0, 0)


def test_no_more_rounds_run_than_are_wanted() -> None:
    plan = TimePlan(1000, [("a", 10, 2)])
    assert plan.allows("a", 1, 10)
    assert not plan.allows("a", 2, 20)


def test_a_fast_machine_gets_more_rounds_than_planned_but_none_that_later_ones_need() -> None:
    plan = TimePlan(100, [("a", 30, 4), ("b", 35, 1)])
    assert rounds(plan) == [2, 1]
    assert not plan.allows("a", 2, 60)
    plan.record("a", 10)
    plan.record("a", 10)
    # 10 s more for a, about 12 for b.
    assert plan.allows("a", 2, 20)
    assert not plan.allows("a", 2, 90)


def test_a_slow_machine_gets_fewer_rounds_so_that_later_blocks_are_measured() -> None:
    plan = TimePlan(100, [("a", 20, 3), ("b", 20, 1)])
    assert rounds(plan) == [3, 1]
    assert plan.allows("a", 0, 0)
    plan.record("a", 45)
    assert plan.slowness == 2.25
    # Another 45 s, and 45 for b, would end at 135 s.
    assert not plan.allows("a", 1, 45)
    assert plan.allows("b", 0, 45)


def test_nothing_begins_that_would_end_after_the_limit() -> None:
    plan = TimePlan(100, [("a", 20, 1), ("b", 20, 1)])
    plan.record("a", 20)
    assert plan.allows("b", 0, 80)
    assert not plan.allows("b", 0, 81)


def test_the_rest_is_reckoned_at_the_pace_until_now() -> None:
    plan = TimePlan(1000, [("a", 10, 2), ("b", 20, 1)])
    assert plan.left_seconds("a", 0) == 40
    plan.record("a", 20)
    assert plan.left_seconds("a", 1) == 60


def test_the_plan_tells_each_block() -> None:
    lines = TimePlan(70, [("burst", 20, 5), ("single", 100, 1)]).lines()
    assert any("burst" in line and "3 × 20 s of 5 rounds wanted" in line for line in lines)
    assert any("single" in line and "only if time is left" in line for line in lines)
