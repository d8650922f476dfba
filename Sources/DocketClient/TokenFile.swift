#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A bearer token in a file.
enum TokenFile {
    /// Longer than any token: a JWT with many claims.
    private static let maxBytes = 64 * 1024

    /// The token: what the file holds, without the white space around it. What it holds is never part of an error.
    static func read(_ path: String) throws(ClientError) -> String {
        let bytes: Data
        do {
            bytes = try Data(contentsOf: URL(filePath: path))
        } catch {
            throw ClientError(
                code: .invalidConfiguration, message: "the token file '\(path)' can't be read; check its path and mode")
        }
        let text = String(decoding: bytes.prefix(Self.maxBytes), as: UTF8.self)
        let token = text.drop(while: \.isWhitespace).prefix { !$0.isWhitespace }
        guard !token.isEmpty, bytes.count <= Self.maxBytes else {
            throw ClientError(
                code: .invalidConfiguration,
                message: "the token file '\(path)' must hold one token, of \(Self.maxBytes) bytes at the most")
        }
        return String(token)
    }
}
