package import DocketHeaders

/// What a client call asks for.
package struct GRPCClientRequest: Sendable, Equatable {
    /// `/` service `/` method.
    package var path: String
    /// Host and port as the client knows them.
    package var authority: String
    /// `http` or `https`.
    package var scheme: String
    /// How long the client will wait for the end of the call.
    package var timeout: Duration?
    /// How messages are compressed.
    package var encoding: GRPCEncoding
    /// Custom metadata, such as `authorization`; names in lower case.
    package var metadata: HeaderList
    /// How many attempts came before this one (gRPC A6); 0 sends nothing.
    package var previousAttempts: Int
    /// The client's name and version, in the form that gRPC recommends.
    package var userAgent: String

    /// A request that leaves out what is not given.
    package init(
        path: String, authority: String, scheme: String, timeout: Duration? = nil, encoding: GRPCEncoding = .identity,
        metadata: HeaderList = HeaderList(), previousAttempts: Int = 0, userAgent: String = "grpc-swift-docket/0.1"
    ) {
        self.path = path
        self.authority = authority
        self.scheme = scheme
        self.timeout = timeout
        self.encoding = encoding
        self.metadata = metadata
        self.previousAttempts = previousAttempts
        self.userAgent = userAgent
    }

    /// The request's block, in the order that gRPC's document gives: reserved headers, timeout, the rest of the call's
    /// definition, custom metadata.
    var headers: HeaderList {
        var headers = HeaderList(reservingFields: 11 + self.metadata.count, bytes: 256 + self.metadata.sizeBytes)
        headers.append(":method", "POST")
        headers.append(":scheme", self.scheme)
        headers.append(":path", self.path)
        headers.append(":authority", self.authority)
        if let timeout = self.timeout { headers.append("grpc-timeout", GRPCTimeout.encode(timeout)) }
        headers.append("te", "trailers")
        headers.append("content-type", "application/grpc")
        if self.encoding == .gzip { headers.append("grpc-encoding", "gzip") }
        headers.append("grpc-accept-encoding", "identity,gzip")
        headers.append("user-agent", self.userAgent)
        if self.previousAttempts > 0 { headers.append("grpc-previous-rpc-attempts", String(self.previousAttempts)) }
        headers.append(contentsOf: self.metadata)
        return headers
    }
}
