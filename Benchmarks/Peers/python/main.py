"""An audit ingest service in Python: grpc.aio in front of asyncpg. It speaks docket.v1, so that one load generator measures
it and Docket alike. Python code runs on one processor at a time in a process, so there are several, which share the port."""

import argparse
import json
import multiprocessing
import multiprocessing.connection
import os
import signal
import socket
import sys
from pathlib import Path


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("way", choices=("copy", "queue"))
    parser.add_argument("--listen", default="127.0.0.1:0")
    parser.add_argument("--postgres", required=True)
    parser.add_argument("--table", required=True)
    parser.add_argument("--writers", type=int, default=2, help="database connections, over all processes")
    parser.add_argument("--processes", type=int, default=len(os.sched_getaffinity(0)), help="at most one a writer")
    parser.add_argument("--ready-file", required=True)
    parser.add_argument("--token", default="")
    options = parser.parse_args()
    processes = max(1, min(options.processes, options.writers))
    host, _, port = options.listen.rpartition(":")
    # Holds the port, which the kernel shares out among those that listen to it; this socket doesn't listen.
    with socket.socket() as reserved:
        reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        reserved.bind((host, int(port)))
        options.listen = f"{host}:{reserved.getsockname()[1]}"
        return supervise(options, processes)


def supervise(options: argparse.Namespace, processes: int) -> int:
    """Starts the workers and passes SIGTERM on; when one ends by itself, all do. 0 when all have ended well."""
    workers: list[multiprocessing.Process] = []
    is_stopping = False

    def stop(*_: object) -> None:
        nonlocal is_stopping
        if not is_stopping:
            is_stopping = True
            for worker in workers:
                worker.terminate()

    context = multiprocessing.get_context("fork")
    signals = {signal.SIGTERM, signal.SIGINT}
    # They wait until they can be passed on.
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    ready = []
    for index in range(processes):
        options_of_it = argparse.Namespace(**vars(options))
        options_of_it.writers = options.writers // processes + (index < options.writers % processes)
        receiver, sender = context.Pipe(duplex=False)
        worker = context.Process(target=work, args=(options_of_it, index, sender))
        worker.start()
        sender.close()
        workers.append(worker)
        ready.append(receiver)
    for number in signals:
        signal.signal(number, stop)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, signals)
    try:
        for receiver in ready:
            receiver.recv()
        write_ready_file(Path(options.ready_file), options.listen)
    except EOFError:
        # One has ended before it served.
        stop()
    multiprocessing.connection.wait([worker.sentinel for worker in workers])
    if not is_stopping:
        print("a worker has ended by itself", file=sys.stderr)
        stop()
    for worker in workers:
        worker.join()
    # Asked once more, it still ends with the code that tells how the workers ended.
    for number in signals:
        signal.signal(number, signal.SIG_IGN)
    return int(any(worker.exitcode != 0 for worker in workers))


def work(options: argparse.Namespace, index: int, sender: multiprocessing.connection.Connection) -> None:
    """One worker."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGTERM, signal.SIGINT))
    # After the fork: gRPC's threads don't outlive one, and the supervisor needs none of this.
    import service

    service.run(options, index, lambda _: sender.send(True))


def write_ready_file(file: Path, address: str) -> None:
    """In one step, so that nobody reads half of it."""
    new = file.with_name(file.name + ".new")
    new.write_text(json.dumps({"grpc": address, "pid": os.getpid()}))
    new.rename(file)


if __name__ == "__main__":
    raise SystemExit(main())
