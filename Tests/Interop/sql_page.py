"""docs/sql.md as programs read it: its logins, its data, its table and its questions."""

import re
from dataclasses import dataclass

from stubs import ROOT

PAGE = ROOT / "docs" / "sql.md"
# How the page says that a question is one for SQL alone.
CANNOT = "The command line can't"


@dataclass(frozen=True)
class Question:
    """A question, with its answer in SQL and, where there is one, the command that finds the same events."""

    text: str
    statement: str
    # As psql prints it.
    answer: str
    command: str | None
    says_that_commands_cannot: bool

    @property
    def rows(self) -> int:
        """How many rows the answer says that it has."""
        return int(re.search(r"^\((\d+) rows?\)$", self.answer, re.M)[1])

    @property
    def counts(self) -> bool:
        """Whether the answer counts events, which the command shows."""
        return re.search(r"\| +events *$|^ *events +\|", self.answer.splitlines()[0]) is not None


def section(title: str, mark: str = "##") -> str:
    """What the page has below a heading."""
    found = re.search(rf"^{mark} {re.escape(title)}\n(.*?)(?=^{mark} |\Z)", PAGE.read_text(), re.M | re.S)
    assert found, f"docs/sql.md has no section '{title}'"
    return found[1]


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.M | re.S)


def questions() -> list[Question]:
    """All of them; each has its SQL and right beneath it the answer."""
    found = []
    for title, text in re.findall(r"^### (.*?)\n(.*?)(?=^### |\Z)", section("Questions"), re.M | re.S):
        answered = re.findall(r"^```sql\n(.*?)^```\n\n```text\n(.*?)^```$", text, re.M | re.S)
        assert len(answered) == len(blocks(text, "sql")) == 1, f"'{title}' needs a block of SQL, its answer beneath it"
        commands = blocks(text, "sh")
        assert len(commands) <= 1, f"'{title}' has several blocks of commands"
        [(statement, answer)], command = answered, commands[0] if commands else None
        found.append(Question(title, statement, answer, command, CANNOT in text))
    return found


def preparation() -> list[str]:
    """The commands that store the data of the answers, in their order."""
    [block] = blocks(section("The data of the answers"), "console")
    return [line.removeprefix("$ ") for line in block.splitlines()]


@dataclass(frozen=True)
class Column:
    """A row of the page's table of columns."""

    name: str
    type: str
    comment: str
    is_indexed: bool


def columns() -> list[Column]:
    rows = re.findall(r"^\| `(\w+)` \| ([^|]+) \| ([^|]+) \| (yes)? *\|$", section("The columns"), re.M)
    return [Column(name, kind, comment, mark == "yes") for name, kind, comment, mark in rows]
