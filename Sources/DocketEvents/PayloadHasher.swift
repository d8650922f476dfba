internal import DocketMerkle
public import DocketModel

/// Makes the fingerprint of a payload from pieces as they come; nothing of them is kept.
///
/// ```swift
/// var hasher = PayloadHasher()
/// for try await chunk in request.body { hasher.addInput(chunk) }
/// hasher.addOutput(byteCount: response.count)
/// event.payload(hasher.fingerprint)
/// ```
public struct PayloadHasher: Sendable {
    private var stream = SHA256Stream()
    private var inSizeBytes: Int64 = 0
    private var outSizeBytes: Int64?

    public init() {}

    /// Hashes and counts the next bytes of the input. Those that lie in one piece, as of an array, are read where they are.
    public mutating func addInput(_ bytes: some Sequence<UInt8>) {
        self.inSizeBytes += Int64(self.stream.update(bytes))
    }

    /// Counts bytes of the output.
    ///
    /// - Parameter byteCount: How many more; not negative.
    public mutating func addOutput(byteCount: Int) {
        let (sum, isOver) = (self.outSizeBytes ?? 0).addingReportingOverflow(Int64(byteCount))
        self.outSizeBytes = isOver ? .max : sum
    }

    /// The fingerprint of all bytes so far: `sha256:` and 64 lower-case hexadecimal digits of the input, its size, and that of
    /// the output if any was counted. More may follow.
    public var fingerprint: PayloadFingerprint {
        PayloadFingerprint(
            hash: "sha256:\(self.stream.hash)", inSizeBytes: self.inSizeBytes, outSizeBytes: self.outSizeBytes)
    }
}

extension PayloadFingerprint {
    /// The fingerprint of an input: `sha256:` and 64 lower-case hexadecimal digits, and its size. Nothing of it is kept.
    public init(ofInput input: some Sequence<UInt8>) {
        var hasher = PayloadHasher()
        hasher.addInput(input)
        self = hasher.fingerprint
    }

    /// The fingerprint of an input, and the size of an output. Nothing of them is kept.
    public init(ofInput input: some Sequence<UInt8>, output: some Collection<UInt8>) {
        var hasher = PayloadHasher()
        hasher.addInput(input)
        hasher.addOutput(byteCount: output.count)
        self = hasher.fingerprint
    }

    /// The fingerprint of an input that lies in several pieces: that of the pieces behind each other.
    public init(ofInputPieces pieces: some Sequence<some Sequence<UInt8>>) {
        var hasher = PayloadHasher()
        for piece in pieces { hasher.addInput(piece) }
        self = hasher.fingerprint
    }
}
