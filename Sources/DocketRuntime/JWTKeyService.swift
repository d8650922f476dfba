import DocketAuthentication
import DocketOperations
import Foundation
import Logging
import ServiceLifecycle
import Synchronization

/// Keeps the keys of JWTs up to date: the file is read again from time to time and at SIGHUP. A file that can't be used changes
/// nothing but the log and a counter.
struct JWTKeyService: Service {
    /// What verifies JWTs by the keys that were read last.
    let verifier: JWTVerifier
    private let file: KeySetFile
    private let interval: Duration?
    private let record: FileRecord
    private let logger: Logger

    /// Reads the file.
    ///
    /// - Throws: ``OperationsError`` when it can't be read or used.
    init(_ settings: JWTSettings, logger: Logger) async throws(OperationsError) {
        let file = KeySetFile(path: settings.keySetFile)
        let keys: JWTKeySet
        do throws(AuthenticationError) {
            keys = try await file.read()
        } catch {
            throw OperationsError(
                code: .invalidConfiguration,
                message: "the key set \(settings.keySetFile) of jwt.jwks_file can't be used: \(error.message)",
                cause: error)
        }
        self.file = file
        self.verifier = JWTVerifier(
            policy: .init(
                issuer: settings.issuer, audience: settings.audience, leewaySeconds: settings.leewaySeconds),
            keys: keys)
        self.interval =
            settings.reloadIntervalMilliseconds == 0 ? nil : .milliseconds(settings.reloadIntervalMilliseconds)
        self.record = FileRecord(
            name: "JWT key set", counter: "docket_jwt_key_set_loads_total", interval: self.interval, logger: logger)
        self.logger = logger
        self.report(keys)
    }

    func run() async throws {
        await Reloading.run(every: self.interval) { await self.reload() }
    }

    private func reload() async {
        do throws(AuthenticationError) {
            let keys = try await self.file.readIfChanged()
            if let keys {
                self.verifier.replaceKeys(keys)
                self.report(keys)
            }
            self.record.loaded(self.file.path, isNew: keys != nil)
        } catch {
            self.record.failed(self.file.path, error.message)
        }
    }

    private func report(_ keys: JWTKeySet) {
        for fault in keys.faults {
            self.logger.warning("a key is left out", metadata: ["file": "\(self.file.path)", "fault": "\(fault)"])
        }
    }
}

/// A file with a JWK Set.
private final class KeySetFile: Sendable {
    let path: String
    /// What it held when it was last read and could be used.
    private let content = Mutex(Data())

    init(path: String) { self.path = path }

    /// The keys in it; `nil` when it holds what it held before.
    func readIfChanged() async throws(AuthenticationError) -> JWTKeySet? {
        let content = try self.bytes()
        guard content != self.content.withLock({ $0 }) else { return nil }
        let keys = try await JWTKeySet(json: content)
        self.content.withLock { $0 = content }
        return keys
    }

    func read() async throws(AuthenticationError) -> JWTKeySet {
        let content = try self.bytes()
        let keys = try await JWTKeySet(json: content)
        self.content.withLock { $0 = content }
        return keys
    }

    private func bytes() throws(AuthenticationError) -> Data {
        do {
            let file = try FileHandle(forReadingFrom: URL(fileURLWithPath: self.path))
            defer { try? file.close() }
            return try file.read(upToCount: JWTKeySet.maxBytes + 1) ?? Data()
        } catch {
            let cause = (error as NSError).userInfo[NSUnderlyingErrorKey] as? NSError ?? error as NSError
            let reason =
                cause.domain == NSPOSIXErrorDomain
                ? String(cString: strerror(Int32(truncatingIfNeeded: cause.code)))
                : "it must be a file that the collector may read"
            throw AuthenticationError(.keysUnusable, "the file can't be read: \(reason)")
        }
    }
}
