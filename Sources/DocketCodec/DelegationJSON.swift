import CDocketProtos
import CProtobufC
package import DocketModel

/// The form in which the store keeps a delegation chain: a JSON array, outermost first, of objects with the keys
/// `kind`, `id` and `user_id`; an absent field has no key. An empty chain is NULL.
package enum DelegationJSON {
    /// The text of a chain.
    package static func encode(_ chain: [Actor]) -> String {
        let texts = chain.map { ($0.kind?.utf8.count ?? 0) + ($0.id?.utf8.count ?? 0) + ($0.userID?.utf8.count ?? 0) }
        let capacity = texts.reduce(2) { $0 + Self.maxBytes(textBytes: $1) }
        return unsafe String(unsafeUninitializedCapacity: capacity) { memory in
            var writer = unsafe Writer(ByteCursor(UnsafeMutableRawBufferPointer(memory)))
            writer.open()
            for actor in chain {
                writer.beginActor()
                writer.member("kind", actor.kind)
                writer.member("id", actor.id)
                writer.member("user_id", actor.userID)
                writer.endActor()
            }
            writer.close()
            return writer.out.count
        }
    }

    /// Writes the chain of an event in the arena.
    static func write(_ event: CEvent, to out: inout ByteCursor) {
        var writer = Writer(out)
        writer.open()
        for index in 0..<(unsafe event.pointee.n_delegation) {
            guard let actor = unsafe event.pointee.delegation[index] else { continue }
            writer.beginActor()
            if unsafe actor.pointee.has_kind != 0 { unsafe writer.member("kind", actor.pointee.kind.buffer) }
            if unsafe actor.pointee.has_id != 0 { unsafe writer.member("id", actor.pointee.id.buffer) }
            if unsafe actor.pointee.has_user_id != 0 { unsafe writer.member("user_id", actor.pointee.user_id.buffer) }
            writer.endActor()
        }
        writer.close()
        out = writer.out
    }

    /// How many bytes an actor takes at most: `{"kind":"","id":"","user_id":""},` and each byte of text escaped as
    /// `\u00XX`.
    static func maxBytes(textBytes: Int) -> Int { 40 + 6 * textBytes }

    /// The chain that the text holds. Keys in another order, white space and escapes that ``encode(_:)`` doesn't make
    /// are read as well; anything but an array of objects with those keys and text values is an error.
    package static func decode(_ text: String) throws(CodecError) -> [Actor] {
        var reader = DelegationReader(Array(text.utf8))
        return try reader.chain()
    }

    /// The chain that UTF-8 bytes hold.
    package static func decode(_ bytes: UnsafeRawBufferPointer) throws(CodecError) -> [Actor] {
        var reader = unsafe DelegationReader([UInt8](bytes))
        return try reader.chain()
    }
}

/// Writes the text; whoever makes one has computed the memory it needs.
private struct Writer {
    private(set) var out: ByteCursor
    private var isFirstActor = true
    private var isFirstMember = true

    init(_ out: ByteCursor) { self.out = out }

    mutating func open() { self.byte("[") }
    mutating func close() { self.byte("]") }

    mutating func beginActor() {
        if !self.isFirstActor { self.byte(",") }
        self.isFirstActor = false
        self.isFirstMember = true
        self.byte("{")
    }

    mutating func endActor() { self.byte("}") }

    mutating func member(_ key: StaticString, _ value: String?) {
        guard var value else { return }
        value.withUTF8 { unsafe self.member(key, $0) }
    }

    mutating func member(_ key: StaticString, _ value: UnsafeBufferPointer<UInt8>) {
        if !self.isFirstMember { self.byte(",") }
        self.isFirstMember = false
        self.byte("\"")
        unsafe self.out.copy(key.utf8Start, count: key.utf8CodeUnitCount)
        self.byte("\"")
        self.byte(":")
        self.byte("\"")
        for index in value.indices { self.escaped(unsafe value[index]) }
        self.byte("\"")
    }

    private mutating func escaped(_ byte: UInt8) {
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"):
            self.byte("\\")
            self.out.store(byte)
        case 0x00..<0x20:
            let digits: StaticString = "0123456789abcdef"
            unsafe self.out.copy(("\\u00" as StaticString).utf8Start, count: 4)
            self.out.store(unsafe digits.utf8Start[Int(byte >> 4)])
            self.out.store(unsafe digits.utf8Start[Int(byte & 15)])
        default:
            self.out.store(byte)
        }
    }

    private mutating func byte(_ character: Unicode.Scalar) { self.out.store(UInt8(ascii: character)) }
}
