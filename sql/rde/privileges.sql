---------------------------------------------------------------------------
-- Privileges
---------------------------------------------------------------------------

-- Tables are granted to nobody, whatever default privileges there are.  The rule for functions: PUBLIC may call those
-- that look themselves at who asks, and those that views and triggers call with
-- the rights of whoever reads or writes; all others are nobody's until rde_grant()
-- gives them.  What looks itself, and the views, show a reseller its own things,
-- whoever rde_grant() named what is his, and anybody else nothing.
DO $$
DECLARE
    member record;
BEGIN
    FOR member IN
        SELECT m.catalog, m.object, p.oid::regprocedure AS routine, p.proname IN (
                   -- who am I
                   'rde_whoami', 'rde_version',
                   -- reports
                   'rde_export', 'rde_submit', 'rde_build', 'rde_rebuild', 'rde_retry_report', 'rde_cancel_report',
                   'rde_drop_report', 'rde_content', 'rde_chunks', 'rde_chunk', 'rde_text', 'rde_verify_report',
                   'rde_list_reports', 'rde_get_report', 'rde_request_report', 'rde_report_file', 'rde_report_manifest', 'rde_remove_report',
                   'rde_download_url', 'rde_revoke_links',
                   -- what programs ask for by HTTP
                   'rde_get_account', 'rde_list_datasets', 'rde_get_view', 'rde_request_view', 'rde_replace_view', 'rde_remove_view', 'rde_preview_view',
                   'rde_list_generators', 'rde_get_generator', 'rde_request_generator', 'rde_change_generator',
                   'rde_remove_generator', 'rde_request_run', 'rde_list_periods', 'rde_preview_periods', 'rde_request_action', 'rde_open_events',
                   -- views, generators, tokens
                   'rde_create_view', 'rde_alter_view', 'rde_drop_view',
                   'rde_create_generator', 'rde_alter_generator', 'rde_drop_generator', 'rde_run_generator',
                   'rde_set_on_invoice', 'rde_create_token', 'rde_revoke_token',
                   -- what views call, with their reader's rights
                   '_rde_sees_all', '_rde_visible_accounts',
                   '_rde_own_reports', '_rde_own_totals', '_rde_generators', '_rde_own_accounts', '_rde_account_use',
                   '_rde_tokens',
                   '_rde_datasets', '_rde_views', '_rde_view_columns', '_rde_view_conditions', '_rde_report_link', '_rde_running', '_rde_periods', '_rde_health', '_rde_alive', '_rde_status', '_rde_reference', '_rde_day_beginning',
                   -- whoever creates a trigger needs the right to its function
                   'rde_stamp',
                   -- rde_schedule has its caller's rights, and so has what it calls
                   '_rde_cron') AS is_public
        FROM @extschema@._rde_members() m
        LEFT JOIN pg_proc p ON m.catalog = 'pg_proc'::regclass AND p.oid = m.object
        WHERE m.extension = 'rde'
    LOOP
        PERFORM @extschema@._rde_revoke_grants(member.catalog, member.object);
        IF member.is_public THEN
            EXECUTE format('GRANT EXECUTE ON ROUTINE %s TO PUBLIC', member.routine);
        END IF;
    END LOOP;
END
$$;

GRANT SELECT ON
    @extschema@.rde_reports, @extschema@.rde_report_totals, @extschema@.rde_progress,
    @extschema@.rde_datasets, @extschema@.rde_views, @extschema@.rde_view_columns, @extschema@.rde_view_conditions,
    @extschema@.rde_accounts,
    @extschema@.rde_generators, @extschema@.rde_periods, @extschema@.rde_tokens
    TO PUBLIC;
