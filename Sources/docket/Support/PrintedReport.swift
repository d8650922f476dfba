import Foundation

/// What a benchmark has measured.
protocol PrintedReport: Encodable {}

extension PrintedReport {
    /// All of it as one JSON object with snake_case names.
    func json() throws -> String {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = [.sortedKeys]
        return String(decoding: try encoder.encode(self), as: UTF8.self)
    }
}
