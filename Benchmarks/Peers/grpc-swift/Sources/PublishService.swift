import DocketCollector
import DocketGRPC
import DocketRegistry
import GRPCCore

/// `docket.v1.CollectorService` by the names of grpc-swift: bytes go straight into the pipeline, and its answers out.
struct PublishService: Sendable {
    private let pipeline: PublishPipeline
    private let decoders: DecoderPool

    init(pipeline: PublishPipeline) {
        self.pipeline = pipeline
        self.decoders = DecoderPool(limits: pipeline.limits)
    }

    /// Adds both methods. The transport is a parameter so that the compiler makes code for the one that is used.
    func register<Transport: ServerTransport>(with router: inout RPCRouter<Transport>) {
        let service = ServiceDescriptor(fullyQualifiedService: CollectorMethods.service)
        router.registerHandler(
            forMethod: MethodDescriptor(service: service, method: "Publish", type: .unary),
            deserializer: RawBytes(), serializer: RawBytes()
        ) { request, _ in
            try await self.publish(request)
        }
        router.registerHandler(
            forMethod: MethodDescriptor(service: service, method: "PublishStream", type: .bidirectionalStreaming),
            deserializer: RawBytes(), serializer: RawBytes()
        ) { request, _ in
            try self.publishStream(request)
        }
    }

    /// One batch, one answer.
    private func publish(_ request: StreamingServerRequest<[UInt8]>) async throws -> StreamingServerResponse<[UInt8]> {
        let caller = try self.admitted(request.metadata)
        let message = try await ServerRequest(stream: request).message
        let answer = await withCheckedContinuation { continuation in
            self.submit(message, caller: caller) { continuation.resume(returning: $0) }
        }
        return StreamingServerResponse(single: ServerResponse(message: try answer.reply()))
    }

    /// Batches pipelined, each answered on its own.
    private func publishStream(_ request: StreamingServerRequest<[UInt8]>) throws -> StreamingServerResponse<[UInt8]> {
        let caller = try self.admitted(request.metadata)
        return StreamingServerResponse { writer in
            let exchange = StreamExchange()
            try await withRPCCancellationHandler {
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask {
                        await exchange.read(request.messages) { message, answer in
                            self.submit(message, caller: caller, answer: answer)
                        }
                    }
                    try await exchange.write(to: writer)
                    // A stream that ends by a fault is not read any further.
                    group.cancelAll()
                }
            } onCancelRPC: {
                exchange.end(
                    GRPCStatus(.unavailable, "the call was cancelled, or the server is being shut down; try again"))
            }
            return [:]
        }
    }

    /// Who calls, by a token that is known.
    private func admitted(_ metadata: Metadata) throws -> Caller {
        let caller: Caller
        do throws(PublishRefusal) {
            caller = .token(try AccessToken(authorization: metadata[stringValues: "authorization"].first { _ in true }))
        } catch {
            throw error.status
        }
        try self.pipeline.admit(caller)
        return caller
    }

    private func submit(
        _ message: [UInt8], caller: Caller, answer: @escaping @Sendable (PublishPipeline.Answer) -> Void
    ) {
        self.decoders.withDecoder { decoder in
            let refusal = self.pipeline.publish(message, caller: caller, decoder: decoder, answer: answer)
            if let refusal { answer(refusal) }
        }
    }
}
