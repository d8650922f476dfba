import DocketMessages
import DocketModel

/// Counted events for programs. Times are UTC.
struct StatsRecords {
    let answer: StatsResponseMessage
    let grouping: EventGrouping
    let range: StatsRange

    /// One object, without the end of its line.
    var json: String {
        var writer = JSONWriter()
        writer.beginObject()
        for (name, text) in [
            ("group_by", self.grouping.rawValue), ("from", self.range.from.rfc3339), ("to", self.range.to.rfc3339),
        ] {
            writer.key(name)
            writer.string(text)
        }
        writer.key("events")
        writer.integer(self.answer.count)
        writer.key("groups")
        writer.beginArray()
        for group in self.answer.groups {
            writer.beginObject()
            writer.key("value")
            if let value = group.value { writer.string(value) } else { writer.null() }
            self.counts(group, &writer)
            writer.endObject()
        }
        writer.endArray()
        if let other = self.answer.other {
            writer.key("other")
            writer.beginObject()
            writer.key("groups")
            writer.integer(self.answer.otherGroupCount)
            self.counts(other, &writer)
            writer.endObject()
        }
        if !self.answer.bucketStarts.isEmpty {
            writer.key("bucket_starts")
            writer.beginArray()
            for start in self.answer.bucketStarts { writer.string(start.rfc3339) }
            writer.endArray()
        }
        writer.endObject()
        return writer.text
    }

    private func counts(_ group: StatsResponseMessage.Group, _ writer: inout JSONWriter) {
        writer.key("events")
        writer.integer(group.count)
        guard !self.answer.bucketStarts.isEmpty else { return }
        writer.key("bucket_events")
        writer.beginArray()
        for count in group.bucketCounts { writer.integer(count) }
        writer.endArray()
    }

    /// A header, and a record for each group and bucket; without buckets, one for each group, from the range's beginning.
    ///
    /// `kind` is `value`, `none` for events without one, and `other` for all further groups together; the latter two have no
    /// value.
    func csv(formulaSafe: Bool) -> [UInt8] {
        var bytes = Array("kind,\(self.grouping.rawValue),from,events\r\n".utf8)
        let starts = self.answer.bucketStarts
        let groups = self.answer.groups.map { ($0.value == nil ? "none" : "value", $0) }
        for (kind, group) in groups + [self.answer.other].compactMap({ $0.map { ("other", $0) } }) {
            let counts = starts.isEmpty ? [group.count] : group.bucketCounts
            for (start, count) in zip(starts.isEmpty ? [self.range.from] : starts, counts) {
                bytes += "\(kind),".utf8
                if let value = group.value { CSVText.append(value, formulaSafe: formulaSafe, to: &bytes) }
                bytes += ",\(start.rfc3339),\(count)\r\n".utf8
            }
        }
        return bytes
    }
}
