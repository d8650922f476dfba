"""Two ways into the table. Both answer each batch once, by a call with None or with what went wrong."""

import asyncio
import logging
import shlex
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import asyncpg
from docket.v1 import collector_pb2

from rows import COLUMNS, Batch

QUEUED_BATCHES = 256
MAX_GROUP_ROWS = 20_000
QUEUED_EVENTS = 12_800
INSERT_ROWS = 50
INSERT_SECONDS = 2
CLOSE_SECONDS = 5
# PostgreSQL counts microseconds from 2000.
POSTGRES_EPOCH_US = 946_684_800_000_000

Answer = Callable[[Exception | None], None]


def is_fault_of_data(error: Exception) -> bool:
    """Whether a row can't be encoded, or PostgreSQL refused what it holds: sending it again doesn't help."""
    if isinstance(error, asyncpg.PostgresError):
        return (error.sqlstate or "")[:2] in ("22", "23")
    return isinstance(error, (ValueError, TypeError, OverflowError))


class Link:
    """A connection that is replaced at its next use when it was lost."""

    def __init__(self, conninfo: str):
        words = dict(word.split("=", 1) for word in shlex.split(conninfo))
        self._arguments = {
            name: words[word]
            for name, word in (
                ("host", "host"), ("port", "port"), ("user", "user"), ("password", "password"), ("database", "dbname"),
            )
            if word in words
        }  # fmt: skip
        self._settings = {"synchronous_commit": "on", "application_name": words.get("application_name", "collector")}
        self._connection: asyncpg.Connection | None = None

    async def connection(self) -> asyncpg.Connection:
        if self._connection is None or self._connection.is_closed():
            connection = await asyncpg.connect(**self._arguments, server_settings=self._settings)
            # Times as numbers: no datetime is made, and asyncpg would store the first one there is as -infinity.
            await connection.set_type_codec(
                "timestamptz", schema="pg_catalog", format="tuple", encoder=lambda us: (us - POSTGRES_EPOCH_US,),
                decoder=lambda stored: stored[0] + POSTGRES_EPOCH_US,
            )  # fmt: skip
            self._connection = connection
        return self._connection

    async def close(self) -> None:
        if self._connection is not None:
            await self._connection.close(timeout=CLOSE_SECONDS)


class Writers:
    """Tasks that take from one bounded queue, each with a connection of its own."""

    def __init__(self, table: str, links: list[Link], queue_length: int):
        self.schema, self.table = table.split(".")
        self.queue: asyncio.Queue = asyncio.Queue(queue_length)
        self._links = links
        self._tasks: list[asyncio.Task] = []

    @classmethod
    async def open(cls, conninfo: str, table: str, writers: int) -> "Writers":
        links = [Link(conninfo) for _ in range(writers)]
        for link in links:
            await link.connection()
        self = cls(table, links)
        self._tasks = [asyncio.create_task(self.write(link)) for link in links]
        return self

    async def close(self) -> None:
        """Once all is answered."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(link.close() for link in self._links), return_exceptions=True)

    async def write(self, link: Link) -> None:
        """Takes and stores for ever."""
        raise NotImplementedError


class CopyWriters(Writers):
    """Each writer takes what has queued up into one COPY, which is one transaction."""

    def __init__(self, table: str, links: list[Link]):
        super().__init__(table, links, QUEUED_BATCHES)

    async def submit(self, batch: Batch, answer: Answer) -> None:
        """Waits while the queue is full."""
        await self.queue.put((batch.rows, answer))

    async def write(self, link: Link) -> None:
        while True:
            group = [await self.queue.get()]
            count = len(group[0][0])
            while count < MAX_GROUP_ROWS and not self.queue.empty():
                group.append(self.queue.get_nowait())
                count += len(group[-1][0])
            await self._commit(link, group)

    async def _commit(self, link: Link, group: list[tuple[list, Answer]]) -> None:
        """Answers each batch of the group. Where PostgreSQL refuses a row, each batch is tried on its own."""
        error = await self._copy(link, (row for rows, _ in group for row in rows))
        if error is not None and len(group) > 1 and is_fault_of_data(error):
            for one in group:
                await self._commit(link, [one])
            return
        if error is not None:
            logging.warning("a group of %d batches was not stored: %s", len(group), error)
        for _, answer in group:
            answer(error)

    async def _copy(self, link: Link, rows: Iterable[tuple]) -> Exception | None:
        try:
            connection = await link.connection()
            await connection.copy_records_to_table(
                self.table, schema_name=self.schema, columns=COLUMNS, records=rows
            )
        except Exception as error:
            return error
        return None


@dataclass
class Pending:
    """A batch of which some events wait to be inserted."""

    batch: Batch
    answer: Answer
    left: int
    error: Exception | None = None

    def stored(self) -> None:
        """One event less to wait for."""
        self.left -= 1
        if self.left == 0:
            self.answer(self.error)

    def refused(self, row: tuple, error: Exception) -> None:
        """PostgreSQL won't have this event; the others are stored."""
        self.batch.rows.remove(row)
        position = row[COLUMNS.index("position")]
        self.batch.reject(position, "event", collector_pb2.REJECTION_CODE_REFUSED_BY_STORE, f"was refused: {error}")
        self.stored()

    def failed(self, error: Exception) -> None:
        self.error = error
        self.stored()


class QueueWriters(Writers):
    """What most teams have: events queue up, and a worker inserts 50 of them, or what 2 s have brought."""

    def __init__(self, table: str, links: list[Link]):
        super().__init__(table, links, QUEUED_EVENTS)
        marks = ", ".join(f"${index}" for index in range(1, len(COLUMNS) + 1))
        self._insert = f"INSERT INTO {table} ({', '.join(COLUMNS)}) VALUES ({marks})"
        # One at a time fills its group, so that no two wait with half of one each.
        self._taking = asyncio.Lock()

    async def submit(self, batch: Batch, answer: Answer) -> None:
        """Waits while the queue is full."""
        rows = tuple(batch.rows)
        pending = Pending(batch, answer, len(rows))
        if not rows:
            answer(None)
        for row in rows:
            if self.queue.full():
                await self.queue.put((row, pending))
            else:
                self.queue.put_nowait((row, pending))

    async def write(self, link: Link) -> None:
        while True:
            async with self._taking:
                taken = await self._take()
            await self._commit(link, taken)

    async def _take(self) -> list[tuple[tuple, Pending]]:
        taken = [await self.queue.get()]
        try:
            async with asyncio.timeout(INSERT_SECONDS):
                while len(taken) < INSERT_ROWS:
                    taken.append(self.queue.get_nowait() if not self.queue.empty() else await self.queue.get())
        except TimeoutError:
            pass
        return taken

    async def _commit(self, link: Link, taken: list[tuple[tuple, Pending]]) -> None:
        """Tells each event's batch. Where PostgreSQL refuses an event, each is tried on its own."""
        try:
            connection = await link.connection()
            # One transaction: executemany is atomic.
            await connection.executemany(self._insert, [row for row, _ in taken])
        except Exception as error:
            if not is_fault_of_data(error):
                logging.warning("a group of %d events was not stored: %s", len(taken), error)
                for _, pending in taken:
                    pending.failed(error)
            elif len(taken) == 1:
                taken[0][1].refused(taken[0][0], error)
            else:
                for one in taken:
                    await self._commit(link, [one])
            return
        for _, pending in taken:
            pending.stored()
