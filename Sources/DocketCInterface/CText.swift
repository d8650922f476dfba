internal import CDocketClient

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#else
    internal import Darwin
#endif

/// Reads texts of a structure; errors name the field.
struct CTextReader {
    /// Longer than any batch may be, in bytes: where a text doesn't end by then, something else is wrong.
    static let maxBytes = 64 << 20

    /// What a text that is none makes of the call.
    let status: Int

    /// A text that ends in a NUL; `nil` for NULL.
    func text(_ pointer: UnsafePointer<CChar>?, _ name: String) throws(CallError) -> String? {
        guard let pointer = unsafe pointer else { return nil }
        let length = unsafe strnlen(pointer, Self.maxBytes + 1)
        guard length <= Self.maxBytes else {
            throw CallError(
                self.status, "\(name) has more than \(Self.maxBytes) bytes; end it with a NUL, or shorten it")
        }
        let bytes = unsafe UnsafeRawBufferPointer(start: pointer, count: length)
        guard let text = unsafe String(validating: bytes, as: UTF8.self) else {
            throw CallError(self.status, "\(name) is not valid UTF-8; convert it, or leave it out")
        }
        return text
    }
}
