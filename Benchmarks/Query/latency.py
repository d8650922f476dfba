"""How long queries take while events come in, and by which plans they are answered."""

import argparse
import random
import re
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from client import TIMEOUT_SECONDS, Client
from filled_site import Site
from grpc_health.v1 import health_pb2, health_pb2_grpc
from loading import Load
from percentiles import percentile
from plans import ANALYZE, Plans
from questions import PAGE, QUESTIONS, Keys, Question, check, compare

# In shares of a full segment's rows: where a round begins and where it ends. Their mean is a full segment.
HOT_FROM, HOT_TO = 0.8, 1.2
WARM_UP_CALLS = 5
COMPARED_KEYS = 3
BARE = "bare round trip (health check)"


@dataclass
class Calls:
    """What the calls of one kind took, in milliseconds."""

    took: list[float] = field(default_factory=list)
    # Those before that aren't counted.
    warm: int = 0

    def add(self, milliseconds: float) -> None:
        if self.warm < WARM_UP_CALLS:
            self.warm += 1
        else:
            self.took.append(milliseconds)

    def figures(self) -> dict:
        shares = {"median": 0.5, "p95": 0.95, "p99": 0.99, "max": 1}
        figures = {name: round(percentile(self.took, share), 2) for name, share in shares.items()} if self.took else {}
        return {"calls": len(self.took)} | figures


class Measurement:
    """All questions in turn over one connection, round after round."""

    def __init__(self, site: Site, options: argparse.Namespace):
        self._site, self._options = site, options
        self._chance = random.Random(options.seed)
        self._calls: dict[str, Calls] = {name: Calls() for name in (*(one.name for one in QUESTIONS), BARE)}
        self._rounds: list[dict] = []

    def run(self) -> dict:
        """Rounds until each question has its calls, within the time that it may take."""
        deadline = time.monotonic() + self._options.latency_seconds
        while self._wanted() and time.monotonic() < deadline:
            self._round(deadline)
        figures = [
            {"kind": one.kind, "answered_by": one.answered_by, "limit_ms": one.limit_ms} | self._calls[one.name].figures()
            for one in QUESTIONS
        ]
        return {"questions": figures, "bare": self._calls[BARE].figures(), "rounds": self._rounds}

    def _wanted(self) -> list[Question]:
        return [one for one in QUESTIONS if len(self._calls[one.name].took) < self._options.calls]

    def _round(self, deadline: float) -> None:
        site, options = self._site, self._options
        site.prepare_hot(int(site.log.rows * HOT_FROM))
        keys, rows = Keys(site, options.seed + len(self._rounds)), site.hot_rows()
        most = int(site.log.rows * HOT_TO)
        with Client(site.address, site.token) as client, site.steady_load() as load:
            load.wait_for(site.log.loud)
            while wanted := self._wanted():
                self._chance.shuffle(wanted)
                for question in wanted:
                    self._ask(client, question, keys, load)
                self._ask_nothing(client)
                if rows + load.acknowledged >= most or time.monotonic() > deadline:
                    break
            rate, acknowledged = load.rate, load.finish()
            # Nothing is written any more: the answers can be compared with what there is.
            for question in QUESTIONS:
                for _ in range(COMPARED_KEYS):
                    compare(site, client, question, keys.draw(question.keys))
        about = {"hot_rows_from": rows, "hot_rows_to": rows + acknowledged, "events_per_second": round(rate), "sealed": site.sealed()}
        self._rounds.append(about)
        asked = min(len(self._calls[one.name].took) for one in QUESTIONS)
        print(f"round {len(self._rounds)}: {asked} of {options.calls} calls each; hot segment {rows:,} to {rows + acknowledged:,} rows, "
              f"{rate:,.0f} events/s came in", file=sys.stderr, flush=True)  # fmt: skip

    def _ask(self, client: Client, question: Question, keys: Keys, load: Load) -> None:
        key = keys.draw(question.keys)
        asked = question.request(key, self._site.log)
        newest = load.newest_us.get(asked["tenant"], 0)
        start = time.perf_counter()
        events = client.query(page_size=PAGE, **asked).events
        self._calls[question.name].add((time.perf_counter() - start) * 1000)
        check(question, key, asked, events, newest)

    def _ask_nothing(self, client: Client) -> None:
        """The same way, with nothing to be read."""
        health = health_pb2_grpc.HealthStub(client.channel)
        start = time.perf_counter()
        health.Check(health_pb2.HealthCheckRequest(), timeout=TIMEOUT_SECONDS)
        self._calls[BARE].add((time.perf_counter() - start) * 1000)


def explain(site: Site, seed: int) -> dict:
    """By question: the statements over the log that the collector sends for it, and what PostgreSQL does for them."""
    found, keys = {}, Keys(site, seed)
    _, hot = site.hot()
    plans = Plans(site.cluster.superuser_sql, site.postgres_log, **ANALYZE)
    try:
        with Client(site.address, site.token) as client:
            for question in QUESTIONS:
                key = keys.draw(question.keys)
                asked = question.request(key, site.log)
                client.query(page_size=PAGE, **asked)
                # The second time it is planned and read as in the midst of others.
                plans.new()
                check(question, key, asked, client.query(page_size=PAGE, **asked).events)
                found[question.name] = [
                    {"milliseconds": one.milliseconds, "statement": one.statement, "scans": scans(one.plan, hot)}
                    for one in plans.new()
                ]
    finally:
        plans.stop()
    return found


def scans(plan: dict, hot: str) -> list[str]:
    """The scans of the log's segments, those alike together: rows found and looked at, blocks read."""
    tables: Counter[str] = Counter()
    sums: dict[str, Counter[str]] = {}
    for node in tables_read(plan):
        by = ", ".join(sorted({re.sub(r"^events_\d+_", "", name) for name in indexes_of(node)}))
        name = "not executed" if node["Actual Loops"] == 0 else node["Node Type"] + (f" by {by}" if by else "")
        name += " on the hot segment" if node["Relation Name"] == hot else ""
        tables[name] += 1
        counts, loops = sums.setdefault(name, Counter()), node["Actual Loops"]
        counts["found"] += round(node["Actual Rows"] * loops)
        counts["removed"] += round(sum(node.get(f"Rows Removed by {why}", 0) for why in ("Filter", "Index Recheck")) * loops)
        counts["blocks"] += sum(node.get(f"Shared {what} Blocks", 0) for what in ("Hit", "Read"))
    lines = []
    for name, count in tables.items():
        one = sums[name]
        where = "" if "hot segment" in name else f" on {count} sealed segment{'s' if count > 1 else ''}"
        what = "" if name.startswith("not executed") else f": {one['found']:,} of {one['found'] + one['removed']:,} rows, {one['blocks']:,} blocks"
        lines.append(f"{name}{where}{what}")
    return lines


def tables_read(plan: dict) -> Sequence[dict]:
    own = [plan] if re.fullmatch(r"events_\d+", plan.get("Relation Name", "")) else []
    return own + [node for child in plan.get("Plans", []) for node in tables_read(child)]


def indexes_of(node: dict) -> Sequence[str]:
    own = [node["Index Name"]] if "Index Name" in node else []
    return own + [name for child in node.get("Plans", []) for name in indexes_of(child)]
