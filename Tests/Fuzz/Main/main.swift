import CLibFuzzer
import DocketFuzzing
import Foundation

// DOCKET_FUZZ_TARGET=NAME docket-fuzz [libFuzzer's arguments]: fuzzes one target; with files in place of folders it
// runs each of them once, which is how a finding is replayed. Without a target it lists them.
//
// The target's name comes by the environment because libFuzzer starts itself again, to merge a corpus for example.

/// The target that this process fuzzes: libFuzzer's callback can't capture it.
enum Chosen {
    static let name = ProcessInfo.processInfo.environment["DOCKET_FUZZ_TARGET"]
    static let target = Self.name.flatMap { FuzzTarget(rawValue: $0) }
}

guard Chosen.target != nil else {
    for target in FuzzTarget.allCases { print("\(target.rawValue)\t\(target.maxInputBytes)\t\(target.summary)") }
    exit(Chosen.name == nil ? 0 : 64)
}

await FuzzTarget.prepare()
var argumentCount = CommandLine.argc
var arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = unsafe CommandLine.unsafeArgv
exit(
    unsafe LLVMFuzzerRunDriver(&argumentCount, &arguments) { data, count in
        let input = unsafe [UInt8](UnsafeBufferPointer(start: data, count: count))
        do throws(FuzzFinding) {
            try Chosen.target?.run(input)
        } catch {
            FileHandle.standardError.write(Data("FINDING: \(error.message)\n".utf8))
            // libFuzzer takes it from here: it keeps the input and names the file.
            abort()
        }
        return 0
    })
