extension StatusMessage {
    /// How long a text of a status may be, in bytes: its message, and a detail that says the same at length, go into trailers, of which
    /// peers take 8 KiB in all.
    package static let maxTextBytes = 1_000

    /// The same with shorter texts, where one is too long, such as one that quotes what a client sent.
    package func shortened() -> StatusMessage {
        let details = self.details.map { detail -> StatusDetail in
            switch detail {
            case .badRequest(let violations):
                .badRequest(
                    violations.map {
                        .init(field: $0.field.shortened, description: $0.description.shortened)
                    })
            case .quotaFailure(let violations):
                .quotaFailure(
                    violations.map {
                        .init(subject: $0.subject.shortened, description: $0.description.shortened)
                    })
            case .retryInfo, .errorInfo, .other: detail
            }
        }
        return StatusMessage(code: self.code, message: self.message.shortened, details: details)
    }
}

extension String {
    fileprivate var shortened: String {
        let bytes = self.utf8
        guard bytes.count > StatusMessage.maxTextBytes else { return self }
        var end = bytes.index(bytes.startIndex, offsetBy: StatusMessage.maxTextBytes)
        while bytes[end] & 0xC0 == 0x80 { end = bytes.index(before: end) }
        return self[..<end] + "…"
    }
}
