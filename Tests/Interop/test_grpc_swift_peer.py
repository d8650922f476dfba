"""grpc-swift-peer, a contestant of the benchmark suite, keeps the promises of Docket's own gRPC server.

It is built for the suite only. Without it these tests are skipped; GRPC_SWIFT_PEER names it elsewhere.
"""

import os
import queue
from collections.abc import Callable, Iterator
from pathlib import Path

import grpc
import pytest
from docket.v1.collector_pb2 import PublishRequest

from client import Client, failure
from collector import Collector
from conftest import StartCollector
from events import event, request
from stubs import ROOT
from test_stream import *  # noqa: F403 - the same tests, with the client below
from test_tls import Certificates, certificates  # noqa: F401 - the latter is a fixture

PROGRAM = Path(os.environ.get("GRPC_SWIFT_PEER", ROOT / ".build" / "release" / "grpc-swift-peer"))

pytestmark = pytest.mark.skipif(not os.access(PROGRAM, os.X_OK), reason=f"{PROGRAM.name} is not built")

REFUSED = [
    pytest.param(request([]), grpc.StatusCode.INVALID_ARGUMENT, id="no event"),
    pytest.param(request([event()], b"short"), grpc.StatusCode.INVALID_ARGUMENT, id="short producer"),
    pytest.param(request([event()], tenant="no-such-tenant"), grpc.StatusCode.PERMISSION_DENIED, id="unknown tenant"),
    pytest.param(request([event()] * 10_001), grpc.StatusCode.INVALID_ARGUMENT, id="too many events"),
]
WRONG = [
    pytest.param(None, id="no token"),
    pytest.param("wrong", id="no token of Docket's"),
    pytest.param("dkt_" + "0" * 72, id="wrong checksum"),
]


@pytest.fixture(scope="module")
def peer(collector: Collector) -> Iterator[Collector]:
    """The peer, beside a collector on the same database."""
    running = _start(Collector, collector)
    yield running
    code = running.stop()
    assert code == 0, f"it ended with code {code}:\n{running.log()}"
    running.delete_folder()


@pytest.fixture
def client(peer: Collector, collector: Collector) -> Iterator[Client]:
    """A client that publishes to the peer. What is stored it asks the collector, since the peer answers no queries."""
    with Client(peer.address, collector.token) as publishing, Client(collector.address, collector.token) as asking:
        publishing.audit_log = asking.audit_log
        yield publishing


@pytest.mark.parametrize(("batch", "code"), REFUSED)
def test_a_refused_batch_ends_its_call_as_docket_would(
    client: Client, collector: Collector, batch: PublishRequest, code: grpc.StatusCode
) -> None:
    error = failure(client.publish, batch)
    with Client(collector.address, collector.token) as own:
        expected = failure(own.publish, batch)
    assert error.code() == code
    assert (error.code(), error.details()) == (expected.code(), expected.details())
    assert _metadata(error) == _metadata(expected)


@pytest.mark.parametrize("token", WRONG)
def test_no_call_is_taken_without_the_right_token(peer: Collector, collector: Collector, token: str | None) -> None:
    with Client(peer.address, token) as stranger, Client(collector.address, token) as own:
        expected = failure(own.publish, request([event()]))
        errors = [failure(stranger.publish, request([event()])), failure(stranger.publish_stream, [request([event()])])]
    for error in errors:
        assert error.code() == grpc.StatusCode.UNAUTHENTICATED
        assert (error.details(), _metadata(error)) == (expected.details(), _metadata(expected))


def test_a_batch_sent_twice_is_answered_as_a_replay_across_both_servers(client: Client, collector: Collector) -> None:
    batch = request([event(), event(type="unheard.of")])
    first = client.publish(batch).verdict
    with Client(collector.address, collector.token) as own:
        again = own.publish(batch).verdict
    assert (first.accepted_count, len(first.rejections), first.replayed) == (1, 1, False)
    assert (again.accepted_count, len(again.rejections), again.replayed) == (1, 1, True)
    assert again.receipt == first.receipt


def test_an_open_stream_does_not_keep_it_from_stopping(
    start_collector: StartCollector, collector: Collector
) -> None:
    running = _start(start_collector, collector)
    outbox: queue.SimpleQueue[PublishRequest | None] = queue.SimpleQueue()
    with Client(running.address, collector.token) as client:
        answers = client.publish_stream(iter(outbox.get, None))
        outbox.put(request([event()]))
        assert next(answers).verdict.accepted_count == 1
        assert running.stop() == 0
        assert failure(list, answers).code() == grpc.StatusCode.UNAVAILABLE
        outbox.put(None)


def test_it_serves_over_tls(
    start_collector: StartCollector, collector: Collector, certificates: Certificates
) -> None:
    files = ("--tls-certificate", str(certificates.certificate), "--tls-key", str(certificates.key))
    running = _start(start_collector, collector, *files)
    credentials = grpc.ssl_channel_credentials(certificates.authority.read_bytes())
    with Client(running.address, collector.token, credentials) as client:
        assert client.publish_events(event()).accepted_count == 1
    with Client(running.address, collector.token) as plain:
        assert failure(plain.publish, request([event()])).code() == grpc.StatusCode.UNAVAILABLE


def _start(start: Callable[..., Collector], collector: Collector, *flags: str) -> Collector:
    """A peer on the database of a collector."""
    connections = {f"DOCKET_POSTGRES_{role.upper()}": text for role, text in collector.ready["conninfo"].items()}
    return start(*flags, command=("serve",), program=PROGRAM, environment=connections)


def _metadata(error: grpc.RpcError) -> dict[str, str | bytes]:
    """What of a status's metadata is Docket's."""
    return {key: value for key, value in error.trailing_metadata() if key.startswith("grpc-")}
