internal import CDocketClient

/// A structure of docket.h that begins with its size, as the caller knows it: an earlier `docket.h` has fewer fields than this one,
/// a later one more.
protocol SizedStructure {
    /// All zero.
    init()
    static var name: String { get }
}

extension docket_config: @unsafe SizedStructure { static var name: String { "docket_config" } }
extension docket_event: @unsafe SizedStructure { static var name: String { "docket_event" } }
extension docket_receipt: SizedStructure { static var name: String { "docket_receipt" } }
extension docket_stats: SizedStructure { static var name: String { "docket_stats" } }

extension SizedStructure {
    /// How large the structure was in the first version. Whoever adds a field puts the offset of the first one here.
    private static var leastSize: Int { MemoryLayout<Self>.size }
    /// No version will be larger: what says so was never initialised.
    private static var greatestSize: Int { 4096 }

    /// The structure that the caller passes, with zeros for what it doesn't know of.
    ///
    /// - Throws: also when it sets what this library doesn't know of: that would be lost in silence.
    static func read(_ pointer: UnsafePointer<Self>?) throws(CallError) -> Self {
        let bytes = unsafe try Self.bytes(UnsafeRawPointer(pointer))
        let isKnown = unsafe bytes.dropFirst(MemoryLayout<Self>.size).allSatisfy { $0 == 0 }
        guard isKnown else {
            throw CallError(
                DOCKET_INVALID_ARGUMENT,
                "\(Self.name) sets fields that the library doesn't know; it is of version \(DOCKET_VERSION), older than docket.h"
            )
        }
        var value = Self()
        unsafe withUnsafeMutableBytes(of: &value) { unsafe $0.copyBytes(from: bytes.prefix($0.count)) }
        return value
    }

    /// The memory of a structure of the caller's, which may be larger or smaller than here.
    fileprivate static func bytes(_ pointer: UnsafeRawPointer?) throws(CallError) -> UnsafeRawBufferPointer {
        guard let pointer = unsafe pointer else {
            throw CallError(DOCKET_INVALID_ARGUMENT, "the pointer to \(Self.name) is NULL")
        }
        let size = unsafe Int(pointer.loadUnaligned(as: UInt32.self))
        guard (Self.leastSize...Self.greatestSize).contains(size) else {
            throw CallError(
                DOCKET_INVALID_ARGUMENT,
                "the size of \(Self.name) is \(size); initialise it with \(Self.name)_init(), or set size to its sizeof"
            )
        }
        return unsafe UnsafeRawBufferPointer(start: pointer, count: size)
    }
}

/// A structure of the caller's that is to be filled.
@unsafe struct ResultSlot<Structure: SizedStructure> {
    private let bytes: UnsafeMutableRawBufferPointer

    /// Throws before anything is done whose result couldn't be told.
    init(_ pointer: UnsafeMutablePointer<Structure>) throws(CallError) {
        unsafe self.bytes = UnsafeMutableRawBufferPointer(
            mutating: try Structure.bytes(UnsafeRawPointer(pointer)))
    }

    /// Fills it, except for its size; fields that this library doesn't know of become zero.
    func fill(_ value: Structure) {
        let indexes = unsafe self.bytes.indices.dropFirst(MemoryLayout<UInt32>.size)
        unsafe withUnsafeBytes(of: value) { value in
            for index in indexes {
                unsafe self.bytes[index] = index < value.count ? value[index] : 0
            }
        }
    }
}
