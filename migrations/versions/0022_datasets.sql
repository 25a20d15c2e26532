-- The functions and triggers of PostgreSQL that keep the table of datasets up to date, as this release needs them.
-- Migration 0022 runs this file, and `flask doctor` compares the database with it. To repair a database, run it with
-- psql. The rules for functions are at the start of 0018_portable_functions.sql.

-- Update the datasets of runs that have changed. `keys` are the keys of the datasets, each with the lowest id of these
-- runs and the change of the number of builds.
CREATE OR REPLACE FUNCTION dataset_refresh(keys jsonb) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    touched integer[];
BEGIN
    -- The order prevents deadlocks of two statements. A conflict waits until the other transaction ends, and locks the
    -- row. So the next statement, which has a new snapshot, reads the runs of both.
    WITH changed AS (
        SELECT * FROM jsonb_to_recordset(keys) AS of (
            feedstock_id integer, recipe_id varchar, dataset_type varchar, is_test boolean, run_id integer,
            change integer
        )
    ), kept AS (
        INSERT INTO dataset (
            id, feedstock_id, recipe_id, dataset_type, is_test, url, first_build, last_build, build_count
        )
        SELECT
            CASE WHEN EXISTS (SELECT FROM dataset WHERE id = changed.run_id)
                THEN nextval(pg_get_serial_sequence('reciperun'::text, 'id'::text)::regclass)::integer
                ELSE changed.run_id END,
            feedstock_id, recipe_id, dataset_type, is_test, '', '0001-01-01', '0001-01-01', change
        FROM changed
        ORDER BY feedstock_id, recipe_id, dataset_type, is_test
        ON CONFLICT (feedstock_id, recipe_id, COALESCE(dataset_type, ''::varchar), is_test)
            WHERE merged_into IS NULL
        DO UPDATE SET build_count = dataset.build_count + excluded.build_count
        RETURNING id
    )
    SELECT pg_catalog.array_agg(id) INTO touched FROM kept;
    WITH before AS (
        SELECT id, run_id, url, builds.*
        FROM dataset CROSS JOIN LATERAL (
            SELECT least(typed.first_id, untyped.first_id) AS first_id, greatest(typed.last_id, untyped.last_id) AS last_id
            FROM (
                SELECT pg_catalog.min(run.id) AS first_id, pg_catalog.max(run.id) AS last_id FROM reciperun AS run
                WHERE run.feedstock_id = dataset.feedstock_id AND run.recipe_id::text = dataset.recipe_id::text
                AND run.dataset_type::text = dataset.dataset_type::text AND run.is_test = dataset.is_test
                AND run.status::text = 'completed'::text AND run.conclusion::text = 'success'::text
                AND run.dataset_public_url IS NOT NULL
            ) AS typed, (
                SELECT pg_catalog.min(run.id) AS first_id, pg_catalog.max(run.id) AS last_id FROM reciperun AS run
                WHERE dataset.dataset_type IS NULL
                AND run.feedstock_id = dataset.feedstock_id AND run.recipe_id::text = dataset.recipe_id::text
                AND run.dataset_type IS NULL AND run.is_test = dataset.is_test
                AND run.status::text = 'completed'::text AND run.conclusion::text = 'success'::text
                AND run.dataset_public_url IS NOT NULL
            ) AS untyped
        ) AS builds
        WHERE id = ANY (touched)
    ), after AS (
        UPDATE dataset SET
            run_id = newest.id,
            url = coalesce(newest.dataset_public_url, dataset.url),
            snapshot_id = CASE WHEN newest.id IS NULL THEN dataset.snapshot_id ELSE newest.snapshot_id END,
            bakery_id = coalesce(newest.bakery_id, dataset.bakery_id),
            first_build = coalesce(oldest.started_at, dataset.first_build),
            last_build = coalesce(newest.started_at, dataset.last_build),
            withdrawn_at = CASE WHEN newest.id IS NULL
                THEN coalesce(dataset.withdrawn_at, timezone('utc'::text, now())) END
        FROM before
        LEFT JOIN reciperun AS oldest ON oldest.id = before.first_id
        LEFT JOIN reciperun AS newest ON newest.id = before.last_id
        WHERE dataset.id = before.id
        RETURNING dataset.id, dataset.run_id, dataset.url
    )
    INSERT INTO dataset_event (dataset_id, at, run_id, url, replaced_run_id, replaced_url)
    SELECT id, timezone('utc'::text, now()), after.run_id, CASE WHEN after.run_id IS NOT NULL THEN after.url END,
        before.run_id, nullif(before.url::text, ''::text)
    FROM after JOIN before USING (id)
    WHERE after.run_id IS DISTINCT FROM before.run_id
    OR (after.run_id IS NOT NULL AND after.url::text <> before.url::text);
END $$;

CREATE OR REPLACE FUNCTION dataset_insert() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    keys jsonb;
BEGIN
    PERFORM set_config('search_path', format('%I, pg_temp', tg_table_schema), true)
    FROM pg_class WHERE oid = tg_relid AND pg_get_userbyid(relowner) = current_user;
    IF NOT FOUND THEN
        RAISE insufficient_privilege USING MESSAGE = 'table reciperun and its functions have different owners';
    END IF;
    WITH published AS (
        SELECT *, 1 AS change FROM new_runs
        WHERE status::text = 'completed'::text AND conclusion::text = 'success'::text
        AND dataset_public_url IS NOT NULL
    ), changed AS (
        SELECT feedstock_id, recipe_id, dataset_type, is_test, id, sum(change)::integer AS change FROM published
        GROUP BY feedstock_id, recipe_id, dataset_type, is_test, id, dataset_public_url, bakery_id, started_at,
            snapshot_id
        HAVING sum(change) <> 0
    ), keyed AS (
        SELECT feedstock_id, recipe_id, dataset_type, is_test, pg_catalog.min(id) AS run_id,
            sum(change)::integer AS change
        FROM changed GROUP BY feedstock_id, recipe_id, dataset_type, is_test
    )
    SELECT pg_catalog.jsonb_agg(keyed) INTO keys FROM keyed;
    IF keys IS NOT NULL THEN
        PERFORM dataset_refresh(keys);
    END IF;
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION dataset_delete() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    keys jsonb;
BEGIN
    PERFORM set_config('search_path', format('%I, pg_temp', tg_table_schema), true)
    FROM pg_class WHERE oid = tg_relid AND pg_get_userbyid(relowner) = current_user;
    IF NOT FOUND THEN
        RAISE insufficient_privilege USING MESSAGE = 'table reciperun and its functions have different owners';
    END IF;
    WITH published AS (
        SELECT *, -1 AS change FROM old_runs
        WHERE status::text = 'completed'::text AND conclusion::text = 'success'::text
        AND dataset_public_url IS NOT NULL
    ), changed AS (
        SELECT feedstock_id, recipe_id, dataset_type, is_test, id, sum(change)::integer AS change FROM published
        GROUP BY feedstock_id, recipe_id, dataset_type, is_test, id, dataset_public_url, bakery_id, started_at,
            snapshot_id
        HAVING sum(change) <> 0
    ), keyed AS (
        SELECT feedstock_id, recipe_id, dataset_type, is_test, pg_catalog.min(id) AS run_id,
            sum(change)::integer AS change
        FROM changed GROUP BY feedstock_id, recipe_id, dataset_type, is_test
    )
    SELECT pg_catalog.jsonb_agg(keyed) INTO keys FROM keyed;
    IF keys IS NOT NULL THEN
        PERFORM dataset_refresh(keys);
    END IF;
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION dataset_update() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    keys jsonb;
BEGIN
    PERFORM set_config('search_path', format('%I, pg_temp', tg_table_schema), true)
    FROM pg_class WHERE oid = tg_relid AND pg_get_userbyid(relowner) = current_user;
    IF NOT FOUND THEN
        RAISE insufficient_privilege USING MESSAGE = 'table reciperun and its functions have different owners';
    END IF;
    WITH published AS (
        SELECT *, 1 AS change FROM new_runs
        WHERE status::text = 'completed'::text AND conclusion::text = 'success'::text
        AND dataset_public_url IS NOT NULL
        UNION ALL
        SELECT *, -1 AS change FROM old_runs
        WHERE status::text = 'completed'::text AND conclusion::text = 'success'::text
        AND dataset_public_url IS NOT NULL
    ), changed AS (
        SELECT feedstock_id, recipe_id, dataset_type, is_test, id, sum(change)::integer AS change FROM published
        GROUP BY feedstock_id, recipe_id, dataset_type, is_test, id, dataset_public_url, bakery_id, started_at,
            snapshot_id
        HAVING sum(change) <> 0
    ), keyed AS (
        SELECT feedstock_id, recipe_id, dataset_type, is_test, pg_catalog.min(id) AS run_id,
            sum(change)::integer AS change
        FROM changed GROUP BY feedstock_id, recipe_id, dataset_type, is_test
    )
    SELECT pg_catalog.jsonb_agg(keyed) INTO keys FROM keyed;
    IF keys IS NOT NULL THEN
        PERFORM dataset_refresh(keys);
    END IF;
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION dataset_truncate() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM set_config('search_path', format('%I, pg_temp', tg_table_schema), true)
    FROM pg_class WHERE oid = tg_relid AND pg_get_userbyid(relowner) = current_user;
    IF NOT FOUND THEN
        RAISE insufficient_privilege USING MESSAGE = 'table reciperun and its functions have different owners';
    END IF;
    INSERT INTO dataset_event (dataset_id, at, run_id, url, replaced_run_id, replaced_url)
    SELECT id, timezone('utc'::text, now()), NULL, NULL, run_id, url FROM dataset WHERE run_id IS NOT NULL;
    UPDATE dataset SET run_id = NULL, build_count = 0, withdrawn_at = timezone('utc'::text, now())
    WHERE run_id IS NOT NULL;
    RETURN NULL;
END $$;

-- Only the owner may create triggers with these functions.
REVOKE EXECUTE ON FUNCTION dataset_insert(), dataset_delete(), dataset_update(), dataset_truncate() FROM PUBLIC;

-- Create the triggers that are missing or disabled. Nothing locks a table that has all of them.
DO $$
DECLARE
    trigger_name text;
    table_name text;
    definition text;
BEGIN
    FOR trigger_name, table_name, definition IN VALUES
        ('reciperun_dataset_insert', 'reciperun', 'AFTER INSERT ON reciperun
            REFERENCING NEW TABLE AS new_runs EXECUTE FUNCTION dataset_insert()'),
        ('reciperun_dataset_delete', 'reciperun', 'AFTER DELETE ON reciperun
            REFERENCING OLD TABLE AS old_runs EXECUTE FUNCTION dataset_delete()'),
        ('reciperun_dataset_update', 'reciperun', 'AFTER UPDATE ON reciperun
            REFERENCING NEW TABLE AS new_runs OLD TABLE AS old_runs EXECUTE FUNCTION dataset_update()'),
        ('reciperun_dataset_truncate', 'reciperun', 'AFTER TRUNCATE ON reciperun
            EXECUTE FUNCTION dataset_truncate()')
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
