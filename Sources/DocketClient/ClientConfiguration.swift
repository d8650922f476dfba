public import DocketModel
public import Logging

extension AuditClient {
    /// How a client reaches its collector, and how it batches.
    public struct Configuration: Sendable {
        /// The collector's address: `HOST:PORT`, or `unix:PATH`.
        public var target: String
        /// The bearer token: the collector's own, or a JWT that it takes. A secret: it is sent to the collector and never logged.
        /// Empty when the client's certificate says who it is.
        public var token: String
        /// The tenant to write to; `nil` when the credential covers exactly one.
        public var tenant: String?
        /// Whether and how the connection is encrypted.
        public var security = Security.plaintext
        /// How batches are compressed on the wire.
        public var compression = Compression.none
        /// Names this process for good when set: a process that numbers its own batches, such as an importer. Otherwise
        /// the client makes a random one.
        public var producerID: ProducerID?

        /// A batch is sent once it has this many events; from 1 to 10,000.
        public var maxBatchEvents = 500
        /// A batch is sent before it grows over this many bytes; from 1 KiB to 64 MiB.
        public var maxBatchBytes = 1024 * 1024
        /// A batch is sent this long after its first event at the latest, in milliseconds; from 0 to 60,000.
        public var lingerMilliseconds = 10
        /// What the client keeps in memory at the most, waiting or unanswered, in bytes; further events are dropped and
        /// counted. From `maxBatchBytes` up.
        public var maxQueueBytes = 64 * 1024 * 1024
        /// How many batches may be on their way at once; from 1 to 1,000.
        public var maxInFlightBatches = 16
        /// How often a batch is tried before it is given up; `nil`: until it succeeds.
        public var maxAttempts: Int?
        /// The pause after a first failure, in milliseconds; doubled with each further one, with jitter.
        public var initialBackoffMilliseconds = 50
        /// The longest pause, in milliseconds.
        public var maxBackoffMilliseconds = 10_000

        /// Called for each event that the collector put into quarantine, on a thread of the client: return soon.
        public var onRejection: (@Sendable (Rejection) -> Void)?
        /// Where the client reports lost connections and lost events.
        public var logger = Logger(label: "docket.client")

        /// A configuration with the defaults named at each property.
        public init(target: String, token: String = "") {
            self.target = target
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
            /// With gzip (RFC 1952): about a fifth of the bytes, for about ten times the processor time of the rest.
            case gzip
        }

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
            try check("maxQueueBytes", self.maxQueueBytes, self.maxBatchBytes...(1 << 40))
            try check("maxInFlightBatches", self.maxInFlightBatches, 1...1000)
            try check("initialBackoffMilliseconds", self.initialBackoffMilliseconds, 1...60_000)
            try check(
                "maxBackoffMilliseconds", self.maxBackoffMilliseconds, self.initialBackoffMilliseconds...3_600_000)
        }
    }
}
