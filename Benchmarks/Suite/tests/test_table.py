"""Tables and the report."""

from samples import results, run

from suite.figures import spread
from suite.report import report
from suite.table import cell, markdown, times


def test_columns_line_up_and_numbers_stand_to_the_right() -> None:
    assert markdown(["", "events/s"], [["Docket", "1,234"], ["Go", "99"]]) == (
        "|        | events/s |\n"
        "| ------ | -------: |\n"
        "| Docket |    1,234 |\n"
        "| Go     |       99 |"
    )  # fmt: skip


def test_a_cell_shows_the_range_of_several_runs() -> None:
    assert cell(spread([1200.4])) == "1,200"
    assert cell(spread([1, 2, 4]), 1) == "2.0 (1.0–4.0)"
    assert cell(spread([5, 5])) == "5"
    assert cell(None) == "–"


def test_a_ratio_is_a_number_of_times() -> None:
    assert times(2.345) == "2.35 ×" or times(2.345) == "2.34 ×"
    assert times(12.34) == "12.3 ×"
    assert times(None) == "–"


def test_the_report_compares_medians_with_the_loader_and_the_peers() -> None:
    text = report(results(
        run("burst", "loader", 1000), run("burst", "docket", 500), run("burst", "docket", 600, 1),
        run("burst", "docket", 700, 2), run("burst", "go", 200),
    ))  # fmt: skip
    assert "600 (500–700)" in text
    assert "Docket reaches 60 % of the bare loader's events/s" in text
    assert "Docket reaches 3.00 × Go" in text


def test_all_processor_time_is_that_of_the_three_together() -> None:
    text = report(results(run("burst", "docket", 500)))
    assert "|    3.50 |" in next(line for line in text.split("\n") if line.startswith("| Docket"))


def test_the_report_says_who_was_not_measured_and_what_failed() -> None:
    failed = {"scenario": "burst", "contestant": "go", "round": 0, "point": "", "error": "3 events are missing"}
    made = results(run("burst", "docket", 500), failed, missing={"rsyslog": "it can't be built"})
    made.note("the load average is 7")
    text = report(made)
    assert "rsyslog was not measured: it can't be built." in text
    assert "FAILED: Go (burst, round 1): 3 events are missing" in text
    assert "the load average is 7" in text
    assert "| Go " not in text


def test_a_failed_run_is_in_no_median() -> None:
    made = results(run("burst", "docket", 500), {**run("burst", "docket", 9), "error": "rows are missing"})
    assert made.spread("burst", "docket", "events_per_second") == spread([500])
    assert len(made.failed_runs) == 1


def test_every_table_is_a_rectangle() -> None:
    made = results(
        run("burst", "docket", 5), run("indexed", "docket", 5, acknowledged_per_second=9.0, sealed_segments=6),
        run("indexed", "go", 2), run("single", "docket", 5), run("single", "go", 2), run("single-rate", "docket", 4),
        run("latency", "docket", 5, point="20"), run("growth-batch", "docket", 5, point="1"),
        run("growth-transport", "docket", 5, point="TLS"), run("growth-rows", "docket", 5, point="2"),
    )  # fmt: skip
    blocks = [block.split("\n") for block in report(made).split("\n\n") if block.startswith("|")]
    assert len(blocks) == 7
    for block in blocks:
        assert len({line.count("|") for line in block}) == 1
        assert len({len(line) for line in block}) == 1
