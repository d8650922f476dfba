"""The moments at which something is killed: each step of rotation, of sealing and of a poisoned batch.

Each is reached for certain and not by luck: the harness holds a lock that the step needs, and PostgreSQL says who waits
for it. Steps that come before the wanted one are let through one by one: another session queues up behind the step that
waits, and then the first one lets it go.
"""

from collections.abc import Callable
from dataclasses import dataclass

from private_postgres import PrivatePostgres, Session
from producers import Load, until

# The advisory lock that the CHECK on poisoned events waits for.
POISON_LOCK = 770_077
INDEXES = ("tenant", "event_id", "batch_id", "few", "session_id", "request_id", "resource_id", "trace_id")
REACH_SECONDS = 180
POISON_CHECK = f"""
    CREATE SCHEMA chaos;
    GRANT USAGE ON SCHEMA chaos TO PUBLIC;
    CREATE FUNCTION chaos.refuses() RETURNS bool LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
    BEGIN
        PERFORM pg_advisory_xact_lock_shared({POISON_LOCK});
        RETURN false;
    END $$;
    ALTER TABLE docket.events ADD CONSTRAINT chaos CHECK (actor_id NOT LIKE 'poison-%' OR chaos.refuses())
"""


@dataclass
class Blocked:
    """A collector's connection that waits for the harness."""

    collector: str
    query: str


class Stage:
    """Where moments are reached: the server, the load, and the sessions that hold locks."""

    def __init__(self, postgres: PrivatePostgres, load: Load):
        self._postgres = postgres
        self._load = load
        self._watcher = Session(postgres)
        self._holder = Session(postgres)
        self._next = Session(postgres)
        self._are_commits_held = False

    def hot(self) -> tuple[int, str]:
        """The number and the table of the hot segment."""
        row = self._watcher.ask("SELECT segment_id, table_name FROM docket.segments WHERE state = 'hot'")[0]
        return int(row[0]), row[1]

    def hold(self, lock: str) -> None:
        """Takes a lock by a statement, and keeps it."""
        self._holder.ask(f"BEGIN; {lock}")

    def hold_hot(self, lock: str) -> tuple[int, str]:
        """Takes a lock on the segment that is hot; `{}` in `lock` is its table, `{id}` its number. Returns both."""
        for _ in until(REACH_SECONDS):
            segment, table = self.hot()
            self.hold(lock.format(table, id=segment))
            # Before the lock was there the segment may have become full, and its steps have passed.
            if self.hot()[0] == segment:
                return segment, table
            self._holder.ask("ROLLBACK")
        raise AssertionError(f"no segment stays hot for long enough\n{self._segments()}")

    def wait_for(self, part: str, then: str, passes: int = 0) -> Blocked:
        """Waits until a statement with `part` in it waits for the lock. Whatever else does is let through, and so are
        the first `passes` of those; `then` takes the lock behind each. Meanwhile the load goes on.
        """
        for _ in until(REACH_SECONDS):
            blocked = self._blocked()
            if not blocked:
                self._load.tend()
            elif found := next((one for one in blocked if part in one.query), None):
                if passes == 0:
                    return found
                passes -= 1
                self.let_through(then)
            else:
                self.let_through(then)
        raise AssertionError(f"no statement with {part!r} has come; blocked: {self._blocked()}\n{self._segments()}")

    def let_through(self, then: str) -> None:
        """Lets go what waits, and holds up what comes behind it by the statement `then`."""
        self._next.send(f"BEGIN; {then}")
        # It has the lock, or is in line for it; not merely begun.
        is_in_line = f"""
            SELECT 1 FROM pg_stat_activity WHERE pid = {self._next.pid} AND query NOT LIKE 'BEGIN%'
                AND (wait_event_type = 'Lock' OR state = 'idle in transaction')"""
        for _ in until(REACH_SECONDS, pause=0.001):
            if self._watcher.ask(is_in_line):
                break
        self._holder.ask("ROLLBACK")
        self._next.finish()
        self._holder, self._next = self._next, self._holder

    def open(self) -> None:
        """Lets everything go on."""
        self._holder.ask("ROLLBACK")
        if self._are_commits_held:
            self.answer_commits()
            self._watcher.ask("SELECT pg_reload_conf()")

    def hold_commits(self) -> None:
        """From now on commits take effect, but nobody is told: PostgreSQL waits for a standby that doesn't exist."""
        self._are_commits_held = True
        self._watcher.ask("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
        self._watcher.ask("SELECT pg_reload_conf()")

    def answer_commits(self) -> None:
        """Commits are answered again from the next start or reload on."""
        self._watcher.ask("ALTER SYSTEM RESET synchronous_standby_names")

    def wait_for_commit(self, *beginnings: str) -> Blocked:
        """Waits until a writer's statement with one of these beginnings is committed and not answered."""
        is_wanted = " OR ".join(f"starts_with(query, '{beginning}')" for beginning in beginnings)
        for _ in until(REACH_SECONDS):
            rows = self._watcher.ask(
                "SELECT application_name, query FROM pg_stat_activity WHERE wait_event = 'SyncRep' "
                f"AND usename = 'docket_writer' AND ({is_wanted})"
            )
            if rows:
                # What is held is only let go when PostgreSQL is started or told.
                self.answer_commits()
                return Blocked(*rows[0])
            self._load.tend()
        raise AssertionError(f"no commit of {beginnings} has come\n{self._segments()}\n{self._sessions()}")

    def close(self) -> None:
        """Ends the sessions."""
        for session in (self._watcher, self._holder, self._next):
            session.close()

    def _blocked(self) -> list[Blocked]:
        rows = self._watcher.ask(
            f"""
            SELECT application_name, translate(query, E'\\n\\r', '  ') FROM pg_stat_activity
            WHERE wait_event_type = 'Lock' AND usename LIKE 'docket\\_%' AND application_name IN ('a', 'b')
                AND {self._holder.pid} = ANY (pg_blocking_pids(pid))
            """
        )
        return [Blocked(collector, query) for collector, query in rows]

    def _segments(self) -> list[list[str]]:
        return self._watcher.ask("SELECT segment_id, state, row_count, frozen_at FROM docket.segments ORDER BY 1")

    def _sessions(self) -> str:
        """What the collectors' connections do, a line each."""
        rows = self._watcher.ask(
            "SELECT application_name, usename, wait_event, left(translate(query, E'\\n\\r', '  '), 60) "
            "FROM pg_stat_activity WHERE usename LIKE 'docket\\_%'"
        )
        return "\n".join(" ".join(row) for row in rows)


Reach = Callable[[Stage], Blocked]


def waiting(lock: str, part: str, passes: int = 0) -> Reach:
    """A statement that waits for a lock which is there whatever segment is hot."""

    def reach(stage: Stage) -> Blocked:
        stage.hold(lock)
        return stage.wait_for(part, lock, passes)

    return reach


ROW = "SELECT FROM docket.segments WHERE segment_id = {id} FOR UPDATE"


def rotation_states(stage: Stage) -> Blocked:
    """The next segment is made and attached, but the one that was hot is not yet marked as full."""
    segment, _ = stage.hold_hot(ROW)
    return stage.wait_for("CREATE TABLE docket.events_", ROW.format(id=segment))


def sealing(part: str) -> Reach:
    """A step of the sealing of the segment that is hot now, before it begins; `{}` in `part` is its table."""

    def reach(stage: Stage) -> Blocked:
        # Writers go on until the rotation, then the first step waits; the stronger lock holds up all later steps.
        _, table = stage.hold_hot("LOCK TABLE docket.{} IN ROW EXCLUSIVE MODE")
        return stage.wait_for(part.format(table), f"LOCK TABLE docket.{table} IN SHARE ROW EXCLUSIVE MODE")

    return reach


def noting(step: str, note: str) -> Reach:
    """The work of a sealing step is done, but what it came to is not noted yet."""

    def reach(stage: Stage) -> Blocked:
        segment, table = stage.hold_hot("LOCK TABLE docket.{} IN ROW EXCLUSIVE MODE")
        row = ROW.format(id=segment)
        for _ in until(REACH_SECONDS):
            stage.wait_for(step.format(table), f"LOCK TABLE docket.{table} IN SHARE ROW EXCLUSIVE MODE")
            stage.let_through(row)
            blocked = stage.wait_for("docket.segments", row)
            if note in blocked.query:
                return blocked
            # The step was put off meanwhile, and another one came first.
            stage.let_through(f"LOCK TABLE docket.{table} IN SHARE ROW EXCLUSIVE MODE")
        raise AssertionError(f"{note!r} was never noted for {table}")

    return reach


def unanswered(stage: Stage) -> Blocked:
    """A group is stored, and its collector doesn't know."""
    stage.hold("SELECT 1")
    stage.hold_commits()
    # Either a group's, or that of a poisoned batch's trial: behind its twin's, a group may have to wait itself.
    return stage.wait_for_commit("COPY docket.batches", "COMMIT")


def poison_unanswered(stage: Stage) -> Blocked:
    """A batch is stored without its poisoned events, and its collector doesn't know."""
    stage.hold(POISON_HOLD)
    stage.wait_for("SAVEPOINT trial", POISON_HOLD)
    stage.hold_commits()
    stage.let_through("SELECT 1")
    return stage.wait_for_commit("COMMIT")


POISON_HOLD = f"SELECT pg_advisory_xact_lock({POISON_LOCK})"
# How to reach each moment.
ROTATION: dict[str, Reach] = {
    "rotation: attach": waiting(
        "LOCK TABLE docket.events IN SHARE UPDATE EXCLUSIVE MODE", "CREATE TABLE docket.events_"
    ),
    "rotation: mark full": rotation_states,
}
SEALING: dict[str, Reach] = {
    "sealing: count": sealing("LOCK TABLE docket.{} IN SHARE MODE"),
    "sealing: note count": noting("LOCK TABLE docket.{} IN SHARE MODE", "settled_xid"),
    "sealing: freeze": sealing("VACUUM (FREEZE, ANALYZE) docket.{}"),
    "sealing: note freeze": noting("VACUUM (FREEZE, ANALYZE) docket.{}", "SET frozen_at"),
    **{f"sealing: index {name}": sealing(f"CREATE INDEX {{}}_{name} ") for name in INDEXES},
    "sealing: mark sealed": noting(f"CREATE INDEX {{}}_{INDEXES[-1]} ", "'sealed'"),
    "sealing: add check": sealing("ADD CONSTRAINT {}_times"),
    "sealing: validate check": sealing("VALIDATE CONSTRAINT {}_times"),
    "sealing: note check": noting("VALIDATE CONSTRAINT {}_times", "SET checked_at"),
}
POISON: dict[str, Reach] = {
    "poison: group": waiting(POISON_HOLD, "COPY docket.batches"),
    "poison: first trial": waiting(POISON_HOLD, "SAVEPOINT trial"),
    "poison: deep trial": waiting(POISON_HOLD, "SAVEPOINT trial", passes=4),
    "poison: quarantine": waiting("LOCK TABLE docket.quarantine IN SHARE MODE", "COPY docket.batches"),
    "poison: unanswered": poison_unanswered,
}
OTHERS: dict[str, Reach] = {
    "commit: unanswered": unanswered,
    "log: append": waiting("LOCK TABLE docket.log_entries IN SHARE MODE", "INSERT INTO docket.log_entries"),
}
MOMENTS: dict[str, Reach] = {**ROTATION, **SEALING, **POISON, **OTHERS}
