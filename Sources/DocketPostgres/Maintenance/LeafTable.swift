/// The table of a new segment: with all that `docket.events` has, its columns in another order.
///
/// A statement on the parent that is to read one segment has a condition on `segment_id`, which PostgreSQL evaluates for each row,
/// and to get at a column it walks over all those before it. Behind the others, as the parent has it, that is the whole row, which
/// makes reading a segment without indexes three times as slow; so it stands before the first column that may be absent or has no
/// fixed width. ATTACH asks for columns of the same names and types, not for their order, and COPY names them.
struct LeafTable {
    let name: String

    /// The statements that make it, as read from the parent: constraints that an operator has put there come along, since ATTACH
    /// demands them, and so do comments and the ways in which columns are stored.
    func statements(_ connection: PostgresConnection) throws(PostgresError) -> [String] {
        let rows = try connection.query(Self.sql, [.text(self.name)])
        return try (0..<rows.count).map { (row) throws(PostgresError) in try rows.text(row, 0) }
    }

    /// Vacuuming it for its new rows would be in vain, since sealing freezes them.
    private static let sql = """
        WITH columns AS (
            SELECT a.attnum, a.attname, a.attlen, a.attnotnull, a.attstorage <> t.typstorage AS is_stored_otherwise,
                CASE a.attstorage WHEN 'p' THEN 'PLAIN' WHEN 'e' THEN 'EXTERNAL' WHEN 'm' THEN 'MAIN' ELSE 'EXTENDED' END
                    AS storage,
                CASE a.attcompression WHEN 'p' THEN 'pglz' WHEN 'l' THEN 'lz4' END AS compression,
                col_description(a.attrelid, a.attnum) AS comment,
                format('%I %s', a.attname, format_type(a.atttypid, a.atttypmod))
                    || CASE WHEN c.oid IS NULL THEN '' ELSE format(' COLLATE %I.%I', n.nspname, c.collname) END
                    || CASE WHEN a.attnotnull THEN ' NOT NULL' ELSE '' END AS definition
            FROM pg_attribute AS a
            JOIN pg_type AS t ON t.oid = a.atttypid
            LEFT JOIN pg_collation AS c ON c.oid = a.attcollation AND a.attcollation <> t.typcollation
            LEFT JOIN pg_namespace AS n ON n.oid = c.collnamespace
            WHERE a.attrelid = 'docket.events'::regclass AND a.attnum > 0 AND NOT a.attisdropped
        ), parts AS (
            SELECT definition, 0 AS part, (NOT attnotnull OR attlen < 0)::int AS rank, attnum::int AS number FROM columns
            UNION ALL
            SELECT format('CONSTRAINT %I %s', conname, pg_get_constraintdef(oid)), 1, 0,
                row_number() OVER (ORDER BY conname)::int
            FROM pg_constraint WHERE conrelid = 'docket.events'::regclass AND contype = 'c'
        ), statements AS (
            SELECT 0 AS rank, format('CREATE TABLE docket.%I (%s) WITH (autovacuum_vacuum_insert_threshold = -1, '
                || 'toast.autovacuum_vacuum_insert_threshold = -1)', $1::text,
                string_agg(definition, ', ' ORDER BY part, rank, number)) AS statement
            FROM parts
            UNION ALL
            SELECT 1, format('ALTER TABLE docket.%I ALTER COLUMN %I SET STORAGE %s', $1::text, attname, storage)
            FROM columns WHERE is_stored_otherwise
            UNION ALL
            SELECT 1, format('ALTER TABLE docket.%I ALTER COLUMN %I SET COMPRESSION %s', $1::text, attname, compression)
            FROM columns WHERE compression IS NOT NULL
            UNION ALL
            SELECT 2, format('COMMENT ON COLUMN docket.%I.%I IS %L', $1::text, attname, comment)
            FROM columns WHERE comment IS NOT NULL
            UNION ALL
            SELECT 2, format('COMMENT ON CONSTRAINT %I ON docket.%I IS %L', conname, $1::text,
                obj_description(oid, 'pg_constraint'))
            FROM pg_constraint WHERE conrelid = 'docket.events'::regclass AND contype = 'c'
                AND obj_description(oid, 'pg_constraint') IS NOT NULL
        )
        SELECT statement FROM statements ORDER BY rank
        """
}
