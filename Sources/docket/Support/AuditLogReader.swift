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
            self.connection = try await ClientConnection.connect(
                to: address, tls: tls, group: MultiThreadedEventLoopGroup.singleton)
        } catch {
            throw CommandError(.unavailable, error.message, cause: error.cause)
        }
    }

    /// One page.
    func page(
        _ filter: EventFilter, order: EventOrder, size: Int, token: [UInt8]
    ) async throws -> (events: [StoredEvent], next: [UInt8]) {
        let request = QueryRequestMessage(
            tenant: self.profile.tenant ?? "", filter: filter, order: order, pageSize: size, pageToken: token)
        let metadata = self.profile.token.map { HeaderList(["authorization": "Bearer \($0)"]) } ?? HeaderList()
        do {
            let reply = try await self.connection.unary(
                AuditLogMethods.query, request.serialized(),
                options: ClientCallOptions(metadata: metadata, timeout: .seconds(60)))
            let page = try QueryResponseMessage(serialized: reply)
            return (try page.events.map(Self.storedEvent), page.nextPageToken)
        } catch let status as GRPCStatus {
            throw CommandError(ClientError(status: status))
        } catch {
            throw CommandError(
                .software, "the collector's answer can't be read; is it of another version?", cause: error)
        }
    }

    private static func storedEvent(_ message: StoredEventMessage) throws -> StoredEvent {
        StoredEvent(
            event: try decodeEvent(message.event), tenant: message.tenant, receivedAt: message.receivedAt,
            batchID: message.batchID, position: Int32(clamping: message.position))
    }

    /// Calls `body` with each event in turn, at most `limit` of them; `nil` for all.
    func forEach(
        _ filter: EventFilter, order: EventOrder, limit: Int?, _ body: (StoredEvent) throws -> Void
    ) async throws {
        var token: [UInt8] = []
        var left = limit ?? Int.max
        repeat {
            let page = try await self.page(
                filter, order: order, size: min(left, QueryRequestMessage.maxPageSize), token: token)
            for event in page.events { try body(event) }
            left -= page.events.count
            token = page.next
        } while !token.isEmpty && left > 0
    }

    func close() async { await self.connection.shutDown() }
}
