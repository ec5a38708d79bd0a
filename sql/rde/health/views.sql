---------------------------------------------------------------------------
-- What needs attention, to be selected from
---------------------------------------------------------------------------

CREATE VIEW @extschema@.rde_health WITH (security_barrier) AS
SELECT h.severity, h.finding, h.object, h.since, h.detail, h.hint
FROM @extschema@._rde_health() h;
COMMENT ON VIEW @extschema@.rde_health IS
    'what needs attention, and what to do about it; empty when all is well';
COMMENT ON COLUMN @extschema@.rde_health.severity IS
    'error or warning';
COMMENT ON COLUMN @extschema@.rde_health.finding IS
    'the kind of finding, one word that programs can compare';
COMMENT ON COLUMN @extschema@.rde_health.object IS
    'what it is about';
COMMENT ON COLUMN @extschema@.rde_health.since IS
    'since when, where that is known';
COMMENT ON COLUMN @extschema@.rde_health.detail IS
    'what was found';
COMMENT ON COLUMN @extschema@.rde_health.hint IS
    'what to do about it';

