"""Each filter is served by the index that docs/store.md names, and segments are left out by time.

DOCKET_EXPLAIN_ROWS sets how many rows the log has; the default keeps the suite short.
"""

import hashlib
import json
import os
import re
import uuid
from collections.abc import Iterator

import pytest
from client import Client
from collector import Collector
from filled_log import SEGMENTS, fill
from plans import Plans, scans
from stubs import ROOT

ROWS = int(os.environ.get("DOCKET_EXPLAIN_ROWS", "240000"))
DAY_US = 86_400_000_000
FIRST_US = 1_767_225_600_000_000
ONE = ROWS // 2 // 20011 * 20011 + 1

# By filter: the index, the API's fields, and the view's condition. The values are of few rows; `frequent` ones may be
# served by the tenant's index, which gives them in the order of their times.
FILTERS = {
    "event id": ("event_id", {"event_id": hashlib.md5(str(ONE).encode()).digest()},
                 f"event_id = '{uuid.UUID(bytes=hashlib.md5(str(ONE).encode()).digest())}'"),
    "scope": ("few", {"scope": "scope-rare"}, "scope = 'scope-rare'"),
    "type": ("few", {"type": "rare.type"}, "type = 'rare.type'"),
    "actor": ("few", {"actor_id": "actor-rare"}, "actor_id = 'actor-rare'"),
    "agent": ("few", {"agent_id": "agent-rare"}, "agent_id = 'agent-rare'"),
    "resource type": ("few", {"resource_type": "tape"}, "resource_type = 'tape'"),
    "session": ("session_id", {"session_id": f"session-{ONE // 20}"}, f"session_id = 'session-{ONE // 20}'"),
    "request": ("request_id", {"request_id": f"request-{ONE // 3}"}, f"request_id = 'request-{ONE // 3}'"),
    "resource": ("resource_id", {"resource_id": "resource-4711"}, "resource_id = 'resource-4711'"),
    "trace": ("trace_id", {"trace_id": hashlib.md5(f"trace{ONE // 5}".encode()).digest()},
              f"trace_id = '\\x{hashlib.md5(f'trace{ONE // 5}'.encode()).hexdigest()}'"),
}  # fmt: skip


class Log:
    """A filled log, asked as the collector asks, and as people with psql do."""

    def __init__(self, collector: Collector):
        self.collector = collector
        maintainer = collector.ready["conninfo"]["maintainer"]
        self._superuser = maintainer.replace("docket_maintainer", "postgres")
        fill(collector, ROWS)
        collector.sql("ALTER DATABASE docket SET random_page_cost = 1.1", conninfo=self._superuser)
        collector.sql("CREATE ROLE auditor LOGIN IN ROLE docket_auditor", conninfo=self._superuser)
        collector.sql("INSERT INTO docket.tenant_readers VALUES ('auditor', 1)")
        self._auditor = maintainer.replace("docket_maintainer", "auditor")
        self._reader = collector.ready["conninfo"]["reader"]
        self.plans = Plans(
            lambda statement: collector.sql(statement, conninfo=self._superuser),
            collector.folder / "data" / "postgres" / "postgres.log",
        )
        self.tables = {f"events_{segment:06d}" for segment in range(1, SEGMENTS + 1)}

    def through_the_api(self, **fields: object) -> dict[str, list[str]]:
        with Client(self.collector.address, self.collector.token) as client:
            client.query(page_size=100, **fields)
        return self._sealed([logged.plan for logged in self.plans.new()])

    def through_the_view(self, condition: str, role: str) -> dict[str, list[str]]:
        statement = f"EXPLAIN (FORMAT JSON) SELECT * FROM docket.audit_log WHERE {condition}"
        if role == "docket_reader":
            rows = self.collector.sql(f"SET docket.tenant_ids = '1'; {statement}", conninfo=self._reader)
        else:
            rows = self.collector.sql(statement, conninfo=self._auditor)
        return self._sealed([json.loads("\n".join("|".join(row) for row in rows))[0]["Plan"]])

    def _sealed(self, plans: list[dict]) -> dict[str, list[str]]:
        """The sealed segments that plans read, each with its indexes."""
        assert plans, "no plan was seen"
        return {table: used for plan in plans for table, used in scans(plan) if table in self.tables}


@pytest.fixture(scope="module")
def log() -> Iterator[Log]:
    collector = Collector()
    yield Log(collector)
    collector.stop()
    collector.delete_folder()


def assert_served(used: dict[str, list[str]], tables: set[str], index: str) -> None:
    assert used.keys() == tables
    for table, names in used.items():
        assert f"{table}_{index}" in names, f"{table} is read by {names or 'a sequential scan'}"


@pytest.mark.parametrize("name", FILTERS)
def test_a_filter_of_the_api_is_served_by_its_index_in_every_sealed_segment(log: Log, name: str) -> None:
    index, fields, _ = FILTERS[name]
    assert_served(log.through_the_api(**fields), log.tables, index)


@pytest.mark.parametrize("role", ["docket_reader", "auditor"])
@pytest.mark.parametrize("name", FILTERS)
def test_a_filter_of_the_view_is_served_by_its_index_in_every_sealed_segment(log: Log, name: str, role: str) -> None:
    index, _, condition = FILTERS[name]
    assert_served(log.through_the_view(condition, role), log.tables, index)


def test_segments_are_left_out_by_time_and_the_others_are_read_in_its_order(log: Log) -> None:
    # Noon of the third day to noon of the fourth: a segment ends 1,600 seconds into the next day.
    start, end = FIRST_US + 5 * DAY_US // 2, FIRST_US + 7 * DAY_US // 2
    wanted = {"events_000003", "events_000004"}
    used = log.through_the_api(occurred_from_us=start, occurred_to_us=end, scope="scope-rare")
    assert used.keys() == wanted
    assert_served(log.through_the_api(occurred_from_us=start, occurred_to_us=start + 1), {"events_000003"}, "tenant")
    literal = "tenant = 'default' AND occurred_at BETWEEN '2026-01-03 12:00+00' AND '2026-01-04 12:00+00'"
    narrow = literal.replace("'2026-01-04 12:00+00'", "'2026-01-03 12:01+00'")
    for role in ("docket_reader", "auditor"):
        assert log.through_the_view(literal, role).keys() == wanted
        assert_served(log.through_the_view(narrow, role), {"events_000003"}, "tenant")


def test_what_is_frequent_comes_by_the_tenants_index_from_the_newest_segment_alone(log: Log) -> None:
    newest = {max(log.tables)}
    assert_served(log.through_the_api(), newest, "tenant")
    assert_served(log.through_the_api(scope="scope-3"), newest, "tenant")


def test_the_page_names_the_indexes_that_there_are(log: Log) -> None:
    page = (ROOT / "docs" / "store.md").read_text()
    table = page[page.index("| index of a sealed segment |") : page.index("Together 6.2")]
    named = set(re.findall(r"^\| `_([a-z_]+)", table, re.MULTILINE))
    there = log.collector.sql("SELECT indexname FROM pg_indexes WHERE tablename = 'events_000001'")
    assert {name.removeprefix("events_000001_") for (name,) in there} == named
