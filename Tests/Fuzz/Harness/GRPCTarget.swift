import DocketGRPC

/// The bytes of a stream's DATA frames: where they are cut and when memory is granted makes no difference.
enum GRPCTarget {
    static func run(_ input: [UInt8]) throws(FuzzFinding) {
        var input = FuzzInput(input)
        let flags = input.byte()
        let maxMessageBytes = 1 << Int(flags & 15)
        let encoding: GRPCEncoding = flags & 16 == 0 ? .identity : .gzip
        let seed = input.byte()
        let bytes = input.remaining()
        func actions(seed: UInt8, grantsAtOnce: Bool) throws(FuzzFinding) -> [DeframerAction] {
            try self.actions(
                of: bytes, seed: seed, grantsAtOnce: grantsAtOnce,
                MessageDeframer(maxMessageBytes: maxMessageBytes, encoding: encoding))
        }
        let whole = try actions(seed: 0, grantsAtOnce: true)
        try requireEqual(try actions(seed: seed, grantsAtOnce: true), whole, "what comes of it in pieces")
        try requireEqual(try actions(seed: seed, grantsAtOnce: false), whole, "what comes of it with late grants")
        try self.check(whole, maxMessageBytes: maxMessageBytes)
    }

    private static func check(_ actions: [DeframerAction], maxMessageBytes: Int) throws(FuzzFinding) {
        var frames: [UInt8] = []
        var messages: [DeframerAction] = []
        for (index, action) in actions.enumerated() {
            switch action {
            case .reserve(let wireBytes, let heapBytes):
                try require(
                    wireBytes <= maxMessageBytes && heapBytes <= 2 * maxMessageBytes && heapBytes >= wireBytes,
                    "\(wireBytes) and \(heapBytes) bytes are reserved under a limit of \(maxMessageBytes)")
            case .message(let message, _):
                try require(message.count <= maxMessageBytes, "a message of \(message.count) bytes passed the limit")
                frames += MessageFraming.frame(message)
                messages.append(.message(message))
            case .end, .fail:
                try require(index == actions.count - 1, "something came after \(action)")
            }
        }
        try require(!actions.isEmpty, "nothing came of a stream that has ended")
        let again = try self.actions(
            of: frames, seed: 3, grantsAtOnce: true, MessageDeframer(maxMessageBytes: maxMessageBytes))
        let messagesAgain = again.filter { if case .message = $0 { true } else { false } }
        try requireEqual(messagesAgain, messages, "what was framed anew")
    }

    /// Everything that comes of a stream of those bytes, to its end.
    private static func actions(
        of bytes: [UInt8], seed: UInt8, grantsAtOnce: Bool, _ fresh: MessageDeframer
    ) throws(FuzzFinding) -> [DeframerAction] {
        var deframer = fresh
        var actions: [DeframerAction] = []
        func take() {
            while let action = deframer.next() {
                actions.append(action)
                if case .reserve = action, grantsAtOnce { deframer.reservationGranted() }
            }
        }
        for piece in Pieces(of: bytes, seed: seed) {
            unsafe piece.withUnsafeBytes { unsafe deframer.receivedData($0) }
            take()
        }
        if grantsAtOnce {
            deframer.receivedEnd()
            take()
            return actions
        }
        // All has come before the first grant, the end last of all.
        while deframer.isWaitingForGrant {
            deframer.reservationGranted()
            take()
        }
        deframer.receivedEnd()
        take()
        return actions
    }
}
