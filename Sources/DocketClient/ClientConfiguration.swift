public import DocketModel
public import Logging

extension AuditClient {
    /// What happens to events for which the queue has no room. `emit` never blocks, whatever the policy.
    public enum OverflowPolicy: Sendable, Equatable, CaseIterable {
        /// The new event is dropped and counted; `emitAndWait` and `emitDurably` throw `queueFull`.
        case dropNewest
        /// The oldest events that were never sent are dropped and counted, a batch at a time.
        case dropOldest
        /// `emitAndWait` and `emitDurably` wait until there is room; `emit`, which can't, drops the new event and counts it.
        case wait
        /// Batches beyond half of the queue go into the journal, and are sent from there; see ``Configuration/journal``.
        case journal
    }

    /// How a client reaches its collectors, and how it batches.
    public struct Configuration: Sendable {
        /// The collectors' addresses, each `HOST:PORT`, `[IPV6]:PORT` or `unix:PATH`. A client begins with any of them, stays as
        /// long as all is well, and goes on to the next when it isn't. A host name with several addresses counts as several collectors.
        public var targets: [String]
        /// The bearer token: the collector's own, or a JWT that it takes. A secret: it is sent to the collector and never logged.
        /// Empty when the client's certificate says who it is.
        public var token: String
        /// A file that holds the token instead, which is read at each connection: for tokens that are renewed.
        public var tokenFile: String?
        /// The tenant to write to; `nil` when the credential covers exactly one.
        public var tenant: String?
        /// Whether and how the connection is encrypted.
        public var security = Security.plaintext
        /// How batches are compressed on the wire.
        public var compression = Compression.none
        /// Names this process for good when set: a process that numbers its own batches, such as an importer. Otherwise
        /// the client makes a random one.
        public var producerID: ProducerID?
        /// Where events are kept that must outlive the process; `nil`: nowhere. A client with a journal is made by
        /// ``AuditClient/open(_:)``.
        public var journal: Journal?

        /// A batch is sent once it has this many events; from 1 to 10,000.
        public var maxBatchEvents = 500
        /// A batch is sent before it grows over this many bytes; from 1 KiB to 64 MiB.
        public var maxBatchBytes = 1024 * 1024
        /// A batch is sent this long after its first event at the latest, in milliseconds; from 0 to 60,000.
        public var lingerMilliseconds = 10
        /// What the client keeps in memory at the most, waiting or unanswered, in bytes. From `maxBatchBytes` up; with a journal, from
        /// four times that.
        public var maxQueueBytes = 64 * 1024 * 1024
        /// What happens to events for which there is no room.
        public var overflowPolicy = OverflowPolicy.dropNewest
        /// How many batches may be on their way at once; from 1 to 1,000.
        public var maxInFlightBatches = 16
        /// How long the collector may owe answers without giving any, in milliseconds, before the connection is given up and what is
        /// unanswered sent on another one; from 1,000 to 3,600,000.
        public var answerTimeoutMilliseconds = 60_000
        /// How often a batch is tried before it is given up; `nil`: until it succeeds.
        public var maxAttempts: Int?
        /// The pause after a first failure, in milliseconds; doubled with each further one, with jitter.
        public var initialBackoffMilliseconds = 50
        /// The longest pause, in milliseconds.
        public var maxBackoffMilliseconds = 10_000
        /// Whether dropped events are reported to the collector when it can be reached again, as an event of the type
        /// `docket.events_dropped`.
        public var reportsDrops = true

        /// Called for each event that the collector put into quarantine, on a thread of the client: return soon.
        public var onRejection: (@Sendable (Rejection) -> Void)?
        /// Where the client reports lost connections and lost events.
        public var logger = Logger(label: "docket.client")

        /// A configuration with the defaults named at each property, for one collector.
        public init(target: String, token: String = "") {
            self.init(targets: [target], token: token)
        }

        /// A configuration with the defaults named at each property.
        public init(targets: [String], token: String = "") {
            self.targets = targets
            self.token = token
        }

        /// Whether and how a connection is encrypted.
        public enum Security: Sendable, Equatable {
            /// Not encrypted: for loopback and trusted networks.
            case plaintext
            /// TLS 1.2 or 1.3. `trustFile` is a PEM file of the authorities to trust; `nil` means the system's.
            /// `clientCertificate` is shown to collectors that ask for one; its files are read at each connection.
            case tls(trustFile: String?, clientCertificate: ClientCertificate? = nil)
        }

        /// The certificate that a client shows, and its key.
        public struct ClientCertificate: Sendable, Equatable {
            /// A PEM file: the certificate, then the intermediates.
            public var certificateFile: String
            /// A PEM file: the private key.
            public var keyFile: String

            public init(certificateFile: String, keyFile: String) {
                self.certificateFile = certificateFile
                self.keyFile = keyFile
            }
        }

        /// How batches are compressed on the wire.
        public enum Compression: Sendable, Equatable {
            /// As they are: on a fast network the cheapest.
            case none
            /// With gzip (RFC 1952), where that makes a batch smaller: about a fifth of the bytes, for about ten times the processor time
            /// of the rest.
            case gzip
        }

        /// A directory that keeps events until the collector has them, also beyond the process: docs/journal.md.
        public struct Journal: Sendable, Equatable {
            /// The directory, for this client alone; made if it isn't there, its parent must be.
            public var path: String
            /// What its files take at the most, in bytes; from 33 MiB up, and from a little over twice `maxBatchBytes`.
            public var maxBytes = 1 << 30

            public init(path: String) { self.path = path }
        }
    }
}

extension AuditClient.Configuration {
    /// Throws a ``ClientError`` that names the first setting that can't work.
    func validate() throws(ClientError) {
        func check(_ name: String, _ value: Int, _ range: ClosedRange<Int>) throws(ClientError) {
            guard range.contains(value) else {
                throw ClientError(
                    code: .invalidConfiguration,
                    message: "\(name) is \(value); it must be from \(range.lowerBound) to \(range.upperBound)")
            }
        }
        try check("maxBatchEvents", self.maxBatchEvents, 1...10_000)
        try check("maxBatchBytes", self.maxBatchBytes, 1024...(64 << 20))
        try check("lingerMilliseconds", self.lingerMilliseconds, 0...60_000)
        let leastQueueBytes = self.journal == nil ? self.maxBatchBytes : 4 * self.maxBatchBytes
        try check("maxQueueBytes", self.maxQueueBytes, leastQueueBytes...(1 << 40))
        try check("maxInFlightBatches", self.maxInFlightBatches, 1...1000)
        try check("answerTimeoutMilliseconds", self.answerTimeoutMilliseconds, 1000...3_600_000)
        try check("initialBackoffMilliseconds", self.initialBackoffMilliseconds, 1...60_000)
        try check("maxBackoffMilliseconds", self.maxBackoffMilliseconds, self.initialBackoffMilliseconds...3_600_000)
        guard !self.targets.isEmpty else {
            throw ClientError(
                code: .invalidConfiguration, message: "targets is empty; name at least one collector, as HOST:PORT")
        }
        guard self.overflowPolicy != .journal || self.journal != nil else {
            throw ClientError(
                code: .invalidConfiguration,
                message: "overflowPolicy is journal, and there is none; set journal to a directory")
        }
    }

    /// What of the queue is for events on their way from the journal to the collector, in bytes.
    var journalWindowBytes: Int {
        self.journal == nil ? 0 : max(self.maxBatchBytes, min(8 << 20, self.maxQueueBytes / 4))
    }
}
