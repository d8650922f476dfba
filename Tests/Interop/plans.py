"""The plans of what a collector's reader asks, as auto_explain logs them."""

import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

OPTIONS = {"log_min_duration": "0", "log_format": "json"}
ANALYZE = {"log_analyze": "on", "log_buffers": "on", "log_timing": "off"}


@dataclass(frozen=True)
class Logged:
    """A statement over docket.events that has ended."""

    milliseconds: float
    statement: str
    plan: dict


def scans(plan: dict) -> Iterator[tuple[str, list[str]]]:
    """Each table that a plan reads, with the indexes that it is read by; none for a sequential scan."""
    if "Relation Name" in plan:
        yield plan["Relation Name"], sorted(indexes(plan))
    for child in plan.get("Plans", []):
        yield from scans(child)


def indexes(plan: dict) -> Iterator[str]:
    """The indexes that a scan uses, those below a bitmap included."""
    if "Index Name" in plan:
        yield plan["Index Name"]
    for child in plan.get("Plans", []):
        yield from indexes(child)


class Plans:
    """Has the reader's statements explained from now on."""

    def __init__(self, superuser: Callable[[str], object], log: Path, **options: str):
        """`superuser` runs a statement, `log` is the server's; `options` are auto_explain's besides ``OPTIONS``."""
        self._superuser, self._log = superuser, log
        self._settings = {f"auto_explain.{name}": value for name, value in (OPTIONS | options).items()}
        self._settings = {"session_preload_libraries": "auto_explain"} | self._settings
        self._set(f"SET {name} = '{value}'" for name, value in self._settings.items())
        self._offset = self._log.stat().st_size

    def stop(self) -> None:
        """Has nothing explained any more."""
        self._set(f"RESET {name}" for name in self._settings)

    def new(self) -> list[Logged]:
        """The statements over docket.events that were logged since the last call."""
        with self._log.open() as log:
            log.seek(self._offset)
            text = log.read()
            self._offset = log.tell()
        logged = []
        for found in re.finditer(r"duration: ([\d.]+) ms  plan:\n", text):
            plan, _ = json.JSONDecoder().raw_decode(text[found.end() :].lstrip())
            if "FROM docket.events AS e" in plan["Query Text"]:
                logged.append(Logged(float(found[1]), plan["Query Text"], plan["Plan"]))
        return logged

    def _set(self, settings: Iterable[str]) -> None:
        """Settings of a role are those of its next connections."""
        self._superuser("; ".join(f"ALTER ROLE docket_reader {setting}" for setting in settings))
        self._superuser("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'docket_reader'")
