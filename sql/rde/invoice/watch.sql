---------------------------------------------------------------------------
-- Tables of invoices: watch, unwatch
---------------------------------------------------------------------------

-- Nothing decides about a row there but the table itself: it has its columns and no
-- other, no check, no index, no trigger of somebody's.  Volatile, so that it sees what
-- is committed now: billing's statement may have waited for whoever altered the table.
CREATE FUNCTION @extschema@._rde_check_events(events regclass) RETURNS boolean
    LANGUAGE plpgsql VOLATILE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
    SET quote_all_identifiers = off
AS $$
DECLARE
    plain boolean;
    had_more boolean;
BEGIN
    -- Each column is given a value that is not NULL: defaults and NOT NULL do not matter.
    SELECT c.relkind = 'r' AND c.relchecks = 0 AND NOT c.relrowsecurity AND NOT c.relispartition
           AND ARRAY(SELECT format('%s %s%s', a.attname, a.atttypid::regtype, a.attgenerated) FROM pg_attribute a
                     WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attname)
               = '{dataset text,happened_at timestamp with time zone,invoice text,reseller text}',
           c.relhasindex OR c.relhastriggers OR c.relhasrules
    INTO STRICT plain, had_more
    FROM pg_class c WHERE c.oid = events;
    IF plain AND had_more THEN
        -- they may have been dropped
        RETURN NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = events)
               AND NOT EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = events)
               AND NOT EXISTS (SELECT FROM pg_rewrite r WHERE r.ev_class = events);
    END IF;
    RETURN plain;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_check_events(regclass) IS
    'whether nothing but a full disk can refuse the row that records an invoice';

-- It is declared as if it read nothing, so that the planner asks it, and not whoever
-- runs the plan: what it looks at is in the relation cache, and when that changes each
-- plan that names the table is made anew, if only as an argument of this function.
CREATE FUNCTION @extschema@._rde_events_are_plain(events regclass) RETURNS boolean
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN @extschema@._rde_check_events(events);
END
$$;
COMMENT ON FUNCTION @extschema@._rde_events_are_plain(regclass) IS
    'what _rde_check_events says, for plans: asked when one is made, and again when the table was altered';

-- A watched table gets a trigger function of its own: a statement that names its
-- columns is planned once per session, where one put together at run time costs
-- billing more to plan than to run.  It runs in billing's transactions with the
-- rights of the extension's owner, so
--   * it does what core can do and nothing else: the library may be gone;
--   * values become text by concat(), which calls the output functions of types
--     and no casts: anybody may write a cast, only superusers an output function;
--   * every function, operator and type is written with its schema, for pinning
--     the path costs as much time as all the rest;
--   * it matches nothing and wakes nobody;
--   * it returns NEW, which is NULL there: NULL itself would be an expression;
--   * whatever can fail is done in a block where that is a warning, and billing's
--     statement goes on. What succeeds in there inserts nothing: a subtransaction that
--     inserts gets an id, and a transaction with more than 64 of them makes everybody's
--     snapshots dear. So the lock is taken in a block, and only if something could
--     refuse the rows they are inserted there, too. Else comes an INSERT that cannot
--     fail: if a column of the watched table is gone, it inserts none and says so.
CREATE FUNCTION @extschema@._rde_recorder_body(
    relation regclass, datasets text[], reseller name, invoice name, when_column name, when_value text
) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    events CONSTANT text := 'SELECT d.dataset, e.reseller, e.invoice FROM %s (%s) e(reseller, invoice, counts),'
        ' (VALUES %s) d(dataset) WHERE e.counts';
    names CONSTANT text := (SELECT string_agg(format('(%L::pg_catalog.text)', n.name), ', ' ORDER BY n.name)
                            FROM unnest(datasets) n(name));
    of_new_rows CONSTANT text := format(events, '', @extschema@._rde_recorded_texts(
        relation, reseller, invoice, when_column, when_value, 'new_rows r', 'r.'), names);
    of_old_rows CONSTANT text := format(events, '', @extschema@._rde_recorded_texts(
        relation, reseller, invoice, when_column, when_value, 'old_rows r', 'r.'), names);
    -- A column that a row does not have is looked for further out; one that it has costs
    -- nothing there.
    if_present CONSTANT text := format(events, format('new_rows n, (SELECT %s) absent, LATERAL', (
        SELECT string_agg(DISTINCT format('(SELECT @extschema@._rde_column_gone(%L, %L)) AS %I', relation, c.name, c.name), ', ')
        FROM unnest(ARRAY[reseller, invoice, when_column]) c(name) WHERE c.name IS NOT NULL)),
        @extschema@._rde_recorded_texts(
            relation, reseller, invoice, when_column, when_value, '(SELECT n.*) present', ''), names);
    -- 1 gathers the rows that 2 and 3 select
    body CONSTANT text := $part$
    <<contained>>
    BEGIN%1$s
        LOCK TABLE ONLY @extschema@._rde_invoice_event IN ROW EXCLUSIVE MODE;
        IF @extschema@._rde_events_are_plain('@extschema@._rde_invoice_event'::pg_catalog.regclass) THEN
            EXIT contained;
        END IF;
        INSERT INTO @extschema@._rde_invoice_event (dataset, reseller, invoice, happened_at)
        SELECT e.*, pg_catalog.clock_timestamp() FROM (%3$s) e;
        RETURN NEW;
    EXCEPTION WHEN OTHERS THEN
        RAISE WARNING USING ERRCODE = SQLSTATE,
            MESSAGE = pg_catalog.format('invoices of %%s could not be recorded for their reports: %%s',
                                        TG_RELID::pg_catalog.regclass, SQLERRM),
            DETAIL = 'The statement goes on. The daily sweep or rde_sweep_invoices() submits their reports.',
            HINT = 'If the table was altered, watch it again with rde_watch_invoices().';
        RETURN NEW;
    END;
    INSERT INTO @extschema@._rde_invoice_event (dataset, reseller, invoice, happened_at)
    SELECT e.*, pg_catalog.clock_timestamp() FROM (%2$s) e;
    RETURN NEW;$part$;
    gathered CONSTANT text := 'SELECT e.dataset, e.reseller, e.invoice FROM ROWS FROM (pg_catalog.unnest(rde_datasets),'
        ' pg_catalog.unnest(rde_resellers), pg_catalog.unnest(rde_invoices)) e(dataset, reseller, invoice)';
    inserted CONSTANT text := format(body, '', if_present, of_new_rows);
    updated CONSTANT text := format(body, format($part$
        SELECT pg_catalog.array_agg(e.dataset), pg_catalog.array_agg(e.reseller), pg_catalog.array_agg(e.invoice)
        INTO rde_datasets, rde_resellers, rde_invoices
        FROM (%s EXCEPT %s) e(dataset, reseller, invoice);
        IF rde_datasets IS NULL THEN
            RETURN NEW;
        END IF;$part$, of_new_rows, of_old_rows), gathered, gathered);
BEGIN
    IF when_column IS NULL THEN
        RETURN format(E'\n#variable_conflict use_column\nBEGIN%s\nEND\n', inserted);
    END IF;
    RETURN format($body$
#variable_conflict use_column
DECLARE
    rde_datasets pg_catalog.text[];
    rde_resellers pg_catalog.text[];
    rde_invoices pg_catalog.text[];
BEGIN
    IF TG_OP OPERATOR(pg_catalog.=) 'INSERT' THEN%s
    END IF;%s
END
$body$, inserted, updated);
END
$$;
COMMENT ON FUNCTION @extschema@._rde_recorder_body(regclass, text[], name, name, name, text) IS
    'the body of a watched table''s trigger function, which records the invoices a statement made';

CREATE FUNCTION @extschema@._rde_column_gone(relation text, column_name text) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE WARNING USING ERRCODE = 'undefined_column',
        MESSAGE = format('invoices of %s could not be recorded for their reports: column "%s" does not exist', relation, column_name),
        DETAIL = 'The statement goes on. The daily sweep or rde_sweep_invoices() submits their reports.',
        HINT = 'If the table was altered, watch it again with rde_watch_invoices().';
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_column_gone(text, text) IS
    'NULL for a column that invoices of a watched table had when it was watched, with a warning';

-- A row without reseller or number is no invoice.
CREATE FUNCTION @extschema@._rde_recorded_texts(
    relation regclass, reseller name, invoice name, when_column name, when_value text, source text, qualifier text
) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    WITH text AS (
        -- char(n) without its padding, as a cast to text would be
        SELECT a.attname AS name, qualifier || quote_ident(a.attname) AS value,
               format(CASE WHEN @extschema@._rde_base_type(a.atttypid) = 'bpchar'::regtype
                           THEN 'pg_catalog.rtrim(pg_catalog.concat(%s%I))' ELSE 'pg_catalog.concat(%s%I)' END,
                      qualifier, a.attname) AS text
        FROM pg_attribute a WHERE a.attrelid = relation AND a.attname IN (reseller, invoice, when_column))
    SELECT format('SELECT %s, %s, %s IS NOT NULL AND %s IS NOT NULL%s FROM %s', r.text, i.text, r.value, i.value,
                  CASE WHEN w.name IS NOT NULL
                       THEN format(' AND %s IS NOT NULL AND %s OPERATOR(pg_catalog.=) %L', w.value, w.text, when_value) END,
                  source)
    FROM text r JOIN text i ON i.name = invoice LEFT JOIN text w ON w.name = when_column
    WHERE r.name = reseller;
END;
COMMENT ON FUNCTION @extschema@._rde_recorded_texts(regclass, name, name, name, text, text, text) IS
    'a SELECT of reseller and number of rows, as text, and whether each is an invoice; it calls nothing a user wrote, whatever the columns'' types';

CREATE FUNCTION @extschema@._rde_table_tree(root regclass) RETURNS SETOF regclass
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 10
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    WITH RECURSIVE tree(relation) AS (
        SELECT root::oid
        UNION
        SELECT i.inhrelid FROM tree t JOIN pg_inherits i ON i.inhparent = t.relation)
    SELECT t.relation::regclass FROM tree t;
END;
COMMENT ON FUNCTION @extschema@._rde_table_tree(regclass) IS
    'a table with its partitions, or the tables that inherit from it, of all levels';

CREATE FUNCTION @extschema@._rde_check_watchable(relation regclass) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    class pg_class;
    member record;
    reason text;
    advice text;
BEGIN
    IF relation IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed',
            MESSAGE = 'relation, reseller and invoice must not be null',
            HINT = 'Say rde_watch_invoices(''shop.invoice'', ''reseller_id'', ''invoice_id'').';
    END IF;
    SELECT c.* INTO class FROM pg_class c WHERE c.oid = relation;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'undefined_table',
            MESSAGE = format('relation with OID %s does not exist', relation::oid);
    END IF;
    IF NOT @extschema@._rde_callers_have(class.relowner) THEN
        RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege',
            MESSAGE = format('must have the rights of the owner of %s to watch it', relation),
            HINT = format('It gets a trigger. Ask %s, or a superuser.', pg_get_userbyid(class.relowner));
    END IF;

    IF class.relkind = 'f' THEN
        reason := 'It is a foreign table.';
        advice := 'Rows that reach its server otherwise fire no trigger here: make daily reports, or watch the table there.';
    ELSIF class.relkind NOT IN ('r', 'p') THEN
        reason := 'It is not a table.';
        advice := 'Watch the table that rows of invoices are inserted into.';
    ELSIF class.relpersistence = 't' THEN
        reason := 'It is a temporary table.';
        advice := 'Watch a permanent table.';
    ELSIF class.oid = '@extschema@._rde_invoice_event'::regclass THEN
        reason := 'It is where invoices of watched tables are recorded.';
        advice := 'Watch the table of invoices.';
    ELSIF class.relispartition THEN
        reason := 'It is a partition.';
        advice := format('Watch %s, with all its partitions.',
                         (SELECT p.relid FROM pg_partition_ancestors(relation) WITH ORDINALITY p(relid, n)
                          ORDER BY p.n DESC LIMIT 1));
    ELSE
        FOR member IN
            SELECT t.relation, c.relkind, s.subname
            FROM @extschema@._rde_table_tree(relation) t(relation)
            JOIN pg_class c ON c.oid = t.relation
            LEFT JOIN pg_subscription_rel r ON r.srrelid = t.relation
            LEFT JOIN pg_subscription s ON s.oid = r.srsubid
            WHERE c.relkind = 'f' OR s.oid IS NOT NULL
            ORDER BY t.relation::text LIMIT 1
        LOOP
            IF member.relkind = 'f' THEN
                reason := format('%s is a foreign table.', member.relation);
                advice := 'Rows that reach its server otherwise fire no trigger here: make daily reports, or watch the tables there.';
            ELSE
                reason := format('Subscription "%s" writes to %s, and what it writes fires no trigger for statements.',
                                 member.subname, member.relation);
                advice := 'Make daily reports, or watch the table in the database that publishes it.';
            END IF;
        END LOOP;
    END IF;
    IF reason IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'wrong_object_type',
            MESSAGE = format('%s cannot be watched for invoices', relation), DETAIL = reason, HINT = advice;
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_check_watchable(regclass) IS
    'raise 42501 or 42809 for a table the caller may not watch, or whose rows come without firing triggers';

CREATE FUNCTION @extschema@._rde_when_value(relation regclass, when_column name, when_value text) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    type pg_type;
    spelled text;
BEGIN
    SELECT b.* INTO type FROM pg_attribute a
    JOIN pg_type b ON b.oid = @extschema@._rde_base_type(a.atttypid)
    WHERE a.attrelid = relation AND a.attname = when_column;
    -- Their values are spelled in one way each, and read by core alone.
    IF type.typtype <> 'e' AND NOT type.oid = ANY
        ('{int2,int4,int8,bool,text,varchar,bpchar,name,uuid}'::regtype[]::oid[]) THEN
        RAISE EXCEPTION USING ERRCODE = 'datatype_mismatch',
            MESSAGE = format('column "%s" of %s is of type %s and cannot be used as when_column',
                             when_column, relation, type.oid::regtype),
            DETAIL = 'Expected is text, an enum, boolean, an integer or uuid.',
            HINT = 'Name the column of the invoice''s state, such as when_column => ''status'', when_value => ''issued''.';
    END IF;
    -- No name of a type is looked up: it may be another's by now, and the cast
    -- would run with these rights.
    CASE type.oid
        WHEN 'int2'::regtype THEN spelled := when_value::int2;
        WHEN 'int4'::regtype THEN spelled := when_value::int4;
        WHEN 'int8'::regtype THEN spelled := when_value::int8;
        WHEN 'bool'::regtype THEN spelled := concat(when_value::bool);
        WHEN 'uuid'::regtype THEN spelled := when_value::uuid;
        WHEN 'name'::regtype THEN spelled := when_value::name;
        WHEN 'bpchar'::regtype THEN spelled := rtrim(when_value);
        WHEN 'text'::regtype, 'varchar'::regtype THEN spelled := when_value;
        ELSE
            SELECT e.enumlabel INTO spelled FROM pg_enum e
            WHERE e.enumtypid = type.oid AND e.enumlabel = when_value;
            IF when_value IS NOT NULL AND NOT FOUND THEN
                RAISE invalid_text_representation;
            END IF;
    END CASE;
    RETURN spelled;
EXCEPTION
    WHEN invalid_text_representation OR numeric_value_out_of_range THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('when_value "%s" is no value of column "%s" of %s', when_value, when_column, relation),
            DETAIL = format('The column is of type %s.', type.oid::regtype);
END
$$;
COMMENT ON FUNCTION @extschema@._rde_when_value(regclass, name, text) IS
    'a value as the column''s type spells it; raises 42804 or 22023';

CREATE FUNCTION @extschema@._rde_invoice_datasets(datasets text[]) RETURNS text[]
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    fitting CONSTANT text[] := ARRAY(SELECT s.dataset FROM @extschema@._rde_source s
                                     WHERE s.invoice_column IS NOT NULL ORDER BY s.dataset);
    missing text;
BEGIN
    IF datasets IS NULL AND cardinality(fitting) = 1 THEN
        RETURN fitting;
    END IF;
    IF datasets IS NULL OR cardinality(datasets) = 0 OR array_position(datasets, NULL) IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = CASE WHEN cardinality(fitting) = 0 THEN 'no data set has an invoice column'
                           ELSE 'it must be said which data sets are about the invoices of this table' END,
            HINT = CASE WHEN cardinality(fitting) = 0
                        THEN 'Attach one first: rde_attach(''provisioned_orders'', ..., invoice => ''invoice_id'').'
                        ELSE format('Say datasets => ''{%s}'', or those of them whose rows are on these invoices.',
                                    array_to_string(fitting, ',')) END;
    END IF;
    SELECT d.name INTO missing FROM unnest(datasets) d(name) WHERE NOT d.name = ANY (fitting) LIMIT 1;
    IF FOUND THEN
        PERFORM @extschema@._rde_find_dataset(missing);
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('data set "%s" has no invoice column', missing),
            HINT = format('Name the column that says which invoice a row is on: rde_attach(''%s'', ..., invoice => ''invoice_id'').',
                          missing);
    END IF;
    RETURN ARRAY(SELECT DISTINCT d.name FROM unnest(datasets) d(name) ORDER BY d.name);
END
$$;
COMMENT ON FUNCTION @extschema@._rde_invoice_datasets(text[]) IS
    'the data sets a watched table is for: those named, else the only one with an invoice column; raises 42704 or 55000';

CREATE FUNCTION @extschema@.rde_watch_invoices(
    relation    regclass,
    reseller    name,
    invoice     name,
    when_column name DEFAULT NULL,
    when_value  text DEFAULT NULL,
    datasets    text[] DEFAULT NULL
) RETURNS void
    LANGUAGE rde_definer VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    SET quote_all_identifiers = off
AS $$
DECLARE
    function_name name;
    recorder regprocedure;
    member regclass;
    replaced boolean;
BEGIN
    PERFORM @extschema@._rde_refuse_account();
    PERFORM @extschema@._rde_check_watchable(relation);
    IF reseller IS NULL OR invoice IS NULL THEN
        PERFORM @extschema@._rde_check_watchable(NULL::regclass);
    END IF;
    IF (when_column IS NULL) <> (when_value IS NULL) THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed',
            MESSAGE = 'when_column and when_value go together',
            HINT = 'Say when_column => ''status'', when_value => ''issued'', or leave both out to count every row.';
    END IF;
    reseller := @extschema@._rde_role_column(relation, 'reseller', reseller::text, 'reseller');
    invoice := @extschema@._rde_role_column(relation, 'invoice', invoice::text, 'integer');
    when_column := @extschema@._rde_role_column(relation, 'when_column', when_column::text, 'any');
    IF when_column IS NOT NULL THEN
        when_value := @extschema@._rde_when_value(relation, when_column, when_value);
    END IF;

    datasets := @extschema@._rde_invoice_datasets(datasets);

    -- What CREATE TRIGGER needs, for all its partitions at once and before they
    -- are looked up: none is added in between.
    EXECUTE format('LOCK TABLE %s IN SHARE ROW EXCLUSIVE MODE', relation);
    PERFORM @extschema@._rde_check_watchable(relation);

    SELECT p.proname INTO function_name
    FROM @extschema@._rde_invoice_watch w
    JOIN pg_proc p ON p.proname = w.recorder AND p.pronamespace = '@extschema@'::regnamespace
        AND p.proowner = current_user::regrole
    WHERE w.relation = rde_watch_invoices.relation;
    replaced := FOUND;
    IF NOT replaced THEN
        -- one of another owner's, as after a restore, with its triggers
        PERFORM @extschema@._rde_drop_watch(relation);
        function_name := '_rde_recorder_' || left(md5(gen_random_uuid()::text), 12);
    END IF;
    EXECUTE format('CREATE %s FUNCTION @extschema@.%I() RETURNS trigger'
                   ' LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER AS %L',
                   CASE WHEN replaced THEN 'OR REPLACE' ELSE '' END, function_name,
                   @extschema@._rde_recorder_body(relation, datasets, reseller, invoice, when_column, when_value));
    recorder := format('@extschema@.%I()', function_name);
    PERFORM @extschema@._rde_revoke_grants('pg_proc'::regclass::oid, recorder::oid);
    -- each time, for CREATE OR REPLACE forgets it
    EXECUTE format('ALTER FUNCTION %s DEPENDS ON EXTENSION rde', recorder);
    EXECUTE format('COMMENT ON FUNCTION %s IS %L', recorder, format('records the invoices of %s for their reports', relation));

    FOR member IN SELECT t FROM @extschema@._rde_table_tree(relation) t ORDER BY t LOOP
        PERFORM @extschema@._rde_set_trigger(member, 'rde_invoice_insert'::name, recorder,
            'AFTER INSERT ON %s REFERENCING NEW TABLE AS new_rows', true);
        PERFORM @extschema@._rde_set_trigger(member, 'rde_invoice_update'::name, recorder,
            'AFTER UPDATE ON %s REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows', when_column IS NOT NULL);
    END LOOP;

    INSERT INTO @extschema@._rde_invoice_watch AS w
        (relation, datasets, reseller_column, invoice_column, when_column, when_value, recorder)
    VALUES (relation, datasets, reseller, invoice, when_column, when_value, function_name)
    ON CONFLICT ON CONSTRAINT _rde_invoice_watch_pkey DO UPDATE
        SET datasets = EXCLUDED.datasets, reseller_column = EXCLUDED.reseller_column, invoice_column = EXCLUDED.invoice_column,
            when_column = EXCLUDED.when_column, when_value = EXCLUDED.when_value, recorder = EXCLUDED.recorder;
END
$$;
COMMENT ON FUNCTION @extschema@.rde_watch_invoices(regclass, name, name, name, text, text[]) IS
    'make the rows of a table events for reports on invoice, of the data sets named or the only one with an invoice column: each new row, or with when_* each that is given that value; needs the rights of the table''s owner. Watching again covers partitions added since. Raises 22004, 22023, 42501, 42703, 42704, 42804, 42809, 55000';

CREATE FUNCTION @extschema@._rde_set_trigger(
    relation regclass, name name, function regprocedure, definition text, wanted boolean
) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    SET quote_all_identifiers = off
AS $$
DECLARE
    present CONSTANT boolean := EXISTS (
        SELECT FROM pg_trigger t
        WHERE t.tgrelid = relation AND t.tgname = name AND t.tgfoid = function::oid);
BEGIN
    IF wanted AND NOT present THEN
        EXECUTE format('CREATE TRIGGER %I %s FOR EACH STATEMENT EXECUTE FUNCTION %s',
                       name, format(definition, relation), function);
    ELSIF present AND NOT wanted THEN
        EXECUTE format('DROP TRIGGER %I ON %s', name, relation);
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_set_trigger(regclass, name, regprocedure, text, boolean) IS
    'create a trigger that a table does not have and should, or drop one that it has and should not';

CREATE FUNCTION @extschema@.rde_unwatch_invoices(relation regclass) RETURNS void
    LANGUAGE rde_definer VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    SET quote_all_identifiers = off
AS $$
DECLARE
    owner oid;
BEGIN
    PERFORM @extschema@._rde_refuse_account();
    IF relation IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'relation must not be null';
    END IF;
    IF NOT EXISTS (SELECT FROM @extschema@._rde_invoice_watch w WHERE w.relation = rde_unwatch_invoices.relation) THEN
        RAISE EXCEPTION USING ERRCODE = 'undefined_object',
            MESSAGE = format('%s is not watched for invoices', relation),
            HINT = 'The view rde_invoice_watches lists the tables that are.';
    END IF;
    SELECT c.relowner INTO owner FROM pg_class c WHERE c.oid = relation;
    IF NOT @extschema@._rde_callers_have(owner) THEN
        RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege',
            MESSAGE = format('must have the rights of the owner of %s to stop watching it', relation),
            HINT = format('Ask %s, or a superuser.', pg_get_userbyid(owner));
    END IF;
    PERFORM @extschema@._rde_drop_watch(relation);
END
$$;
COMMENT ON FUNCTION @extschema@.rde_unwatch_invoices(regclass) IS
    'make the rows of a table events no longer; what was recorded before is still reported. Raises 42501, 42704';

CREATE FUNCTION @extschema@._rde_drop_watch(relation regclass) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    SET client_min_messages = warning
AS $$
DECLARE
    recorder name;
BEGIN
    DELETE FROM @extschema@._rde_invoice_watch w WHERE w.relation = _rde_drop_watch.relation
    RETURNING w.recorder INTO recorder;
    IF FOUND THEN
        -- its triggers go with it, those of partitions that were detached too
        EXECUTE format('DROP FUNCTION IF EXISTS @extschema@.%I() CASCADE', recorder);
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_drop_watch(regclass) IS
    'forget a watched table, which may be gone, with its triggers';
