"""An honest client at a fixed rate, in open loop: prints for each batch when it was due and how long its answer took.

A line is `DUE MICROSECONDS CODE`: the time of the monotonic clock in seconds, the time from then to the answer, and the
gRPC status. It goes on until its standard input is closed, and then waits for what is under way.
"""

import argparse
import os
import sys
import threading
import time
from pathlib import Path

INTEROP = Path(__file__).resolve().parents[2] / "Tests" / "Interop"
sys.path.append(str(INTEROP))

import grpc  # noqa: E402
import stubs  # noqa: E402

stubs.generate()

from client import Client  # noqa: E402
from events import event, request  # noqa: E402

TIMEOUT_SECONDS = 90


class Neighbour:
    """Publishes single events whether or not those before are answered: a stall is not spared what falls into it."""

    def __init__(self, client: Client, session: str):
        self._client = client
        self._session = session
        self._under_way = threading.Semaphore(0)
        self._print = threading.Lock()
        self.sent = 0

    def publish(self, due: float) -> None:
        batch = request([event(session_id=self._session)])
        call = self._client.collector.Publish.future(batch, metadata=self._client.metadata, timeout=TIMEOUT_SECONDS)
        self.sent += 1
        call.add_done_callback(lambda done: self._answered(due, done))

    def _answered(self, due: float, call: grpc.Future) -> None:
        took = time.monotonic() - due
        with self._print:
            print(f"{due:.6f} {took * 1e6:.0f} {call.code().name}", flush=True)
        self._under_way.release()

    def wait(self) -> None:
        """Waits for all answers."""
        for _ in range(self.sent):
            self._under_way.acquire(timeout=TIMEOUT_SECONDS)


def main() -> None:
    parser = argparse.ArgumentParser(prog="neighbour", description=__doc__)
    parser.add_argument("--address", required=True, metavar="HOST:PORT")
    parser.add_argument("--rate", type=float, default=100, help="batches a second")
    parser.add_argument("--session", required=True, help="the session_id of all events")
    parser.add_argument("--ca-file", type=Path)
    options = parser.parse_args()
    tls = None if options.ca_file is None else grpc.ssl_channel_credentials(options.ca_file.read_bytes())
    ended = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
    with Client(options.address, os.environ["DOCKET_TOKEN"], tls) as client:
        neighbour = Neighbour(client, options.session)
        due = time.monotonic()
        while not ended.is_set():
            due += 1 / options.rate
            if (left := due - time.monotonic()) > 0:
                time.sleep(left)
            neighbour.publish(due)
        neighbour.wait()


main()
