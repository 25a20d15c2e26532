-- The function and triggers of PostgreSQL that note the datasets whose texts change, as this release needs them.
-- Migration 0025 runs this file, and `flask doctor` compares the database with it. To repair a database, run it with
-- psql, and then `flask datasets index --all`. The rules for functions are at the start of 0018_portable_functions.sql.

CREATE OR REPLACE FUNCTION dataset_search_note() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM set_config('search_path', format('%I, pg_temp', tg_table_schema), true)
    FROM pg_class WHERE oid = tg_relid AND pg_get_userbyid(relowner) = current_user;
    IF NOT FOUND THEN
        RAISE insufficient_privilege USING MESSAGE = 'table dataset and its functions have different owners';
    END IF;
    IF tg_table_name = 'dataset'::name THEN
        INSERT INTO dataset_search_queue (dataset_id) VALUES (NEW.id);
    ELSIF tg_table_name = 'feedstock'::name THEN
        INSERT INTO dataset_search_queue (dataset_id) SELECT id FROM dataset WHERE feedstock_id = NEW.id;
    ELSIF tg_table_name = 'feedstock_metadata'::name AND tg_op = 'DELETE'::text THEN
        INSERT INTO dataset_search_queue (dataset_id) SELECT id FROM dataset WHERE feedstock_id = OLD.feedstock_id;
    ELSIF tg_table_name = 'feedstock_metadata'::name THEN
        INSERT INTO dataset_search_queue (dataset_id) SELECT id FROM dataset WHERE feedstock_id = NEW.feedstock_id;
    ELSIF tg_op = 'DELETE'::text THEN
        INSERT INTO dataset_search_queue (dataset_id) VALUES (OLD.dataset_id);
    ELSE
        INSERT INTO dataset_search_queue (dataset_id) VALUES (NEW.dataset_id);
    END IF;
    RETURN NULL;
END $$;

-- Only the owner may create triggers with this function.
REVOKE EXECUTE ON FUNCTION dataset_search_note() FROM PUBLIC;

-- Create the triggers that are missing or disabled. Nothing locks a table that has all of them.
DO $$
DECLARE
    trigger_name text;
    table_name text;
    definition text;
BEGIN
    FOR trigger_name, table_name, definition IN VALUES
        ('dataset_search_insert', 'dataset', 'AFTER INSERT ON dataset
            FOR EACH ROW EXECUTE FUNCTION dataset_search_note()'),
        ('dataset_search_update', 'dataset', 'AFTER UPDATE ON dataset
            FOR EACH ROW WHEN (
                OLD.feedstock_id <> NEW.feedstock_id OR OLD.recipe_id::text <> NEW.recipe_id::text
                OR OLD.url::text <> NEW.url::text OR OLD.title::text IS DISTINCT FROM NEW.title::text
                OR OLD.description::text IS DISTINCT FROM NEW.description::text
                OR OLD.merged_into IS DISTINCT FROM NEW.merged_into
            ) EXECUTE FUNCTION dataset_search_note()'),
        ('feedstock_search_update', 'feedstock', 'AFTER UPDATE ON feedstock
            FOR EACH ROW WHEN (OLD.spec::text <> NEW.spec::text) EXECUTE FUNCTION dataset_search_note()'),
        ('feedstock_metadata_search_insert', 'feedstock_metadata', 'AFTER INSERT ON feedstock_metadata
            FOR EACH ROW EXECUTE FUNCTION dataset_search_note()'),
        ('feedstock_metadata_search_update', 'feedstock_metadata', 'AFTER UPDATE ON feedstock_metadata
            FOR EACH ROW WHEN (
                OLD.feedstock_id <> NEW.feedstock_id OR OLD.title::text IS DISTINCT FROM NEW.title::text
                OR OLD.description::text IS DISTINCT FROM NEW.description::text
                OR OLD.keywords::text <> NEW.keywords::text
            ) EXECUTE FUNCTION dataset_search_note()'),
        ('feedstock_metadata_search_delete', 'feedstock_metadata', 'AFTER DELETE ON feedstock_metadata
            FOR EACH ROW EXECUTE FUNCTION dataset_search_note()'),
        ('dataset_description_search_insert', 'dataset_description', 'AFTER INSERT ON dataset_description
            FOR EACH ROW EXECUTE FUNCTION dataset_search_note()'),
        ('dataset_description_search_update', 'dataset_description', 'AFTER UPDATE ON dataset_description
            FOR EACH ROW WHEN (
                OLD.variables::text <> NEW.variables::text OR OLD.attributes::text <> NEW.attributes::text
            ) EXECUTE FUNCTION dataset_search_note()'),
        ('dataset_description_search_delete', 'dataset_description', 'AFTER DELETE ON dataset_description
            FOR EACH ROW EXECUTE FUNCTION dataset_search_note()')
    LOOP
        IF NOT EXISTS (
            SELECT FROM pg_trigger WHERE tgname = trigger_name AND tgrelid = table_name::regclass AND tgenabled = 'O'
        ) THEN
            EXECUTE format('DROP TRIGGER IF EXISTS %I ON %I', trigger_name, table_name);
            EXECUTE format('CREATE TRIGGER %I %s', trigger_name, definition);
        END IF;
    END LOOP;
END $$;

-- Give the function to the owner of its tables, if another role has created it or the tables have changed hands.
DO $$
DECLARE
    command text;
BEGIN
    FOR command IN
        SELECT DISTINCT format('ALTER FUNCTION %s OWNER TO %I', tgfoid::regprocedure, pg_get_userbyid(relowner))
        FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid JOIN pg_proc ON pg_proc.oid = tgfoid
        WHERE tgrelid = 'dataset'::regclass AND NOT tgisinternal AND proowner <> relowner
    LOOP
        EXECUTE command;
    END LOOP;
END $$;
