import Crypto
import DocketModel
import DocketRegistry
import Foundation
import SwiftASN1
import Testing
import X509

@testable import DocketAuthentication

@Suite("A client certificate")
struct ClientCertificateTests {
    private static let notAfter = Date(timeIntervalSince1970: 1_900_000_000)

    /// A certificate in DER.
    private func der(_ subject: DistinguishedName, names: [GeneralName] = []) throws -> [UInt8] {
        let key = Certificate.PrivateKey(P256.Signing.PrivateKey())
        let certificate = try Certificate(
            version: .v3, serialNumber: Certificate.SerialNumber(), publicKey: key.publicKey,
            notValidBefore: Self.notAfter - 3600, notValidAfter: Self.notAfter, issuer: subject, subject: subject,
            extensions: names.isEmpty
                ? Certificate.Extensions()
                : try Certificate.Extensions { SubjectAlternativeNames(names) },
            issuerPrivateKey: key)
        var serializer = DER.Serializer()
        try serializer.serialize(certificate)
        return serializer.serializedBytes
    }

    private func acme() throws -> DistinguishedName {
        try DistinguishedName {
            CountryName("GB")
            OrganizationName("Acme, Ltd")
            CommonName("check#out")
        }
    }

    @Test("stands for its SPIFFE ID, whatever its subject")
    func spiffe() throws {
        let names: [GeneralName] = [.dnsName("a.example"), .uniformResourceIdentifier("spiffe://acme/a")]
        let certificate = try ClientCertificate(derEncoded: self.der(self.acme(), names: names))
        #expect(certificate.identity == .spiffe("spiffe://acme/a"))
        #expect(certificate.notAfter == Timestamp(microsecondsSinceEpoch: 1_900_000_000_000_000))
    }

    @Test("stands for its subject when it has no SPIFFE ID")
    func subject() throws {
        for names in [[], [.uniformResourceIdentifier("https://acme.example")]] as [[GeneralName]] {
            let certificate = try ClientCertificate(derEncoded: self.der(self.acme(), names: names))
            #expect(certificate.identity == .subject(#"CN=check#out,O=Acme\, Ltd,C=GB"#))
        }
    }

    @Test("stands for what openssl prints of its subject, as an operator types it")
    func openssl() throws {
        typealias Attribute = RelativeDistinguishedName.Attribute
        let subject = try DistinguishedName([
            RelativeDistinguishedName([Attribute(type: .RDNAttributeType.countryName, printableString: "GB")]),
            RelativeDistinguishedName([
                Attribute(type: .RDNAttributeType.organizationalUnitName, utf8String: "Zürich"),
                Attribute(type: .RDNAttributeType.commonName, utf8String: ##" #a,+"\<>; "##),
            ]),
            RelativeDistinguishedName([Attribute(type: [0, 9, 2342, 19_200_300, 100, 1, 1], utf8String: "#1")]),
            RelativeDistinguishedName([Attribute(type: .RDNAttributeType.emailAddress, ia5String: "a@b.c")]),
        ])
        let typed = try SubjectName(
            ##"emailAddress=a@b.c,UID=\#1,OU=Z\C3\BCrich+CN=\ #a\,\+\"\\\<\>\;\ ,C=GB"##)
        #expect(try ClientCertificate(derEncoded: self.der(subject)).identity == .subject(typed.text))
    }

    @Test("stands for nobody when its subject has a value that isn't text of the sorts that are read alike everywhere")
    func textless() throws {
        let values = [
            try ASN1Any(erasing: ASN1TeletexString(contentBytes: [0x61])),
            try ASN1Any(erasing: ASN1BMPString(contentBytes: [0, 0x61])),
            try ASN1Any(erasing: ASN1UTF8String(contentBytes: [0x61, 0xFF])),
        ]
        for value in values {
            let name = RelativeDistinguishedName.Attribute(type: .RDNAttributeType.commonName, value: value)
            let bytes = try self.der(try DistinguishedName([name]))
            let error = try #require(throws: AuthenticationError.self) { try ClientCertificate(derEncoded: bytes) }
            #expect(error.code == .certificateUnusable)
            #expect(error.message.contains("2.5.4.3") && error.message.contains("UTF8String"), "\(error)")
        }
    }

    @Test(
        "stands for nobody when its SPIFFE ID is none, or one of several URIs",
        arguments: [
            ["spiffe://acme/a", "spiffe://acme/b"], ["spiffe://acme/a", "https://acme.example"], ["spiffe://acme/../a"],
            ["SPIFFE://acme/a"],
        ])
    func ambiguous(_ uris: [String]) throws {
        let bytes = try self.der(self.acme(), names: uris.map { .uniformResourceIdentifier($0) })
        let error = try #require(throws: AuthenticationError.self) { try ClientCertificate(derEncoded: bytes) }
        #expect(error.code == .certificateUnusable)
    }

    @Test("stands for nobody when it has neither, or is none")
    func nobody() throws {
        let nameless = try self.der(DistinguishedName([RelativeDistinguishedName]()))
        for bytes in [nameless, [], [0x30, 0x03, 0x02, 0x01, 0x01]] {
            let error = try #require(throws: AuthenticationError.self) { try ClientCertificate(derEncoded: bytes) }
            #expect(error.code == .certificateUnusable)
        }
    }

    @Test("of any bytes is an error and no crash")
    func mutations() throws {
        let bytes = try self.der(self.acme(), names: [.uniformResourceIdentifier("spiffe://acme/a")])
        for index in bytes.indices {
            for byte in [0, 0x7F, 0x80, 0xFF, bytes[index] ^ 1] as [UInt8] {
                var changed = bytes
                changed[index] = byte
                _ = try? ClientCertificate(derEncoded: changed)
            }
            _ = try? ClientCertificate(derEncoded: Array(bytes[..<index]))
        }
    }
}
