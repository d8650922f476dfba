"""Asks a log of 20 sealed segments and a hot one while events come in: how long that takes, by which plans, and whether paging through
a million rows returns each once.

Fills the log first, by publishing, unless --reuse names one that --keep has left. Load and log share the machine; the load stands back
(nice 10). Prints tables; writes `query.json`.
"""

import argparse
import json
import signal
import sys
from dataclasses import asdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path += [str(ROOT / "Tests" / "Interop"), str(ROOT / "Benchmarks" / "Common")]

import stubs  # noqa: E402

stubs.generate()

import latency  # noqa: E402
import machine  # noqa: E402
import paging  # noqa: E402
import query_report  # noqa: E402
from filled_site import Site  # noqa: E402

PHASES = ("latency", "plans", "paging")


def measure(site: Site, options: argparse.Namespace) -> dict:
    """What has been asked for, each part as soon as it is known."""
    results = {
        "machine": machine.describe(), "postgres": site.cluster.sql("SHOW server_version")[0][0].split()[0], "log": asdict(site.log),
        "settings": {name: getattr(options, name) for name in ("seed", "rate", "calls")},
    }  # fmt: skip
    if "latency" in options.only:
        results["latency"] = latency.Measurement(site, options).run()
    if "plans" in options.only:
        results["plans"] = latency.explain(site, options.seed)
    if "paging" in options.only:
        results["paging"] = paging.run(site, options)
    return results


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="query", description=__doc__)
    add = parser.add_argument
    add("--events", type=int, default=20_000_000, help="how many events the sealed segments have, together")
    add("--segments", type=int, default=20)
    add("--tenants", type=int, default=20)
    add("--rate", type=float, default=20_000, help="events a second that come in meanwhile")
    add("--calls", type=int, default=300, help="calls of each question")
    add("--seed", type=int, default=1, help="what the events, the keys and their order are drawn from")
    add("--latency-seconds", type=float, default=1800, help="the longest that the calls may go on, with what is between the rounds")
    add("--paging-seconds", type=float, default=900, help="the longest that paging through the log may go on, in each order")
    add("--only", default=",".join(PHASES), help=f"these parts of {', '.join(PHASES)}, with commas between them")
    add("--merge", action="store_true", help="keep what query.json has of the other parts")
    add("--output", type=Path, default=ROOT / "Benchmarks" / "results", metavar="DIR")
    kept = parser.add_mutually_exclusive_group()
    kept.add_argument("--keep", type=Path, metavar="DIR", help="fill the log in this folder, and leave it there")
    kept.add_argument("--reuse", type=Path, metavar="DIR", help="measure the log in this folder, and leave it there")
    options = parser.parse_args()
    options.only = options.only.split(",")
    if unknown := set(options.only) - set(PHASES):
        parser.error(f"there is no part {', '.join(sorted(unknown))}; there are: {', '.join(PHASES)}")
    if options.tenants < 2 or options.segments < 1:
        parser.error("it takes two tenants and a segment at least: one tenant is silent in the hot segment")
    if options.events < 1_000 * options.segments:
        parser.error(f"--events is {options.events}; a segment has 1,000 rows at least")
    return options


def main() -> None:
    options = arguments()
    # As Ctrl-C: everything is ended, and deleted unless it is to be kept.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("query: terminated"))
    site = Site(options)
    try:
        results = measure(site, options)
    finally:
        site.stop()
    options.output.mkdir(parents=True, exist_ok=True)
    raw = options.output / "query.json"
    if options.merge and raw.exists():
        results = json.loads(raw.read_text()) | results
    raw.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n")
    print(query_report.text(results))


main()
