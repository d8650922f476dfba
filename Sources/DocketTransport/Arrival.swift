import NIOCore

/// A connection that has been accepted: set up when its event loop has the leisure.
final class Arrival: TurnTaking {
    private let channel: any Channel
    private let setUp: (any Channel) throws -> Void
    private let promise: EventLoopPromise<Void>

    init(_ channel: any Channel, setUp: @escaping (any Channel) throws -> Void) {
        self.channel = channel
        self.setUp = setUp
        self.promise = channel.eventLoop.makePromise()
    }

    // Where the loop ends before its turn has come.
    deinit { self.promise.fail(ChannelError.ioOnClosedChannel) }

    /// When it is set up, or why it isn't.
    var isSetUp: EventLoopFuture<Void> { self.promise.futureResult }

    func takeTurn() -> Bool {
        self.promise.completeWith(Result { try self.setUp(self.channel) })
        return false
    }
}

/// A connection that its peer has closed: closed here, too, when its event loop has the leisure.
final class Departure: TurnTaking {
    private let channel: any Channel

    init(_ channel: any Channel) { self.channel = channel }

    func takeTurn() -> Bool {
        self.channel.close(promise: nil)
        return false
    }
}
