internal import DocketModel

// Batches that are given up though nobody refused them.

extension PublishMachine {
    /// Gives every batch up and ends the stream; nothing may be enqueued afterwards.
    package mutating func abandon(_ error: ClientError) -> [Action] {
        var sent = Array(self.inFlight.values)
        for index in sent.indices { sent[index].isDoubtful = true }
        let left = self.waiting[self.waitingHead...] + sent + self.delayed.map(\.batch)
        self.waiting.removeAll()
        self.waitingHead = 0
        self.inFlight.removeAll()
        self.delayed.removeAll()
        self.suspects.removeAll()
        let wasOpen = self.stream == .open
        self.stream = .closed
        let completions = left.sorted { $0.sequence < $1.sequence }.map { batch in
            Action.complete(sequence: batch.sequence, .failure(batch.isDoubtful ? error.leavingDoubt : error))
        }
        return completions + (wasOpen ? [.closeStream] : [])
    }

    /// Gives the oldest batch up that was never sent, to make room; nothing when there is none.
    package mutating func evictOldest(_ error: ClientError) -> [Action] {
        guard let index = self.waiting[self.waitingHead...].firstIndex(where: { $0.isEvictable && !$0.isDoubtful })
        else { return [] }
        return [self.complete(self.waiting.remove(at: index).sequence, .failure(error))]
    }
}
