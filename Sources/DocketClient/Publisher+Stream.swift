internal import DocketCodec
internal import DocketGRPC
internal import DocketHeaders
internal import DocketMessages
internal import DocketModel
internal import DocketRPC
internal import DocketTransport
internal import Logging
internal import Synchronization

// The stream: how it comes about, what comes on it, and its end.

extension Publisher {
    /// Connects and opens the stream. `shutDown` cancels the task; one that can't be called off finds out at its end.
    func openStream() {
        self.state.withLock { state in
            guard !state.isShutDown else { return }
            state.streamNumber += 1
            let number = state.streamNumber
            state.connecting = Task { await self.connect(streamNumber: number) }
        }
    }

    private func connect(streamNumber: Int) async {
        let tls: ClientTLS? =
            switch self.configuration.security {
            case .plaintext: nil
            case .tls(let trustFile, let certificate):
                ClientTLS(
                    trustFile: trustFile,
                    clientCertificate: certificate.map {
                        ClientCertificateFiles(certificateFile: $0.certificateFile, privateKeyFile: $0.keyFile)
                    })
            }
        do {
            let connection = try await ClientConnection.connect(
                to: self.address, tls: tls, limits: self.limits, group: self.group
            ) { [weak self] state in
                // A collector that takes its leave (GOAWAY) finishes what it has; the next stream goes elsewhere.
                if case .draining = state { self?.drainStream(number: streamNumber) }
            }
            await self.start(on: connection, streamNumber: streamNumber)
        } catch {
            self.lost(
                streamNumber: streamNumber, ClientError(code: .unavailable, message: error.message), isPermanent: false,
                blamesBatch: false)
        }
    }

    private func start(on connection: ClientConnection, streamNumber: Int) async {
        let token = self.configuration.token
        let options = ClientCallOptions(
            metadata: token.isEmpty ? HeaderList() : HeaderList(["authorization": "Bearer \(token)"]),
            encoding: self.configuration.compression == .gzip ? .gzip : .identity)
        let call = connection.start(
            "/docket.v1.CollectorService/PublishStream", options: options,
            receiver: StreamReceiver(publisher: self, number: streamNumber))
        let decision = self.state.withLock { state -> Decision? in
            // The call is under way already: its end may have come before this.
            guard !state.isShutDown, state.streamNumber == streamNumber, state.endedStreamNumber < streamNumber,
                state.machine.isOpening
            else { return nil }
            state.stream = Stream(number: streamNumber, connection: connection, call: call)
            return Decision(actions: state.machine.streamOpened(now: Self.now()), stream: state.stream)
        }
        guard let decision else {
            await connection.close()
            return
        }
        self.perform(decision)
        // So may the collector's leave, when there was no stream to drain yet.
        if case .draining = connection.state { self.drainStream(number: streamNumber) }
    }

    /// Half-closes the stream: the collector answers what it has and ends it.
    private func drainStream(number: Int) {
        self.call(onStream: number)?.end()
    }

    private func call(onStream number: Int) -> ClientCallReference? {
        self.state.withLock { $0.stream?.number == number ? $0.stream?.call : nil }
    }

    // MARK: News

    fileprivate func received(_ message: [UInt8], streamNumber: Int) {
        do {
            let response = try decodePublishResponse(message)
            switch response.result {
            case .verdict(let verdict):
                self.decide { state in
                    state.lastError = nil
                    return state.machine.accepted(response.sequence, verdict, now: Self.now())
                }
            case .status(let bytes):
                let message = try StatusMessage(serialized: bytes)
                let code = GRPCCode(rawValue: Int(message.code)) ?? .unknown
                self.refused(response.sequence, GRPCStatus(code, message.message, details: bytes))
            }
        } catch {
            self.call(onStream: streamNumber)?
                .cancel(GRPCStatus(.internal, "the collector's answer can't be read: \(error)"))
        }
    }

    private func refused(_ sequence: Int64, _ status: GRPCStatus) {
        let error = ClientError(status: status)
        self.decide { state in
            state.lastError = error
            return state.machine.refused(
                sequence, error, isPermanent: status.isPermanent, isDoubtful: status.code.isDoubtful,
                retryAfterMilliseconds: status.retryDelayMilliseconds, now: Self.now(), jitter: Double.random(in: 0...1)
            )
        }
    }

    /// - Parameter isFromCollector: whether the status is the collector's own; one that this side made up, of a stream
    ///   that was reset, says nothing about batches.
    fileprivate func ended(_ status: GRPCStatus, isFromCollector: Bool, streamNumber: Int) {
        let error =
            status.isOK
            ? ClientError(code: .unavailable, message: "the collector ended the stream") : ClientError(status: status)
        self.lost(
            streamNumber: streamNumber, error, isPermanent: isFromCollector && status.isPermanent,
            blamesBatch: isFromCollector && status.blamesBatch)
    }

    private func lost(streamNumber: Int, _ error: ClientError, isPermanent: Bool, blamesBatch: Bool) {
        let (decision, connection) = self.state.withLock { state -> (Decision?, ClientConnection?) in
            state.endedStreamNumber = max(state.endedStreamNumber, streamNumber)
            guard state.streamNumber == streamNumber, !state.isShutDown else { return (nil, nil) }
            let connection = state.stream?.connection
            state.stream = nil
            state.lastError = error
            let actions = state.machine.streamLost(
                error, isPermanent: isPermanent, blamesBatch: blamesBatch, now: Self.now(),
                jitter: Double.random(in: 0...1))
            return (Decision(actions: actions, stream: nil), connection)
        }
        guard let decision else { return }
        if !decision.actions.isEmpty {
            self.configuration.logger.warning(
                "the stream to the collector is lost; what it has not answered is sent again",
                metadata: ["target": "\(self.configuration.target)", "error": "\(error)"])
        }
        self.perform(decision)
        connection?.closeNow()
    }
}

/// Passes on what comes on a stream, with the stream's number.
private final class StreamReceiver: ClientCallReceiver {
    private weak let publisher: Publisher?
    private let number: Int

    init(publisher: Publisher, number: Int) {
        self.publisher = publisher
        self.number = number
    }

    func message(_ bytes: [UInt8]) { self.publisher?.received(bytes, streamNumber: self.number) }

    func finished(_ status: GRPCStatus, trailers: HeaderList) {
        self.publisher?.ended(status, isFromCollector: !trailers.isEmpty, streamNumber: self.number)
    }
}
