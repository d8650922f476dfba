"""Following a log as it grows."""

import threading

import grpc
from docket.v1.audit_log_pb2 import EventFilter, LogPosition, StoredEvent, TailRequest, TailResponse

from client import Client
from waiting import eventually


def tail_request(tenant: str = "", start: tuple[int, int] | None = None, **fields: object) -> TailRequest:
    """`fields` are the filter's."""
    asked = TailRequest(tenant=tenant, filter=EventFilter(**fields))
    if start is not None:
        getattr(asked, "from").CopyFrom(LogPosition(log_index=start[0], position=start[1]))
    return asked


class Tail:
    """A call of Tail, read by a thread of its own until it ends."""

    def __init__(self, client: Client, asked: TailRequest | None = None, timeout: float = 120):
        self.parts: list[TailResponse] = []
        self.error: grpc.RpcError | None = None
        self._call = client.audit_log.Tail(asked or TailRequest(), metadata=client.metadata, timeout=timeout)
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def __enter__(self) -> "Tail":
        """Waits until it is known where it begins."""
        eventually(lambda: self.parts or self.error, lambda: "the stream did not begin")
        return self

    def __exit__(self, *_: object) -> None:
        self._call.cancel()
        self._thread.join()

    def _read(self) -> None:
        try:
            for part in self._call:
                self.parts.append(part)
        except grpc.RpcError as error:
            self.error = error

    @property
    def start(self) -> LogPosition:
        return self.parts[0].next

    @property
    def stored(self) -> list[StoredEvent]:
        return [one for part in self.parts for one in part.events]

    @property
    def missed(self) -> int:
        return sum(part.missed_count for part in self.parts)

    def wait_for(self, count: int) -> list[StoredEvent]:
        """The events, once there are so many."""
        eventually(lambda: len(self.stored) >= count or self.error, lambda: f"{len(self.stored)} of {count} events came")
        assert not self.error, self.error
        return self.stored

    def ended(self) -> grpc.RpcError:
        """What it ended with, once it has."""
        eventually(lambda: self.error, "the stream did not end")
        assert self.error
        return self.error
