"""Sends audit events to a Docket collector: stock grpcio with the stubs that grpcio-tools makes of Protos/.

    with Emitter("127.0.0.1:7480", token) as emitter:
        emitter.emit(Event(type="audit.event", actor=Actor(kind="user", id="alice"), action="login"))
"""

from .batches import Counters, Limits
from .emitter import Emitter

__all__ = ["Counters", "Emitter", "Limits"]
