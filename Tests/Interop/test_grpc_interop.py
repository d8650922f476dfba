"""The cases of gRPC's doc/interop-test-descriptions.md with stock grpcio, each named after its case, in plain text and over TLS."""

import gzip
import queue
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest

from client import CHANNEL_OPTIONS, TIMEOUT_SECONDS, failure
from interop_server import (
    Empty,
    InteropServer,
    SimpleRequest,
    SimpleResponse,
    StreamingInputCallRequest,
    StreamingInputCallResponse,
    StreamingOutputCallRequest,
    StreamingOutputCallResponse,
)
from raw_calls import Answer, receive
from test_abuse import RawConnection, framed
from test_tls import Certificates, certificates, credentials  # noqa: F401

SERVICE = "grpc.testing.TestService"
ECHO_INITIAL = ("x-grpc-test-echo-initial", "test_initial_metadata_value")
ECHO_TRAILING = ("x-grpc-test-echo-trailing-bin", b"\xab\xab\xab")
# What the document asks and what comes back, in bytes.
LARGE_REQUEST, LARGE_RESPONSE = 271_828, 314_159
REQUEST_SIZES, RESPONSE_SIZES = (27_182, 8, 1_828, 45_904), (31_415, 9, 2_653, 58_979)


class Stub:
    """The service's methods on one channel."""

    def __init__(self, channel: grpc.Channel):
        self.channel = channel
        self.empty_call = self._method(channel.unary_unary, "EmptyCall", Empty, Empty)
        self.unary_call = self._method(channel.unary_unary, "UnaryCall", SimpleRequest, SimpleResponse)
        self.streaming_input_call = self._method(
            channel.stream_unary, "StreamingInputCall", StreamingInputCallRequest, StreamingInputCallResponse
        )
        output = StreamingOutputCallRequest, StreamingOutputCallResponse
        self.streaming_output_call = self._method(channel.unary_stream, "StreamingOutputCall", *output)
        self.full_duplex_call = self._method(channel.stream_stream, "FullDuplexCall", *output)
        self.half_duplex_call = self._method(channel.stream_stream, "HalfDuplexCall", *output)

    @staticmethod
    def _method(kind: object, name: str, request: type, response: type) -> object:
        return kind(
            f"/{SERVICE}/{name}", request_serializer=request.SerializeToString,
            response_deserializer=response.FromString,
        )  # fmt: skip


@pytest.fixture(scope="module")
def server() -> Iterator[InteropServer]:
    running = InteropServer()
    yield running
    assert running.stop() == 0


@pytest.fixture(scope="module", params=["plain text", "TLS"])
def stub(request: pytest.FixtureRequest, certificates: Certificates) -> Iterator[Stub]:  # noqa: F811
    if request.param == "TLS":
        running = InteropServer("--tls-certificate", certificates.certificate, "--tls-key", certificates.key)
        channel = grpc.secure_channel(running.address, credentials(certificates.authority), CHANNEL_OPTIONS)
    else:
        running = InteropServer()
        channel = grpc.insecure_channel(running.address, CHANNEL_OPTIONS)
    with channel:
        yield Stub(channel)
    assert running.stop() == 0


def large_request(**fields: object) -> object:
    return SimpleRequest(response_size=LARGE_RESPONSE, payload={"body": bytes(LARGE_REQUEST)}, **fields)


def output_request(*sizes: int, body: int = 0, **fields: object) -> object:
    """Asks for responses of these sizes."""
    parameters = [{"size": size} for size in sizes]
    return StreamingOutputCallRequest(response_parameters=parameters, payload={"body": bytes(body)}, **fields)


def body_sizes(responses: Iterator[object]) -> list[int]:
    """The sizes of the responses' bodies, which are zeros."""
    bodies = [response.payload.body for response in responses]
    assert not any(body.strip(b"\0") for body in bodies)
    return [len(body) for body in bodies]


class Outbox:
    """Requests that a stream sends as they are put in."""

    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[object] = queue.SimpleQueue()

    def __iter__(self) -> Iterator[object]:
        return iter(self._queue.get, None)

    def put(self, request: object) -> None:
        self._queue.put(request)

    def end(self) -> None:
        self._queue.put(None)


def test_empty_unary(stub: Stub) -> None:
    assert stub.empty_call(Empty(), timeout=TIMEOUT_SECONDS) == Empty()


def test_large_unary(stub: Stub) -> None:
    response = stub.unary_call(large_request(), timeout=TIMEOUT_SECONDS)
    assert body_sizes([response]) == [LARGE_RESPONSE]


def test_client_compressed_unary(stub: Stub) -> None:
    expecting = large_request(expect_compressed={"value": True})
    probe = failure(stub.unary_call, expecting, compression=grpc.Compression.NoCompression, timeout=TIMEOUT_SECONDS)
    assert probe.code() == grpc.StatusCode.INVALID_ARGUMENT
    compressed = stub.unary_call(expecting, compression=grpc.Compression.Gzip, timeout=TIMEOUT_SECONDS)
    plain = stub.unary_call(
        large_request(expect_compressed={"value": False}), compression=grpc.Compression.NoCompression,
        timeout=TIMEOUT_SECONDS,
    )  # fmt: skip
    assert body_sizes([compressed, plain]) == [LARGE_RESPONSE] * 2


@pytest.mark.parametrize("compressed", [True, False])
def test_server_compressed_unary(stub: Stub, compressed: bool) -> None:
    request = large_request(response_compressed={"value": compressed})
    assert body_sizes([stub.unary_call(request, timeout=TIMEOUT_SECONDS)]) == [LARGE_RESPONSE]


def test_client_streaming(stub: Stub) -> None:
    requests = [StreamingInputCallRequest(payload={"body": bytes(size)}) for size in REQUEST_SIZES]
    response = stub.streaming_input_call(iter(requests), timeout=TIMEOUT_SECONDS)
    assert response.aggregated_payload_size == 74_922


def test_client_compressed_streaming_is_probed(stub: Stub) -> None:
    # Two flags on one stream are no choice of grpcio's: that half of the case is tested frame by frame below.
    expecting = StreamingInputCallRequest(payload={"body": bytes(27_182)}, expect_compressed={"value": True})
    plain = grpc.Compression.NoCompression
    probe = failure(stub.streaming_input_call, iter([expecting]), compression=plain, timeout=TIMEOUT_SECONDS)
    assert probe.code() == grpc.StatusCode.INVALID_ARGUMENT
    compressed = stub.streaming_input_call(
        iter([expecting]), compression=grpc.Compression.Gzip, timeout=TIMEOUT_SECONDS
    )
    assert compressed.aggregated_payload_size == 27_182


def test_server_streaming(stub: Stub) -> None:
    responses = stub.streaming_output_call(output_request(*RESPONSE_SIZES), timeout=TIMEOUT_SECONDS)
    assert body_sizes(responses) == list(RESPONSE_SIZES)


def test_server_compressed_streaming(stub: Stub) -> None:
    request = StreamingOutputCallRequest(
        response_parameters=[
            {"compressed": {"value": True}, "size": 31_415},
            {"compressed": {"value": False}, "size": 92_653},
        ]
    )
    assert body_sizes(stub.streaming_output_call(request, timeout=TIMEOUT_SECONDS)) == [31_415, 92_653]


def test_ping_pong(stub: Stub) -> None:
    outbox = Outbox()
    responses = stub.full_duplex_call(iter(outbox), timeout=TIMEOUT_SECONDS)
    for request_size, response_size in zip(REQUEST_SIZES, RESPONSE_SIZES, strict=True):
        outbox.put(output_request(response_size, body=request_size))
        assert body_sizes([next(responses)]) == [response_size]
    outbox.end()
    assert list(responses) == []
    assert responses.code() == grpc.StatusCode.OK


def test_empty_stream(stub: Stub) -> None:
    responses = stub.full_duplex_call(iter([]), timeout=TIMEOUT_SECONDS)
    assert list(responses) == []
    assert responses.code() == grpc.StatusCode.OK


def test_half_duplex(stub: Stub) -> None:
    outbox = Outbox()
    responses = stub.half_duplex_call(iter(outbox), timeout=TIMEOUT_SECONDS)
    received: list[object] = []
    reader = threading.Thread(target=lambda: received.extend(responses))
    reader.start()
    for size in RESPONSE_SIZES:
        outbox.put(output_request(size))
    # An answer to another call says that these requests have been there for a while.
    stub.empty_call(Empty(), timeout=TIMEOUT_SECONDS)
    assert received == []
    outbox.end()
    reader.join(TIMEOUT_SECONDS)
    assert body_sizes(received) == list(RESPONSE_SIZES)


def test_timeout_on_sleeping_server(stub: Stub) -> None:
    outbox = Outbox()
    outbox.put(output_request(body=27_182))
    error = failure(stub.full_duplex_call, iter(outbox), timeout=0.001)
    outbox.end()
    assert error.code() == grpc.StatusCode.DEADLINE_EXCEEDED


def test_a_deadline_passes_while_the_server_waits_between_two_responses(stub: Stub) -> None:
    parameters = [{"size": 1}, {"size": 2, "interval_us": 1_000_000_000}]
    responses = stub.streaming_output_call(StreamingOutputCallRequest(response_parameters=parameters), timeout=3)
    assert body_sizes([next(responses)]) == [1]
    assert failure(list, responses).code() == grpc.StatusCode.DEADLINE_EXCEEDED


def test_cancel_after_begin(stub: Stub) -> None:
    outbox = Outbox()
    call = stub.streaming_input_call.future(iter(outbox), timeout=TIMEOUT_SECONDS)
    call.cancel()
    outbox.end()
    assert call.cancelled()
    assert call.code() == grpc.StatusCode.CANCELLED


def test_cancel_after_first_response(stub: Stub) -> None:
    outbox = Outbox()
    outbox.put(output_request(31_415, body=27_182))
    responses = stub.full_duplex_call(iter(outbox), timeout=TIMEOUT_SECONDS)
    assert body_sizes([next(responses)]) == [31_415]
    responses.cancel()
    outbox.end()
    assert failure(list, responses).code() == grpc.StatusCode.CANCELLED


@pytest.mark.parametrize("code", [2, 1, 3, 13, 16], ids=["UNKNOWN", "CANCELLED", "INVALID_ARGUMENT", "INTERNAL", "last"])
def test_status_code_and_message(stub: Stub, code: int) -> None:
    echoed = {"code": code, "message": "test status message"}
    errors = [
        failure(stub.unary_call, SimpleRequest(response_status=echoed), timeout=TIMEOUT_SECONDS),
        failure(stub.full_duplex_call, iter([output_request(response_status=echoed)]), timeout=TIMEOUT_SECONDS),
    ]
    for error in errors:
        assert (error.code().value[0], error.details()) == (code, "test status message")


def test_special_status_message(stub: Stub) -> None:
    message = "\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n"
    request = SimpleRequest(response_status={"code": 2, "message": message})
    error = failure(stub.unary_call, request, timeout=TIMEOUT_SECONDS)
    assert (error.code(), error.details()) == (grpc.StatusCode.UNKNOWN, message)


def test_custom_metadata(stub: Stub) -> None:
    metadata = (ECHO_INITIAL, ECHO_TRAILING)
    _, unary = stub.unary_call.with_call(large_request(), metadata=metadata, timeout=TIMEOUT_SECONDS)
    request = output_request(LARGE_RESPONSE, body=LARGE_REQUEST)
    duplex = stub.full_duplex_call(iter([request]), metadata=metadata, timeout=TIMEOUT_SECONDS)
    assert body_sizes(duplex) == [LARGE_RESPONSE]
    for call in (unary, duplex):
        assert ECHO_INITIAL in [tuple(entry) for entry in call.initial_metadata()]
        assert ECHO_TRAILING in [tuple(entry) for entry in call.trailing_metadata()]


@pytest.mark.parametrize(
    "path", [f"/{SERVICE}/UnimplementedCall", "/grpc.testing.UnimplementedService/UnimplementedCall"],
    ids=["unimplemented_method", "unimplemented_service"],
)  # fmt: skip
def test_unimplemented(stub: Stub, path: str) -> None:
    error = failure(stub.channel.unary_unary(path), b"", timeout=TIMEOUT_SECONDS)
    assert error.code() == grpc.StatusCode.UNIMPLEMENTED


def test_concurrent_large_unary(stub: Stub) -> None:
    with ThreadPoolExecutor(20) as pool:
        calls = pool.map(lambda _: stub.unary_call(large_request(), timeout=TIMEOUT_SECONDS), range(100))
        assert body_sizes(calls) == [LARGE_RESPONSE] * 100


def test_the_server_waits_for_a_client_that_does_not_read(stub: Stub) -> None:
    # 64 MiB, four times what may wait for a client that doesn't read: the server goes on as it reads.
    responses = stub.streaming_output_call(output_request(*[1 << 20] * 64), timeout=TIMEOUT_SECONDS)
    first = next(responses)
    assert body_sizes([stub.unary_call(large_request(), timeout=TIMEOUT_SECONDS)]) == [LARGE_RESPONSE]
    assert body_sizes([first]) + body_sizes(responses) == [1 << 20] * 64


# MARK: What grpcio doesn't show or can't send


def call(server: InteropServer, method: str, *messages: bytes, **headers: str) -> Answer:
    """A call of framed messages."""
    with RawConnection(server) as connection:
        stream = connection.start_call(server, path=f"/{SERVICE}/{method}", **headers)
        for message in messages:
            connection.send(stream, message)
        connection.send(stream, b"", end_stream=True)
        return receive(connection, stream)


@pytest.mark.parametrize("compressed", [True, False])
@pytest.mark.parametrize("size", [314_159, 512])
def test_server_compressed_unary_sets_the_message_flag(server: InteropServer, compressed: bool, size: int) -> None:
    request = SimpleRequest(response_compressed={"value": compressed}, response_size=size)
    answer = call(server, "UnaryCall", framed(request.SerializeToString()), grpc_accept_encoding="identity,gzip")
    assert answer.trailers["grpc-status"] == "0"
    assert answer.blocks[0].values("grpc-encoding") == (["gzip"] if compressed else [])
    [(flag, message)] = answer.messages
    assert flag == int(compressed)
    response = SimpleResponse.FromString(gzip.decompress(message) if compressed else message)
    assert body_sizes([response]) == [size]


def test_server_compressed_streaming_sets_the_message_flags(server: InteropServer) -> None:
    flags = [True, False, None, True]
    parameters = [{"size": 31_415} | ({} if flag is None else {"compressed": {"value": flag}}) for flag in flags]
    request = framed(StreamingOutputCallRequest(response_parameters=parameters).SerializeToString())
    answer = call(server, "StreamingOutputCall", request, grpc_accept_encoding="gzip")
    assert answer.blocks[0]["grpc-encoding"] == "gzip"
    assert [flag for flag, _ in answer.messages] == [1, 0, 0, 1]


def test_responses_are_never_compressed_for_a_client_that_does_not_accept_that(server: InteropServer) -> None:
    request = SimpleRequest(response_compressed={"value": True}, response_size=31_415)
    answer = call(server, "UnaryCall", framed(request.SerializeToString()), grpc_accept_encoding="identity,deflate")
    assert "grpc-encoding" not in answer.blocks[0]
    assert [flag for flag, _ in answer.messages] == [0]


def test_client_compressed_streaming_may_mix_both_on_one_stream(server: InteropServer) -> None:
    def message(size: int, compressed: bool) -> bytes:
        request = StreamingInputCallRequest(payload={"body": bytes(size)}, expect_compressed={"value": compressed})
        encoded = request.SerializeToString()
        return framed(gzip.compress(encoded), flag=1) if compressed else framed(encoded)

    answer = call(server, "StreamingInputCall", message(27_182, True), message(4_590, False), grpc_encoding="gzip")
    assert answer.trailers["grpc-status"] == "0"
    [(_, response)] = answer.messages
    assert StreamingInputCallResponse.FromString(response).aggregated_payload_size == 27_182 + 4_590


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        pytest.param(["q6ur"], ["q6ur"], id="three bytes"),
        pytest.param(["qw"], ["qw"], id="one byte without padding"),
        pytest.param(["qw=="], ["qw"], id="one byte with padding"),
        pytest.param(["q6s="], ["q6s"], id="two bytes with padding"),
        pytest.param([""], [""], id="no byte"),
        pytest.param(["q6ur,qw==,qw"], ["q6ur", "qw", "qw"], id="three values in one field"),
        pytest.param(["q6ur", "qw"], ["q6ur", "qw"], id="two fields"),
    ],
)
def test_binary_metadata_is_read_with_and_without_padding_and_joined(
    server: InteropServer, sent: list[str], expected: list[str]
) -> None:
    with RawConnection(server) as connection:
        fields = [
            (":method", "POST"), (":scheme", "http"), (":path", f"/{SERVICE}/EmptyCall"), (":authority", server.address),
            ("te", "trailers"), ("content-type", "application/grpc"), *((ECHO_TRAILING[0], value) for value in sent),
        ]  # fmt: skip
        connection.h2.send_headers(1, fields)
        connection.send(1, framed(b""), end_stream=True)
        answer = receive(connection, 1)
    assert answer.trailers["grpc-status"] == "0"
    assert answer.trailers.values(ECHO_TRAILING[0]) == expected


def test_streams_are_accepted_with_headers_at_once(server: InteropServer) -> None:
    for method in ("StreamingOutputCall", "FullDuplexCall", "HalfDuplexCall"):
        with RawConnection(server) as connection:
            stream = connection.start_call(server, path=f"/{SERVICE}/{method}")
            [headers] = receive(connection, stream, parts=1).blocks
            assert (headers[":status"], headers.ends_stream) == ("200", False)


def test_an_error_before_any_response_is_one_frame(server: InteropServer) -> None:
    request = SimpleRequest(response_status={"code": 7, "message": "no"})
    answer = call(server, "UnaryCall", framed(request.SerializeToString()))
    assert answer.is_trailers_only
    assert (answer.trailers[":status"], answer.trailers["grpc-status"]) == ("200", "7")
