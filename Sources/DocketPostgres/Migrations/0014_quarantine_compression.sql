-- Rejected events may be large, and whoever sends them sends many: a fast compression, where the server was built with it.
DO $$ BEGIN
    ALTER TABLE docket.quarantine ALTER COLUMN event SET COMPRESSION lz4;
EXCEPTION WHEN feature_not_supported THEN NULL;
END $$;
