internal import DocketCodec
internal import DocketGRPC
internal import DocketHeaders
internal import DocketMessages
internal import DocketModel
internal import DocketRPC
internal import DocketTransport
internal import Logging
internal import Metrics
internal import NIOCore
internal import Synchronization

// The stream, and how it comes about.

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
        var endpoint: CollectorEndpoint?
        do throws(TransportError) {
            let known = self.state.withLock { $0.endpoints.endpoints }
            let resolved = try await self.resolver.resolve(known: known)
            let chosen = self.state.withLock { state in
                state.endpoints.replace(resolved, offset: Int.random(in: 0..<max(1, resolved.count)))
                return state.endpoints.choose(now: Self.now())
            }
            guard let chosen else { throw TransportError(.connect, "no target has an address") }
            endpoint = chosen
            let connection = try await ClientConnection.connect(
                to: chosen.address, tls: self.tls(chosen), limits: self.limits, group: self.group
            ) { [weak self] state in
                // A collector that takes its leave (GOAWAY) finishes what it has; the next stream goes elsewhere.
                if case .draining = state { self?.drainStream(number: streamNumber) }
            }
            await self.start(on: connection, chosen, streamNumber: streamNumber)
        } catch {
            if let endpoint { self.failed(endpoint) }
            self.lost(streamNumber: streamNumber, ClientError(code: .unavailable, message: error.message))
        }
    }

    private func failed(_ endpoint: CollectorEndpoint) {
        self.state.withLock { $0.endpoints.failed(endpoint, now: Self.now(), jitter: Double.random(in: 0...1)) }
    }

    private func tls(_ endpoint: CollectorEndpoint) -> ClientTLS? {
        switch self.configuration.security {
        case .plaintext: nil
        case .tls(let trustFile, let certificate):
            ClientTLS(
                trustFile: trustFile, serverName: endpoint.serverName,
                clientCertificate: certificate.map {
                    ClientCertificateFiles(certificateFile: $0.certificateFile, privateKeyFile: $0.keyFile)
                })
        }
    }

    private func start(on connection: ClientConnection, _ endpoint: CollectorEndpoint, streamNumber: Int) async {
        var options = ClientCallOptions(
            metadata: self.credential(), encoding: self.configuration.compression == .gzip ? .gzip : .identity)
        options.authority = endpoint.authority
        let call = connection.start(
            "/docket.v1.CollectorService/PublishStream", options: options,
            receiver: StreamReceiver(publisher: self, number: streamNumber))
        let decision = self.state.withLock { state -> Decision? in
            // The call is under way already: its end may have come before this.
            guard !state.isShutDown, state.streamNumber == streamNumber, state.endedStreamNumber < streamNumber,
                state.machine.isOpening
            else { return nil }
            state.unavailableCount = 0
            state.answerCount = 0
            state.silentSinceNanoseconds = nil
            state.stream = Stream(number: streamNumber, endpoint: endpoint, connection: connection, call: call)
            return Decision(actions: state.machine.streamOpened(now: Self.now()), stream: state.stream)
        }
        guard let decision else {
            await connection.close()
            return
        }
        self.perform(decision)
        self.watch(streamNumber)
        // So may the collector's leave, when there was no stream to drain yet.
        if connection.isDraining { self.drainStream(number: streamNumber) }
    }

    /// What says who calls. A file that can't be read leaves it out: the collector's refusal is then in the log.
    private func credential() -> HeaderList {
        var token = self.configuration.token
        if let file = self.configuration.tokenFile {
            do {
                token = try TokenFile.read(file)
            } catch {
                self.configuration.logger.error("the token's file can't be used", metadata: ["error": "\(error)"])
            }
        }
        return token.isEmpty ? HeaderList() : HeaderList(["authorization": "Bearer \(token)"])
    }

    /// Half-closes the stream: the collector answers what it has and ends it.
    private func drainStream(number: Int) {
        self.state.withLock { state in
            guard let stream = state.stream, stream.number == number else { return }
            state.endpoints.moveOn(from: stream.endpoint)
        }
        self.call(onStream: number)?.end()
    }

    func call(onStream number: Int) -> ClientCallReference? {
        self.state.withLock { $0.stream?.number == number ? $0.stream?.call : nil }
    }
}
