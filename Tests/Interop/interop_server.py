"""The server of gRPC's interoperability tests, and the messages of its protocol."""

import json
import os
import subprocess
import tempfile
from pathlib import Path

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from collector import BINARY
from stubs import ROOT, run_protoc

PROGRAM = Path(os.environ.get("DOCKET_INTEROP_SERVER", BINARY.with_name("interop-server")))
PROTOS = ROOT / "Tests" / "InteropServer" / "Protos"
STOP_DEADLINE_SECONDS = 60


class InteropServer:
    """A running server."""

    # What a RawConnection sends as credential; nobody asks for one here.
    token = "none"

    def __init__(self, *flags: str | Path):
        if not PROGRAM.exists() and not os.environ.get("CI"):
            pytest.skip(f"there is no {PROGRAM}: build it, or name another by DOCKET_INTEROP_SERVER")
        self.process = subprocess.Popen([PROGRAM, *flags], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        # An end without a line is an empty line.
        line = self.process.stdout.readline()
        assert line, f"{PROGRAM.name} ended with code {self.process.wait(STOP_DEADLINE_SECONDS)}"
        self.port: int = json.loads(line)["port"]
        self.host_and_port = ("127.0.0.1", self.port)
        self.address = f"127.0.0.1:{self.port}"

    def stop(self) -> int:
        """Ends it by the end of its input, and returns its exit code."""
        self.process.stdin.close()
        try:
            return self.process.wait(STOP_DEADLINE_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        finally:
            self.process.stdout.close()


def _messages() -> dict[str, type]:
    """The message classes by their names. Made without modules: one named `grpc.testing` would hide grpcio itself."""
    with tempfile.TemporaryDirectory() as folder:
        found = Path(folder, "descriptors")
        run_protoc(f"-I{PROTOS}", f"--descriptor_set_out={found}", "--include_imports", "grpc/testing/test.proto")
        files = descriptor_pb2.FileDescriptorSet.FromString(found.read_bytes()).file
    pool = descriptor_pool.DescriptorPool()
    for file in files:
        pool.AddSerializedFile(file.SerializeToString())
    return {
        message.name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"grpc.testing.{message.name}"))
        for file in files
        for message in file.message_type
    }


MESSAGES = _messages()
Empty = MESSAGES["Empty"]
SimpleRequest = MESSAGES["SimpleRequest"]
SimpleResponse = MESSAGES["SimpleResponse"]
StreamingInputCallRequest = MESSAGES["StreamingInputCallRequest"]
StreamingInputCallResponse = MESSAGES["StreamingInputCallResponse"]
StreamingOutputCallRequest = MESSAGES["StreamingOutputCallRequest"]
StreamingOutputCallResponse = MESSAGES["StreamingOutputCallResponse"]
