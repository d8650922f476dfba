"""A collector with the registry on disk starts while PostgreSQL is away, and goes on by itself when that is back."""

import json
import os
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from docket.v1.collector_pb2 import PublishRequest, PublishResponse
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub

from away import DEADLINE_SECONDS, NAME, Away
from client import CHANNEL_OPTIONS, failure
from cluster import Cluster
from collector import BINARY
from events import KNOWN_TYPE, event, request
from private_postgres import frozen, stopped
from test_semantics import details
from waiting import eventually

# sysexits(3).
UNAVAILABLE, CONFIGURATION = 69, 78


@pytest.fixture
def away(tmp_path: Path) -> Iterator[Away]:
    running = Away(tmp_path)
    yield running
    running.cluster.delete()


@pytest.fixture
def cluster(away: Away) -> Cluster:
    """For the logs of a failed test."""
    return away.cluster


def assert_asked_to_come_back(error: grpc.RpcError) -> None:
    found = details(error)
    assert error.code() == grpc.StatusCode.UNAVAILABLE, error
    assert found["ErrorInfo"].reason == "NODE_LEASE_LOST", error
    assert found["RetryInfo"].retry_delay.ToMilliseconds() > 0, error


def test_it_starts_knows_its_callers_and_commits_when_postgres_is_back(away: Away) -> None:
    revoked = away.cluster.docket("token", "add", "--scope", "publish").strip()
    # It is known to the collector once it lets it in.
    eventually(lambda: not isinstance(attempt(away, revoked), grpc.RpcError))
    away.leave()
    assert away.snapshot.stat().st_mode & 0o777 == 0o600
    away.start()

    assert_asked_to_come_back(away.refusal())
    for unknown in (f"dkt_{'0' * 72}", "nonsense"):
        assert away.refusal(unknown).code() == grpc.StatusCode.UNAUTHENTICATED
    with away.client() as client:
        asked = failure(client.query)
        assert (asked.code(), details(asked)["ErrorInfo"].reason) == (grpc.StatusCode.UNAVAILABLE, "STORE_UNAVAILABLE")
        elsewhere = failure(client.publish, request([event()], tenant="no-such-tenant"))
        assert elsewhere.code() == grpc.StatusCode.PERMISSION_DENIED

    status, reason = away.readiness()
    assert status == 503, reason
    assert "PostgreSQL is away" in reason and "the registry snapshot on disk, of 20" in reason, reason
    eventually(lambda: away.health() == HealthCheckResponse.NOT_SERVING)
    assert away.collector.metrics()["docket_registry_snapshot_age_seconds"] > 0

    # An emitter that keeps the rule: the same batch again, after the pause that it is told.
    batch = request([event(), event()], producer_id=os.urandom(16), sequence=7)
    answers: list[PublishResponse] = []
    emitter = threading.Thread(target=lambda: answers.append(publish_until_taken(away, batch)))
    emitter.start()
    away.postgres.start()
    away.cluster.docket("token", "revoke", token_number(away))
    emitter.join(DEADLINE_SECONDS)
    assert answers and answers[0].verdict.accepted_count == 2, away.collector.log()

    eventually(lambda: away.readiness()[0] == 200)
    eventually(lambda: away.health() == HealthCheckResponse.SERVING)
    with away.client() as client:
        again = client.publish(batch)
        assert again.verdict.replayed
        assert {stored.event.event_id for stored in client.query().events} >= {one.event_id for one in batch.events}
    assert away.cluster.sql(
        f"SELECT count(*) FROM docket.batches WHERE producer_id = '{batch.producer_id.hex()}'"
    ) == [["1"]]
    eventually(lambda: is_unauthenticated(away, revoked))
    # It leads again: without the deferred maintenance no batch gets its place in the log.
    eventually(lambda: away.cluster.sql("SELECT count(*) FROM docket.log_entries") == away.cluster.sql(
        "SELECT count(*) FROM docket.batches"))  # fmt: skip
    assert away.collector.stop() == 0


@pytest.mark.parametrize("leaving", [stopped, frozen])
def test_who_watches_a_running_collector_hears_that_postgres_is_away_and_that_it_is_back(away: Away, leaving: object) -> None:
    watching = HealthStub(grpc.insecure_channel(away.collector.address, CHANNEL_OPTIONS)).Watch(
        HealthCheckRequest(), timeout=DEADLINE_SECONDS
    )
    assert next(watching).status == HealthCheckResponse.SERVING
    with leaving(away.postgres):
        assert next(watching).status == HealthCheckResponse.NOT_SERVING
        status, reason = away.readiness()
        assert status == 503, reason
    assert next(watching).status == HealthCheckResponse.SERVING
    watching.cancel()


def attempt(away: Away, token: str) -> PublishResponse | grpc.RpcError:
    try:
        return away.publish(token)
    except grpc.RpcError as error:
        return error


def is_unauthenticated(away: Away, token: str) -> bool:
    found = attempt(away, token)
    return isinstance(found, grpc.RpcError) and found.code() == grpc.StatusCode.UNAUTHENTICATED


def publish_until_taken(away: Away, batch: PublishRequest) -> PublishResponse:
    deadline = time.monotonic() + DEADLINE_SECONDS
    with away.client() as client:
        while True:
            try:
                return client.publish(batch)
            except grpc.RpcError as error:
                assert error.code() == grpc.StatusCode.UNAVAILABLE and time.monotonic() < deadline, error
                time.sleep(details(error)["RetryInfo"].retry_delay.ToMilliseconds() / 1000)


def token_number(away: Away) -> str:
    """The number of the token that was added last."""
    return str(json.loads(away.cluster.docket("token", "list", "--json").splitlines()[-1])["id"])


def test_a_token_that_was_revoked_while_the_collector_was_down_stores_nothing(away: Away) -> None:
    token = away.cluster.docket("token", "add", "--scope", "publish").strip()
    eventually(lambda: not isinstance(attempt(away, token), grpc.RpcError))
    number = token_number(away)
    assert away.collector.stop() == 0
    away.cluster.docket("token", "revoke", number)
    [[before]] = away.cluster.sql("SELECT count(*) FROM docket.batches")
    away.postgres.crash()
    away.start()
    # The file still knows it, which is worth an invitation to come back, and nothing else.
    assert_asked_to_come_back(away.refusal(token))
    outcomes: list[grpc.StatusCode] = []

    def insist() -> None:
        while not outcomes or outcomes[-1] == grpc.StatusCode.UNAVAILABLE:
            outcomes.append(away.refusal(token).code())

    emitter = threading.Thread(target=insist)
    emitter.start()
    away.postgres.start()
    emitter.join(DEADLINE_SECONDS)
    assert outcomes[-1] == grpc.StatusCode.UNAUTHENTICATED
    assert set(outcomes) <= {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.UNAUTHENTICATED}
    assert away.cluster.sql("SELECT count(*) FROM docket.batches") == [[before]]


def test_without_a_usable_snapshot_it_ends_as_ever(away: Away) -> None:
    away.leave()
    kept = away.snapshot.read_bytes()
    for damaged, reason in (
        (kept[:-1], "it is torn"),
        (kept[:100] + bytes([kept[100] ^ 1]) + kept[101:], "its checksum is wrong"),
        (b"", "it isn't a registry snapshot"),
    ):
        away.snapshot.write_bytes(damaged)
        code, said = away.start_failing()
        assert code == UNAVAILABLE and reason in said and "no connection to PostgreSQL" in said, said
        assert said.count("is not used") == 1, said
    away.snapshot.unlink()
    code, said = away.start_failing()
    assert code == UNAVAILABLE and "No such file or directory" in said, said


def test_the_snapshot_of_another_database_is_refused(away: Away) -> None:
    away.leave()
    other = away.postgres.conninfo("docket_writer", NAME, database="other")
    ended = subprocess.run(
        [BINARY, "serve", "--listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0", "--registry-snapshot", away.snapshot],
        check=False, env={**os.environ, "DOCKET_POSTGRES_WRITER": other, "DOCKET_POSTGRES_READER": other},
        capture_output=True, text=True, timeout=DEADLINE_SECONDS,
    )  # fmt: skip
    said = ended.stdout + ended.stderr
    assert ended.returncode == UNAVAILABLE and "it is of the database at" in said and "dbname=other" in said, said


def test_the_snapshot_of_a_database_that_was_replaced_lets_nobody_in(away: Away) -> None:
    assert away.publish().verdict.accepted_count == 1
    assert away.collector.stop() == 0
    away.cluster.superuser_sql("DROP DATABASE docket", database="postgres")
    away.cluster.superuser_sql("CREATE DATABASE docket", database="postgres")
    away.cluster.docket("migrate")
    away.cluster.docket("event-type", "add", KNOWN_TYPE)
    fresh = away.cluster.docket("token", "add", "--scope", "publish").strip()
    away.postgres.crash()
    away.start()
    assert_asked_to_come_back(away.refusal())
    away.postgres.start()
    eventually(lambda: away.readiness()[0] == 200)
    assert away.refusal().code() == grpc.StatusCode.UNAUTHENTICATED
    assert away.publish(fresh).verdict.accepted_count == 1
    assert "was of another database" in away.collector.log()


@pytest.mark.parametrize(
    ("statement", "code", "reason"),
    [
        ("ALTER ROLE docket_writer NOLOGIN", UNAVAILABLE, "is not permitted to log in"),
        ("ALTER ROLE docket_writer SUPERUSER", CONFIGURATION, "superuser"),
        ("DROP SCHEMA docket CASCADE", CONFIGURATION, "run docket migrate"),
    ],
)
def test_a_database_that_is_back_but_unfit_ends_it_as_at_a_start(
    away: Away, statement: str, code: int, reason: str
) -> None:
    assert away.collector.stop() == 0
    away.cluster.superuser_sql(statement)
    away.postgres.crash()
    away.start()
    assert_asked_to_come_back(away.refusal())
    away.postgres.start()
    assert away.collector.process.wait(DEADLINE_SECONDS) == code, away.collector.log()
    assert reason in away.collector.log()
    # The same as without an outage.
    found, said = away.start_failing()
    assert found == code and reason in said, said


def test_a_snapshot_that_can_not_be_written_costs_nothing_but_a_line_and_a_count(away: Away) -> None:
    assert away.collector.stop() == 0
    away.snapshot.unlink()
    away.snapshot.mkdir()
    (away.snapshot / "in-the-way").touch()
    away.start()
    failed = 'docket_registry_snapshot_writes_total{outcome="failed"}'
    eventually(lambda: away.collector.metrics().get(failed, 0) >= 1)
    assert away.publish().verdict.accepted_count == 1
    assert away.readiness()[0] == 200
    assert away.collector.stop() == 0
    assert away.collector.log().count("can't be kept on disk") == 1
