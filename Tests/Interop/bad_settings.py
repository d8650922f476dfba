"""Settings of a collector that it must not start with: JWTs, client certificates, and the registry."""

import json
from dataclasses import dataclass, field
from pathlib import Path

from bad_inputs import CONFIGURATION
from certificates import make_authority

ISSUER = {"DOCKET_JWT_ISSUER": "https://login.acme.example", "DOCKET_JWT_AUDIENCE": "docket"}
TOGETHER = "jwt.jwks_file, jwt.issuer, jwt.audience go together"
# Octets of a secret, not a public key; a point that isn't on the curve.
SYMMETRIC = {"kty": "oct", "k": "aHVudGVyMmh1bnRlcjJodW50ZXIyaHVudGVyMmh1bnRlcjI", "kid": "first", "alg": "HS256"}
OFF_THE_CURVE = {"kty": "EC", "crv": "P-256", "kid": "first", "alg": "ES256", "x": "AAAA", "y": "AAAA"}


@dataclass(frozen=True)
class Setting:
    """Settings by their names in the environment, with {folder} for the folder of `write_files`."""

    name: str
    values: dict[str, str]
    names: tuple[str, ...]
    code: int = CONFIGURATION
    # Numbers that others may have are kept out of the message.
    secrets: tuple[str, ...] = field(default=())


def jwt(what: str, file: str, *names: str, **others: str) -> Setting:
    return Setting(f"JWT: {what}", ISSUER | {"DOCKET_JWT_JWKS_FILE": f"{{folder}}/{file}"} | others, names, secrets=("aHVudGVy",))


def tls(what: str, values: dict[str, str], *names: str) -> Setting:
    """Beside a certificate and its key, unless they say otherwise."""
    good = {"CERTIFICATE_FILE": "{folder}/one.pem", "KEY_FILE": "{folder}/one.key"}
    return Setting(f"TLS: {what}", {f"DOCKET_TLS_{name}": value for name, value in (good | values).items()}, names)


SETTINGS = [
    Setting("JWT: no file", ISSUER, ("jwt.jwks_file is not set", TOGETHER)),
    jwt("no issuer", "good.json", "jwt.issuer is not set", TOGETHER, DOCKET_JWT_ISSUER=""),
    jwt("no audience", "good.json", "jwt.audience is not set", TOGETHER, DOCKET_JWT_AUDIENCE=""),
    jwt("a file that isn't there", "nothing.json", "{folder}/nothing.json", "can't be read"),
    jwt("a folder", "folder", "{folder}/folder", "can't be read"),
    jwt("no JSON", "broken.json", "{folder}/broken.json", "not a JWK Set"),
    jwt("no keys", "empty.json", "{folder}/empty.json", "no key for", "ES256"),
    jwt("a secret", "symmetric.json", "{folder}/symmetric.json", "no key for", "'first'", "a public key"),
    jwt("a key that is none", "off.json", "{folder}/off.json", "no key for", "'first'"),
    jwt("over 1 MiB", "large.json", "{folder}/large.json", "1048576"),
    *(jwt(f"a leeway of {value}", "good.json", f"jwt.leeway_seconds is '{value}'", "from 0 to 300", DOCKET_JWT_LEEWAY_SECONDS=value)
      for value in ("-1", "301", "soon")),
    *(jwt(f"an interval of {value}", "good.json", f"jwt.reload_interval_ms is '{value}'", "from 0 to 86400000",
          DOCKET_JWT_RELOAD_INTERVAL_MS=value) for value in ("-1", "86400001")),
    tls("no key", {"KEY_FILE": ""}, "tls.certificate_file and tls.key_file go together"),
    tls("no certificate", {"CERTIFICATE_FILE": ""}, "tls.certificate_file and tls.key_file go together"),
    tls("another's key", {"KEY_FILE": "{folder}/two.key"}, "{folder}/one.pem", "{folder}/two.key", "belong together"),
    tls("a certificate that isn't there", {"CERTIFICATE_FILE": "{folder}/nothing.pem"}, "{folder}/nothing.pem", "PEM"),
    tls("authorities without TLS", {"CERTIFICATE_FILE": "", "KEY_FILE": "", "CLIENT_CA_FILE": "{folder}/one.pem"},
        "tls.client_ca_file is set without tls.certificate_file"),
    tls("authorities that aren't there", {"CLIENT_CA_FILE": "{folder}/nothing.pem"}, "{folder}/nothing.pem", "PEM"),
    tls("authorities that are none", {"CLIENT_CA_FILE": "{folder}/broken.json"}, "{folder}/broken.json", "PEM"),
    tls("required of nobody", {"CLIENT_CERTIFICATES": "required"}, "'required'", "needs tls.client_ca_file"),
    tls("perhaps", {"CLIENT_CERTIFICATES": "perhaps"}, "'perhaps'", "one of none, optional, required"),
    tls("an interval", {"RELOAD_INTERVAL_MS": "86400001"}, "tls.reload_interval_ms is '86400001'", "from 0 to 86400000"),
    *(Setting(f"registry: an age of {value}", {"DOCKET_REGISTRY_MAX_SNAPSHOT_AGE_SECONDS": value},
              (f"registry.max_snapshot_age_seconds is '{value}'", "from 1 to 31536000")) for value in ("0", "31536001")),
    Setting("event types: a length", {"DOCKET_LIMITS_MAX_TYPE_BYTES": "256"},
            ("limits.max_type_bytes is '256'", "from 16 to 255")),
    Setting("postgres: no string", {"DOCKET_POSTGRES_WRITER": "password=hunter2 colour=red"},
            ("the PostgreSQL connection string can't be read",), secrets=("hunter2",)),
]  # fmt: skip


def write_files(folder: Path, good_keys: str) -> None:
    """The files that the settings name."""
    for name in ("one", "two"):
        make_authority(folder, name)
    (folder / "folder").mkdir()
    for name, text in {
        "good": good_keys, "broken": '{"keys":[', "empty": '{"keys":[]}', "symmetric": json.dumps({"keys": [SYMMETRIC]}),
        "off": json.dumps({"keys": [OFF_THE_CURVE]}), "large": '{"keys":[]}' + " " * (1 << 20),
    }.items():  # fmt: skip
        (folder / f"{name}.json").write_text(text)
