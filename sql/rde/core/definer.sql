---------------------------------------------------------------------------
-- Functions with the extension's rights
---------------------------------------------------------------------------

-- What SECURITY DEFINER does, and it remembers who called: a function that
-- somebody else wrote may call ours with no more power than its writer has.
CREATE FUNCTION @extschema@._rde_definer() RETURNS language_handler
    LANGUAGE C
    AS 'MODULE_PATHNAME', 'rde_definer';
COMMENT ON FUNCTION @extschema@._rde_definer() IS
    'runs a function of the language rde_definer';

CREATE FUNCTION @extschema@._rde_definer_validator(function oid) RETURNS void
    LANGUAGE C
    AS 'MODULE_PATHNAME', 'rde_definer_validator';
COMMENT ON FUNCTION @extschema@._rde_definer_validator(oid) IS
    'looks at the body of a function of the language rde_definer when it is created';

-- With functions of its own only, or pg_upgrade could not make it again.
CREATE LANGUAGE rde_definer HANDLER @extschema@._rde_definer VALIDATOR @extschema@._rde_definer_validator;
COMMENT ON LANGUAGE rde_definer IS
    'PL/pgSQL of the extension rde, with the rights of the function''s owner';

