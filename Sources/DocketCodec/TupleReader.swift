import DocketModel

/// Reads COPY tuples back, one event after the other: for spools, tests and whoever checks a batch by its root.
package struct TupleReader {
    private let tuples: [UInt8]
    private var index = 0
    private let typeName: (Int32) -> String?
    /// Where each column of the current tuple lies in `tuples`; `nil` for NULL.
    private var columns: [Range<Int>?]

    /// - Parameters:
    ///   - tuples: Tuples as in ``EncodedBatch/tuples``: no header, no trailer.
    ///   - typeName: The name of an event type by its surrogate key.
    package init(tuples: [UInt8], typeName: @escaping (Int32) -> String?) {
        self.tuples = tuples
        self.typeName = typeName
        self.columns = [Range<Int>?](repeating: nil, count: EventColumn.count)
    }

    /// The next row; `nil` after the last one.
    package mutating func next() throws(CodecError) -> DecodedRow? {
        try self.advance() ? try self.row() : nil
    }

    /// Moves to the next tuple, at first to the first one; false after the last one.
    package mutating func advance() throws(CodecError) -> Bool {
        guard self.index < self.tuples.count else { return false }
        let count = try self.integer(as: Int16.self)
        guard Int(count) == EventColumn.count else {
            throw self.fault("a tuple has \(count) columns; it should have \(EventColumn.count)")
        }
        for column in 0..<EventColumn.count {
            let length = Int(try self.integer(as: Int32.self))
            guard length >= -1, length <= self.tuples.count - self.index else {
                throw self.fault("a column is \(length) bytes long; \(self.tuples.count - self.index) are left")
            }
            self.columns[column] = length < 0 ? nil : self.index..<self.index + length
            self.index += max(length, 0)
        }
        return true
    }

    /// The tuple that ``advance()`` has moved to.
    package func row() throws(CodecError) -> DecodedRow {
        try unsafe self.withFields { (field) throws(CodecError) in
            try unsafe decodeRow(typeName: self.typeName, field: field)
        }
    }

    /// Whether the tuple that ``advance()`` has moved to meets a filter.
    package func matches(_ filter: RowFilter) throws(CodecError) -> Bool {
        try unsafe self.withFields { (field) throws(CodecError) in
            let typeID = try unsafe requiredInteger(.typeID, as: Int32.self, field)
            guard let type = self.typeName(typeID) else {
                throw invalidRow(.typeID, "holds \(typeID), which is no event type; reload the registry")
            }
            return try unsafe filter.matches(typeName: type, field: field)
        }
    }

    private func withFields<Result>(
        _ body: (RowField) throws(CodecError) -> Result
    ) throws(CodecError) -> Result {
        try unsafe self.tuples.withUnsafeBufferPointer { bytes throws(CodecError) in
            try unsafe body { column in
                guard let range = self.columns[column.rawValue] else { return nil }
                return unsafe UnsafeRawBufferPointer(UnsafeBufferPointer(rebasing: bytes[range]))
            }
        }
    }

    /// All rows that are left.
    package mutating func rows() throws(CodecError) -> [DecodedRow] {
        var rows: [DecodedRow] = []
        while let row = try self.next() { rows.append(row) }
        return rows
    }

    private mutating func integer<Value: FixedWidthInteger>(as _: Value.Type) throws(CodecError) -> Value {
        let size = MemoryLayout<Value>.size
        guard self.tuples.count - self.index >= size else { throw self.fault("the last tuple is cut off") }
        var value: Value = 0
        for byte in self.tuples[self.index..<self.index + size] { value = value << 8 | Value(truncatingIfNeeded: byte) }
        self.index += size
        return value
    }

    private func fault(_ what: String) -> CodecError {
        CodecError(code: .invalidRow, message: "COPY tuples, at byte \(self.index): \(what)")
    }
}
