"""Emits events and says what became of them. Ends with 1 unless all are stored.

Usage: DOCKET_TOKEN=dkt_… emit.py HOST:PORT [--count N] [--ca-file FILE]
"""

import argparse
import dataclasses
import json
import logging
import os
import sys
from pathlib import Path

import grpc
from docket.v1.event_pb2 import OUTCOME_SUCCESS, Actor, Event, Resource

from docket_emitter import Emitter


def main() -> int:
    parser = argparse.ArgumentParser(description="Emits events and says what became of them.")
    parser.add_argument("target", help="HOST:PORT of the collector")
    parser.add_argument("--count", type=int, default=10, help="how many events; 10 by default")
    parser.add_argument("--ca-file", type=Path, help="PEM file of the authorities to trust; without it nothing is encrypted")
    options = parser.parse_args()
    logging.basicConfig(format="%(levelname)s %(message)s")
    credentials = grpc.ssl_channel_credentials(options.ca_file.read_bytes()) if options.ca_file else None

    with Emitter(options.target, os.environ.get("DOCKET_TOKEN", ""), credentials=credentials) as emitter:
        for number in range(options.count):
            emitter.emit(
                Event(
                    type="audit.event",
                    actor=Actor(kind="user", id="alice"),
                    action="read",
                    resource=Resource(type="document", id=str(number)),
                    outcome=OUTCOME_SUCCESS,
                    source="Examples/python",
                )
            )
    print(json.dumps(dataclasses.asdict(emitter.counters)))
    return 0 if emitter.counters.committed == options.count else 1


if __name__ == "__main__":
    sys.exit(main())
