"""Clients that are let in by JWTs: which are taken, whom they stand for, and until when."""

import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from pathlib import Path

import grpc
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from docket.v1.audit_log_pb2 import QueryRequest

from client import TIMEOUT_SECONDS, failure
from events import event, request, unique
from jwt_issuer import AUDIENCE, ISSUER, Issuer, payload
from principals import OpenStream, Principals
from test_semantics import details
from waiting import CHANGE_SECONDS

LEEWAY_SECONDS = 1


@pytest.fixture(scope="module")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Issuer:
    made = Issuer(tmp_path_factory.mktemp("issuer"))
    made.add("first")
    made.write()
    return made


@pytest.fixture(scope="module")
def principals(tmp_path_factory: pytest.TempPathFactory, issuer: Issuer) -> Iterator[Principals]:
    settings = {
        "DOCKET_JWT_JWKS_FILE": str(issuer.file), "DOCKET_JWT_ISSUER": ISSUER, "DOCKET_JWT_AUDIENCE": AUDIENCE,
        "DOCKET_JWT_LEEWAY_SECONDS": str(LEEWAY_SECONDS), "DOCKET_JWT_RELOAD_INTERVAL_MS": "0",
    }  # fmt: skip
    running = Principals(tmp_path_factory.mktemp("principals"), environment=settings)
    yield running
    running.close()


@pytest.fixture
def subject(principals: Principals) -> str:
    """A subject of the test's own that is let in."""
    name = unique("user-")
    principals.let_in("--jwt-issuer", ISSUER, "--jwt-subject", name, "--scope", "publish", "--scope", "query")
    return name


def reload(principals: Principals, outcome: str = "loaded") -> None:
    """Has the collector read the file again."""
    principals.collector.reload(f'docket_jwt_key_set_loads_total{{outcome="{outcome}"}}')


def accepts(principals: Principals, token: str) -> bool:
    with principals.client(token=token) as client:
        return client.publish_events(event()).accepted_count == 1


def reason(error: grpc.RpcError) -> str:
    assert error.code() == grpc.StatusCode.UNAUTHENTICATED, error
    return details(error)["ErrorInfo"].reason


def refusal(principals: Principals, token: str) -> str:
    """Why a token is refused, by all methods alike; it is repeated nowhere."""
    with principals.client(token=token) as client:
        errors = [
            failure(method, message, metadata=client.metadata, timeout=TIMEOUT_SECONDS)
            for method, message in (
                (client.collector.Publish, request([event()])),
                (client.collector.PublishStream, iter([request([event()])])),
                (client.audit_log.Query, QueryRequest()),
            )
        ]
    assert not any(part in error.details() for part in token.split(".") if len(part) > 8 for error in errors)
    [found] = {reason(error) for error in errors}
    return found


def test_a_jwt_stands_for_its_subject(principals: Principals, issuer: Issuer, subject: str) -> None:
    with principals.client(token=issuer.token(subject)) as client:
        published = event()
        assert client.publish_events(published).accepted_count == 1
        assert [one.event for one in client.query(event_id=published.event_id).events] == [published]
        assert len(list(client.publish_stream(request([event()], sequence=one) for one in range(3)))) == 3


@pytest.mark.parametrize("algorithm", ["RS256", "RS512", "PS256", "PS384", "ES256", "ES384", "ES512", "EdDSA"])
def test_every_algorithm_with_a_public_key_is_taken(
    principals: Principals, issuer: Issuer, subject: str, algorithm: str
) -> None:
    issuer.add(algorithm, algorithm)
    issuer.write()
    reload(principals)
    assert accepts(principals, issuer.token(subject, kid=algorithm))


def test_a_subject_that_nobody_has_let_in_is_refused(principals: Principals, issuer: Issuer) -> None:
    assert refusal(principals, issuer.token("stranger")) == "TOKEN_UNKNOWN"


def test_claims_that_are_not_meant_for_the_collector_are_refused(
    principals: Principals, issuer: Issuer, subject: str
) -> None:
    now = time.time()
    for claims in (
        {"aud": "other"}, {"aud": None}, {"aud": ["a", "b"]}, {"iss": "https://login.other"}, {"iss": None}, {"exp": None},
        {"nbf": now + 60}, {"iat": now + 60}, {"sub": None},
    ):  # fmt: skip
        assert refusal(principals, issuer.token(subject, **claims)) == "TOKEN_UNTRUSTED", claims
    assert refusal(principals, issuer.token(subject, seconds=-60)) == "TOKEN_EXPIRED"
    assert accepts(principals, issuer.token(subject, aud=["other", AUDIENCE], nbf=now))


def test_no_signature_and_one_that_anybody_can_make_are_refused(
    principals: Principals, issuer: Issuer, subject: str
) -> None:
    claims = payload(subject)
    unsigned = jwt.encode(claims, None, "none", headers={"kid": "first"})
    _, key = issuer.keys["first"]
    public = key.public_key()
    secrets = [
        public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo),
        public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo),
        issuer.file.read_bytes(),
    ]
    tokens = [unsigned]
    for algorithm in ("HS256", "HS384", "HS512"):
        for secret in secrets:
            head = {"alg": algorithm, "typ": "JWT", "kid": "first"}
            signing_input = ".".join(encoded(json.dumps(part).encode()) for part in (head, claims))
            tokens.append(f"{signing_input}.{encoded(hmac_of(algorithm, secret, signing_input))}")
    for token in tokens:
        assert refusal(principals, token) == "TOKEN_UNTRUSTED"


def test_keys_that_the_collector_does_not_know_are_refused(
    principals: Principals, issuer: Issuer, subject: str, tmp_path: Path
) -> None:
    other = Issuer(tmp_path)
    other.add("first")
    other.add("unknown")
    # The name of a key that is known, and one that isn't.
    assert refusal(principals, other.token(subject, kid="first")) == "TOKEN_UNTRUSTED"
    assert refusal(principals, other.token(subject, kid="unknown")) == "TOKEN_UNTRUSTED"
    changed = issuer.token(subject).split(".")
    changed[1] = issuer.token("root").split(".")[1]
    assert refusal(principals, ".".join(changed)) == "TOKEN_UNTRUSTED"
    for text in ("a.b.c", "..", "e30.e30.e30", "x." * 2000):
        assert refusal(principals, text) in ("TOKEN_MALFORMED", "TOKEN_UNTRUSTED")


def test_a_jwt_that_runs_out_ends_an_open_stream(principals: Principals, issuer: Issuer, subject: str) -> None:
    token = issuer.token(subject, seconds=2)
    with principals.client(token=token) as client:
        error, took = OpenStream(client).ends_with(seconds=60)
        assert reason(error) == "TOKEN_EXPIRED" and 1 < took < 2 + LEEWAY_SECONDS + CHANGE_SECONDS
        # The same connection, and a newer one.
        assert reason(failure(client.publish, request([event()]))) == "TOKEN_EXPIRED"
        newer = (("authorization", f"Bearer {issuer.token(subject)}"),)
        assert client.collector.Publish(request([event()]), metadata=newer, timeout=TIMEOUT_SECONDS).HasField("verdict")


def test_a_revoked_subject_is_refused_within_a_second_on_an_open_stream(principals: Principals, issuer: Issuer) -> None:
    name = unique("user-")
    number = principals.let_in("--jwt-issuer", ISSUER, "--jwt-subject", name)
    assert (principals.shown(number)["kind"], principals.shown(number)["issuer"]) == ("jwt", ISSUER)
    with principals.client(token=issuer.token(name)) as client:
        stream = OpenStream(client)
        assert stream.publish().verdict.accepted_count == 1
        principals.revoke(number)
        error, took = stream.ends_with(seconds=60)
        assert reason(error) == "TOKEN_UNKNOWN" and took < CHANGE_SECONDS


def test_a_tenant_that_the_credential_does_not_cover_is_permission_denied(
    principals: Principals, issuer: Issuer, subject: str
) -> None:
    slug = unique("t-")
    principals.docket("tenant", "add", slug)
    principals.wait_for_registry()
    with principals.client(token=issuer.token(subject)) as client:
        error = failure(client.publish, request([event()], tenant=slug))
        assert details(error)["ErrorInfo"].reason == "TENANT_NOT_COVERED"


def test_keys_come_and_go_and_a_broken_file_changes_nothing(
    principals: Principals, issuer: Issuer, subject: str
) -> None:
    issuer.add("old")
    issuer.write()
    reload(principals)
    old = issuer.token(subject, kid="old")
    with principals.client(token=old) as client:
        stream = OpenStream(client)
        assert stream.publish().verdict.accepted_count == 1
        for broken in ("{", '{"keys":[]}', ""):
            issuer.replace(broken)
            reload(principals, "failed")
            assert stream.publish().verdict.accepted_count == 1
            assert accepts(principals, old)
        issuer.add("new")
        issuer.write()
        reload(principals)
        assert stream.publish().verdict.accepted_count == 1
        assert accepts(principals, old) and accepts(principals, issuer.token(subject, kid="new"))
        issuer.keys.pop("old")
        issuer.write()
        reload(principals)
        error, _ = stream.ends_with(seconds=60)
        assert reason(error) == "TOKEN_UNTRUSTED"
        assert refusal(principals, old) == "TOKEN_UNTRUSTED"
    assert accepts(principals, issuer.token(subject, kid="new"))


def test_nothing_of_a_token_is_logged(principals: Principals, issuer: Issuer, subject: str) -> None:
    token = issuer.token(subject)
    assert accepts(principals, token)
    refusal(principals, token + "x")
    assert not any(part in principals.collector.log() for part in token.split("."))


def encoded(data: bytes) -> str:
    return jwt.utils.base64url_encode(data).decode()


def hmac_of(algorithm: str, secret: bytes, text: str) -> bytes:
    return hmac.new(secret, text.encode(), getattr(hashlib, f"sha{algorithm[2:]}")).digest()
