package import DocketModel

/// Turns the bytes of a file into events. It does no I/O: the caller pushes chunks and takes what comes of them.
///
///     while let chunk = try file.read() {
///         importer.push(chunk)
///         while let record = importer.next() { … }
///     }
///     importer.finish()
///     while let record = importer.next() { … }
///
/// Memory is bounded by one record and one chunk, besides what ``RecordIdentity`` remembers. The outcome depends on the
/// bytes, the format and the limits alone, never on how the bytes were cut into chunks.
package struct Importer: Sendable {
    /// The longest record that is taken unless the caller says otherwise, in bytes.
    package static let defaultMaxRecordBytes = 1024 * 1024

    package let format: ImportFormat
    private let limits: Limits
    private var reader: any RecordReader
    private var identity: RecordIdentity

    /// - Parameters:
    ///   - format: The file's format.
    ///   - limits: What an event may hold. A record that can't be fitted in is reported.
    ///   - maxRecordBytes: The longest record that is taken, in bytes.
    package init(
        format: ImportFormat, limits: Limits = Limits(), maxRecordBytes: Int = Self.defaultMaxRecordBytes
    ) {
        self.format = format
        self.limits = limits
        self.identity = RecordIdentity(format: format)
        switch format {
        case .kubernetesAuditCSV: self.reader = CSVReader(maxRecordBytes: maxRecordBytes)
        case .cloudTrail, .jsonLines: self.reader = LineReader(maxRecordBytes: maxRecordBytes)
        }
    }

    /// Adds the next bytes of the file.
    package mutating func push(_ chunk: [UInt8]) { self.reader.push(chunk) }

    /// Says that the file has no more bytes.
    package mutating func finish() { self.reader.finish() }

    /// The next record, in the file's order; `nil` when more bytes are needed or, after ``finish()``, when there is
    /// none.
    package mutating func next() -> ImportedRecord? {
        switch self.reader.next() {
        case nil: return nil
        case .failure(let error): return ImportedRecord(line: error.line, result: .failure(error))
        case .success(let record):
            let eventID = self.identity.eventID(of: record.bytes)
            return ImportedRecord(line: record.line, result: self.event(from: record, eventID))
        }
    }

    private func event(from record: RawRecord, _ eventID: EventID) -> Result<Event, ImportError> {
        do throws(ImportError) {
            let event =
                switch self.format {
                case .kubernetesAuditCSV: try KubernetesAuditMapping(self.limits).event(from: record, eventID)
                case .cloudTrail: try CloudTrailMapping(self.limits).event(from: record, eventID)
                case .jsonLines: try self.projectedEvent(from: record, eventID)
                }
            try naming(record.line) { () throws(ModelError) in try event.check(self.limits) }
            return .success(event)
        } catch {
            return .failure(error)
        }
    }

    /// An event that is there already, in Docket's own projection. It keeps its id if it has one.
    private func projectedEvent(from record: RawRecord, _ eventID: EventID) throws(ImportError) -> Event {
        try naming(record.line, endsWithFile: record.endsWithFile) { () throws(ModelError) in
            try Event(json: record.bytes, eventIDIfAbsent: eventID, maxDepth: self.limits.maxAttributesDepth)
        }
    }
}

/// Does something that may throw an error of the model, and adds the line to the error. Incomplete JSON in a record
/// that the file's end ends is a record cut off.
func naming<Value>(
    _ line: Int, endsWithFile: Bool = false, _ body: () throws(ModelError) -> Value
) throws(ImportError) -> Value {
    do {
        return try body()
    } catch  where error.code == .incompleteJSON && endsWithFile {
        throw ImportError(
            code: .cutOff, line: line,
            message: "\(error.message); the file ends inside the record: it was cut off, fetch the file again")
    } catch  where error.code == .invalidJSON || error.code == .incompleteJSON {
        throw ImportError(code: .malformed, line: line, message: error.message)
    } catch {
        throw ImportError(code: .invalidField, line: line, message: error.message)
    }
}
