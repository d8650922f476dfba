-- What the migrations expect: roles and a schema.
DO $$ DECLARE name text; BEGIN
    FOREACH name IN ARRAY '{docket_writer,docket_reader,docket_auditor,bench_auditor}'::text[] LOOP
        IF to_regrole(name) IS NULL THEN EXECUTE 'CREATE ROLE ' || name || ' LOGIN'; END IF;
    END LOOP;
END $$;
GRANT docket_auditor TO bench_auditor;
CREATE SCHEMA docket; CREATE TABLE docket.schema_migrations (version int4);
