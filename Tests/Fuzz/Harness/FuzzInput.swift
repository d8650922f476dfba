/// A broken oracle: what should hold of every input doesn't hold of this one.
package struct FuzzFinding: Error, Sendable, Equatable, CustomStringConvertible {
    /// What doesn't hold, with the values.
    package let message: String

    package var description: String { self.message }
}

/// Throws a ``FuzzFinding`` when the condition doesn't hold.
func require(_ condition: Bool, _ message: @autoclosure () -> String) throws(FuzzFinding) {
    guard condition else { throw FuzzFinding(message: message()) }
}

/// Throws a ``FuzzFinding`` with both values when they differ.
func requireEqual<Value: Equatable>(
    _ left: Value, _ right: Value, _ what: @autoclosure () -> String
) throws(FuzzFinding) {
    guard left == right else {
        throw FuzzFinding(message: "\(what()): \(excerpt(of: left)) is not \(excerpt(of: right))")
    }
}

/// The value of something that can't fail here; a ``FuzzFinding`` with its error when it does.
func requireNoError<Value, Failure: Error>(
    _ what: @autoclosure () -> String, _ body: () throws(Failure) -> Value
) throws(FuzzFinding) -> Value {
    do throws(Failure) {
        return try body()
    } catch {
        throw FuzzFinding(message: "\(what()): \(error)")
    }
}

private func excerpt(of value: some Any) -> String {
    let text = String(describing: value)
    return text.count > 2000 ? text.prefix(2000) + "…" : text
}

/// An input that is used up from its front: the first bytes decide what is done with the rest.
struct FuzzInput {
    private(set) var rest: ArraySlice<UInt8>

    init(_ bytes: [UInt8]) { self.rest = bytes[...] }

    var isAtEnd: Bool { self.rest.isEmpty }

    /// The next byte; 0 at the end, so that any input is long enough.
    mutating func byte() -> UInt8 { self.rest.popFirst() ?? 0 }

    /// The next so many bytes, or as many as there are.
    mutating func bytes(_ count: Int) -> [UInt8] {
        defer { self.rest = self.rest.dropFirst(count) }
        return Array(self.rest.prefix(count))
    }

    /// What is left.
    mutating func remaining() -> [UInt8] {
        defer { self.rest = [] }
        return Array(self.rest)
    }
}

/// Cuts bytes into pieces, as a network does. The same seed cuts the same way.
struct Pieces: Sequence, IteratorProtocol {
    private var rest: ArraySlice<UInt8>
    private var state: UInt32
    private let largest: UInt32

    /// - Parameter seed: 0 leaves the bytes in one piece; the higher its low four bits, the larger pieces may be.
    init(of bytes: [UInt8], seed: UInt8) {
        self.rest = bytes[...]
        self.state = UInt32(seed) &* 0x9E37_79B9
        self.largest = seed == 0 ? 0 : 1 << UInt32(seed & 15)
    }

    mutating func next() -> [UInt8]? {
        guard !self.rest.isEmpty else { return nil }
        // A linear congruential generator (Numerical Recipes): its high bits are random enough to cut bytes with.
        self.state = self.state &* 1_664_525 &+ 1_013_904_223
        let count = self.largest == 0 ? self.rest.count : Int((self.state >> 16) % self.largest) + 1
        defer { self.rest = self.rest.dropFirst(count) }
        return Array(self.rest.prefix(count))
    }
}
