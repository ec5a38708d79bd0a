---------------------------------------------------------------------------
-- From 1.0 to 1.1: what replacing cannot do
---------------------------------------------------------------------------

CREATE INDEX _rde_report_revision ON @extschema@._rde_report (supersedes)
    WHERE supersedes IS NOT NULL;
DROP FUNCTION @extschema@._rde_account_use(bigint);
