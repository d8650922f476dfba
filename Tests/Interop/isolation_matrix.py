"""What the calls that need a credential may be asked to give away of a tenant, and what they are to answer."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import grpc
from docket.v1.audit_log_pb2 import (
    AttributeCondition,
    EventFilter,
    ExportRequest,
    ExportResponse,
    LogPosition,
    QueryRequest,
    QueryResponse,
    StatsRequest,
    StatsResponse,
    TailRequest,
    TailResponse,
)
from docket.v1.collector_pb2 import PublishRequest, PublishResponse
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import Message
from google.rpc import status_pb2

from client import TIMEOUT_SECONDS
from events import event, request
from isolation_credentials import Credential
from isolation_world import Caller, Target
from test_semantics import details, unpacked


@dataclass
class Answer:
    """What comes back."""

    what: str
    # All of it, as it came.
    raw: bytes
    # What is to be the same for a tenant that doesn't exist.
    text: bytes
    # Why it was refused; None if it wasn't.
    reason: str | None = None
    # Whether the request named the tenant.
    is_direct: bool = False


@dataclass(frozen=True)
class Call:
    """A method: what it needs, how it is asked for what it mustn't tell, and how it answers who may be told."""

    probe: Callable[[Caller, Target], Iterator[Answer]]
    scope: str | None = None
    writes: bool = False
    # Whether it gives a tenant that is the caller's.
    serves: Callable[[Caller, Target], bool] | None = None

    def refusal(self, credential: Credential, tenant: str) -> str | None:
        """The reason for which somebody is refused a tenant; None for somebody who isn't."""
        if credential.fault:
            return credential.fault
        if self.scope not in credential.scopes:
            return "SCOPE_MISSING"
        if tenant not in credential.covers:
            return "TENANT_NOT_COVERED"
        if tenant == "suspended":
            return "TENANT_SUSPENDED"
        return "TENANT_CLOSING" if tenant == "closing" and self.writes else None


def ask(what: str, call: Callable[[], Message], tell: Callable[[Message], bytes], is_direct: bool = False) -> Answer:
    """What a call answers, `tell` being what counts of an answer that is no error."""
    try:
        found = call()
    except grpc.RpcError as error:
        metadata = b"".join(
            f"{name}={value!r};".encode() + (value if isinstance(value, bytes) else value.encode())
            for name, value in [*(error.initial_metadata() or ()), *(error.trailing_metadata() or ())]
        )
        text = f"{error.code()} {error.details()} ".encode() + metadata
        reason = details(error)["ErrorInfo"].reason if "grpc-status-details-bin" in metadata.decode(errors="replace") else ""
        return Answer(what, text, text, reason, is_direct)
    if isinstance(found, PublishResponse) and found.WhichOneof("result") == "status":
        return refused_batch(what, found.status, is_direct)
    return Answer(what, found.SerializeToString(), tell(found), None, is_direct)


def refused_batch(what: str, status: status_pb2.Status, is_direct: bool) -> Answer:
    text = status.SerializeToString(deterministic=True)
    return Answer(what, text, text, unpacked(status)["ErrorInfo"].reason, is_direct)


def variants(slug: str) -> dict[str, str]:
    """Names that aren't the tenant's and must not be taken for it."""
    return {
        "in capitals": slug.upper(), "with a space": f"{slug} ", "with U+0000": f"{slug}\0", "with a comma": f"{slug},{slug}",
        "with a wildcard": f"{slug}%", "composed otherwise": f"{slug}\u0301",
    }  # fmt: skip


# MARK: CollectorService

Publish = Callable[[Caller, list[PublishRequest]], PublishResponse]


def unary(caller: Caller, batches: list[PublishRequest]) -> PublishResponse:
    return [caller.client.publish(batch) for batch in batches][-1]


def streamed(caller: Caller, batches: list[PublishRequest]) -> PublishResponse:
    """The answer to the last one."""
    found = {one.sequence: one for one in caller.client.publish_stream(batches)}
    return found[batches[-1].sequence]


def verdict(answer: PublishResponse) -> bytes:
    """What of a verdict doesn't depend on when it was given."""
    found = answer.verdict
    rejections = [(one.index, one.field, one.code, one.reason) for one in found.rejections]
    return f"{found.accepted_count} accepted, replayed: {found.replayed}, {rejections}".encode()


def publishing(publish: Publish) -> Call:
    def probe(caller: Caller, target: Target) -> Iterator[Answer]:
        def one(what: str, *batches: PublishRequest, is_direct: bool = False) -> Answer:
            return ask(what, lambda: publish(caller, list(batches)), verdict, is_direct)

        other = request([event()], target.batch.producer_id, target.batch.sequence, tenant=target.slug)
        yield one("a batch", request([event()], tenant=target.slug), is_direct=True)
        yield one("a batch that is stored", target.batch, is_direct=True)
        yield one("another batch under a key that is stored", other, is_direct=True)
        for what, name in variants(target.slug).items():
            yield one(f"a batch for its name {what}", request([event()], tenant=name))
        # Its keys and types mean nothing in another log, and its limits neither.
        own = target.replays.pop()
        yield one("a batch that is stored, into the own log", changed(own, tenant=caller.own))
        own = target.replays.pop()
        yield one("another batch under a key that is stored, into the own log",
                  request([event()], own.producer_id, own.sequence, tenant=caller.own))  # fmt: skip
        yield one("an event of its type", request([event(type=target.tried_type)], tenant=caller.own))
        if publish is streamed:
            first = request([event()], sequence=1, tenant=caller.own)
            yield one("a batch behind an own one", first, changed(other, sequence=2), is_direct=True)

    def serves(caller: Caller, target: Target) -> bool:
        return publish(caller, [request([event()], tenant=target.slug)]).verdict.accepted_count == 1

    return Call(probe, scope="publish", writes=True, serves=serves)


def changed(batch: PublishRequest, **fields: object) -> PublishRequest:
    copy = PublishRequest()
    copy.CopyFrom(batch)
    for name, value in fields.items():
        setattr(copy, name, value)
    return copy


# MARK: AuditLogService

# What finds an event of a tenant, by the fields of EventFilter; the others say nothing of whose events they are.
FILTERS: dict[str, Callable[[Target], object]] = {
    "scope": lambda t: t.event.scope, "type": lambda t: t.type_name, "actor_id": lambda t: t.event.actor.id,
    "session_id": lambda t: t.event.session_id, "resource_type": lambda t: t.event.resource.type,
    "resource_id": lambda t: t.event.resource.id, "event_id": lambda t: t.event.event_id,
    "action": lambda t: t.event.action, "request_id": lambda t: t.event.request_id,
    "agent_id": lambda t: t.event.agent_id, "trace_id": lambda t: t.event.trace_id,
    "type_prefix": lambda t: t.type_name[:-1], "source": lambda t: t.event.source, "policy": lambda t: t.event.policy,
    "text": lambda t: t.mark, "attributes": lambda t: [AttributeCondition(pointer="/secret", value=t.mark)],
}  # fmt: skip
WIDE_FILTERS: dict[str, Callable[[Target], object]] = {
    "decision": lambda t: t.event.decision, "occurred_from_us": lambda t: t.event.occurred_at_us - 1,
    "occurred_to_us": lambda t: t.event.occurred_at_us + 1, "outcome": lambda t: t.event.outcome,
    "min_risk_score": lambda t: t.event.risk_score,
}  # fmt: skip
REQUEST_FIELDS = {
    QueryRequest: {
        "tenant", "filter", "order", "page_size", "page_token", "more_tenants", "all_tenants", "count", "read_mask",
    },
    ExportRequest: {"tenant", "filter", "from", "end_log_index"},
    TailRequest: {"tenant", "filter", "from"},
    StatsRequest: {
        "tenant", "more_tenants", "all_tenants", "filter", "group_by", "max_groups", "bucket_us", "bucket_starts_us",
    },
}


def filters_for(target: Target) -> dict[str, EventFilter]:
    """Each filter alone, with what the target's events have."""
    return {name: EventFilter(**{name: value(target)}) for name, value in (FILTERS | WIDE_FILTERS).items()}


def query_probe(caller: Caller, target: Target) -> Iterator[Answer]:
    def page(asked: QueryRequest) -> QueryResponse:
        return caller.client.audit_log.Query(asked, metadata=caller.client.metadata, timeout=TIMEOUT_SECONDS)

    def count(found: QueryResponse) -> bytes:
        return f"{len(found.events)} events, and {len(found.next_page_token)} bytes of a token".encode()

    def total(found: QueryResponse) -> bytes:
        return count(found) + f", {found.count} in all".encode()

    def owners(found: QueryResponse) -> bytes:
        return f"nothing but what it is for: {all(one.tenant != target.slug for one in found.events)}".encode()

    yield ask("all", lambda: page(QueryRequest(tenant=target.slug)), count, is_direct=True)
    for order in (0, 1, 2):
        asked = QueryRequest(tenant=target.slug, page_size=1, page_token=target.page_token, order=order)
        yield ask(f"its page token in order {order}", lambda: page(asked), count, is_direct=True)
        asked.tenant = caller.own
        yield ask(f"its page token in order {order}, with the own log", lambda: page(asked), owners)
    for name, chosen in filters_for(target).items():
        yield ask(name, lambda: page(QueryRequest(tenant=target.slug, filter=chosen)), count, is_direct=True)
        tell = count if name in FILTERS else owners
        yield ask(f"{name} in the own log", lambda: page(QueryRequest(tenant=caller.own, filter=chosen)), tell)
        yield ask(f"{name} without a tenant", lambda: page(QueryRequest(filter=chosen)), tell)
    for what, name in variants(target.slug).items():
        yield ask(f"its name {what}", lambda: page(QueryRequest(tenant=name)), count)
    for mode in (1, 2):
        yield ask(f"all, counted by {mode}", lambda: page(QueryRequest(tenant=target.slug, count=mode)), total, is_direct=True)
    for name, chosen in filters_for(target).items():
        tell = total if name in FILTERS else owners
        yield ask(f"{name} in all logs", lambda: page(QueryRequest(all_tenants=True, filter=chosen, count=2)), tell)
    for path in ("event", "event.event_id", "tenant"):
        asked = QueryRequest(tenant=target.slug, read_mask=FieldMask(paths=[path]))
        yield ask(f"its {path}", lambda: page(asked), count, is_direct=True)
    for what, names in {"its log beside the own": [target.slug, caller.own], "its log among others": ["", target.slug]}.items():
        asked = QueryRequest(tenant=names[0], more_tenants=names[1:])
        yield ask(what, lambda: page(asked), count, is_direct=True)


def query_serves(caller: Caller, target: Target) -> bool:
    found = caller.client.query(tenant=target.slug, event_id=target.event.event_id).events
    second = caller.client.query(tenant=target.slug, page_size=1, page_token=target.page_token).events
    return [one.event for one in found] == [target.event] and len(second) == 1 and all_logs_have(caller, target)


def all_logs_have(caller: Caller, target: Target) -> bool:
    """Whether the target's event is in all logs that the credential is for, and in its own beside another."""
    chosen = EventFilter(event_id=target.event.event_id)
    return all(
        [one.event for one in caller.client.audit_log.Query(asked, metadata=caller.client.metadata, timeout=60).events]
        == [target.event]
        for asked in (
            QueryRequest(all_tenants=True, filter=chosen),
            QueryRequest(tenant=caller.own, more_tenants=[target.slug, target.slug], filter=chosen),
        )
    )


def export_probe(caller: Caller, target: Target) -> Iterator[Answer]:
    def whole(asked: ExportRequest) -> ExportResponse:
        found = ExportResponse()
        for part in caller.client.audit_log.Export(asked, metadata=caller.client.metadata, timeout=TIMEOUT_SECONDS):
            found.MergeFrom(part)
        return found

    def count(found: ExportResponse) -> bytes:
        return f"{len(found.events)} events".encode()

    def owners(found: ExportResponse) -> bytes:
        of_others = [one for one in found.events if one.tenant != caller.own] or found.summary.tenant != caller.own
        return f"nothing but the own: {not of_others}".encode()

    yield ask("all", lambda: whole(ExportRequest(tenant=target.slug)), count, is_direct=True)
    for index in (0, 1, 1 << 40):
        asked = ExportRequest(tenant=target.slug, end_log_index=index + 1, **{"from": LogPosition(log_index=index, position=1)})
        yield ask(f"from log index {index}", lambda: whole(asked), count, is_direct=True)
        asked.tenant = caller.own
        yield ask(f"from log index {index} of the own log", lambda: whole(asked), owners)
    for name, chosen in filters_for(target).items():
        yield ask(name, lambda: whole(ExportRequest(tenant=target.slug, filter=chosen)), count, is_direct=True)
        tell = count if name in FILTERS else owners
        yield ask(f"{name} in the own log", lambda: whole(ExportRequest(tenant=caller.own, filter=chosen)), tell)
        yield ask(f"{name} without a tenant", lambda: whole(ExportRequest(filter=chosen)), tell)
    for what, name in variants(target.slug).items():
        yield ask(f"its name {what}", lambda: whole(ExportRequest(tenant=name)), count)


def export_serves(caller: Caller, target: Target) -> bool:
    found = caller.client.export(tenant=target.slug, event_id=target.event.event_id)
    return [one.event for one in found.events] == [target.event] and found.summary.tenant == target.slug


def followed(caller: Caller, asked: TailRequest) -> TailResponse:
    """What a tail has of what is in the log by the time that it begins."""
    call = caller.client.audit_log.Tail(asked, metadata=caller.client.metadata, timeout=TIMEOUT_SECONDS)
    found = TailResponse()
    end: int | None = None
    for part in call:
        found.MergeFrom(part)
        # Whoever is let in here may export as well.
        end = caller.client.export(tenant=asked.tenant).summary.end_log_index if end is None else end
        if part.next.log_index >= end:
            break
    call.cancel()
    return found


def tail_probe(caller: Caller, target: Target) -> Iterator[Answer]:
    def count(found: TailResponse) -> bytes:
        return f"{len(found.events)} events".encode()

    def owners(found: TailResponse) -> bytes:
        return f"nothing but the own: {all(one.tenant == caller.own for one in found.events)}".encode()

    def from_start(tenant: str = "", **fields: object) -> TailRequest:
        return TailRequest(tenant=tenant, **({"from": LogPosition(log_index=0)} | fields))

    yield ask("all", lambda: followed(caller, from_start(target.slug)), count, is_direct=True)
    yield ask("from now on", lambda: followed(caller, TailRequest(tenant=target.slug)), count, is_direct=True)
    for index in (1, 1 << 40):
        asked = from_start(target.slug, **{"from": LogPosition(log_index=index, position=1)})
        yield ask(f"from log index {index}", lambda: followed(caller, asked), count, is_direct=True)
    for name, chosen in filters_for(target).items():
        yield ask(name, lambda: followed(caller, from_start(target.slug, filter=chosen)), count, is_direct=True)
        tell = count if name in FILTERS else owners
        yield ask(f"{name} in the own log", lambda: followed(caller, from_start(caller.own, filter=chosen)), tell)
        yield ask(f"{name} without a tenant", lambda: followed(caller, from_start(filter=chosen)), tell)
    for what, name in variants(target.slug).items():
        yield ask(f"its name {what}", lambda: followed(caller, from_start(name)), count)


def tail_serves(caller: Caller, target: Target) -> bool:
    asked = TailRequest(
        tenant=target.slug, filter=EventFilter(event_id=target.event.event_id), **{"from": LogPosition(log_index=0)}
    )
    return [one.event for one in followed(caller, asked).events] == [target.event]


# What events are counted by, with what the target's events have there.
GROUPINGS: dict[int, Callable[[Target], str]] = {
    1: lambda t: t.type_name, 2: lambda t: "", 3: lambda t: "", 4: lambda t: t.event.actor.id, 5: lambda t: t.slug,
    6: lambda t: t.event.action, 7: lambda t: t.event.scope, 8: lambda t: t.event.source, 9: lambda t: t.event.policy,
    10: lambda t: t.event.resource.type,
}  # fmt: skip


def counted(caller: Caller, **fields: object) -> StatsResponse:
    return caller.client.audit_log.Stats(StatsRequest(**fields), metadata=caller.client.metadata, timeout=TIMEOUT_SECONDS)


def stats_probe(caller: Caller, target: Target) -> Iterator[Answer]:
    def total(found: StatsResponse) -> bytes:
        return f"{found.count} events in {len(found.groups)} groups and {found.other_group_count} others".encode()

    def names(value: str) -> Callable[[StatsResponse], bytes]:
        """What doesn't depend on how many own events there are: none has what the target's have."""
        return lambda found: f"its value is there: {bool(value) and value in [one.value for one in found.groups]}".encode()

    for group_by, value in GROUPINGS.items():
        tell = names(value(target))
        asked = {"group_by": group_by, "max_groups": 1000}
        yield ask(f"all by {group_by}", lambda: counted(caller, tenant=target.slug, **asked), total, is_direct=True)
        yield ask(f"the own log by {group_by}", lambda: counted(caller, tenant=caller.own, **asked), tell)
        yield ask(f"all logs by {group_by}", lambda: counted(caller, all_tenants=True, **asked), tell)
    for name, chosen in filters_for(target).items():
        yield ask(name, lambda: counted(caller, tenant=target.slug, filter=chosen), total, is_direct=True)
        tell = total if name in FILTERS else names(target.type_name)
        yield ask(f"{name} in the own log", lambda: counted(caller, tenant=caller.own, filter=chosen), tell)
        yield ask(f"{name} in all logs", lambda: counted(caller, all_tenants=True, filter=chosen), tell)
    begin, end = target.event.occurred_at_us - 1, target.event.occurred_at_us + 1
    chosen = EventFilter(scope=target.event.scope, occurred_from_us=begin, occurred_to_us=end)
    for what, buckets in {"by a width": {"bucket_us": 1}, "by its ends": {"bucket_starts_us": [begin, end]}}.items():
        timed = {"filter": chosen, **buckets}
        yield ask(f"its time {what}", lambda: counted(caller, tenant=target.slug, **timed), total, is_direct=True)
        yield ask(f"its time {what} in the own log", lambda: counted(caller, tenant=caller.own, **timed), total)
    for what, name in variants(target.slug).items():
        yield ask(f"its name {what}", lambda: counted(caller, tenant=name), total)
    for what, slugs in {"its log beside the own": [target.slug, caller.own], "its log among others": ["", target.slug]}.items():
        yield ask(what, lambda: counted(caller, tenant=slugs[0], more_tenants=slugs[1:]), total, is_direct=True)


def stats_serves(caller: Caller, target: Target) -> bool:
    chosen = EventFilter(event_id=target.event.event_id)
    own = counted(caller, tenant=target.slug, filter=chosen, group_by=5)
    beside = counted(caller, tenant=caller.own, more_tenants=[target.slug], filter=chosen, group_by=5)
    return all([(one.value, one.count) for one in found.groups] == [(target.slug, 1)] for found in (own, beside))
