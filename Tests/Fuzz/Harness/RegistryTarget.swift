import DocketModel
import DocketRegistry

/// Registries that were kept on disk: the input as a whole file, and as the payload of one whose checksum is right.
enum RegistryTarget {
    static func run(_ input: [UInt8]) throws(FuzzFinding) {
        try self.check(input)
        try self.check(RegistryFile.bytes(payload: input, confirmedAt: .earliest))
    }

    private static func check(_ bytes: [UInt8]) throws(FuzzFinding) {
        let file: RegistryFile
        do throws(RegistryError) {
            file = try RegistryFile(bytes: bytes)
        } catch {
            return
        }
        _ = RegistrySnapshot(file.contents).summary
        let written = RegistryFile.bytes(
            payload: RegistryFile.payload(origin: file.origin, contents: file.contents), confirmedAt: file.confirmedAt)
        let back = try requireNoError("what was read and written") { () throws(RegistryError) in
            try RegistryFile(bytes: written)
        }
        try requireEqual(back, file, "what was read, written and read again")
    }
}
