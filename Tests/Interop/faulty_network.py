"""A TCP proxy in front of a collector that does what networks do: swallow, end one direction, dawdle."""

import asyncio
import contextlib
import threading
from collections.abc import Callable
from concurrent.futures import Future
from enum import Enum, auto

START_SECONDS = 30
READ_BYTES = 64 << 10
SLOW_BYTES, SLOW_PAUSE_SECONDS = 256, 0.1


class Mode(Enum):
    """What becomes of bytes."""

    PASS = auto()
    # They vanish, and nobody is told: for the connections that there are then, and those that are made meanwhile, for ever.
    SWALLOW = auto()
    # What the collector says vanishes, and what it is told arrives. On the connections that there are then, for ever.
    MUTE = auto()
    # They come after a while, a few at a time.
    SLOW = auto()


class _Connection:
    """The two sides of one connection. Nothing comes through one that `is_dead`, and no answers through one that `is_mute`."""

    def __init__(self, client: asyncio.StreamWriter):
        self.client = client
        self.server: asyncio.StreamWriter | None = None
        self.is_dead = self.is_mute = False
        # Those to whom no more may be written.
        self.shut: set[asyncio.StreamWriter] = set()

    def shut_down(self, writer: asyncio.StreamWriter | None) -> None:
        """Half-closes one side."""
        if writer is None or writer in self.shut:
            return
        self.shut.add(writer)
        with contextlib.suppress(OSError, RuntimeError):
            writer.write_eof()

    def abort(self) -> None:
        """Resets both sides."""
        for side in (self.client, self.server):
            if side is not None:
                side.transport.abort()


class FaultyNetwork:
    """The proxy: listens until `stop`."""

    def __init__(self, upstream: tuple[str, int]):
        self._upstream = upstream
        self._mode = Mode.PASS
        self._connections: set[_Connection] = set()
        self._tasks: set[asyncio.Task] = set()
        self.accepted = 0
        started: Future[int] = Future()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run(started)), daemon=True)
        self._thread.start()
        self.port = started.result(START_SECONDS)
        self.address = f"127.0.0.1:{self.port}"

    def set_mode(self, mode: Mode) -> None:
        def change() -> None:
            self._mode = mode
            for connection in self._connections:
                connection.is_dead |= mode is Mode.SWALLOW
                connection.is_mute |= mode is Mode.MUTE

        self._call(change)

    def shut_towards_clients(self) -> None:
        """Each client reads the end; what it goes on to write still arrives."""
        self._call(lambda: [connection.shut_down(connection.client) for connection in self._connections])

    def shut_towards_server(self) -> None:
        """The collector reads the end of each connection."""
        self._call(lambda: [connection.shut_down(connection.server) for connection in self._connections])

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join(START_SECONDS)
        assert not self._thread.is_alive(), "the proxy does not stop"

    def _call(self, act: Callable[[], object]) -> None:
        """Runs `act` on the loop, and waits for it."""
        done: Future[None] = Future()

        def run() -> None:
            try:
                act()
                done.set_result(None)
            except BaseException as error:
                done.set_exception(error)

        self._loop.call_soon_threadsafe(run)
        done.result(START_SECONDS)

    async def _run(self, started: Future[int]) -> None:
        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._accepted, "127.0.0.1", 0, limit=READ_BYTES)
        started.set_result(server.sockets[0].getsockname()[1])
        await self._stopping.wait()
        server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        task = self._loop.create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = _Connection(writer)
        connection.is_dead = self._mode is Mode.SWALLOW
        self._connections.add(connection)
        try:
            if connection.is_dead:
                while await reader.read(READ_BYTES):
                    pass
                return
            server_reader, connection.server = await asyncio.open_connection(*self._upstream, limit=READ_BYTES)
            outward = asyncio.ensure_future(self._copy(reader, connection.server, connection))
            inward = asyncio.ensure_future(self._copy(server_reader, writer, connection))
            try:
                await outward
                # A client that has gone from a connection that is dead leaves nobody to wait for.
                if not connection.is_dead:
                    await inward
            finally:
                outward.cancel()
                inward.cancel()
        except OSError:
            pass
        finally:
            self._connections.discard(connection)
            connection.abort()

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, connection: _Connection) -> None:
        """One direction, until its end."""
        try:
            await self._copy_all(reader, writer, connection)
        except OSError:
            # One side has reset the connection: so the other is.
            if not connection.is_dead:
                connection.abort()

    async def _copy_all(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, connection: _Connection) -> None:
        while True:
            is_slow = self._mode is Mode.SLOW
            data = await reader.read(SLOW_BYTES if is_slow else READ_BYTES)
            if is_slow:
                await asyncio.sleep(SLOW_PAUSE_SECONDS)
            if connection.is_dead:
                if not data:
                    return
                continue
            if not data:
                connection.shut_down(writer)
                return
            if writer not in connection.shut and not (connection.is_mute and writer is connection.client):
                writer.write(data)
                await writer.drain()
