-- The functions and triggers of PostgreSQL, as this release needs them. Migration 0018 runs this file, and `flask doctor`
-- compares the database with it. To repair a database, run it with psql.
--
-- The functions name no schema, so they work wherever the tables are. Most run with the rights of their owner, so a role
-- that may write runs needs no rights on the counts. At their start, `SET search_path` excludes names that the caller
-- has chosen. Then they look for the counts beside the table that has changed. They refuse the table of another owner:
-- its schema could have a table of counts whose triggers would run with the rights of the owner of the function.
--
-- Other roles may be allowed to create functions and operators in the schema. PostgreSQL prefers those whose parameters
-- have exactly the types of the arguments, and among these those of pg_catalog. So every call in the functions either
-- has exactly the types of a function of pg_catalog, or names pg_catalog.

CREATE OR REPLACE FUNCTION reciperun_count_compact(slices text[]) RETURNS void
LANGUAGE sql AS $$
    WITH taken AS (
        DELETE FROM reciperun_count WHERE id IN (
            SELECT id FROM reciperun_count WHERE slice::text = ANY (slices) FOR UPDATE SKIP LOCKED
        )
        RETURNING slice, status, conclusion, is_test, has_dataset, runs
    )
    INSERT INTO reciperun_count (slice, status, conclusion, is_test, has_dataset, runs)
    SELECT slice, status, conclusion, is_test, has_dataset, sum(runs) FROM taken
    GROUP BY 1, 2, 3, 4, 5
    HAVING sum(runs) <> 0::numeric
$$;

CREATE OR REPLACE FUNCTION reciperun_count_insert() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    touched text[];
BEGIN
    PERFORM set_config('search_path', format('%I, pg_temp', tg_table_schema), true)
    FROM pg_class WHERE oid = tg_relid AND pg_get_userbyid(relowner) = current_user;
    IF NOT FOUND THEN
        RAISE insufficient_privilege USING MESSAGE = 'table reciperun and its functions have different owners';
    END IF;
    WITH changed AS (
        SELECT feedstock_id, bakery_id, status, conclusion, is_test, dataset_public_url IS NOT NULL AS has_dataset,
            1 AS change
        FROM new_runs
    ), appended AS (
        INSERT INTO reciperun_count (slice, status, conclusion, is_test, has_dataset, runs)
        SELECT slice, status, conclusion, is_test, has_dataset, sum(change)
        FROM changed CROSS JOIN LATERAL (
            VALUES ('all'), ('feedstock ' || feedstock_id::text), ('bakery ' || bakery_id::text)
        ) AS of (slice)
        GROUP BY 1, 2, 3, 4, 5
        HAVING sum(change) <> 0
        RETURNING slice
    )
    SELECT pg_catalog.array_agg(DISTINCT slice) INTO touched FROM appended;
    -- Stricter transactions fail where another has deleted what they would delete.
    IF touched IS NOT NULL AND random() < 0.01::float8
        AND pg_catalog.current_setting('transaction_isolation') = 'read committed'
    THEN
        PERFORM reciperun_count_compact(touched);
    END IF;
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION reciperun_count_delete() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    touched text[];
BEGIN
    PERFORM set_config('search_path', format('%I, pg_temp', tg_table_schema), true)
    FROM pg_class WHERE oid = tg_relid AND pg_get_userbyid(relowner) = current_user;
    IF NOT FOUND THEN
        RAISE insufficient_privilege USING MESSAGE = 'table reciperun and its functions have different owners';
    END IF;
    WITH changed AS (
        SELECT feedstock_id, bakery_id, status, conclusion, is_test, dataset_public_url IS NOT NULL AS has_dataset,
            -1 AS change
        FROM old_runs
    ), appended AS (
        INSERT INTO reciperun_count (slice, status, conclusion, is_test, has_dataset, runs)
        SELECT slice, status, conclusion, is_test, has_dataset, sum(change)
        FROM changed CROSS JOIN LATERAL (
            VALUES ('all'), ('feedstock ' || feedstock_id::text), ('bakery ' || bakery_id::text)
        ) AS of (slice)
        GROUP BY 1, 2, 3, 4, 5
        HAVING sum(change) <> 0
        RETURNING slice
    )
    SELECT pg_catalog.array_agg(DISTINCT slice) INTO touched FROM appended;
    -- Stricter transactions fail where another has deleted what they would delete.
    IF touched IS NOT NULL AND random() < 0.01::float8
        AND pg_catalog.current_setting('transaction_isolation') = 'read committed'
    THEN
        PERFORM reciperun_count_compact(touched);
    END IF;
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION reciperun_count_update() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    touched text[];
BEGIN
    PERFORM set_config('search_path', format('%I, pg_temp', tg_table_schema), true)
    FROM pg_class WHERE oid = tg_relid AND pg_get_userbyid(relowner) = current_user;
    IF NOT FOUND THEN
        RAISE insufficient_privilege USING MESSAGE = 'table reciperun and its functions have different owners';
    END IF;
    WITH changed AS (
        SELECT feedstock_id, bakery_id, status, conclusion, is_test, dataset_public_url IS NOT NULL AS has_dataset,
            1 AS change
        FROM new_runs
        UNION ALL
        SELECT feedstock_id, bakery_id, status, conclusion, is_test, dataset_public_url IS NOT NULL AS has_dataset,
            -1 AS change
        FROM old_runs
    ), appended AS (
        INSERT INTO reciperun_count (slice, status, conclusion, is_test, has_dataset, runs)
        SELECT slice, status, conclusion, is_test, has_dataset, sum(change)
        FROM changed CROSS JOIN LATERAL (
            VALUES ('all'), ('feedstock ' || feedstock_id::text), ('bakery ' || bakery_id::text)
        ) AS of (slice)
        GROUP BY 1, 2, 3, 4, 5
        HAVING sum(change) <> 0
        RETURNING slice
    )
    SELECT pg_catalog.array_agg(DISTINCT slice) INTO touched FROM appended;
    -- Stricter transactions fail where another has deleted what they would delete.
    IF touched IS NOT NULL AND random() < 0.01::float8
        AND pg_catalog.current_setting('transaction_isolation') = 'read committed'
    THEN
        PERFORM reciperun_count_compact(touched);
    END IF;
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION reciperun_count_truncate() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM set_config('search_path', format('%I, pg_temp', tg_table_schema), true)
    FROM pg_class WHERE oid = tg_relid AND pg_get_userbyid(relowner) = current_user;
    IF NOT FOUND THEN
        RAISE insufficient_privilege USING MESSAGE = 'table reciperun and its functions have different owners';
    END IF;
    TRUNCATE reciperun_count;
    RETURN NULL;
END $$;

-- Only the owner may create triggers with these functions.
REVOKE EXECUTE ON FUNCTION reciperun_count_insert(), reciperun_count_delete(), reciperun_count_update(),
    reciperun_count_truncate() FROM PUBLIC;

CREATE OR REPLACE FUNCTION reciperun_readable_times() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    NEW.started_at = CASE WHEN NEW.started_at < '0001-01-01 00:00:00.000000' THEN '0001-01-01 00:00:00.000000'
        WHEN NEW.started_at > '9999-12-31 23:59:59.999999' THEN '9999-12-31 23:59:59.999999' ELSE NEW.started_at END;
    NEW.completed_at = CASE WHEN NEW.completed_at < '0001-01-01 00:00:00.000000' THEN '0001-01-01 00:00:00.000000'
        WHEN NEW.completed_at > '9999-12-31 23:59:59.999999' THEN '9999-12-31 23:59:59.999999' ELSE NEW.completed_at END;
    RETURN NEW;
END $$;

CREATE OR REPLACE FUNCTION audit_refuse() RETURNS trigger
LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'the audit log is only ever added to'; END $$;

-- Create the triggers that are missing or disabled. Nothing locks a table that has all of them.
DO $$
DECLARE
    trigger_name text;
    table_name text;
    definition text;
BEGIN
    FOR trigger_name, table_name, definition IN VALUES
        ('reciperun_count_insert', 'reciperun', 'AFTER INSERT ON reciperun
            REFERENCING NEW TABLE AS new_runs EXECUTE FUNCTION reciperun_count_insert()'),
        ('reciperun_count_delete', 'reciperun', 'AFTER DELETE ON reciperun
            REFERENCING OLD TABLE AS old_runs EXECUTE FUNCTION reciperun_count_delete()'),
        ('reciperun_count_update', 'reciperun', 'AFTER UPDATE ON reciperun
            REFERENCING NEW TABLE AS new_runs OLD TABLE AS old_runs EXECUTE FUNCTION reciperun_count_update()'),
        ('reciperun_count_truncate', 'reciperun', 'AFTER TRUNCATE ON reciperun
            EXECUTE FUNCTION reciperun_count_truncate()'),
        ('reciperun_readable_times', 'reciperun', 'BEFORE INSERT OR UPDATE OF started_at, completed_at ON reciperun
            FOR EACH ROW WHEN (
                NEW.started_at < ''0001-01-01 00:00:00.000000'' OR NEW.started_at > ''9999-12-31 23:59:59.999999''
                OR NEW.completed_at < ''0001-01-01 00:00:00.000000'' OR NEW.completed_at > ''9999-12-31 23:59:59.999999''
            ) EXECUTE FUNCTION reciperun_readable_times()'),
        ('audit_no_change', 'audit', 'BEFORE UPDATE OR DELETE ON audit
            FOR EACH ROW EXECUTE FUNCTION audit_refuse()'),
        ('audit_no_truncate', 'audit', 'BEFORE TRUNCATE ON audit
            FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse()')
    LOOP
        IF NOT EXISTS (
            SELECT FROM pg_trigger WHERE tgname = trigger_name AND tgrelid = table_name::regclass AND tgenabled = 'O'
        ) THEN
            EXECUTE format('DROP TRIGGER IF EXISTS %I ON %I', trigger_name, table_name);
            EXECUTE format('CREATE TRIGGER %I %s', trigger_name, definition);
        END IF;
    END LOOP;
END $$;

-- Give each function to the owner of its table, if another role has created it or the table has changed hands.
DO $$
DECLARE
    command text;
BEGIN
    FOR command IN
        SELECT DISTINCT format('ALTER FUNCTION %s OWNER TO %I', tgfoid::regprocedure, pg_get_userbyid(relowner))
        FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid JOIN pg_proc ON pg_proc.oid = tgfoid
        WHERE tgrelid IN ('reciperun'::regclass, 'audit'::regclass) AND NOT tgisinternal AND proowner <> relowner
    LOOP
        EXECUTE command;
    END LOOP;
END $$;
