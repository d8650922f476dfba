package import DocketHeaders

/// How messages are compressed (gRPC `doc/compression.md`).
package enum GRPCEncoding: Sendable, Hashable {
    /// Not at all.
    case identity
    /// RFC 1952, a stream of its own for each message.
    case gzip

    /// The encoding of that name; `nil` when it isn't known here.
    init?(_ name: ArraySlice<UInt8>) {
        if name.span.equals("identity") {
            self = .identity
        } else if name.span.equals("gzip") {
            self = .gzip
        } else {
            return nil
        }
    }
}

/// What a request's header block says (gRPC `doc/PROTOCOL-HTTP2.md`, "Requests").
package struct GRPCRequestHead: Sendable, Equatable {
    /// The whole block, for metadata: `head.headers.value(of: "authorization")`.
    package private(set) var headers: HeaderList
    /// How long the client will wait, from the arrival of the block; `nil` for ever. May be zero.
    package let timeout: Duration?
    /// How the client's messages are compressed, those that are.
    package let encoding: GRPCEncoding
    /// Whether replies may be gzipped.
    package let acceptsGzip: Bool
    /// How many attempts came before this one (gRPC A6, "Exposed Retry Metadata"); 0 also when the header can't be
    /// read.
    package let previousAttempts: Int
    private var pathIndex: Int

    /// The bytes of `:path`, for routing without a string: `/` service `/` method, neither empty.
    package var pathBytes: ArraySlice<UInt8> { self.headers.valueBytes(at: self.pathIndex) }

    /// `:path`.
    package var path: String { self.headers.value(at: self.pathIndex) }

    /// The service's full name, such as `docket.v1.CollectorService`.
    package var service: String {
        let path = self.pathBytes
        return String(decoding: path[..<(Self.lastSlash(path) ?? path.endIndex)].dropFirst(), as: UTF8.self)
    }

    /// The method's name.
    package var method: String {
        let path = self.pathBytes
        return String(decoding: path[(Self.lastSlash(path) ?? path.startIndex)...].dropFirst(), as: UTF8.self)
    }

    /// The same without its metadata, and with no more than the beginning of its path: for a call that is over.
    package var withoutMetadata: GRPCRequestHead {
        var head = self
        head.headers = HeaderList([":path": String(self.path.prefix(256))])
        head.pathIndex = 0
        return head
    }

    /// `:authority`; empty when the client sent none.
    package var authority: String { self.headers.value(of: ":authority") ?? "" }

    /// Reads a block.
    ///
    /// The codes are those that gRPC's own libraries generate (`doc/statuscodes.md`): INTERNAL for a breach of the
    /// protocol, UNIMPLEMENTED for a path or an encoding that is not known.
    init(_ headers: HeaderList) throws(RequestRefusal) {
        let fields = RequestFields(headers)
        guard let method = fields.method, headers.valueBytes(at: method).span.equals("POST") else {
            throw RequestRefusal(405, .internal, "gRPC calls are POST requests; send POST")
        }
        guard let contentType = fields.contentType, headers.valueBytes(at: contentType).span.isGRPCContentType
        else {
            throw RequestRefusal(415, .internal, "content-type is not application/grpc; call with a gRPC client")
        }
        guard let te = fields.te, headers.valueBytes(at: te).span.equals("trailers") else {
            throw RequestRefusal(
                200, .internal, "the header te: trailers is missing; a proxy on the way may not support trailers")
        }
        guard let path = fields.path, headers.valueBytes(at: path).span.isMethodPath else {
            throw RequestRefusal(200, .unimplemented, "the path is not /service/method; call a method that exists")
        }
        var timeout: Duration?
        if let index = fields.timeout {
            timeout = GRPCTimeout.decode(headers.valueBytes(at: index))
            guard timeout != nil else {
                throw RequestRefusal(200, .internal, "grpc-timeout is not 1 to 8 digits and one of H, M, S, m, u, n")
            }
        }
        var encoding = GRPCEncoding.identity
        if let index = fields.encoding {
            guard let known = GRPCEncoding(headers.valueBytes(at: index)) else {
                throw RequestRefusal(
                    200, .unimplemented,
                    "grpc-encoding \(headers.value(at: index).prefix(40)) is not supported; use identity or gzip")
            }
            encoding = known
        }
        self.headers = headers
        self.timeout = timeout
        self.encoding = encoding
        self.acceptsGzip = fields.acceptsGzip
        self.previousAttempts = fields.previousAttempts.flatMap { Int(headers.value(at: $0)) }.map { max($0, 0) } ?? 0
        self.pathIndex = path
    }

    private static func lastSlash(_ path: ArraySlice<UInt8>) -> Int? { path.lastIndex(of: UInt8(ascii: "/")) }
}

/// Why a request is refused before anything else is looked at.
struct RequestRefusal: Error, Equatable {
    /// 200 except where the document names another, so that nobody but a gRPC client takes the answer for a success.
    let httpStatus: Int
    let status: GRPCStatus

    init(_ httpStatus: Int, _ code: GRPCCode, _ message: String) {
        self.httpStatus = httpStatus
        self.status = GRPCStatus(code, message)
    }
}

/// Where the fields that gRPC reads stand in a block, found in one pass. Of a repeated field the first counts.
private struct RequestFields {
    var method: Int?
    var path: Int?
    var te: Int?
    var contentType: Int?
    var timeout: Int?
    var encoding: Int?
    var previousAttempts: Int?
    var acceptsGzip = false

    init(_ headers: HeaderList) {
        for index in 0..<headers.count {
            let bytes = headers.nameBytes(at: index)
            let name = bytes.span
            // The length settles nearly everything; bytes are compared once.
            switch name.count {
            case 2 where name.equals("te"): self.te = self.te ?? index
            case 5 where name.equals(":path"): self.path = self.path ?? index
            case 7 where name.equals(":method"): self.method = self.method ?? index
            case 12 where name.equals("content-type"): self.contentType = self.contentType ?? index
            case 12 where name.equals("grpc-timeout"): self.timeout = self.timeout ?? index
            case 13 where name.equals("grpc-encoding"): self.encoding = self.encoding ?? index
            case 20 where name.equals("grpc-accept-encoding"):
                self.acceptsGzip = self.acceptsGzip || headers.valueBytes(at: index).span.listsGzip
            case 26 where name.equals("grpc-previous-rpc-attempts"):
                self.previousAttempts = self.previousAttempts ?? index
            default: break
            }
        }
    }
}
