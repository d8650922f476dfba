"""Whatever an administrator gets wrong is refused with an exit code of sysexits(3) and one line, and changes nothing."""

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from bad_inputs import ALL, CONFIGURATION, NO_PERMISSION, UNAVAILABLE, USAGE, Bad
from bad_settings import SETTINGS, Setting, write_files
from collector import BINARY, Collector
from events import KNOWN_TYPE, unique
from isolation_commands import ADMIN_COMMANDS
from private_postgres import Session
from test_jwts import Issuer

# What a person can't make anything of: names of Swift's and of its libraries, escapes of text that wasn't meant for a terminal.
INTERNALS = re.compile(r"NSCocoaErrorDomain|DecodingError|Optional\(|Error Domain|\.swift\b|\\[tn]|[\x00-\x09\x0b-\x1f\x7f]")
# Of all that commands may change. credential_uses says when collectors last let somebody in.
REGISTRY = (
    "tenants", "credentials", "credential_tenants", "event_types", "event_type_definitions", "event_type_versions",
    "tenant_readers", "store_policy", "registry_version", "quarantine", "batches",
)  # fmt: skip
PASSWORD = "hunter2"


class Registry:
    """What there is to be changed, and what of it the inputs name."""

    def __init__(self, collector: Collector, folder: Path):
        self.collector = collector
        self.folder = folder
        self.session = Session(self)
        self.secrets: list[str] = [PASSWORD, collector.token]
        self.known = {"acme": unique("acme-"), "known_type": KNOWN_TYPE, "folder": str(folder), "defined": unique("defined.x")}
        self.known["known"] = f"spiffe://acme.example/{self.known['acme']}"
        self._fill()
        self._write_files()

    def conninfo(self, *_: object) -> str:
        return self.collector.ready["conninfo"]["maintainer"]

    def docket(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """A command of the administrator's, on the tenant of these tests by itself."""
        return self.run(*arguments, environment={"DOCKET_POSTGRES_MAINTAINER": self.conninfo()})

    def run(self, *arguments: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
        others = {name: value for name, value in os.environ.items() if not name.startswith(("DOCKET_", "PG"))}
        return subprocess.run(
            [BINARY, *arguments], check=False, env=others | environment, cwd=self.folder, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=30,
        )  # fmt: skip

    def _fill(self) -> None:
        acme = self.known["acme"]
        self._done("tenant", "add", acme)
        for name in ("token", "revoked"):
            self.secrets.append(self._done("token", "add", "--tenant", acme, "--label", f"{name} of {acme}"))
        self.known["spiffe"] = self._done("credential", "add", "--spiffe", self.known["known"], "--tenant", acme)
        listed = [json.loads(line) for line in self._done("token", "list", "--json").splitlines()]
        for name in ("token", "revoked"):
            [self.known[name]] = [str(one["id"]) for one in listed if one["label"] == f"{name} of {acme}"]
        self._done("token", "revoke", self.known["revoked"])

    def _write_files(self) -> None:
        defined = self.known["defined"]
        for name in ("empty", "pack", "twice"):
            (self.folder / name).mkdir()
        for name, content in {
            "good": {"name": "new.type", "version": 1}, "pack/1": {"name": "one", "version": 1},
            "pack/2": {"name": "two", "version": 1}, "pack/3": {"name": "Three", "version": 1},
            "twice/1": {"name": "same.type", "version": 1}, "twice/2": {"name": "same.type", "version": 2},
            "registered": {"name": defined, "version": 2}, "earlier": {"name": defined, "version": 1},
            "changed": {"name": defined, "version": 2, "required_fields": ["action"]},
        }.items():  # fmt: skip
            (self.folder / f"{name}.json").write_text(json.dumps(content))
        self._done("event-type", "apply", "registered.json")

    def _done(self, *arguments: str) -> str:
        ended = self.docket(*arguments)
        assert ended.returncode == 0, ended.stderr
        return ended.stdout.strip()

    def named(self, text: str) -> str:
        for name, value in self.known.items():
            text = text.replace(f"{{{name}}}", value)
        return text

    def content(self) -> dict[str, list[list[str]]]:
        """All of it."""
        return {
            table: self.session.ask(f"SELECT to_jsonb(r) AS row FROM docket.{table} AS r ORDER BY row") for table in REGISTRY
        }


@pytest.fixture(scope="module")
def registry(collector: Collector, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    made = Registry(collector, tmp_path_factory.mktemp("inputs"))
    yield made
    made.session.close()


def check_refusal(ended: subprocess.CompletedProcess[str], code: int, names: list[str], secrets: list[str]) -> None:
    """That a command has ended with a code, one line that names all this, and nothing of what must stay secret."""
    said = ended.stderr
    assert ended.returncode == code, f"{ended.returncode}: {said}{ended.stdout}"
    assert ended.stdout == ""
    first, *others = said.splitlines()
    if code == USAGE and first.startswith("Error: "):
        # How the command is called is shown as well.
        assert all(one.startswith(("Help:  ", "Usage: ", "  ")) for one in others) and "See 'docket " in others[-1], said
    else:
        assert first.startswith("docket: ") and others == [], said
    assert [name for name in names if name not in said] == [], said
    assert not any(secret in said for secret in secrets), said
    assert INTERNALS.search(said) is None, said


@pytest.mark.parametrize("wrong", ALL, ids=str)
def test_a_command_that_is_wrong_says_why_and_changes_nothing(registry: Registry, wrong: Bad) -> None:
    registry.known["file"] = str(registry.folder / "file.json")
    if wrong.file is not None:
        Path(registry.known["file"]).write_text(wrong.file)
    before = registry.content()
    ended = registry.docket(*(registry.named(part) for part in wrong.line.split(" ")))
    assert registry.content() == before
    check_refusal(ended, wrong.code, [registry.named(name) for name in wrong.names], registry.secrets)


# MARK: The connection


def line_of(command: str, registry: Registry) -> list[str]:
    """A command that is in order."""
    acme, folder = registry.known["acme"], registry.folder
    arguments = {
        "tenant add": ["new-one"], "tenant set": [acme, "--legal-hold", "on"], "token add": ["--tenant", acme],
        "token show": [registry.known["token"]], "token rotate": [registry.known["token"]],
        "token revoke": [registry.known["token"]], "credential add": ["--spiffe", "spiffe://acme.example/new"],
        "credential show": [registry.known["spiffe"]], "credential revoke": [registry.known["spiffe"]],
        "event-type add": ["new.type"], "event-type apply": [str(folder / "good.json")],
        "event-type show": [registry.known["defined"]],
        "policy set": ["--quarantine-days", "3"], "quarantine show": ["1"], "quarantine retry": ["--all"],
        "quarantine drop": ["--all"],
    }  # fmt: skip
    named = [acme] if command in ("tenant show", "tenant suspend", "tenant resume", "tenant close") else []
    return [*command.split(), *arguments.get(command, named)]


# Those that say what they find instead.
ADMINISTRATION = [name for name in ADMIN_COMMANDS if name not in ("doctor", "bench tables")]


@pytest.mark.parametrize("command", ADMINISTRATION)
def test_a_role_that_may_only_read_administers_nothing(registry: Registry, command: str) -> None:
    before = registry.content()
    reader = registry.collector.ready["conninfo"]["reader"]
    ended = registry.run(*line_of(command, registry), environment={"DOCKET_POSTGRES_MAINTAINER": reader})
    assert registry.content() == before
    check_refusal(ended, NO_PERMISSION, ["connect as docket_maintainer"], registry.secrets)


@pytest.mark.parametrize("command", ["tenant add", "tenant set", "token add", "token revoke", "event-type apply", "policy set"])
def test_a_role_that_writes_events_administers_nothing(registry: Registry, command: str) -> None:
    before = registry.content()
    writer = registry.collector.ready["conninfo"]["writer"]
    ended = registry.run(*line_of(command, registry), environment={"DOCKET_POSTGRES_MAINTAINER": writer})
    assert registry.content() == before
    check_refusal(ended, NO_PERMISSION, ["permission denied", "connect as docket_maintainer"], registry.secrets)


@pytest.mark.parametrize("command", ADMINISTRATION)
@pytest.mark.parametrize(
    ("conninfo", "code", "names"),
    [
        pytest.param(None, USAGE, ("no database is named", "--postgres"), id="no database"),
        pytest.param(f"password={PASSWORD} colour=red", CONFIGURATION, ("connection string can't be read",), id="no string"),
        pytest.param(
            f"host=127.0.0.1 port=1 user=docket_maintainer password={PASSWORD}", UNAVAILABLE,
            ("no connection to PostgreSQL", "host=127.0.0.1 port=1", "Connection refused"), id="nobody there",
        ),
        pytest.param(
            f"{{dbname=postgres}} password={PASSWORD}", CONFIGURATION, ("does not exist", "run docket migrate"), id="no schema"
        ),
        pytest.param(
            f"{{user=nobody_here}} password={PASSWORD}", UNAVAILABLE, ("no connection to PostgreSQL", "nobody_here"), id="no role"
        ),
    ],
)  # fmt: skip
def test_a_database_that_is_wrong_is_named_without_its_password(
    registry: Registry, command: str, conninfo: str | None, code: int, names: tuple[str, ...]
) -> None:
    def changed(match: re.Match[str]) -> str:
        name, value = match[1].split("=")
        return re.sub(rf"\b{name}=\S+", f"{name}={value}", registry.conninfo())

    environment = {} if conninfo is None else {"DOCKET_POSTGRES_MAINTAINER": re.sub(r"\{(.*?)\}", changed, conninfo)}
    ended = registry.run(*line_of(command, registry), environment=environment)
    check_refusal(ended, code, list(names), registry.secrets)


# MARK: Settings


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("settings")
    issuer = Issuer(folder)
    issuer.add("first")
    issuer.write()
    write_files(folder, issuer.file.read_text())
    return folder


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_a_collector_does_not_start_with_a_setting_that_is_wrong(registry: Registry, files: Path, setting: Setting) -> None:
    connections = {f"DOCKET_POSTGRES_{role.upper()}": text for role, text in registry.collector.ready["conninfo"].items()}
    values = {name: value.replace("{folder}", str(files)) for name, value in setting.values.items()}
    ended = registry.run(
        "serve", "--listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0",
        environment=connections | {name: value for name, value in values.items() if value},
    )  # fmt: skip
    names = [name.replace("{folder}", str(files)) for name in setting.names]
    check_refusal(ended, setting.code, names, [*registry.secrets, *setting.secrets])
