internal import DocketMessages
internal import DocketModel

/// Gathers, for each follower, what of a part of the log it gets: an event that several get is made once, and one that
/// nobody has room for isn't made at all.
struct TailHanding {
    private let followers: [TailSubscription]
    private let next: LogPosition
    private let reached: [LogPosition]
    private let isFull: [Bool]
    private var events: [[StoredEventMessage]]
    private var missed: [Int]

    /// - Parameter next: Where the part ends. Whoever has come that far gets nothing of it.
    init(_ followers: [TailSubscription], next: LogPosition) {
        self.followers = followers
        self.next = next
        self.reached = followers.map(\.reached)
        self.isFull = followers.map(\.isFull)
        self.events = followers.map { _ in [] }
        self.missed = followers.map { _ in 0 }
    }

    /// Adds an event for the followers of those indexes, as far as they have not come behind its place already.
    mutating func add<Failure: Error>(
        to met: [Int], at place: LogPosition, _ make: () throws(Failure) -> StoredEventMessage
    ) throws(Failure) {
        var made: StoredEventMessage?
        for index in met where self.reached[index] <= place {
            if self.isFull[index] {
                self.missed[index] += 1
            } else {
                let event: StoredEventMessage
                if let made { event = made } else { event = try make() }
                made = event
                self.events[index].append(event)
            }
        }
    }

    /// Hands all of it on.
    func finish() {
        for (index, follower) in self.followers.enumerated() where self.reached[index] < self.next {
            follower.add(self.events[index], missed: self.missed[index], next: self.next)
        }
    }
}
