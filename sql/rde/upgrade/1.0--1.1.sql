---------------------------------------------------------------------------
-- From 1.0 to 1.1: what replacing cannot do
---------------------------------------------------------------------------

-- Triggers of watched tables stay as they are: they call nothing that is dropped.
DROP FUNCTION @extschema@._rde_recorded_text(regclass, name);
