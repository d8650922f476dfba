extension JSONValue {
    /// The text of the value at a place, as PostgreSQL's `#>>` gives it for `json` (chapter 9.16): a string's content, another
    /// value's own text; `nil` for null, and where there is nothing.
    ///
    /// Where a name stands twice, the last place that the path leads to counts. A whole number that an array is asked for is an
    /// index, a negative one from its end.
    package func text(at pointer: JSONPointer) -> String? {
        guard let value = self.value(at: pointer.tokens[...]), value.kind != .null else { return nil }
        return value.string ?? value.text
    }

    private func value(at path: ArraySlice<String>) -> JSONValue? {
        guard let token = path.first else { return self }
        let rest = path.dropFirst()
        switch self.kind {
        case .object:
            var found: JSONValue?
            // The text was checked when it was parsed: nothing is thrown.
            try? self.forEachMember { name, value in
                guard ExactText(name) == ExactText(token) else { return }
                found = value.value(at: rest) ?? found
            }
            return found
        case .array:
            guard let index = Self.arrayIndex(token), let elements = self.elements else { return nil }
            let place = index < 0 ? index + elements.count : index
            return elements.indices.contains(place) ? elements[place].value(at: rest) : nil
        case .null, .bool, .number, .string: return nil
        }
    }

    /// The whole number of 32 bits that a token is, as C's `strtol` reads it: white space and a sign may stand before it.
    private static func arrayIndex(_ token: String) -> Int? {
        let number = token.utf8.drop { $0 == 0x20 || (0x09...0x0D).contains($0) }
        return Int32(Substring(number)).map(Int.init)
    }
}
