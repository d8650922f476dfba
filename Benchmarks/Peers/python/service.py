"""An audit ingest service in Python: grpc.aio in front of asyncpg. It speaks docket.v1, so that one load generator measures
it and Docket alike."""

import argparse
import asyncio
import hmac
import json
import os
import signal
from pathlib import Path

import grpc
import uvloop
from docket.v1 import collector_pb2, collector_pb2_grpc

from rows import Batch, checked
from writers import CopyWriters, QueueWriter


class CollectorService(collector_pb2_grpc.CollectorServiceServicer):
    """Checks each request and answers it once it is committed."""

    def __init__(self, writers: CopyWriters | QueueWriter, token: str):
        self.writers = writers
        self.authorization = f"Bearer {token}" if token else ""

    async def Publish(self, request, context):
        await self._authorize(context)
        return await self._stored(checked(request))

    async def PublishStream(self, requests, context):
        """Several requests of a stream are in work at the same time; answers go out as commits end."""
        await self._authorize(context)
        answers: asyncio.Queue = asyncio.Queue()
        underway: set[asyncio.Task] = set()

        async def answer(batch: Batch) -> None:
            answers.put_nowait(await self._stored(batch))

        async def receive() -> None:
            async for request in requests:
                task = asyncio.create_task(answer(checked(request)))
                underway.add(task)
                task.add_done_callback(underway.discard)
            await asyncio.gather(*underway)
            answers.put_nowait(None)

        receiver = asyncio.create_task(receive())
        try:
            while (response := await answers.get()) is not None:
                yield response
        finally:
            receiver.cancel()

    async def _authorize(self, context) -> None:
        sent = dict(context.invocation_metadata() or ()).get("authorization", "")
        if self.authorization and not hmac.compare_digest(sent, self.authorization):
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, "the token is unknown")

    async def _stored(self, batch: Batch):
        response = collector_pb2.PublishResponse(sequence=batch.sequence)
        try:
            await self.writers.store(batch)
        except Exception as error:
            response.status.code = grpc.StatusCode.UNAVAILABLE.value[0]
            response.status.message = str(error)
            return response
        response.verdict.accepted_count = len(batch.rows)
        response.verdict.rejections.extend(batch.rejections)
        response.verdict.receipt.batch_id = batch.id
        response.verdict.receipt.durability = collector_pb2.DURABILITY_COMMITTED
        return response


async def serve(options: argparse.Namespace) -> None:
    kinds = {"copy": CopyWriters, "queue": QueueWriter}
    writers = await kinds[options.way].open(options.postgres, options.table, options.writers)
    server = grpc.aio.server(options=[("grpc.max_receive_message_length", 16 << 20)])
    collector_pb2_grpc.add_CollectorServiceServicer_to_server(CollectorService(writers, options.token), server)
    host = options.listen.rsplit(":", 1)[0]
    port = server.add_insecure_port(options.listen)
    await server.start()
    new = Path(options.ready_file + ".new")
    new.write_text(json.dumps({"grpc": f"{host}:{port}", "pid": os.getpid()}))
    new.rename(options.ready_file)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await stop.wait()
    await server.stop(grace=5)
    await writers.close()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("way", choices=("copy", "queue"))
    parser.add_argument("--listen", default="127.0.0.1:0")
    parser.add_argument("--postgres", required=True)
    parser.add_argument("--table", required=True)
    parser.add_argument("--writers", type=int, default=2)
    parser.add_argument("--ready-file", required=True)
    parser.add_argument("--token", default="")
    uvloop.run(serve(parser.parse_args()))


if __name__ == "__main__":
    main()
