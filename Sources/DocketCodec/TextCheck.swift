/// What is wrong with text.
enum TextFault: Equatable {
    case nulCharacter
    case invalidUTF8
}

/// Checks that bytes are what PostgreSQL takes for text in a database of the encoding UTF8: well-formed UTF-8 (which
/// excludes surrogates and overlong forms) without U+0000. Plain ASCII, which is nearly everything, goes eight bytes at
/// a time; only other text pays for the standard library's full check.
@inline(__always)
func textFault(_ bytes: UnsafeBufferPointer<UInt8>) -> TextFault? {
    guard let start = unsafe UnsafeRawPointer(bytes.baseAddress), !bytes.isEmpty else { return nil }
    let count = bytes.count
    // The high bit of a byte is set where the byte is not ASCII, or where taking 1 from it borrowed: it was zero.
    var suspicious: UInt64
    if count >= 8 {
        // The last word overlaps the one before it, which saves a loop over single bytes.
        let last = unsafe (start + (count &- 8)).loadUnaligned(as: UInt64.self)
        suspicious = last | (last &- 0x0101_0101_0101_0101)
        var index = 0
        while index < count &- 8 {
            let word = unsafe (start + index).loadUnaligned(as: UInt64.self)
            suspicious |= word | (word &- 0x0101_0101_0101_0101)
            index &+= 8
        }
    } else if count >= 4 {
        let first = unsafe (start).loadUnaligned(as: UInt32.self)
        let last = unsafe (start + (count &- 4)).loadUnaligned(as: UInt32.self)
        let word = UInt64(first) << 32 | UInt64(last)
        suspicious = word | (word &- 0x0101_0101_0101_0101)
    } else {
        let first = unsafe UInt64(start.load(as: UInt8.self))
        let middle = unsafe UInt64((start + count / 2).load(as: UInt8.self))
        let last = unsafe UInt64((start + (count &- 1)).load(as: UInt8.self))
        suspicious = (first | middle | last) | (first &- 1) | (middle &- 1) | (last &- 1)
    }
    if suspicious & 0x8080_8080_8080_8080 == 0 { return nil }
    return unsafe carefulTextFault(bytes)
}

@inline(never)
private func carefulTextFault(_ bytes: UnsafeBufferPointer<UInt8>) -> TextFault? {
    if unsafe bytes.contains(0) { return .nulCharacter }
    do {
        _ = try unsafe UTF8Span(validating: bytes.span)
        return nil
    } catch {
        return .invalidUTF8
    }
}

/// Whether both hold the same bytes.
@inline(__always)
func sameBytes(_ left: UnsafeBufferPointer<UInt8>, _ right: UnsafeBufferPointer<UInt8>) -> Bool {
    guard left.count == right.count, let left8 = unsafe UnsafeRawPointer(left.baseAddress),
        let right8 = unsafe UnsafeRawPointer(right.baseAddress)
    else { return left.isEmpty && right.isEmpty }
    let count = left.count
    var index = 0
    while index &+ 8 <= count {
        let (leftWord, rightWord) = unsafe (
            (left8 + index).loadUnaligned(as: UInt64.self), (right8 + index).loadUnaligned(as: UInt64.self)
        )
        if leftWord != rightWord { return false }
        index &+= 8
    }
    while index < count {
        if unsafe (left8 + index).load(as: UInt8.self) != (right8 + index).load(as: UInt8.self) { return false }
        index &+= 1
    }
    return true
}
