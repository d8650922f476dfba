import DocketClient
import DocketCodec
import DocketCollector
import DocketGRPC
import DocketHeaders
import DocketMessages
import DocketModel
import DocketRPC
import DocketTransport
import NIOPosix

/// Reads the log over gRPC.
struct AuditLogReader {
    private let connection: ClientConnection
    private let profile: Profile

    /// Connects to the profile's collector.
    init(_ profile: Profile) async throws {
        guard let address = TransportAddress(parsing: profile.address) else {
            throw CommandError(
                .usage, "the address is '\(profile.address)'; it must be HOST:PORT, such as 127.0.0.1:7480")
        }
        self.profile = profile
        do {
            let certificate = profile.clientFiles.map {
                ClientCertificateFiles(certificateFile: $0.certificate, privateKeyFile: $0.key)
            }
            let tls = profile.usesTLS ? ClientTLS(trustFile: profile.caFile, clientCertificate: certificate) : nil
            var limits = ClientConnectionLimits()
            // A long answer must not wait for a collector that has gone without a word.
            limits.keepalive = KeepalivePace(interval: .seconds(30))
            self.connection = try await ClientConnection.connect(
                to: address, tls: tls, limits: limits, group: MultiThreadedEventLoopGroup.singleton)
        } catch {
            throw CommandError(.unavailable, error.message, cause: error.cause)
        }
    }

    /// One page.
    private func page(
        _ request: QueryRequestMessage
    ) async throws -> (events: [StoredEvent], next: [UInt8], count: Int64?) {
        try await self.unary(AuditLogMethods.query, request.serialized()) { reply in
            let page = try QueryResponseMessage(serialized: reply)
            return (try page.events.map(Self.storedEvent), page.nextPageToken, page.count)
        }
    }

    /// How many events there are. Where the request names no tenant, the profile's is meant.
    func stats(_ request: StatsRequestMessage) async throws -> StatsResponseMessage {
        var request = request
        if !request.isOfAllTenants { request.tenant = self.profile.tenant ?? "" }
        return try await self.unary(AuditLogMethods.stats, request.serialized()) { reply in
            try StatsResponseMessage(serialized: reply)
        }
    }

    private func unary<Answer>(
        _ method: String, _ message: [UInt8], _ read: ([UInt8]) throws -> Answer
    ) async throws -> Answer {
        do {
            let options = ClientCallOptions(metadata: self.metadata, timeout: .seconds(60))
            return try read(try await self.connection.unary(method, message, options: options))
        } catch let status as GRPCStatus {
            throw CommandError(ClientError(status: status))
        } catch {
            throw CommandError(
                .software, "the collector's answer can't be read; is it of another version?", cause: error)
        }
    }

    private var metadata: HeaderList {
        self.profile.token.map { HeaderList(["authorization": "Bearer \($0)"]) } ?? HeaderList()
    }

    /// One call for a part of the log: hands over each message's events, and says what has been read.
    ///
    /// - Throws: `GRPCStatus` when the call ends otherwise than with its summary.
    func export(
        _ request: ExportRequestMessage, _ body: (_ events: [StoredEvent], _ next: LogPosition) throws -> Void
    ) async throws -> ExportResponseMessage.Summary {
        var request = request
        request.tenant = self.profile.tenant ?? ""
        let stream = self.connection.openStream(
            AuditLogMethods.export, options: ClientCallOptions(metadata: self.metadata))
        try await stream.send(request.serialized())
        stream.end()
        for try await message in stream.messages {
            let part = try ExportResponseMessage(serialized: message)
            try body(try part.events.map(Self.storedEvent), part.next)
            if let summary = part.summary { return summary }
        }
        throw GRPCStatus(.unavailable, "the export ended without its summary")
    }

    /// Follows the log: hands over each message's events, how many were missed before them, and where to go on. Never returns
    /// but by what `body` throws, or by a `GRPCStatus`.
    func tail(
        _ request: TailRequestMessage,
        _ body: (_ events: [StoredEvent], _ missedCount: Int64, _ next: LogPosition) throws -> Void
    ) async throws {
        var request = request
        request.tenant = self.profile.tenant ?? ""
        let stream = self.connection.openStream(
            AuditLogMethods.tail, options: ClientCallOptions(metadata: self.metadata))
        try await stream.send(request.serialized())
        stream.end()
        for try await message in stream.messages {
            let part = try TailResponseMessage(serialized: message)
            try body(try part.events.map(Self.storedEvent), part.missedCount, part.next)
        }
        throw GRPCStatus(.unavailable, "the collector ended the stream")
    }

    private static func storedEvent(_ message: StoredEventMessage) throws -> StoredEvent {
        StoredEvent(
            event: try decodeEvent(message.event), tenant: message.tenant, receivedAt: message.receivedAt,
            batchID: message.batchID, position: Int32(clamping: message.position), logIndex: message.logIndex)
    }

    /// Calls `body` with each event in turn.
    ///
    /// - Parameters:
    ///   - request: Of which tenants, which events, and in which order. Where it names no tenant, the profile's is meant.
    ///   - limit: At most so many; `nil` for all.
    /// - Returns: How many match in all, when the request asks for that.
    func forEach(
        _ request: QueryRequestMessage, limit: Int?, _ body: (StoredEvent) throws -> Void
    ) async throws -> Int64? {
        var request = request
        if !request.isOfAllTenants { request.tenant = self.profile.tenant ?? "" }
        var left = limit ?? Int.max
        var count: Int64?
        repeat {
            request.pageSize = min(left, QueryRequestMessage.maxPageSize)
            let page = try await self.page(request)
            for event in page.events { try body(event) }
            left -= page.events.count
            request.pageToken = page.next
            count = count ?? page.count
        } while !request.pageToken.isEmpty && left > 0
        return count
    }

    func close() async { await self.connection.shutDown() }

    /// Lets the connection go without waiting for it.
    func abandon() { self.connection.closeNow() }
}
