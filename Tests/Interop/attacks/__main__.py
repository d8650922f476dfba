"""Runs one attack: prints `begun`, and in the end, as a JSON object, how often the peer saw what."""

import argparse
import contextlib
import importlib.util
import json
import os
import resource
from pathlib import Path

import stubs

from . import ATTACKS
from .wire import Target, Until


def stand_back(nice: int) -> None:
    """Lets other processes go first: those of its session, and those of others where sessions are scheduled as groups."""
    if nice == 0:
        return
    os.setpriority(os.PRIO_PROCESS, 0, nice)
    with contextlib.suppress(OSError):
        Path("/proc/self/autogroup").write_text(str(nice))


def main() -> None:
    parser = argparse.ArgumentParser(prog="attacks", description=__doc__)
    parser.add_argument("name", choices=sorted(ATTACKS), metavar="NAME")
    parser.add_argument("--address", required=True, metavar="HOST:PORT")
    parser.add_argument("--tls", action="store_true")
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--count", type=int, help="at most so many attempts in all")
    parser.add_argument("--nice", type=int, default=0, help="how far to stand back for other processes")
    options = parser.parse_args()
    stand_back(options.nice)
    # Thousands of connections are a file each.
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if importlib.util.find_spec("docket") is None:
        stubs.generate()
    host, port = options.address.rsplit(":", 1)
    target = Target(host, int(port), os.environ.get("DOCKET_TOKEN", ""), options.tls)
    print("begun", flush=True)
    print(json.dumps(ATTACKS[options.name].run(target, Until(options.seconds, options.count))))


main()
