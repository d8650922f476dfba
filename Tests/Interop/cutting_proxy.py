"""A TCP proxy that cuts its connections after so many bytes either way."""

import contextlib
import random
import socket
import struct
import threading
from collections.abc import Callable, Iterator


# How many bytes may go to the collector, and how many may come from it; None: any number.
Limits = tuple[int | None, int | None]


class CuttingProxy:
    """Passes bytes on to an address, and resets a connection when one of its limits is reached. The bytes up to there have
    been passed on: what is cut is a request on its way, or the answer to one that is stored."""

    def __init__(self, target: tuple[str, int], limits: Callable[[], Limits]):
        self.cuts = 0
        self._target, self._limits = target, limits
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._listener.getsockname()[1]}"

    def close(self) -> None:
        """Listens no more, and cuts what is open."""
        self._listener.close()
        for end in list(self._open):
            self._reset(end)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                try:
                    collector = socket.create_connection(self._target, timeout=5)
                    collector.settimeout(None)
                except OSError:
                    client.close()
                    continue
                self._open |= {client, collector}
                to_collector, to_client = self._limits()
                for way in ((client, collector, to_collector), (collector, client, to_client)):
                    threading.Thread(target=self._pass_on, args=way, daemon=True).start()

    def _pass_on(self, source: socket.socket, sink: socket.socket, limit: int | None) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536 if limit is None else min(65536, max(limit, 1))):
                sink.sendall(data)
                if limit is not None:
                    limit -= len(data)
                    if limit <= 0:
                        with self._lock:
                            self.cuts += 1
                        break
        for end in (source, sink):
            self._reset(end)

    def _reset(self, end: socket.socket) -> None:
        """Closes with RST: whatever is in the buffers is lost."""
        self._open.discard(end)
        with contextlib.suppress(OSError):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            # Wakes the thread that reads it.
            end.shutdown(socket.SHUT_RDWR)
        end.close()


def cuts(chance: random.Random, count: int, request_bytes: int, answer_bytes: int) -> Callable[[], Limits]:
    """Limits for so many connections: by turns up to so many bytes of requests, or of answers. Those that come later live on."""

    def limits() -> Iterator[Limits]:
        for number in range(count):
            yield (chance.randrange(request_bytes), None) if number % 2 else (None, chance.randrange(answer_bytes))
        while True:
            yield None, None

    remaining = limits()
    return lambda: next(remaining)
