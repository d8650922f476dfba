import DocketImport

/// The batches of a file, in order: as many bytes as its identity was made of, neither more nor less.
struct ImportBatches: ~Copyable {
    private static let chunkBytes = 256 * 1024

    private let source: ByteSource
    private let byteCount: Int
    private let onProgress: (_ doneBytes: Int, _ totalBytes: Int) -> Void
    private var importer: Importer
    private var cutter: BatchCutter
    private var readBytes = 0
    private var recordCount = 0
    private var isFinished = false

    /// - Parameters:
    ///   - byteCount: how many bytes of the file are imported; what was appended since belongs to another import.
    ///   - onProgress: called after each chunk with the bytes read and the file's size.
    init(
        path: String, format: ImportFormat, recordsPerBatch: Int, byteCount: Int,
        onProgress: @escaping (_ doneBytes: Int, _ totalBytes: Int) -> Void
    ) throws(CommandError) {
        self.source = try ByteSource(path: path)
        self.byteCount = byteCount
        self.onProgress = onProgress
        self.importer = Importer(format: format)
        self.cutter = BatchCutter(maxRecords: recordsPerBatch)
    }

    /// The next batch; `nil` at the end.
    ///
    /// - Throws: ``CommandError`` when the file can't be read to its end: no batch is made of what is there of the last
    ///   one, because a later import would cut it otherwise.
    mutating func next() throws(CommandError) -> ImportBatch? {
        while true {
            while let record = self.importer.next() {
                self.recordCount += 1
                if let batch = self.cutter.add(record) { return batch }
            }
            // The cutter has nothing left after it has been finished.
            if self.isFinished { return self.cutter.finish() }
            try self.readChunk()
        }
    }

    private mutating func readChunk() throws(CommandError) {
        let wanted = min(Self.chunkBytes, self.byteCount - self.readBytes)
        guard wanted > 0 else {
            self.importer.finish()
            self.isFinished = true
            return
        }
        let chunk: [UInt8]
        do {
            chunk = try self.source.read(maxBytes: wanted, at: self.readBytes)
        } catch {
            throw CommandError(.ioError, "\(error.message) of \(self.byteCount); \(self.remedy)", cause: error.cause)
        }
        guard !chunk.isEmpty else {
            throw CommandError(
                .ioError,
                "'\(self.source.name)' ends at byte \(self.readBytes) of \(self.byteCount): it was cut meanwhile; "
                    + self.remedy)
        }
        self.readBytes += chunk.count
        self.importer.push(chunk)
        self.onProgress(self.readBytes, self.byteCount)
    }

    private var remedy: String {
        "the import stopped after \(self.recordCount) records, and whole batches of them may be stored; import the "
            + "whole file again, which stores nothing twice"
    }
}
