import CLibpq
package import DocketModel

/// The rows that a statement answered, in binary format. Owns libpq's result.
@safe package final class PostgresRows {
    private let result: OpaquePointer
    package let count: Int

    /// Takes the result over.
    init(_ result: OpaquePointer) {
        unsafe self.result = unsafe result
        self.count = Int(unsafe PQntuples(result))
    }

    deinit { unsafe PQclear(self.result) }

    /// The bytes of a field, valid for as long as these rows live; `nil` for NULL.
    @unsafe package func field(_ row: Int, _ column: Int) -> UnsafeRawBufferPointer? {
        precondition(row >= 0 && row < self.count, "row \(row) of \(self.count)")
        let (row, column) = (Int32(row), Int32(column))
        guard unsafe PQgetisnull(self.result, row, column) == 0 else { return nil }
        let length = Int(unsafe PQgetlength(self.result, row, column))
        return unsafe UnsafeRawBufferPointer(start: PQgetvalue(self.result, row, column), count: length)
    }

    /// An integer of exactly the column's width.
    package func integer<Value: FixedWidthInteger>(
        _ row: Int, _ column: Int, as _: Value.Type = Value.self
    ) throws(PostgresError) -> Value {
        guard let bytes = unsafe self.field(row, column), bytes.count == MemoryLayout<Value>.size else {
            throw self.unreadable(column, "an integer of \(MemoryLayout<Value>.size) bytes")
        }
        return unsafe Value(bigEndian: bytes.loadUnaligned(as: Value.self))
    }

    package func bool(_ row: Int, _ column: Int) throws(PostgresError) -> Bool {
        try self.integer(row, column, as: UInt8.self) != 0
    }

    package func isNull(_ row: Int, _ column: Int) -> Bool { unsafe self.field(row, column) == nil }

    /// An integer of exactly the column's width; `nil` for NULL.
    package func optionalInteger<Value: FixedWidthInteger>(
        _ row: Int, _ column: Int, as _: Value.Type = Value.self
    ) throws(PostgresError) -> Value? {
        self.isNull(row, column) ? nil : try self.integer(row, column, as: Value.self)
    }

    package func optionalTimestamp(_ row: Int, _ column: Int) throws(PostgresError) -> Timestamp? {
        self.isNull(row, column) ? nil : try self.timestamp(row, column)
    }

    package func text(_ row: Int, _ column: Int) throws(PostgresError) -> String {
        guard let text = try self.optionalText(row, column) else { throw self.unreadable(column, "text") }
        return text
    }

    package func optionalText(_ row: Int, _ column: Int) throws(PostgresError) -> String? {
        guard let bytes = unsafe self.field(row, column) else { return nil }
        guard let text = unsafe String(validating: bytes, as: UTF8.self) else {
            throw self.unreadable(column, "UTF-8 text")
        }
        return text
    }

    /// Text that is one of a type's names.
    package func named<Value: RawRepresentable>(
        _ row: Int, _ column: Int, as _: Value.Type = Value.self
    ) throws(PostgresError) -> Value where Value.RawValue == String {
        guard let value = Value(rawValue: try self.text(row, column)) else {
            throw self.unreadable(column, "a \(Value.self) that this version knows")
        }
        return value
    }

    package func bytes(_ row: Int, _ column: Int) throws(PostgresError) -> [UInt8] {
        guard let bytes = unsafe self.field(row, column) else { throw self.unreadable(column, "bytes") }
        return unsafe Array(bytes)
    }

    package func timestamp(_ row: Int, _ column: Int) throws(PostgresError) -> Timestamp {
        let value = try self.integer(row, column, as: Int64.self)
        let (microseconds, overflow) = value.addingReportingOverflow(PostgresValue.epochMicroseconds)
        guard !overflow else { throw self.unreadable(column, "a finite time") }
        return Timestamp(microsecondsSinceEpoch: microseconds)
    }

    /// An array of int4 without NULLs.
    package func int4Array(_ row: Int, _ column: Int) throws(PostgresError) -> [Int32] {
        let bytes = try self.bytes(row, column)
        let words = stride(from: 0, to: bytes.count - 3, by: 4).map { start in
            bytes[start..<start + 4].reduce(0 as UInt32) { $0 << 8 | UInt32($1) }
        }
        // Dimensions, flags and element type; then length, lower bound, and each element behind its size.
        guard words.count >= 3 else { throw self.unreadable(column, "an array") }
        guard words[0] != 0 else { return [] }
        guard words[0] == 1, words[1] == 0, words[2] == 23, words.count >= 5, words.count == 5 + 2 * Int(words[3])
        else {
            throw self.unreadable(column, "an array of int4 without NULLs")
        }
        return (0..<Int(words[3])).map { Int32(bitPattern: words[6 + 2 * $0]) }
    }

    private func unreadable(_ column: Int, _ expected: String) -> PostgresError {
        let name = unsafe PQfname(self.result, Int32(column)).map { unsafe String(cString: $0) } ?? "\(column)"
        return PostgresError(code: .unexpectedAnswer, message: "column \(name) of the answer is not \(expected)")
    }
}
