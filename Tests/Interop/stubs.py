"""Python stubs of Protos/, generated anew by every test run into a temporary folder."""

import atexit
import shutil
import sys
import tempfile
from pathlib import Path

import grpc_tools
from grpc_tools import protoc

ROOT = Path(__file__).resolve().parents[2]
PROTOS = ROOT / "Protos"
# google/protobuf/*.proto as grpcio-tools ships them.
WELL_KNOWN = Path(grpc_tools.__file__).parent / "_proto"


def proto_files() -> list[str]:
    """The files of Protos/, relative to it."""
    return sorted(str(path.relative_to(PROTOS)) for path in PROTOS.rglob("*.proto"))


def run_protoc(*arguments: str) -> None:
    """Runs the protoc inside grpcio-tools."""
    if protoc.main(["protoc", *arguments]) != 0:
        raise RuntimeError(f"protoc failed: {' '.join(arguments)}")


def generate() -> Path:
    """Generates the stubs and puts their folder on the module path. The folder is deleted when the process ends.

    Those of gRPC's own services and of google.rpc come with grpcio's packages: a folder `grpc` here would hide grpcio
    itself, and no message can be known twice.
    """
    own = [name for name in proto_files() if not name.startswith(("grpc/", "google/"))]
    folder = Path(tempfile.mkdtemp(prefix="docket-stubs-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    run_protoc(
        f"-I{PROTOS}", f"-I{WELL_KNOWN}", f"--python_out={folder}", f"--grpc_python_out={folder}", *own
    )
    sys.path.insert(0, str(folder))
    return folder
