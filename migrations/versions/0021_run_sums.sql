-- The functions and triggers of PostgreSQL that keep the sums of runs by period and by duration. Migration 0021 runs this
-- file, and `flask doctor` compares the database with it. To repair a database, run it with psql.
--
-- As in 0018_portable_functions.sql, the functions name no schema and run with the rights of their owner, and each call
-- has exactly the types of PostgreSQL's own function.
--
-- A trigger appends the change of a statement and never updates a row, so no writer waits for another. After about one
-- statement in a hundred it adds up the rows of the same kind in the periods that the statement changed, and in the 16
-- periods before, whose last rows may never have been added up.
--
-- A run counts in sums of several periods (`days` is their length), each of all runs (0, 0), of its bakery (1, 0), of its
-- feedstock (0, 1) and of both (1, 1).
--
-- A duration counts as the middle of its bucket: in whole seconds, exact below 128, else less than 0.8 % from it.

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
        DELETE FROM reciperun_count_period WHERE id IN (
            SELECT id FROM reciperun_count_period WHERE id IN (SELECT id FROM spare) FOR UPDATE SKIP LOCKED
        )
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
        DELETE FROM reciperun_count_duration WHERE id IN (
            SELECT id FROM reciperun_count_duration WHERE id IN (SELECT id FROM spare) FOR UPDATE SKIP LOCKED
        )
        RETURNING bakery_id, feedstock_id, days, period, is_test, seconds, runs
    )
    INSERT INTO reciperun_count_duration (bakery_id, feedstock_id, days, period, is_test, seconds, runs)
    SELECT bakery_id, feedstock_id, days, period, is_test, seconds, sum(runs) FROM taken
    GROUP BY 1, 2, 3, 4, 5, 6
    HAVING sum(runs) <> 0::numeric
$$;

CREATE OR REPLACE FUNCTION reciperun_sums_insert() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    added bigint[];
BEGIN
    PERFORM set_config('search_path', format('%I, pg_temp', tg_table_schema), true)
    FROM pg_class WHERE oid = tg_relid AND pg_get_userbyid(relowner) = current_user;
    IF NOT FOUND THEN
        RAISE insufficient_privilege USING MESSAGE = 'table reciperun and its functions have different owners';
    END IF;
    WITH slice AS (
        SELECT bakery_id * b AS bakery_id, feedstock_id * f AS feedstock_id, days, day / days AS period, is_test, status,
            conclusion, sum(change)::bigint AS change
        FROM (
            SELECT bakery_id, feedstock_id, started_at::date - '0001-01-01'::date AS day, is_test, status,
                conclusion, 1 AS change
            FROM new_runs
        ) AS run CROSS JOIN (
            VALUES (0, 0, 1), (1, 0, 1), (0, 0, 7), (1, 0, 7), (0, 1, 7), (1, 1, 7)
        ) AS kept (b, f, days)
        GROUP BY 1, 2, 3, 4, 5, 6, 7 HAVING sum(change) <> 0
    ), appended AS (
        INSERT INTO reciperun_count_period (bakery_id, feedstock_id, days, period, is_test, status, conclusion, runs)
        SELECT bakery_id, feedstock_id, days, period, is_test, status, conclusion, change FROM slice
        RETURNING id
    )
    SELECT pg_catalog.array_agg(id) INTO added FROM appended;
    IF added IS NOT NULL AND random() < 0.01::float8
        AND pg_catalog.current_setting('transaction_isolation') = 'read committed'
    THEN
        PERFORM reciperun_sums_compact_periods(added);
    END IF;

    WITH slice AS (
        SELECT bakery_id * b AS bakery_id, feedstock_id * f AS feedstock_id, days, day / days AS period, is_test,
            seconds, sum(change)::bigint AS change
        FROM (
            SELECT bakery_id, feedstock_id, started_at::date - '0001-01-01'::date AS day, is_test,
                (length >> bits << bits) + (1::bigint << bits >> 1) AS seconds, 1 AS change
            FROM new_runs
            CROSS JOIN LATERAL (
                SELECT date_part('epoch'::text, date_trunc('second'::text, completed_at - started_at))::bigint AS length
            ) AS exact
            CROSS JOIN LATERAL (
                SELECT greatest(pg_catalog.length(ltrim(exact.length::bit(64)::text, '0'::text)) - 7, 0) AS bits
            ) AS bucket
            WHERE (conclusion::text = 'success'::text OR conclusion::text = 'failure'::text)
                AND completed_at >= started_at AND started_at >= '2000-01-01'::timestamp
        ) AS run CROSS JOIN (
            VALUES (0, 0, 1), (1, 0, 1), (0, 0, 7), (1, 0, 7), (0, 1, 7), (1, 1, 7),
                (0, 0, 112), (1, 0, 112), (0, 1, 112), (1, 1, 112)
        ) AS kept (b, f, days)
        GROUP BY 1, 2, 3, 4, 5, 6 HAVING sum(change) <> 0
    ), appended AS (
        INSERT INTO reciperun_count_duration (bakery_id, feedstock_id, days, period, is_test, seconds, runs)
        SELECT bakery_id, feedstock_id, days, period, is_test, seconds, change FROM slice
        RETURNING id
    )
    SELECT pg_catalog.array_agg(id) INTO added FROM appended;
    IF added IS NOT NULL AND random() < 0.005::float8
        AND pg_catalog.current_setting('transaction_isolation') = 'read committed'
    THEN
        PERFORM reciperun_sums_compact_durations(added);
    END IF;
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION reciperun_sums_delete() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    added bigint[];
BEGIN
    PERFORM set_config('search_path', format('%I, pg_temp', tg_table_schema), true)
    FROM pg_class WHERE oid = tg_relid AND pg_get_userbyid(relowner) = current_user;
    IF NOT FOUND THEN
        RAISE insufficient_privilege USING MESSAGE = 'table reciperun and its functions have different owners';
    END IF;
    WITH slice AS (
        SELECT bakery_id * b AS bakery_id, feedstock_id * f AS feedstock_id, days, day / days AS period, is_test, status,
            conclusion, sum(change)::bigint AS change
        FROM (
            SELECT bakery_id, feedstock_id, started_at::date - '0001-01-01'::date AS day, is_test, status,
                conclusion, -1 AS change
            FROM old_runs
        ) AS run CROSS JOIN (
            VALUES (0, 0, 1), (1, 0, 1), (0, 0, 7), (1, 0, 7), (0, 1, 7), (1, 1, 7)
        ) AS kept (b, f, days)
        GROUP BY 1, 2, 3, 4, 5, 6, 7 HAVING sum(change) <> 0
    ), appended AS (
        INSERT INTO reciperun_count_period (bakery_id, feedstock_id, days, period, is_test, status, conclusion, runs)
        SELECT bakery_id, feedstock_id, days, period, is_test, status, conclusion, change FROM slice
        RETURNING id
    )
    SELECT pg_catalog.array_agg(id) INTO added FROM appended;
    IF added IS NOT NULL AND random() < 0.01::float8
        AND pg_catalog.current_setting('transaction_isolation') = 'read committed'
    THEN
        PERFORM reciperun_sums_compact_periods(added);
    END IF;

    WITH slice AS (
        SELECT bakery_id * b AS bakery_id, feedstock_id * f AS feedstock_id, days, day / days AS period, is_test,
            seconds, sum(change)::bigint AS change
        FROM (
            SELECT bakery_id, feedstock_id, started_at::date - '0001-01-01'::date AS day, is_test,
                (length >> bits << bits) + (1::bigint << bits >> 1) AS seconds, -1 AS change
            FROM old_runs
            CROSS JOIN LATERAL (
                SELECT date_part('epoch'::text, date_trunc('second'::text, completed_at - started_at))::bigint AS length
            ) AS exact
            CROSS JOIN LATERAL (
                SELECT greatest(pg_catalog.length(ltrim(exact.length::bit(64)::text, '0'::text)) - 7, 0) AS bits
            ) AS bucket
            WHERE (conclusion::text = 'success'::text OR conclusion::text = 'failure'::text)
                AND completed_at >= started_at AND started_at >= '2000-01-01'::timestamp
        ) AS run CROSS JOIN (
            VALUES (0, 0, 1), (1, 0, 1), (0, 0, 7), (1, 0, 7), (0, 1, 7), (1, 1, 7),
                (0, 0, 112), (1, 0, 112), (0, 1, 112), (1, 1, 112)
        ) AS kept (b, f, days)
        GROUP BY 1, 2, 3, 4, 5, 6 HAVING sum(change) <> 0
    ), appended AS (
        INSERT INTO reciperun_count_duration (bakery_id, feedstock_id, days, period, is_test, seconds, runs)
        SELECT bakery_id, feedstock_id, days, period, is_test, seconds, change FROM slice
        RETURNING id
    )
    SELECT pg_catalog.array_agg(id) INTO added FROM appended;
    IF added IS NOT NULL AND random() < 0.005::float8
        AND pg_catalog.current_setting('transaction_isolation') = 'read committed'
    THEN
        PERFORM reciperun_sums_compact_durations(added);
    END IF;
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION reciperun_sums_update() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    added bigint[];
BEGIN
    PERFORM set_config('search_path', format('%I, pg_temp', tg_table_schema), true)
    FROM pg_class WHERE oid = tg_relid AND pg_get_userbyid(relowner) = current_user;
    IF NOT FOUND THEN
        RAISE insufficient_privilege USING MESSAGE = 'table reciperun and its functions have different owners';
    END IF;
    WITH slice AS (
        SELECT bakery_id * b AS bakery_id, feedstock_id * f AS feedstock_id, days, day / days AS period, is_test, status,
            conclusion, sum(change)::bigint AS change
        FROM (
            SELECT bakery_id, feedstock_id, started_at::date - '0001-01-01'::date AS day, is_test, status,
                conclusion, 1 AS change
            FROM new_runs
            UNION ALL
            SELECT bakery_id, feedstock_id, started_at::date - '0001-01-01'::date AS day, is_test, status,
                conclusion, -1 AS change
            FROM old_runs
        ) AS run CROSS JOIN (
            VALUES (0, 0, 1), (1, 0, 1), (0, 0, 7), (1, 0, 7), (0, 1, 7), (1, 1, 7)
        ) AS kept (b, f, days)
        GROUP BY 1, 2, 3, 4, 5, 6, 7 HAVING sum(change) <> 0
    ), appended AS (
        INSERT INTO reciperun_count_period (bakery_id, feedstock_id, days, period, is_test, status, conclusion, runs)
        SELECT bakery_id, feedstock_id, days, period, is_test, status, conclusion, change FROM slice
        RETURNING id
    )
    SELECT pg_catalog.array_agg(id) INTO added FROM appended;
    IF added IS NOT NULL AND random() < 0.01::float8
        AND pg_catalog.current_setting('transaction_isolation') = 'read committed'
    THEN
        PERFORM reciperun_sums_compact_periods(added);
    END IF;

    WITH slice AS (
        SELECT bakery_id * b AS bakery_id, feedstock_id * f AS feedstock_id, days, day / days AS period, is_test,
            seconds, sum(change)::bigint AS change
        FROM (
            SELECT bakery_id, feedstock_id, started_at::date - '0001-01-01'::date AS day, is_test,
                (length >> bits << bits) + (1::bigint << bits >> 1) AS seconds, 1 AS change
            FROM new_runs
            CROSS JOIN LATERAL (
                SELECT date_part('epoch'::text, date_trunc('second'::text, completed_at - started_at))::bigint AS length
            ) AS exact
            CROSS JOIN LATERAL (
                SELECT greatest(pg_catalog.length(ltrim(exact.length::bit(64)::text, '0'::text)) - 7, 0) AS bits
            ) AS bucket
            WHERE (conclusion::text = 'success'::text OR conclusion::text = 'failure'::text)
                AND completed_at >= started_at AND started_at >= '2000-01-01'::timestamp
            UNION ALL
            SELECT bakery_id, feedstock_id, started_at::date - '0001-01-01'::date AS day, is_test,
                (length >> bits << bits) + (1::bigint << bits >> 1) AS seconds, -1 AS change
            FROM old_runs
            CROSS JOIN LATERAL (
                SELECT date_part('epoch'::text, date_trunc('second'::text, completed_at - started_at))::bigint AS length
            ) AS exact
            CROSS JOIN LATERAL (
                SELECT greatest(pg_catalog.length(ltrim(exact.length::bit(64)::text, '0'::text)) - 7, 0) AS bits
            ) AS bucket
            WHERE (conclusion::text = 'success'::text OR conclusion::text = 'failure'::text)
                AND completed_at >= started_at AND started_at >= '2000-01-01'::timestamp
        ) AS run CROSS JOIN (
            VALUES (0, 0, 1), (1, 0, 1), (0, 0, 7), (1, 0, 7), (0, 1, 7), (1, 1, 7),
                (0, 0, 112), (1, 0, 112), (0, 1, 112), (1, 1, 112)
        ) AS kept (b, f, days)
        GROUP BY 1, 2, 3, 4, 5, 6 HAVING sum(change) <> 0
    ), appended AS (
        INSERT INTO reciperun_count_duration (bakery_id, feedstock_id, days, period, is_test, seconds, runs)
        SELECT bakery_id, feedstock_id, days, period, is_test, seconds, change FROM slice
        RETURNING id
    )
    SELECT pg_catalog.array_agg(id) INTO added FROM appended;
    IF added IS NOT NULL AND random() < 0.005::float8
        AND pg_catalog.current_setting('transaction_isolation') = 'read committed'
    THEN
        PERFORM reciperun_sums_compact_durations(added);
    END IF;
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION reciperun_sums_truncate() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM set_config('search_path', format('%I, pg_temp', tg_table_schema), true)
    FROM pg_class WHERE oid = tg_relid AND pg_get_userbyid(relowner) = current_user;
    IF NOT FOUND THEN
        RAISE insufficient_privilege USING MESSAGE = 'table reciperun and its functions have different owners';
    END IF;
    TRUNCATE reciperun_count_period, reciperun_count_duration;
    RETURN NULL;
END $$;

-- Only the owner may create triggers with these functions.
REVOKE EXECUTE ON FUNCTION reciperun_sums_insert(), reciperun_sums_delete(), reciperun_sums_update(),
    reciperun_sums_truncate() FROM PUBLIC;

-- Create the triggers that are missing or disabled. Nothing locks a table that has all of them.
DO $$
DECLARE
    trigger_name text;
    table_name text;
    definition text;
BEGIN
    FOR trigger_name, table_name, definition IN VALUES
        ('reciperun_sums_insert', 'reciperun', 'AFTER INSERT ON reciperun
            REFERENCING NEW TABLE AS new_runs EXECUTE FUNCTION reciperun_sums_insert()'),
        ('reciperun_sums_delete', 'reciperun', 'AFTER DELETE ON reciperun
            REFERENCING OLD TABLE AS old_runs EXECUTE FUNCTION reciperun_sums_delete()'),
        ('reciperun_sums_update', 'reciperun', 'AFTER UPDATE ON reciperun
            REFERENCING NEW TABLE AS new_runs OLD TABLE AS old_runs EXECUTE FUNCTION reciperun_sums_update()'),
        ('reciperun_sums_truncate', 'reciperun', 'AFTER TRUNCATE ON reciperun
            EXECUTE FUNCTION reciperun_sums_truncate()')
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
