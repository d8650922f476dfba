"""One fault after the other, each upon all ways to emit under all policies side by side."""

import os
import threading
import time
from collections import Counter
from pathlib import Path

from cluster import Cluster
from matrix_cells import POLICIES, WAYS, Cell
from matrix_faults import FAULTS, NAME, SECONDS, Fault
from matrix_promises import Circumstances, Found, broken_promises
from waiting import eventually

TICK_SECONDS = 0.1
# How many events of each emitter are stored before anything happens.
WARM_UP_EVENTS, WARM_UP_SECONDS = 20, 60
REPORT_TYPE = "docket.events_dropped"

Outcome = dict[tuple[str, str], list[str]]


class Matrix:
    """The collector, a tenant with a token for each cell, and what has come of the faults so far."""

    def __init__(self, folder: Path):
        self._folder = folder
        self._run = int.from_bytes(os.urandom(6), "big") << 16
        self.cluster = Cluster(NAME)
        try:
            self._tokens = {f"{way}-{policy}".lower(): "" for way in WAYS for policy in POLICIES}
            self.cluster.docket("tenant", "add", *self._tokens)
            for tenant in self._tokens:
                self._tokens[tenant] = self.cluster.docket("token", "add", "--scope", "publish", "--tenant", tenant).strip()
        except BaseException:
            self.delete()
            raise
        self._outcomes: dict[str, Outcome] = {}
        self._cells: list[Cell] = []

    def outcome(self, fault: str) -> Outcome:
        """What a fault has broken in each cell; it is brought about when that is asked for the first time."""
        if fault not in self._outcomes:
            began = time.monotonic()
            self._outcomes[fault] = self._bring_about(fault)
            print(f"{fault}: {time.monotonic() - began:.1f} s")
        return self._outcomes[fault]

    def delete(self) -> None:
        self.cluster.delete()

    def _bring_about(self, name: str) -> Outcome:
        folder = self._folder / name.replace(" ", "-")
        folder.mkdir()
        fault = FAULTS[name](self.cluster, folder)
        cells = [self.cell(way, policy, folder) for way in WAYS for policy in POLICIES]
        before = self.counts()
        try:
            _suffer(fault, cells)
        finally:
            self.end_cells()
            fault.delete()
        return self.judge(cells, before, fault.circumstances)

    def cell(self, way: str, policy: str, folder: Path) -> Cell:
        """A cell with a run of its own, which keeps its journal in the folder."""
        self._run += 1
        tenant = f"{way}-{policy}".lower()
        own = folder / tenant
        own.mkdir()
        self._cells.append(Cell(way, policy, self._run, tenant, self._tokens[tenant], own))
        return self._cells[-1]

    def end_cells(self) -> None:
        """Kills the emitters of cells that didn't come to their end: the next cells of their tenants are judged alone."""
        for cell in self._cells:
            cell.kill_if_running()
        self._cells = []

    def judge(self, cells: list[Cell], before: dict[str, Counter[str]], circumstances: Circumstances) -> Outcome:
        """What is broken in each cell, none of which may have another's tenant; `before` has the counts of before they began."""
        stored, after, outcome = self._stored(cells[0].run, cells[-1].run), self.counts(), {}
        for cell in cells:
            reports, quarantined = (after[kind][cell.tenant] - before[kind][cell.tenant] for kind in ("reports", "quarantine"))
            found = Found(stored.get(cell.run, Counter()), reports, quarantined)
            outcome[cell.way, cell.policy] = broken_promises(cell, found, circumstances)
        return outcome

    def _stored(self, first_run: int, last_run: int) -> dict[int, Counter[int]]:
        """How often each event of these runs is in the table."""
        stored: dict[int, Counter[int]] = {}
        for event_id, count in self.cluster.sql(
            "SELECT replace(event_id::text, '-', ''), count(*) FROM docket.events WHERE event_id BETWEEN "
            f"'{first_run:016x}{0:016x}' AND '{last_run:016x}{(1 << 64) - 1:016x}' GROUP BY event_id"
        ):
            stored.setdefault(int(event_id[:16], 16), Counter())[int(event_id[16:], 16)] = int(count)
        return stored

    def counts(self) -> dict[str, Counter[str]]:
        """How many reports of dropped events, and how many events in quarantine, each tenant has."""
        statements = {
            "reports": f"SELECT tenant, count(*) FROM docket.audit_log WHERE type = '{REPORT_TYPE}' GROUP BY tenant",
            "quarantine": "SELECT t.slug, count(*) FROM docket.quarantine JOIN docket.tenants AS t USING (tenant_id) GROUP BY 1",
        }
        return {
            kind: Counter({tenant: int(count) for tenant, count in self.cluster.sql(statement)})
            for kind, statement in statements.items()
        }


class _Load:
    """A few events of each cell, again and again, on a thread of its own."""

    def __init__(self, cells: list[Cell]):
        self._cells, self._stopping = cells, threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def go_on_for(self, seconds: float) -> None:
        self._stopping.wait(seconds)

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopping.wait(TICK_SECONDS):
            for cell in self._cells:
                cell.tick()


def _suffer(fault: Fault, cells: list[Cell]) -> None:
    """The fault comes and goes while the cells emit; then they end as they would without it."""
    if fault.comes_first:
        fault.begin(cells)
    for cell in cells:
        cell.start(fault.targets(), fault.prefix())
    load = _Load(cells)
    try:
        if not fault.comes_first:
            for cell in cells:
                eventually(
                    lambda: cell.counters.get("committed", 0) >= WARM_UP_EVENTS, cell.process.log, WARM_UP_SECONDS)
            fault.begin(cells)
        for cell in cells:
            cell.burst()
        fault.strike(cells)
        load.go_on_for(SECONDS)
        fault.end(cells)
    finally:
        load.stop()
    deadline = time.monotonic() + fault.bound_seconds
    for cell in cells:
        try:
            eventually(cell.is_idle, seconds=max(0.1, deadline - time.monotonic()))
            cell.finish()
        except AssertionError as error:
            cell.faults.append(f"not done {fault.bound_seconds} s after the fault: {error}, {cell.counters}\n{cell.process.log()}")
