---------------------------------------------------------------------------
-- Dump
---------------------------------------------------------------------------

-- What users made is dumped; what the extension ships comes with CREATE EXTENSION.
SELECT pg_extension_config_dump('@extschema@._rde_dataset', 'WHERE NOT shipped');
SELECT pg_extension_config_dump('@extschema@._rde_view', 'WHERE NOT shipped');
SELECT pg_extension_config_dump('@extschema@._rde_view_id_seq', '');
SELECT pg_extension_config_dump('@extschema@._rde_view_column', 'WHERE NOT shipped');
SELECT pg_extension_config_dump('@extschema@._rde_view_condition', '');
SELECT pg_extension_config_dump('@extschema@._rde_source', '');
SELECT pg_extension_config_dump('@extschema@._rde_source_column', '');
SELECT pg_extension_config_dump('@extschema@._rde_account', '');
SELECT pg_extension_config_dump('@extschema@._rde_on_invoice_off', '');
SELECT pg_extension_config_dump('@extschema@._rde_privilege', '');
SELECT pg_extension_config_dump('@extschema@._rde_token', '');
SELECT pg_extension_config_dump('@extschema@._rde_generator', '');
SELECT pg_extension_config_dump('@extschema@._rde_generator_snapshot', '');
SELECT pg_extension_config_dump('@extschema@._rde_invoice_watch', '');
SELECT pg_extension_config_dump('@extschema@._rde_invoice_event', '');
SELECT pg_extension_config_dump('@extschema@._rde_report', '');
SELECT pg_extension_config_dump('@extschema@._rde_report_total', '');
SELECT pg_extension_config_dump('@extschema@._rde_report_chunk', '');

