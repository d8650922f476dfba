"""What the commands that read the log do in a terminal: pager, chart, colours."""

import os
import select
import signal
import socket
import subprocess
import sys
import unicodedata
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import stalling_log
from docket.v1.event_pb2 import Actor

from client import Client
from collector import BINARY, Collector
from events import event, unique
from terminals import Terminal
from waiting import eventually

COUNT = 2500
BASE_US = 1_700_000_000_000_000
RANGE = ("--from", "2023-11-14T22:00:00Z", "--to", "2023-11-14T23:00:00Z")


@pytest.fixture(scope="module")
def mark(collector: Collector) -> str:
    """The session of more events than any screen has rows, and than two parts of a table."""
    mark = unique("terminal-")
    with Client(collector.address, collector.token) as client:
        for start in range(0, COUNT, 500):
            client.publish_events(
                *(
                    event(session_id=mark, action=f"action-{number}", occurred_at_us=BASE_US + number * 1_000_000,
                          actor=Actor(id=f"{mark}-{number % 3}"))
                    for number in range(start, start + 500)
                )
            )  # fmt: skip
    return mark


@pytest.fixture
def terminal(collector: Collector) -> Iterator[Callable[..., Terminal]]:
    opened: list[Terminal] = []

    def open_one(*arguments: str, **options: object) -> Terminal:
        environment = {"DOCKET_TOKEN": collector.token} | options
        opened.append(Terminal([*arguments, "--address", collector.address], **environment))
        return opened[-1]

    yield open_one
    for one in opened:
        one.close()


def piped(collector: Collector, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [BINARY, *arguments, "--address", collector.address], check=False, capture_output=True, text=True, timeout=60,
        env=os.environ | {"DOCKET_TOKEN": collector.token, "TERM": "xterm", "LANG": "C.UTF-8"} | environment,
    )  # fmt: skip


# Says that it was there, and passes everything on.
MARKING = "echo PAGED; cat"


def query(mark: str, *arguments: str) -> tuple[str, ...]:
    return ("query", "--session", mark, "--oldest-first", *arguments)


# MARK: The pager


def test_output_longer_than_the_screen_goes_through_the_pager_whole(terminal: Callable[..., Terminal], mark: str) -> None:
    shown = terminal(*query(mark, "--limit", "0"), columns=200, DOCKET_PAGER=MARKING).end().lines
    assert shown.count("PAGED") == 1
    assert [f"action-{number}" for number in range(COUNT)] == [
        word for line in shown for word in line.split() if word.startswith("action-")
    ]


def test_output_that_the_screen_holds_does_not(terminal: Callable[..., Terminal], mark: str) -> None:
    # A title and 22 rows leave a row for the prompt.
    assert "PAGED" not in terminal(*query(mark, "--limit", "22"), columns=200, DOCKET_PAGER=MARKING).end().lines
    assert "PAGED" in terminal(*query(mark, "--limit", "23"), columns=200, DOCKET_PAGER=MARKING).end().lines


def test_long_lines_count_as_the_rows_that_they_take(terminal: Callable[..., Terminal], mark: str) -> None:
    assert "PAGED" in terminal(*query(mark, "--limit", "10", "--json"), DOCKET_PAGER=MARKING).end().lines


@pytest.mark.parametrize("command", ["show", "stats"])
def test_other_commands_page_as_well(terminal: Callable[..., Terminal], collector: Collector, mark: str, command: str) -> None:
    arguments = ["stats", "--by", "action", "--session", mark, *RANGE, "--top", "100"]
    if command == "show":
        with Client(collector.address, collector.token) as client:
            arguments = ["show", client.query(session_id=mark, page_size=1).events[0].event.event_id.hex()]
    assert "PAGED" in terminal(*arguments, rows=5, DOCKET_PAGER=MARKING).end().lines


def test_the_usual_pager_shows_a_screen_and_is_quit_by_q(terminal: Callable[..., Terminal], mark: str) -> None:
    opened = terminal(*query(mark, "--limit", "0"), columns=200)
    opened.wait_for("action-20")
    # An interrupt is for the pager, and ends neither it nor the command.
    opened.press("\x03")
    opened.press("G")
    opened.wait_for(f"action-{COUNT - 1}")
    opened.press("q")
    opened.end()
    assert "action-1000" not in opened.raw


def test_quitting_the_pager_early_ends_the_command_well(terminal: Callable[..., Terminal], mark: str) -> None:
    shown = terminal(*query(mark, "--limit", "0", "--json"), DOCKET_PAGER="head -n 1").end().raw
    assert "action-0" in shown
    assert "docket:" not in shown


def test_a_pager_that_is_not_there_is_no_error(terminal: Callable[..., Terminal], mark: str) -> None:
    shown = terminal(*query(mark, "--limit", "100"), columns=200, DOCKET_PAGER="no-such-pager-anywhere").end().raw
    assert "action-99" in shown
    assert "no-such-pager" not in shown


def test_a_pager_that_the_shell_cannot_find_is_an_error(terminal: Callable[..., Terminal], mark: str) -> None:
    # The shell takes the output, and there is nobody to show it.
    shown = terminal(*query(mark, "--limit", "0"), columns=200, DOCKET_PAGER="no-such-pager-anywhere 2> /dev/null").end(69).raw
    assert "the pager 'no-such-pager-anywhere 2> /dev/null' can't be run (exit code 127)" in shown


def test_an_interrupt_behind_the_pager_ends_the_command() -> None:
    command = [sys.executable, Path(__file__).with_name("stalling_log.py")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        opened = Terminal(
            ["query", "--json", "--limit", "0", "--address", server.stdout.readline().strip()], DOCKET_TOKEN="any",
            DOCKET_PAGER=f"head -n {stalling_log.EVENTS}",
        )  # fmt: skip
        try:
            assert select.select([server.stdout], [], [], 60)[0], opened.raw
            # The command waits for the second page, and its pager, which has seen the first, has ended or will at once.
            eventually(lambda: opened.press("\x03") or opened.has_ended, "the command goes on")
            opened.end(-signal.SIGINT)
        finally:
            opened.close()
            server.kill()


@pytest.mark.parametrize(
    ("flags", "environment"),
    [
        (["--no-pager"], {"PAGER": MARKING}), ([], {"PAGER": MARKING, "DOCKET_PAGER": ""}), ([], {"PAGER": "cat"}),
        ([], {"PAGER": MARKING, "TERM": "dumb"}),
    ],
)  # fmt: skip
def test_nobody_is_paged_who_does_not_want_it(
    terminal: Callable[..., Terminal], mark: str, flags: list[str], environment: dict[str, str]
) -> None:
    shown = terminal(*query(mark, "--limit", "100", *flags), columns=200, **environment).end().raw
    assert "action-99" in shown
    assert "PAGED" not in shown


def test_output_to_a_pipe_is_never_paged(collector: Collector, mark: str) -> None:
    ended = piped(collector, *query(mark, "--limit", "0"), DOCKET_PAGER=MARKING)
    assert ended.returncode == 0
    assert "PAGED" not in ended.stdout
    assert len(ended.stdout.splitlines()) >= COUNT
    assert "\x1b" not in ended.stdout


def test_what_is_said_behind_the_output_is_said_behind_the_pager(terminal: Callable[..., Terminal], mark: str) -> None:
    lines = terminal(*query(mark, "--limit", "100", "--count", "exact"), DOCKET_PAGER="cat; echo LEFT").end().lines
    assert lines[-2:] == ["LEFT", f"{COUNT} events match"]


def test_exit_codes_are_those_without_a_pager(terminal: Callable[..., Terminal], collector: Collector, mark: str) -> None:
    absent = str(uuid.uuid4())
    for arguments, code in [
        (("show", absent), 66), (("query", "--session", unique()), 0), (("stats", "--session", unique()), 0),
        (("query", "--limit", "-1"), 64), (("stats", "--session", mark, "--since", "7d", "--every", "1h", "--top", "1000"), 65),
    ]:  # fmt: skip
        assert piped(collector, *arguments).returncode == code
        terminal(*arguments, DOCKET_PAGER=MARKING).end(code)
    terminal(*query(mark, "--limit", "100"), DOCKET_PAGER="cat; exit 3").end(0)


def test_exit_codes_of_the_commands_that_read_are_those_of_the_page(collector: Collector, tmp_path: Path) -> None:
    """docs/reading.md lists them."""
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        away = f"127.0.0.1:{nobody.getsockname()[1]}"
        for arguments in (("query",), ("tail",), ("stats",), ("export",), ("show", str(uuid.uuid4()))):
            def ended(address: str | None, arguments: tuple[str, ...] = arguments, token: str = collector.token) -> int:
                named = ["--address", address] if address else []
                return subprocess.run(
                    [BINARY, *arguments, *named], check=False, capture_output=True, timeout=60, cwd=tmp_path,
                    env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "DOCKET_TOKEN": token},
                ).returncode  # fmt: skip

            assert ended(collector.address, (*arguments, "--no-such-flag")) == 64
            assert ended(away) == 69
            assert ended(collector.address, token="dkt_unknown") == 77
            assert ended(None) == 78
            assert ended(collector.address, (*arguments, "--profile", str(tmp_path / "none.json"))) == 78
            assert ended(collector.address, token="") == 78
    assert subprocess.run([BINARY, "export", "--verify", tmp_path / "none"], check=False, capture_output=True, timeout=60).returncode == 66


# MARK: The chart


def chart(lines: list[str]) -> str:
    """The last column of the row of all."""
    [row] = [line for line in lines if line.startswith("(all)")]
    return row.split("%", 1)[1].strip()


@pytest.mark.parametrize("columns", [44, 60, 80, 132])
def test_a_terminal_gets_a_chart_that_fits_it(terminal: Callable[..., Terminal], mark: str, columns: int) -> None:
    asked = ("stats", "--by", "actor", "--session", mark, *RANGE, "--every", "5m")
    lines = terminal(*asked, columns=columns, DOCKET_PAGER="cat").end().lines
    assert all(len(line) <= columns for line in lines), lines
    assert all(unicodedata.east_asian_width(one) != "W" for one in "".join(lines))
    # Of 42 minutes in all; where two parts share a column, half as many.
    assert set(chart(lines)) <= set("▁▂▃▄▅▆▇█") and "█" in chart(lines)
    assert 5 <= len(chart(lines)) <= 10
    totals = terminal("stats", "--by", "actor", "--session", mark, *RANGE, "--total", columns=columns, DOCKET_PAGER="cat").end()
    assert "█" in chart(totals.lines)


def test_where_the_locale_has_no_blocks_the_chart_is_ascii(terminal: Callable[..., Terminal], mark: str) -> None:
    asked = ("stats", "--by", "actor", "--session", mark, *RANGE, "--every", "5m")
    opened = terminal(*asked, LC_ALL="C", DOCKET_PAGER="cat").end()
    assert opened.raw.isascii()
    assert "@" in chart(opened.lines)


def test_there_is_no_chart_in_a_pipe_and_no_colour_for_who_wants_none(
    terminal: Callable[..., Terminal], collector: Collector, mark: str
) -> None:
    asked = ("stats", "--by", "actor", "--session", mark, *RANGE)
    assert chart(piped(collector, *asked).stdout.splitlines()) == ""
    assert "\x1b[" in terminal(*asked, DOCKET_PAGER="cat").end().raw
    assert "\x1b[" not in terminal(*asked, DOCKET_PAGER="cat", NO_COLOR="1").end().raw
