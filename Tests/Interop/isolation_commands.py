"""The commands of docket that ask for a tenant: of a collector with a credential, or of the database with a role."""

import json
import os
import re
import subprocess
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from collector import BINARY
from isolation_matrix import Answer
from isolation_world import Caller, Target, World

# Neither of a collector nor of a database that is there already; or of its owner, who may do everything.
NOT_ASKING = {
    "dev", "serve", "migrate", "event-type test", "bench collector", "bench store", "bench registry",
    "bench emit", "bench rows",
    "journal inspect", "journal fsck", "version",
}  # fmt: skip

# How long a command may take that is refused.
SECONDS = 20

LINE = '{{"type":"authz.decision","occurred_at":"2026-01-01T00:00:00Z","action":"{}"}}\n'


@dataclass(frozen=True)
class Command:
    """A command that asks a collector."""

    scope: str
    arguments: Callable[[Target, Path], list[str]]
    # What it says when it is served.
    served: Callable[[Target], str]


def imported(target: Target, folder: Path) -> list[str]:
    file = folder / f"{target.slug}.jsonl"
    file.write_text(LINE.format(target.slug))
    return ["--format", "jsonl", str(file)]


ONE_BATCH = ["--events", "1", "--batch", "1", "--connections", "1", "--in-flight", "1"]
CLIENT_COMMANDS = {
    "query": Command("query", lambda t, _: ["--json", "--limit", "0", "--scope", t.event.scope], lambda t: t.mark),
    "show": Command("query", lambda t, _: [str(uuid.UUID(bytes=t.event.event_id))], lambda t: t.mark),
    "stats": Command("query", lambda t, _: ["--by", "scope", "--scope", t.event.scope, "--from", "2000-01-01", "--json"],
                     lambda t: t.event.scope),
    "export": Command("export", lambda t, _: ["--scope", t.event.scope], lambda t: t.mark),
    "tail": Command(
        "export", lambda t, _: ["--from-log-index", "0", "--scope", t.event.scope, "--limit", "1", "--json"], lambda t: t.mark
    ),
    "emit": Command("publish", lambda t, _: ["--type", "authz.decision", "--action", t.slug], lambda _: "1 stored"),
    "import": Command("publish", imported, lambda _: "1 "),
    "bench load": Command("publish", lambda t, _: ONE_BATCH, lambda _: "1 events acknowledged"),
}

# What an administrator does about a tenant, and what must not be told to a role that isn't one.
ADMIN_COMMANDS: dict[str, Callable[[Target, Path], list[str]]] = {
    "tenant add": lambda t, _: [t.slug],
    "tenant list": lambda t, _: ["--json"],
    "tenant show": lambda t, _: [t.slug],
    "tenant set": lambda t, _: [t.slug, "--legal-hold", "on"],
    "tenant suspend": lambda t, _: [t.slug],
    "tenant resume": lambda t, _: [t.slug],
    "tenant close": lambda t, _: [t.slug],
    "token add": lambda t, _: ["--tenant", t.slug],
    "token list": lambda t, _: ["--tenant", t.slug, "--json"],
    "token show": lambda t, _: [str(t.credential_id)],
    "token rotate": lambda t, _: [str(t.credential_id)],
    "token revoke": lambda t, _: [str(t.credential_id)],
    "credential add": lambda t, _: ["--spiffe", "spiffe://acme.example/own", "--tenant", t.slug],
    "credential list": lambda t, _: ["--tenant", t.slug, "--all"],
    "credential show": lambda t, _: [str(t.credential_id), "--json"],
    "credential revoke": lambda t, _: [str(t.credential_id)],
    "event-type add": lambda t, _: [t.type_name, "--tenant", t.slug],
    "event-type apply": lambda t, folder: [definition(t, folder), "--tenant", t.slug],
    "event-type list": lambda t, _: ["--tenant", t.slug],
    "event-type show": lambda t, _: [t.type_name, "--tenant", t.slug],
    "policy show": lambda t, _: ["--tenant", t.slug],
    "policy set": lambda t, _: ["--tenant", t.slug, "--legal-hold", "on"],
    "segments": lambda t, _: ["--all"],
    "quarantine list": lambda t, _: ["--tenant", t.slug, "--json"],
    "quarantine show": lambda t, _: [str(t.quarantine_id)],
    "quarantine retry": lambda t, _: [str(t.quarantine_id)],
    "quarantine drop": lambda t, _: ["--all", "--tenant", t.slug],
    "doctor": lambda t, _: [],
    "bench tables": lambda t, _: [],
}


def definition(target: Target, folder: Path) -> str:
    file = folder / f"{target.type_name}.json"
    file.write_text(json.dumps({"name": target.type_name, "version": 1}))
    return str(file)


def tree() -> dict[str, set[str]]:
    """The options of each command of docket, by the command's words."""
    dumped = subprocess.run([BINARY, "--experimental-dump-help"], check=True, capture_output=True, timeout=60)
    found = {}

    def visit(command: dict, words: list[str]) -> None:
        inner = [one for one in command.get("subcommands", []) if one["commandName"] != "help"]
        for one in inner:
            visit(one, [*words, one["commandName"]])
        if not inner:
            names = [name for one in command.get("arguments", []) for name in one.get("names", [])]
            found[" ".join(words)] = {name["name"] for name in names if name["kind"] == "long"}

    visit(json.loads(dumped.stdout)["command"], [])
    return found


def run(world: World, lines: list[list[str]]) -> list[subprocess.CompletedProcess[bytes]]:
    """Runs commands at the same time, with nothing of theirs in the environment and in the folder."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("DOCKET_", "XDG_", "PG"))}
    started = [
        subprocess.Popen(
            [BINARY, *line], env=environment | {"HOME": str(world.folder)}, cwd=world.folder, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )
        for line in lines
    ]  # fmt: skip
    try:
        said = [process.communicate(timeout=SECONDS) for process in started]
    finally:
        for process in started:
            process.kill()
    return [subprocess.CompletedProcess(one.args, one.returncode, *two) for one, two in zip(started, said, strict=True)]


def as_client(world: World, command: str, caller: Caller, target: Target) -> list[str]:
    """A command that shows what the caller has."""
    line = [*command.split(), *CLIENT_COMMANDS[command].arguments(target, world.folder), "--tenant", target.slug]
    line += ["--address", world.principals.collector.address, "--ca-file", str(world.principals.server_authority)]
    if caller.shown.certificate:
        certificate, key = caller.shown.certificate
        line += ["--tls-client-certificate", str(certificate), "--tls-client-key", str(key)]
    if caller.shown.authorization:
        file = world.folder / "token"
        file.write_text(caller.shown.authorization.split(" ", 1)[-1])
        line += ["--token-file", str(file)]
    return line


def as_role(world: World, command: str, login: str, target: Target) -> list[str]:
    """A command on a connection of some role."""
    arguments = ADMIN_COMMANDS[command](target, world.folder)
    return [*command.split(), *arguments, "--postgres", world.conninfo(login)]


def told(ended: subprocess.CompletedProcess[bytes], target: Target) -> Answer:
    """What a command has said, and what of that it wasn't told."""
    raw = b"exit code %d\n%s%s" % (ended.returncode, ended.stdout, ended.stderr)
    return Answer(" ".join(map(str, ended.args)), raw, target.blotted(raw))


def without_numbers(answer: Answer, target: Target) -> bytes:
    """The same of a command that was told numbers."""
    numbers = f"{target.credential_id}|{target.quarantine_id}".encode()
    return re.sub(rb"\b(%s)\b" % numbers, b"<said>", answer.text)
