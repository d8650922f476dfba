/// A list of header fields: what HTTP/2 carries and gRPC reads, in the order of the wire.
///
/// All names and values lie in one byte buffer, so that a block of ten fields costs two allocations. Names are lower
/// case (RFC 9113 section 8.2.1); values are bytes, and text where a caller asks for it.
package struct HeaderList: Sendable, Hashable {
    /// Names and values, one after the other.
    private var storage: [UInt8]
    /// Where each name and each value ends in `storage`, in turn.
    private var ends: [UInt32]

    /// An empty list.
    package init() {
        self.storage = []
        self.ends = []
    }

    /// A list of the given fields.
    package init(_ fields: KeyValuePairs<String, String>) {
        self.init()
        for (name, value) in fields { self.append(name, value) }
    }

    /// An empty list with room for `fields` fields of `bytes` bytes in all.
    package init(reservingFields fields: Int, bytes: Int) {
        self.init()
        self.ends.reserveCapacity(2 * fields)
        self.storage.reserveCapacity(bytes)
    }

    /// How many fields the list holds.
    package var count: Int { self.ends.count / 2 }

    /// Whether the list holds no field.
    package var isEmpty: Bool { self.ends.isEmpty }

    /// The size that HTTP/2 counts for the list: names, values and 32 bytes a field (RFC 9113 section 10.5.1).
    package var sizeBytes: Int { self.storage.count + 32 * self.count }

    // MARK: Building

    /// Appends a field.
    package mutating func append(_ name: String, _ value: String) {
        self.append(name: name.utf8, value: value.utf8)
    }

    /// Appends a field of raw bytes.
    package mutating func append(name: some Collection<UInt8>, value: some Collection<UInt8>) {
        self.storage.append(contentsOf: name)
        self.ends.append(UInt32(self.storage.count))
        self.storage.append(contentsOf: value)
        self.ends.append(UInt32(self.storage.count))
    }

    /// Appends a field of raw bytes that lie outside Swift. Not generic, so that it is specialised across modules: it runs
    /// for every field of every request.
    package mutating func append(name: UnsafeBufferPointer<UInt8>, value: UnsafeBufferPointer<UInt8>) {
        self.storage.append(contentsOf: name)
        self.ends.append(UInt32(self.storage.count))
        self.storage.append(contentsOf: value)
        self.ends.append(UInt32(self.storage.count))
    }

    /// Appends all fields of another list.
    package mutating func append(contentsOf other: HeaderList) {
        for index in 0..<other.count {
            self.append(name: other.nameBytes(at: index), value: other.valueBytes(at: index))
        }
    }

    // MARK: Reading

    /// The name of a field.
    package func name(at index: Int) -> String { String(decoding: self.nameBytes(at: index), as: UTF8.self) }

    /// The value of a field as text; invalid UTF-8 is repaired.
    package func value(at index: Int) -> String { String(decoding: self.valueBytes(at: index), as: UTF8.self) }

    /// The bytes of a field's name.
    package func nameBytes(at index: Int) -> ArraySlice<UInt8> {
        let start = index == 0 ? 0 : Int(self.ends[2 * index - 1])
        return self.storage[start..<Int(self.ends[2 * index])]
    }

    /// The bytes of a field's value.
    package func valueBytes(at index: Int) -> ArraySlice<UInt8> {
        self.storage[Int(self.ends[2 * index])..<Int(self.ends[2 * index + 1])]
    }

    /// The index of the first field of that name, which must be lower case.
    package func firstIndex(of name: String) -> Int? {
        (0..<self.count).first { self.nameBytes(at: $0).elementsEqual(name.utf8) }
    }

    /// The value of the first field of that name as text; `nil` when there is none.
    package func value(of name: String) -> String? {
        self.firstIndex(of: name).map { self.value(at: $0) }
    }

    /// The values of all fields of that name, in order.
    package func values(of name: String) -> [String] {
        (0..<self.count).filter { self.nameBytes(at: $0).elementsEqual(name.utf8) }.map { self.value(at: $0) }
    }
}

extension HeaderList: CustomStringConvertible {
    /// Names only: values may be secrets.
    package var description: String {
        "[" + (0..<self.count).map { self.name(at: $0) }.joined(separator: ", ") + "]"
    }
}
