/// The text as a URI reference (RFC 3986 section 4.1): what the grammar doesn't allow where it stands is
/// percent-encoded, everything else stays. A text that is a URI reference already comes back as it is, except that an
/// address in brackets of a version after 6 is encoded too. An empty one stays empty.
package func uriReference(_ text: String) -> String {
    var result: [UInt8] = []
    result.reserveCapacity(text.utf8.count)
    var rest = Array(text.utf8)[...]
    let fragment = cut(&rest, at: UInt8(ascii: "#"))
    let query = cut(&rest, at: UInt8(ascii: "?"))
    let scheme = schemeLength(rest)
    result.append(contentsOf: rest.prefix(scheme))
    rest = rest.dropFirst(scheme)
    if rest.starts(with: "//".utf8) {
        result.append(contentsOf: "//".utf8)
        let authority = rest.dropFirst(2).prefix { $0 != UInt8(ascii: "/") }
        appendAuthority(authority, to: &result)
        rest = rest[authority.endIndex...]
    } else if scheme == 0 {
        // A colon in the first segment would end a scheme (section 4.2).
        let segment = rest.prefix { $0 != UInt8(ascii: "/") }
        append(segment, to: &result) { isPathCharacter($0) && $0 != UInt8(ascii: ":") }
        rest = rest[segment.endIndex...]
    }
    append(rest, to: &result, isAllowed: isPathCharacter)
    if let query {
        result.append(UInt8(ascii: "?"))
        append(query, to: &result) { isPathCharacter($0) || $0 == UInt8(ascii: "?") }
    }
    if let fragment {
        result.append(UInt8(ascii: "#"))
        append(fragment, to: &result) { isPathCharacter($0) || $0 == UInt8(ascii: "?") }
    }
    return String(decoding: result, as: UTF8.self)
}

/// Appends `%` and two hexadecimal digits (RFC 3986 section 2.1).
func appendPercentEncoded(_ byte: UInt8, to bytes: inout [UInt8]) {
    bytes.append(UInt8(ascii: "%"))
    for digit in [byte >> 4, byte & 15] {
        bytes.append(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "A") + digit - 10)
    }
}

/// Takes what is behind the first such byte away, with the byte; `nil` when there is none.
private func cut(_ text: inout ArraySlice<UInt8>, at byte: UInt8) -> ArraySlice<UInt8>? {
    guard let index = text.firstIndex(of: byte) else { return nil }
    defer { text = text[..<index] }
    return text[(index + 1)...]
}

/// How many bytes the scheme has with its colon; 0 when there is none (section 3.1).
private func schemeLength(_ text: ArraySlice<UInt8>) -> Int {
    guard let first = text.first, isLetter(first), let colon = text.firstIndex(of: UInt8(ascii: ":")) else { return 0 }
    let scheme = text[..<colon]
    let isScheme = scheme.allSatisfy { isLetter($0) || isDigit($0) || "+-.".utf8.contains($0) }
    return isScheme ? scheme.count + 1 : 0
}

/// An authority as it is when it is one, else as the name of a host.
private func appendAuthority(_ authority: ArraySlice<UInt8>, to result: inout [UInt8]) {
    var host = authority
    if let at = authority.lastIndex(of: UInt8(ascii: "@")) {
        append(authority[..<at], to: &result) { isNameCharacter($0) || $0 == UInt8(ascii: ":") }
        result.append(UInt8(ascii: "@"))
        host = authority[(at + 1)...]
    }
    var port: ArraySlice<UInt8> = []
    if let colon = host.lastIndex(of: UInt8(ascii: ":")), host[(colon + 1)...].allSatisfy(isDigit) {
        port = host[colon...]
        host = host[..<colon]
    }
    if isAddressLiteral(host) {
        result.append(contentsOf: host)
    } else {
        append(host, to: &result, isAllowed: isNameCharacter)
    }
    result.append(contentsOf: port)
}

/// Whether it has the look of an IPv6 address in brackets. Which addresses there are is not checked.
private func isAddressLiteral(_ host: ArraySlice<UInt8>) -> Bool {
    guard host.count > 2, host.first == UInt8(ascii: "["), host.last == UInt8(ascii: "]") else { return false }
    return host.dropFirst().dropLast().allSatisfy { hexadecimalValue($0) != nil || ":.".utf8.contains($0) }
}

/// Appends a part; escapes that are there already stay.
private func append(_ part: ArraySlice<UInt8>, to result: inout [UInt8], isAllowed: (UInt8) -> Bool) {
    for index in part.indices {
        let byte = part[index]
        let isEscape =
            byte == UInt8(ascii: "%") && part.endIndex - index > 2
            && part[(index + 1)...(index + 2)].allSatisfy { hexadecimalValue($0) != nil }
        if isEscape || isAllowed(byte) {
            result.append(byte)
        } else {
            appendPercentEncoded(byte, to: &result)
        }
    }
}

/// `pchar` of RFC 3986 section 3.3, and the slash between segments.
private func isPathCharacter(_ byte: UInt8) -> Bool { isNameCharacter(byte) || ":@/".utf8.contains(byte) }

/// `unreserved` and `sub-delims` of RFC 3986 section 2.
private func isNameCharacter(_ byte: UInt8) -> Bool {
    isLetter(byte) || isDigit(byte) || "-._~!$&'()*+,;=".utf8.contains(byte)
}

private func isLetter(_ byte: UInt8) -> Bool {
    (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
}

private func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }
