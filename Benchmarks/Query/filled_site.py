"""A collector with a log of many sealed segments and a hot one."""

import argparse
import contextlib
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from cluster import Cluster
from loading import Load
from private_postgres import CONFIGURATION, PrivatePostgres
from waiting import eventually

EVENT_TYPE = "authz.decision"
# What a machine for such a log would have, and an SSD.
MORE_CONFIGURATION = """
shared_buffers = '2GB'
max_wal_size = '8GB'
random_page_cost = 1.1
effective_io_concurrency = 200
"""
DAY_US = 86_400_000_000
LOG_DAYS = 42
# The hot segment's share of these days, next to a sealed one's.
HOT_SHARE = 0.8
# More rows than any run adds.
NEVER = 1_000_000_000
# As few rows as a segment may have.
LEAST_SEGMENT_ROWS = 1_000
HOT_TOLERANCE = 1.05
FILL_BATCH = 500
# What its index knows nothing of, in a hot segment that is summarized.
SUMMARIZED_BYTES = 4 << 20
# While queries are measured; fewer where a segment is small.
LOAD_BATCH = 100
LOAD_BATCHES_A_SEGMENT = 1_000
FILL_SECONDS = 900
SEAL_SECONDS = 900
# Which segments have all their indexes, and nothing left to be done.
READY = "state = 'sealed' AND frozen_at IS NOT NULL AND checked_at IS NOT NULL"


@dataclass
class Log:
    """How the log was filled."""

    tenants: int
    segments: int
    # Of a full segment.
    rows: int
    # When the last event happened that the log was filled with.
    end_us: int

    @property
    def hot_from_us(self) -> int:
        """When the first event happened that the hot segment was filled with."""
        return self.end_us - int(LOG_DAYS * DAY_US * HOT_SHARE / (self.segments + HOT_SHARE))

    def names(self) -> list[str]:
        return [f"tenant-{number:02}" for number in range(self.tenants)]

    @property
    def loud(self) -> list[str]:
        """Those with events in the hot segment: all but the last."""
        return self.names()[:-1]

    @property
    def silent(self) -> str:
        return self.names()[-1]


class Site:
    """The collector, its PostgreSQL, and the log in it."""

    def __init__(self, options: argparse.Namespace):
        """Fills a log, or starts the one that --reuse names."""
        self._options, self._seed = options, options.seed
        self._folder: Path | None = options.keep or options.reuse
        about = self._folder / "log.json" if self._folder else None
        if options.reuse and not about.exists():
            raise SystemExit(f"query: {options.reuse} holds no log; make one with --keep {options.reuse}")
        if options.keep and options.keep.exists() and any(options.keep.iterdir()):
            raise SystemExit(f"query: {options.keep} is not empty; measure what it holds with --reuse, or name another folder")
        postgres = PrivatePostgres(CONFIGURATION + MORE_CONFIGURATION, folder=self._folder)
        self.postgres_log = postgres.folder / "postgres.log"
        self.cluster = Cluster("collector", postgres=postgres)
        self._is_filled = False
        try:
            self.token = self.cluster.docket(
                "token", "add", "--all-tenants", "--scope", "publish", "--scope", "query"
            ).strip()
            if options.reuse:
                self.log = Log(**json.loads(about.read_text()))
            else:
                self.log = self._fill()
                if about:
                    about.write_text(json.dumps(asdict(self.log)) + "\n")
            self._is_filled = True
        except BaseException:
            self.stop()
            raise

    @property
    def address(self) -> str:
        return self.cluster.collectors["collector"].address

    def stop(self) -> None:
        """Ends it; the log stays when it was to be kept and is whole."""
        if self._folder and (self._is_filled or self._options.reuse):
            self.cluster.stop()
        else:
            self.cluster.delete()

    @contextlib.contextmanager
    def load(self, tenants: list[str], **flags: object) -> Iterator[Load]:
        self._seed += 1
        load = Load(self.address, self.token, tenants, seed=self._seed, **flags)
        try:
            yield load
        finally:
            load.kill()

    def steady_load(self) -> contextlib.AbstractContextManager[Load]:
        """What comes in while queries are measured: into all tenants' logs but the silent one's."""
        batch = max(1, min(LOAD_BATCH, self.log.rows // LOAD_BATCHES_A_SEGMENT))
        return self.load(self.log.loud, rate=self._options.rate, batch=batch)

    def hot(self) -> tuple[int, str]:
        """The hot segment's id and its table."""
        found = self.cluster.sql("SELECT segment_id, table_name FROM docket.segments WHERE state = 'hot'")[0]
        return int(found[0]), found[1]

    def hot_rows(self) -> int:
        return int(self.cluster.sql(f"SELECT count(*) FROM docket.{self.hot()[1]}")[0][0])

    def sealed(self) -> int:
        """How many segments have all their indexes."""
        return int(self.cluster.sql(f"SELECT count(*) FROM docket.segments WHERE state = 'sealed'")[0][0])

    def set_segment_rows(self, rows: int) -> None:
        self.cluster.docket("policy", "set", "--segment-rows", str(rows))

    def wait_until_sealed(self) -> None:
        """Until every segment but the hot one has all its indexes."""
        unfinished = f"SELECT count(*) FROM docket.segments WHERE state NOT IN ('hot', 'dropped') AND NOT ({READY})"
        eventually(lambda: self.cluster.sql(unfinished) == [["0"]], "query: the segments were not sealed", SEAL_SECONDS)

    def rotate(self) -> None:
        """Closes the hot segment, which has a full one's rows, and waits until it is sealed."""
        with self._closing():
            self.set_segment_rows(self.log.rows)
        self.set_segment_rows(NEVER)
        self.wait_until_sealed()

    @contextlib.contextmanager
    def _closing(self) -> Iterator[None]:
        """What is done in it closes the hot segment; waits for that."""
        before, _ = self.hot()
        yield
        eventually(lambda: self.hot()[0] > before, "query: the hot segment was not closed", SEAL_SECONDS)

    def prepare_hot(self, rows: int) -> None:
        """Sees to a hot segment of so many rows, with events of this moment, and all others sealed."""
        if self.hot_rows() > rows * HOT_TOLERANCE:
            self._publish(self.log.loud, self.log.rows - self.hot_rows())
            self.rotate()
        self._publish(self.log.loud, rows - self.hot_rows())
        self._wait_until_summarized()

    def _wait_until_summarized(self) -> None:
        """Until the hot segment is as if its rows had come at the rate that is measured: its index lags behind faster ones."""
        metrics = self.cluster.collectors["collector"].metrics
        eventually(
            lambda: metrics()["docket_hot_segment_unsummarized_bytes"] <= SUMMARIZED_BYTES,
            "query: the hot segment was not summarized", SEAL_SECONDS,
        )

    def _fill(self) -> Log:
        """Publishes all events, segment by segment: sealing goes on meanwhile."""
        options, start = self._options, time.monotonic()
        log = Log(options.tenants, options.segments, options.events // options.segments, time.time_ns() // 1000)
        self.cluster.docket("event-type", "add", EVENT_TYPE)
        self.cluster.docket("tenant", "add", *log.names())
        # What Docket tells of all this happens now: it has a small segment to itself, so that those of the log have times of their own.
        with self._closing():
            self.set_segment_rows(LEAST_SEGMENT_ROWS)
            self._publish(log.names(), LEAST_SEGMENT_ROWS)
        self.set_segment_rows(log.rows)
        step_us = LOG_DAYS * DAY_US / (log.rows * (log.segments + HOT_SHARE))
        from_us = log.end_us - LOG_DAYS * DAY_US
        for number in range(1, log.segments + 1):
            with self._closing():
                self._publish(log.names(), log.rows, from_us, step_us)
            from_us += log.rows * step_us
            print(f"{number} of {log.segments} segments full, {self.sealed()} sealed, {time.monotonic() - start:,.0f} s",
                  file=sys.stderr, flush=True)  # fmt: skip
        self.set_segment_rows(NEVER)
        self._publish(log.loud, int(log.rows * HOT_SHARE), from_us, step_us)
        self.wait_until_sealed()
        print(f"filled in {time.monotonic() - start:,.0f} s", file=sys.stderr, flush=True)
        return log

    def _publish(self, tenants: list[str], events: int, first_us: float | None = None, step_us: float = 1) -> None:
        """Publishes so many events as fast as they are answered, by default such that happen now."""
        if events <= 0:
            return
        first_us = time.time_ns() // 1000 if first_us is None else int(first_us)
        batch = min(FILL_BATCH, -(-events // len(tenants)))
        with self.load(tenants, events=events, first_us=first_us, step_us=step_us, batch=batch) as load:
            eventually(lambda: not load.is_running(), "query: events were not published", FILL_SECONDS)
            load.finish()
