"""Collectors that are killed, drained, hung or not there at all, and proxies that are reloaded: no batch fails.

DOCKET_PROXY_ROUNDS sets how often each is done under load; the default keeps the suite short.
"""

import json
import os
import random
import signal
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import grpc
import pytest

from client import TIMEOUT_SECONDS, Client, failure
from cluster import Cluster
from collector import BINARY, Collector
from emitters import AGAIN, EVENTS_A_BATCH, Emitter, OpenStream, StreamEmitter, UnaryEmitter
from events import event, request
from producers import until
from proxies import FRONTS, PROXIES, Front, Proxy
from test_tls import Certificates, certificates, credentials  # noqa: F401 - a fixture among them

ROUNDS = int(os.environ.get("DOCKET_PROXY_ROUNDS", "3"))
NO_COLLECTOR = "no collector answers; send it again"
IMPORTED_EVENTS, IMPORTED_BATCH = 40_000, 10
# Batches between one blow and the next.
BATCHES_BETWEEN = 200

StartProxy = Callable[..., Proxy]
Connect = Callable[..., Client]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """Collectors that ping often, and don't wait long for streams that nobody ends."""
    pings = {"DOCKET_GRPC_KEEPALIVE_INTERVAL_MS": "1000", "DOCKET_GRPC_KEEPALIVE_TIMEOUT_MS": "15000"}
    running = Cluster("a", "b", environment={**pings, "DOCKET_DRAIN_TIMEOUT_MS": "3000"})
    yield running
    running.delete()


@pytest.fixture(autouse=True)
def both_are_running(cluster: Cluster) -> None:
    """Starts what a test that failed has left dead."""
    for name, running in cluster.collectors.items():
        if running.process.poll() is not None:
            cluster.start(name)


@pytest.fixture(params=PROXIES)
def start_proxy(
    request: pytest.FixtureRequest, cluster: Cluster, certificates: Certificates  # noqa: F811
) -> Iterator[StartProxy]:
    """Starts a proxy in front of the collectors that are named."""
    started: list[Proxy] = []

    def start(*names: str, **options: object) -> Proxy:
        started.append(PROXIES[request.param]([cluster.addresses(name) for name in names], certificates, **options))
        return started[-1]

    yield start
    for proxy in started:
        proxy.stop()


@pytest.fixture
def proxy(start_proxy: StartProxy) -> Proxy:
    return start_proxy("a", "b")


@pytest.fixture(params=FRONTS)
def front(request: pytest.FixtureRequest, cluster: Cluster, certificates: Certificates) -> Iterator[Front]:  # noqa: F811
    """A proxy, or none."""
    running = FRONTS[request.param]([cluster.addresses("a"), cluster.addresses("b")], certificates)
    yield running
    running.stop()


@pytest.fixture
def connect(cluster: Cluster, certificates: Certificates) -> Iterator[Connect]:  # noqa: F811
    """Makes clients, each with a connection of its own."""
    connected: list[Client] = []

    def connect(front: Front, *options: tuple[str, object]) -> Client:
        trust = credentials(certificates.authority) if front.is_encrypted else None
        connected.append(Client(front.address, cluster.token, trust, (*front.options, *options)))
        return connected[-1]

    yield connect
    for client in connected:
        client.channel.close()


class Load:
    """Emitters with two channels, a seed for what happens to them, and what became of their batches."""

    def __init__(self, cluster: Cluster, front: Front, connect: Connect, unary: int = 8, streams: int = 4):
        seed = int(os.environ.get("DOCKET_TEST_SEED", random.randrange(1 << 32)))
        print(f"{front.name}: seed {seed}: replay with DOCKET_TEST_SEED={seed}")
        self.chance = random.Random(seed)
        self._cluster, self._front = cluster, front
        clients = [connect(front), connect(front)]
        kinds: list[type[Emitter]] = [UnaryEmitter] * unary + [StreamEmitter] * streams
        self.emitters = [kind(clients[index % 2], self.chance) for index, kind in enumerate(kinds)]
        for emitter in self.emitters:
            emitter.start()
        self.wait_for_more()

    def restart(self, end: Callable[[Collector], object], rounds: int = ROUNDS) -> None:
        """Ends the collectors in turn, so that the streams are always at the one that is hit, and starts them again."""
        names = self.chance.sample(list(self._cluster.collectors), 2)
        for turn in range(rounds):
            name = names[turn % 2]
            end(self._cluster.collectors[name])
            self.wait_for_more()
            start_again(self._cluster, self._front, name)
            self.wait_for_more()

    def wait_for_more(self) -> None:
        """Waits until so many more batches are answered, and some of each emitter's."""
        before = [len(emitter.answered) for emitter in self.emitters]
        for _ in until(TIMEOUT_SECONDS):
            more = [len(emitter.answered) - count for emitter, count in zip(self.emitters, before, strict=True)]
            if (sum(more) >= BATCHES_BETWEEN and min(more) > 0) or any(emitter.faults for emitter in self.emitters):
                return
        raise AssertionError(f"the load stands still: {[emitter.errors[-2:] for emitter in self.emitters]}")

    def finish(self) -> None:
        """Has all batches answered, and looks for each in the table: once, and whole."""
        for emitter in self.emitters:
            emitter.stop()
        for emitter in self.emitters:
            emitter.join()
        assert [fault for emitter in self.emitters for fault in emitter.faults] == []
        sent = sum(emitter.sent for emitter in self.emitters)
        assert sum(len(emitter.answered) for emitter in self.emitters) == sent
        self._report(sent)
        producers = ", ".join(f"'{emitter.producer_id.hex()}'" for emitter in self.emitters)
        batches = f"FROM docket.batches WHERE producer_id IN ({producers})"
        [[rows, keys, accepted]] = self._cluster.sql(
            f"SELECT count(*), count(DISTINCT (producer_id, sequence)), sum(accepted_count) {batches}"
        )
        [[events, ids]] = self._cluster.sql(
            f"SELECT count(*), count(DISTINCT event_id) FROM docket.events WHERE batch_id IN (SELECT batch_id {batches})"
        )
        assert (int(rows), int(keys), int(accepted)) == (sent, sent, sent * EVENTS_A_BATCH)
        assert (int(events), int(ids)) == (sent * EVENTS_A_BATCH, sent * EVENTS_A_BATCH)

    def errors(self, kind: type[Emitter]) -> Counter[tuple[str, str]]:
        """The calls of such emitters that failed."""
        errors = [error for emitter in self.emitters if isinstance(emitter, kind) for error in emitter.errors]
        return Counter((error.code().name, error.details()) for error in errors)

    def most_errors(self) -> int:
        """How many calls of one emitter failed, of the one that had the most."""
        return max(len(emitter.errors) for emitter in self.emitters)

    def _report(self, sent: int) -> None:
        replayed = sum(emitter.replayed for emitter in self.emitters)
        print(f"{sent} batches, {replayed} answered as replays; failed calls: unary {dict(self.errors(UnaryEmitter))}, ", end="")
        print(f"streams {dict(self.errors(StreamEmitter))}")


def drain(collector: Collector) -> None:
    """Stops a collector as systemd does."""
    assert collector.stop() == 0, collector.log()


def start_again(cluster: Cluster, front: Front, *names: str) -> None:
    """Starts collectors, and waits until the proxy makes use of them."""
    for name in names:
        cluster.start(name)
    for _ in until(TIMEOUT_SECONDS):
        if front.sees_all_collectors():
            return
    raise AssertionError(f"{names} are back, and {front.name} does not see it:\n{front.log()}")


def test_a_collector_that_is_not_there_is_not_noticed(cluster: Cluster, proxy: Proxy, connect: Connect) -> None:
    client = connect(proxy)
    for name, running in list(cluster.collectors.items()):
        drain(running)
        for _ in range(50):
            assert client.publish_events(event()).accepted_count == 1
        batches = [request([event()], sequence=sequence) for sequence in range(50)]
        assert len(list(client.publish_stream(batches))) == 50
        start_again(cluster, proxy, name)


def test_without_any_collector_a_call_is_unavailable_until_there_is_one(
    cluster: Cluster, proxy: Proxy, connect: Connect
) -> None:
    client = connect(proxy)
    batch = request([event()])
    for running in cluster.collectors.values():
        drain(running)
    error = failure(client.publish, batch)
    assert (error.code(), error.details()) == (grpc.StatusCode.UNAVAILABLE, NO_COLLECTOR)
    # HAProxy resets a stream that its client has not ended.
    assert failure(client.publish_stream, [batch]).code() in {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED}
    start_again(cluster, proxy, *cluster.collectors)
    assert client.publish(batch).verdict.replayed is False


def test_a_collector_that_hangs_loses_its_streams_and_an_idle_one_keeps_them(
    cluster: Cluster, start_proxy: StartProxy, connect: Connect
) -> None:
    quick = {
        "nginx": {"grpc_read_timeout 3m": "grpc_read_timeout 3s"},
        "haproxy": {"inter 2s": "inter 200ms", "timeout check 2s": "timeout check 500ms"},
    }
    # nginx tells a client of a stream's end when something comes from it: its own PING, if nothing else.
    pings = ("grpc.keepalive_time_ms", 1000), ("grpc.http2.max_pings_without_data", 0)
    client = connect(start_proxy("a", "b", changes=quick), *pings)
    streams: dict[str, OpenStream] = {}
    while len(streams) < 2:
        stream = OpenStream(client, TIMEOUT_SECONDS)
        streams.setdefault(whoever_answers(cluster, stream), stream)
    hung = cluster.collectors["a"].process
    hung.send_signal(signal.SIGSTOP)
    try:
        assert failure(list, streams["a"].answers).code() in AGAIN - {grpc.StatusCode.DEADLINE_EXCEEDED}
        # The other's collector has sent no message for as long, but PINGs.
        streams["b"].publish()
    finally:
        hung.send_signal(signal.SIGCONT)
        for stream in streams.values():
            stream.end()


def whoever_answers(cluster: Cluster, stream: OpenStream) -> str:
    """The name of the collector that a stream ends at."""
    before = {name: committed(running) for name, running in cluster.collectors.items()}
    stream.publish()
    [name] = [name for name, running in cluster.collectors.items() if committed(running) > before[name]]
    return name


def committed(collector: Collector) -> float:
    return collector.metrics().get('docket_batches_total{result="committed"}', 0)


def test_killed_collectors_cost_another_attempt_of_what_was_under_way_and_no_batch(
    cluster: Cluster, front: Front, connect: Connect
) -> None:
    load = Load(cluster, front, connect)
    load.restart(Collector.kill)
    load.finish()
    if front.name in PROXIES:
        assert load.most_errors() <= ROUNDS


def test_drained_collectors_cost_no_batch(cluster: Cluster, front: Front, connect: Connect) -> None:
    load = Load(cluster, front, connect)
    load.restart(drain)
    load.finish()
    if front.name in PROXIES:
        assert load.most_errors() <= ROUNDS


def test_calls_do_not_notice_that_collectors_are_drained(
    cluster: Cluster, front: Front, connect: Connect
) -> None:
    load = Load(cluster, front, connect, unary=16, streams=0)
    load.restart(drain, 2 * ROUNDS)
    load.finish()
    assert load.errors(UnaryEmitter) == {}


def test_the_streams_of_a_drained_collector_end_unavailable_when_all_is_answered(
    cluster: Cluster, start_proxy: StartProxy, connect: Connect
) -> None:
    stream = OpenStream(connect(start_proxy("a", "a")), TIMEOUT_SECONDS)
    before = stored_batches(cluster)
    stream.publish()
    batches = [request([event()]) for _ in range(50)]
    for batch in batches:
        stream.send(batch)
    answered = [next(stream.answers)]
    drain(cluster.collectors["a"])
    with pytest.raises(grpc.RpcError) as ended:
        answered.extend(stream.answers)
    stream.end()
    assert ended.value.code() == grpc.StatusCode.UNAVAILABLE, ended.value.details()
    # What a proxy hadn't passed on when the drain began isn't taken any more; what was taken is answered.
    assert stored_batches(cluster) - before == 1 + len(answered)


def test_docket_import_goes_on_when_collectors_are_killed_and_drained(
    cluster: Cluster, proxy: Proxy, certificates: Certificates, tmp_path: Path  # noqa: F811
) -> None:
    source, seed = tmp_path / "events.jsonl", str(random.randrange(1 << 32))
    make = ["bench", "--write-jsonl", source, "--events", str(IMPORTED_EVENTS), "--seed", seed]
    subprocess.run([BINARY, *make], check=True, timeout=TIMEOUT_SECONDS)
    first = stored_batches(cluster)
    importer = subprocess.Popen(
        [BINARY, "import", "--format", "jsonl", "--address", proxy.address, "--ca-file", certificates.authority,
         "--records-per-batch", str(IMPORTED_BATCH), "--max-attempts", "100", "--json", source],
        env={**os.environ, "DOCKET_TOKEN": cluster.token}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    for end, name in ((Collector.kill, "a"), (drain, "b")):
        before = stored_batches(cluster)
        for _ in until(TIMEOUT_SECONDS):
            if stored_batches(cluster) > before + 20 or importer.poll() is not None:
                break
        assert importer.poll() is None, f"the import was over too soon: {importer.communicate()}"
        end(cluster.collectors[name])
        start_again(cluster, proxy, name)
    output, errors = importer.communicate(timeout=5 * TIMEOUT_SECONDS)
    assert importer.returncode == 0, errors
    totals = json.loads(output)
    print(totals)
    assert totals["accepted"] + totals["replayed"] == IMPORTED_EVENTS
    assert stored_batches(cluster) == first + IMPORTED_EVENTS // IMPORTED_BATCH


def stored_batches(cluster: Cluster) -> int:
    return int(cluster.sql("SELECT count(*) FROM docket.batches")[0][0])


def test_a_proxy_that_is_reloaded_costs_no_batch(cluster: Cluster, proxy: Proxy, connect: Connect) -> None:
    load = Load(cluster, proxy, connect)
    for _ in range(ROUNDS):
        proxy.reload()
        # What the old worker has still to do is done by now, but for the streams.
        load.wait_for_more()
    load.finish()
