"""docs/sql.md: each answer is what a person with a login is answered, and each command finds the same events.

Another tenant has the same records, and some more, in the same database: an answer with one row of theirs is wrong.
"""

import csv
import io
import json
import os
import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import sql_page
from collector import BINARY, Collector
from isolation_sql import psql
from sql_page import Question
from stubs import ROOT
from waiting import eventually

QUESTIONS = sql_page.questions()
WITH_A_COMMAND = [one for one in QUESTIONS if one.command]
# How an import ends that has met the record that is cut off, and one whose token isn't known yet.
DATA_ERROR, NO_PERMISSION = 65, 77
GRANT, REVOKE = 0, 2
LIST_OF_LOGINS = 1


class World:
    """A collector with the page's data as the tenant `acme`, and a rival's; and the page's login `alice`."""

    def __init__(self, folder: Path):
        self.collector = Collector()
        self._folder = folder
        (folder / "docket").symlink_to(BINARY.resolve())
        (folder / "profile.json").write_text(json.dumps({"address": self.collector.address}))
        self.logins = sql_page.blocks(sql_page.section("A login for a person"), "sql")
        try:
            self._store("acme")
            self._store("rival")
            granted = self.psql("postgres", self.logins[GRANT])
            assert granted.returncode == 0, granted.stderr
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        self.collector.stop()
        self.collector.delete_folder()

    def conninfo(self, login: str) -> str:
        return self.collector.ready["conninfo"]["maintainer"].replace("docket_maintainer", login)

    def psql(self, login: str, statements: str, *flags: str) -> subprocess.CompletedProcess[str]:
        """What psql prints to whoever pastes the statements into it."""
        return subprocess.run(
            ["psql", self.conninfo(login), "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", *flags], input=statements,
            check=False, capture_output=True, text=True, timeout=60,
        )  # fmt: skip

    def answer(self, login: str, statement: str) -> str:
        """The answer as the page shows it."""
        ended = self.psql(login, statement)
        assert ended.returncode == 0, ended.stderr
        return unpadded(ended.stdout)

    def rows(self, login: str, statement: str) -> list[dict[str, str]]:
        ended = self.psql(login, statement, "--csv")
        assert ended.returncode == 0, ended.stderr
        return list(csv.DictReader(io.StringIO(ended.stdout)))

    def shell(self, command: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
        """Runs a line of the page as somebody who has installed docket."""
        environment = {
            **os.environ, "PATH": f"{self._folder}:{os.environ['PATH']}",
            "DOCKET_PROFILE": str(self._folder / "profile.json"), **variables,
        }  # fmt: skip
        return subprocess.run(
            ["sh", "-c", command], check=False, cwd=folder, env=environment, capture_output=True, text=True, timeout=120
        )

    def command(self, command: str) -> str:
        """What a command of the page prints to somebody with a token of `acme`."""
        token = (self._folder / "acme" / "token").read_text().strip()
        ended = self.shell(command, self._folder, DOCKET_TOKEN=token)
        assert (ended.returncode, ended.stderr) == (0, ""), f"{command}: {ended.stderr}"
        return ended.stdout

    def events(self, command: str) -> list[dict[str, str]]:
        """The events that a command finds, with the names that the view has for their fields."""
        shown = command if "--json" in command else f"{command.rstrip()} --json"
        return [flat(json.loads(line)) for line in self.command(shown).splitlines()]

    def _store(self, tenant: str) -> None:
        """Stores the page's data by the page's commands; for the rival the same, and what would move the answers."""
        folder = self._folder / tenant
        samples = folder / "Tests" / "Samples"
        shutil.copytree(ROOT / "Tests" / "Samples", samples)
        for name in ("EventTypes", "docs"):
            (folder / name).symlink_to(ROOT / name)
        commands = sql_page.preparation()
        for command in commands:
            self._run(command.replace("acme", tenant), folder)
        if tenant == "rival":
            for file in [*samples.iterdir(), folder / "examples.jsonl"]:
                file.write_text(a_second_earlier(file.read_text()))
            (folder / "nights.jsonl").write_text(half_hours())
            imports = [command for command in commands if command.startswith("docket import ")]
            for command in [*imports, "docket import --token-file token --format jsonl nights.jsonl"]:
                self._run(command, folder)

    def _run(self, command: str, folder: Path) -> None:
        def ends() -> bool:
            ended = self.shell(command, folder, DOCKET_POSTGRES_MAINTAINER=self.conninfo("docket_maintainer"))
            if ended.returncode == NO_PERMISSION:
                # The collector hears of a new token a moment after it was made.
                return False
            is_cut_off = "kubernetes-audit-sample" in command
            assert ended.returncode == (DATA_ERROR if is_cut_off else 0), f"{command}: {ended.stdout}{ended.stderr}"
            return True

        eventually(ends, f"{command} is not let in", seconds=10)


def unpadded(text: str) -> str:
    """Without the blanks and empty lines that psql puts at the ends."""
    return "\n".join(line.rstrip() for line in text.splitlines()).strip("\n")


def a_second_earlier(text: str) -> str:
    """A file with all its times moved."""

    def moved(found: re.Match[str]) -> str:
        return (datetime.fromisoformat(found[0]) - timedelta(seconds=1)).isoformat(timespec="seconds")

    return re.sub(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d", moved, text)


def half_hours() -> str:
    """An event in each hour of the night that the page asks about."""
    night = datetime(2020, 9, 14, 0, 30, tzinfo=UTC)
    times = [(night + timedelta(hours=hour)).isoformat() for hour in range(6)]
    actor = {"kind": "user", "id": "rival"}
    lines = [{"type": "audit.event", "occurred_at": time, "actor": actor, "action": "wake"} for time in times]
    return "".join(json.dumps(line) + "\n" for line in lines)


def flat(event: dict) -> dict[str, str]:
    """An event of the command line with the view's names for its fields."""
    fields = {}
    for name, value in event.items():
        if name in ("actor", "resource", "payload"):
            fields |= {f"{name}_{member}": str(inner) for member, inner in value.items()}
        elif isinstance(value, str | int | float):
            fields[name] = str(value)
    return fields


def comparable(name: str, text: str) -> str | datetime:
    """The view and the JSON write times differently."""
    return datetime.fromisoformat(text) if name == "occurred_at" else text


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = World(tmp_path_factory.mktemp("sql-page"))
    yield made
    made.close()


def asked(question: Question) -> str:
    """What a question is called in the name of a test."""
    return question.text.rstrip("?").replace(" ", "-")


# MARK: The questions


@pytest.mark.parametrize("question", QUESTIONS, ids=asked)
def test_a_question_is_answered_as_the_page_shows(world: World, question: Question) -> None:
    assert question.rows > 0, "an answer without rows shows nothing"
    assert world.answer("alice", question.statement) == unpadded(question.answer)


@pytest.mark.parametrize("question", QUESTIONS, ids=asked)
def test_an_answer_with_the_rivals_rows_would_be_another(world: World, question: Question) -> None:
    """A superuser, whom row-level security doesn't bind, is answered otherwise: the test above would notice a leak."""
    statement = f"SET timezone = 'UTC'; {question.statement}"
    assert world.answer("postgres", statement) != unpadded(question.answer)


def stated(printed: str) -> Counter:
    """How many events `docket stats --csv` says that each value has."""
    return Counter({tuple(row[1:2]): int(row[-1]) for row in list(csv.reader(io.StringIO(printed)))[1:] if row[0] in ("value", "none")})


def counted(rows: list[dict[str, str]], column: str) -> Counter:
    """The same of an answer in SQL, whose other columns divide it further."""
    found: Counter = Counter()
    for row in rows:
        found[("" if row[column] == "(none named)" else row[column],)] += int(row["events"])
    return found


@pytest.mark.parametrize("question", WITH_A_COMMAND, ids=asked)
def test_the_command_finds_the_events_of_the_answer(world: World, question: Question) -> None:
    rows = world.rows("alice", question.statement)
    printed = world.command(question.command)
    if question.command.startswith("docket stats"):
        assert stated(printed) == counted(rows, csv.DictReader(io.StringIO(printed)).fieldnames[1])
        return
    if question.counts:
        assert int(printed) == sum(int(row["events"]) for row in rows)
        return
    assert printed.count("\n") >= len(rows)
    events = world.events(question.command)
    names = [column.name for column in sql_page.columns() if column.name in rows[0]]
    assert "occurred_at" in names and len(names) > 2, "too little of each event is compared"
    wanted = [tuple(comparable(name, row[name]) for name in names) for row in rows]
    found = [tuple(comparable(name, event.get(name, "")) for name in names) for event in events]
    if "--oldest-first" in question.command:
        assert found == wanted
    else:
        assert Counter(found) == Counter(wanted)


@pytest.mark.parametrize("question", QUESTIONS, ids=asked)
def test_the_page_has_a_command_or_says_that_there_is_none(question: Question) -> None:
    assert (question.command is None) == question.says_that_commands_cannot


def test_there_are_a_dozen_questions_and_a_command_for_half_of_them() -> None:
    assert len(QUESTIONS) >= 12
    assert len(WITH_A_COMMAND) >= 6


# MARK: The columns


def test_every_column_has_a_comment_and_is_in_the_pages_table(world: World) -> None:
    there = world.collector.sql("""
        SELECT attname, format_type(atttypid, NULL), coalesce(col_description(attrelid, attnum), '')
        FROM pg_attribute WHERE attrelid = 'docket.audit_log'::regclass AND attnum > 0 ORDER BY attnum""")
    assert [name for name, _, comment in there if not comment] == []
    assert [[column.name, column.type, column.comment] for column in sql_page.columns()] == there


def test_the_columns_that_the_page_says_have_an_index_are_those_of_the_store() -> None:
    """docs/store.md names the indexes that there are, which has a test of its own. The view makes the decision a text."""
    page = (ROOT / "docs" / "store.md").read_text()
    indexes = re.findall(r"^\| `_\w+`? ?(?:GIN )?`?\(([^)]*)\)", page, re.M)
    there = {name for names in indexes for name in names.split(", ")} - {"decision"}
    named = {"tenant_id": "tenant", "type_id": "type"}
    assert {column.name for column in sql_page.columns() if column.is_indexed} == {named.get(one, one) for one in there}


# MARK: The logins


def test_a_login_sees_its_tenant_and_the_rival_is_there_all_the_same(world: World) -> None:
    query = "SELECT DISTINCT tenant FROM docket.audit_log ORDER BY 1;"
    assert [row["tenant"] for row in world.rows("alice", query)] == ["acme"]
    assert {"acme", "rival"} <= {row["tenant"] for row in world.rows("postgres", query)}


def test_who_reads_which_tenant_is_listed_as_the_page_shows(world: World) -> None:
    [answer] = sql_page.blocks(sql_page.section("A login for a person"), "text")
    assert world.answer("docket_maintainer", world.logins[LIST_OF_LOGINS]) == unpadded(answer)


def test_what_a_login_was_given_can_be_taken_back(world: World) -> None:
    def of_bob(number: int) -> str:
        return world.logins[number].replace("'alice'", "'bob'").replace(" alice", " bob")

    assert world.psql("postgres", of_bob(GRANT)).returncode == 0
    assert world.rows("bob", "SELECT slug FROM docket.tenants;") == [{"slug": "acme"}]
    [forget, drop] = of_bob(REVOKE).splitlines()
    assert world.psql("docket_maintainer", forget).returncode == 0
    assert world.rows("bob", "SELECT event_id FROM docket.audit_log;") == []
    assert world.psql("postgres", drop).returncode == 0
    assert "does not exist" in world.psql("bob", "SELECT 1;").stderr


def test_a_login_with_a_tenant_and_without_the_group_is_refused(world: World) -> None:
    world.collector.sql("CREATE ROLE outside LOGIN", conninfo=world.conninfo("postgres"))
    world.collector.sql("INSERT INTO docket.tenant_readers SELECT 'outside', tenant_id FROM docket.tenants")
    found = psql(world.conninfo("outside"), "SELECT event_id FROM docket.audit_log")
    world.collector.sql("DELETE FROM docket.tenant_readers WHERE role_name = 'outside'")
    assert (found.code, found.rows) == (1, "") and "42501: permission denied" in found.said


def test_a_suspended_tenants_log_can_still_be_read_in_sql(world: World) -> None:
    count = "SELECT count(*) FROM docket.audit_log WHERE type <> 'docket.tenant.changed';"
    before = world.rows("alice", count)
    administration = {"DOCKET_POSTGRES_MAINTAINER": world.conninfo("docket_maintainer")}
    for act in ("suspend", "resume"):
        assert world.shell(f"docket tenant {act} acme", ROOT, **administration).returncode == 0
        assert world.rows("alice", count) == before
