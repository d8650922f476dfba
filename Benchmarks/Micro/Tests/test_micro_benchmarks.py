"""What a release build allocates, against the limits in thresholds.json, and that those limits catch what they should.

Allocations are counted exactly and depend on no machine's speed; nothing here looks at a time.
"""

import json
import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
PROGRAM = ROOT / ".build/release/micro-benchmarks"
THRESHOLDS = Path("Benchmarks/Micro/thresholds.json")


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs the benchmarks as briefly as they let themselves be run."""
    return subprocess.run(
        [PROGRAM, "--seconds", "0", *arguments],
        cwd=ROOT, env=os.environ | environment, capture_output=True, text=True, timeout=120, check=False,
    )


def measured(*arguments: str) -> dict[str, dict[str, object]]:
    """The figures of the chosen benchmarks, by name."""
    result = run("--json", *arguments)
    assert result.returncode == 0, result.stderr
    return {row["name"]: row for row in json.loads(result.stdout)["benchmarks"]}


def write_limits(path: Path, limits: dict[str, int]) -> str:
    path.write_text(json.dumps({"allocations_per_run": limits}), encoding="utf-8")
    return str(path)


def test_no_benchmark_allocates_more_than_its_limit() -> None:
    result = run("--check", str(THRESHOLDS))
    assert result.returncode == 0, f"\n{result.stdout}\n{result.stderr}"


@pytest.mark.parametrize(
    ("name", "allocations", "frees"),
    [
        ("counter/nothing", 0, 0),
        ("counter/c-malloc", 100, 100),
        ("counter/c-others", 500, 400),
        ("counter/swift-array", 100, 100),
        ("counter/swift-object", 100, 100),
    ],
)
def test_allocations_whose_number_is_known_are_counted_as_that(name: str, allocations: int, frees: int) -> None:
    row = measured("--filter", name)[name]
    assert (row["allocations_per_run"], row["frees_per_run"]) == (allocations, frees)


def test_counts_are_the_same_in_every_run_of_the_program() -> None:
    first, second = measured(), measured()
    limits = json.loads((ROOT / THRESHOLDS).read_text(encoding="utf-8"))["allocations_per_run"]
    assert set(first) == set(second) == set(limits)
    for name, row in first.items():
        assert abs(row["allocations_per_run"] - second[name]["allocations_per_run"]) <= 1, name


def test_no_limit_leaves_room_for_one_more_allocation_an_operation() -> None:
    limits = json.loads((ROOT / THRESHOLDS).read_text(encoding="utf-8"))["allocations_per_run"]
    for name, row in measured().items():
        assert row["allocations_per_run"] + row["operations_per_run"] > limits[name], (
            f"{name}: the limit {limits[name]} is one allocation an operation above what is allocated; "
            f"lower it with 'micro-benchmarks --filter {name} --write-thresholds {THRESHOLDS}'"
        )


def test_a_benchmark_over_its_limit_fails_and_says_what_to_do(tmp_path: Path) -> None:
    limits = write_limits(tmp_path / "limits.json", {"counter/c-malloc": 99})
    result = run("--filter", "counter/c-malloc", "--check", limits)
    assert result.returncode == 1
    assert "counter/c-malloc: 100 allocations in a run of 100 calls (1.00 each), the limit is 99" in result.stderr
    assert "DOCKET_ALLOC_TRACE=1" in result.stderr
    assert f"--write-thresholds {limits}" in result.stderr


def test_a_benchmark_at_its_limit_passes(tmp_path: Path) -> None:
    limits = write_limits(tmp_path / "limits.json", {"counter/c-malloc": 100})
    assert run("--filter", "counter/c-malloc", "--check", limits).returncode == 0


def test_a_benchmark_without_a_limit_fails(tmp_path: Path) -> None:
    result = run("--filter", "codec/json-check", "--check", write_limits(tmp_path / "limits.json", {}))
    assert result.returncode == 1
    assert "codec/json-check: no limit in" in result.stderr


def test_a_limit_without_a_benchmark_fails(tmp_path: Path) -> None:
    limits = json.loads((ROOT / THRESHOLDS).read_text(encoding="utf-8"))["allocations_per_run"]
    result = run("--check", write_limits(tmp_path / "limits.json", limits | {"codec/gone": 1}))
    assert result.returncode == 1
    assert "codec/gone:" in result.stderr and "no such benchmark" in result.stderr


def test_limits_that_are_written_keep_those_of_other_benchmarks(tmp_path: Path) -> None:
    limits = write_limits(tmp_path / "limits.json", {"codec/json-check": 7, "counter/c-malloc": 1})
    result = run("--filter", "counter/c-malloc", "--write-thresholds", limits)
    assert result.returncode == 0, result.stderr
    written = json.loads(Path(limits).read_text(encoding="utf-8"))["allocations_per_run"]
    assert written == {"codec/json-check": 7, "counter/c-malloc": 102}


def test_limits_that_cannot_be_read_fail(tmp_path: Path) -> None:
    result = run("--check", str(tmp_path / "missing.json"))
    assert result.returncode == 1
    assert "missing.json can't be read" in result.stderr


def test_a_filter_that_matches_nothing_is_refused_with_the_names() -> None:
    result = run("--filter", "no-such")
    assert result.returncode == 64
    assert "codec/whole-batch" in result.stderr


def test_a_trace_names_the_functions_that_allocate() -> None:
    result = run("--filter", "counter/swift-object", DOCKET_ALLOC_TRACE="1")
    assert result.returncode == 0, result.stderr
    assert "100 allocations" in result.stdout
    assert "CounterWorkloads" in result.stdout
