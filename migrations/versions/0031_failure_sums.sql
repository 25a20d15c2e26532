-- The functions and triggers of PostgreSQL that keep the sums of failed runs by the class of their reason. Migration 0031
-- runs this file, and `flask doctor` compares the database with it. To repair a database, run it with psql.
--
-- As in 0021_run_sums.sql, the functions name no schema and run with the rights of their owner, each call has exactly the
-- types of PostgreSQL's own function, and a trigger appends the change of a statement. After about one change in twenty
-- it adds up the rows of the same kind in the periods that the statement changed.
--
-- A run counts in sums of several periods (`days` is their length), each of its bakery (1, 0), of its feedstock (0, 1)
-- and of both (1, 1).

CREATE OR REPLACE FUNCTION reciperun_failures_compact(added bigint[]) RETURNS void
LANGUAGE sql AS $$
    WITH spare AS (
        SELECT id FROM (
            SELECT sums.id, count(*) OVER (
                PARTITION BY sums.bakery_id, sums.feedstock_id, sums.days, sums.period, is_test, failure_class
            ) AS same
            FROM (
                SELECT DISTINCT bakery_id, feedstock_id, days, period FROM reciperun_count_failure
                WHERE id = ANY (added)
            ) AS touched JOIN reciperun_count_failure AS sums ON sums.bakery_id = touched.bakery_id
                AND sums.feedstock_id = touched.feedstock_id AND sums.days = touched.days
                AND sums.period = touched.period
        ) AS counted WHERE same > 1::bigint
    ), taken AS (
        DELETE FROM reciperun_count_failure WHERE id = ANY (ARRAY(
            SELECT id FROM reciperun_count_failure WHERE id = ANY (ARRAY(SELECT id FROM spare)) FOR UPDATE SKIP LOCKED
        ))
        RETURNING bakery_id, feedstock_id, days, period, is_test, failure_class, runs
    )
    INSERT INTO reciperun_count_failure (bakery_id, feedstock_id, days, period, is_test, failure_class, runs)
    SELECT bakery_id, feedstock_id, days, period, is_test, failure_class, sum(runs) FROM taken
    GROUP BY 1, 2, 3, 4, 5, 6
    HAVING sum(runs) <> 0::numeric
$$;

-- The functions of 0018 and 0021 that add up rows, with arrays instead of subqueries after IN. If PostgreSQL took a table
-- for empty, it read the subqueries again for each row, and a statement took ten seconds.

CREATE OR REPLACE FUNCTION reciperun_count_compact(slices text[]) RETURNS void
LANGUAGE sql AS $$
    WITH taken AS (
        DELETE FROM reciperun_count WHERE id = ANY (ARRAY(
            SELECT id FROM reciperun_count WHERE slice::text = ANY (slices) FOR UPDATE SKIP LOCKED
        ))
        RETURNING slice, status, conclusion, is_test, has_dataset, runs
    )
    INSERT INTO reciperun_count (slice, status, conclusion, is_test, has_dataset, runs)
    SELECT slice, status, conclusion, is_test, has_dataset, sum(runs) FROM taken
    GROUP BY 1, 2, 3, 4, 5
    HAVING sum(runs) <> 0::numeric
$$;

CREATE OR REPLACE FUNCTION reciperun_sums_compact_periods(added bigint[]) RETURNS void
LANGUAGE sql AS $$
    WITH spare AS (
        SELECT id FROM (
            SELECT sums.id, count(*) OVER (
                PARTITION BY sums.bakery_id, sums.feedstock_id, sums.days, period, is_test, status, conclusion
            ) AS same
            FROM (
                SELECT bakery_id, feedstock_id, days, min(period) - 16 AS first, max(period) AS last
                FROM reciperun_count_period WHERE id = ANY (added) GROUP BY 1, 2, 3
            ) AS touched JOIN reciperun_count_period AS sums ON sums.bakery_id = touched.bakery_id
                AND sums.feedstock_id = touched.feedstock_id AND sums.days = touched.days AND period >= first
                AND period <= last
        ) AS counted WHERE same > 1::bigint
    ), taken AS (
        DELETE FROM reciperun_count_period WHERE id = ANY (ARRAY(
            SELECT id FROM reciperun_count_period WHERE id = ANY (ARRAY(SELECT id FROM spare)) FOR UPDATE SKIP LOCKED
        ))
        RETURNING bakery_id, feedstock_id, days, period, is_test, status, conclusion, runs
    )
    INSERT INTO reciperun_count_period (bakery_id, feedstock_id, days, period, is_test, status, conclusion, runs)
    SELECT bakery_id, feedstock_id, days, period, is_test, status, conclusion, sum(runs) FROM taken
    GROUP BY 1, 2, 3, 4, 5, 6, 7
    HAVING sum(runs) <> 0::numeric
$$;

CREATE OR REPLACE FUNCTION reciperun_sums_compact_durations(added bigint[]) RETURNS void
LANGUAGE sql AS $$
    WITH spare AS (
        SELECT id FROM (
            SELECT sums.id, count(*) OVER (
                PARTITION BY sums.bakery_id, sums.feedstock_id, sums.days, sums.period, is_test, seconds
            ) AS same
            FROM (
                SELECT DISTINCT bakery_id, feedstock_id, days, period FROM reciperun_count_duration
                WHERE id = ANY (added)
            ) AS touched JOIN reciperun_count_duration AS sums ON sums.bakery_id = touched.bakery_id
                AND sums.feedstock_id = touched.feedstock_id AND sums.days = touched.days
                AND sums.period = touched.period
        ) AS counted WHERE same > 1::bigint
    ), taken AS (
        DELETE FROM reciperun_count_duration WHERE id = ANY (ARRAY(
            SELECT id FROM reciperun_count_duration WHERE id = ANY (ARRAY(SELECT id FROM spare)) FOR UPDATE SKIP LOCKED
        ))
        RETURNING bakery_id, feedstock_id, days, period, is_test, seconds, runs
    )
    INSERT INTO reciperun_count_duration (bakery_id, feedstock_id, days, period, is_test, seconds, runs)
    SELECT bakery_id, feedstock_id, days, period, is_test, seconds, sum(runs) FROM taken
    GROUP BY 1, 2, 3, 4, 5, 6
    HAVING sum(runs) <> 0::numeric
$$;

CREATE OR REPLACE FUNCTION reciperun_failures_insert() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    added bigint[];
BEGIN
    IF NOT EXISTS (SELECT FROM new_runs WHERE failure_class IS NOT NULL) THEN
        RETURN NULL;
    END IF;
    PERFORM set_config('search_path', format('%I, pg_temp', tg_table_schema), true)
    FROM pg_class WHERE oid = tg_relid AND pg_get_userbyid(relowner) = current_user;
    IF NOT FOUND THEN
        RAISE insufficient_privilege USING MESSAGE = 'table reciperun and its functions have different owners';
    END IF;
    WITH slice AS (
        SELECT bakery_id * b AS bakery_id, feedstock_id * f AS feedstock_id, days, day / days AS period, is_test,
            failure_class, sum(change)::bigint AS change
        FROM (
            SELECT bakery_id, feedstock_id, started_at::date - '0001-01-01'::date AS day, is_test, failure_class,
                1 AS change
            FROM new_runs WHERE failure_class IS NOT NULL
        ) AS run CROSS JOIN (
            VALUES (1, 0, 1), (1, 0, 7), (0, 1, 7), (1, 1, 7), (1, 0, 112), (0, 1, 112), (1, 1, 112), (1, 0, 1792),
                (0, 1, 1792), (1, 1, 1792)
        ) AS kept (b, f, days)
        GROUP BY 1, 2, 3, 4, 5, 6 HAVING sum(change) <> 0
    ), appended AS (
        INSERT INTO reciperun_count_failure (bakery_id, feedstock_id, days, period, is_test, failure_class, runs)
        SELECT bakery_id, feedstock_id, days, period, is_test, failure_class, change FROM slice
        RETURNING id
    )
    SELECT pg_catalog.array_agg(id) INTO added FROM appended;
    -- Stricter transactions fail where another has deleted what they would delete.
    IF added IS NOT NULL AND random() < 0.05::float8
        AND pg_catalog.current_setting('transaction_isolation') = 'read committed'
    THEN
        PERFORM reciperun_failures_compact(added);
    END IF;
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION reciperun_failures_delete() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    added bigint[];
BEGIN
    IF NOT EXISTS (SELECT FROM old_runs WHERE failure_class IS NOT NULL) THEN
        RETURN NULL;
    END IF;
    PERFORM set_config('search_path', format('%I, pg_temp', tg_table_schema), true)
    FROM pg_class WHERE oid = tg_relid AND pg_get_userbyid(relowner) = current_user;
    IF NOT FOUND THEN
        RAISE insufficient_privilege USING MESSAGE = 'table reciperun and its functions have different owners';
    END IF;
    WITH slice AS (
        SELECT bakery_id * b AS bakery_id, feedstock_id * f AS feedstock_id, days, day / days AS period, is_test,
            failure_class, sum(change)::bigint AS change
        FROM (
            SELECT bakery_id, feedstock_id, started_at::date - '0001-01-01'::date AS day, is_test, failure_class,
                -1 AS change
            FROM old_runs WHERE failure_class IS NOT NULL
        ) AS run CROSS JOIN (
            VALUES (1, 0, 1), (1, 0, 7), (0, 1, 7), (1, 1, 7), (1, 0, 112), (0, 1, 112), (1, 1, 112), (1, 0, 1792),
                (0, 1, 1792), (1, 1, 1792)
        ) AS kept (b, f, days)
        GROUP BY 1, 2, 3, 4, 5, 6 HAVING sum(change) <> 0
    ), appended AS (
        INSERT INTO reciperun_count_failure (bakery_id, feedstock_id, days, period, is_test, failure_class, runs)
        SELECT bakery_id, feedstock_id, days, period, is_test, failure_class, change FROM slice
        RETURNING id
    )
    SELECT pg_catalog.array_agg(id) INTO added FROM appended;
    -- Stricter transactions fail where another has deleted what they would delete.
    IF added IS NOT NULL AND random() < 0.05::float8
        AND pg_catalog.current_setting('transaction_isolation') = 'read committed'
    THEN
        PERFORM reciperun_failures_compact(added);
    END IF;
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION reciperun_failures_update() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    added bigint[];
BEGIN
    IF NOT EXISTS (SELECT FROM new_runs WHERE failure_class IS NOT NULL)
        AND NOT EXISTS (SELECT FROM old_runs WHERE failure_class IS NOT NULL)
    THEN
        RETURN NULL;
    END IF;
    PERFORM set_config('search_path', format('%I, pg_temp', tg_table_schema), true)
    FROM pg_class WHERE oid = tg_relid AND pg_get_userbyid(relowner) = current_user;
    IF NOT FOUND THEN
        RAISE insufficient_privilege USING MESSAGE = 'table reciperun and its functions have different owners';
    END IF;
    WITH slice AS (
        SELECT bakery_id * b AS bakery_id, feedstock_id * f AS feedstock_id, days, day / days AS period, is_test,
            failure_class, sum(change)::bigint AS change
        FROM (
            SELECT bakery_id, feedstock_id, started_at::date - '0001-01-01'::date AS day, is_test, failure_class,
                1 AS change
            FROM new_runs WHERE failure_class IS NOT NULL
            UNION ALL
            SELECT bakery_id, feedstock_id, started_at::date - '0001-01-01'::date AS day, is_test, failure_class,
                -1 AS change
            FROM old_runs WHERE failure_class IS NOT NULL
        ) AS run CROSS JOIN (
            VALUES (1, 0, 1), (1, 0, 7), (0, 1, 7), (1, 1, 7), (1, 0, 112), (0, 1, 112), (1, 1, 112), (1, 0, 1792),
                (0, 1, 1792), (1, 1, 1792)
        ) AS kept (b, f, days)
        GROUP BY 1, 2, 3, 4, 5, 6 HAVING sum(change) <> 0
    ), appended AS (
        INSERT INTO reciperun_count_failure (bakery_id, feedstock_id, days, period, is_test, failure_class, runs)
        SELECT bakery_id, feedstock_id, days, period, is_test, failure_class, change FROM slice
        RETURNING id
    )
    SELECT pg_catalog.array_agg(id) INTO added FROM appended;
    -- Stricter transactions fail where another has deleted what they would delete.
    IF added IS NOT NULL AND random() < 0.05::float8
        AND pg_catalog.current_setting('transaction_isolation') = 'read committed'
    THEN
        PERFORM reciperun_failures_compact(added);
    END IF;
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION reciperun_failures_truncate() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM set_config('search_path', format('%I, pg_temp', tg_table_schema), true)
    FROM pg_class WHERE oid = tg_relid AND pg_get_userbyid(relowner) = current_user;
    IF NOT FOUND THEN
        RAISE insufficient_privilege USING MESSAGE = 'table reciperun and its functions have different owners';
    END IF;
    TRUNCATE reciperun_count_failure;
    RETURN NULL;
END $$;

-- Only the owner may create triggers with these functions.
REVOKE EXECUTE ON FUNCTION reciperun_failures_insert(), reciperun_failures_delete(), reciperun_failures_update(),
    reciperun_failures_truncate() FROM PUBLIC;

-- Create the triggers that are missing or disabled. Nothing locks a table that has all of them.
DO $$
DECLARE
    trigger_name text;
    table_name text;
    definition text;
BEGIN
    FOR trigger_name, table_name, definition IN VALUES
        ('reciperun_failures_insert', 'reciperun', 'AFTER INSERT ON reciperun
            REFERENCING NEW TABLE AS new_runs EXECUTE FUNCTION reciperun_failures_insert()'),
        ('reciperun_failures_delete', 'reciperun', 'AFTER DELETE ON reciperun
            REFERENCING OLD TABLE AS old_runs EXECUTE FUNCTION reciperun_failures_delete()'),
        ('reciperun_failures_update', 'reciperun', 'AFTER UPDATE ON reciperun
            REFERENCING NEW TABLE AS new_runs OLD TABLE AS old_runs EXECUTE FUNCTION reciperun_failures_update()'),
        ('reciperun_failures_truncate', 'reciperun', 'AFTER TRUNCATE ON reciperun
            EXECUTE FUNCTION reciperun_failures_truncate()')
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
        WHERE tgrelid = 'reciperun'::regclass AND NOT tgisinternal AND proowner <> relowner
    LOOP
        EXECUTE command;
    END LOOP;
END $$;
