import DocketJournal

/// The files of a journal as a broken disk might give them back: raw bytes, or a journal that the input writes and then alters.
enum JournalTarget {
    static func run(_ input: [UInt8]) throws(FuzzFinding) {
        var input = FuzzInput(input)
        if input.byte() & 1 == 0 {
            try self.raw(&input)
        } else {
            try self.altered(&input)
        }
    }

    private static let options: JournalOptions = {
        var options = JournalOptions()
        options.maxSegmentBytes = 4096
        options.maxRecordBytes = 2048
        options.maxBytes = 1 << 20
        return options
    }()

    /// Gives each journal the same id, so that the same input does the same.
    private struct SameID: RandomNumberGenerator {
        mutating func next() -> UInt64 { 0x0123_4567_89AB_CDEF }
    }

    private static func name(_ number: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: 20 - digits.utf8.count) + digits + ".segment"
    }

    // MARK: Any files

    /// Up to four files of any bytes, each behind its kind and its length.
    private static func raw(_ input: inout FuzzInput) throws(FuzzFinding) {
        let directory = MemoryDirectory()
        while !input.isAtEnd, directory.files.count < 4 {
            let kind = Int(input.byte())
            let count = Int(input.byte()) << 4 | Int(input.byte() & 15)
            directory.files[kind & 7 == 7 ? "checkpoint" : self.name(1 + kind & 7)] = input.bytes(count)
        }
        try self.check(directory)
    }

    // MARK: An altered journal

    /// Writes records, acknowledges some, alters bytes, and looks whether any record is gone unsaid.
    private static func altered(_ input: inout FuzzInput) throws(FuzzFinding) {
        let directory = MemoryDirectory()
        let records = try requireNoError("writing") { () throws(JournalError) in
            try self.write(&input, into: directory)
        }
        let written = directory.files
        while !input.isAtEnd { self.alter(&directory.files, by: &input) }
        let altered = directory.files.keys.filter { self.isAltered($0, written, directory.files) }
        let inspection = try requireNoError("looking") { () throws(JournalError) in try JournalInspection(directory) }
        // A close has told the checkpoint of everything: nothing may change unsaid.
        try require(
            altered.isEmpty || !inspection.isSound,
            "\(altered.sorted()) altered, and nothing said: \(inspection.findings)")
        try self.check(directory, records: records)
    }

    /// Whether a file isn't as it was written, where that counts. What stands behind the end of a sealed segment doesn't, since the header
    /// of the segment after it says how far it goes; nor does what stands where the next checkpoint will be.
    private static func isAltered(_ name: String, _ written: [String: [UInt8]], _ files: [String: [UInt8]]) -> Bool {
        guard name != "checkpoint.new" else { return false }
        guard let before = written[name], let after = files[name] else { return true }
        let isSealed = name.hasSuffix(".segment") && written.keys.contains { $0.hasSuffix(".segment") && $0 > name }
        return isSealed ? Array(after.prefix(before.count)) != before : after != before
    }

    /// - Returns: what is to be read, by index.
    private static func write(
        _ input: inout FuzzInput, into directory: MemoryDirectory
    ) throws(JournalError) -> [UInt64: [UInt8]] {
        var generator = SameID()
        let writer = try JournalWriter.recover(directory, options: self.options, using: &generator, now: { 0 }).writer
        var records: [UInt64: [UInt8]] = [:]
        for _ in 0..<Int(input.byte() & 31) {
            let (count, value) = (Int(input.byte()) << 3, input.byte())
            let payload = [UInt8](repeating: value, count: count)
            let index = try writer.append(
                [JournalWriter.Entry(kind: .batch, payload: payload)], synchronizes: value & 1 == 0)
            records[index] = payload
            if value & 15 == 15 {
                let acknowledged = max(1, index - UInt64(min(index - 1, UInt64(value >> 4))))
                writer.acknowledge(acknowledged..<acknowledged + 1)
                records[acknowledged] = nil
            }
        }
        try writer.finish()
        return records
    }

    private static func alter(_ files: inout [String: [UInt8]], by input: inout FuzzInput) {
        let names = files.keys.sorted()
        let (choice, act) = (input.byte(), input.byte())
        let place = Int(input.byte()) << 8 | Int(input.byte())
        guard !names.isEmpty, let content = files[names[Int(choice) % names.count]], !content.isEmpty else { return }
        let offset = place % content.count
        var altered = content
        switch act & 3 {
        case 0: altered[offset] ^= 1 << (act >> 5)
        case 1: altered.removeLast(content.count - offset)
        case 2:
            for position in offset..<min(content.count, offset + 1 + Int(act)) { altered[position] = 0 }
        default: altered.replaceSubrange(offset..<min(content.count, offset + 8), with: input.bytes(8))
        }
        files[names[Int(choice) % names.count]] = altered
    }

    // MARK: What must hold

    /// Every way of looking and mending takes the files; what is mended stays so, and what is read is what was written.
    private static func check(_ directory: MemoryDirectory, records: [UInt64: [UInt8]]? = nil) throws(FuzzFinding) {
        let files = directory.files
        let before = try requireNoError("a check") { () throws(JournalError) in
            try JournalCheck(directory, repair: .nothing)
        }
        try requireEqual(directory.files, files, "the files after a look")
        let mended = try requireNoError("a repair") { () throws(JournalError) in
            try JournalCheck(directory, repair: .tornTailAndDamage)
        }
        let isOther = before.findings.contains { $0.kind == .otherVersion }
        try require(mended.isSound || isOther, "mended, and still damaged: \(mended)")
        var generator = SameID()
        let writer: JournalWriter
        do throws(JournalError) {
            writer = try JournalWriter.recover(directory, options: self.options, using: &generator, now: { 0 }).writer
        } catch {
            return try require(isOther, "mended, and can't be opened: \(error)")
        }
        let read = try requireNoError("reading") { () throws(JournalError) in
            try writer.read(after: 0, maxBytes: .max)
        }
        try require(zip(read, read.dropFirst()).allSatisfy { $0.index < $1.index }, "read out of order")
        let index = try requireNoError("appending") { () throws(JournalError) in
            try writer.append([JournalWriter.Entry(kind: .batch, payload: [1])], synchronizes: true)
        }
        try require(index > read.last?.index ?? 0, "record \(index) comes after \(read.last?.index ?? 0)")
        guard let records else { return }
        for record in read where records[record.index] != nil {
            try requireEqual(record.payload, records[record.index], "record \(record.index)")
        }
        if before.findings.isEmpty { try requireEqual(Set(read.map(\.index)), Set(records.keys), "what is read") }
    }
}
