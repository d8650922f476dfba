"""nginx and HAProxy as docs/deployment has them, in front of two collectors: their clients don't notice."""

import inspect
import re
import ssl
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import grpc
import pytest
from docket.v1.collector_pb2 import PublishRequest
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

import test_credentials
import test_evidence
import test_grpc_interop
import test_protocol
import test_publish
import test_query
import test_rejections
import test_replay
import test_round_trip
import test_semantics
import test_stream
from client import TIMEOUT_SECONDS, Client, failure
from cluster import Cluster
from collector import Collector
from emitters import OpenStream
from events import event, request
from interop_server import InteropServer
from private_postgres import Session
from proxies import CONFIGURATIONS, PROXIES, Proxy
from stubs import ROOT
from test_grpc_interop import Stub
from test_protocol import DEFAULT_MAX_BATCH_BYTES, batch_of_bytes
from test_query import log, mark  # noqa: F401 - fixtures
from test_reflection import SERVICES
from test_tls import Certificates, certificates, credentials, protocol_of  # noqa: F401 - a fixture among them

# Those that are asked for, and the one beside them for light batches.
WRITERS = 3
QUEUE, WITHDRAWN = "docket_commit_queue_batches", 'docket_store_batches_total{outcome="withdrawn"}'
ANSWERED = 'docket_rpc_calls_total{code="OK"}'
BLOCKED = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'docket.batches'::regclass"
# Fixtures of tests that go past the proxy.
ELSEWHERE = {"collector", "own_collector", "server", "start_collector"}
# What is true of one collector only.
OF_ONE = "test_batch_ids_rise_with_time"
# nginx's TLS keeps HEADERS back until DATA follow, or the end: https://github.com/nginx/nginx/pull/808
HELD_BACK = ("nginx", "test_response_headers_come_before_the_first_batch")


def shared_tests() -> dict[str, Callable]:
    """The tests that need nothing but a client, or a channel: they get one that is connected to a proxy."""
    found: dict[str, Callable] = {}
    for module in (
        test_credentials, test_evidence, test_grpc_interop, test_protocol, test_publish, test_query, test_rejections,
        test_replay, test_round_trip, test_semantics, test_stream,
    ):  # fmt: skip
        for name, function in inspect.getmembers(module, inspect.isfunction):
            needs = set(inspect.signature(function).parameters)
            if name.startswith("test_") and needs & {"client", "stub"} and not needs & ELSEWHERE and name != OF_ONE:
                assert found.setdefault(name, function) is function, f"two tests are named {name}"
    return found


globals().update(shared_tests())


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    running = Cluster("a", "b", flags=("--writers", str(WRITERS - 1)))
    yield running
    running.delete()


@pytest.fixture(scope="module")
def tls_cluster(certificates: Certificates) -> Iterator[Cluster]:  # noqa: F811
    """The same with TLS."""
    files = ("--tls-certificate", str(certificates.certificate), "--tls-key", str(certificates.key))
    running = Cluster("a", "b", flags=files)
    yield running
    running.delete()


@pytest.fixture(scope="module")
def collector(cluster: Cluster) -> Collector:
    """One of the two, for what goes past the proxy."""
    return cluster.collectors["a"]


@pytest.fixture(scope="module", params=PROXIES)
def proxy(
    request: pytest.FixtureRequest, cluster: Cluster, tls_cluster: Cluster, certificates: Certificates  # noqa: F811
) -> Iterator[Proxy]:
    """The proxy. No client comes before the clusters: initdb is forked as another user, which gRPC's threads don't bear."""
    running = PROXIES[request.param]([cluster.addresses("a"), cluster.addresses("b")], certificates)
    yield running
    running.stop()


@pytest.fixture(autouse=True)
def known(request: pytest.FixtureRequest, proxy: Proxy) -> None:
    """Skips what a proxy doesn't do."""
    if (proxy.name, request.function.__name__) == HELD_BACK:
        pytest.skip("nginx gives response headers to its TLS clients with the first message only")


@pytest.fixture
def client(proxy: Proxy, cluster: Cluster, certificates: Certificates) -> Iterator[Client]:  # noqa: F811
    """A client of the proxy."""
    with Client(proxy.address, cluster.token, credentials(certificates.authority)) as connected:
        yield connected


@pytest.fixture(scope="module")
def stub(proxy: Proxy, cluster: Cluster, certificates: Certificates) -> Iterator[Stub]:  # noqa: F811
    """A client of a proxy like the other in front of servers with gRPC's own test service."""
    servers = [InteropServer(), InteropServer()]
    # They have no pages; those that are asked for are a collector's.
    pages = cluster.addresses("a")[1]
    running = type(proxy)([(server.address, pages) for server in servers], certificates)
    with Client(running.address, None, credentials(certificates.authority)) as connected:
        yield Stub(connected.channel)
    running.stop()
    for server in servers:
        assert server.stop() == 0


@pytest.fixture(scope="module")
def idle(proxy: Proxy, cluster: Cluster, certificates: Certificates) -> Iterator[tuple[OpenStream, float]]:  # noqa: F811
    """A stream on which nothing happens until the last test, and when that began."""
    with Client(proxy.address, cluster.token, credentials(certificates.authority)) as client:
        stream = OpenStream(client)
        stream.publish()
        yield stream, time.monotonic()
        stream.end()


@pytest.fixture(scope="module", autouse=True)
def idle_from_the_beginning(idle: tuple[OpenStream, float]) -> None:
    """Begins it before the first test."""


def total(cluster: Cluster, series: str) -> float:
    """The sum of a series over all collectors."""
    return sum(collector.metrics().get(series, 0) for collector in cluster.collectors.values())


def wait_for(cluster: Cluster, series: str, value: float) -> None:
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while (found := total(cluster, series)) != value:
        assert time.monotonic() < deadline, f"{series} is {found}, not {value}"


@contextmanager
def commits_held_up(cluster: Cluster) -> Iterator[None]:
    """Each writer of each collector waits in a commit."""
    session = Session(cluster.postgres)
    session.ask("BEGIN; LOCK TABLE docket.batches IN SHARE MODE")
    clients = [Client(collector.address, cluster.token) for collector in cluster.collectors.values()]
    calls = []
    try:
        for client in clients * WRITERS:
            calls.append(client.collector.Publish.future(request([event()]), metadata=client.metadata, timeout=TIMEOUT_SECONDS))
            deadline = time.monotonic() + TIMEOUT_SECONDS
            while session.ask(BLOCKED) != [[str(len(calls))]]:
                assert time.monotonic() < deadline, cluster.log()
        yield
    finally:
        session.ask("ROLLBACK")
        session.close()
        assert [call.result().verdict.accepted_count for call in calls] == [1] * len(calls)
        for client in clients:
            client.channel.close()


def status(error: grpc.RpcError) -> tuple[grpc.StatusCode, str, dict[str, str | bytes]]:
    """All that gRPC says of an error."""
    metadata = {key: value for key, value in error.trailing_metadata() if key.startswith("grpc-")}
    return error.code(), error.details(), metadata


def publish_at_once(client: Client, count: int) -> list[grpc.Future]:
    """So many calls on one connection, none of which waits for another."""
    batches = [request([event()]) for _ in range(count)]
    return [client.collector.Publish.future(batch, metadata=client.metadata, timeout=TIMEOUT_SECONDS) for batch in batches]


def test_calls_of_one_connection_go_to_both_collectors(client: Client, cluster: Cluster) -> None:
    before = {name: running.metrics().get(ANSWERED, 0) for name, running in cluster.collectors.items()}
    assert [call.result().verdict.accepted_count for call in publish_at_once(client, 100)] == [1] * 100
    for name, running in cluster.collectors.items():
        assert running.metrics()[ANSWERED] - before[name] >= 20


@pytest.mark.parametrize(
    "batch",
    [
        pytest.param(request([]), id="no event"),
        pytest.param(request([event()], b"short"), id="short producer"),
        pytest.param(request([event()], tenant="no-such-tenant"), id="unknown tenant"),
    ],
)
def test_a_status_comes_with_its_details(client: Client, collector: Collector, cluster: Cluster, batch: PublishRequest) -> None:
    with Client(collector.address, cluster.token) as direct:
        expected = status(failure(direct.publish, batch))
    assert "grpc-status-details-bin" in expected[2]
    assert status(failure(client.publish, batch)) == expected


def test_a_batch_over_the_limit_is_refused_on_a_stream(client: Client, proxy: Proxy) -> None:
    error = failure(client.publish_stream, [request([event()]), batch_of_bytes(DEFAULT_MAX_BATCH_BYTES + 1)])
    # HAProxy is forgetful.
    lost = {grpc.StatusCode.CANCELLED} if proxy.name == "haproxy" else set()
    assert error.code() in {grpc.StatusCode.RESOURCE_EXHAUSTED, *lost}, error.details()


def test_batches_at_the_limit_follow_each_other_on_a_stream(client: Client) -> None:
    batches = [batch_of_bytes(DEFAULT_MAX_BATCH_BYTES) for _ in range(4)]
    answers = list(client.publish_stream(batches))
    assert sorted(answer.verdict.accepted_count for answer in answers) == sorted(len(batch.events) for batch in batches)


def test_200_calls_of_one_connection_are_under_way_at_once(client: Client, cluster: Cluster) -> None:
    with commits_held_up(cluster):
        before = total(cluster, QUEUE)
        calls = publish_at_once(client, 200)
        wait_for(cluster, QUEUE, before + 200)
    assert [call.result().verdict.accepted_count for call in calls] == [1] * 200


def test_a_cancelled_stream_takes_back_what_waits(client: Client, cluster: Cluster) -> None:
    batches = [request([event()]) for _ in range(6)]
    with commits_held_up(cluster):
        queued, withdrawn = total(cluster, QUEUE), total(cluster, WITHDRAWN)
        stream = client.publish_stream(batches)
        wait_for(cluster, QUEUE, queued + len(batches))
        stream.cancel()
        wait_for(cluster, WITHDRAWN, withdrawn + len(batches))
    assert [client.publish(batch).verdict.replayed for batch in batches] == [False] * len(batches)


def test_a_deadline_takes_back_what_waits_and_keeps_no_collector_from_being_asked(client: Client, cluster: Cluster) -> None:
    batches = [request([event()]) for _ in range(6)]
    # The connections are made before the deadlines begin.
    assert client.publish_events(event()).accepted_count == 1
    with commits_held_up(cluster):
        withdrawn = total(cluster, WITHDRAWN)
        for batch in batches:
            assert failure(client.publish, batch, timeout=2).code() == grpc.StatusCode.DEADLINE_EXCEEDED
        wait_for(cluster, WITHDRAWN, withdrawn + len(batches))
    assert [client.publish(batch).verdict.replayed for batch in batches] == [False] * len(batches)
    test_calls_of_one_connection_go_to_both_collectors(client, cluster)


def test_health_can_be_asked_for_and_watched(client: Client) -> None:
    health = HealthStub(client.channel)
    asked = HealthCheckRequest(service="docket.v1.CollectorService")
    assert health.Check(asked, timeout=TIMEOUT_SECONDS).status == HealthCheckResponse.SERVING
    watching = health.Watch(asked, timeout=TIMEOUT_SECONDS)
    assert next(watching).status == HealthCheckResponse.SERVING
    watching.cancel()
    unknown = HealthCheckRequest(service="docket.v1.Nothing")
    assert failure(health.Check, unknown, timeout=TIMEOUT_SECONDS).code() == grpc.StatusCode.NOT_FOUND


def test_reflection_works(client: Client) -> None:
    database = ProtoReflectionDescriptorDatabase(client.channel)
    assert set(database.get_services()) == SERVICES
    assert database.FindFileContainingSymbol("docket.v1.Event").package == "docket.v1"


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_tls_1_2_and_1_3_agree_on_h2(proxy: Proxy, certificates: Certificates, version: ssl.TLSVersion) -> None:  # noqa: F811
    assert protocol_of(("127.0.0.1", proxy.port), certificates, version) == "h2"


def test_clients_without_the_ca_or_without_tls_get_no_connection(
    proxy: Proxy, cluster: Cluster, certificates: Certificates  # noqa: F811
) -> None:
    with Client(proxy.address, cluster.token, credentials(certificates.other_authority)) as distrustful:
        assert failure(distrustful.publish, request([event()]), timeout=20).code() == grpc.StatusCode.UNAVAILABLE
    with Client(proxy.address, cluster.token) as plain:
        assert failure(plain.publish, request([event()]), timeout=20).code() == grpc.StatusCode.UNAVAILABLE


def test_each_line_of_a_configuration_is_explained(proxy: Proxy) -> None:
    explained = set(re.findall("`([^`\n]+)`", (ROOT / "docs" / "deployment.md").read_text()))
    lines = [line.strip() for line in (CONFIGURATIONS / proxy.file).read_text().splitlines()]
    directives = [re.sub("^#(?! )", "", line).rstrip(";{ ") for line in lines if line.strip("} ") and not line.startswith("# ")]
    assert len(directives) > 30
    assert [line for line in directives if line not in explained] == []


class Echo(grpc.GenericRpcHandler):
    """A stock server whose answers say what came of the request's metadata and deadline."""

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
        metadata = [pair for pair in handler_call_details.invocation_metadata if pair[0].startswith("x-")]

        def answer(message: bytes, context: grpc.ServicerContext) -> bytes:
            context.send_initial_metadata(metadata)
            context.set_trailing_metadata([(f"trailing-{key}", value) for key, value in metadata])
            return f"{context.time_remaining()} {message.decode()}".encode()

        return grpc.unary_unary_rpc_method_handler(answer)


@pytest.fixture
def echo(proxy: Proxy, cluster: Cluster, certificates: Certificates) -> Iterator[Client]:  # noqa: F811
    """A client of a proxy like the other in front of stock servers."""
    server = grpc.server(ThreadPoolExecutor(4), handlers=[Echo()])
    address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    # What asks for the pages of a collector gets those of one.
    running = type(proxy)([(address, cluster.addresses("a")[1])] * 2, certificates)
    with Client(running.address, None, credentials(certificates.authority)) as connected:
        yield connected
    running.stop()
    server.stop(0).wait()


def test_metadata_and_deadlines_pass_unchanged(echo: Client) -> None:
    sent = [("x-text", "plain"), ("x-under_score.dot", "odd"), ("x-bytes-bin", bytes(range(256))), ("x-long", "n" * 6000)]
    call = echo.channel.unary_unary("/test.Echo/Echo")
    answer, finished = call.with_call(b"hello", metadata=sent, timeout=50)
    remaining, message = answer.decode().split(" ")
    assert message == "hello" and 0 < float(remaining) <= 50
    assert sorted(pair for pair in finished.initial_metadata() if pair[0].startswith("x-")) == sorted(sent)
    trailing = [pair for pair in finished.trailing_metadata() if pair[0].startswith("trailing-")]
    assert sorted(trailing) == sorted((f"trailing-{key}", value) for key, value in sent)


@pytest.mark.parametrize("is_trusted", [True, False])
def test_a_proxy_speaks_tls_with_collectors_that_it_trusts_and_no_others(
    proxy: Proxy, tls_cluster: Cluster, certificates: Certificates, is_trusted: bool  # noqa: F811
) -> None:
    authority = certificates.authority if is_trusted else certificates.other_authority
    running = type(proxy)([tls_cluster.addresses("a"), tls_cluster.addresses("b")], certificates, authority)
    try:
        with Client(running.address, tls_cluster.token, credentials(certificates.authority)) as client:
            if is_trusted:
                test_calls_of_one_connection_go_to_both_collectors(client, tls_cluster)
                batches = [request([event()], sequence=sequence) for sequence in range(50)]
                assert len(list(client.publish_stream(batches))) == 50
            else:
                assert failure(client.publish, request([event()])).code() == grpc.StatusCode.UNAVAILABLE
    finally:
        running.stop()


def test_a_stream_that_was_idle_during_all_tests_still_works(idle: tuple[OpenStream, float]) -> None:
    stream, since = idle
    print(f"idle for {time.monotonic() - since:.0f} s")
    stream.publish()
