"""Everything that somebody may show to a collector: each scope alone and together, for one tenant, two and all; and what is no
good any more, or never was."""

import base64
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from test_jwts import ISSUER, Issuer
from test_semantics import other_token

if TYPE_CHECKING:
    from isolation_world import World

SCOPES = ("publish", "query", "export", "admin", "import")
TENANTS = ("ours", "second", "rival", "suspended", "closing")


@dataclass(frozen=True)
class Credential:
    """What somebody shows, and what it is good for."""

    name: str
    covers: tuple[str, ...] = ()
    scopes: tuple[str, ...] = SCOPES
    kind: str = "token"
    # active, expired, revoked, rotated.
    state: str = "active"
    # The reason for which it is refused, whatever is asked for.
    fault: str | None = None

    @property
    def grant(self) -> list[str]:
        """The flags that make it."""
        tenants = ["--all-tenants"] if self.covers == TENANTS else []
        return [*tenants, *(flag for scope in self.scopes for flag in ("--scope", scope)), "--label", self.name]


@dataclass(frozen=True)
class Shown:
    """What a call comes with."""

    authorization: str | None = None
    certificate: tuple[Path, Path] | None = None


def credentials() -> Iterator[Credential]:
    """All of them."""
    for what, covers in {"ours": ("ours",), "ours and another": ("ours", "second"), "all": TENANTS}.items():
        for scopes in [*((scope,) for scope in SCOPES), SCOPES]:
            yield Credential(f"token of {what} for {'everything' if scopes == SCOPES else scopes[0]}", covers, scopes)
    yield Credential("token of the suspended", ("suspended",))
    yield Credential("token of the closing", ("closing",))
    for kind, reason in {
        "token": "TOKEN_UNKNOWN", "spiffe": "CERTIFICATE_UNKNOWN", "subject": "CERTIFICATE_UNKNOWN", "jwt": "TOKEN_UNKNOWN",
    }.items():  # fmt: skip
        if kind != "token":
            yield Credential(f"{kind} of ours", ("ours",), kind=kind)
        for state in ("expired", "revoked"):
            yield Credential(f"{state} {kind} of the rival", ("rival",), kind=kind, state=state, fault=reason)
        yield Credential(f"{kind} that nobody knows", kind=kind, state="unknown", fault=reason)
    yield Credential("expired token of all", TENANTS, state="expired", fault="TOKEN_UNKNOWN")
    yield Credential("rotated token of the rival", ("rival",), state="rotated", fault="TOKEN_UNKNOWN")
    yield Credential("nothing", kind="raw", fault="TOKEN_MISSING")
    for name in RAW:
        yield Credential(name, kind="raw", fault="TOKEN_MISSING" if name.startswith("no ") else "TOKEN_MALFORMED")
    yield Credential("jwt of the rival that is over", ("rival",), kind="jwt", state="over", fault="TOKEN_EXPIRED")
    yield Credential("jwt of the rival by another key", ("rival",), kind="jwt", state="forged", fault="TOKEN_UNTRUSTED")
    yield Credential("jwt of the rival without a signature", ("rival",), kind="jwt", state="unsigned", fault="TOKEN_UNTRUSTED")
    # Whose certificate it is counts for nothing beside a token.
    yield Credential("token of ours by a connection of the rival", ("ours",), kind="both")
    yield Credential(
        "revoked token of ours by a connection of the rival", ("ours",), kind="both", state="revoked", fault="TOKEN_UNKNOWN"
    )


# Of the certificates that somebody shows beside a token.
CONNECTION = "connection of the rival"

# What is in `authorization` and can't be a credential.
RAW = {
    "no bearer": "Bearer",
    "no scheme that is taken": "Basic " + base64.b64encode(b"docket:docket").decode(),
    "a word": "Bearer wrong",
    "a token cut short": f"Bearer {other_token()[:-1]}",
    "a token with another checksum": "Bearer dkt_" + "0" * 72,
}

CREDENTIALS = list(credentials())


def make(world: "World", issuer: Issuer) -> dict[str, Shown]:
    """Makes those that have to be, and says what each shows. They count once the collector knows the registry."""
    forger = Issuer(world.folder / "forger")
    forger.file.parent.mkdir()
    forger.add("first")
    shown = {one.name: _Maker(world, issuer, forger).make(one) for one in CREDENTIALS}
    ids = {one["label"]: one["id"] for one in listed(world)}
    for one in CREDENTIALS:
        if one.state == "revoked":
            world.principals.docket("token", "revoke", str(ids[one.name]))
        if one.state == "rotated":
            world.principals.docket("token", "rotate", str(ids[one.name]), "--overlap", "0s")
    world.targets["rival"].credential_id = ids[CONNECTION]
    over = [one.name for one in CREDENTIALS if one.state in ("expired", "rotated")]
    deadline = time.monotonic() + 20
    while any(one["state"] == "active" and not one["replaces"] for one in listed(world) if one["label"] in over):
        assert time.monotonic() < deadline
    return shown


def listed(world: "World") -> list[dict]:
    """All credentials."""
    return [json.loads(line) for line in world.principals.docket("token", "list", "--all", "--json").splitlines()]


@dataclass
class _Maker:
    world: "World"
    issuer: Issuer
    forger: Issuer

    def make(self, one: Credential) -> Shown:
        """What it shows: the files and tokens are named after the credential."""
        identity = one.name.replace(" ", "-")
        grant = [*one.grant]
        if one.covers != TENANTS:
            grant += [flag for name in one.covers for flag in ("--tenant", self.world.targets[name].slug)]
        if one.state == "expired":
            grant += ["--expires-in", "1s"]
        if one.kind == "raw":
            return Shown(RAW.get(one.name))
        if one.kind == "jwt":
            return Shown(f"Bearer {self._jwt(one, identity, grant)}")
        if one.kind in ("spiffe", "subject"):
            return Shown(certificate=self._certificate(one.kind, one.state, identity, grant))
        token = other_token() if one.state == "unknown" else self.world.principals.docket("token", "add", *grant).strip()
        if one.kind == "token":
            return Shown(f"Bearer {token}")
        rival = ["--tenant", self.world.targets["rival"].slug, *Credential(CONNECTION).grant]
        return Shown(f"Bearer {token}", self._certificate("spiffe", "active", f"connection-{identity}", rival))

    def _certificate(self, kind: str, state: str, identity: str, grant: list[str]) -> tuple[Path, Path]:
        name = f"spiffe://acme.example/{identity}" if kind == "spiffe" else f"CN={identity}"
        if state != "unknown":
            self.world.principals.docket("credential", "add", f"--{kind}", name, *grant)
        names = f"URI:{name}" if kind == "spiffe" else None
        return self.world.principals.certificate(identity, f"/CN={identity}", names)

    def _jwt(self, one: Credential, identity: str, grant: list[str]) -> str:
        if one.state != "unknown":
            self.world.principals.docket("credential", "add", "--jwt-issuer", ISSUER, "--jwt-subject", identity, *grant)
        # What a JWT claims beside its subject counts for nothing.
        claims = {"tenant": self.world.targets["rival"].slug, "scope": "publish query export admin import"}
        if one.state == "forged":
            return self.forger.token(identity, **claims)
        if one.state == "over":
            return self.issuer.token(identity, seconds=-600, **claims)
        token = self.issuer.token(identity, **claims)
        if one.state != "unsigned":
            return token
        head = base64.urlsafe_b64encode(b'{"alg":"none","typ":"JWT"}').decode().rstrip("=")
        return f"{head}.{token.split('.')[1]}."
