"""The command line."""

import argparse
import os
import signal
import sys
import tempfile
from pathlib import Path

from .failures import RunFailure, SuiteFailure
from .growth import GROWTH_BLOCKS
from .results import Results
from .scenarios import MAIN_BLOCKS, Block, Settings
from .server import ROOT

INTERRUPTED = 130
QUICK_LIMIT_SECONDS = 7.5 * 60
FULL_LIMIT_SECONDS = 28 * 60
LONG_SECONDS = 15 * 60
QUICK_ROUNDS = {"burst": 3, "indexed": 1, "single": 2, "latency": 1}
FULL_ROUNDS = {"burst": 5, "indexed": 3, "single": 3, "latency": 1}


def main(arguments: list[str]) -> int:
    """Runs the suite, and gives its exit code: one of sysexits, or 130 when interrupted."""
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        options = _parser().parse_args(arguments)
    except SystemExit as stop:
        return os.EX_USAGE if stop.code else os.EX_OK
    try:
        return _run(options)
    except (SuiteFailure, RunFailure) as failure:
        print(f"suite: {failure}", file=sys.stderr)
        return getattr(failure, "code", os.EX_SOFTWARE)
    except KeyboardInterrupt:
        print("suite: interrupted; everything that it started has been ended", file=sys.stderr)
        return INTERRUPTED


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _run(options: argparse.Namespace) -> int:
    from . import conduct

    if options.plot_only:
        output = options.output or options.plot_only.parent
        conduct.write_report(Results.read(options.plot_only), _folder(output))
        return os.EX_OK
    settings, blocks = settings_of(options), blocks_of(options)
    if options.list:
        conduct.list_everything(options, blocks)
        return os.EX_OK
    output = _folder(options.output or ROOT / "Benchmarks" / "results")
    with tempfile.TemporaryDirectory(prefix="docket-suite-") as folder:
        return conduct.conduct(options, settings, blocks, output, Path(folder))


def _folder(path: Path) -> Path:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SuiteFailure(f"cannot write to '{path}': {error.strerror}", os.EX_CANTCREAT) from None
    return path


def settings_of(options: argparse.Namespace) -> Settings:
    """How long and how often, by the options."""
    rounds = dict(QUICK_ROUNDS if options.quick else FULL_ROUNDS)
    for block in GROWTH_BLOCKS:
        rounds[block.name] = 1
    rounds["growth-rows"] = 1 if options.long else 0
    if options.rounds:
        rounds = {name: min(wanted, 1) * options.rounds for name, wanted in rounds.items()}
        rounds["growth-rows"] = min(1, rounds["growth-rows"])
    seconds = options.seconds or (5 if options.quick else 12)
    limit = QUICK_LIMIT_SECONDS if options.quick else FULL_LIMIT_SECONDS
    return Settings(
        is_quick=options.quick, seconds=seconds, growth_seconds=min(seconds, 2 if options.quick else 3),
        limit_seconds=limit + (LONG_SECONDS if options.long else 0), rounds=rounds, in_flight=options.in_flight,
        writers=options.writers, is_long=options.long,
    )  # fmt: skip


def blocks_of(options: argparse.Namespace) -> list[Block]:
    """Those that were asked for. `growth` means all curves."""
    every = [*MAIN_BLOCKS, *(block for block in GROWTH_BLOCKS if options.long or block.name != "growth-rows")]
    if not options.scenarios:
        return every
    names = [name.strip() for name in options.scenarios.split(",") if name.strip()]
    known = {block.name for block in every} | {"growth"}
    for name in names:
        if name not in known:
            raise SuiteFailure(f"there is no scenario '{name}'; there are: {', '.join(sorted(known))}", os.EX_USAGE)
    return [
        block for block in every if block.name in names or ("growth" in names and block.name.startswith("growth-"))
    ]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="suite", description="Measures all contestants in turn in front of one private, durable PostgreSQL."
    )
    add = parser.add_argument
    add("--quick", action="store_true", help="fewer and shorter runs: below 8 minutes instead of 30")
    add("--long", action="store_true", help="also fill a table with 20,000,000 rows: 15 minutes more")
    add("--only", default="", metavar="NAMES", help="these contestants, with commas between them")
    add("--scenarios", default="", metavar="NAMES", help="these scenarios; 'growth' means all curves")
    add("--rounds", type=_number(1, 100), metavar="N", help="rounds of each scenario, as far as the time allows")
    add("--seconds", type=_number(1, 120), metavar="S", help="about how long a run takes (default: 12; quick: 5)")
    add("--in-flight", type=_number(1, 250), default=16, metavar="N", help="batches under way on each connection")
    add("--writers", type=_number(1, 16), default=2, metavar="N", help="database connections of each contestant")
    add("--output", type=Path, metavar="DIR", help="where results go (default: Benchmarks/results)")
    add("--binaries", type=Path, default=ROOT / ".build" / "release", metavar="DIR",
        help="where docket and copy-loader are")  # fmt: skip
    add("--peers", type=Path, action="append", metavar="DIR", help="a folder of peers; may be given several times")
    add("--data-directory", type=Path, default=Path("/tmp"), metavar="DIR",
        help="where the private cluster's folder is made; on the disk that is to be measured")  # fmt: skip
    add("--list", action="store_true", help="list contestants and scenarios, and do nothing else")
    add("--plot-only", type=Path, metavar="FILE", help="make table and plots again from this results.json")
    return parser


def _number(least: int, most: int):
    def parse(text: str) -> int:
        value = int(text)
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(f"{value} is not from {least} to {most}")
        return value

    return parse
