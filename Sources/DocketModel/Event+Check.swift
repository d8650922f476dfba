extension Event {
    /// Throws a ``ModelError`` that names the first field which a collector with these limits would reject, so that an
    /// importer can tell a record's line. Whether the type is registered only the collector knows.
    package func check(_ limits: Limits) throws(ModelError) {
        try self.checkType(limits)
        guard self.occurredAt >= .earliest, self.occurredAt <= .latest else {
            throw fault("occurred_at", "lies outside the years 1 to 9999")
        }
        try self.checkTexts(limits)
        guard self.delegation.count <= limits.maxDelegationActors else {
            throw fault(
                "delegation",
                "has \(self.delegation.count) actors, at most \(limits.maxDelegationActors) are taken "
                    + "(max_delegation_actors)"
            )
        }
        try self.checkNumbers()
        try checkJSON("obligations", self.obligations, kind: .array, limits)
        try checkJSON("evaluated_rules", self.evaluatedRules, kind: nil, limits)
        try checkJSON("attributes", self.attributes, kind: .object, limits)
    }

    /// Lower case letters, digits and `_`, in parts separated by dots.
    private func checkType(_ limits: Limits) throws(ModelError) {
        try checkText("type", self.type, maxBytes: limits.maxTypeBytes, limit: "max_type_bytes")
        let parts = self.type.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        let isWellFormed = parts.allSatisfy { part in !part.isEmpty && part.allSatisfy(isTypeCharacter) }
        guard isWellFormed else {
            throw fault(
                "type",
                "is \"\(excerpt(self.type))\"; it must be lower case letters, digits and '_', "
                    + "in parts separated by dots"
            )
        }
    }

    private func checkTexts(_ limits: Limits) throws(ModelError) {
        var texts: [(name: String, text: String?)] = [
            ("source_event_id", self.sourceEventID), ("scope", self.scope), ("action", self.action),
            ("resource.type", self.resource?.type), ("resource.id", self.resource?.id), ("policy", self.policy),
            ("session_id", self.sessionID), ("request_id", self.requestID), ("agent_id", self.agentID),
            ("source", self.source), ("payload.hash", self.payload?.hash),
        ]
        let actors =
            (self.actor.map { [("actor", $0)] } ?? []) + self.delegation.enumerated().map { ("delegation[\($0)]", $1) }
        for (name, actor) in actors {
            texts += [("\(name).kind", actor.kind), ("\(name).id", actor.id), ("\(name).user_id", actor.userID)]
        }
        for (name, text) in texts {
            try checkText(name, text, maxBytes: limits.maxIndexedFieldBytes, limit: "max_indexed_field_bytes")
        }
        try checkText("reason", self.reason, maxBytes: limits.maxReasonBytes, limit: "max_reason_bytes")
    }

    private func checkNumbers() throws(ModelError) {
        if let score = self.riskScore, !score.isFinite { throw fault("risk_score", "is \(score); it must be finite") }
        let counts = [
            ("duration_us", self.durationMicroseconds), ("payload.in_size_bytes", self.payload?.inSizeBytes),
            ("payload.out_size_bytes", self.payload?.outSizeBytes),
        ]
        for case (let name, let count?) in counts where count < 0 {
            throw fault(name, "is \(count); it must not be negative")
        }
        if let id = self.traceID, id.high | id.low == 0 { throw fault("trace_id", "is all zero; leave it out instead") }
        if let id = self.spanID, id.value == 0 { throw fault("span_id", "is all zero; leave it out instead") }
    }
}

private func isTypeCharacter(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"): true
    default: false
    }
}

private func checkText(_ name: String, _ text: String?, maxBytes: Int, limit: String) throws(ModelError) {
    guard let text else { return }
    guard text.utf8.count <= maxBytes else {
        throw fault(name, "has \(text.utf8.count) bytes, at most \(maxBytes) are taken (\(limit)); shorten it")
    }
    guard !text.utf8.contains(0) else { throw fault(name, "has a U+0000, which can't be stored; leave it out") }
}

private func checkJSON(_ name: String, _ text: String?, kind: JSONValue.Kind?, _ limits: Limits) throws(ModelError) {
    guard let text else { return }
    try checkText(name, text, maxBytes: limits.maxAttributesBytes, limit: "max_attributes_bytes")
    let value: JSONValue
    do {
        value = try JSONValue(
            parsing: Array(text.utf8), maxDepth: limits.maxAttributesDepth, numbersFitNumeric: true)
    } catch {
        throw fault(name, "is \(error.message)")
    }
    if let kind, value.kind != kind { throw fault(name, "must be \(kind.name), found \(value.kind.name)") }
}

private func fault(_ name: String, _ what: String) -> ModelError {
    ModelError(code: .invalidField, message: "\(name) \(what)")
}
