"""The abuse table, as Markdown."""

import statistics
from pathlib import Path

from attacks import ATTACKS, Attack
from attacks.connections import MOST_IDLE
from figures import Row, row

BEGIN, END = "<!-- abuse: begin -->", "<!-- abuse: end -->"
HEAD = (
    "| attack | limit | what the peer sees | counted by | neighbour's quiet p99, ms | meanwhile | ratio | elsewhere |\n"
    "| --- | --- | --- | --- | ---: | ---: | ---: | ---: |"
)


def table(results: dict) -> str:
    """All attacks in their order; those that were not measured have no figures."""
    lines = [HEAD]
    for attack in ATTACKS.values():
        rounds = [one for one in results["rounds"] if one["name"] == attack.name and one["attack"]["count"]]
        lines.append(line(attack, row(rounds) if rounds else None))
    return "\n".join([*lines, "", note(results)])


def line(attack: Attack, figures: Row | None) -> str:
    cells = [*attack.cells]
    if figures is None:
        cells += ["–"] * 4
    else:
        failed = f"; {figures.failed} failed" if figures.failed else ""
        cells += [spread(figures.quiet), spread(figures.meanwhile) + failed, f"{figures.ratio:.1f}"]
        cells.append(spread(figures.elsewhere) if figures.elsewhere else "")
    return "| " + " | ".join(cells) + " |"


def spread(values: list[float]) -> str:
    median = f"{statistics.median(values):.1f}"
    return median if len(values) == 1 else f"{median} ({min(values):.1f}–{max(values):.1f})"


def note(results: dict) -> str:
    machine, settings = results["machine"], results["settings"]
    share = statistics.median([one["foreign_share"] for one in results["rounds"]] or [0])
    longer = ", or of as long as a limit takes" if "strike_seconds" in settings else ""
    return idle(results) + (
        f"{settings['rounds']} rounds of {settings['seconds']:g} s{longer}, medians with least and most; {settings['rate']:g} "
        f"batches a second; {machine['cores']} processors ({machine['cpu']}), which collector, PostgreSQL, neighbour and "
        f"attacker share, the attacker at nice {settings['nice']}; {share * 100:.0f} % of them were used by something else."
    )


def idle(results: dict) -> str:
    """What an idle connection takes of memory, if that was measured."""
    grown = [
        one["most_resident_mebibytes"] - one["resident_before_mebibytes"]
        for one in results["rounds"]
        if one["name"] == "idle_connections" and "most_resident_mebibytes" in one and not one.get("elsewhere")
    ]
    # Later rounds find memory that the first has left.
    return f"An idle connection takes {max(grown) * 1024 / MOST_IDLE:.0f} KiB. " if grown else ""


def publish(text: str, page: Path) -> None:
    """Puts the table into a page, between its marks."""
    whole = page.read_text()
    before, rest = whole.split(BEGIN)
    page.write_text(f"{before}{BEGIN}\n{text}\n{END}{rest.split(END)[1]}")
