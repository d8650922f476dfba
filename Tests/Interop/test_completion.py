"""Completion: the scripts that docket writes for shells, and what they complete."""

import shutil
import subprocess
from pathlib import Path

import pytest

from collector import BINARY
from isolation_commands import tree

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
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed: the script was made, and not read")
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
