"""grpc.health.v1 as the stock client of grpcio-health-checking sees it."""

import signal

import grpc
import pytest
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub

from client import CHANNEL_OPTIONS, TIMEOUT_SECONDS, failure
from collector import Collector
from conftest import StartCollector

SERVING, NOT_SERVING = HealthCheckResponse.SERVING, HealthCheckResponse.NOT_SERVING
SERVICES = ["", "docket.v1.CollectorService", "docket.v1.AuditLogService"]


def health(collector: Collector) -> HealthStub:
    return HealthStub(grpc.insecure_channel(collector.address, CHANNEL_OPTIONS))


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_that_is_served_is_said_to_be_without_any_credential(collector: Collector, service: str) -> None:
    asked = HealthCheckRequest(service=service)
    assert health(collector).Check(asked, timeout=TIMEOUT_SECONDS).status == SERVING
    watching = health(collector).Watch(asked, timeout=TIMEOUT_SECONDS)
    assert next(watching).status == SERVING
    watching.cancel()


def test_an_unknown_service_is_not_found_but_can_be_watched(collector: Collector) -> None:
    asked = HealthCheckRequest(service="docket.v1.Nothing")
    error = failure(health(collector).Check, asked, timeout=TIMEOUT_SECONDS)
    assert (error.code(), error.details()) == (grpc.StatusCode.NOT_FOUND, "this server has no service 'docket.v1.Nothing'")
    watching = health(collector).Watch(asked, timeout=TIMEOUT_SECONDS)
    assert next(watching).status == HealthCheckResponse.SERVICE_UNKNOWN
    watching.cancel()


def test_whoever_watches_hears_that_the_collector_stops_and_does_not_hold_it_up(start_collector: StartCollector) -> None:
    running = start_collector()
    watching = health(running).Watch(HealthCheckRequest(), timeout=TIMEOUT_SECONDS)
    assert next(watching).status == SERVING
    running.process.send_signal(signal.SIGTERM)
    assert next(watching).status == NOT_SERVING
    with pytest.raises(grpc.RpcError) as ended:
        next(watching)
    assert ended.value.code() == grpc.StatusCode.UNAVAILABLE
    assert running.process.wait(TIMEOUT_SECONDS) == 0
