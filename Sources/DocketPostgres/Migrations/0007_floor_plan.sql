-- The check of floors runs in each commit group. With arrays as parameters PostgreSQL would plan it anew each time, which
-- takes twice as long as the check itself.
ALTER FUNCTION docket.check_floors(int4[], uuid[], int8[]) SET plan_cache_mode = force_generic_plan;
