package import DocketModel

/// A parameter of a statement, sent in PostgreSQL's binary format.
package enum PostgresValue: Sendable, Equatable {
    case null
    case bool(Bool)
    case int2(Int16)
    case int4(Int32)
    case int8(Int64)
    case float8(Double)
    case text(String)
    case bytes([UInt8])
    /// 16 bytes.
    case uuid([UInt8])
    case timestamp(Timestamp)
    case int4Array([Int32])
    case int8Array([Int64])
    case textArray([String])
    case timestampArray([Timestamp])

    /// An int8; NULL for `nil`.
    static func optional(_ value: Int64?) -> PostgresValue { value.map { .int8($0) } ?? .null }

    /// PostgreSQL's number for the type (`pg_type.oid`); 0 lets the server infer it.
    var typeID: UInt32 {
        switch self {
        case .null: 0
        case .bool: 16
        case .int2: 21
        case .int4: 23
        case .int8: 20
        case .float8: 701
        case .text: 25
        case .bytes: 17
        case .uuid: 2950
        case .timestamp: 1184
        case .int4Array: 1007
        case .int8Array: 1016
        case .textArray: 1009
        case .timestampArray: 1185
        }
    }

    /// The binary form; `nil` for NULL.
    var encoded: [UInt8]? {
        switch self {
        case .null: nil
        case .bool(let value): [value ? 1 : 0]
        case .int2(let value): Self.bigEndian(value)
        case .int4(let value): Self.bigEndian(value)
        case .int8(let value): Self.bigEndian(value)
        case .float8(let value): Self.bigEndian(value.bitPattern)
        case .text(let value): Array(value.utf8)
        case .bytes(let value), .uuid(let value): value
        case .timestamp(let value): Self.bigEndian(Self.sincePostgresEpoch(value))
        case .int4Array(let values): Self.array(values.map(Self.bigEndian), elementType: 23)
        case .int8Array(let values): Self.array(values.map(Self.bigEndian), elementType: 20)
        case .textArray(let values): Self.array(values.map { Array($0.utf8) }, elementType: 25)
        case .timestampArray(let values):
            Self.array(values.map { Self.bigEndian(Self.sincePostgresEpoch($0)) }, elementType: 1184)
        }
    }

    /// Microseconds since 2000-01-01T00:00:00Z, which is how PostgreSQL counts; clamped at the ends of Int64.
    static func sincePostgresEpoch(_ time: Timestamp) -> Int64 {
        let (value, overflow) = time.microsecondsSinceEpoch.subtractingReportingOverflow(self.epochMicroseconds)
        return overflow ? .min : value
    }

    /// 2000-01-01T00:00:00Z in microseconds since 1970.
    static let epochMicroseconds: Int64 = 946_684_800_000_000

    private static func bigEndian<Value: FixedWidthInteger>(_ value: Value) -> [UInt8] {
        (0..<MemoryLayout<Value>.size).reversed().map { UInt8(truncatingIfNeeded: value >> Value(8 * $0)) }
    }

    /// One dimension, lower bound 1, no NULLs (`array_send` in PostgreSQL's source).
    private static func array(_ elements: [[UInt8]], elementType: Int32) -> [UInt8] {
        let dimensions: Int32 = elements.isEmpty ? 0 : 1
        var bytes = self.bigEndian(dimensions) + self.bigEndian(0 as Int32) + self.bigEndian(elementType)
        guard !elements.isEmpty else { return bytes }
        bytes += self.bigEndian(Int32(elements.count)) + self.bigEndian(1 as Int32)
        for element in elements { bytes += self.bigEndian(Int32(element.count)) + element }
        return bytes
    }
}
