"""Evidence: receipts are computed again with stock protobuf and SHA-256, by docs/evidence.md alone."""

import hashlib

from docket.v1.event_pb2 import Actor, Event

from client import Client
from events import event, full_event, request

LEAF_VERSION = b"\x02"


def leaf_hash(one: Event) -> bytes:
    """The hash of an event's leaf; stock protobuf writes the canonical form of an event that holds nothing hollow."""
    return hashlib.sha256(b"\x00" + LEAF_VERSION + one.SerializeToString(deterministic=True)).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def test_the_root_of_one_event_is_its_leaf_hash(client: Client) -> None:
    for one in (event(), full_event()):
        assert client.publish_events(one).receipt.root == leaf_hash(one)


def test_the_root_of_three_events_is_the_tree_over_their_leaves(client: Client) -> None:
    events = [full_event(), event(), full_event()]
    first, second, third = map(leaf_hash, events)
    assert client.publish_events(*events).receipt.root == node_hash(node_hash(first, second), third)


def test_an_event_that_comes_in_another_form_has_the_same_leaf(client: Client) -> None:
    one = full_event()
    # Known fields twice and out of order, one that nobody knows, and parts without any field.
    hollow = Event(event_id=one.event_id, type="overwritten", attributes="{}").SerializeToString() + b"\xf2\x3f\x01x"
    mangled = hollow + one.SerializeToString()
    batch = request([event()])
    batch.ClearField("events")
    head = batch.SerializeToString()
    message = head + b"\x22" + varint(len(mangled)) + mangled
    response = client.publish_bytes(message)
    assert response.verdict.accepted_count == 1
    assert response.verdict.receipt.root == leaf_hash(one)


def test_an_actor_without_any_field_is_no_part_of_the_leaf(client: Client) -> None:
    with_actor, without = event(actor=Actor()), event()
    without.CopyFrom(with_actor)
    without.ClearField("actor")
    assert client.publish_events(with_actor).receipt.root == leaf_hash(without)


def varint(value: int) -> bytes:
    """A base-128 varint."""
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)
