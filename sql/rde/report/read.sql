---------------------------------------------------------------------------
-- Reports: content, chunks, verify
---------------------------------------------------------------------------

CREATE FUNCTION @extschema@.rde_content(report uuid, decompress boolean DEFAULT false) RETURNS bytea
    LANGUAGE C VOLATILE PARALLEL RESTRICTED
    AS 'MODULE_PATHNAME', 'rde_content';
COMMENT ON FUNCTION @extschema@.rde_content(uuid, boolean) IS
    'a report''s file in one piece, at most 1 GB; decompress takes the gzip away. Raises 42704, 54000 (more than 1 GB), 55000, XX001';

CREATE FUNCTION @extschema@.rde_chunks(report uuid) RETURNS SETOF bytea
    LANGUAGE C VOLATILE PARALLEL RESTRICTED ROWS 100
    AS 'MODULE_PATHNAME', 'rde_chunks';
COMMENT ON FUNCTION @extschema@.rde_chunks(uuid) IS
    'a report''s file in pieces of 1 MiB, in order, for files of any size. Call it in the select list: in FROM the server collects all of them first. Raises 42704, 55000, XX001';

CREATE FUNCTION @extschema@.rde_chunk(report uuid, seq integer) RETURNS bytea
    LANGUAGE C VOLATILE PARALLEL RESTRICTED
    AS 'MODULE_PATHNAME', 'rde_chunk';
COMMENT ON FUNCTION @extschema@.rde_chunk(uuid, integer) IS
    'one 1 MiB piece of a report''s file, counted from 0; NULL past its end. Raises 22023, 42704, 55000, XX001';

CREATE FUNCTION @extschema@.rde_text(report uuid) RETURNS text
    LANGUAGE C VOLATILE PARALLEL RESTRICTED
    AS 'MODULE_PATHNAME', 'rde_text';
COMMENT ON FUNCTION @extschema@.rde_text(uuid) IS
    'a csv, json, jsonl or xml report as text in the database''s encoding, at most 1 GB. A byte order mark is left out. Raises 22023 (xlsx), 42704, 54000, 55000, XX001';

CREATE FUNCTION @extschema@.rde_verify_report(report uuid) RETURNS boolean
    LANGUAGE C VOLATILE PARALLEL RESTRICTED
    AS 'MODULE_PATHNAME', 'rde_verify_report';
COMMENT ON FUNCTION @extschema@.rde_verify_report(uuid) IS
    'do the stored bytes still have the size and SHA-256 the manifest names? a warning says what differs. Works on expired reports, too. Raises 42704, 55000';

