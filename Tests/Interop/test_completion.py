"""Completion: the scripts that docket writes for shells, and what the shells complete with them."""

import shlex
import subprocess
from pathlib import Path

import pytest

from collector import BINARY
from isolation_commands import tree
from terminals import Terminal
from waiting import eventually

SHELLS = ("bash", "zsh", "fish")

# Sources the script, sets what a shell sets when Tab is pressed, calls what is registered, and prints what it has found.
ASK = """
source "$1"; shift
registered=$(complete -p docket); function=${registered#*-F }; function=${function%% *}
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMP_LINE="$*"; COMP_POINT=${#COMP_LINE}; COMP_TYPE=9; COMP_KEY=9
compopt() { :; }
"$function" docket "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
printf '%s\\n' "${COMPREPLY[@]}"
"""


def script(shell: str, folder: Path) -> Path:
    made = subprocess.run([BINARY, "--generate-completion-script", shell], check=True, capture_output=True, timeout=60)
    assert made.stderr == b""
    file = folder / f"docket.{shell}"
    file.write_bytes(made.stdout)
    return file


@pytest.fixture(scope="module")
def bash(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return script("bash", tmp_path_factory.mktemp("completion"))


def completed(bash: Path, *words: str, folder: Path | None = None) -> list[str]:
    """What Bash offers for the last word."""
    ended = subprocess.run(
        ["bash", "--norc", "-c", ASK, "ask", str(bash), "docket", *words], check=True, capture_output=True, text=True,
        timeout=60, cwd=folder, env={"PATH": f"{Path(BINARY).parent}:/usr/bin:/bin"},
    )  # fmt: skip
    assert ended.stderr == ""
    return [line.strip() for line in ended.stdout.splitlines() if line.strip()]


@pytest.mark.parametrize("shell", SHELLS)
def test_the_script_of_a_shell_is_in_its_language(shell: str, tmp_path: Path) -> None:
    file = script(shell, tmp_path)
    assert "also-tenant" in file.read_text()
    subprocess.run([shell, "-n", str(file)], check=True, timeout=60)


def test_commands_are_completed(bash: Path) -> None:
    assert completed(bash, "qu") == ["quarantine", "query"] or completed(bash, "qu") == ["query", "quarantine"]
    assert completed(bash, "stat") == ["stats"]
    assert set(completed(bash, "tenant", "s")) == {"set", "show", "suspend"}
    assert {words.split()[0] for words in tree()} <= set(completed(bash, ""))


@pytest.mark.parametrize(
    ("words", "values"),
    [
        (("query", "--decision", ""), {"allow", "deny", "mask"}), (("query", "--outcome", "f"), {"failure"}),
        (("query", "--count", ""), {"estimated", "exact"}), (("stats", "--by", "a"), {"actor", "action"}),
        (("stats", "--by", "r"), {"resource-type"}), (("export", "--format", "c"), {"csv", "cloudevents"}),
        (("stats", "--tot"), {"--total"}), (("show", "--no-"), {"--no-pager"}), (("query", "--lo"), {"--local"}),
    ],
)  # fmt: skip
def test_flags_and_their_values_are_completed(bash: Path, words: tuple[str, ...], values: set[str]) -> None:
    assert set(completed(bash, *words)) == values


@pytest.mark.parametrize(
    "words",
    [
        ("export", "--output"), ("query", "--token-file"), ("stats", "--profile"), ("import", "--format", "jsonl"),
        ("export", "--verify"), ("query", "--ca-file"), ("serve", "--config"),
    ],
)  # fmt: skip
def test_files_are_completed_where_a_path_is_wanted(bash: Path, words: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "audit-log.jsonl").touch()
    assert completed(bash, *words, "audit-", folder=tmp_path) == ["audit-log.jsonl"]


# MARK: Other shells

# By what is typed: the values that are offered.
OFFERED = [("docket stat", {"stats"}), ("docket query --decision ", {"allow", "deny", "mask"}), ("docket tenant s", {"set", "show", "suspend"})]


@pytest.mark.parametrize(("typed", "values"), OFFERED)
def test_fish_completes_commands_and_values(typed: str, values: set[str], tmp_path: Path) -> None:
    file = script("fish", tmp_path)
    ended = subprocess.run(
        ["fish", "--no-config", "-c", f"source {file}; complete -C{shlex.quote(typed)}"], check=True, capture_output=True, text=True,
        timeout=60, env={"PATH": f"{Path(BINARY).parent}:/usr/bin:/bin", "HOME": str(tmp_path)},
    )  # fmt: skip
    assert {line.split("\t")[0] for line in ended.stdout.splitlines()} == values and ended.stderr == ""


@pytest.mark.parametrize(("typed", "values"), OFFERED)
def test_zsh_completes_commands_and_values(typed: str, values: set[str], tmp_path: Path) -> None:
    """In a terminal: only its line editor completes. One value is put into the line, several are listed below it."""
    script("zsh", tmp_path).rename(tmp_path / "_docket")
    path = f"{Path(BINARY).parent}:/usr/bin:/bin"
    shell = Terminal(["-f", "-i"], columns=200, program="zsh", PATH=path, HOME=str(tmp_path), PS1="ready> ")
    try:
        shell.wait_for("ready> ")
        # Said by the second prompt: what is typed is shown as well.
        shell.press(f"fpath=({tmp_path} $fpath); autoload -Uz compinit; compinit -u -D; PS1='com''pletes> '\n")
        shell.wait_for("completes> ")
        before = len(shell.raw)
        shell.press(f"{typed}\t")

        def words() -> set[str]:
            return set("\n".join(shell.lines_since(before)).split())

        eventually(lambda: values <= words(), lambda: f"not offered: {shell.raw[before:]!r}")
    finally:
        shell.close()
