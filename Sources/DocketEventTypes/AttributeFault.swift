/// The first thing in attributes that a schema doesn't allow: where, and which rule. It costs nothing to make; the path and
/// the words follow only when somebody asks (``EventTypeValidator``).
struct AttributeFault: Sendable, Equatable {
    enum Rule: UInt8, Sendable {
        case type, enumeration, minLength, maxLength, lower, upper, minItems, maxItems, required, unknown
        /// No JSON that the codec would have let through.
        case malformed
    }

    let rule: Rule
    /// The node whose rule it is.
    let node: UInt16
    /// Where the value begins in the text; for `unknown`, where the member's name does.
    let offset: Int
    /// For `required` the place of the missing member in the properties; for counts, the count.
    var detail = 0
}
