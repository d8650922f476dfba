"""`make query-bench` on a small log: that it measures, that it finds what it asks for, and what it makes of its figures."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from stubs import ROOT

MEASURE = ROOT / "Benchmarks" / "Query" / "measure.py"
sys.path += [str(MEASURE.parent), str(ROOT / "Benchmarks" / "Common")]

import latency  # noqa: E402
import query_report  # noqa: E402

SMALL = ("--events", "4000", "--segments", "2", "--tenants", "4", "--calls", "3", "--rate", "500")
EACH_ONCE = {"missing": 0, "twice": 0, "is_whole": True}


def measured(*arguments: object) -> tuple[dict, str]:
    """The results, and what was printed."""
    ended = subprocess.run(
        [sys.executable, MEASURE, *map(str, arguments)], check=False, capture_output=True, text=True, timeout=300
    )
    assert ended.returncode == 0, ended.stderr
    return json.loads((Path(arguments[-1]) / "query.json").read_text()), ended.stdout


def test_a_small_log_is_filled_and_measured_and_measured_again(tmp_path: Path) -> None:
    # PostgreSQL's own user has no way into pytest's folders, and its socket's path is short.
    folder = Path(f"/tmp/docket-query-{tmp_path.name}-{id(tmp_path):x}")
    try:
        first, printed = measured(*SMALL, "--keep", folder, "--output", tmp_path)
        assert len(first["latency"]["questions"]) == 8
        assert all(one["calls"] == 3 and one["p99"] <= one["max"] for one in first["latency"]["questions"])
        assert all(statements and all(one["scans"] for one in statements) for statements in first["plans"].values())
        for one in first["paging"]:
            assert one["rows_at_start"] > 1000
            assert one["rows"] == one["rows_at_start"] + one["new"]
            assert one.items() >= EACH_ONCE.items()
        assert all(one["kind"] in printed for one in first["latency"]["questions"])
        again, _ = measured("--reuse", folder, "--only", "paging", "--rate", "500", "--merge", "--output", tmp_path)
        assert again["latency"] == first["latency"]
        assert again["paging"][0]["rows_at_start"] > first["paging"][0]["rows_at_start"]
        assert all(one.items() >= EACH_ONCE.items() for one in again["paging"])
    finally:
        subprocess.run(["rm", "-rf", folder], check=True)


@pytest.mark.parametrize(
    ("arguments", "what"),
    [(("--events", "1999", "--segments", "2"), "1,000 rows"), (("--only", "speed"), "no part speed"),
     (("--reuse", "/nowhere"), "/nowhere holds no log"), (("--keep", "/proc/self"), "not empty")],
)  # fmt: skip
def test_what_can_not_be_measured_is_refused(arguments: tuple[str, ...], what: str) -> None:
    ended = subprocess.run([sys.executable, MEASURE, *arguments], check=False, capture_output=True, text=True, timeout=60)
    assert ended.returncode != 0
    assert what in ended.stderr


def test_scans_that_are_alike_are_told_together() -> None:
    def scan(table: str, **fields: object) -> dict:
        return {"Node Type": "Index Scan", "Relation Name": table, "Actual Rows": 2, "Actual Loops": 1, "Shared Hit Blocks": 3} | fields

    plan = {"Node Type": "Append", "Plans": [
        scan("events_000001", **{"Index Name": "events_000001_event_id", "Rows Removed by Filter": 1}),
        scan("events_000002", **{"Index Name": "events_000002_event_id", "Shared Read Blocks": 4}),
        scan("events_000003", **{"Index Name": "events_000003_event_id", "Actual Loops": 0}),
        scan("events_000004", **{"Node Type": "Seq Scan", "Rows Removed by Filter": 998}),
        scan("tenants"),
    ]}  # fmt: skip
    assert latency.scans(plan, "events_000004") == [
        "Index Scan by event_id on 2 sealed segments: 4 of 5 rows, 10 blocks",
        "not executed on 1 sealed segment",
        "Seq Scan on the hot segment: 2 of 1,000 rows, 3 blocks",
    ]


def test_a_limit_is_held_by_what_stays_below_it() -> None:
    assert query_report.held({"p99": 49.9, "limit_ms": 50}) == "yes"
    assert query_report.held({"p99": 50.0, "limit_ms": 50}) == "NO"
    assert query_report.held({"limit_ms": 50}) == "not measured"


def test_paging_that_misses_a_row_or_ends_early_is_told() -> None:
    numbers = {"rows_at_start": 5, "new": 0, "pages": 1, "seconds": 1.0, "rows_per_second": 5, "events_per_second": 1, "segments_closed": 0}
    rows = [numbers | {"order": "newest first", "missing": missing, "twice": twice, "is_whole": is_whole}
            for missing, twice, is_whole in ((0, 0, True), (1, 0, True), (0, 1, True), (3, 0, False))]  # fmt: skip
    ends = [line.rsplit("  ", 1)[1].strip() for line in query_report.paged(rows).splitlines()[1:]]
    assert ends == ["yes", "NO", "NO", "broken off"]
