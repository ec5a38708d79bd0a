---------------------------------------------------------------------------
-- What needs attention, to be selected from
---------------------------------------------------------------------------

CREATE VIEW @extschema@.rde_health WITH (security_barrier) AS
SELECT h.severity, h.finding, h.object, h.since, h.detail, h.hint
FROM @extschema@._rde_health() h;
COMMENT ON VIEW @extschema@.rde_health IS
    'what needs attention, and what to do about it; empty when all is well';

