/// Checks a journal that nobody has open, and mends what may be mended: `docket journal fsck`.
package struct JournalCheck: Sendable, Equatable {
    /// What may be done.
    package enum Repair: Sendable, Equatable {
        case nothing
        /// Cut a torn tail.
        case tornTail
        /// Give damaged segments another name as well.
        case tornTailAndDamage
    }

    /// What was found, before anything was done.
    package private(set) var findings: [JournalSurvey.Finding]
    package private(set) var segmentCount: Int
    package private(set) var recordCount: Int
    package private(set) var cutBytes = 0
    /// The numbers of the segments that were set aside.
    package private(set) var setAside: [UInt64] = []
    /// Whether nothing is damaged now.
    package private(set) var isSound: Bool

    /// Checks a directory.
    ///
    /// - Throws: ``JournalError``: `inUse` while it is open, `unusableDirectory` when it isn't there, `failed`.
    package init(path: String, repair: Repair) throws(JournalError) {
        let directory = try SystemDirectory(owning: path, isMade: false)
        defer { directory.unlock() }
        try self.init(directory, repair: repair)
    }

    package init(_ directory: any JournalDirectory, repair: Repair) throws(JournalError) {
        var survey = try JournalSurvey(directory, readsAcknowledged: true)
        self.findings = survey.findings
        self.segmentCount = survey.segments.count
        self.recordCount = survey.segments.reduce(0) { $0 + $1.recordCount }
        if repair == .tornTailAndDamage {
            // Without a damaged segment more may be known of the one before it.
            while !survey.isSound {
                let (before, numbers) = (survey.files, try JournalWriter.setAside(survey, directory))
                self.setAside += numbers
                survey = try JournalSurvey(directory, readsAcknowledged: true)
                guard survey.files != before else { break }
            }
        }
        if repair != .nothing {
            while survey.hasTornTail, let cutBytes = try JournalWriter.cutTornTail(survey, directory) {
                self.cutBytes += cutBytes
                survey = try JournalSurvey(directory, readsAcknowledged: true)
            }
        }
        self.isSound = survey.isSound
    }
}

extension JournalSurvey {
    /// Whether there is something to cut.
    fileprivate var hasTornTail: Bool { self.findings.contains { $0.kind == .tornTail } }
}
