---------------------------------------------------------------------------
-- What belongs to what
---------------------------------------------------------------------------

-- There are no foreign keys: they exist before the data of a dump is loaded, and
-- pg_restore -j loads it in any order.  Who inserts locks what the row belongs to,
-- these triggers take along what belongs to a row that is deleted, and rde_health
-- finds what is left over.

CREATE FUNCTION @extschema@._rde_deleted() RETURNS trigger
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    CASE TG_TABLE_NAME
        WHEN '_rde_dataset' THEN
            DELETE FROM @extschema@._rde_view v USING deleted d WHERE v.dataset = d.name;
            DELETE FROM @extschema@._rde_source s USING deleted d WHERE s.dataset = d.name;
            DELETE FROM @extschema@._rde_source_failure f USING deleted d WHERE f.dataset = d.name;
        WHEN '_rde_view' THEN
            DELETE FROM @extschema@._rde_view_column c USING deleted d WHERE c.view = d.id;
            DELETE FROM @extschema@._rde_view_condition c USING deleted d WHERE c.view = d.id;
        WHEN '_rde_source' THEN
            DELETE FROM @extschema@._rde_source_column c USING deleted d WHERE c.dataset = d.dataset;
            DELETE FROM @extschema@._rde_watermark w USING deleted d WHERE w.dataset = d.dataset;
        WHEN '_rde_account' THEN
            DELETE FROM @extschema@._rde_token t USING deleted d WHERE t.account = d.id;
            DELETE FROM @extschema@._rde_on_invoice_off o USING deleted d WHERE d.id IN (o.account, o.child);
            DELETE FROM @extschema@._rde_asked q USING deleted d WHERE q.account = d.id;
            DELETE FROM @extschema@._rde_request q USING deleted d WHERE q.account = d.id;
        WHEN '_rde_generator' THEN
            DELETE FROM @extschema@._rde_generator_snapshot s USING deleted d WHERE s.generator = d.id;
        WHEN '_rde_report' THEN
            DELETE FROM @extschema@._rde_report_chunk c USING deleted d WHERE c.report = d.id;
            DELETE FROM @extschema@._rde_report_total t USING deleted d WHERE t.report = d.id;
            -- What superseded a revision supersedes what that one did, or the older
            -- one would be the newest again.  A step at a time, until there is none:
            -- its neighbour may be going, too, here or in another transaction, which
            -- is waited for.
            WHILE EXISTS (SELECT FROM deleted d JOIN @extschema@._rde_report n ON n.supersedes = d.id
                          WHERE d.supersedes IS NOT NULL) LOOP
                UPDATE @extschema@._rde_report n SET supersedes = d.supersedes
                FROM deleted d
                WHERE n.supersedes = d.id AND d.supersedes IS NOT NULL;
            END LOOP;
    END CASE;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_deleted() IS
    'trigger function: what belongs to a deleted row goes with it, and what superseded a report supersedes what that one did';

CREATE TRIGGER deleted AFTER DELETE ON @extschema@._rde_dataset REFERENCING OLD TABLE AS deleted
    FOR EACH STATEMENT EXECUTE FUNCTION @extschema@._rde_deleted();
CREATE TRIGGER deleted AFTER DELETE ON @extschema@._rde_view REFERENCING OLD TABLE AS deleted
    FOR EACH STATEMENT EXECUTE FUNCTION @extschema@._rde_deleted();
CREATE TRIGGER deleted AFTER DELETE ON @extschema@._rde_source REFERENCING OLD TABLE AS deleted
    FOR EACH STATEMENT EXECUTE FUNCTION @extschema@._rde_deleted();
CREATE TRIGGER deleted AFTER DELETE ON @extschema@._rde_account REFERENCING OLD TABLE AS deleted
    FOR EACH STATEMENT EXECUTE FUNCTION @extschema@._rde_deleted();
CREATE TRIGGER deleted AFTER DELETE ON @extschema@._rde_generator REFERENCING OLD TABLE AS deleted
    FOR EACH STATEMENT EXECUTE FUNCTION @extschema@._rde_deleted();
CREATE TRIGGER deleted AFTER DELETE ON @extschema@._rde_report REFERENCING OLD TABLE AS deleted
    FOR EACH STATEMENT EXECUTE FUNCTION @extschema@._rde_deleted();

CREATE FUNCTION @extschema@._rde_orphans(OUT relation text, OUT belongs_to text, OUT orphans bigint) RETURNS SETOF record
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    -- not of files, of which there are too many to look at each time
    SELECT o.relation, o.belongs_to, o.orphans
    FROM (SELECT '_rde_view', 'data set', count(*) FROM @extschema@._rde_view c
          WHERE NOT EXISTS (SELECT FROM @extschema@._rde_dataset p WHERE p.name = c.dataset)
          UNION ALL
          SELECT '_rde_view_column', 'view', count(*) FROM @extschema@._rde_view_column c
          WHERE NOT EXISTS (SELECT FROM @extschema@._rde_view p WHERE p.id = c.view)
          UNION ALL
          SELECT '_rde_view_condition', 'view', count(*) FROM @extschema@._rde_view_condition c
          WHERE NOT EXISTS (SELECT FROM @extschema@._rde_view p WHERE p.id = c.view)
          UNION ALL
          SELECT '_rde_source', 'data set', count(*) FROM @extschema@._rde_source c
          WHERE NOT EXISTS (SELECT FROM @extschema@._rde_dataset p WHERE p.name = c.dataset)
          UNION ALL
          SELECT '_rde_source_column', 'source', count(*) FROM @extschema@._rde_source_column c
          WHERE NOT EXISTS (SELECT FROM @extschema@._rde_source p WHERE p.dataset = c.dataset)
          UNION ALL
          SELECT '_rde_account', 'parent', count(*) FROM @extschema@._rde_account c
          WHERE c.parent IS NOT NULL AND NOT EXISTS (SELECT FROM @extschema@._rde_account p WHERE p.id = c.parent)
          UNION ALL
          SELECT '_rde_token', 'account', count(*) FROM @extschema@._rde_token c
          WHERE NOT EXISTS (SELECT FROM @extschema@._rde_account p WHERE p.id = c.account)
          UNION ALL
          SELECT '_rde_on_invoice_off', 'account', count(*) FROM @extschema@._rde_on_invoice_off c
          WHERE NOT EXISTS (SELECT FROM @extschema@._rde_account p WHERE p.id = c.account)
          UNION ALL
          SELECT '_rde_generator', 'data set', count(*) FROM @extschema@._rde_generator c
          WHERE NOT EXISTS (SELECT FROM @extschema@._rde_dataset p WHERE p.name = c.dataset)
          UNION ALL
          SELECT '_rde_generator_snapshot', 'generator', count(*) FROM @extschema@._rde_generator_snapshot c
          WHERE NOT EXISTS (SELECT FROM @extschema@._rde_generator p WHERE p.id = c.generator)) o(relation, belongs_to, orphans)
    WHERE o.orphans > 0;
END;
COMMENT ON FUNCTION @extschema@._rde_orphans() IS
    'rows without what they belong to, which only a restore that left something out makes';

