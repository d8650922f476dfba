import Crypto
import DocketModel

/// A step of the schema: a numbered SQL file in `Migrations/`.
///
/// The files are embedded in code (`.embedInCode` in the manifest): the program can then be copied anywhere by itself,
/// while a resource bundle would have to travel along with it, and needs Foundation to be found.
package struct Migration: Sendable, Equatable {
    /// From 1, without gaps.
    package let version: Int32
    /// The file's name without its number and ending.
    package let name: String
    package let sql: String
    /// What it needs of PostgreSQL's contributed modules (appendix F of its manual): trusted ones alone.
    package let extensions: [String]

    package init(version: Int32, name: String, sql: String, extensions: [String] = []) {
        self.version = version
        self.name = name
        self.sql = sql
        self.extensions = extensions
    }

    /// SHA-256 of the SQL, in hexadecimal digits: tells a file that was changed after it had been applied.
    package var checksum: String { hexadecimal(SHA256.hash(data: Array(self.sql.utf8))) }

    /// All steps, in order; the package manager has put an underscore for each name's first digit. One that has been
    /// released is never changed; what it lacks comes in a new one.
    package static let all: [Migration] = [
        Migration(1, "registry", PackageResources._001_registry_sql),
        Migration(2, "events", PackageResources._002_events_sql),
        Migration(3, "access", PackageResources._003_access_sql),
        Migration(4, "segments", PackageResources._004_segments_sql, extensions: ["btree_gin"]),
        Migration(5, "log", PackageResources._005_log_sql),
        Migration(6, "quarantine", PackageResources._006_quarantine_sql),
        Migration(7, "floor_plan", PackageResources._007_floor_plan_sql),
        Migration(8, "tenancy", PackageResources._008_tenancy_sql),
        Migration(9, "event_types", PackageResources._009_event_types_sql),
        Migration(10, "marks", PackageResources._010_marks_sql),
        Migration(11, "quotas", PackageResources._011_quotas_sql),
        Migration(12, "principals", PackageResources._012_principals_sql),
        Migration(13, "policy_events", PackageResources._013_policy_events_sql),
        Migration(14, "quarantine_compression", PackageResources._014_quarantine_compression_sql),
        Migration(15, "live_collectors", PackageResources._015_live_collectors_sql),
        Migration(16, "events_dropped", PackageResources._016_events_dropped_sql),
        Migration(17, "quarantine_intake", PackageResources._017_quarantine_intake_sql),
        Migration(18, "reading_events", PackageResources._018_reading_events_sql),
        Migration(19, "tailing_events", PackageResources._019_tailing_events_sql),
        Migration(20, "hot_index", PackageResources._020_hot_index_sql),
    ]

    private init(_ version: Int32, _ name: String, _ sql: [UInt8], extensions: [String] = []) {
        self.init(version: version, name: name, sql: String(decoding: sql, as: UTF8.self), extensions: extensions)
    }
}
