---------------------------------------------------------------------------
-- Snapshot windows
---------------------------------------------------------------------------

-- The library is not needed to write to a table that is stamped.
CREATE FUNCTION @extschema@.rde_stamp() RETURNS trigger
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF TG_WHEN <> 'BEFORE' OR TG_LEVEL <> 'ROW' OR TG_OP NOT IN ('INSERT', 'UPDATE') OR TG_NARGS <> 1 THEN
        RAISE EXCEPTION USING ERRCODE = 'trigger_protocol_violated',
            MESSAGE = 'rde_stamp() must be called by a trigger before each row inserted or updated, with the change column''s name',
            HINT = format('CREATE TRIGGER %I BEFORE INSERT OR UPDATE ON %s FOR EACH ROW EXECUTE FUNCTION @extschema@.rde_stamp(''change'');',
                          TG_NAME, TG_RELID::regclass);
    END IF;
    RETURN jsonb_populate_record(NEW, jsonb_build_object(TG_ARGV[0], pg_current_xact_id()::text));
END
$$;
COMMENT ON FUNCTION @extschema@.rde_stamp() IS
    'trigger function: writes the id of the transaction into the xid8 column it is given the name of. Raises 39P01';

CREATE FUNCTION @extschema@._rde_is_stamped(relation regclass, change name) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT EXISTS (
        SELECT FROM pg_trigger t
        WHERE t.tgrelid = relation AND t.tgenabled IN ('O', 'A')
          AND t.tgfoid = '@extschema@.rde_stamp()'::regprocedure
          AND t.tgargs = convert_to(change::text, getdatabaseencoding()) || '\x00'::bytea);
END;
COMMENT ON FUNCTION @extschema@._rde_is_stamped(regclass, name) IS
    'has a table a trigger that stamps this column?';

CREATE FUNCTION @extschema@._rde_from_elsewhere(source regclass) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found_what text;
BEGIN
    WITH RECURSIVE seen(relation) AS (
        SELECT source::oid
        UNION
        SELECT next.relation
        FROM seen CROSS JOIN LATERAL (
            SELECT i.inhrelid AS relation FROM pg_inherits i WHERE i.inhparent = seen.relation
            UNION ALL
            SELECT d.refobjid FROM pg_rewrite w
            JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid
                AND d.refclassid = 'pg_class'::regclass AND d.refobjid <> seen.relation
            WHERE w.ev_class = seen.relation AND w.rulename = '_RETURN') next)
    SELECT CASE WHEN c.relkind = 'f' THEN format('the rows of foreign table "%s"', c.relname)
                ELSE format('the rows of table "%s", which is replicated,', c.relname) END INTO found_what
    FROM seen s JOIN pg_class c ON c.oid = s.relation
    WHERE c.relkind = 'f' OR EXISTS (SELECT FROM pg_subscription_rel r WHERE r.srrelid = c.oid)
    ORDER BY c.relkind <> 'f', c.relname LIMIT 1;
    RETURN found_what;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_from_elsewhere(regclass) IS
    'which rows that a relation shows, through views, partitions and children, come from another cluster, as a subject of a sentence; NULL if none do';

CREATE FUNCTION @extschema@._rde_check_change_source(source regclass, change name, elsewhere text) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found_class pg_class;
BEGIN
    IF elsewhere IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'wrong_object_type',
            MESSAGE = format('%s cannot have a change column: %s carry transaction ids of another cluster', source, elsewhere),
            HINT = 'Attach it without one: its periods are then those of the period column.';
    END IF;
    SELECT c.* INTO found_class FROM pg_class c WHERE c.oid = source AND c.relkind IN ('r', 'p');
    IF FOUND AND NOT @extschema@._rde_is_stamped(source, change) THEN
        RAISE WARNING USING
            MESSAGE = format('no trigger stamps column "%s" of %s', change, source),
            DETAIL = 'Only rows whose change column holds the id of the transaction that wrote them are reported.',
            HINT = format('CREATE TRIGGER rde_stamp BEFORE INSERT OR UPDATE ON %s FOR EACH ROW EXECUTE FUNCTION @extschema@.rde_stamp(%L);',
                          source, change);
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_check_change_source(regclass, name, text) IS
    'raise 42809 for a source whose rows, as _rde_from_elsewhere() says, come from another cluster, and warn if nothing stamps it';

-- The transaction that creates a generator may write rows afterwards, which its
-- own snapshots count as seen: here it is still running.
CREATE FUNCTION @extschema@._rde_snapshot_now() RETURNS pg_snapshot
    LANGUAGE sql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT format('%s:%s:%s', least(pg_snapshot_xmin(s.snapshot), s.own), pg_snapshot_xmax(s.snapshot),
                  (SELECT string_agg(r.xid::text, ',' ORDER BY r.xid)
                   FROM (SELECT x.xid FROM pg_snapshot_xip(s.snapshot) x(xid)
                         UNION SELECT s.own WHERE s.own < pg_snapshot_xmax(s.snapshot)) r))::pg_snapshot
    FROM (SELECT pg_current_xact_id() AS own, pg_current_snapshot() AS snapshot) s;
END;
COMMENT ON FUNCTION @extschema@._rde_snapshot_now() IS
    'which transactions have committed, this one not being among them';

CREATE FUNCTION @extschema@._rde_move_snapshots(generator uuid, before text[], formats text[]) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    latest @extschema@._rde_generator_snapshot;
BEGIN
    -- An added format goes on where another one is: from there its reports lack
    -- nothing that the other's next one has.  Locked, so that a build that is
    -- about to move it on has ended.
    SELECT s.* INTO latest FROM @extschema@._rde_generator_snapshot s
    WHERE s.generator = _rde_move_snapshots.generator
    ORDER BY s.format = ANY (formats) DESC, s.taken_at DESC, s.format LIMIT 1 FOR SHARE;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    INSERT INTO @extschema@._rde_generator_snapshot (generator, format, snapshot, system_identifier, taken_at)
    SELECT latest.generator, f.format, latest.snapshot, latest.system_identifier, latest.taken_at
    FROM unnest(formats) f(format) WHERE NOT f.format = ANY (before);

    -- What has no snapshot any more cannot be built; one being built now can.
    DELETE FROM @extschema@._rde_report r
    WHERE r.id IN (SELECT u.id FROM @extschema@._rde_report u
                   WHERE u.generator = _rde_move_snapshots.generator AND u.snapshot_window
                     AND u.status <> 'completed' AND NOT u.format = ANY (formats)
                   FOR UPDATE SKIP LOCKED);
    DELETE FROM @extschema@._rde_generator_snapshot s
    WHERE s.generator = _rde_move_snapshots.generator AND NOT s.format = ANY (formats);
END
$$;
COMMENT ON FUNCTION @extschema@._rde_move_snapshots(uuid, text[], text[]) IS
    'the ends of snapshot windows after a generator''s formats have changed';

CREATE FUNCTION @extschema@.rde_rebaseline_generator(generator uuid, keep_window boolean DEFAULT false) RETURNS void
    LANGUAGE C VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'rde_rebaseline_generator';
COMMENT ON FUNCTION @extschema@.rde_rebaseline_generator(uuid, boolean) IS
    'let a generator''s next snapshot window begin now, as after a restore into another cluster; keep_window, after pg_upgrade, goes on where the last one ended. Raises 22004, 42704, 55000';

