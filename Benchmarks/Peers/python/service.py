"""The gRPC service of one process: grpc.aio in front of the writers."""

import argparse
import asyncio
import gc
import hmac
import signal
from collections.abc import Callable

import grpc
import uvloop
from docket.v1 import collector_pb2, collector_pb2_grpc

from rows import Batch, BatchNumbers, checked
from writers import CopyWriters, QueueWriters, is_fault_of_data

MAX_MESSAGE_BYTES = 16 << 20
# Events that one request may hold, as the protocol has it.
MAX_BATCH_EVENTS = 10_000
# Requests that one stream may have in work: more wait in its flow-control window.
MAX_UNDERWAY = 64
# How long what is under way may take once the service is to end.
STOP_SECONDS = 10
GC_THRESHOLDS = (100_000, 20, 20)

UNAVAILABLE, INVALID_ARGUMENT = grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.INVALID_ARGUMENT


class CollectorService(collector_pb2_grpc.CollectorServiceServicer):
    """Checks each request and answers it once it is committed."""

    def __init__(self, writers: CopyWriters | QueueWriters, token: str, worker: int):
        self._writers = writers
        self._authorization = f"Bearer {token}".encode() if token else b""
        self._numbers = BatchNumbers(worker)
        self._streams: set["Stream"] = set()
        self._is_stopping = False

    async def Publish(self, request, context):
        await self._authorize(context)
        answer = asyncio.get_running_loop().create_future()
        # A caller that has gone has cancelled it.
        await self.submit(request, lambda response: answer.done() or answer.set_result(response))
        response = await answer
        if response.HasField("status"):
            await context.abort(_CODES[response.status.code], response.status.message)
        return response

    async def PublishStream(self, requests, context):
        await self._authorize(context)
        stream = Stream(self, requests, context)
        self._streams.add(stream)
        try:
            if not self._is_stopping:
                await stream.serve()
        finally:
            self._streams.discard(stream)
        if self._is_stopping:
            await context.abort(UNAVAILABLE, "the service is shutting down")

    async def submit(self, request, answer: Callable) -> None:
        """Sees to it that the request gets its answer; waits while the queue is full."""
        count = len(request.events)
        if not 0 < count <= MAX_BATCH_EVENTS:
            reason = f"{count} events; 1 to {MAX_BATCH_EVENTS} are allowed"
            answer(refusal(request.sequence, INVALID_ARGUMENT, reason))
            return
        batch = checked(request, self._numbers.next())
        await self._writers.submit(batch, lambda error: answer(response_to(batch, error)))

    def stop(self) -> None:
        """Takes no further request of any stream; each ends when what it has under way is answered."""
        self._is_stopping = True
        for stream in self._streams:
            stream.drain()

    async def _authorize(self, context) -> None:
        if not self._authorization:
            return
        for name, value in context.invocation_metadata() or ():
            if name == "authorization" and hmac.compare_digest(value.encode(), self._authorization):
                return
        await context.abort(grpc.StatusCode.UNAUTHENTICATED, "the token is unknown")


class Stream:
    """Receives while earlier batches are committed; answers go out in the order of the commits."""

    def __init__(self, service: CollectorService, requests, context):
        self._service = service
        self._requests = requests
        self._context = context
        # Each request holds a slot until its answer is sent, so that there are never more answers than slots.
        self._slots = asyncio.Semaphore(MAX_UNDERWAY)
        self._answers: asyncio.Queue = asyncio.Queue()
        self._drainer: asyncio.Task | None = None

    async def serve(self) -> None:
        """Until the client has closed its side, or the stream is drained. Raises what receiving raises."""
        receiver = asyncio.create_task(self._receive())
        try:
            while (response := await self._answers.get()) is not None:
                await self._context.write(response)
                self._slots.release()
            if receiver.done():
                receiver.result()
        finally:
            # Of a stream that has broken off, what is queued is stored all the same; its answers find nobody.
            tasks = [task for task in (receiver, self._drainer) if task]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def drain(self) -> None:
        """Ends the stream once every answer is sent."""
        if self._drainer is None:
            self._drainer = asyncio.create_task(self._drain())

    async def _receive(self) -> None:
        try:
            async for request in self._requests:
                await self._slots.acquire()
                await self._service.submit(request, self._answers.put_nowait)
        finally:
            self.drain()

    async def _drain(self) -> None:
        # Having all slots means that every answer is sent, and that the receiver can't go on.
        for _ in range(MAX_UNDERWAY):
            await self._slots.acquire()
        self._answers.put_nowait(None)


def response_to(batch: Batch, error: Exception | None):
    """The answer to a batch, once its transaction has ended."""
    if error is not None:
        return refusal(batch.sequence, INVALID_ARGUMENT if is_fault_of_data(error) else UNAVAILABLE, str(error))
    response = collector_pb2.PublishResponse(sequence=batch.sequence)
    verdict = response.verdict
    verdict.accepted_count = len(batch.rows)
    if batch.rejections:
        verdict.rejections.extend(batch.rejections)
    receipt = verdict.receipt
    receipt.batch_id = batch.id
    receipt.durability = collector_pb2.DURABILITY_COMMITTED
    receipt.received_at_us = batch.received_at_us
    return response


def refusal(sequence: int, code: grpc.StatusCode, message: str):
    """The answer to a batch that is refused as a whole."""
    response = collector_pb2.PublishResponse(sequence=sequence)
    response.status.code, response.status.message = code.value[0], message
    return response


_CODES = {code.value[0]: code for code in grpc.StatusCode}


async def serve(options: argparse.Namespace, worker: int, on_ready: Callable[[int], None]) -> None:
    """Until SIGTERM or SIGINT. Tells the port once it serves."""
    kinds = {"copy": CopyWriters, "queue": QueueWriters}
    writers = await kinds[options.way].open(options.postgres, options.table, options.writers)
    server = grpc.aio.server(options=[("grpc.max_receive_message_length", MAX_MESSAGE_BYTES)])
    service = CollectorService(writers, options.token, worker)
    collector_pb2_grpc.add_CollectorServiceServicer_to_server(service, server)
    port = server.add_insecure_port(options.listen)
    await server.start()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    on_ready(port)
    await stop.wait()
    service.stop()
    # A client that doesn't read its answers can't keep the service from ending.
    await server.stop(STOP_SECONDS)
    await writers.close()


def run(options: argparse.Namespace, worker: int, on_ready: Callable[[int], None]) -> None:
    # Rows are many and in no cycles: the collector needn't look at each several times.
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    uvloop.run(serve(options, worker, on_ready))
