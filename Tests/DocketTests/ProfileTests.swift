import ArgumentParser
import Foundation
import Testing

@testable import docket

@Suite("How a command connects")
struct ProfileTests {
    private let scratch: Scratch

    init() throws { self.scratch = try Scratch() }

    /// What flags make of a profile's members, with a token in the environment.
    private func resolve(
        _ members: String, _ flags: [String] = [], environmentToken: String? = nil
    ) throws -> Profile {
        let file = try self.scratch.file("profile.json", #"{"address": "db:1"\#(members)}"#.utf8)
        return try ConnectionOptions.parse(["--profile", file] + flags)
            .resolve { $0 == "DOCKET_TOKEN" ? environmentToken : nil }
    }

    private static let shown = ["--tls-client-certificate", "me.pem", "--tls-client-key", "me.key"]

    @Test("a certificate that is named by flags says who calls, whatever token the profile or the environment has")
    func certificate() throws {
        let resolved = try self.resolve(
            #", "token": "profile", "tenant": "acme", "tls": false"#, Self.shown, environmentToken: "environment")
        #expect(resolved.token == nil && resolved.tenant == nil && resolved.usesTLS)
        #expect(resolved.clientFiles?.certificate == "me.pem" && resolved.clientFiles?.key == "me.key")
    }

    @Test("a token that is named by a flag goes along with the certificate")
    func tokenFile() throws {
        let token = try self.scratch.file("token", "flag\n".utf8)
        let resolved = try self.resolve(
            "", Self.shown + ["--token-file", token, "--tenant", "acme"], environmentToken: "environment")
        #expect(resolved.token == "flag" && resolved.tenant == "acme" && resolved.clientFiles != nil)
    }

    @Test("a token of the environment goes before the profile's, and the profile's tenant with it")
    func environment() throws {
        let members = #", "token": "profile", "tenant": "acme""#
        let own = try self.resolve(members)
        #expect(own.token == "profile" && own.tenant == "acme" && !own.usesTLS)
        let other = try self.resolve(members, environmentToken: "environment")
        #expect(other.token == "environment" && other.tenant == nil)
    }

    @Test("a certificate means TLS, in the profile too, and so does every flag about TLS")
    func tls() throws {
        let files = #", "client_certificate_file": "me.pem", "client_key_file": "me.key""#
        #expect(try self.resolve(files + #", "tls": false"#).usesTLS)
        for flags in [["--tls"], ["--ca-file", "ca.pem"]] {
            #expect(try self.resolve(#", "token": "t", "tls": false"#, flags).usesTLS)
        }
        #expect(try !self.resolve(#", "token": "t", "tls": false, "ca_file": "ca.pem""#).usesTLS)
    }

    @Test("half a pair of certificate and key is refused", arguments: ["client_certificate_file", "client_key_file"])
    func half(_ member: String) throws {
        let error = #expect(throws: CommandError.self) {
            try self.resolve(#", "token": "t", "\#(member)": "me.pem""#)
        }
        #expect(error?.exitCode == .configuration && error?.message.contains("client_key_file") == true)
        let flag = member == "client_key_file" ? "--tls-client-key" : "--tls-client-certificate"
        #expect(throws: (any Error).self) { try self.resolve("", [flag, "me.pem"]) }
    }
}
