---------------------------------------------------------------------------
-- Wrapper
---------------------------------------------------------------------------

CREATE FUNCTION @extschema@.rde_azure_validator(options text[], catalog oid) RETURNS void
    LANGUAGE C STRICT VOLATILE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'rde_azure_validator';
COMMENT ON FUNCTION @extschema@.rde_azure_validator(text[], oid) IS
    'checks the options of servers and user mappings of rde_azure; raises HV00D, HV024 or HV00J';

CREATE FOREIGN DATA WRAPPER rde_azure NO HANDLER VALIDATOR @extschema@.rde_azure_validator;
COMMENT ON FOREIGN DATA WRAPPER rde_azure IS
    'Azure Blob containers reports are uploaded to: servers have account, container, endpoint, layout, keep_local, delete_expired, upload and timeout, the user mapping of a server''s owner has account_key';

---------------------------------------------------------------------------
-- Outbox
---------------------------------------------------------------------------

CREATE TABLE @extschema@._rde_azure_upload (
    id           uuid PRIMARY KEY,
    report       uuid UNIQUE,
    server       name NOT NULL,
    status       text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'uploaded', 'error', 'deleting')),
    blob         text,
    new_blob     text,
    link_number  integer NOT NULL DEFAULT 0,
    bytes        bigint NOT NULL,
    expires_at   timestamptz NOT NULL,
    queued_at    timestamptz NOT NULL DEFAULT now(),
    due_at       timestamptz NOT NULL DEFAULT now(),
    attempts     integer NOT NULL DEFAULT 0,
    last_error   text,
    uploaded_at  timestamptz,
    claim_pid    integer,
    claim_start  timestamptz,
    CHECK (report = id),
    CHECK (status <> 'uploaded' OR (blob IS NOT NULL AND uploaded_at IS NOT NULL))
);
CREATE INDEX _rde_azure_upload_pending ON @extschema@._rde_azure_upload (due_at)
    WHERE status IN ('pending', 'error') AND report IS NOT NULL;
CREATE INDEX _rde_azure_upload_gone ON @extschema@._rde_azure_upload (due_at)
    WHERE report IS NULL;
COMMENT ON TABLE @extschema@._rde_azure_upload IS
    'the outbox: one row is one report that is to be, or has been, uploaded; it stays until its blob is deleted, which is when its report is gone';
COMMENT ON COLUMN @extschema@._rde_azure_upload.report IS
    'NULL once the report is gone';
COMMENT ON COLUMN @extschema@._rde_azure_upload.server IS
    'the server it was queued for; a name, for OIDs change in a restore';
COMMENT ON COLUMN @extschema@._rde_azure_upload.status IS
    'pending, uploaded, error (not tried again), deleting (the report is gone and its blob could not be deleted yet)';
COMMENT ON COLUMN @extschema@._rde_azure_upload.blob IS
    'the blob''s name in the container, known before the blob is there';
COMMENT ON COLUMN @extschema@._rde_azure_upload.new_blob IS
    'the name it is being moved to';
COMMENT ON COLUMN @extschema@._rde_azure_upload.link_number IS
    'the report''s link number when its blob was named; once that is higher the blob gets another name, and links to the old one open nothing';
COMMENT ON COLUMN @extschema@._rde_azure_upload.expires_at IS
    'when the report was to expire as it was queued: one that is gone earlier was dropped';
COMMENT ON COLUMN @extschema@._rde_azure_upload.due_at IS
    'not tried before';

-- No foreign key, which would be in the way of pg_restore -j.
CREATE FUNCTION @extschema@._rde_azure_report_deleted() RETURNS trigger
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    UPDATE @extschema@._rde_azure_upload u SET report = NULL FROM deleted d WHERE u.report = d.id;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_azure_report_deleted() IS
    'trigger function: says in the outbox that reports are gone';
CREATE TRIGGER rde_azure_deleted AFTER DELETE ON @extschema@._rde_report REFERENCING OLD TABLE AS deleted
    FOR EACH STATEMENT EXECUTE FUNCTION @extschema@._rde_azure_report_deleted();
-- a trigger is no member by itself, and would be in the way of DROP EXTENSION
ALTER TRIGGER rde_azure_deleted ON @extschema@._rde_report DEPENDS ON EXTENSION rde_azure;

CREATE TABLE @extschema@._rde_azure_state (
    only_row          boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    system_identifier bigint NOT NULL,
    database          oid NOT NULL,
    seen              pg_snapshot
);
COMMENT ON TABLE @extschema@._rde_azure_state IS
    'the cluster and the database in it whose blobs the outbox lists, and the snapshot by which it was filled last';

---------------------------------------------------------------------------
-- Work
---------------------------------------------------------------------------

CREATE FUNCTION @extschema@._rde_azure_check_caller() RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT @extschema@._rde_sees_all(true) THEN
        RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege',
            MESSAGE = 'only operators of reports may do this',
            HINT = 'Ask an administrator for rde_grant().';
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_azure_check_caller() IS
    'raise 42501 unless the caller is an operator or administrator of reports';

CREATE FUNCTION @extschema@._rde_azure_check_cluster() RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    this_cluster CONSTANT bigint := (SELECT c.system_identifier FROM pg_control_system() c);
    this_database CONSTANT oid := (SELECT d.oid FROM pg_database d WHERE d.datname = current_database());
    state @extschema@._rde_azure_state;
BEGIN
    INSERT INTO @extschema@._rde_azure_state (system_identifier, database) VALUES (this_cluster, this_database) ON CONFLICT DO NOTHING;
    SELECT s.* INTO state FROM @extschema@._rde_azure_state s;
    -- CREATE DATABASE ... TEMPLATE copies it within a cluster
    IF state.system_identifier <> this_cluster OR state.database <> this_database THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = CASE WHEN state.system_identifier <> this_cluster THEN 'the outbox lists blobs of another database cluster'
                           ELSE 'the outbox lists blobs of another database of this cluster' END,
            DETAIL = 'A copy that uploads, renames or deletes them would do so behind the back of the original.',
            HINT = 'If this database takes its place, as after pg_upgrade or a move: SELECT @extschema@.rde_azure_adopt(); if it is a copy, drop its server or its user mapping.';
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_azure_check_cluster() IS
    'raise 55000 unless the blobs in the outbox are this database''s to change';

CREATE FUNCTION @extschema@.rde_azure_adopt() RETURNS void
    LANGUAGE rde_definer VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    this_cluster CONSTANT bigint := (SELECT c.system_identifier FROM pg_control_system() c);
    this_database CONSTANT oid := (SELECT d.oid FROM pg_database d WHERE d.datname = current_database());
BEGIN
    PERFORM @extschema@._rde_refuse_account();
    UPDATE @extschema@._rde_azure_state s SET system_identifier = this_cluster, database = this_database, seen = NULL
    WHERE s.system_identifier <> this_cluster OR s.database <> this_database;
END
$$;
COMMENT ON FUNCTION @extschema@.rde_azure_adopt() IS
    'let this database take over the blobs that a dump or a copy of another one lists: upload, rename and delete them from now on. For superusers, and whom they grant EXECUTE. Raises 42501';

CREATE FUNCTION @extschema@._rde_azure_fill(server name) RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    state @extschema@._rde_azure_state;
    queued bigint;
BEGIN
    SELECT s.* INTO state FROM @extschema@._rde_azure_state s FOR UPDATE SKIP LOCKED;
    IF NOT FOUND THEN
        RETURN 0;               -- another session is at it
    END IF;
    -- What waited for a server that was dropped goes to this one.
    UPDATE @extschema@._rde_azure_upload u
    SET server = _rde_azure_fill.server, blob = NULL, status = 'pending', attempts = 0, due_at = now()
    WHERE u.status IN ('pending', 'error') AND u.report IS NOT NULL
      AND NOT EXISTS (SELECT FROM pg_foreign_server s JOIN pg_foreign_data_wrapper w ON w.oid = s.srvfdw
                      WHERE w.fdwname = 'rde_azure' AND s.srvname = u.server);
    -- One statement, so that what it has seen is what is remembered as seen.
    WITH new AS (
        INSERT INTO @extschema@._rde_azure_upload (id, report, server, link_number, bytes, expires_at)
        SELECT r.id, r.id, server, r.link_number, r.file_bytes, r.expires_at
        FROM @extschema@._rde_report r
        WHERE r.status = 'completed' AND r.store = 'local' AND r.expires_at > now()
          AND (state.seen IS NULL
               OR (r.published_xid >= pg_snapshot_xmin(state.seen) AND r.system_identifier = state.system_identifier
                   AND NOT pg_visible_in_snapshot(r.published_xid, state.seen)))
        FOR KEY SHARE
        ON CONFLICT DO NOTHING
        RETURNING 1),
    remembered AS (
        UPDATE @extschema@._rde_azure_state SET seen = pg_current_snapshot())
    SELECT count(*) INTO queued FROM new;
    RETURN queued;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_azure_fill(name) IS
    'queue the reports completed since the last call for a server, those that committed late among them, and what waited for a server that is no longer there; returns how many are new';

CREATE FUNCTION @extschema@._rde_azure_claim(
    pid integer, start timestamptz,
    OUT id uuid, OUT kind text, OUT attempts integer, OUT expired boolean, OUT server text, OUT blob text,
    OUT new_blob text, OUT name text, OUT file_name text, OUT media_type text, OUT sha256 text, OUT reseller text,
    OUT month text, OUT bytes bigint, OUT link_number integer
) RETURNS SETOF record
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    moment timestamptz;
    mine record;
BEGIN
    -- One at a time, and each looks anew at who is there: a session that connected
    -- and claimed since this one's first look would be taken for gone, and its job
    -- be done twice.  No conflict with anything but this and vacuum.
    LOCK TABLE @extschema@._rde_azure_state IN SHARE UPDATE EXCLUSIVE MODE;
    PERFORM pg_stat_clear_snapshot();
    moment := clock_timestamp();
    -- Links are revoked before anything else is done.
    SELECT c.id, c.kind INTO mine
    FROM ((SELECT u.id, 'move' AS kind, 1 AS rank, u.status, u.due_at
           FROM @extschema@._rde_report r JOIN @extschema@._rde_azure_upload u ON u.report = r.id
           WHERE r.link_number > 0 AND u.status = 'uploaded' AND u.link_number < r.link_number AND u.due_at <= moment)
          UNION ALL
          (SELECT u.id, 'upload', 2, u.status, u.due_at
           FROM @extschema@._rde_azure_upload u
           WHERE u.status = 'pending' AND u.report IS NOT NULL AND u.due_at <= moment
           ORDER BY u.due_at LIMIT 100)
          UNION ALL
          -- at once, whatever its upload waited for; then when that is due
          (SELECT u.id, 'delete', 3, u.status, u.due_at
           FROM @extschema@._rde_azure_upload u
           WHERE u.report IS NULL AND (u.status <> 'deleting' OR u.due_at <= moment)
           ORDER BY u.due_at LIMIT 100)) c
    JOIN @extschema@._rde_azure_upload u ON u.id = c.id
    -- what this session has claimed already it was interrupted at
    WHERE (NOT @extschema@._rde_alive(u.claim_pid, u.claim_start) OR (u.claim_pid = pid AND u.claim_start = start))
      -- still, if another worker has had it meanwhile
      AND u.status = c.status AND u.due_at = c.due_at
    ORDER BY c.rank, c.due_at
    LIMIT 1 FOR UPDATE OF u SKIP LOCKED;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    UPDATE @extschema@._rde_azure_upload u
    SET claim_pid = pid, claim_start = start, attempts = u.attempts + 1
    WHERE u.id = mine.id;
    RETURN QUERY
    SELECT u.id, mine.kind, u.attempts, u.expires_at <= moment, u.server::text, u.blob, u.new_blob,
           r.name, r.file_name, r.media_type, encode(r.sha256, 'hex'), r.reseller::text,
           to_char(r.published_at AT TIME ZONE 'UTC', 'YYYY-MM'), u.bytes,
           CASE mine.kind WHEN 'move' THEN r.link_number ELSE u.link_number END
    FROM @extschema@._rde_azure_upload u LEFT JOIN @extschema@._rde_report r ON r.id = u.report
    WHERE u.id = mine.id;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_azure_claim(integer, timestamptz) IS
    'what is to be done next, by this server process: move, upload or delete; no row if there is nothing';

CREATE FUNCTION @extschema@._rde_azure_uploaded(id uuid, link_number integer, drop_chunks boolean) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- first the report, as who removes it locks them
    PERFORM FROM @extschema@._rde_report r WHERE r.id = _rde_azure_uploaded.id FOR UPDATE;
    IF FOUND THEN
        PERFORM @extschema@.rde_set_report_store(id, 'azure', drop_chunks);
    END IF;
    UPDATE @extschema@._rde_azure_upload u
    SET status = 'uploaded', uploaded_at = clock_timestamp(), link_number = _rde_azure_uploaded.link_number,
        last_error = NULL, claim_pid = NULL, claim_start = NULL
    WHERE u.id = _rde_azure_uploaded.id;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_azure_uploaded(uuid, integer, boolean) IS
    'a report''s blob is there and has been compared';

CREATE FUNCTION @extschema@.rde_azure_retry(report uuid) RETURNS void
    LANGUAGE rde_definer VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM @extschema@._rde_azure_check_caller();
    UPDATE @extschema@._rde_azure_upload u
    SET status = CASE u.status WHEN 'error' THEN 'pending' ELSE u.status END, due_at = now(), attempts = 0
    WHERE u.id = rde_azure_retry.report;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = CASE WHEN report IS NULL THEN 'null_value_not_allowed' ELSE 'undefined_object' END,
            MESSAGE = CASE WHEN report IS NULL THEN 'report must not be null'
                           ELSE format('report %s has no upload', report) END,
            HINT = 'The view rde_azure_uploads lists the uploads there are.';
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.rde_azure_retry(uuid) IS
    'try an upload again with the next rde_azure_upload_due, whatever became of it. For operators. Raises 22004, 42501, 42704';

CREATE PROCEDURE @extschema@.rde_azure_upload_due(max_uploads integer DEFAULT NULL)
    LANGUAGE C
    AS 'MODULE_PATHNAME', 'rde_azure_upload_due';
COMMENT ON PROCEDURE @extschema@.rde_azure_upload_due(integer) IS
    'upload reports that were completed, give blobs whose links were revoked another name, delete those whose reports are gone, and commit after each; any number may run at once. At most max_uploads of these are done. What fails is a warning. For operators. Raises 22023, 25006, 2D000, 42501, 55000 (no server, two that take new reports, blobs of another cluster)';

---------------------------------------------------------------------------
-- Links
---------------------------------------------------------------------------

CREATE FUNCTION @extschema@.rde_azure_download_url(report uuid) RETURNS text
    LANGUAGE C STABLE STRICT PARALLEL RESTRICTED
    AS 'MODULE_PATHNAME', 'rde_azure_download_url';
COMMENT ON FUNCTION @extschema@.rde_azure_download_url(uuid) IS
    'a link that lets whoever has it read a report''s blob, until the report or rde.link_lifetime is over; NULL while the blob is not where it is to be. rde calls this for those who may have the link';

---------------------------------------------------------------------------
-- View
---------------------------------------------------------------------------

CREATE FUNCTION @extschema@._rde_azure_blob_url(server name, blob text) RETURNS text
    LANGUAGE C STABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'rde_azure_blob_url';
COMMENT ON FUNCTION @extschema@._rde_azure_blob_url(name, text) IS
    'where a blob of that name is, which opens nothing without a key or a link; NULL if there is no such server';

CREATE VIEW @extschema@.rde_azure_uploads WITH (security_barrier) AS
SELECT u.id AS report, r.name, u.server,
       CASE WHEN u.report IS NULL THEN 'deleting'
            WHEN u.status = 'error' THEN 'error'
            WHEN u.status = 'uploaded' THEN CASE WHEN u.link_number < r.link_number THEN 'moving' ELSE 'uploaded' END
            WHEN @extschema@._rde_alive(u.claim_pid, u.claim_start) THEN 'uploading'
            WHEN u.last_error IS NOT NULL THEN 'retrying'
            ELSE 'pending' END AS status,
       u.attempts, u.last_error, u.bytes, @extschema@._rde_azure_blob_url(u.server, u.blob) AS blob_url,
       u.queued_at, u.due_at, u.uploaded_at
FROM @extschema@._rde_azure_upload u
LEFT JOIN @extschema@._rde_report r ON r.id = u.report
WHERE (SELECT @extschema@._rde_sees_all(false));
COMMENT ON VIEW @extschema@.rde_azure_uploads IS
    'every report that is to be, or has been, uploaded: pending, uploading, retrying, uploaded, moving (its links were revoked), deleting (its report is gone) or error (it is not tried again until rde_azure_retry())';

---------------------------------------------------------------------------
-- What needs attention
---------------------------------------------------------------------------

CREATE FUNCTION @extschema@._rde_azure_findings(
    OUT severity text, OUT finding text, OUT object text, OUT since timestamptz, OUT detail text, OUT hint text
) RETURNS SETOF record
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY
    SELECT 'error', 'uploads_failing', u.server::text, min(u.queued_at),
           format('%s reports could not be uploaded, or their blobs deleted, the last with: %s', count(*),
                  (array_agg(u.last_error ORDER BY u.due_at DESC))[1]),
           'The view rde_azure_uploads lists them; rde_azure_retry() tries one again that is in error.'
    FROM @extschema@._rde_azure_upload u
    WHERE u.last_error IS NOT NULL AND u.status <> 'uploaded'
    GROUP BY u.server;
    RETURN QUERY
    SELECT 'error', 'uploads_waiting', u.server::text, min(u.due_at),
           format('%s reports have waited for 15 minutes to be uploaded.', count(*)),
           'CALL rde_azure_upload_due(); as a job, see rde_schedule().'
    FROM @extschema@._rde_azure_upload u
    WHERE u.last_error IS NULL AND u.status = 'pending' AND u.report IS NOT NULL AND u.due_at < now() - interval '15 minutes'
    GROUP BY u.server;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_azure_findings() IS
    'what rde_health has to say about uploads';

---------------------------------------------------------------------------
-- Dump
---------------------------------------------------------------------------

SELECT pg_extension_config_dump('@extschema@._rde_azure_upload', '');
SELECT pg_extension_config_dump('@extschema@._rde_azure_state', '');

---------------------------------------------------------------------------
-- Privileges
---------------------------------------------------------------------------

-- Tables are granted to nobody, whatever default privileges there are, and functions
-- to nobody but those that look themselves at who asks, or that a view calls with
-- its reader's rights.
DO $$
BEGIN
    PERFORM @extschema@._rde_revoke_grants(m.catalog, m.object) FROM @extschema@._rde_members() m WHERE m.extension = 'rde_azure';
END
$$;
GRANT EXECUTE ON FUNCTION @extschema@.rde_azure_retry(uuid), @extschema@._rde_azure_blob_url(name, text) TO PUBLIC;
GRANT EXECUTE ON PROCEDURE @extschema@.rde_azure_upload_due(integer) TO PUBLIC;
GRANT SELECT ON @extschema@.rde_azure_uploads TO PUBLIC;
