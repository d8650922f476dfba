"""Each attack of attacks/ meets its limit, is told so and counted; meanwhile an honest client loses nothing."""

import itertools
import os
import re
import resource
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest
from docket.v1.collector_pb2 import PublishRequest

from attacks import ATTACKS, Attack
from attacks.connections import Crowd
from attacks.frames import open_call
from attacks.headers import block, bomb, literal
from attacks.process import AttackProcess
from attacks.wire import CLOSED, Peer, Target
from client import Client
from collector import Collector
from events import event, request, unique
from resident import is_within
from stubs import ROOT
from test_abuse import PATIENCE_SECONDS
from test_tls import Certificates, certificates, credentials  # noqa: F401

# How long and how often an attack goes on here, where its limit isn't a time.
ATTACK_SECONDS, ATTEMPTS = 1.0, 4
COUNTED_WITHIN_SECONDS = 1.0
# How many connections are idle at once: 10,000 where that is asked for.
IDLE_CONNECTIONS = int(os.environ.get("DOCKET_IDLE_CONNECTIONS", "1000"))
# What an idle connection may cost, and what a collector may have beyond its budget for messages.
CONNECTION_BYTES = 64 * 1024
BEYOND_BUDGET_BYTES = 64 << 20
SMALL_BUDGET_BYTES = 64 << 20
# How soon a publish gets memory that others hold and don't use; each of them has 30 s for its message when nobody waits.
WITHIN_SECONDS = 3
# While others wait for memory, a slow message is ended sooner.
UNCONTENDED = "slow_writers"

SLOW = [attack for attack in ATTACKS.values() if attack.takes_seconds >= 10]
# Takes what all messages share: it has a collector of its own, and a test for what that does to others.


class Neighbour:
    """An honest client: publishes single events one after the other, and knows what has been acknowledged."""

    def __init__(self, collector: Collector, tls: grpc.ChannelCredentials | None = None):
        self._client = Client(collector.address, collector.token, tls)
        self._session = unique("neighbour-")
        self._stop = threading.Event()
        self._changed = threading.Condition()
        self.acknowledged = 0
        self.error: grpc.RpcError | None = None
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        self.goes_on(1)

    def _run(self) -> None:
        while not self._stop.is_set() and self.error is None:
            accepted = self._publish(request([event(session_id=self._session)]))
            with self._changed:
                self.acknowledged += accepted
                self._changed.notify_all()

    def _publish(self, batch: PublishRequest) -> int:
        """How many events are accepted, after as many attempts as the collector asks for."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                return self._client.publish(batch, timeout=PATIENCE_SECONDS).verdict.accepted_count
            except grpc.RpcError as error:
                pushback = dict(error.trailing_metadata() or ()).get("grpc-retry-pushback-ms")
                if pushback is None or time.monotonic() > deadline:
                    self.error = error
                    return 0
                self._stop.wait(int(pushback) / 1000)

    def goes_on(self, batches: int = 2) -> None:
        """Waits until so many more are acknowledged."""
        with self._changed:
            target = self.acknowledged + batches
            self._changed.wait_for(lambda: self.acknowledged >= target or self.error, PATIENCE_SECONDS)
            assert self.error is None, self.error
            assert self.acknowledged >= target, "nothing has been acknowledged any more"

    def finish(self) -> None:
        """Stops, and finds every event that was acknowledged."""
        self._stop.set()
        self._thread.join()
        try:
            assert self.error is None, self.error
            stored = self._client.query_all(session_id=self._session, page_size=1000)
            assert len({one.event.event_id for one in stored}) == self.acknowledged
        finally:
            self._client.channel.close()


class Site:
    """A collector that is attacked, and its neighbour."""

    def __init__(
        self, *flags: str, tls: grpc.ChannelCredentials | None = None, is_lonely: bool = False, **environment: str
    ):
        self.collector = Collector(*flags, environment=environment)
        self.neighbour = None if is_lonely else Neighbour(self.collector, tls)

    def start(self, attack: Attack) -> AttackProcess:
        seconds, attempts = ATTACK_SECONDS, ATTEMPTS
        if attack.takes_seconds:
            # The limit counts from when the attack has got so far, which takes its time on a busy machine.
            seconds, attempts = attack.takes_seconds + 15, None
        return AttackProcess(
            attack, self.collector.address, self.collector.token, seconds, attempts,
            environment={"DOCKET_IDLE_CONNECTIONS": "500"},
        )  # fmt: skip

    def resident_bytes(self) -> int:
        status = Path(f"/proc/{self.collector.process.pid}/status").read_text()
        return 1024 * int(re.search(r"VmRSS:\s+(\d+)", status)[1])

    def processor_seconds(self) -> float:
        """User and system time of the collector."""
        fields = Path(f"/proc/{self.collector.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def finish(self) -> None:
        try:
            if self.neighbour is not None:
                self.neighbour.finish()
        finally:
            code = self.collector.stop()
            log = self.collector.log()
            self.collector.delete_folder()
        assert code == 0, f"docket dev ended with code {code}:\n{log}"


class Sites:
    """The collectors, started when they are first needed; and what has become of each attack."""

    def __init__(self, trusted: Certificates):
        self._trusted = trusted
        self._sites: dict[str, Site] = {}
        self._before: dict[str, dict[str, float]] = {}
        self._running: dict[str, AttackProcess] = {}
        self._seen: dict[str, Counter[str]] = {}
        self._risen: dict[str, bool] = {}

    def of(self, attack: Attack) -> Site:
        if attack.uses_tls:
            return self.named("tls")
        if attack.name == UNCONTENDED:
            return self.named("uncontended")
        return self.named("small" if attack.environment else "usual")

    def named(self, name: str) -> Site:
        if name not in self._sites:
            self._sites[name] = self._make(name)
        return self._sites[name]

    def _make(self, name: str) -> Site:
        if name == "tls":
            files = ("--tls-certificate", str(self._trusted.certificate), "--tls-key", str(self._trusted.key))
            return Site(*files, tls=credentials(self._trusted.authority))
        if name == "small":
            return Site(**{name: value for attack in ATTACKS.values() for name, value in attack.environment.items()})
        if name.startswith("little memory"):
            return Site("--memory-limit", str(SMALL_BUDGET_BYTES), is_lonely=True)
        return Site(is_lonely=name == "spare")

    def begin(self, attack: Attack) -> None:
        """Starts an attack, unless it has been."""
        if attack.name in self._before:
            return
        site = self.of(attack)
        self._before[attack.name] = site.collector.metrics()
        self._running[attack.name] = site.start(attack)

    def seen(self, attack: Attack) -> Counter[str]:
        """What the peer saw; the attack is made by the first test that asks."""
        if attack.name not in self._seen:
            self.begin(attack)
            self._seen[attack.name] = self._running[attack.name].finish()
            self._risen[attack.name] = self._rises(attack)
        return self._seen[attack.name]

    def counted(self, attack: Attack) -> bool:
        """Whether the attack's counter has gone up."""
        self.seen(attack)
        return self._risen[attack.name]

    def _rises(self, attack: Attack) -> bool:
        # The last of it may be on its way yet.
        deadline = time.monotonic() + COUNTED_WITHIN_SECONDS
        before, site = self._before[attack.name], self.of(attack)
        counters = (attack.counter, *attack.earlier_counters)
        while not any(site.collector.metrics().get(one, 0) > before.get(one, 0) for one in counters):
            if time.monotonic() > deadline:
                return False
            time.sleep(0.1)
        return True

    def finish(self) -> None:
        for process in self._running.values():
            process.stop()
        with ThreadPoolExecutor() as pool:
            finished = [pool.submit(site.finish) for site in self._sites.values()]
        faults = [str(fault) for one in finished if (fault := one.exception()) is not None]
        assert not faults, "\n".join(faults)


@pytest.fixture(scope="module")
def sites(certificates: Certificates) -> Iterator[Sites]:  # noqa: F811
    made = Sites(certificates)
    with ThreadPoolExecutor() as pool:
        list(pool.map(made.named, ("usual", "small", "tls", "uncontended")))
    # Those that take long do so beside all others.
    for attack in SLOW:
        made.begin(attack)
    yield made
    made.finish()


# The slow ones come last.
each_attack = pytest.mark.parametrize(
    "attack", sorted(ATTACKS.values(), key=lambda attack: attack.takes_seconds), ids=lambda attack: attack.name
)


@each_attack
def test_the_peer_is_stopped_and_told_so_and_the_neighbour_goes_on(sites: Sites, attack: Attack) -> None:
    neighbour = sites.of(attack).neighbour
    seen = sites.seen(attack)
    if neighbour is not None:
        neighbour.goes_on()
    assert attack.sees in seen, f"the peer saw {dict(seen)}"
    # A GOAWAY may be lost when its peer goes on sending: a socket that is closed with something unread is reset.
    allowed = {attack.sees, *attack.also, *([CLOSED] if attack.sees.startswith("GOAWAY") else [])}
    assert set(seen) <= allowed, f"the peer saw {dict(seen)}"


@each_attack
def test_the_attack_is_counted(sites: Sites, attack: Attack) -> None:
    assert sites.counted(attack), f"{attack.counter} has not risen"


def test_announced_messages_do_not_keep_others_from_publishing(sites: Sites) -> None:
    collector = sites.named("spare").collector
    process = AttackProcess(ATTACKS["announced_messages"], collector.address, collector.token, seconds=60)
    try:
        process.wait_until_begun()
        with Client(collector.address, collector.token) as client:
            for _ in range(100):
                assert client.publish(request([event()]), timeout=WITHIN_SECONDS).verdict.accepted_count == 1
    finally:
        process.stop()


@pytest.mark.parametrize("name", ["hoarded_answers", "hoarded_metadata", "hoarded_sockets"])
def test_what_is_hoarded_stays_within_the_budget(sites: Sites, name: str) -> None:
    site = sites.named(f"little memory for {name}")
    process = AttackProcess(ATTACKS[name], site.collector.address, site.collector.token, seconds=8, count=1)
    most = 0
    while process.process.poll() is None:
        most = max(most, site.resident_bytes())
        time.sleep(0.05)
    process.finish()
    print(f"{name}: {most >> 20} MiB at most, with a budget of {SMALL_BUDGET_BYTES >> 20} MiB")
    assert is_within(most, SMALL_BUDGET_BYTES + BEYOND_BUDGET_BYTES), f"{most:,} bytes"


def test_an_hpack_bomb_costs_what_its_bytes_cost(sites: Sites) -> None:
    site = sites.named("spare")
    target = Target(*site.collector.host_and_port, "")
    plain = open_call(target) + literal(b"a", b"b") * 29_000
    first, further = bomb(target)
    with Peer(target) as peer:
        peer.send(block(1, first))
        assert peer.answer(1) == "RST_STREAM ENHANCE_YOUR_CALM"
        seconds = {}
        streams = iter(range(3, 100, 2))
        for name, payload in (("plain", plain), ("bomb", further)):
            before = site.processor_seconds()
            for stream in itertools.islice(streams, 4):
                peer.send(block(stream, payload))
                assert peer.answer(stream) == "RST_STREAM ENHANCE_YOUR_CALM"
            seconds[name] = site.processor_seconds() - before
    print(f"four of 144 KiB: {seconds['plain']:.2f} s plain, {seconds['bomb']:.2f} s bombs")
    assert seconds["bomb"] < 10 * max(seconds["plain"], 0.02)


def test_idle_connections_are_cheap() -> None:
    # A tenth of all is for peers that have less than these.
    site = Site(DOCKET_GRPC_MAX_CONNECTIONS=str(IDLE_CONNECTIONS * 5 // 4))
    files = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        if files[0] < IDLE_CONNECTIONS + 500:
            resource.setrlimit(resource.RLIMIT_NOFILE, (files[1], files[1]))
        series = "docket_rpc_connections"
        before, others = site.resident_bytes(), site.collector.metrics()[series]
        host, port = site.collector.host_and_port
        with Crowd() as crowd:
            for index in range(IDLE_CONNECTIONS):
                crowd.join_idle(Target(host, port, ""), index)
            deadline = time.monotonic() + PATIENCE_SECONDS
            while (open_now := site.collector.metrics()[series]) < others + IDLE_CONNECTIONS:
                assert time.monotonic() < deadline, f"{open_now:.0f} connections are open"
                crowd.closed(0.1)
            site.neighbour.goes_on()
            each = (site.resident_bytes() - before) / IDLE_CONNECTIONS
        print(f"{IDLE_CONNECTIONS} idle connections: {each / 1024:.1f} KiB each")
        assert is_within(each, CONNECTION_BYTES)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, files)
        site.finish()


def rows(page: str) -> list[list[str]]:
    """The cells of all tables of a page of docs/."""
    lines = (ROOT / "docs" / page).read_text().splitlines()
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines if line.startswith("|")]


def test_the_table_of_the_documentation_has_each_attack() -> None:
    documented = [tuple(row[:4]) for row in rows("security.md") if len(row) == 8][2:]
    assert documented == [attack.cells for attack in ATTACKS.values()], "make abuse ARGS='--report-only --publish'"


@each_attack
def test_each_counter_is_documented(attack: Attack) -> None:
    name, label, value = re.fullmatch(r'(\w+)(?:\{(\w+)="(\w+)"\})?', attack.counter).groups()
    documented = [" | ".join(row) for row in rows("metrics.md") if f"`{name}`" in row[0]]
    assert documented, f"docs/metrics.md lacks {name}"
    assert label is None or f"`{label}`" in documented[0]
    # Codes are gRPC's, or those of rejections, which the page doesn't list.
    assert label in (None, "code") or f"`{value}`" in documented[0]
