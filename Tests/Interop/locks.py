"""Locks that a test holds, and who waits for them."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from collector import Collector

READING = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'docket_reader' AND state = 'active'"


@contextmanager
def locked(collector: Collector, table: str) -> Iterator[None]:
    """Nobody else reads or writes a table of the schema docket meanwhile."""
    command = ["psql", collector.ready["conninfo"]["maintainer"], "--no-psqlrc", "--quiet"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        try:
            holder.stdin.write(f"BEGIN; LOCK TABLE docket.{table} IN ACCESS EXCLUSIVE MODE;\n\\echo held\n")
            holder.stdin.flush()
            assert holder.stdout.readline() == "held\n"
            yield
        finally:
            holder.kill()


def waiting_readers(collector: Collector) -> int:
    """How many statements of the collector's readers wait for a lock."""
    return count(collector, f"{READING} AND wait_event_type = 'Lock'")


def reading(collector: Collector) -> int:
    """How many statements of the collector's readers are under way."""
    return count(collector, READING)


def count(collector: Collector, statement: str) -> int:
    # Only a superuser sees what others wait for.
    superuser = collector.ready["conninfo"]["maintainer"].replace("docket_maintainer", "postgres")
    return int(collector.sql(statement, conninfo=superuser)[0][0])
