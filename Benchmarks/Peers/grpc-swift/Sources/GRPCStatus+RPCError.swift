package import DocketGRPC
package import GRPCCore

/// Docket's statuses end a call of grpc-swift with the same code, message and details.
extension GRPCStatus: RPCErrorConvertible {
    package var rpcErrorCode: RPCError.Code {
        Status.Code(rawValue: self.code.rawValue).flatMap { RPCError.Code($0) } ?? .unknown
    }

    package var rpcErrorMessage: String { self.message }

    package var rpcErrorMetadata: Metadata {
        var metadata = Metadata()
        if !self.details.isEmpty { metadata.addBinary(self.details, forKey: "grpc-status-details-bin") }
        if let pushback = self.retryPushbackMilliseconds {
            metadata.addString(String(pushback), forKey: "grpc-retry-pushback-ms")
        }
        return metadata
    }
}
