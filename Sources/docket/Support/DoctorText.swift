import DocketModel
import DocketPostgres
import DocketTerminal

/// The doctor's report for people and for programs.
enum DoctorText {
    /// One line, and a second one for the remedy.
    static func line(_ finding: DoctorFinding, style: TerminalStyle) -> String {
        let status = TerminalText.padded(finding.status.rawValue, toColumns: 9, alignment: .left)
        let shown =
            switch finding.status {
            case .ok: style.green(status)
            case .warning: style.yellow(status)
            case .missing: style.red(status)
            }
        let name = TerminalText.padded(finding.check, toColumns: 24, alignment: .left)
        let line = "\(shown)\(name)\(TerminalText.escaped(finding.message))"
        guard let remedy = finding.remedy else { return line }
        return line + "\n" + String(repeating: " ", count: 9 + 24) + "→ " + TerminalText.escaped(remedy)
    }

    static func json(_ finding: DoctorFinding) -> String {
        var writer = JSONWriter()
        writer.beginObject()
        let members: [(String, String?)] = [
            ("check", finding.check), ("status", finding.status.rawValue), ("message", finding.message),
            ("remedy", finding.remedy),
        ]
        for (name, text) in members {
            guard let text else { continue }
            writer.key(name)
            writer.string(text)
        }
        writer.endObject()
        return writer.text
    }

    static func summary(_ report: DoctorReport) -> String {
        func count(_ status: DoctorFinding.Status) -> Int { report.findings.count { $0.status == status } }
        let warnings = count(.warning)
        return "\(count(.ok)) ok, \(warnings) warning\(warnings == 1 ? "" : "s"), \(count(.missing)) missing"
    }

    /// How the command ends; `nil` where nothing is missing.
    static func exitStatus(_ report: DoctorReport) -> CommandError.ExitStatus? {
        if report.isUnreachable { return .unavailable }
        return report.status == .missing ? .configuration : nil
    }
}
