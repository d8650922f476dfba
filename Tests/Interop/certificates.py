"""Certificates of authorities made for a test."""

import subprocess
from pathlib import Path

SERVER_NAMES = "IP:127.0.0.1,DNS:localhost"
# Kinds of keys, as `openssl req -newkey` knows them.
P256, RSA = ("ec", "-pkeyopt", "ec_paramgen_curve:P-256"), ("rsa:2048",)


def openssl(*arguments: str | Path) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True, timeout=60)


def make_authority(folder: Path, name: str) -> Path:
    path = folder / f"{name}.pem"
    openssl(
        "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
        "-subj", f"/CN={name}", "-keyout", folder / f"{name}.key", "-out", path,
        "-addext", "keyUsage=critical,keyCertSign", "-addext", "basicConstraints=critical,CA:TRUE",
    )  # fmt: skip
    return path


def sign(
    folder: Path,
    authority: Path,
    name: str,
    subject: str = "/CN=localhost",
    names: str | None = SERVER_NAMES,
    usage: str = "serverAuth",
    days: int = 2,
    kind: tuple[str, ...] = P256,
) -> tuple[Path, Path]:
    """A certificate and its key: by default for a server at 127.0.0.1 and localhost."""
    key, signing_request, certificate = (folder / f"{name}.{suffix}" for suffix in ("key", "csr", "pem"))
    openssl(
        "req", "-newkey", *kind, "-nodes", "-subj", subject, "-utf8", "-keyout", key, "-out", signing_request,
    )  # fmt: skip
    extensions = folder / f"{name}.extensions"
    alternative = f"subjectAltName={names}\n" if names else ""
    extensions.write_text(f"{alternative}extendedKeyUsage={usage}\n")
    openssl(
        "x509", "-req", "-in", signing_request, "-CA", authority, "-CAkey", authority.with_suffix(".key"),
        "-CAcreateserial", "-days", str(days), "-extfile", extensions, "-out", certificate,
    )  # fmt: skip
    return certificate, key
