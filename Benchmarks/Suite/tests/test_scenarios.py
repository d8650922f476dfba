"""Which runs are made."""

import pytest
from samples import results, run

from suite.cli import blocks_of, main, settings_of
from suite.cli import _parser as parser
from suite.growth import AXES, GROWTH_BLOCKS, spec_at
from suite.scenarios import MAIN_BLOCKS, State
from suite.spec import RunSpec


def state(*runs: dict, flags: tuple[str, ...] = ("--quick",), present: str = "loader docket go") -> State:
    settings = settings_of(parser().parse_args(list(flags)))
    rates = {"loader": 600_000.0, "docket": 300_000.0, "go": 100_000.0, "python-copy": 50_000.0}
    return State(settings, results(*runs), present.split(), dict(rates), {"docket": 40_000.0, "go": 10_000.0})


def specs(name: str, of: State) -> list[RunSpec]:
    block = next(block for block in (*MAIN_BLOCKS, *GROWTH_BLOCKS) if block.name == name)
    return list(block.specs(of))


def test_contestants_take_turns_in_a_burst() -> None:
    made = specs("burst", state())
    assert [spec.contestant for spec in made] == ["loader", "docket", "go"]
    assert [spec.events for spec in made] == [3_000_000, 1_500_000, 500_000]
    assert all(spec.table == "plain" and spec.batch == 500 and spec.connections == 4 for spec in made)


def test_docket_seals_as_many_events_as_the_others_index() -> None:
    docket, go = [spec for spec in specs("indexed", state()) if spec.contestant in ("docket", "go")]
    assert docket.events == go.events
    assert go.table == "indexed" and go.segment_rows == 0
    assert docket.events / docket.segment_rows >= 6


def test_at_equal_latency_docket_is_offered_twice_the_rate_of_go() -> None:
    assert "single-rate" not in [spec.scenario for spec in specs("single", state())]
    made = specs("single", state(run("single", "go", 9_000), run("single", "docket", 40_000)))
    offered = next(spec for spec in made if spec.scenario == "single-rate")
    assert (offered.contestant, offered.rate, offered.batch) == ("docket", 18_000, 1)
    assert offered.events == offered.rate * offered.seconds


def test_loads_are_shares_of_what_each_reached_itself() -> None:
    made = specs("latency", state(run("burst", "docket", 400_000), run("burst", "go", 150_000)))
    assert [(spec.contestant, spec.point, spec.rate) for spec in made] == [
        ("docket", "20", 80_000), ("go", "20", 30_000), ("docket", "50", 200_000), ("go", "50", 75_000),
        ("docket", "80", 320_000), ("go", "80", 120_000),
    ]  # fmt: skip


@pytest.mark.parametrize("flags", [("--quick",), ()])
def test_runs_stay_within_what_the_load_generator_takes(flags: tuple[str, ...]) -> None:
    here = state(flags=flags)
    for axis in AXES:
        for point in axis.points:
            for name in ("docket", "go"):
                spec = spec_at(axis, point, name, here)
                assert 1 <= spec.batch <= 10_000
                assert 1 <= spec.in_flight <= 1_000
                assert 1 <= spec.connections <= 1_000
                assert spec.batch <= spec.events <= 4_000_000
                size = spec.event_bytes or 350
                assert spec.batch * size < 4 << 20


def test_nobody_but_those_present_is_measured() -> None:
    for block in (*MAIN_BLOCKS, *GROWTH_BLOCKS):
        assert {spec.contestant for spec in block.specs(state(present="loader"))} <= {"loader"}


def test_the_long_curve_keeps_what_it_has_written() -> None:
    made = specs("growth-rows", state(flags=("--long",)))
    assert [spec.keep_data for spec in made] == [False] + [True] * 9
    assert sum(spec.events for spec in made) == 20_000_000
    assert specs("growth-rows", state()) == []


def test_scenarios_are_chosen_by_name() -> None:
    chosen = blocks_of(parser().parse_args(["--scenarios", "latency,growth"]))
    assert [block.name for block in chosen][:2] == ["latency", "growth-batch"]
    assert all(block.name != "growth-rows" for block in chosen)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--scenarios", "nothing"], 64), (["--only", "nobody", "--list"], 64), (["--rounds", "0"], 64),
        (["--binaries", "/nonexistent"], 69), (["--plot-only", "/nonexistent"], 66), (["--list"], 0), (["--help"], 0),
    ],
)  # fmt: skip
def test_exit_codes_are_those_of_sysexits(arguments: list[str], code: int, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert main([*arguments, "--output", str(tmp_path), "--peers", str(tmp_path)]) == code


def test_plots_come_from_results_alone(tmp_path) -> None:
    made = results(
        run("burst", "docket", 500), run("burst", "go", 200), run("latency", "docket", 5, point="20"),
        run("growth-batch", "docket", 5, point="1"), run("growth-batch", "docket", 9, point="10"),
    )  # fmt: skip
    made.write(tmp_path / "results.json")
    assert main(["--plot-only", str(tmp_path / "results.json")]) == 0
    names = {path.name for path in tmp_path.iterdir()}
    plots = ("throughput", "cpu", "latency", "growth-cpu", "growth-rate")
    assert names == {f"{plot}.{kind}" for plot in plots for kind in ("png", "svg")} | {"results.json", "table.md"}
