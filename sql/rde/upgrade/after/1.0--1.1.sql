-- rde_accounts and rde_progress were made of these
DROP FUNCTION @extschema@._rde_accounts();
DROP FUNCTION @extschema@._rde_progress();

