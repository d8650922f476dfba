"""All API calls: those that need a credential, those that don't, and the operator's pages."""

from collections.abc import Callable, Iterable, Iterator
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from google.protobuf.message import Message
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.reflection_pb2 import ServerReflectionRequest, ServerReflectionResponse

from client import TIMEOUT_SECONDS
from isolation_matrix import (
    Answer,
    Call,
    ask,
    export_probe,
    export_serves,
    publishing,
    query_probe,
    query_serves,
    stats_probe,
    stats_serves,
    streamed,
    tail_probe,
    tail_serves,
    unary,
)
from isolation_world import Caller, Target


def serialized(found: Message) -> bytes:
    return found.SerializeToString(deterministic=True)


def health_probe(method: str) -> Callable[[Caller, Target], Iterator[Answer]]:
    def probe(caller: Caller, target: Target) -> Iterator[Answer]:
        stub = health_pb2_grpc.HealthStub(caller.client.channel)

        def check(name: str) -> Message:
            asked = health_pb2.HealthCheckRequest(service=name)
            found = getattr(stub, method)(asked, metadata=caller.client.metadata, timeout=TIMEOUT_SECONDS)
            if isinstance(found, Message):
                return found
            first = next(found)
            found.cancel()
            return first

        for name in ("", "docket.v1.AuditLogService", target.slug, target.type_name):
            yield ask(f"service '{name}'", lambda: check(name), serialized)

    return probe


def reflection_probe(service: str) -> Callable[[Caller, Target], Iterator[Answer]]:
    def probe(caller: Caller, target: Target) -> Iterator[Answer]:
        call = caller.client.channel.stream_stream(
            f"/{service}/ServerReflectionInfo", request_serializer=ServerReflectionRequest.SerializeToString,
            response_deserializer=ServerReflectionResponse.FromString,
        )  # fmt: skip
        names = (target.slug, target.type_name)
        asked = [ServerReflectionRequest(list_services="")]
        asked += [ServerReflectionRequest(**{field: name}) for name in names
                  for field in ("file_by_filename", "file_containing_symbol", "all_extension_numbers_of_type")]  # fmt: skip

        def first(one: ServerReflectionRequest) -> Message:
            [found] = call(iter([one]), metadata=caller.client.metadata, timeout=TIMEOUT_SECONDS)
            return found

        for one in asked:
            yield ask(str(one), lambda: first(one), serialized)

    return probe


CALLS: dict[str, Call] = {
    "docket.v1.CollectorService/Publish": publishing(unary),
    "docket.v1.CollectorService/PublishStream": publishing(streamed),
    "docket.v1.AuditLogService/Export": Call(export_probe, scope="export", serves=export_serves),
    "docket.v1.AuditLogService/Tail": Call(tail_probe, scope="export", serves=tail_serves),
    "docket.v1.AuditLogService/Query": Call(query_probe, scope="query", serves=query_serves),
    "docket.v1.AuditLogService/Stats": Call(stats_probe, scope="query", serves=stats_serves),
    "grpc.health.v1.Health/Check": Call(health_probe("Check")),
    "grpc.health.v1.Health/Watch": Call(health_probe("Watch")),
    **{
        f"{name}/ServerReflectionInfo": Call(reflection_probe(name))
        for name in ("grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection")
    },
}

# MARK: The operator's pages

PAGES = ("/livez", "/readyz", "/metrics")


def fetched(url: str, authorization: str | None) -> bytes:
    """A page, with its headers."""
    try:
        with urlopen(Request(url, headers={"Authorization": authorization} if authorization else {}), timeout=30) as found:
            return str(found.headers).encode() + found.read()
    except HTTPError as error:
        return str(error.headers).encode() + error.read()


def methods(services: Iterable[str], find: Callable[[str], object]) -> set[str]:
    """All methods of services, as reflection describes them."""
    return {f"{name}/{method.name}" for name in services for method in find(name).methods}
