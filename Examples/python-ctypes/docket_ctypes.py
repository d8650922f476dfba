#!/usr/bin/env python3
"""Docket's client library from Python, by ctypes: a small wrapper of docket.h, and an example at its end.

Usage: DOCKET_TOKEN=… DOCKET_CLIENT_LIBRARY=…/libdocket-client.so docket_ctypes.py HOST:PORT

It needs nothing but the standard library. The events are JSON (docs/json.md), which is what Python has at hand; the library makes
the event ids. ctypes lets go of the interpreter's lock during calls, so that other threads go on while one waits.
"""

import ctypes
import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

OK, CLOSED, TIMED_OUT = 0, 4, 15
NO_TIMEOUT = -1

RejectionCallback = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p)
LogCallback = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int32, ctypes.c_char_p)


class Sized(ctypes.Structure):
    """A structure that begins with its own size."""

    def __init__(self, **fields: object):
        super().__init__(**fields)
        self.size = ctypes.sizeof(self)


class CError(ctypes.Structure):
    _fields_ = [("status", ctypes.c_int32), ("rejection_code", ctypes.c_int32), ("message", ctypes.c_char * 504)]


class Rejection(ctypes.Structure):
    _fields_ = [
        ("size", ctypes.c_uint32), ("code", ctypes.c_int32), ("index", ctypes.c_int64), ("code_name", ctypes.c_char_p),
        ("field", ctypes.c_char_p), ("reason", ctypes.c_char_p),
    ]  # fmt: skip


class Config(Sized):
    _fields_ = [
        ("size", ctypes.c_uint32), ("security", ctypes.c_int32),
        ("targets", ctypes.POINTER(ctypes.c_char_p)), ("target_count", ctypes.c_size_t),
        ("token", ctypes.c_char_p), ("token_file", ctypes.c_char_p), ("tenant", ctypes.c_char_p),
        ("trust_file", ctypes.c_char_p), ("client_certificate_file", ctypes.c_char_p), ("client_key_file", ctypes.c_char_p),
        ("journal_path", ctypes.c_char_p), ("journal_max_bytes", ctypes.c_int64),
        ("compression", ctypes.c_int32), ("overflow_policy", ctypes.c_int32),
        ("max_batch_events", ctypes.c_int32), ("linger_ms", ctypes.c_int32),
        ("max_batch_bytes", ctypes.c_int64), ("max_queue_bytes", ctypes.c_int64),
        ("max_in_flight_batches", ctypes.c_int32), ("max_attempts", ctypes.c_int32),
        ("initial_backoff_ms", ctypes.c_int32), ("max_backoff_ms", ctypes.c_int32),
        ("no_drop_reports", ctypes.c_int32), ("log_level", ctypes.c_int32),
        ("on_rejection", RejectionCallback), ("on_log", LogCallback), ("context", ctypes.c_void_p),
    ]  # fmt: skip


class Receipt(Sized):
    _fields_ = [
        ("size", ctypes.c_uint32), ("durability", ctypes.c_int32), ("batch_id", ctypes.c_int64),
        ("received_at_us", ctypes.c_int64), ("root", ctypes.c_uint8 * 32), ("content_hash", ctypes.c_uint8 * 32),
    ]  # fmt: skip


class Stats(Sized):
    COUNTERS = (
        "enqueued", "recovered", "committed", "rejected", "dropped", "queued", "journalled", "queued_bytes", "journal_bytes",
        "acknowledged_batches", "dropped_queue_full", "dropped_evicted", "dropped_too_large", "dropped_refused",
        "dropped_journal", "dropped_shut_down", "dropped_unanswered",
    )  # fmt: skip
    _fields_ = [
        ("size", ctypes.c_uint32), ("reserved", ctypes.c_uint32), *((name, ctypes.c_int64) for name in COUNTERS)
    ]  # fmt: skip

    def counts(self) -> dict[str, int]:
        return {name: getattr(self, name) for name in self.COUNTERS}


class DocketError(Exception):
    """What a call failed with: the name of its status, and a message that names the remedy."""

    def __init__(self, error: CError, name: str):
        super().__init__(error.message.decode())
        self.status = error.status
        self.name = name
        self.rejection_code = error.rejection_code


def load(path: str | None = None) -> ctypes.CDLL:
    """The library, with the functions that this file calls."""
    library = ctypes.CDLL(path or os.environ.get("DOCKET_CLIENT_LIBRARY", "libdocket-client.so"))
    client, error, text = ctypes.c_void_p, ctypes.POINTER(CError), (ctypes.c_char_p, ctypes.c_size_t)
    milliseconds, receipt, stats = ctypes.c_int64, ctypes.POINTER(Receipt), ctypes.POINTER(Stats)
    for name, arguments in {
        "create": (ctypes.POINTER(Config), ctypes.POINTER(client), error),
        "emit_json": (client, *text, error),
        "emit_durably_json": (client, *text, milliseconds, error),
        "emit_and_wait_json": (client, *text, milliseconds, receipt, error),
        "flush": (client, milliseconds, error),
        "stats": (client, stats, error),
        "close": (client, milliseconds, stats, error),
    }.items():
        function = getattr(library, f"docket_client_{name}")
        function.argtypes, function.restype = arguments, ctypes.c_int32
    for name, arguments in {"docket_status_name": (ctypes.c_int32,), "docket_version": ()}.items():
        getattr(library, name).argtypes = arguments
        getattr(library, name).restype = ctypes.c_char_p
    return library


class Client:
    """A client: `with Client(["127.0.0.1:7480"], token=…) as client: client.emit(type="authz.decision")`."""

    def __init__(
        self,
        targets: Sequence[str],
        *,
        on_rejection: Callable[[str, str, str], object] | None = None,
        on_log: Callable[[int, str], object] | None = None,
        library: ctypes.CDLL | None = None,
        **settings: str | int,
    ):
        """`settings` are the other fields of docket_config. Callbacks run on threads of the library: the rejection's code,
        field and reason; a line's level and text."""
        self._library = library or load()
        names = (ctypes.c_char_p * len(targets))(*(target.encode() for target in targets))
        config = Config(targets=names, target_count=len(targets))
        for name, value in settings.items():
            setattr(config, name, value.encode() if isinstance(value, str) else value)
        # Kept, since the library calls them until the client is closed.
        self._callbacks: list[object] = []
        if on_rejection:

            def told(_: int | None, pointer: int) -> None:
                found = Rejection.from_address(pointer)
                on_rejection(*(text.decode() for text in (found.code_name, found.field, found.reason)))

            config.on_rejection = RejectionCallback(told)
        if on_log:
            config.on_log = LogCallback(lambda _, level, line: on_log(level, line.decode()))
        self._callbacks += [config.on_rejection, config.on_log]
        self._handle = ctypes.c_void_p()
        self._call("create", ctypes.byref(config), ctypes.byref(self._handle))

    def emit(self, **members: object) -> None:
        """Hands an event over; returns at once."""
        text = self._json(members)
        self._call("emit_json", self._handle, text, len(text))

    def emit_durably(self, timeout_ms: int = NO_TIMEOUT, **members: object) -> None:
        """Returns once the event is synced in the local journal."""
        text = self._json(members)
        self._call("emit_durably_json", self._handle, text, len(text), timeout_ms)

    def emit_and_wait(self, timeout_ms: int = 30_000, **members: object) -> Receipt:
        """Returns the receipt once the collector has committed the event."""
        text, receipt = self._json(members), Receipt()
        self._call("emit_and_wait_json", self._handle, text, len(text), timeout_ms, ctypes.byref(receipt))
        return receipt

    def flush(self, timeout_ms: int = 30_000) -> None:
        self._call("flush", self._handle, timeout_ms)

    def stats(self) -> dict[str, int]:
        stats = Stats()
        self._call("stats", self._handle, ctypes.byref(stats))
        return stats.counts()

    def close(self, timeout_ms: int = 10_000) -> dict[str, int]:
        """Sends what is left, and returns the last statistics."""
        stats = Stats()
        self._call("close", self._handle, timeout_ms, ctypes.byref(stats))
        return stats.counts()

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.close()
        except DocketError as error:
            # Closed already, by whoever wanted the statistics.
            if error.status != CLOSED:
                raise

    @staticmethod
    def _json(members: Mapping[str, object]) -> bytes:
        return json.dumps({"occurred_at": datetime.now(UTC).isoformat(), **members}).encode()

    def _call(self, name: str, *arguments: object) -> None:
        error = CError()
        if getattr(self._library, f"docket_client_{name}")(*arguments, ctypes.byref(error)) != OK:
            raise DocketError(error, self._library.docket_status_name(error.status).decode())


def main() -> int:
    if len(sys.argv) != 2:
        print("usage: DOCKET_TOKEN=... docket_ctypes.py HOST:PORT", file=sys.stderr)
        return 64
    client = Client(
        [sys.argv[1]], token=os.environ.get("DOCKET_TOKEN", ""),
        on_rejection=lambda code, field, reason: print(f"rejected: {field}: {reason} ({code})", file=sys.stderr),
    )  # fmt: skip
    with client:
        for number in range(1000):
            client.emit(
                type="authz.decision", actor={"kind": "user", "id": "erin"}, action="secrets.read", decision="allow",
                attributes={"number": number},
            )  # fmt: skip
        receipt = client.emit_and_wait(type="authz.decision", actor={"kind": "user", "id": "frank"}, decision="deny")
        print("batch", receipt.batch_id)
        last = client.close()
    print(", ".join(f"{name} {last[name]}" for name in ("committed", "rejected", "dropped")))
    return 0


if __name__ == "__main__":
    sys.exit(main())
