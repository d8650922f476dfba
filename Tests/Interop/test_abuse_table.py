"""The arithmetic of `make abuse`, and the table that it makes."""

import json
import sys
from pathlib import Path

import pytest

from attacks import ATTACKS
from stubs import ROOT

sys.path += [str(ROOT / "Benchmarks" / name) for name in ("Abuse", "Common")]

import figures  # noqa: E402
import report  # noqa: E402
from figures import Sample  # noqa: E402

FIRST = next(iter(ATTACKS.values()))


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [([5], 0.99, 5), (range(1, 101), 0.99, 99), (range(1, 101), 0.5, 50), (range(1, 1001), 0.99, 990), ([2, 1], 1, 2)],
)
def test_a_percentile_is_a_value_that_was_measured(values: list[float], share: float, expected: float) -> None:
    assert figures.percentile(list(values), share) == expected


def test_a_window_has_what_was_due_in_it_however_late_its_answer() -> None:
    samples = [Sample(0.9, 1000, "OK"), Sample(1.0, 5_000_000, "OK"), Sample(1.5, 2000, "UNAVAILABLE"), Sample(2, 1, "OK")]
    found = figures.of_window(samples, 1, 2)
    assert (found["count"], found["failed"], found["p50"], found["p99"]) == (2, 1, 2, 5000)
    assert figures.of_window(samples, 3, 4)["count"] == 0


def results(*rounds: tuple[float, float, int]) -> dict:
    """Of so many rounds of the first attack: p99 of the quiet time, p99 meanwhile, failed batches."""
    return {
        "machine": {"cpu": "a processor", "cores": 2},
        "settings": {"rounds": len(rounds), "seconds": 5, "rate": 100, "nice": 19},
        "rounds": [
            {
                "name": FIRST.name, "foreign_share": 0.01, "quiet": {"count": 10, "p99": quiet},
                "attack": {"count": 10, "p99": meanwhile, "failed": failed},
            }
            for quiet, meanwhile, failed in rounds
        ],
    }  # fmt: skip


def test_a_row_has_medians_and_their_ratio() -> None:
    lines = report.table(results((2, 9, 0), (4, 6, 1), (3, 100, 0))).splitlines()
    assert lines[2].endswith("| 3.0 (2.0–4.0) | 9.0 (6.0–100.0); 1 failed | 3.0 |  |")
    assert lines[3].endswith("| – | – | – | – |")
    assert len(lines) == 2 + len(ATTACKS) + 2


def test_what_was_made_elsewhere_has_its_own_column_and_no_part_in_the_ratio() -> None:
    here, there = results((2, 8, 0), (2, 8, 0)), results((50, 7, 0), (50, 9, 0))
    here["rounds"] += [one | {"elsewhere": True} for one in there["rounds"]]
    assert report.table(here).splitlines()[2].endswith("| 2.0 (2.0–2.0) | 8.0 (8.0–8.0) | 4.0 | 8.0 (7.0–9.0) |")


def test_the_table_takes_the_place_of_the_one_before(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{report.BEGIN}\nold\n{report.END}\nbehind\n")
    for _ in range(2):
        report.publish("new", page)
    assert page.read_text() == f"before\n{report.BEGIN}\nnew\n{report.END}\nbehind\n"


def test_what_was_measured_is_what_the_page_says() -> None:
    raw = ROOT / "Benchmarks" / "results" / "abuse.json"
    if not raw.exists():
        pytest.skip("make abuse has not been run")
    page = (ROOT / "docs" / "security.md").read_text()
    assert report.table(json.loads(raw.read_text())) in page, "make abuse ARGS='--report-only --publish'"
