"""Who takes part, how each is built and started."""

import json
import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from .server import ROOT, Server
from .spec import RunSpec

BUILD_SECONDS = 900
PEERS = ROOT / "Benchmarks" / "Peers"
TITLES = {
    "loader": "bare C loader",
    "docket": "Docket",
    "go": "Go, grpc-go + pgx COPY",
    "go-tuned": "Go, values reused",
    "python-copy": "Python, grpcio + asyncpg COPY",
    "python-queue": "Python, queue + executemany",
    "rsyslog": "rsyslog, ompgsql",
    "grpc-swift": "grpc-swift-2, Docket's writers",
}
# In this order they take turns, and stand in tables and plots; others follow by name.
ORDER = tuple(TITLES)
# Folders of peers that only hold what others are made of.
SHARED = ("python",)
# Those that run in Docket's place: its command line, its environment, its tables.
DOCKET_LIKE = ("docket", "grpc-swift")


@dataclass
class Contestant:
    """One of them. `missing` says why it can't take part; the table shows it."""

    name: str
    # Where its `run` and `build` are, or for a Docket-like one its program.
    path: Path
    missing: str = ""
    version: str = ""
    title: str = field(init=False)

    def __post_init__(self) -> None:
        self.title = TITLES.get(self.name, self.name)

    @property
    def is_docket_like(self) -> bool:
        return self.name in DOCKET_LIKE

    @property
    def is_loader(self) -> bool:
        return self.name == "loader"

    @property
    def sends_itself(self) -> bool:
        """Whether it comes with a program of its own in place of the gRPC load generator."""
        return (self.path / "send").exists()

    def table(self, spec: RunSpec) -> str:
        """The table that its rows are counted in."""
        return "docket.events" if self.is_docket_like else f"bench.{spec.table}"

    def command(self, spec: RunSpec, server: Server, ready: Path, tls: tuple[Path, Path]) -> list[str]:
        """How it is started for a run. `tls`: certificate and key, for a run with TLS."""
        listen = ["--listen", "127.0.0.1:0", "--writers", str(spec.writers), "--ready-file", str(ready)]
        if self.is_docket_like:
            flags = ["serve", "--http-listen", "127.0.0.1:0", "--log-level", "warning"]
            if spec.tls:
                flags += ["--tls-certificate", str(tls[0]), "--tls-key", str(tls[1])]
            return [str(self.path), *flags, *listen]
        database = ["--postgres", server.conninfo("docket_writer"), "--table", self.table(spec)]
        return [str(self.path / "run"), *listen, *database, "--token", server.token]

    def environment(self, server: Server) -> dict[str, str]:
        """What it is told by the environment."""
        if not self.is_docket_like:
            return {}
        roles = ("writer", "reader", "maintainer")
        return {f"DOCKET_POSTGRES_{role.upper()}": server.conninfo(f"docket_{role}") for role in roles}


def find_contestants(binaries: Path, peers: list[Path]) -> list[Contestant]:
    """All of them, in order; the programs of this package in `binaries`, the others in the folders of `peers`."""
    found = {
        "loader": _program("loader", binaries / "copy-loader"),
        "docket": _program("docket", binaries / "docket"),
        "grpc-swift": _program("grpc-swift", binaries / "grpc-swift-peer"),
    }
    for folder in peers:
        for run in sorted(folder.glob("*/run")):
            if run.parent.name not in SHARED:
                found[run.parent.name] = Contestant(run.parent.name, run.parent)
    for name in ORDER:
        found.setdefault(name, Contestant(name, PEERS / name, missing=f"there is no {PEERS.name}/{name}/run"))
    return sorted(found.values(), key=lambda one: (ORDER.index(one.name) if one.name in ORDER else 99, one.name))


def _program(name: str, path: Path) -> Contestant:
    built = os.access(path, os.X_OK)
    return Contestant(name, path, missing="" if built else f"{path.name} is not built")


def build(contestant: Contestant, log: Path) -> None:
    """Runs the build script of a peer, and asks it for its version; notes why when it can't be built."""
    script = contestant.path / "build"
    if contestant.missing or not script.exists():
        return
    try:
        with log.open("wb") as output:
            code = subprocess.run(
                [script], cwd=contestant.path, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                check=False, timeout=BUILD_SECONDS,
            ).returncode  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        contestant.missing = f"its build script: {error}"
        return
    if code != 0:
        last = log.read_text(errors="replace").strip().split("\n")[-1][:200]
        contestant.missing = f"its build script ended with code {code}: {last}"
        return
    contestant.version = _version(contestant.path)


def _version(folder: Path) -> str:
    """What the peer's own `version` program prints, in one line; empty without one."""
    program = folder / "version"
    if not os.access(program, os.X_OK):
        return ""
    try:
        printed = subprocess.run([program], capture_output=True, text=True, check=False, timeout=30).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return ", ".join(line.strip() for line in printed.strip().split("\n") if line.strip())


def described(contestants: list[Contestant]) -> dict[str, dict]:
    """The contestants as results.json lists them."""
    return {
        one.name: {"title": one.title, "version": one.version, "missing": one.missing} for one in contestants
    }


def select(contestants: list[Contestant], only: str) -> list[Contestant]:
    """Those named in a list with commas; all when it is empty. Raises KeyError with a name that there isn't."""
    if not only:
        return contestants
    names = [name.strip() for name in only.split(",") if name.strip()]
    by_name = {one.name: one for one in contestants}
    for name in names:
        if name not in by_name:
            raise KeyError(name)
    return [one for one in contestants if one.name in names]


def address(ready: dict) -> str:
    """Where a contestant says that it serves."""
    return ready.get("grpc") or ready.get("syslog") or json.dumps(ready)
