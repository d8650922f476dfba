import DocketCodec
import DocketGRPC
import DocketMessages
import DocketModel
import DocketRPC
import DocketTestSupport
import DocketTransport
import NIOCore
import NIOPosix
import Synchronization
import Testing

@testable import DocketClient

@Suite("The client, against a collector on loopback", .timeLimit(.minutes(1)))
struct AuditClientTests {
    @Test("fails a batch that the collector's limit ends the stream for, and stores all others")
    func tooLarge() async throws {
        try await FakeCollector.run(maxMessageBytes: 4096, answer: FakeCollector.accept) { collector in
            let client = try collector.client()
            let failed = await withTaskGroup(of: (Int64, ClientError.Code?).self) { group in
                for sequence in 0..<12 as Range<Int64> {
                    let event = Event.numbered(reasonBytes: sequence == 5 || sequence == 6 ? 8000 : 10)
                    group.addTask {
                        do throws(ClientError) {
                            _ = try await client.publish([event], sequence: sequence)
                            return (sequence, nil)
                        } catch {
                            return (sequence, error.code)
                        }
                    }
                }
                return await group.reduce(into: [:]) { $0[$1.0] = $1.1 }
            }
            #expect(failed == [5: .tooLarge, 6: .tooLarge])
            await client.shutdown()
        }
    }

    @Test("gives a batch up that the collector fails on five times, and sends an overloaded one again")
    func refusals() async throws {
        let overloaded = Mutex(3)
        try await FakeCollector.run { sequence, call in
            if sequence == 0 {
                FakeCollector.refuse(sequence, call, .internal)
            } else if overloaded.withLock({
                $0 -= 1
                return $0 >= 0
            }) {
                FakeCollector.refuse(
                    sequence, call, .resourceExhausted, details: [.retryInfo(delay: .milliseconds(1))])
            } else {
                FakeCollector.accept(sequence, call)
            }
        } _: { collector in
            let client = try collector.client()
            let error = await #expect(throws: ClientError.self) {
                try await client.publish([.numbered()], sequence: 0)
            }
            #expect(error?.code == .unavailable)
            #expect(collector.sequences == [0, 0, 0, 0, 0])
            #expect(try await client.publish([.numbered()], sequence: 1).acceptedCount == 1)
            await client.shutdown()
        }
    }

    @Test("keeps no connection whose stream was refused at once")
    func refusedStreams() async throws {
        try await FakeCollector.run(
            refusing: GRPCStatus(.unauthenticated, "no"), answer: FakeCollector.accept
        ) { collector in
            let client = try collector.client { $0.maxAttempts = 1 }
            for sequence in 0..<30 as Range<Int64> {
                let error = await #expect(throws: ClientError.self) {
                    try await client.publish([.numbered()], sequence: sequence)
                }
                #expect(error?.code == .unauthorized)
            }
            // A leaked one would stay, and the time limit end this.
            await until { collector.server.connectionCount == 0 }
            await client.shutdown()
        }
    }

    @Test("flush gives up after its timeout, however short it is")
    func flushTimeout() async throws {
        try await FakeCollector.run(answer: { _, _ in }) { collector in
            let client = try collector.client()
            client.emit(.numbered())
            for _ in 0..<200 {
                let error = await #expect(throws: ClientError.self) { try await client.flush(timeout: .zero) }
                #expect(error?.code == .timedOut)
            }
            await client.shutdown(timeout: .zero)
        }
    }

    @Test("flush returns after onRejection has been called, for each of several that wait")
    func rejections() async throws {
        let rejection = Rejection(index: 0, field: "type", code: .unknownEventType, reason: "unknown")
        try await FakeCollector.run { sequence, call in
            let verdict = FakeCollector.verdict(rejections: [rejection])
            call.send(encodePublishResponse(sequence: sequence, verdict: verdict))
        } _: { collector in
            let told = Log<Rejection>()
            let client = try collector.client {
                $0.maxBatchEvents = 1
                $0.onRejection = { told.append($0) }
            }
            for round in 1...100 {
                client.emit(.numbered())
                async let other: Void = client.flush()
                try await client.flush()
                #expect(told.entries.count == round)
                try await other
            }
            await client.shutdown()
        }
    }

    @Test("a cancelled task stops waiting at once, for publish and for flush")
    func cancellation() async throws {
        try await FakeCollector.run(answer: { _, _ in }) { collector in
            let client = try collector.client()
            let publish = Task { try await client.publish([.numbered()], sequence: 1000) }
            await collector.waitFor(.received(sequence: 1000))
            publish.cancel()
            let unpublished = await #expect(throws: ClientError.self) { try await publish.value }
            #expect(unpublished == .cancelled)

            client.emit(.numbered())
            let flush = Task { try await client.flush(timeout: .seconds(3600)) }
            await collector.waitFor(.received(sequence: 0))
            flush.cancel()
            let unflushed = await #expect(throws: ClientError.self) { try await flush.value }
            #expect(unflushed == .cancelled)
            await client.shutdown(timeout: .zero)
        }
    }

    @Test("a batch that is submitted again while it is under way is sent once, and answered to both")
    func joins() async throws {
        let held = Mutex<ServerCallReference?>(nil)
        try await FakeCollector.run { _, call in
            let reference = call.reference
            held.withLock { $0 = reference }
        } _: { collector in
            let publisher = try Publisher(
                collector.configuration(), group: MultiThreadedEventLoopGroup.singleton, metrics: ClientMetrics())
            func batch(_ number: UInt64) -> SealedBatch {
                SealedBatch(
                    events: [.numbered(number)], tenant: "", producerID: ProducerID(high: 0, low: 1), sequence: 3)
            }
            let answers = (0..<3).map { _ in OneAnswer<Result<Verdict, ClientError>>() }
            publisher.submit(batch(1)) { answers[0].settle($1) }
            await collector.waitFor(.received(sequence: 3))
            publisher.submit(batch(1)) { answers[1].settle($1) }
            publisher.submit(batch(2)) { answers[2].settle($1) }
            held.withLock { $0 }?.execute { FakeCollector.accept(3, $0) }
            for answer in answers[..<2] { #expect(try await answer.value().get().acceptedCount == 1) }
            let other = await #expect(throws: ClientError.self) { try await answers[2].value().get() }
            #expect(other?.code == .refused)
            #expect(collector.sequences == [3])
            await publisher.shutDown()
        }
    }

    @Test("shuts down within its timeout and a moment, though the collector answers nothing and ends nothing")
    func silentCollector() async throws {
        try await FakeCollector.run(answer: { _, _ in }) { collector in
            let client = try collector.client()
            client.emit(.numbered())
            let (started, continuation) = AsyncStream.makeStream(of: Void.self)
            let shutdown = Task {
                await collector.waitFor(.received(sequence: 0))
                continuation.finish()
                await client.shutdown(timeout: .milliseconds(10))
            }
            for await _ in started {}
            // One that waited for the collector would run into the time limit.
            await shutdown.value
            #expect(client.droppedCount == 1)
        }
    }

    @Test("shuts down though what listens there never speaks HTTP/2")
    func muteListener() async throws {
        let listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .bind(host: "127.0.0.1", port: 0).get()
        let port = try #require(listener.localAddress?.port)
        let client = try AuditClient(.init(target: "127.0.0.1:\(port)", token: "t"))
        client.emit(.numbered())
        // One that waited for the listener would run into the time limit.
        await client.shutdown(timeout: .milliseconds(10))
        #expect(client.droppedCount == 1)
        try await listener.close()
    }

    @Test("a client that is released closes its socket, and says what it lost")
    func release() async throws {
        try await FakeCollector.run(answer: FakeCollector.accept) { collector in
            let lines = Log<String>()
            do {
                let client = try collector.client(logger: KeepingLogHandler.logger(lines)) {
                    $0.lingerMilliseconds = 60_000
                }
                client.emit(.numbered(1))
                try await client.flush()
                client.emit(.numbered(2))
                client.emit(.numbered(3))
            }
            await collector.waitFor(.cancelled)
            #expect(lines.entries == ["2 \(DropTally.Reason.abandoned.text)"])
        }
    }

    @Test("says that events came after the shutdown")
    func emitAfterShutdown() async throws {
        try await FakeCollector.run(answer: FakeCollector.accept) { collector in
            let lines = Log<String>()
            do {
                let client = try collector.client(logger: KeepingLogHandler.logger(lines))
                await client.shutdown()
                for _ in 0..<3 { client.emit(.numbered()) }
                #expect(client.droppedCount == 3)
            }
            #expect(lines.entries == ["3 \(DropTally.Reason.shutDown.text)"])
        }
    }
}
