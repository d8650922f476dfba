/// What can be fuzzed. Each target takes any bytes: those that a peer, a file or the database might send, or bytes that
/// steer how such are made. It must neither trap nor find an oracle broken.
///
/// The same functions run under libFuzzer (`make fuzz`) and, over the kept corpus, in the ordinary tests.
package enum FuzzTarget: String, CaseIterable, Sendable {
    case pipeline
    case http2
    case grpc
    case metadata
    case gzip
    case events
    case messages
    case credentials
    case json
    case definitions
    case imports
    case copy
    case registry
    case journal

    /// What comes in, in a few words.
    package var summary: String {
        switch self {
        case .pipeline: "bytes of a client, through HTTP/2, gRPC and the codec to COPY tuples and back"
        case .http2: "frames of a hostile peer, on either side of a connection"
        case .grpc: "length-prefixed messages, cut anywhere"
        case .metadata: "header lists: percent encoding, base64, timeouts, content types, statuses"
        case .gzip: "gzip members, inflated under a cap"
        case .events: "publish requests and events, to COPY tuples, leaves and JSON and back"
        case .messages: "the other protobuf messages, page tokens and descriptors"
        case .credentials: "certificates, JWTs and their claims, names of either"
        case .json: "JSON text, in the checker of attributes and in the reader of the projection"
        case .definitions: "definitions of event types, and attributes that they judge"
        case .imports: "files of audit records: CSV and JSON lines, cut anywhere"
        case .copy: "COPY tuples and delegation chains, as the database might return them"
        case .registry: "registries that were kept on disk"
        case .journal: "the files of a journal, as a broken disk might give them back"
        }
    }

    /// The longest input that is worth its time, in bytes.
    package var maxInputBytes: Int {
        switch self {
        case .metadata, .messages: 2048
        case .http2, .grpc, .gzip, .events, .credentials, .json, .definitions, .imports, .copy, .registry, .journal:
            4096
        case .pipeline: 8192
        }
    }

    /// Makes what targets need that takes its time. To be called once, before any of them runs.
    package static func prepare() async { await FuzzIssuer.prepare() }

    /// Runs one input.
    ///
    /// - Throws: ``FuzzFinding`` when an oracle is broken. What is worse, such as a trap, ends the process.
    package func run(_ input: [UInt8]) throws(FuzzFinding) {
        switch self {
        case .pipeline: try PipelineTarget.run(input)
        case .http2: try HTTP2Target.run(input)
        case .grpc: try GRPCTarget.run(input)
        case .metadata: try MetadataTarget.run(input)
        case .gzip: try GzipTarget.run(input)
        case .events: try EventsTarget.run(input)
        case .messages: try MessagesTarget.run(input)
        case .credentials: try CredentialsTarget.run(input)
        case .json: try JSONTarget.run(input)
        case .definitions: try DefinitionsTarget.run(input)
        case .imports: try ImportsTarget.run(input)
        case .copy: try CopyTarget.run(input)
        case .registry: try RegistryTarget.run(input)
        case .journal: try JournalTarget.run(input)
        }
    }
}
