"""A collector that does what a script has it do, legal or not."""

import random
import socket
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Sequence

from hostile_connection import Connection, Ledger, Over

LINES_KEPT = 400

Script = Callable[[Connection], None]


class HostileCollector:
    """Gives each connection a script, until it turns honest."""

    def __init__(self, scripts: Callable[[int], Script]):
        """`scripts` makes the one of each connection by its number."""
        self.ledger = Ledger()
        self.connections = 0
        # When each connection came, of those that a script was for.
        self.arrivals: list[float] = []
        self._scripts = scripts
        self._is_honest = False
        self._open: set[socket.socket] = set()
        self._lines: deque[str] = deque(maxlen=LINES_KEPT)
        self._began = time.monotonic()
        # Two, for clients that have a choice.
        self._listeners = [socket.create_server(("127.0.0.1", 0), backlog=64) for _ in range(2)]
        self.addresses = [f"127.0.0.1:{listener.getsockname()[1]}" for listener in self._listeners]
        for listener in self._listeners:
            threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def log(self) -> str:
        return "\n".join(self._lines)

    def turn(self, honest: bool) -> None:
        """Ends all connections; the next ones are treated so."""
        with self.ledger.lock:
            self._is_honest = honest
            ended = list(self._open)
        self._note("-", f"honest: {honest}")
        for one in ended:
            # Wakes the script up, which closes it.
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue

    def stop(self) -> None:
        for listener in self._listeners:
            # Wakes up whoever waits for a connection.
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        self.turn(honest=True)

    def _note(self, connection: object, text: str) -> None:
        self._lines.append(f"{time.monotonic() - self._began:8.3f} {connection}: {text}")

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                accepted, _ = listener.accept()
            except OSError:
                return
            accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self.ledger.lock:
                self._open.add(accepted)
                script = Connection.be_honest if self._is_honest else self._scripts(self.connections)
                if not self._is_honest:
                    self.connections += 1
                    self.arrivals.append(time.monotonic())
            number = self.connections
            threading.Thread(target=self._serve, args=(accepted, script, number), daemon=True).start()

    def _serve(self, accepted: socket.socket, script: Script, number: int) -> None:
        try:
            script(Connection(accepted, self.ledger, lambda text: self._note(number, text)))
            self._note(number, "the script is over")
        except Over as over:
            self._note(number, f"over: {over}")
        except Exception:
            self.ledger.faults.append(f"the script failed: {traceback.format_exc()}")
        finally:
            with self.ledger.lock:
                self._open.discard(accepted)
            accepted.close()


def one_after_the_other(seed: object, steps: Sequence[tuple[str, Callable[[Connection, random.Random], None]]]) -> Script:
    """A script of named behaviours, which draw from one generator."""

    def run(connection: Connection) -> None:
        chance = random.Random(f"{seed}")
        for name, behave in steps:
            connection.note(name)
            behave(connection, chance)

    return run
