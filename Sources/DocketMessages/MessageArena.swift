import CDocketProtos
import CProtobufC

/// The memory of C structs for as long as one message is packed or unpacked; the only owner of it.
///
/// It has a budget in bytes: protobuf expands (an empty nested message of two bytes on the wire becomes a struct of a
/// hundred), so an allocation over the budget gets NULL, and protobuf-c then gives the message up cleanly.
@safe
final class MessageArena {
    private var blocks: [UnsafeMutableRawPointer] = unsafe []
    private var remainingBytes: Int
    private let callbacks: UnsafeMutablePointer<ProtobufCAllocator>

    /// - Parameter budgetBytes: what protobuf-c may allocate; blocks that Swift asks for to pack don't count.
    private init(budgetBytes: Int) {
        self.remainingBytes = budgetBytes
        unsafe self.callbacks = .allocate(capacity: 1)
        unsafe self.callbacks.initialize(to: ProtobufCAllocator())
        unsafe self.callbacks.pointee.alloc = { data, size in
            guard let data = unsafe data else { return nil }
            return unsafe Unmanaged<MessageArena>.fromOpaque(data).takeUnretainedValue().allocate(size)
        }
        // Everything goes at once, with the arena.
        unsafe self.callbacks.pointee.free = { _, _ in }
        unsafe self.callbacks.pointee.allocator_data = Unmanaged.passUnretained(self).toOpaque()
    }

    deinit {
        unsafe self.blocks.forEach { unsafe $0.deallocate() }
        unsafe self.callbacks.deallocate()
    }

    private func allocate(_ size: Int) -> UnsafeMutableRawPointer? {
        guard size <= self.remainingBytes else { return nil }
        self.remainingBytes -= size
        return unsafe self.block(size)
    }

    /// Aligned for every C type; at least one byte, so that its address is its own.
    private func block(_ size: Int) -> UnsafeMutableRawPointer {
        let block = UnsafeMutableRawPointer.allocate(byteCount: max(size, 1), alignment: 16)
        unsafe self.blocks.append(block)
        return unsafe block
    }

    // MARK: Unpacking

    /// What one of the generated `…__unpack` functions takes.
    typealias Unpack<Message> = (
        UnsafeMutablePointer<ProtobufCAllocator>?, Int, UnsafePointer<UInt8>?
    ) -> UnsafeMutablePointer<Message>?

    /// Unpacks a message and hands it to `body`, outside of which none of its pointers is valid.
    ///
    /// - Parameter name: the message's name, for the error.
    static func unpack<Message, Result>(
        _ bytes: [UInt8], _ name: String, with unpack: Unpack<Message>,
        _ body: (UnsafeMutablePointer<Message>) throws(MessageError) -> Result
    ) throws(MessageError) -> Result {
        guard bytes.count <= Self.maxMessageBytes else {
            throw MessageError(
                code: .tooLong,
                message: "a \(name) of \(bytes.count) bytes exceeds \(Self.maxMessageBytes) bytes; shorten it")
        }
        let arena = MessageArena(budgetBytes: 4096 + Self.maxExpansion * bytes.count)
        let message = unsafe bytes.withUnsafeBufferPointer {
            unsafe unpack(arena.callbacks, $0.count, $0.baseAddress)
        }
        defer { withExtendedLifetime(arena) {} }
        guard let message = unsafe message else {
            throw MessageError(code: .malformed, message: "the bytes are not a \(name); send one as in the .proto file")
        }
        return try unsafe body(message)
    }

    /// The longest message that is read off the hot path, in bytes: requests and statuses, not pages of events.
    static let maxMessageBytes = 64 * 1024

    /// How many times its wire size a message may take in memory.
    private static let maxExpansion = 16

    // MARK: Packing

    /// A new struct, initialised by its generated `…__init` function.
    func make<Message>(_ initialize: (UnsafeMutablePointer<Message>?) -> Void) -> UnsafeMutablePointer<Message> {
        let message = unsafe self.block(MemoryLayout<Message>.size).bindMemory(to: Message.self, capacity: 1)
        unsafe initialize(message)
        return unsafe message
    }

    /// A copy of bytes.
    func bytes(_ bytes: some Collection<UInt8>) -> ProtobufCBinaryData {
        let start = unsafe self.block(bytes.count).bindMemory(to: UInt8.self, capacity: bytes.count)
        _ = unsafe UnsafeMutableBufferPointer(start: start, count: bytes.count).initialize(fromContentsOf: bytes)
        return unsafe ProtobufCBinaryData(len: bytes.count, data: start)
    }

    /// A C array of texts.
    func texts(_ texts: [String]) -> UnsafeMutablePointer<ProtobufCBinaryData> {
        let size = unsafe MemoryLayout<ProtobufCBinaryData>.stride
        let block = unsafe self.block(texts.count * size)
        let array = unsafe block.bindMemory(to: ProtobufCBinaryData.self, capacity: texts.count)
        for (index, text) in texts.enumerated() { unsafe (array + index).initialize(to: self.bytes(text.utf8)) }
        return unsafe array
    }

    /// A C array of numbers.
    func numbers(_ numbers: [Int64]) -> UnsafeMutablePointer<Int64> {
        let block = unsafe self.block(numbers.count * MemoryLayout<Int64>.stride)
        let array = unsafe block.bindMemory(to: Int64.self, capacity: numbers.count)
        for (index, number) in numbers.enumerated() { unsafe (array + index).initialize(to: number) }
        return unsafe array
    }

    /// A C array of pointers.
    func pointers<Message>(
        _ messages: [UnsafeMutablePointer<Message>]
    ) -> UnsafeMutablePointer<UnsafeMutablePointer<Message>?> {
        let size = unsafe MemoryLayout<UnsafeMutablePointer<Message>?>.stride
        let block = unsafe self.block(messages.count * size)
        let array = unsafe block.bindMemory(to: UnsafeMutablePointer<Message>?.self, capacity: messages.count)
        for index in 0..<(unsafe messages.count) {
            unsafe (array + index).initialize(to: messages[index])
        }
        return unsafe array
    }

    /// Builds a message in an arena and packs it.
    ///
    /// - Parameters:
    ///   - size: the generated `…__get_packed_size`.
    ///   - pack: the generated `…__pack`.
    static func pack<Message>(
        size: (UnsafePointer<Message>?) -> Int,
        pack: (UnsafePointer<Message>?, UnsafeMutablePointer<UInt8>?) -> Int,
        _ build: (MessageArena) -> UnsafeMutablePointer<Message>
    ) -> [UInt8] {
        let arena = MessageArena(budgetBytes: 0)
        defer { withExtendedLifetime(arena) {} }
        let message = unsafe build(arena)
        let count = unsafe size(message)
        return unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, written in
            written = unsafe pack(message, buffer.baseAddress)
        }
    }
}

extension ProtobufCBinaryData {
    /// A copy of the bytes.
    var array: [UInt8] {
        guard let start = unsafe self.data, unsafe self.len > 0 else { return [] }
        return unsafe [UInt8](UnsafeBufferPointer(start: start, count: self.len))
    }

    /// The text; throws when it isn't UTF-8 or holds U+0000.
    func text(_ field: String) throws(MessageError) -> String {
        let bytes = unsafe self.array
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw MessageError(code: .invalidText, field: field, message: "the text is not UTF-8; send UTF-8")
        }
        guard !bytes.contains(0) else {
            throw MessageError(
                code: .invalidText, field: field, message: "the text holds U+0000; leave that character out")
        }
        return text
    }
}
