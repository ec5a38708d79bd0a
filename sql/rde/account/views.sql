---------------------------------------------------------------------------
-- Accounts, to be selected from
---------------------------------------------------------------------------

CREATE VIEW @extschema@.rde_accounts WITH (security_barrier) AS
SELECT a.id, a.name, a.parent, a.role, a.time_zone, a.scope,
       a.on_invoice AND coalesce(p.children_on_invoice, true) AS on_invoice,
       a.children_on_invoice,
       (SELECT count(*) FROM @extschema@.rde_generator g WHERE g.reseller = a.id) AS generators
FROM @extschema@.rde_account a
LEFT JOIN @extschema@.rde_account p ON p.id = a.parent
WHERE ((SELECT @extschema@.rde_sees_all()) OR a.id = ANY ((SELECT @extschema@.rde_visible_accounts())::bigint[]));
COMMENT ON VIEW @extschema@.rde_accounts IS
    'the tree of resellers; on_invoice says whether their generators make reports on invoice, which the account above can switch off';

