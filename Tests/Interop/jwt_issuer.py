"""Whoever signs JWTs, and the file in which the collector finds the public keys."""

import json
import shutil
import time
from pathlib import Path

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

# Longer than any run of the tests.
DAY_SECONDS = 86_400

ISSUER = "https://login.acme.example"
AUDIENCE = "docket"


class Issuer:
    """The keys of an issuer, and the file in which the collector finds the public ones."""

    def __init__(self, folder: Path):
        self.file = folder / "jwks.json"
        self.keys: dict[str, tuple[str, object]] = {}

    def add(self, kid: str, algorithm: str = "ES256") -> None:
        if algorithm == "EdDSA":
            key = ed25519.Ed25519PrivateKey.generate()
        elif algorithm.startswith("ES"):
            curves = {"ES256": ec.SECP256R1, "ES384": ec.SECP384R1, "ES512": ec.SECP521R1}
            key = ec.generate_private_key(curves[algorithm]())
        else:
            key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.keys[kid] = (algorithm, key)

    def write(self) -> None:
        """Replaces the file, as whoever fetches it should."""
        kinds = {"E": ECAlgorithm, "R": RSAAlgorithm, "P": RSAAlgorithm}
        keys = []
        for kid, (algorithm, key) in self.keys.items():
            kind = OKPAlgorithm if algorithm == "EdDSA" else kinds[algorithm[0]]
            keys.append(json.loads(kind.to_jwk(key.public_key())) | {"kid": kid, "alg": algorithm, "use": "sig"})
        self.replace(json.dumps({"keys": keys}))

    def replace(self, text: str) -> None:
        new = self.file.with_suffix(".new")
        new.write_text(text)
        shutil.move(new, self.file)

    def token(self, subject: str, kid: str = "first", seconds: float = DAY_SECONDS, **claims: object) -> str:
        """A JWT for a subject, good for so long; a claim that is None is left out."""
        algorithm, key = self.keys[kid]
        return jwt.encode(payload(subject, seconds, **claims), key, algorithm, headers={"kid": kid})


def payload(subject: str, seconds: float = DAY_SECONDS, **claims: object) -> dict[str, object]:
    now = time.time()
    chosen = {"iss": ISSUER, "sub": subject, "aud": AUDIENCE, "iat": now, "exp": now + seconds} | claims
    return {name: value for name, value in chosen.items() if value is not None}
