import Configuration
import DocketTransport

/// Reads single settings and turns what doesn't fit into errors that name them.
struct SettingReader {
    private let config: ConfigReader

    init(_ config: ConfigReader) { self.config = config }

    func string(_ name: String) -> String? {
        self.config.string(forKey: ConfigKey(name))
    }

    func secret(_ name: String) -> String? {
        self.config.string(forKey: ConfigKey(name), isSecret: true)
    }

    func int(_ name: String, _ range: ClosedRange<Int>) throws(OperationsError) -> Int? {
        guard let text = self.text(name) else { return nil }
        guard let value = Int(text), range.contains(value) else {
            throw self.invalid(name, text, "must be a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return value
    }

    func address(_ name: String) throws(OperationsError) -> TransportAddress? {
        guard let text = self.string(name) else { return nil }
        guard let value = TransportAddress(parsing: text) else {
            throw self.invalid(name, text, "must be HOST:PORT, such as 127.0.0.1:7480 or [::1]:7480, or unix:PATH")
        }
        return value
    }

    func hostPort(_ name: String) throws(OperationsError) -> HostPort? {
        guard let text = self.string(name) else { return nil }
        guard let value = HostPort(text) else {
            throw self.invalid(name, text, "must be HOST:PORT, such as 127.0.0.1:7481 or [::1]:7481")
        }
        return value
    }

    func choice<Value: RawRepresentable<String>>(
        _ name: String, of values: [Value]
    ) throws(OperationsError) -> Value? {
        guard let text = self.string(name) else { return nil }
        guard let value = Value(rawValue: text) else {
            throw self.invalid(name, text, "must be one of " + values.map(\.rawValue).joined(separator: ", "))
        }
        return value
    }

    /// A number's text: a YAML file holds it as a number, flags and the environment as a string.
    private func text(_ name: String) -> String? {
        self.config.int(forKey: ConfigKey(name)).map(String.init) ?? self.config.string(forKey: ConfigKey(name))
    }

    private func invalid(_ name: String, _ value: String, _ demand: String) -> OperationsError {
        OperationsError(code: .invalidConfiguration, message: "\(name) is '\(value.prefix(128))'; it \(demand)")
    }
}
