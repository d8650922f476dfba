"""The C interface as the tests call it: the wrapper of Examples/python-ctypes, and beside it the functions with structures."""

import ctypes
import importlib.util
import os
from functools import cache
from pathlib import Path

from docket.v1 import event_pb2

from collector import Collector
from stubs import ROOT

HEADERS = ROOT / "Sources" / "CDocketClient" / "include"
EXAMPLES = ROOT / "Examples"
LIBRARY = Path(os.environ.get("DOCKET_CLIENT_LIBRARY", ROOT / ".build" / "debug" / "libdocket-client.so")).resolve()
WRAPPER = EXAMPLES / "python-ctypes" / "docket_ctypes.py"

_spec = importlib.util.spec_from_file_location("docket_ctypes", WRAPPER)
docket_ctypes = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(docket_ctypes)

CError, Client, Config, DocketError = (
    docket_ctypes.CError, docket_ctypes.Client, docket_ctypes.Config, docket_ctypes.DocketError,
)  # fmt: skip
TEXT = ctypes.c_char_p


class Actor(ctypes.Structure):
    _fields_ = [("kind", TEXT), ("id", TEXT), ("user_id", TEXT)]


class Event(docket_ctypes.Sized):
    """docket_event"""

    _fields_ = [
        ("size", ctypes.c_uint32), ("has", ctypes.c_uint32), ("event_id", ctypes.c_uint8 * 16),
        ("occurred_at_us", ctypes.c_int64), ("type", TEXT), ("source_event_id", TEXT), ("scope", TEXT), ("actor", Actor),
        ("delegation", ctypes.POINTER(Actor)), ("delegation_count", ctypes.c_size_t), ("action", TEXT),
        ("resource_type", TEXT), ("resource_id", TEXT), ("decision", ctypes.c_int32), ("outcome", ctypes.c_int32),
        ("reason", TEXT), ("policy", TEXT), ("obligations", TEXT), ("evaluated_rules", TEXT),
        ("risk_score", ctypes.c_double), ("session_id", TEXT), ("request_id", TEXT), ("agent_id", TEXT), ("source", TEXT),
        ("trace_id", ctypes.c_uint8 * 16), ("span_id", ctypes.c_uint8 * 8), ("duration_us", ctypes.c_int64),
        ("payload_hash", TEXT), ("payload_in_size_bytes", ctypes.c_int64), ("payload_out_size_bytes", ctypes.c_int64),
        ("attributes", TEXT),
    ]  # fmt: skip


@cache
def library() -> ctypes.CDLL:
    """The library, with the functions that take structures as well."""
    assert LIBRARY.exists(), f"{LIBRARY} isn't there: swift build --product docket-client"
    loaded = docket_ctypes.load(str(LIBRARY))
    client, event, error = ctypes.c_void_p, ctypes.POINTER(Event), ctypes.POINTER(CError)
    for name, arguments in {
        "emit": (client, event, error),
        "emit_durably": (client, event, ctypes.c_int64, error),
        "emit_and_wait": (client, event, ctypes.c_int64, ctypes.POINTER(docket_ctypes.Receipt), error),
    }.items():
        function = getattr(loaded, f"docket_client_{name}")
        function.argtypes, function.restype = arguments, ctypes.c_int32
    loaded.docket_new_event_id.argtypes, loaded.docket_new_event_id.restype = (ctypes.c_void_p,), None
    return loaded


def client(collector: Collector | str, token: str = "", **settings: object) -> Client:
    """A client of a collector, or of whoever listens at an address."""
    address = collector if isinstance(collector, str) else collector.address
    token = token or ("" if isinstance(collector, str) else collector.token)
    return Client([address], token=token, library=library(), **settings)


def call(name: str, *arguments: object) -> tuple[int, str]:
    """The status of a call, and its error's message."""
    error = CError()
    status = getattr(library(), f"docket_client_{name}")(*arguments, ctypes.byref(error))
    assert status == error.status
    return status, error.message.decode()


def structure(event: event_pb2.Event) -> Event:
    """The structure of an event that has every field."""

    def actor(given: event_pb2.Actor) -> Actor:
        return Actor(*(text(given, name) for name in ("kind", "id", "user_id")))

    def text(given: object, name: str) -> bytes | None:
        is_absent = given.DESCRIPTOR.fields_by_name[name].has_presence and not given.HasField(name)
        return None if is_absent else getattr(given, name).encode()

    made = Event(has=15, actor=actor(event.actor), decision=event.decision, outcome=event.outcome)
    for name in ("event_id", "trace_id", "span_id"):
        ctypes.memmove(getattr(made, name), getattr(event, name), len(getattr(event, name)))
    for name in (
        "type", "source_event_id", "scope", "action", "reason", "policy", "obligations", "evaluated_rules", "session_id",
        "request_id", "agent_id", "source", "attributes",
    ):  # fmt: skip
        setattr(made, name, text(event, name))
    for name in ("occurred_at_us", "risk_score", "duration_us"):
        setattr(made, name, getattr(event, name))
    made.delegation = (Actor * len(event.delegation))(*map(actor, event.delegation))
    made.delegation_count = len(event.delegation)
    made.resource_type, made.resource_id = text(event.resource, "type"), text(event.resource, "id")
    made.payload_hash = text(event.payload, "hash")
    made.payload_in_size_bytes = event.payload.in_size_bytes
    made.payload_out_size_bytes = event.payload.out_size_bytes
    return made
