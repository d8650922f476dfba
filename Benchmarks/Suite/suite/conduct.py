"""One run of the suite from preflight to plots."""

import argparse
import datetime
import os
import resource
import signal
from dataclasses import asdict
from pathlib import Path

from . import machine
from .contestants import PEERS, Contestant, build, described, find_contestants, select
from .engine import Engine
from .failures import SuiteFailure
from .growth import most_tenants
from .measure import Bench
from .plots import draw_all
from .progress import Progress
from .report import report
from .results import Results
from .scenarios import Block, Settings, State
from .server import Server
from .timeplan import TimePlan

SETUP_SECONDS = 10
TRIAL_SECONDS = 5


def conduct(options: argparse.Namespace, settings: Settings, blocks: list[Block], output: Path, folder: Path) -> int:
    """Measures everything and writes it down; the exit code says whether a run failed."""
    progress = Progress()
    contestants = _contestants(options)
    docket = next(one for one in find_contestants(options.binaries, []) if one.name == "docket")
    if docket.missing:
        raise SuiteFailure(
            f"{docket.path} is needed to set the database up and to make the load: swift build -c release "
            "--product docket, or name its folder with --binaries", os.EX_UNAVAILABLE,
        )  # fmt: skip
    _raise_file_limit()
    described_machine = machine.describe(docket.path, options.data_directory)
    for contestant in contestants:
        progress.doing(f"building {contestant.title}")
        build(contestant, folder / "build.log")
    progress.say(machine.one_line(described_machine))
    for one in contestants:
        progress.say(f"  {one.title}: {one.missing or one.version or 'ready'}")
    present = [one.name for one in contestants if not one.missing]
    if not present:
        raise SuiteFailure("none of the contestants can take part", os.EX_UNAVAILABLE)
    progress.doing("starting PostgreSQL")
    tenants = most_tenants(settings.is_quick) if any(block.name == "growth-tenants" for block in blocks) else 0
    server = Server(docket.path, options.data_directory, tenants)
    try:
        postgres = {"version": server.version, "settings": server.settings}
        date = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC")
        results = Results.new(described_machine, postgres, described(contestants), asdict(settings), date)
        for warning in machine.warnings(described_machine):
            results.note(warning)
            progress.say(f"  careful: {warning}")
        state = State(settings, results, present)
        shares = [(block.name, block.seconds_per_round(state), settings.rounds.get(block.name, 1)) for block in blocks]
        plan = TimePlan(settings.limit_seconds, shares, SETUP_SECONDS + TRIAL_SECONDS * len(present))
        progress.say("\n" + "\n".join(plan.lines()) + "\n")
        engine = Engine(Bench(docket.path, server, folder), contestants, state, plan, progress)
        for _ in engine.run(blocks):
            results.write(output / "results.json")
    finally:
        _end(server, progress)
    results.content["elapsed_seconds"] = round(progress.elapsed_seconds)
    results.write(output / "results.json")
    write_report(results, output)
    progress.say(f"\n{output}: results.json, table.md and plots, after {progress.elapsed_seconds / 60:.1f} min")
    return os.EX_SOFTWARE if results.failed_runs else os.EX_OK


def write_report(results: Results, output: Path) -> None:
    """Table and plots; the table goes to standard output, too."""
    text = report(results)
    (output / "table.md").write_text(text)
    draw_all(results, output)
    print(text)


def list_everything(options: argparse.Namespace, blocks: list[Block]) -> None:
    """What could be measured."""
    print("contestants:")
    for one in _contestants(options):
        print(f"  {one.name:14} {one.title}{f' (missing: {one.missing})' if one.missing else ''}")
    print("scenarios:")
    for block in blocks:
        print(f"  {block.name:18} {block.title}")


def _contestants(options: argparse.Namespace) -> list[Contestant]:
    found = find_contestants(options.binaries, options.peers or [PEERS])
    try:
        return select(found, options.only)
    except KeyError as error:
        names = ", ".join(one.name for one in found)
        raise SuiteFailure(f"there is no contestant {error}; there are: {names}", os.EX_USAGE) from None


def _raise_file_limit() -> None:
    """A thousand connections need as many descriptors at both ends."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 65_536)), hard))


def _end(server: Server, progress: Progress) -> None:
    """Deletes the cluster, whatever else happens: a second Ctrl-C doesn't leave it behind."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    progress.doing("ending PostgreSQL")
    server.delete()
