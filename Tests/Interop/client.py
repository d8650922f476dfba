"""Stock gRPC clients of the collector."""

from collections.abc import Iterable, Iterator, Sequence

import grpc
from docket.v1 import audit_log_pb2, audit_log_pb2_grpc, collector_pb2, collector_pb2_grpc
from docket.v1.event_pb2 import Event

from events import request

# Every call has a deadline, so that a collector that hangs fails a test instead of blocking it.
TIMEOUT_SECONDS = 60
CHANNEL_OPTIONS = [
    ("grpc.enable_http_proxy", 0),
    # A connection of its own for each channel; the outcome of the first attempt, not of a retry.
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.enable_retries", 0),
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
]


class Client:
    """A channel with a credential."""

    def __init__(
        self,
        address: str,
        token: str | None,
        credentials: grpc.ChannelCredentials | None = None,
        options: Sequence[tuple[str, object]] = (),
    ):
        """`options` of the channel go before the usual ones."""
        options = list((dict(CHANNEL_OPTIONS) | dict(options)).items())
        if credentials is None:
            self.channel = grpc.insecure_channel(address, options)
        else:
            self.channel = grpc.secure_channel(address, credentials, options)
        self.address, self.token = address, token
        self.metadata = () if token is None else (("authorization", f"Bearer {token}"),)
        self.collector = collector_pb2_grpc.CollectorServiceStub(self.channel)
        self.audit_log = audit_log_pb2_grpc.AuditLogServiceStub(self.channel)

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.channel.close()

    def publish(
        self, batch: collector_pb2.PublishRequest, timeout: float = TIMEOUT_SECONDS, **options: object
    ) -> collector_pb2.PublishResponse:
        """Publishes one batch by the unary call."""
        return self.collector.Publish(batch, metadata=self.metadata, timeout=timeout, **options)

    def publish_bytes(self, message: bytes) -> collector_pb2.PublishResponse:
        """Publishes a request that is encoded already, as no stub would encode it."""
        call = self.channel.unary_unary(
            "/docket.v1.CollectorService/Publish",
            response_deserializer=collector_pb2.PublishResponse.FromString,
        )
        return call(message, metadata=self.metadata, timeout=TIMEOUT_SECONDS)

    def publish_events(self, *events: Event) -> collector_pb2.Verdict:
        """Publishes events as one batch of a new producer, and returns the verdict."""
        return self.publish(request(events)).verdict

    def publish_stream(
        self, batches: Iterable[collector_pb2.PublishRequest], **options: object
    ) -> Iterator[collector_pb2.PublishResponse]:
        """Publishes batches on one stream; the replies come in any order."""
        return self.collector.PublishStream(iter(batches), metadata=self.metadata, timeout=TIMEOUT_SECONDS, **options)

    def query(self, **fields: object) -> audit_log_pb2.QueryResponse:
        """One page. tenant, order, page_size and page_token are the request's; all other fields are the filter's."""
        own = {name: fields.pop(name) for name in ("tenant", "order", "page_size", "page_token") if name in fields}
        asked = audit_log_pb2.QueryRequest(filter=audit_log_pb2.EventFilter(**fields), **own)
        return self.audit_log.Query(asked, metadata=self.metadata, timeout=TIMEOUT_SECONDS)

    def query_all(self, **fields: object) -> list[audit_log_pb2.StoredEvent]:
        """All pages."""
        events: list[audit_log_pb2.StoredEvent] = []
        token = b""
        while True:
            page = self.query(page_token=token, **fields)
            events.extend(page.events)
            token = page.next_page_token
            if not token:
                return events

    def export(self, tenant: str = "", end: int | None = None, start: tuple[int, int] = (0, 0), **fields: object
               ) -> audit_log_pb2.ExportResponse:  # fmt: skip
        """A whole export, its parts put together; `fields` are the filter's."""
        whole = audit_log_pb2.ExportResponse()
        for part in self.audit_log.Export(
            export_request(tenant, end, start, **fields), metadata=self.metadata, timeout=TIMEOUT_SECONDS
        ):
            whole.MergeFrom(part)
        return whole

    def call_raw(self, method: str, message: bytes, **options: object) -> bytes:
        """A unary call with bytes that need not be a message."""
        call = self.channel.unary_unary(method, request_serializer=None, response_deserializer=None)
        return call(message, metadata=self.metadata, timeout=TIMEOUT_SECONDS, **options)


def export_request(
    tenant: str = "", end: int | None = None, start: tuple[int, int] = (0, 0), **fields: object
) -> audit_log_pb2.ExportRequest:
    asked = audit_log_pb2.ExportRequest(
        tenant=tenant, filter=audit_log_pb2.EventFilter(**fields),
        **{"from": audit_log_pb2.LogPosition(log_index=start[0], position=start[1])},
    )  # fmt: skip
    if end is not None:
        asked.end_log_index = end
    return asked


def failure(call: object, *arguments: object, **options: object) -> grpc.RpcError:
    """The error that a call, or the stream that it returns, ends with."""
    try:
        result = call(*arguments, **options)
        if isinstance(result, Iterator):
            result = list(result)
    except grpc.RpcError as error:
        return error
    raise AssertionError(f"the call was expected to fail, and returned {result!r:.500}")
