"""Five tenants with a log each, who may see which of them, and what would give one of them away."""

import itertools
import re
import struct
import time
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from docket.v1.collector_pb2 import PublishRequest
from docket.v1.event_pb2 import Actor, Event, Resource

from client import Client
from events import event, full_event, request, unique
from isolation_credentials import CREDENTIALS, TENANTS, Credential, Shown, make
from principals import Principals
from private_postgres import Session
from test_jwts import AUDIENCE, ISSUER, Issuer

# How many batches of each tenant there are to be sent again by somebody else: two for each credential and method.
REPLAYS = 4 * len(CREDENTIALS)
HOUR_US = 3_600_000_000


@dataclass
class Target:
    """A tenant that somebody asks for, or one that doesn't exist: then its values are of the same form and stored nowhere."""

    slug: str = field(default_factory=lambda: unique("t-"))
    # In every text of its events, and in no request that anybody else sends.
    mark: str = field(default_factory=unique)
    type_name: str = field(default_factory=lambda: unique("own.x"))
    # Another type of its own: others try it, and what they send is in their own quarantine.
    tried_type: str = field(default_factory=lambda: unique("tried.x"))
    tenant_id: int = 2_000_000_000
    credential_id: int = 2_000_000_000
    quarantine_id: int = 2_000_000_000
    batch: PublishRequest = field(default_factory=PublishRequest)
    replays: list[PublishRequest] = field(default_factory=list)
    page_token: bytes = struct.pack(">BBqqi", 1, 1, time.time_ns() // 1000, 1 << 61, 0)
    batch_id: int = 1 << 61

    def __post_init__(self) -> None:
        named = full_event(
            **{name: f"{name} {self.mark}" for name in TEXTS}, actor=Actor(kind="user", id=f"actor {self.mark}"),
            resource=Resource(type=f"sort {self.mark}", id=f"resource {self.mark}"),
            attributes=f'{{"secret":"{self.mark}"}}', delegation=[Actor(id=f"link {self.mark}")],
        )  # fmt: skip
        own_type = event(type=self.type_name, scope=f"scope {self.mark}")
        ahead = event(occurred_at_us=time.time_ns() // 1000 + HOUR_US, scope=f"ahead {self.mark}")
        rejected = event(action="\0", scope=f"rejected {self.mark}")
        self.batch = request([named, own_type, ahead, rejected], sequence=7, tenant=self.slug)
        self.replays = [request([event()], sequence=one, tenant=self.slug) for one in range(REPLAYS)]

    @property
    def event(self) -> Event:
        """One that has all fields."""
        return self.batch.events[0]

    def blotted(self, text: bytes) -> bytes:
        """A text without what whoever asks for the tenant has said himself."""
        for name in (self.slug, self.type_name, self.tried_type):
            text = re.sub(re.escape(name.encode()), b"<said>", text, flags=re.IGNORECASE)
        return text

    @cached_property
    def secrets(self) -> list[bytes]:
        """Whatever nobody else may be told, in the forms that it may come in."""
        texts = [text.encode() for text in (self.mark, self.slug, self.type_name)]
        ids = [*(one.event_id for one in self.batch.events), self.batch.producer_id, self.event.trace_id]
        return [
            *texts, *(text.hex().encode() for text in texts), *ids, *(one.hex().encode() for one in ids),
            *(str(uuid.UUID(bytes=one)).encode() for one in ids), str(self.batch_id).encode(), varint(self.batch_id),
        ]  # fmt: skip

    def given_away_by(self, answer: bytes) -> list[bytes]:
        return [secret for secret in self.secrets if secret in answer]


# The text fields of an event.
TEXTS = ("source_event_id", "scope", "action", "reason", "policy", "session_id", "request_id", "agent_id", "source")


def varint(number: int) -> bytes:
    """As protobuf writes it."""
    written = bytearray()
    while number > 0x7F:
        written.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*written, number])


# A connection that is refused more than a hundred times a second is read at the collector's leisure. Callers are refused almost always
# and take turns with so many that none is, by an odd number since most calls look at the client twice.
CONNECTIONS = 15


class Caller:
    """Who shows a credential to the collector."""

    def __init__(self, world: "World", credential: Credential, shown: Shown):
        self.credential = credential
        self.shown = shown
        clients = [world.principals.client(shown.certificate, is_shared=False) for _ in range(CONNECTIONS)]
        for one in clients:
            one.metadata = () if shown.authorization is None else (("authorization", shown.authorization),)
        self._clients: Iterator[Client] = itertools.cycle(clients)
        # Whose log is its own.
        self.own = world.targets[credential.covers[0]].slug if credential.covers else ""

    @property
    def client(self) -> Client:
        """A connection that has not been used for a while."""
        return next(self._clients)


class World:
    """One collector with all of it."""

    def __init__(self, folder: Path):
        issuer = Issuer(folder)
        issuer.add("first")
        issuer.write()
        settings = {
            "DOCKET_JWT_JWKS_FILE": str(issuer.file), "DOCKET_JWT_ISSUER": ISSUER, "DOCKET_JWT_AUDIENCE": AUDIENCE,
            # What somebody has asked for would be in his own log, and look like what he was given.
            "DOCKET_AUDIT_READS": "off",
        }  # fmt: skip
        self.folder = folder
        self.principals = Principals(folder, environment=settings)
        try:
            self.targets = {name: Target() for name in TENANTS}
            self.ghost = Target()
            self.session = Session(_Maintainer(self))
            self._fill()
            shown = make(self, issuer)
            self.principals.wait_for_registry()
            self.callers = {one.name: Caller(self, one, shown[one.name]) for one in CREDENTIALS}
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        if hasattr(self, "session"):
            self.session.close()
        self.principals.close()

    def conninfo(self, role: str) -> str:
        return self.principals.collector.ready["conninfo"]["maintainer"].replace("docket_maintainer", role)

    def _fill(self) -> None:
        docket = self.principals.docket
        for target in self.targets.values():
            docket("tenant", "add", target.slug, "--display-name", f"name {target.mark}")
            docket("event-type", "add", "--tenant", target.slug, target.type_name, target.tried_type)
        # Without the scope import, with which no clock counts.
        token = docket("token", "add", "--all-tenants", "--scope", "publish", "--scope", "query").strip()
        self.principals.wait_for_registry()
        with self.principals.client(token=token) as operator:
            for target in self.targets.values():
                self._publish(operator, target)
        self._wait_for_the_log()
        docket("tenant", "suspend", self.targets["suspended"].slug)
        docket("tenant", "close", self.targets["closing"].slug)
        for target in self.targets.values():
            [[target.tenant_id, target.quarantine_id]] = [
                list(map(int, row))
                for row in self.session.ask(
                    f"""SELECT tenant_id, quarantine_id FROM docket.tenants JOIN docket.quarantine USING (tenant_id)
                        WHERE slug = '{target.slug}'"""
                )
            ]

    def _publish(self, operator: Client, target: Target) -> None:
        verdict = operator.publish(target.batch).verdict
        assert (verdict.accepted_count, len(verdict.rejections)) == (3, 1), verdict
        target.batch_id = verdict.receipt.batch_id
        assert all(one.verdict.accepted_count == 1 for one in operator.publish_stream(target.replays))
        target.page_token = operator.query(tenant=target.slug, page_size=1).next_page_token
        assert len(target.page_token) == len(self.ghost.page_token)

    def _wait_for_the_log(self) -> None:
        """Until the appender has given all batches their place."""
        deadline = time.monotonic() + 20
        while self.session.ask(
            "SELECT 1 FROM docket.batches WHERE batch_id NOT IN (SELECT batch_id FROM docket.log_entries) LIMIT 1"
        ):
            assert time.monotonic() < deadline

    def footprint(self, target: Target) -> list[list[str]]:
        """What there is of a tenant."""
        counted = ", ".join(
            f"(SELECT count(*) FROM docket.{table} WHERE tenant_id = {target.tenant_id})"
            for table in ("batches", "events", "quarantine", "event_types", "credential_tenants", "tenant_readers")
        )
        return self.session.ask(f"SELECT t, {counted} FROM docket.tenants AS t WHERE tenant_id = {target.tenant_id}")

    def given_away_by(self, answer: bytes, names: Iterable[str] = TENANTS) -> dict[str, list[bytes]]:
        """What an answer tells of any of these tenants."""
        found = {name: self.targets[name].given_away_by(answer) for name in names}
        return {name: secrets for name, secrets in found.items() if secrets}


class _Maintainer:
    """The server as `Session` wants it."""

    def __init__(self, world: World):
        self._world = world

    def conninfo(self, *_: object) -> str:
        return self._world.conninfo("docket_maintainer")
