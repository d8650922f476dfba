/// What was found and done when a journal was opened.
package struct JournalRecovery: Sendable, Equatable {
    /// Everything that isn't as a journal that was closed leaves it.
    package var findings: [JournalSurvey.Finding] = []
    /// The bytes that were cut off the end: of writes that nobody was told had been synced.
    package var cutBytes = 0
    /// The numbers of the segments that were set aside now.
    package var setAside: [UInt64] = []
}

extension JournalWriter {
    /// Makes a directory's files fit for more: cuts what a crash has torn, deletes what is acknowledged.
    ///
    /// - Throws: ``JournalError`` `damaged` when synced bytes are gone or altered, unless the options say to set such segments aside.
    package static func recover(
        _ directory: any JournalDirectory, options: JournalOptions, using generator: inout some RandomNumberGenerator,
        now: @escaping () -> Int64
    ) throws(JournalError) -> (writer: JournalWriter, recovery: JournalRecovery) {
        try options.check()
        var recovery = JournalRecovery()
        // What is seen now must not be gone after a crash: whoever made these names may have had no time to sync them.
        do throws(SystemFailure) {
            try directory.synchronize()
        } catch {
            throw error.error("the journal '\(directory.path)' can't be opened")
        }
        var survey = try JournalSurvey(directory, readsAcknowledged: false)
        // Without a damaged segment more may be known of the one before it.
        while !survey.isUsable, options.damageResponse == .setAside {
            let numbers = try Self.setAside(survey, directory)
            guard !numbers.isEmpty else { break }
            recovery.setAside += numbers
            survey = try JournalSurvey(directory, readsAcknowledged: false)
        }
        recovery.findings = survey.findings
        if let error = survey.error(directory.path) { throw error }
        // Without a segment that was only begun, the one before it is the last.
        while let cutBytes = try Self.cutTornTail(survey, directory) {
            recovery.cutBytes += cutBytes
            survey = try JournalSurvey(directory, readsAcknowledged: false)
        }
        let writer = JournalWriter(
            directory: directory, options: options, survey: survey,
            journalID: survey.journalID ?? JournalID.random(using: &generator), now: now)
        // Failing that, they take room for a little longer.
        try? writer.deleteAcknowledged()
        return (writer, recovery)
    }

    /// Cuts the end of the last segment where a crash has torn it, and syncs the rest: who wrote it may have had no time to.
    ///
    /// What isn't known to have been synced is written again first. A sync of its writer may have failed, and the system then takes for
    /// written what the disk doesn't have.
    ///
    /// - Returns: how many bytes were cut; `nil` when the files are as they were.
    static func cutTornTail(_ survey: JournalSurvey, _ directory: any JournalDirectory) throws(JournalError) -> Int? {
        guard let last = survey.segments.last, last.ending?.isMendable == true else { return nil }
        do throws(SystemFailure) {
            // One whose header is whole stays, even without records: it says how far the segment before it counts.
            if last.header == nil {
                try directory.remove(last.name)
                try directory.synchronize()
                return last.fileBytes
            }
            let file = try directory.open(last.name, forWriting: true)
            let (surplus, known) = (last.fileBytes - last.validBytes, last.knownSyncedBytes)
            if surplus > 0 { try file.truncate(to: last.validBytes) }
            if surplus > 0 || known < last.validBytes {
                try file.writeAll(try file.read(at: known, count: last.validBytes - known), at: known)
                try file.synchronize()
                try directory.synchronize()
            }
            return surplus > 0 ? surplus : nil
        } catch {
            throw error.error("the end of the journal '\(directory.path)' can't be mended")
        }
    }

    /// Gives what is damaged another name, which nobody reads, and notes missing segments by empty files of such names. Nothing is
    /// deleted.
    ///
    /// - Returns: their numbers.
    static func setAside(_ survey: JournalSurvey, _ directory: any JournalDirectory) throws(JournalError) -> [UInt64] {
        var numbers: [UInt64] = []
        do throws(SystemFailure) {
            for finding in survey.findings {
                if finding.kind == .unusableCheckpoint {
                    try directory.rename(FileName.checkpoint, to: FileName.asideCheckpoint)
                } else if finding.kind == .damaged, !numbers.contains(finding.segment) {
                    try directory.rename(FileName.segment(finding.segment), to: FileName.aside(finding.segment))
                    numbers.append(finding.segment)
                } else if finding.kind == .missing, finding.count <= JournalSurvey.maxMissing {
                    for number in finding.segment..<finding.segment + UInt64(finding.count) {
                        _ = try directory.create(FileName.aside(number))
                        numbers.append(number)
                    }
                }
            }
            try directory.synchronize()
        } catch {
            throw error.error("a damaged segment of the journal '\(directory.path)' can't be set aside")
        }
        return numbers
    }
}

extension JournalSurvey {
    /// The most missing segments in a row that are noted as set aside: more, and a foreign file is the likelier cause.
    static let maxMissing = 1000

    /// Whether the journal can be written to as it is.
    var isUsable: Bool { self.error("") == nil }

    /// Why the journal can't be written to as it is.
    func error(_ path: String) -> JournalError? {
        if let other = self.findings.first(where: { $0.kind == .otherVersion }) {
            return JournalError(
                code: .unsupported,
                message: "the journal '\(path)' can't be used: \(other.message); use the version that wrote it")
        }
        guard let damage = self.findings.first(where: { $0.kind == .damaged || $0.kind == .missing }) else {
            return nil
        }
        return JournalError(
            code: .damaged,
            message:
                "the journal '\(path)' is damaged: \(damage.message); 'docket journal fsck --repair --set-aside' goes on "
                + "without the segment and keeps its file",
            place: JournalPlace(segment: damage.segment, offset: damage.offset, lastIndex: self.nextIndex - 1))
    }
}

extension SegmentScan.Ending {
    /// Whether nothing but what a crash has torn is behind the whole records.
    fileprivate var isMendable: Bool {
        switch self {
        case .whole, .torn: true
        case .lost, .damaged, .otherVersion: false
        }
    }
}
