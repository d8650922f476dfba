import Foundation
import Testing

@testable import DocketTransport

/// A file of authorities that a test changes. They have signed nothing, and their keys are gone.
private struct AuthorityFile {
    let path = FileManager.default.temporaryDirectory.appending(path: "docket-ca-\(UUID().uuidString).pem").path

    static let one = """
        -----BEGIN CERTIFICATE-----
        MIIBMjCB5aADAgECAhRbAuZyw5ptUsO9ZsMnFL0FOI9oVTAFBgMrZXAwDjEMMAoG
        A1UEAwwDb25lMCAXDTI2MTEyMjA1MDgzNFoYDzIxMjYxMDI5MDUwODM0WjAOMQww
        CgYDVQQDDANvbmUwKjAFBgMrZXADIQBIpam+EqabwMOxJRSiDCiyOBaGIx11diYb
        FV+Px29UZKNTMFEwHQYDVR0OBBYEFBJNIRMNL5oUxVIMxsEmPwg3ETEvMB8GA1Ud
        IwQYMBaAFBJNIRMNL5oUxVIMxsEmPwg3ETEvMA8GA1UdEwEB/wQFMAMBAf8wBQYD
        K2VwA0EAlh1pk/TImNGHZXs21wx8oLpte7cs9QwMCNWSw2T19bDGP3bpluq7HS4j
        xx0ES+rWuS3FYDFG6aBtOuNugPIJDQ==
        -----END CERTIFICATE-----

        """
    static let two = """
        -----BEGIN CERTIFICATE-----
        MIIBMjCB5aADAgECAhQlR4BQpZs3qynnfCQTa2ccUAD2bTAFBgMrZXAwDjEMMAoG
        A1UEAwwDdHdvMCAXDTI2MTEyMjA1MDgzNFoYDzIxMjYxMDI5MDUwODM0WjAOMQww
        CgYDVQQDDAN0d28wKjAFBgMrZXADIQCRCpB9vESVP+yK8mmAuWC2p5dyVU1OhQQL
        L0Hx6eD2DKNTMFEwHQYDVR0OBBYEFCJj2ge8F2BX2gXsbCdSGM817sTZMB8GA1Ud
        IwQYMBaAFCJj2ge8F2BX2gXsbCdSGM817sTZMA8GA1UdEwEB/wQFMAMBAf8wBQYD
        K2VwA0EAiYkwKawv+8cpRT/2E1/GNPwT7FbAqWeyfvBpFnrYQgBRG2/lu7lGDz5Q
        5u6wCDy/x7+LGcoM0AZkcEjXI0ZVBw==
        -----END CERTIFICATE-----

        """

    init(_ content: String) throws { try self.write(content) }

    func write(_ content: String) throws { try Data(content.utf8).write(to: URL(filePath: self.path)) }

    func remove() { try? FileManager.default.removeItem(atPath: self.path) }
}

@Suite("The authorities of clients")
struct ClientAuthorityTests {
    private struct Unfit: Error {}

    @Test("are others once the file holds others, and only then")
    func reload() throws {
        let file = try AuthorityFile(AuthorityFile.one)
        defer { file.remove() }
        let authority = try ClientAuthority(file: file.path, isRequired: true)
        #expect(try !authority.reload())
        try file.write(AuthorityFile.one + AuthorityFile.two)
        #expect(try authority.reload())
        #expect(authority.current.certificates.count == 2 && authority.current.generation == 1)
    }

    @Test("stay as they were when the file can't be read, holds none, or holds some that TLS doesn't take")
    func unusable() throws {
        let file = try AuthorityFile(AuthorityFile.one)
        defer { file.remove() }
        let authority = try ClientAuthority(file: file.path, isRequired: true) { certificates in
            if certificates.count > 1 { throw Unfit() }
        }
        for content in ["", "no certificate", AuthorityFile.one + AuthorityFile.two] {
            try file.write(content)
            let error = #expect(throws: TransportError.self) { try authority.reload() }
            #expect(error?.code == .tls && error?.message.contains(file.path) == true)
            #expect(authority.current.certificates.count == 1 && authority.current.generation == 0)
        }
        try file.write(AuthorityFile.two)
        #expect(try authority.reload())
        #expect(authority.current.generation == 1)
    }
}
