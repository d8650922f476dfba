import DocketModel

// The columns of a row by their types, in PostgreSQL's binary format. What they throw names the column.

func integer<Value: FixedWidthInteger>(
    _ column: EventColumn, as _: Value.Type, _ field: RowField
) throws(CodecError) -> Value? {
    guard let bytes = unsafe field(column) else { return nil }
    guard bytes.count == MemoryLayout<Value>.size else {
        throw invalidRow(column, "has \(bytes.count) bytes; it should have \(MemoryLayout<Value>.size)")
    }
    return unsafe Value(bigEndian: bytes.loadUnaligned(as: Value.self))
}

func requiredInteger<Value: FixedWidthInteger>(
    _ column: EventColumn, as type: Value.Type, _ field: RowField
) throws(CodecError) -> Value {
    guard let value = try unsafe integer(column, as: type, field) else { throw invalidRow(column, "is NULL") }
    return value
}

/// 16 bytes as two big-endian halves.
func halves(_ column: EventColumn, _ field: RowField) throws(CodecError) -> (high: UInt64, low: UInt64)? {
    guard let bytes = unsafe field(column) else { return nil }
    guard bytes.count == 16 else {
        throw invalidRow(column, "has \(bytes.count) bytes; it should have 16")
    }
    return unsafe (
        UInt64(bigEndian: bytes.loadUnaligned(as: UInt64.self)),
        UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
    )
}

func requiredHalves(_ column: EventColumn, _ field: RowField) throws(CodecError) -> (high: UInt64, low: UInt64) {
    guard let value = try unsafe halves(column, field) else { throw invalidRow(column, "is NULL") }
    return value
}

func text(_ column: EventColumn, _ field: RowField) throws(CodecError) -> String? {
    guard let bytes = unsafe field(column) else { return nil }
    guard let text = unsafe String(validating: bytes, as: UTF8.self) else {
        throw invalidRow(column, "is not UTF-8; is the database's encoding UTF8?")
    }
    return text
}

func enumeration<Value: RawRepresentable<Int16>>(
    _ column: EventColumn, _ field: RowField
) throws(CodecError) -> Value? {
    let number = try unsafe requiredInteger(column, as: Int16.self, field)
    if number == 0 { return nil }
    guard let value = Value(rawValue: number) else {
        throw invalidRow(column, "holds \(number), which this version doesn't know")
    }
    return value
}

func occurredAt(_ field: RowField) throws(CodecError) -> Timestamp {
    let sincePostgresEpoch = try unsafe requiredInteger(.occurredAt, as: Int64.self, field)
    let (microseconds, overflow) = sincePostgresEpoch.addingReportingOverflow(postgresEpochMicroseconds)
    let time = Timestamp(microsecondsSinceEpoch: microseconds)
    guard !overflow, time >= .earliest, time <= .latest else {
        throw invalidRow(.occurredAt, "lies outside the years 1 to 9999")
    }
    return time
}
