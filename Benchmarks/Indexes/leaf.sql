-- A further sealed segment, when planning is measured.
SET synchronous_commit = off;
BEGIN;
CREATE TABLE {leaf} (LIKE docket.events);
INSERT INTO {leaf} SELECT * FROM {model} LIMIT 100;
UPDATE {leaf} SET segment_id = {n}, occurred_at = '{low}';
ALTER TABLE {leaf} ADD CHECK (occurred_at >= '{low}' AND occurred_at < '{high}');
{indexes}
ALTER TABLE docket.events ATTACH PARTITION {leaf} FOR VALUES IN ({n});
COMMIT;
VACUUM ANALYZE {leaf};
