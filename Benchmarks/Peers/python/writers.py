"""Two ways into the table."""

import asyncio

import asyncpg

from rows import COLUMNS, Batch

QUEUED_BATCHES = 256
MAX_GROUP_ROWS = 20_000
INSERT_ROWS = 50
INSERT_SECONDS = 2


async def connect(conninfo: str) -> asyncpg.Connection:
    """A connection by a libpq connection string of keywords."""
    words = dict(word.split("=", 1) for word in conninfo.split())
    return await asyncpg.connect(
        host=words["host"], port=int(words.get("port", 5432)), user=words["user"], database=words["dbname"]
    )


class CopyWriters:
    """Each writer takes what has queued up into one COPY, which is one transaction."""

    @classmethod
    async def open(cls, conninfo: str, table: str, writers: int) -> "CopyWriters":
        self = cls()
        self.schema, self.table = table.split(".")
        self.queue: asyncio.Queue = asyncio.Queue(QUEUED_BATCHES)
        connections = [await connect(conninfo) for _ in range(writers)]
        self.tasks = [asyncio.create_task(self._write(connection)) for connection in connections]
        return self

    async def store(self, batch: Batch) -> None:
        """Returns once the batch is committed."""
        done = asyncio.get_running_loop().create_future()
        await self.queue.put((batch.rows, done))
        await done

    async def close(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    async def _write(self, connection: asyncpg.Connection) -> None:
        while True:
            group = [await self.queue.get()]
            count = len(group[0][0])
            while count < MAX_GROUP_ROWS and not self.queue.empty():
                group.append(self.queue.get_nowait())
                count += len(group[-1][0])
            error = None
            try:
                rows = (row for part, _ in group for row in part)
                await connection.copy_records_to_table(
                    self.table, schema_name=self.schema, columns=COLUMNS, records=rows
                )
            except Exception as fault:
                error = fault
            for _, done in group:
                if error is None:
                    done.set_result(None)
                else:
                    done.set_exception(error)


class QueueWriter:
    """What most teams have: events queue up, and one worker inserts 50 of them, or what 2 s have brought."""

    @classmethod
    async def open(cls, conninfo: str, table: str, writers: int) -> "QueueWriter":
        self = cls()
        marks = ", ".join(f"${index}" for index in range(1, len(COLUMNS) + 1))
        self.insert = f"INSERT INTO {table} ({', '.join(COLUMNS)}) VALUES ({marks})"
        self.queue: asyncio.Queue = asyncio.Queue(QUEUED_BATCHES * INSERT_ROWS)
        connections = [await connect(conninfo) for _ in range(writers)]
        self.tasks = [asyncio.create_task(self._write(connection)) for connection in connections]
        return self

    async def store(self, batch: Batch) -> None:
        """Returns once all events of the batch are committed."""
        loop = asyncio.get_running_loop()
        done = [loop.create_future() for _ in batch.rows]
        for row, future in zip(batch.rows, done):
            await self.queue.put((row, future))
        await asyncio.gather(*done)

    async def close(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    async def _take(self) -> list:
        taken = [await self.queue.get()]
        loop = asyncio.get_running_loop()
        deadline = loop.time() + INSERT_SECONDS
        while len(taken) < INSERT_ROWS:
            try:
                taken.append(self.queue.get_nowait())
            except asyncio.QueueEmpty:
                try:
                    taken.append(await asyncio.wait_for(self.queue.get(), deadline - loop.time()))
                except TimeoutError:
                    break
        return taken

    async def _write(self, connection: asyncpg.Connection) -> None:
        while True:
            taken = await self._take()
            error = None
            try:
                # One transaction: executemany is atomic.
                await connection.executemany(self.insert, [row for row, _ in taken])
            except Exception as fault:
                error = fault
            for _, done in taken:
                if not done.done():
                    done.set_exception(error) if error else done.set_result(None)
