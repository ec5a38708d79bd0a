---------------------------------------------------------------------------
-- Accounts: the tree, quotas, reports on invoice on and off
---------------------------------------------------------------------------

CREATE FUNCTION @extschema@._rde_find_account(account bigint) RETURNS @extschema@._rde_account
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found_account @extschema@._rde_account;
BEGIN
    IF account IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed',
            MESSAGE = 'account must not be null';
    END IF;
    SELECT a.* INTO found_account FROM @extschema@._rde_account a WHERE a.id = _rde_find_account.account;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'undefined_object',
            MESSAGE = format('account %s does not exist', account),
            HINT = 'The view rde_accounts lists the accounts there are; rde_create_account() makes another.';
    END IF;
    RETURN found_account;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_find_account(bigint) IS
    'an account''s row; raises 22004 or 42704';

-- Changes to the tree happen one at a time, by this lock; ancestors are locked
-- besides because a REPEATABLE READ transaction may wait for the lock and then
-- still see the tree as it was.  It fails on the first row that has changed.
CREATE FUNCTION @extschema@._rde_check_account(
    account bigint, parent bigint, role name, scope text
) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    holder bigint;
    above bigint := parent;
BEGIN
    IF account IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'account must not be null';
    END IF;
    IF scope IS NULL OR scope NOT IN ('reseller', 'provider') THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = CASE WHEN scope IS NULL THEN 'scope must not be null'
                           ELSE format('account scope "%s" is not supported', scope) END,
            HINT = 'Use reseller for its own rows only, or provider for those of its whole sub-tree too.';
    END IF;
    LOCK TABLE @extschema@._rde_account IN SHARE ROW EXCLUSIVE MODE;

    IF role IS NOT NULL THEN
        IF NOT EXISTS (SELECT FROM pg_roles r WHERE r.rolname = role) THEN
            RAISE EXCEPTION USING ERRCODE = 'undefined_object',
                MESSAGE = format('role "%s" does not exist', role);
        END IF;
        IF (SELECT r.rolsuper FROM pg_roles r WHERE r.rolname = role) THEN
            RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
                MESSAGE = format('role "%s" is a superuser and cannot be an account', role),
                HINT = 'Give the account a role of its own; superusers see every reseller''s reports.';
        END IF;
        SELECT a.id INTO holder FROM @extschema@._rde_account a
        WHERE a.role = _rde_check_account.role AND a.id <> _rde_check_account.account;
        IF FOUND THEN
            RAISE EXCEPTION USING ERRCODE = 'duplicate_object',
                MESSAGE = format('role "%s" is account %s already', role, holder),
                HINT = 'A role says which account a session is, so it can be one only.';
        END IF;
    END IF;

    WHILE above IS NOT NULL LOOP
        IF above = account THEN
            RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
                MESSAGE = CASE WHEN parent = account THEN format('account %s cannot be its own parent', account)
                               ELSE format('account %s cannot be below account %s, which is below it', account, parent) END,
                HINT = 'Accounts form a tree: move the other one first.';
        END IF;
        PERFORM @extschema@._rde_find_account(above);
        SELECT a.parent INTO above FROM @extschema@._rde_account a WHERE a.id = above FOR NO KEY UPDATE;
    END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_check_account(bigint, bigint, name, text) IS
    'lock the tree of accounts and check where an account is to be put, its role and its scope';

CREATE FUNCTION @extschema@._rde_check_quotas(max_pending integer, max_reports_per_day integer, max_stored_bytes bigint)
    RETURNS void
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF least(max_pending, max_reports_per_day, max_stored_bytes) < 0 THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'quotas must not be negative';
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_check_quotas(integer, integer, bigint) IS
    'raise 22023 for quotas that cannot be';

CREATE FUNCTION @extschema@._rde_check_quota(
    reseller bigint, period_from timestamptz, period_to timestamptz, reports integer
) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    account @extschema@._rde_account;
    used numeric;
BEGIN
    IF period_to > period_from + @extschema@._rde_max_span() THEN
        RAISE EXCEPTION USING ERRCODE = 'configuration_limit_exceeded',
            MESSAGE = format('a report may cover %s at most', @extschema@._rde_max_span()),
            HINT = 'Ask for several reports of shorter periods.';
    END IF;
    -- requests of one account are counted one after the other
    SELECT a.* INTO account FROM @extschema@._rde_account a WHERE a.id = reseller FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    SELECT count(*) INTO used FROM @extschema@._rde_report r
    WHERE r.reseller = account.id AND (r.status = 'submitted' OR r.retry_at IS NOT NULL);
    IF used + reports > account.max_pending THEN
        RAISE EXCEPTION USING ERRCODE = 'configuration_limit_exceeded',
            MESSAGE = format('%s reports of account %s wait to be built, as many as may', used, account.id),
            HINT = 'Wait until some have been built, or cancel some.';
    END IF;
    IF account.max_reports_per_day IS NOT NULL THEN
        -- not the reports that are there: some may have been dropped
        DELETE FROM @extschema@._rde_asked q
        WHERE q.account = reseller AND q.asked_at <= now() - interval '24 hours';
        SELECT coalesce(sum(q.reports), 0) INTO used FROM @extschema@._rde_asked q WHERE q.account = reseller;
        IF used + reports > account.max_reports_per_day THEN
            RAISE EXCEPTION USING ERRCODE = 'configuration_limit_exceeded',
                MESSAGE = format('account %s has asked for %s reports in 24 hours, as many as it may', account.id, used),
                HINT = 'Ask again tomorrow.';
        END IF;
        INSERT INTO @extschema@._rde_asked (account, reports) VALUES (reseller, _rde_check_quota.reports);
    END IF;
    IF account.max_stored_bytes IS NOT NULL THEN
        SELECT coalesce(sum(r.file_bytes), 0) INTO used FROM @extschema@._rde_report r
        WHERE r.reseller = account.id AND r.expires_at > now();
        IF used >= account.max_stored_bytes THEN
            RAISE EXCEPTION USING ERRCODE = 'configuration_limit_exceeded',
                MESSAGE = format('reports of account %s take %s bytes, as many as they may', account.id, used),
                HINT = 'Drop reports that are not needed any more with rde_drop_report().';
        END IF;
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_check_quota(bigint, timestamptz, timestamptz, integer) IS
    'raise 53400 if a reseller may not ask for more reports, or not of so long a period';

CREATE FUNCTION @extschema@.rde_create_account(
    account   bigint,
    name      text,
    parent    bigint DEFAULT NULL,
    role      name DEFAULT NULL,
    time_zone text DEFAULT NULL,
    scope     text DEFAULT 'reseller',
    max_pending         integer DEFAULT 20,
    max_reports_per_day integer DEFAULT NULL,
    max_stored_bytes    bigint DEFAULT NULL
) RETURNS void
    LANGUAGE rde_definer VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    zone text;
BEGIN
    PERFORM @extschema@._rde_refuse_account();
    PERFORM @extschema@._rde_check_name('an account', name);
    IF time_zone IS NOT NULL THEN
        zone := @extschema@._rde_zone(time_zone);
    END IF;
    PERFORM @extschema@._rde_check_account(account, parent, role, scope);
    PERFORM @extschema@._rde_check_quotas(max_pending, max_reports_per_day, max_stored_bytes);
    INSERT INTO @extschema@._rde_account
        (id, name, parent, role, time_zone, scope, max_pending, max_reports_per_day, max_stored_bytes)
    VALUES (account, name, parent, role, zone, scope, coalesce(max_pending, 20), max_reports_per_day, max_stored_bytes);
EXCEPTION
    WHEN unique_violation THEN
        RAISE EXCEPTION USING ERRCODE = 'duplicate_object',
            MESSAGE = format('account %s already exists', account),
            HINT = 'Change it with rde_alter_account().';
END
$$;
COMMENT ON FUNCTION @extschema@.rde_create_account(bigint, text, bigint, name, text, text, integer, integer, bigint) IS
    'add a reseller to the tree: account is what the reseller column of sources holds, role the database role that is this account, scope provider lets its reports hold the rows of all accounts below it too';

CREATE FUNCTION @extschema@.rde_alter_account(
    account   bigint,
    name      text DEFAULT NULL,
    parent    bigint DEFAULT NULL,
    role      name DEFAULT NULL,
    time_zone text DEFAULT NULL,
    scope     text DEFAULT NULL,
    max_pending         integer DEFAULT NULL,
    max_reports_per_day integer DEFAULT NULL,
    max_stored_bytes    bigint DEFAULT NULL,
    clear     text[] DEFAULT '{}'
) RETURNS void
    LANGUAGE rde_definer VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    altered @extschema@._rde_account;
    zone text;
BEGIN
    PERFORM @extschema@._rde_refuse_account();
    altered := @extschema@._rde_find_account(account);
    PERFORM @extschema@._rde_check_clear(clear, '{parent,role,time_zone,max_reports_per_day,max_stored_bytes}'::text[], ARRAY[
        CASE WHEN parent IS NOT NULL THEN 'parent' END,
        CASE WHEN role IS NOT NULL THEN 'role' END,
        CASE WHEN time_zone IS NOT NULL THEN 'time_zone' END,
        CASE WHEN max_reports_per_day IS NOT NULL THEN 'max_reports_per_day' END,
        CASE WHEN max_stored_bytes IS NOT NULL THEN 'max_stored_bytes' END]);
    PERFORM @extschema@._rde_check_quotas(max_pending, max_reports_per_day, max_stored_bytes);
    IF name IS NOT NULL THEN
        PERFORM @extschema@._rde_check_name('an account', name);
    END IF;
    IF time_zone IS NOT NULL THEN
        zone := @extschema@._rde_zone(time_zone);
    END IF;
    PERFORM @extschema@._rde_check_account(account, parent, role, coalesce(scope, altered.scope));
    UPDATE @extschema@._rde_account a
    SET name = coalesce(rde_alter_account.name, a.name),
        parent = CASE WHEN NOT 'parent' = ANY (clear) THEN coalesce(rde_alter_account.parent, a.parent) END,
        role = CASE WHEN NOT 'role' = ANY (clear) THEN coalesce(rde_alter_account.role, a.role) END,
        time_zone = CASE WHEN NOT 'time_zone' = ANY (clear) THEN coalesce(zone, a.time_zone) END,
        scope = coalesce(rde_alter_account.scope, a.scope),
        max_pending = coalesce(rde_alter_account.max_pending, a.max_pending),
        max_reports_per_day = CASE WHEN NOT 'max_reports_per_day' = ANY (clear)
                              THEN coalesce(rde_alter_account.max_reports_per_day, a.max_reports_per_day) END,
        max_stored_bytes = CASE WHEN NOT 'max_stored_bytes' = ANY (clear)
                           THEN coalesce(rde_alter_account.max_stored_bytes, a.max_stored_bytes) END
    WHERE a.id = rde_alter_account.account;
END
$$;
COMMENT ON FUNCTION @extschema@.rde_alter_account(bigint, text, bigint, name, text, text, integer, integer, bigint, text[]) IS
    'change an account; what is NULL stays as it is, and clear names what is to be taken away: parent, role, time_zone and the last two quotas';

CREATE FUNCTION @extschema@.rde_drop_account(account bigint) RETURNS void
    LANGUAGE rde_definer VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    users text;
BEGIN
    PERFORM @extschema@._rde_refuse_account();
    LOCK TABLE @extschema@._rde_account IN SHARE ROW EXCLUSIVE MODE;
    PERFORM @extschema@._rde_find_account(account);
    SELECT string_agg(a.id::text, ', ' ORDER BY a.id) INTO users
    FROM @extschema@._rde_account a WHERE a.parent = rde_drop_account.account;
    IF users IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'dependent_objects_still_exist',
            MESSAGE = format('account %s still has accounts below it', account),
            DETAIL = format('They are %s.', users),
            HINT = 'Drop them first, or move them with rde_alter_account().';
    END IF;
    SELECT string_agg(format('"%s"', g.name), ', ' ORDER BY g.name) INTO users
    FROM @extschema@._rde_generator g WHERE g.reseller = rde_drop_account.account;
    IF users IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'dependent_objects_still_exist',
            MESSAGE = format('account %s still has generators', account),
            DETAIL = format('They are %s.', users),
            HINT = 'Drop them first with rde_drop_generator().';
    END IF;
    DELETE FROM @extschema@._rde_account a WHERE a.id = rde_drop_account.account;
END
$$;
COMMENT ON FUNCTION @extschema@.rde_drop_account(bigint) IS
    'take a reseller out of the tree, once it has no accounts below it and no generators; its reports stay';

CREATE FUNCTION @extschema@.rde_set_on_invoice(account bigint, enabled boolean, child bigint DEFAULT NULL) RETURNS void
    LANGUAGE rde_definer VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    switching @extschema@._rde_account;
BEGIN
    PERFORM @extschema@._rde_own_reseller(account);
    switching := @extschema@._rde_find_account(account);
    IF enabled IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'enabled must not be null';
    END IF;
    IF child IS NULL THEN
        UPDATE @extschema@._rde_account a SET children_on_invoice = enabled WHERE a.id = account;
        RETURN;
    END IF;
    UPDATE @extschema@._rde_account a SET on_invoice = enabled WHERE a.id = child AND a.parent = account;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('account %s is not a direct child of account %s', child, account),
            HINT = 'An account switches reports on invoice for the accounts directly below it.';
    END IF;
    IF enabled AND NOT switching.children_on_invoice THEN
        RAISE NOTICE USING
            MESSAGE = format('account %s still makes no reports on invoice', child),
            DETAIL = format('Account %s switched them off for all its children.', account),
            HINT = format('rde_set_on_invoice(%s, true) switches them on again.', account);
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.rde_set_on_invoice(bigint, boolean, bigint) IS
    'let an account switch reports on invoice on or off for all the accounts directly below it, or for one of them';

CREATE FUNCTION @extschema@._rde_scope_resellers(reseller bigint, scope text DEFAULT NULL) RETURNS bigint[]
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    widest CONSTANT text := coalesce((SELECT a.scope FROM @extschema@._rde_account a WHERE a.id = reseller), 'reseller');
BEGIN
    IF coalesce(scope, widest) = 'reseller' THEN
        RETURN ARRAY[reseller];
    END IF;
    IF widest <> 'provider' THEN
        RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege',
            MESSAGE = format('account %s may not report on the accounts below it', reseller),
            HINT = 'Its scope is reseller; rde_alter_account() can make it provider.';
    END IF;
    RETURN ARRAY(
        WITH RECURSIVE tree(id) AS (
            SELECT reseller
            UNION
            SELECT a.id FROM tree t JOIN @extschema@._rde_account a ON a.parent = t.id)
        SELECT t.id FROM tree t ORDER BY t.id);
END
$$;
COMMENT ON FUNCTION @extschema@._rde_scope_resellers(bigint, text) IS
    'whose rows a reseller''s report holds: its own, or with scope provider those of its whole sub-tree too; scope NULL is its account''s, more than that raises 42501';

