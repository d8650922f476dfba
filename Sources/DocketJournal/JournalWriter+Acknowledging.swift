extension JournalWriter {
    /// Takes note that records are done with. Indexes that no record has yet are left out.
    package func acknowledge(_ indexes: Range<UInt64>) {
        let known = indexes.clamped(to: 0..<self.nextIndex)
        if !known.isEmpty, self.acknowledged.insert(known) { self.isCheckpointDue = true }
    }

    /// Deletes the first segments as long as all their records are acknowledged; the one that is written to stays.
    ///
    /// One after the other, each for good before the next: a crash never leaves a gap.
    package func deleteAcknowledged() throws(JournalError) {
        while let first = self.segments.first, first.endIndex <= self.acknowledged.through + 1 {
            if self.segments.count > 1 {
                // A later one must be there for good before this one goes: else a crash could leave neither.
                if !self.isFollowedDurably { try self.synchronizeOrSeal() }
                guard self.isFollowedDurably else { return }
            } else {
                // Where the limits have been lowered it may take all the room that there is. The checkpoint knows what comes next.
                guard self.isSealed else { return }
                try self.writeCheckpoint()
            }
            let number = self.segments[0].number
            do throws(SystemFailure) {
                try self.synchronizeRemoval()
                try self.directory.remove(FileName.segment(number))
                self.segments.removeFirst()
                self.hasUnsyncedRemoval = true
                // An open file takes its room as long as it is open.
                if self.cursor?.segment == number { self.cursor = nil }
                try self.synchronizeRemoval()
            } catch {
                throw error.error("segment \(number) is acknowledged but can't be deleted")
            }
        }
    }

    private var isFollowedDurably: Bool { self.segments.dropFirst().contains { $0.syncedBytes > 0 } }

    private func synchronizeRemoval() throws(SystemFailure) {
        guard self.hasUnsyncedRemoval else { return }
        try self.directory.synchronize()
        self.hasUnsyncedRemoval = false
    }

    /// Keeps on disk what is acknowledged.
    package func writeCheckpoint() throws(JournalError) {
        let durable = self.segments.last { $0.syncedBytes > 0 }
        let checkpoint = JournalCheckpoint(
            journalID: self.journalID, nextIndex: self.nextIndex, acknowledged: self.acknowledged,
            segment: durable?.number ?? 0, syncedBytes: durable?.syncedBytes ?? 0)
        do throws(SystemFailure) {
            try self.replaceCheckpoint(checkpoint.bytes)
            self.isCheckpointDue = false
            self.hasSynced = false
        } catch {
            throw error.error("what is acknowledged can't be kept on disk, and would be sent again after a restart")
        }
    }

    /// Makes room for the next checkpoint, if there is none: a disk that is full of what is acknowledged stays so for want of one.
    package func makeRoomForCheckpoint() throws(JournalError) {
        do throws(SystemFailure) {
            if try self.directory.list()[FileName.newCheckpoint] == nil { try self.reserveCheckpoint() }
        } catch {
            throw error.error("the journal '\(self.directory.path)' has no room for a checkpoint")
        }
    }

    private func replaceCheckpoint(_ bytes: [UInt8]) throws(SystemFailure) {
        let file = try self.openNewCheckpoint()
        try file.writeAll(bytes, at: 0)
        try file.truncate(to: bytes.count)
        // The content reaches the disk before the name does.
        try file.synchronize()
        try self.directory.rename(FileName.newCheckpoint, to: FileName.checkpoint)
        try self.directory.synchronize()
        // The old one's room has just become free.
        try? self.reserveCheckpoint()
    }

    /// The file that was made for it, or a new one.
    private func openNewCheckpoint() throws(SystemFailure) -> any JournalFile {
        do throws(SystemFailure) {
            return try self.directory.open(FileName.newCheckpoint, forWriting: true)
        } catch  where error.isMissingFile {
            return try self.directory.create(FileName.newCheckpoint)
        }
    }

    /// Takes the room that the largest checkpoint needs.
    private func reserveCheckpoint() throws(SystemFailure) {
        let file = try self.create(FileName.newCheckpoint)
        try file.writeAll([UInt8](repeating: 0, count: JournalCheckpoint.maxBytes), at: 0)
    }

    /// Makes everything durable, and lets another owner in. Nothing else is called afterwards.
    package func finish() throws(JournalError) {
        defer {
            self.seal()
            self.cursor = nil
            self.directory.unlock()
        }
        try self.synchronizeOrSeal()
        if self.isCheckpointDue || self.hasSynced { try self.writeCheckpoint() }
    }
}
