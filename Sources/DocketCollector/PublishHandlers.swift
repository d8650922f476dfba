internal import DocketCodec
package import DocketGRPC
internal import DocketModel
internal import DocketRPC
internal import DocketStore
internal import DocketTransport
internal import NIOCore

/// What the publishing methods keep beside an event loop.
final class LoopDecoder {
    let decoder: BatchDecoder

    init(limits: Limits) { self.decoder = BatchDecoder(limits: limits) }
}

extension ServerCallContext {
    /// The decoder of the call's event loop.
    func decoder(limits: Limits) -> BatchDecoder {
        self.connection.loopStorage.object(LoopDecoder.self, make: { LoopDecoder(limits: limits) }).decoder
    }
}

extension Submitter {
    /// On behalf of a call, until its deadline.
    convenience init(of call: ServerCallContext) {
        self.init(deadline: call.deadline.map { ContinuousClock.now + Duration($0 - .now()) })
    }
}

extension ServerCallReference {
    /// The way back to the call's event loop and its decoder. Not taken any more once the call is over.
    func decoding(limits: Limits) -> @Sendable (@escaping @Sendable (BatchDecoder) -> Void) -> Void {
        { body in self.execute { call in body(call.decoder(limits: limits)) } }
    }
}

extension PublishPipeline.Answer {
    /// The `PublishResponse` that answers a `Publish`.
    ///
    /// - Throws: the status that ends the call, when the batch is refused.
    package func reply() throws(GRPCStatus) -> [UInt8] {
        switch self {
        case .verdict(let sequence, let verdict): encodePublishResponse(sequence: sequence, verdict: verdict)
        case .refused(_, let refusal): throw refusal.status
        }
    }

    /// The `PublishResponse` that answers a request on a `PublishStream`, be it refused or not.
    ///
    /// - Throws: the status that ends the stream: without a sequence nobody could tell which batch is meant, and without
    ///   a credential nothing more may come.
    package func streamedReply() throws(GRPCStatus) -> [UInt8] {
        switch self {
        case .verdict(let sequence, let verdict):
            encodePublishResponse(sequence: sequence, verdict: verdict)
        case .refused(let sequence?, let refusal) where refusal.code != .unauthenticated:
            encodePublishResponse(sequence: sequence, status: refusal.status.details)
        case .refused(_, let refusal):
            throw refusal.status
        }
    }
}

/// `docket.v1.CollectorService/Publish`: one batch, one answer.
enum PublishHandler {
    static func make(
        pipeline: PublishPipeline, call: ServerCallContext
    ) throws(GRPCStatus) -> any ServerCallHandler {
        let caller = try pipeline.admit(call)
        let submitter = Submitter(of: call)
        return UnaryHandler(onCancel: { pipeline.withdraw(submitter) }) { message, call in
            let (reference, reservation) = (call.reference, message.reservation)
            let refusal = pipeline.publish(
                message.bytes, caller: caller, decoder: call.decoder(limits: pipeline.limits), by: submitter,
                again: reference.decoding(limits: pipeline.limits), encoded: { reservation.resize(toBytes: $0) }
            ) { answer in
                reservation.release()
                do throws(GRPCStatus) {
                    reference.reply(try answer.reply())
                } catch {
                    reference.finish(error)
                }
            }
            guard let refusal else { return }
            reservation.release()
            do throws(GRPCStatus) {
                call.reply(try refusal.reply())
            } catch {
                call.finish(error)
            }
        }
    }
}

/// `docket.v1.CollectorService/PublishStream`: batches pipelined, each answered on its own. Only a fault of the stream
/// itself ends it.
final class PublishStreamHandler: ServerCallHandler {
    private let pipeline: PublishPipeline
    private let caller: Caller
    private let submitter: Submitter
    private var unanswered = 0
    private var hasEnded = false
    /// What ends the stream before its client does, once the batches that came earlier are answered.
    private var fault: GRPCStatus?

    private init(pipeline: PublishPipeline, caller: Caller, submitter: Submitter) {
        self.pipeline = pipeline
        self.caller = caller
        self.submitter = submitter
    }

    static func make(
        pipeline: PublishPipeline, call: ServerCallContext
    ) throws(GRPCStatus) -> any ServerCallHandler {
        let caller = try pipeline.admit(call)
        let handler = PublishStreamHandler(pipeline: pipeline, caller: caller, submitter: Submitter(of: call))
        call.sendHeaders()
        return handler
    }

    func receive(_ message: InboundMessage, call: ServerCallContext) {
        guard self.fault == nil else { return message.reservation.release() }
        self.unanswered += 1
        let (reference, reservation) = (call.reference, message.reservation)
        // The answer comes back by way of the call's loop, where alone the handler may be touched.
        let handler = NIOLoopBound(self, eventLoop: call.connection.eventLoop)
        let refusal = self.pipeline.publish(
            message.bytes, caller: self.caller, decoder: call.decoder(limits: self.pipeline.limits),
            by: self.submitter, again: reference.decoding(limits: self.pipeline.limits),
            encoded: { reservation.resize(toBytes: $0) }
        ) { answer in
            reservation.release()
            reference.execute { call in handler.value.answer(answer, call: call) }
        }
        guard let refusal else { return }
        reservation.release()
        self.answer(refusal, call: call)
    }

    func receiveEnd(call: ServerCallContext) {
        self.hasEnded = true
        self.finishIfDone(call)
    }

    func cancelled(call: ServerCallContext) { self.pipeline.withdraw(self.submitter) }

    func draining(call: ServerCallContext) {
        self.fault = self.fault ?? PublishRefusal.draining.status
        self.finishIfDone(call)
    }

    private func answer(_ answer: PublishPipeline.Answer, call: ServerCallContext) {
        self.unanswered -= 1
        if case .refused(_, let refusal) = answer { call.refusedMessage(refusal.code) }
        do throws(GRPCStatus) {
            call.send(try answer.streamedReply())
        } catch {
            // What came before may be committed by now, and its answer is owed.
            self.fault = self.fault ?? error
        }
        self.finishIfDone(call)
    }

    private func finishIfDone(_ call: ServerCallContext) {
        guard self.unanswered == 0, self.hasEnded || self.fault != nil else { return }
        call.finish(self.fault ?? .ok)
    }
}
