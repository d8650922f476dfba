/// The sequence of a publish request that may be faulty otherwise, so that its refusal can name the batch; `nil` when
/// the message is too broken to tell, the sequence out of range, or behind too many other fields.
///
/// - Parameter maxFields: how many fields of the message are looked at. A refusal must not cost more than what is refused.
package func publishRequestSequence(in message: [UInt8], maxFields: Int) -> Int64? {
    var reader = WireReader(message)
    var sequence: UInt64?
    do {
        for _ in 0..<maxFields {
            guard let (number, value) = try reader.next() else { return Int64(exactly: sequence ?? 0) }
            if case (3, .varint(let value)) = (number, value) { sequence = value }
        }
    } catch {
        return nil
    }
    // What wasn't looked at may hold it.
    return sequence.flatMap { Int64(exactly: $0) }
}
