public import ArgumentParser
import DocketCodec
public import DocketModel
import DocketPostgres
import DocketTerminal
import Foundation

/// Who runs the command.
enum Operator {
    /// The name of the system's user.
    static var name: String { NSUserName().isEmpty ? "unknown" : NSUserName() }
}

/// Rejected events for people and for programs.
enum QuarantineText {
    /// The most bytes of an event that can't be decoded that are shown to people.
    static let maxShownBytes = 1024

    // MARK: For people

    static func table(_ records: [QuarantinedRecord], width: Int?, style: TerminalStyle) -> String {
        var table = TextTable(columns: [
            .number("ID"), .fixed("RECEIVED (UTC)"), .text("TENANT"), .text("CODE", minWidth: 12), .text("FIELD"),
            .text("REASON", minWidth: 16),
        ])
        for record in records {
            table.addRow([
                "\(record.id)", record.receivedAt.rfc3339, record.tenant, record.code, record.field, record.reason,
            ])
        }
        return table.rendered(width: width, style: style)
    }

    /// What was recorded, and the event as JSON, or in hexadecimal digits when it is none.
    static func details(_ record: QuarantinedRecord, event: [UInt8]) -> String {
        let rows: [(String, String?)] = [
            ("id", "\(record.id)"), ("received", record.receivedAt.rfc3339), ("tenant", record.tenant),
            ("batch", "\(record.batchID), event \(record.position)"),
            ("producer", record.producerID?.uuidString), ("sequence", record.sequence.map { "\($0)" }),
            ("code", record.code), ("field", record.field), ("reason", record.reason),
            ("size", "\(record.eventBytes) bytes"),
        ]
        var text = ""
        for (name, value) in rows {
            guard let value, !value.isEmpty else { continue }
            text += TerminalText.padded(name, toColumns: 10, alignment: .left) + TerminalText.escaped(value) + "\n"
        }
        do throws(CodecError) {
            return text + "event     " + TerminalText.escaped(try decodeEvent(event).json) + "\n"
        } catch {
            text += "event     it can't be decoded: \(TerminalText.escaped(error.message))\n"
            let rest = event.count - self.maxShownBytes
            return text + "bytes     " + hexadecimal(event.prefix(self.maxShownBytes))
                + (rest > 0 ? "… and \(rest) bytes more, which --json shows" : "") + "\n"
        }
    }

    /// What became of a retry.
    static func text(_ report: QuarantineRetry.Report, width: Int?, style: TerminalStyle) -> String {
        var text = ""
        if !report.refused.isEmpty {
            var table = TextTable(columns: [
                .number("ID"), .text("CODE", minWidth: 12), .text("FIELD"), .text("REASON", minWidth: 16),
            ])
            for refused in report.refused {
                table.addRow(["\(refused.id)", refused.code.name, refused.field, refused.reason])
            }
            text += table.rendered(width: width, style: style)
            let unnamed = report.refusedCount - report.refused.count
            if unnamed > 0 { text += "… and \(unnamed) more\n" }
        }
        return text + "\(report.storedCount) stored, \(report.refusedCount) rejected again\n"
    }

    /// Throws unless every event that was named by its number was found.
    static func check(_ ids: [Int64], handled: Int) throws(CommandError) {
        let missing = Set(ids).count - handled
        guard missing > 0 else { return }
        throw CommandError(
            .noInput,
            "\(missing) of the \(Set(ids).count) numbers name no rejected event: retried, dropped, or never there")
    }

    // MARK: For programs

    static func json(_ record: QuarantinedRecord) -> String {
        var writer = JSONWriter()
        writer.beginObject()
        self.members(of: record, to: &writer)
        writer.endObject()
        return writer.text
    }

    /// The record with its event: `event` where it can be decoded, `event_error` and `event_hex` where it can't.
    static func json(_ record: QuarantinedRecord, event: [UInt8]) -> String {
        var writer = JSONWriter()
        writer.beginObject()
        self.members(of: record, to: &writer)
        do throws(CodecError) {
            let decoded = try decodeEvent(event)
            writer.key("event")
            writer.event(decoded)
        } catch {
            writer.key("event_error")
            writer.string(error.message)
            writer.key("event_hex")
            writer.string(hexadecimal(event))
        }
        writer.endObject()
        return writer.text
    }

    private static func members(of record: QuarantinedRecord, to writer: inout JSONWriter) {
        writer.key("quarantine_id")
        writer.integer(record.id)
        let texts: [(String, String?)] = [
            ("received_at", record.receivedAt.rfc3339), ("tenant", record.tenant),
            // Numbers of 63 bits, of which readers that take numbers for doubles keep 53.
            ("batch_id", "\(record.batchID)"), ("producer_id", record.producerID?.uuidString),
            ("sequence", record.sequence.map { "\($0)" }), ("field", record.field), ("code", record.code),
            ("reason", record.reason),
        ]
        for (name, text) in texts {
            guard let text else { continue }
            writer.key(name)
            writer.string(text)
        }
        writer.key("position")
        writer.integer(record.position)
        writer.key("size_bytes")
        writer.integer(record.eventBytes)
    }

    static func json(_ report: QuarantineRetry.Report) -> String {
        var writer = JSONWriter()
        writer.beginObject()
        writer.key("stored_count")
        writer.integer(report.storedCount)
        writer.key("batch_ids")
        writer.beginArray()
        for id in report.batchIDs { writer.string("\(id)") }
        writer.endArray()
        writer.key("rejected_count")
        writer.integer(report.refusedCount)
        writer.key("rejected")
        writer.beginArray()
        for refused in report.refused {
            writer.beginObject()
            writer.key("quarantine_id")
            writer.integer(refused.id)
            for (name, text) in [("field", refused.field), ("code", refused.code.name), ("reason", refused.reason)] {
                writer.key(name)
                writer.string(text)
            }
            writer.endObject()
        }
        writer.endArray()
        writer.endObject()
        return writer.text
    }

    static func json(_ report: QuarantineRemoval.Report) -> String {
        var writer = JSONWriter()
        writer.beginObject()
        writer.key("dropped_count")
        writer.integer(report.removedCount)
        writer.key("held_count")
        writer.integer(report.heldCount)
        writer.endObject()
        return writer.text
    }
}

extension RejectionCode: ExpressibleByArgument {
    public init?(argument: String) {
        guard let found = Self.allCases.first(where: { $0.name == argument }) else { return nil }
        self = found
    }
    public static var allValueStrings: [String] { Self.allCases.map(\.name) }
    public static var allValueDescriptions: [String: String] { [:] }
    public var defaultValueDescription: String { self.name }
}
