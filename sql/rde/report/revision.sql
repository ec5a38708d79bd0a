---------------------------------------------------------------------------
-- Revisions: the next one of a report, and the one that settles it
---------------------------------------------------------------------------

CREATE FUNCTION @extschema@._rde_submit_revision(report uuid, settles boolean) RETURNS uuid
    LANGUAGE sql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT @extschema@._rde_submit(ARRAY(
        SELECT ROW(r.name, r.dataset, r.view, r.format, r.type, r.reseller, r.generator, r.invoice, r.invoice_reseller,
                   r.period_from, r.period_to, false, r.time_zone, r.options, r.retention,
                   coalesce((SELECT max(n.revision) FROM @extschema@._rde_report n WHERE n.supersedes = r.id), r.revision) + 1,
                   r.id, _rde_submit_revision.settles, NULL::uuid, r.due_at)::@extschema@._rde_submission
        FROM @extschema@._rde_report r
        WHERE r.id = report));
END;
COMMENT ON FUNCTION @extschema@._rde_submit_revision(uuid, boolean) IS
    'submit the next revision of a report; NULL if it has one';

CREATE FUNCTION @extschema@._rde_submit_settling(horizon timestamptz) RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    submitted bigint;
BEGIN
    -- An invoice without rows has a day for them to come.
    SELECT count(@extschema@._rde_submit_revision(p.id, true)) INTO submitted
    FROM (SELECT r.id FROM @extschema@._rde_report r
          WHERE r.provisional AND r.status = 'completed' AND r.expires_at > now()
            AND ((r.period_to <= horizon AND @extschema@._rde_has_arrived(r.dataset, r.period_to)) OR (r.type = 'on_invoice' AND r.published_at <= now() - interval '24 hours'))
            AND NOT EXISTS (SELECT FROM @extschema@._rde_report n WHERE n.supersedes = r.id)
          ORDER BY r.due_at LIMIT 100 FOR UPDATE SKIP LOCKED) p;
    RETURN submitted;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_submit_settling(timestamptz) IS
    'submit the next revision of provisional reports whose period has settled';

CREATE FUNCTION @extschema@._rde_drop_unchanged(report uuid) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    settled uuid;
BEGIN
    -- One that somebody is about to drop or to change is not waited for: the
    -- revision stays, and says the same.
    SELECT o.id INTO settled
    FROM @extschema@._rde_report o JOIN @extschema@._rde_report n ON n.supersedes = o.id
    WHERE n.id = report AND n.settles AND o.sha256 = n.sha256
    FOR NO KEY UPDATE OF o SKIP LOCKED;
    IF FOUND THEN
        DELETE FROM @extschema@._rde_report n WHERE n.id = report;
        UPDATE @extschema@._rde_report r SET provisional = false WHERE r.id = settled;
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_drop_unchanged(uuid) IS
    'if the revision that settles a provisional report is that report again, that one is final and the revision goes';

