---------------------------------------------------------------------------
-- From 1.0 to 1.1: what replacing cannot do
---------------------------------------------------------------------------

CREATE INDEX _rde_report_revision ON @extschema@._rde_report (supersedes)
    WHERE supersedes IS NOT NULL;
DROP FUNCTION @extschema@._rde_account_use(bigint);
-- Triggers of watched tables stay as they are: they call nothing that is dropped.
DROP FUNCTION @extschema@._rde_recorded_text(regclass, name);
