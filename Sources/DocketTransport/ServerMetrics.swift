import DocketGRPC
import DocketHTTP2
import Metrics

/// What a server counts. The handles are made once; counting is an atomic addition.
struct ServerMetrics: Sendable {
    /// Connections accepted.
    private let connectionsAccepted = Counter(label: "docket_rpc_connections_accepted_total")
    /// Connections open now.
    private let connectionsOpen = Meter(label: "docket_rpc_connections")
    /// Connections that ended by a fault of theirs.
    private let connectionFaults = Dictionary(
        uniqueKeysWithValues: ConnectionFault.allCases.map {
            ($0, Counter(label: "docket_rpc_connection_faults_total", dimensions: [("reason", $0.rawValue)]))
        })
    /// Connections that were one too many.
    private let connectionRefusals = Self.byBound("docket_rpc_connection_refusals_total")
    /// Calls that were one too many.
    private let callRefusals = Self.byBound("docket_rpc_call_refusals_total")
    /// Requests whose header list was over the limit.
    private let headerRefusals = Counter(label: "docket_rpc_header_refusals_total")
    /// Streams beyond what a connection may have open.
    private let streamRefusals = Counter(label: "docket_rpc_stream_refusals_total")
    /// Messages that had begun and did not arrive whole in time.
    private let messageTimeouts = Counter(label: "docket_rpc_message_timeouts_total")
    /// Messages that came too slowly while others waited for memory.
    private let slowMessages = Counter(label: "docket_rpc_slow_messages_total")
    /// Connections that the server has ended of itself, by the reason.
    private let connectionEnds = Dictionary(
        uniqueKeysWithValues: ["keepalive", "grace", "too_many_pings", "handshake", "unread", "memory"].map {
            ($0, Counter(label: "docket_rpc_connection_ends_total", dimensions: [("reason", $0)]))
        })
    /// Calls reset because the client left too much unread.
    private let unreadResets = Counter(label: "docket_rpc_unread_resets_total")
    /// Calls refused because there was no memory for the beginning of their message.
    private let unreservedRefusals = Counter(label: "docket_rpc_unreserved_refusals_total")
    /// Accepted calls that are not their client's first attempt, by how many came before: the last entry is for that many and
    /// more. Whatever number a client claims, it is one call.
    private let retriedCalls = ["1", "2", "3", "4", "5+"].map {
        Counter(label: "docket_rpc_retried_calls_total", dimensions: [("previous_attempts", $0)])
    }
    /// Calls that ended because their stream was reset or their connection lost.
    private let callsCancelled = Counter(label: "docket_rpc_calls_total", dimensions: [("code", "CANCELLED_BY_CLIENT")])
    /// Calls answered, by the code's number: the codes run from 0 without gaps.
    private let callsByCode = GRPCCode.allCases.map {
        Counter(label: "docket_rpc_calls_total", dimensions: [("code", $0.name)])
    }

    func connectionOpened() {
        self.connectionsAccepted.increment()
        self.connectionsOpen.increment()
    }

    func connectionClosed() { self.connectionsOpen.decrement() }

    func connectionFaulted(_ fault: ConnectionFault) { self.connectionFaults[fault]?.increment() }

    func connectionRefused(_ bound: Admission.Bound) { self.connectionRefusals[bound]?.increment() }

    func callRefused(_ bound: Admission.Bound) { self.callRefusals[bound]?.increment() }

    func refused(_ refusals: HTTP2Refusals) {
        self.headerRefusals.increment(by: refusals.headerLists)
        self.streamRefusals.increment(by: refusals.streams)
    }

    func slowMessageEnded() { self.slowMessages.increment() }

    func messageTimedOut() { self.messageTimeouts.increment() }

    /// - Parameter reason: one of those that `docs/metrics.md` lists.
    func connectionExpired(_ reason: String) { self.connectionEnds[reason]?.increment() }

    func unreservedRefused() { self.unreservedRefusals.increment() }

    func unreadReset() { self.unreadResets.increment() }

    /// - Parameter previousAttempts: how many attempts came before the call, as its client says.
    func callAccepted(previousAttempts: Int) {
        guard previousAttempts > 0 else { return }
        self.retriedCalls[min(previousAttempts, self.retriedCalls.count) - 1].increment()
    }

    /// - Parameter code: how the call was answered; `nil` when it was not.
    func callEnded(_ code: GRPCCode?) {
        guard let code else {
            self.callsCancelled.increment()
            return
        }
        self.callsByCode[code.rawValue].increment()
    }

    private static func byBound(_ label: String) -> [Admission.Bound: Counter] {
        Dictionary(
            uniqueKeysWithValues: Admission.Bound.allCases.map {
                ($0, Counter(label: label, dimensions: [("bound", $0.rawValue)]))
            })
    }
}
