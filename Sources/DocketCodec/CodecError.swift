/// Why bytes can't be decoded. The message names the value, the limit and the remedy, and never echoes long contents.
package struct CodecError: Error, Sendable, CustomStringConvertible {
    package enum Code: Sendable, Equatable, CaseIterable {
        /// The bytes are no protobuf message of the expected type.
        case malformed
        /// The message is larger than `Limits.maxBatchBytes`.
        case messageTooLarge
        /// Decoded, the message would take more memory than the arena's budget: it is made of almost nothing but
        /// empty or unknown fields.
        case expandsTooFar
        /// The message has more fields that are unknown, repeated or out of order than any version could mean.
        case tooManyFields
        /// `tenant` is not valid UTF-8, or is longer than an indexed field.
        case invalidTenant
        /// `producer_id` is not 16 bytes.
        case producerIDLength
        /// `sequence` is larger than 2^63-1.
        case sequenceRange
        /// The request carries no event.
        case noEvents
        /// The request carries more events than `Limits.maxBatchEvents`.
        case tooManyEvents
        /// A single event breaks a rule of `event.proto`; ``CodecError/refusal`` says which.
        case invalidEvent
        /// A stored row, or a buffer of COPY tuples, is not what this version writes.
        case invalidRow
    }

    package let code: Code
    /// Names the value, the limit and the remedy.
    package let message: String
    /// The fault of the event, for ``Code/invalidEvent``.
    package let refusal: EventRefusal?
    package let cause: (any Error)?

    package init(code: Code, message: String, refusal: EventRefusal? = nil, cause: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.refusal = refusal
        self.cause = cause
    }

    package var description: String { self.message }
}

extension CodecError: Equatable {
    /// Equal codes, messages and refusals; causes aren't compared.
    package static func == (left: CodecError, right: CodecError) -> Bool {
        left.code == right.code && left.message == right.message && left.refusal == right.refusal
    }
}

extension CodecError {
    /// That an event can't be parsed.
    ///
    /// - Parameter budgetBytes: how much memory its delegation chain may take.
    init(_ fault: EventParser.Fault, eventIndex: Int, budgetBytes: Int) {
        let name = "events[\(eventIndex)]"
        switch fault {
        case .malformed:
            self.init(
                code: .malformed,
                message: "\(name) is no docket.v1.Event: encode it with the published event.proto")
        case .tooManyFields:
            self.init(
                code: .tooManyFields,
                message:
                    "\(name) has more than \(FieldCursor.maxOddFields) fields that this version doesn't know, or that come out "
                    + "of order: leave them out")
        case .expandsTooFar:
            self.init(
                code: .expandsTooFar,
                message: "\(name) would take more than \(budgetBytes) bytes of memory: its delegation chain is made of "
                    + "almost nothing but empty actors; leave them out")
        }
    }
}
