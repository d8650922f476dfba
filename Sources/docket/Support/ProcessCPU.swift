import Foundation

/// How much processor time processes of this machine have used. Linux only: it reads /proc.
enum ProcessCPU {
    /// User and system time of a process and of its children that have ended, in seconds; `nil` when there is no such
    /// process.
    static func seconds(of processID: Int32) -> Double? {
        guard let fields = self.statFields(of: processID) else { return nil }
        // Behind the name: utime, stime, cutime and cstime are the fields 14 to 17 of proc(5), in clock ticks.
        let ticks = fields[11...14].reduce(0.0) { $0 + (Double($1) ?? 0) }
        return ticks / Double(sysconf(Int32(_SC_CLK_TCK)))
    }

    /// The processor time of a process and all processes below it, those that have ended included.
    static func secondsOfTree(_ root: Int32) -> Double? {
        guard var total = self.seconds(of: root) else { return nil }
        for child in self.children(of: root) { total += self.secondsOfTree(child) ?? 0 }
        return total
    }

    private static func children(of parent: Int32) -> [Int32] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        return names.compactMap { Int32($0) }.filter { child in
            self.statFields(of: child).flatMap { Int32($0[1]) } == parent
        }
    }

    /// The fields of /proc/PID/stat behind the name, which may hold anything and ends with the last parenthesis.
    private static func statFields(of processID: Int32) -> [Substring]? {
        guard let text = try? String(contentsOfFile: "/proc/\(processID)/stat", encoding: .utf8),
            let end = text.lastIndex(of: ")")
        else { return nil }
        let fields = text[text.index(after: end)...].split(separator: " ")
        return fields.count > 20 ? fields : nil
    }
}
