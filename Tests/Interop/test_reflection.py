"""Reflection: a client that has no .proto file publishes an event."""

import os

import grpc
import pytest
from google.protobuf import descriptor_pool, message_factory
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

from client import CHANNEL_OPTIONS, TIMEOUT_SECONDS
from collector import Collector

SERVICES = {
    "docket.v1.AuditLogService", "docket.v1.CollectorService", "grpc.health.v1.Health",
    "grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection",
}  # fmt: skip


@pytest.fixture
def database(collector: Collector) -> ProtoReflectionDescriptorDatabase:
    return ProtoReflectionDescriptorDatabase(grpc.insecure_channel(collector.address, CHANNEL_OPTIONS))


def test_all_services_are_listed(database: ProtoReflectionDescriptorDatabase) -> None:
    assert set(database.get_services()) == SERVICES


def test_a_client_without_proto_files_learns_what_it_needs_and_publishes(
    collector: Collector, database: ProtoReflectionDescriptorDatabase
) -> None:
    pool = descriptor_pool.DescriptorPool(database)
    service = pool.FindServiceByName("docket.v1.CollectorService")
    method = service.FindMethodByName("Publish")
    request = message_factory.GetMessageClass(method.input_type)(producer_id=os.urandom(16))
    event = request.events.add(event_id=os.urandom(16), type="authz.decision", occurred_at_us=1_700_000_000_000_000)
    event.action = "read"
    with grpc.insecure_channel(collector.address, CHANNEL_OPTIONS) as channel:
        call = channel.unary_unary(
            f"/{service.full_name}/{method.name}",
            request_serializer=type(request).SerializeToString,
            response_deserializer=message_factory.GetMessageClass(method.output_type).FromString,
        )
        answer = call(
            request, metadata=(("authorization", f"Bearer {collector.token}"),), timeout=TIMEOUT_SECONDS
        )  # fmt: skip
    assert answer.verdict.accepted_count == 1


def test_an_enumeration_a_method_and_a_field_lead_to_their_file(database: ProtoReflectionDescriptorDatabase) -> None:
    for symbol in ("docket.v1.Durability", "docket.v1.CollectorService.PublishStream", "docket.v1.Event.event_id"):
        assert database.FindFileContainingSymbol(symbol).package == "docket.v1"


@pytest.mark.parametrize("name", ["nowhere.proto", ""])
def test_what_is_not_there_is_said_to_be_missing(database: ProtoReflectionDescriptorDatabase, name: str) -> None:
    with pytest.raises(KeyError):
        database.FindFileByName(name)
    with pytest.raises(KeyError):
        database.FindFileContainingSymbol("docket.v1.Nothing")
