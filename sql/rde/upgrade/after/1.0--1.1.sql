-- rde_accounts was made of it
DROP FUNCTION @extschema@._rde_accounts();

