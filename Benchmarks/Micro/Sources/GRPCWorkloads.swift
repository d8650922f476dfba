import DocketGRPC

/// Messages in and out of their 5-byte prefixes.
enum GRPCWorkloads {
    static let all = [
        Benchmark(name: "grpc/deframe-batch", unit: .event, operations: Sample.batchEvents) {
            DeframeWorkload(messages: [Sample.request(Sample.events())])
        },
        Benchmark(name: "grpc/deframe-singles", unit: .request, operations: Sample.singleRequests) {
            DeframeWorkload(messages: Sample.singles())
        },
        Benchmark(name: "grpc/frame-singles", unit: .request, operations: Sample.singleRequests) {
            let messages = Sample.singles()
            return ClosureWorkload { for message in messages { keep(MessageFraming.frame(message)) } }
        },
        Benchmark(name: "grpc/write-prefix", unit: .request, operations: Sample.singleRequests) {
            var frame = MessageFraming.frame(Sample.request(Sample.events()))
            return ClosureWorkload {
                for _ in 0..<Sample.singleRequests { MessageFraming.writePrefix(into: &frame) }
            }
        },
    ]
}

/// One stream's messages, in the pieces in which DATA frames bring them.
private final class DeframeWorkload: Workload {
    private static let pieceBytes = 16 * 1024

    private let pieces: [[UInt8]]
    private let messageCount: Int

    init(messages: [[UInt8]]) {
        let stream = messages.flatMap { MessageFraming.frame($0) }
        self.messageCount = messages.count
        self.pieces = stride(from: 0, to: stream.count, by: Self.pieceBytes).map {
            Array(stream[$0..<min($0 + Self.pieceBytes, stream.count)])
        }
    }

    func run() throws {
        var deframer = MessageDeframer(maxMessageBytes: 4 * 1024 * 1024)
        var found = 0
        for piece in self.pieces {
            unsafe piece.withUnsafeBytes { unsafe deframer.receivedData($0) }
            while let action = deframer.next() {
                switch action {
                case .reserve: deframer.reservationGranted()
                case .message(let message, _):
                    keep(message)
                    found += 1
                case .end, .fail: throw WorkloadFault("the deframer stopped: \(action)")
                }
            }
        }
        guard found == self.messageCount else {
            throw WorkloadFault("\(found) of \(self.messageCount) messages came out of the deframer")
        }
    }
}
