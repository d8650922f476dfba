"""The one PostgreSQL that all contestants write to."""

import contextlib
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from .failures import RunFailure, SuiteFailure
from .processes import cpu_seconds_of_tree, run_to_end

ROOT = Path(__file__).resolve().parents[3]
sys.path.append(str(ROOT / "Tests" / "Interop"))

from private_postgres import SUPERUSER, PrivatePostgres, Session, SessionLost  # noqa: E402

# Durable, and the same for everyone: large enough that neither checkpoints nor the buffer pool decide a run.
CONFIGURATION = """
listen_addresses = ''
unix_socket_permissions = 0777
fsync = on
synchronous_commit = on
shared_buffers = '1GB'
max_wal_size = '16GB'
checkpoint_timeout = '30min'
max_connections = 200
max_locks_per_transaction = 256
log_line_prefix = '%m [%p] %u %a '
"""
SHOWN_SETTINGS = (
    "fsync", "synchronous_commit", "full_page_writes", "wal_sync_method", "shared_buffers", "max_wal_size",
    "checkpoint_timeout", "autovacuum",
)  # fmt: skip
TEMPLATE = "prepared"
DATABASE = "docket"
# What the load generator sends; Docket refuses types that nobody has registered.
EVENT_TYPE = "authz.decision"
PREPARE_SECONDS = 120
STATEMENT_SECONDS = 300
SEAL_SECONDS = 120
# Docket's own: the smallest segment that may be set, and the share of all rows that one has at least.
LEAST_SEGMENT_ROWS, SMALLEST_SHARE = 1000, 64
NO_ROTATION = 1_000_000_000


class Server:
    """A private cluster. Each run gets a database of its own, copied from one that was set up once and stayed empty."""

    def __init__(self, docket: Path, parent: Path, tenants: int = 0):
        """Makes and prepares it. `token` covers the default tenant; `tenants_token` covers so many others."""
        try:
            self._postgres = PrivatePostgres(CONFIGURATION, parent)
        except (AssertionError, OSError) as error:
            raise SuiteFailure(f"PostgreSQL can't be started: {error}", os.EX_UNAVAILABLE) from None
        try:
            with _failing_runs():
                self._prepare(docket, tenants)
        except BaseException:
            self._postgres.delete()
            raise

    def _prepare(self, docket: Path, tenants: int) -> None:
        owner = self._postgres.conninfo(SUPERUSER)
        maintainer = {"DOCKET_POSTGRES_MAINTAINER": self._postgres.conninfo("docket_maintainer")}
        run_to_end("docket migrate", [docket, "migrate", owner], PREPARE_SECONDS)
        run_to_end("docket bench tables", [docket, "bench", "tables", "--postgres", owner], PREPARE_SECONDS)
        for script in sorted((ROOT / "Benchmarks" / "Peers").glob("*/setup.sql")):
            command = ["psql", owner, "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--file", script]
            run_to_end(str(script.relative_to(ROOT)), command, PREPARE_SECONDS)
        run_to_end("docket event-type add", [docket, "event-type", "add", EVENT_TYPE], PREPARE_SECONDS, maintainer)
        add = [docket, "token", "add", "--label", "suite"]
        self.token = run_to_end("docket token add", add, PREPARE_SECONDS, maintainer).strip()
        self.tenants_token = self.token
        if tenants:
            names = [f"bench-{index}" for index in range(tenants)]
            run_to_end("docket tenant add", [docket, "tenant", "add", *names], PREPARE_SECONDS, maintainer)
            self.tenants_token = run_to_end(
                "docket token add", [*add, "--all-tenants"], PREPARE_SECONDS, maintainer
            ).strip()
        # No run but those that ask for it comes to a rotation: the others write into one table, too.
        self.set_segment_rows(NO_ROTATION)
        self._admin = Session(self._postgres, application="suite", database="postgres")
        self.version = self._admin.ask("SHOW server_version")[0][0]
        self.settings = {name: self._admin.ask(f"SHOW {name}")[0][0] for name in SHOWN_SETTINGS}
        self._admin.ask(f"ALTER DATABASE {DATABASE} RENAME TO {TEMPLATE}")
        # Nothing connects to it again, so that it can be copied at any time.
        self._admin.ask(f"ALTER DATABASE {TEMPLATE} WITH ALLOW_CONNECTIONS false")

    @property
    def folder(self) -> Path:
        return self._postgres.folder

    def conninfo(self, role: str) -> str:
        """The connection string of a role for the database of the current run."""
        return self._postgres.conninfo(role, application="contestant")

    @property
    def owner_conninfo(self) -> str:
        return self._postgres.conninfo(SUPERUSER, application="suite")

    def renew(self) -> None:
        """Empty tables, nothing left to write out from the run before."""
        with _failing_runs():
            self._admin.ask(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
            self._admin.ask(f"CREATE DATABASE {DATABASE} TEMPLATE {TEMPLATE}")
            self._admin.send("CHECKPOINT")
            self._admin.finish(STATEMENT_SECONDS)

    def ask(self, statement: str, seconds: float = STATEMENT_SECONDS) -> list[list[str]]:
        """The rows of a statement in the database of the current run."""
        with self._session() as session:
            session.send(statement)
            return session.finish(seconds)

    def count(self, table: str) -> int:
        """How many rows a table has."""
        return int(self.ask(f"SELECT count(*) FROM {table}")[0][0])

    def cpu_seconds(self) -> float:
        """Processor time of the server with all its processes, those that have ended included."""
        return cpu_seconds_of_tree(self._postgres.process_id)

    def set_segment_rows(self, rows: int) -> None:
        """How many rows a segment has before the next one is begun."""
        self.ask(f"UPDATE docket.store_policy SET segment_rows = {max(LEAST_SEGMENT_ROWS, rows)}")

    def wait_until_sealed(self) -> int:
        """Waits until everything is sealed and frozen but the rest, at most a sixty-fourth; how many segments are."""
        with self._session() as session:
            # The rest is less than a segment: it becomes one of its own. Docket makes none that would be smaller than
            # a sixty-fourth of all others.
            session.ask(f"UPDATE docket.store_policy SET segment_rows = {LEAST_SEGMENT_ROWS}")
            deadline = time.monotonic() + SEAL_SECONDS
            while True:
                left, sealed, rows = session.ask(
                    "SELECT count(*) FILTER (WHERE state = 'sealing' OR state = 'sealed' AND frozen_at IS NULL),"
                    " count(*) FILTER (WHERE state = 'sealed'), coalesce(sum(row_count), 0)::int8 FROM docket.segments"
                )[0]
                full = max(LEAST_SEGMENT_ROWS, int(rows) // SMALLEST_SHARE)
                current = session.ask(
                    "SELECT count(*) FROM (SELECT FROM docket.events WHERE segment_id ="
                    f" (SELECT segment_id FROM docket.segments WHERE state = 'hot') LIMIT {full}) AS rows_of_it"
                )[0][0]
                if left == "0" and int(current) < full:
                    return int(sealed)
                if time.monotonic() > deadline:
                    raise RunFailure(f"{left} segments were not sealed within {SEAL_SECONDS} s, {current} rows left")
                time.sleep(0.1)

    @contextlib.contextmanager
    def _session(self) -> Iterator[Session]:
        with _failing_runs():
            session = Session(self._postgres, application="suite")
            try:
                yield session
            finally:
                session.close()

    def delete(self) -> None:
        """Ends it and deletes its data."""
        if hasattr(self, "_admin"):
            self._admin.close()
        self._postgres.delete()


@contextlib.contextmanager
def _failing_runs() -> Iterator[None]:
    """What a session raises fails the run."""
    try:
        yield
    except (AssertionError, SessionLost) as error:
        raise RunFailure(f"PostgreSQL: {error}") from error
