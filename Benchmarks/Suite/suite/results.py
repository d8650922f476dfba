"""All figures of a run of the suite: results.json, and questions about them."""

import json
import os
from collections.abc import Callable
from pathlib import Path

from .failures import SuiteFailure
from .figures import Spread, spread

FORMAT = 1


class Results:
    """The content of results.json."""

    def __init__(self, content: dict):
        self.content = content

    @classmethod
    def new(cls, machine: dict, postgres: dict, contestants: dict[str, dict], settings: dict, date: str) -> "Results":
        """Without runs yet."""
        return cls({
            "format": FORMAT, "date": date, "machine": machine, "postgres": postgres, "settings": settings,
            "contestants": contestants, "notes": [], "runs": [],
        })  # fmt: skip

    @classmethod
    def read(cls, path: Path) -> "Results":
        """What an earlier run has written. Raises SuiteFailure when it isn't that."""
        try:
            content = json.loads(path.read_text())
        except OSError as error:
            raise SuiteFailure(f"cannot read '{path}': {error.strerror}", os.EX_NOINPUT) from None
        except ValueError as error:
            raise SuiteFailure(f"'{path}' is no JSON: {error}", os.EX_DATAERR) from None
        if not isinstance(content, dict) or content.get("format") != FORMAT:
            raise SuiteFailure(f"'{path}' is no results.json of format {FORMAT}", os.EX_DATAERR)
        return cls(content)

    def write(self, path: Path) -> None:
        """Whole or not at all."""
        partial = path.with_suffix(".partial")
        partial.write_text(json.dumps(self.content, indent=1, ensure_ascii=False) + "\n")
        partial.replace(path)

    def add(self, run: dict) -> None:
        """One run, with `scenario`, `contestant`, `round`, `point`, and figures or `error`."""
        self.content["runs"].append(run)

    def note(self, text: str) -> None:
        """Something that a reader of the table has to know."""
        if text not in self.content["notes"]:
            self.content["notes"].append(text)

    @property
    def runs(self) -> list[dict]:
        return self.content["runs"]

    @property
    def notes(self) -> list[str]:
        return self.content["notes"]

    @property
    def failed_runs(self) -> list[dict]:
        return [run for run in self.runs if run.get("error")]

    def title(self, contestant: str) -> str:
        """How a contestant is called in tables and plots."""
        return self.content["contestants"].get(contestant, {}).get("title", contestant)

    def contestants(self, scenario: str) -> list[str]:
        """Those with a good run in a scenario, in the order of the list of contestants."""
        having = {run["contestant"] for run in self.runs if run["scenario"] == scenario and not run.get("error")}
        return [name for name in self.content["contestants"] if name in having]

    def points(self, scenario: str) -> list[str]:
        """The points of a scenario that have good runs, in the order in which they came."""
        return list(dict.fromkeys(run["point"] for run in self._good(scenario)))

    def values(self, scenario: str, contestant: str, figure: str, point: str = "") -> list[float]:
        """One figure of all good runs of a kind."""
        return [
            run[figure] for run in self._good(scenario)
            if run["contestant"] == contestant and run["point"] == point and run.get(figure) is not None
        ]  # fmt: skip

    def spread(self, scenario: str, contestant: str, figure: str, point: str = "") -> Spread | None:
        """The median of a figure, with the smallest and the largest."""
        return spread(self.values(scenario, contestant, figure, point))

    def total_microseconds(self, scenario: str, contestant: str, point: str = "") -> Spread | None:
        """Processor time of all three together for an event."""
        return spread([_total(run) for run in self._good(scenario, lambda run: (
            run["contestant"] == contestant and run["point"] == point
        ))])  # fmt: skip

    def _good(self, scenario: str, also: Callable[[dict], bool] = lambda run: True) -> list[dict]:
        return [run for run in self.runs if run["scenario"] == scenario and not run.get("error") and also(run)]


def _total(run: dict) -> float:
    names = ("collector_microseconds", "emitter_microseconds", "postgres_microseconds")
    return sum(run.get(name) or 0.0 for name in names)
