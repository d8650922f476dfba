"""A collector that answers the first page of a query and never the second: run as a program, it prints its address."""

import sys
from concurrent import futures

import grpc
import stubs

EVENTS = 100


def main() -> None:
    stubs.generate()
    from docket.v1 import audit_log_pb2, audit_log_pb2_grpc

    from events import event

    class StallingLog(audit_log_pb2_grpc.AuditLogServiceServicer):
        def Query(self, request: audit_log_pb2.QueryRequest, context: grpc.ServicerContext) -> audit_log_pb2.QueryResponse:
            if request.page_token:
                print("asked for more", flush=True)
                # Until whoever has started this closes its input.
                sys.stdin.read()
                context.abort(grpc.StatusCode.UNAVAILABLE, "ended")
            stored = [
                audit_log_pb2.StoredEvent(event=event(), tenant="default", batch_id=1, position=position)
                for position in range(EVENTS)
            ]
            return audit_log_pb2.QueryResponse(events=stored, next_page_token=b"more")

    server = grpc.server(futures.ThreadPoolExecutor(max_workers=4))
    audit_log_pb2_grpc.add_AuditLogServiceServicer_to_server(StallingLog(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(f"127.0.0.1:{port}", flush=True)
    server.wait_for_termination()


if __name__ == "__main__":
    main()
