"""A TCP proxy that cuts its connections: after so many bytes either way, or all at once."""

import contextlib
import random
import socket
import struct
import threading
from collections.abc import Callable


class CuttingProxy:
    """Passes bytes on to an address. Each connection is reset once `limit()` bytes have gone one way; None: never.

    The bytes up to there have been passed on, so that what is cut may be a request on its way, or an answer to one that
    is stored.
    """

    def __init__(self, target: tuple[str, int], limit: Callable[[], int | None]):
        self.cuts = 0
        self._target, self._limit = target, limit
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
                for source, sink in ((client, collector), (collector, client)):
                    threading.Thread(target=self._pass_on, args=(source, sink, self._limit()), daemon=True).start()

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


def cuts(chance: random.Random, count: int, least_bytes: int, most_bytes: int) -> Callable[[], int | None]:
    """Limits for so many directions of connections; those that come later live on."""
    limits = iter([chance.randrange(least_bytes, most_bytes) for _ in range(count)])
    return lambda: next(limits, None)
