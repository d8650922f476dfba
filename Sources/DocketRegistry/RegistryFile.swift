internal import Crypto
package import DocketModel

/// The registry as a collector keeps it on disk, to start with while the database is away: a value, and its bytes.
///
/// | offset | length | content, numbers with the least byte first |
/// | --- | --- | --- |
/// | 0 | 8 | ``magic`` |
/// | 8 | 4 | ``formatVersion`` |
/// | 12 | 8 | ``confirmedAt``, in microseconds since 1970 |
/// | 20 | 8 | length of the payload |
/// | 28 | 32 | SHA-256 of all the other bytes |
/// | 60 | | the payload: what `RegistryCoder` makes of ``origin`` and ``contents`` |
///
/// The time is no part of the payload, so that a registry that stays as it is can be confirmed without being encoded anew. The hash
/// tells of accidents, not of forgers: whoever may write the file may write its hash.
package struct RegistryFile: Sendable, Equatable {
    /// What the contents are the registry of.
    package struct Origin: Sendable, Equatable {
        /// Where the database is, as the connection string has it: known without asking.
        package var place: String
        /// What the database says that it is, wherever it may be.
        package var databaseID: String

        package init(place: String = "", databaseID: String = "") {
            self.place = place
            self.databaseID = databaseID
        }
    }

    package var origin: Origin
    /// When the database was last asked, and said that this is its registry.
    package var confirmedAt: Timestamp
    package var contents: RegistryContents

    package init(origin: Origin, confirmedAt: Timestamp, contents: RegistryContents) {
        self.origin = origin
        self.confirmedAt = confirmedAt
        self.contents = contents
    }

    // MARK: Bytes

    /// What every file begins with.
    static let magic = Array("dktregis".utf8)
    /// The one version of the format that is written and read. It rises when the payload changes: what is there is a copy, so that
    /// a collector of another version does without it until it has reached the database.
    static let formatVersion: UInt32 = 1
    private static let checkedHeaderBytes = 28
    static let headerBytes = Self.checkedHeaderBytes + SHA256.byteCount

    /// The most bytes that a file is looked at with: a hundred times what 10,000 tenants with 20 event types each take.
    package static let maxBytes = 1 << 30

    /// The part of a file that stays the same as long as the registry does.
    package static func payload(origin: Origin, contents: RegistryContents) -> [UInt8] {
        var (origin, contents) = (origin, contents)
        var coder = RegistryCoder.writer()
        origin.code(&coder)
        contents.code(&coder)
        return coder.bytes
    }

    /// A whole file.
    package static func bytes(payload: [UInt8], confirmedAt: Timestamp) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(Self.headerBytes + payload.count)
        bytes += Self.magic
        Self.append(Self.formatVersion, to: &bytes)
        Self.append(UInt64(bitPattern: confirmedAt.microsecondsSinceEpoch), to: &bytes)
        Self.append(UInt64(payload.count), to: &bytes)
        bytes += Self.hash(bytes[...], payload[...])
        bytes += payload
        return bytes
    }

    /// Reads a file.
    ///
    /// - Throws: ``RegistryError`` `unusableFile`, whatever the bytes are that aren't a whole file of this version.
    package init(bytes: [UInt8]) throws(RegistryError) {
        guard bytes.starts(with: Self.magic) else { throw Self.unusable("it isn't a registry snapshot") }
        guard bytes.count >= Self.headerBytes else { throw Self.unusable("it is cut off after \(bytes.count) bytes") }
        let version: UInt32 = Self.number(at: 8, of: bytes)
        guard version == Self.formatVersion else {
            throw Self.unusable(
                "its format is version \(version), and this version of docket reads \(Self.formatVersion)")
        }
        let payload = bytes[Self.headerBytes...]
        let length: UInt64 = Self.number(at: 20, of: bytes)
        guard length == UInt64(payload.count) else {
            throw Self.unusable("its payload has \(payload.count) bytes instead of \(length): it is torn")
        }
        let hash = bytes[Self.checkedHeaderBytes..<Self.headerBytes]
        guard hash.elementsEqual(Self.hash(bytes[..<Self.checkedHeaderBytes], payload)) else {
            throw Self.unusable("its checksum is wrong: it was altered or damaged")
        }
        let confirmed: UInt64 = Self.number(at: 12, of: bytes)
        let confirmedAt = Timestamp(microsecondsSinceEpoch: Int64(bitPattern: confirmed))
        var file = RegistryFile(origin: Origin(), confirmedAt: confirmedAt, contents: .empty)
        var coder = RegistryCoder.reader(of: bytes, from: Self.headerBytes)
        file.origin.code(&coder)
        file.contents.code(&coder)
        guard coder.isAtEnd, (Timestamp.earliest...Timestamp.latest).contains(confirmedAt) else {
            throw Self.unusable("its content isn't what this version of docket writes")
        }
        self = file
    }

    private static func unusable(_ reason: String) -> RegistryError {
        RegistryError(code: .unusableFile, message: reason)
    }

    private static func hash(_ header: ArraySlice<UInt8>, _ payload: ArraySlice<UInt8>) -> SHA256Digest {
        var hash = SHA256()
        hash.update(data: header)
        hash.update(data: payload)
        return hash.finalize()
    }

    private static func append<Value: FixedWidthInteger>(_ value: Value, to bytes: inout [UInt8]) {
        for shift in stride(from: 0, to: Value.bitWidth, by: 8) {
            bytes.append(UInt8(truncatingIfNeeded: value >> shift))
        }
    }

    private static func number<Value: FixedWidthInteger>(at offset: Int, of bytes: [UInt8]) -> Value {
        var value: Value = 0
        for index in (0..<Value.bitWidth / 8).reversed() { value = value << 8 | Value(bytes[offset + index]) }
        return value
    }
}
