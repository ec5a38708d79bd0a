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

-- Changes to the tree happen one at a time, by the row they count themselves in: a
-- REPEATABLE READ transaction that waited for it, and would still see the tree as
-- it was, fails (40001).  Nothing that an account does touches that row.
CREATE FUNCTION @extschema@._rde_change_tree() RETURNS void
    LANGUAGE sql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    UPDATE @extschema@._rde_account_tree SET changes = changes + 1;
END;
COMMENT ON FUNCTION @extschema@._rde_change_tree() IS
    'from here on this transaction is the only one that changes the tree of accounts';

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
    PERFORM @extschema@._rde_change_tree();
    PERFORM @extschema@._rde_follow_roles();

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
        SELECT a.account INTO holder FROM @extschema@._rde_account_roles a
        WHERE a.role = (SELECT r.oid FROM pg_roles r WHERE r.rolname = _rde_check_account.role)
          AND a.account <> _rde_check_account.account;
        IF FOUND THEN
            RAISE EXCEPTION USING ERRCODE = 'duplicate_object',
                MESSAGE = format('role "%s" is account %s already', role, holder),
                HINT = 'A role says which account a session is, so it can be one only.';
        END IF;
        IF EXISTS (SELECT FROM @extschema@._rde_privilege p JOIN pg_roles r ON r.oid = p.role_oid WHERE r.rolname = _rde_check_account.role) THEN
            RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
                MESSAGE = format('role "%s" was granted something by rde_grant() and cannot be an account', role),
                HINT = 'Take it back with rde_revoke(), or give the account a role of its own.';
        END IF;
        -- an account whose role is gone has no more than its name
        UPDATE @extschema@._rde_account a SET role = NULL, role_oid = NULL, system_identifier = NULL
        WHERE a.role = _rde_check_account.role AND a.id <> _rde_check_account.account;
    END IF;

    WHILE above IS NOT NULL LOOP
        IF above = account THEN
            RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
                MESSAGE = CASE WHEN parent = account THEN format('account %s cannot be its own parent', account)
                               ELSE format('account %s cannot be below account %s, which is below it', account, parent) END,
                HINT = 'Accounts form a tree: move the other one first.';
        END IF;
        PERFORM @extschema@._rde_find_account(above);
        SELECT a.parent INTO above FROM @extschema@._rde_account a WHERE a.id = above;
    END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_check_account(bigint, bigint, name, text) IS
    'lock the tree of accounts and check where an account is to be put, its role and its scope';

CREATE FUNCTION @extschema@._rde_check_quotas(quotas numeric[]) RETURNS void
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF 0 > ANY (quotas) THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'quotas must not be negative';
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_check_quotas(numeric[]) IS
    'raise 22023 for quotas that cannot be';

-- What somebody above an account made for it, that account may not change, unless
-- whoever is above says so.
CREATE FUNCTION @extschema@._rde_may_alter(reseller bigint, locked boolean) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT @extschema@._rde_sees_all(true)
           OR reseller = ANY (@extschema@._rde_visible_accounts())
              AND (NOT locked OR reseller <> @extschema@._rde_own_reseller(NULL::bigint));
END;
COMMENT ON FUNCTION @extschema@._rde_may_alter(bigint, boolean) IS
    'may the caller alter and drop a generator or a view of this reseller?';

CREATE FUNCTION @extschema@._rde_check_lock(what text, reseller bigint, locked boolean) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT coalesce(@extschema@._rde_may_alter(reseller, locked), false) THEN
        RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege',
            MESSAGE = format('%s was made by the provider, who alone may change it', what),
            HINT = 'Ask the provider, or make one of your own.';
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_check_lock(text, bigint, boolean) IS
    'raise 42501 for what the caller may not alter, though it is his';

CREATE FUNCTION @extschema@._rde_new_lock(reseller bigint, locked boolean, before boolean) RETURNS boolean
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller CONSTANT bigint := @extschema@._rde_own_reseller(NULL::bigint);
    own CONSTANT boolean := reseller IS NULL OR reseller = coalesce(caller, reseller - 1);
BEGIN
    IF own AND locked THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = CASE WHEN reseller IS NULL THEN 'what belongs to no account cannot be locked'
                           ELSE 'an account cannot lock what is its own' END, COLUMN = 'locked';
    END IF;
    RETURN coalesce(locked, before, NOT own);
END
$$;
COMMENT ON FUNCTION @extschema@._rde_new_lock(bigint, boolean, boolean) IS
    'is a generator or view of this reseller locked? As the caller says, else as it was before, else if somebody above makes it; raises 22023';

CREATE FUNCTION @extschema@._rde_hold_account(account bigint) RETURNS @extschema@._rde_account
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    held @extschema@._rde_account;
BEGIN
    SELECT a.* INTO held FROM @extschema@._rde_account a WHERE a.id = account;
    IF FOUND THEN
        -- written each time: who goes on under a snapshot that is older than
        -- another request of the account fails (40001), and counts nothing twice.
        -- A row of its own, so that nobody who alters the account waits for it.
        INSERT INTO @extschema@._rde_request AS q (account) VALUES (held.id)
        ON CONFLICT ON CONSTRAINT _rde_request_pkey DO UPDATE SET number = q.number + 1;
    END IF;
    RETURN held;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_hold_account(bigint) IS
    'an account''s row, NULL if there is none; what its quotas count is counted one after the other from here on, until the transaction has ended';

CREATE FUNCTION @extschema@._rde_check_count(reseller bigint, what text) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    held @extschema@._rde_account;
    used bigint;
    allowed integer;
BEGIN
    -- what an operator makes for it is not held against it
    IF @extschema@._rde_sees_all(true) THEN
        RETURN;
    END IF;
    held := @extschema@._rde_hold_account(reseller);
    CASE what
        WHEN 'generators' THEN
            allowed := held.max_generators;
            SELECT count(*) INTO used FROM @extschema@._rde_generator g WHERE g.reseller = held.id;
        WHEN 'views' THEN
            allowed := held.max_views;
            SELECT count(*) INTO used FROM @extschema@._rde_view v WHERE v.reseller = held.id;
        WHEN 'tokens' THEN
            allowed := held.max_tokens;
            SELECT count(*) INTO used FROM @extschema@._rde_token t
            WHERE t.account = held.id AND t.revoked_at IS NULL AND t.expires_at > now();
    END CASE;
    IF used >= allowed THEN
        RAISE EXCEPTION USING ERRCODE = 'configuration_limit_exceeded', COLUMN = 'max_' || what,
            MESSAGE = format('account %s has %s %s, as many as it may', held.id, used, what),
            HINT = 'Remove some that are not needed, or ask the provider for more.';
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_check_count(bigint, text) IS
    'raise 53400 if an account may not make one more of what it has: generators, views or tokens';

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
        RAISE EXCEPTION USING ERRCODE = 'configuration_limit_exceeded', COLUMN = 'last_day',
            MESSAGE = format('a report may cover %s at most', @extschema@._rde_max_span()),
            HINT = 'Ask for several reports of shorter periods.';
    END IF;
    account := @extschema@._rde_hold_account(reseller);
    IF account.id IS NULL THEN
        RETURN;
    END IF;
    SELECT count(*) INTO used FROM @extschema@._rde_report r
    WHERE r.reseller = account.id AND (r.status = 'submitted' OR r.retry_at IS NOT NULL);
    IF used + reports > account.max_pending THEN
        RAISE EXCEPTION USING ERRCODE = 'configuration_limit_exceeded', COLUMN = 'max_pending',
            MESSAGE = format('%s reports of account %s wait to be built, as many as may', used, account.id),
            HINT = 'Wait until some have been built, or cancel some.';
    END IF;
    IF account.max_reports_per_day IS NOT NULL THEN
        -- not the reports that are there: some may have been dropped
        DELETE FROM @extschema@._rde_asked q
        WHERE q.account = reseller AND q.asked_at <= now() - interval '24 hours';
        SELECT coalesce(sum(q.reports), 0) INTO used FROM @extschema@._rde_asked q WHERE q.account = reseller;
        IF used + reports > account.max_reports_per_day THEN
            RAISE EXCEPTION USING ERRCODE = 'configuration_limit_exceeded', COLUMN = 'max_reports_per_day',
                MESSAGE = format('account %s has asked for %s reports in 24 hours, as many as it may', account.id, used),
                HINT = 'Ask again tomorrow.';
        END IF;
        INSERT INTO @extschema@._rde_asked (account, reports) VALUES (reseller, _rde_check_quota.reports);
    END IF;
    IF account.max_stored_bytes IS NOT NULL THEN
        SELECT coalesce(sum(r.file_bytes), 0) INTO used FROM @extschema@._rde_report r
        WHERE r.reseller = account.id AND r.expires_at > now();
        IF used >= account.max_stored_bytes THEN
            RAISE EXCEPTION USING ERRCODE = 'configuration_limit_exceeded', COLUMN = 'max_stored_bytes',
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
    max_reports_per_day integer DEFAULT 1000,
    max_stored_bytes    bigint DEFAULT 107374182400,
    max_generators      integer DEFAULT 100,
    max_views           integer DEFAULT 100,
    max_tokens          integer DEFAULT 20
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
    PERFORM @extschema@._rde_check_quotas(ARRAY[max_pending, max_reports_per_day, max_stored_bytes, max_generators, max_views, max_tokens]::numeric[]);
    INSERT INTO @extschema@._rde_account
        (id, name, parent, role, role_oid, system_identifier, time_zone, scope, max_pending, max_reports_per_day,
         max_stored_bytes, max_generators, max_views, max_tokens)
    SELECT account, name, parent, r.rolname, r.oid, CASE WHEN r.oid IS NOT NULL THEN c.system_identifier END, zone, scope,
           coalesce(max_pending, 20), max_reports_per_day, max_stored_bytes, coalesce(max_generators, 100),
           coalesce(max_views, 100), coalesce(max_tokens, 20)
    FROM pg_control_system() c LEFT JOIN pg_roles r ON r.rolname = rde_create_account.role;
EXCEPTION
    WHEN unique_violation THEN
        RAISE EXCEPTION USING ERRCODE = 'duplicate_object',
            MESSAGE = format('account %s already exists', account),
            HINT = 'Change it with rde_alter_account().';
END
$$;
COMMENT ON FUNCTION @extschema@.rde_create_account(bigint, text, bigint, name, text, text, integer, integer, bigint, integer, integer, integer) IS
    'add a reseller to the tree: account is what the reseller column of sources holds, role the database role that is this account, scope provider lets its reports hold the rows of all accounts below it too; max_... are its quotas, NULL is none for reports per day and bytes. None is needed to export or generate. Raises 22023, 42602, 42704, 42710';

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
    max_generators      integer DEFAULT NULL,
    max_views           integer DEFAULT NULL,
    max_tokens          integer DEFAULT NULL,
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
    PERFORM @extschema@._rde_check_quotas(ARRAY[max_pending, max_reports_per_day, max_stored_bytes, max_generators, max_views, max_tokens]::numeric[]);
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
        role_oid = CASE WHEN NOT 'role' = ANY (clear)
                   THEN coalesce((SELECT r.oid FROM pg_roles r WHERE r.rolname = rde_alter_account.role), a.role_oid) END,
        system_identifier = CASE WHEN 'role' = ANY (clear) THEN NULL
                                 WHEN rde_alter_account.role IS NULL THEN a.system_identifier
                                 ELSE (SELECT c.system_identifier FROM pg_control_system() c) END,
        time_zone = CASE WHEN NOT 'time_zone' = ANY (clear) THEN coalesce(zone, a.time_zone) END,
        scope = coalesce(rde_alter_account.scope, a.scope),
        max_pending = coalesce(rde_alter_account.max_pending, a.max_pending),
        max_reports_per_day = CASE WHEN NOT 'max_reports_per_day' = ANY (clear)
                              THEN coalesce(rde_alter_account.max_reports_per_day, a.max_reports_per_day) END,
        max_stored_bytes = CASE WHEN NOT 'max_stored_bytes' = ANY (clear)
                           THEN coalesce(rde_alter_account.max_stored_bytes, a.max_stored_bytes) END,
        max_generators = coalesce(rde_alter_account.max_generators, a.max_generators),
        max_views = coalesce(rde_alter_account.max_views, a.max_views),
        max_tokens = coalesce(rde_alter_account.max_tokens, a.max_tokens)
    WHERE a.id = rde_alter_account.account;
END
$$;
COMMENT ON FUNCTION @extschema@.rde_alter_account(bigint, text, bigint, name, text, text, integer, integer, bigint, integer, integer, integer, text[]) IS
    'change an account; what is NULL stays as it is, and clear names what is to be taken away: parent, role, time_zone, max_reports_per_day, max_stored_bytes. Raises 22023, 42602, 42704, 42710';

CREATE FUNCTION @extschema@.rde_drop_account(account bigint) RETURNS void
    LANGUAGE rde_definer VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    users text;
BEGIN
    PERFORM @extschema@._rde_refuse_account();
    PERFORM @extschema@._rde_change_tree();
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
    'take a reseller out of the tree, once it has no accounts below it and no generators; its reports stay. Raises 2BP01 (has accounts below it, or generators), 42704';

CREATE FUNCTION @extschema@.rde_set_on_invoice(account bigint, enabled boolean, child bigint DEFAULT NULL) RETURNS void
    LANGUAGE rde_definer VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM @extschema@._rde_own_reseller(account);
    PERFORM @extschema@._rde_find_account(account);
    IF enabled IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'enabled must not be null';
    END IF;
    IF child IS NOT NULL AND NOT EXISTS (SELECT FROM @extschema@._rde_account a WHERE a.id = child AND a.parent = account) THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('account %s is not a direct child of account %s', child, account),
            HINT = 'An account switches reports on invoice for the accounts directly below it.';
    END IF;
    IF NOT enabled THEN
        INSERT INTO @extschema@._rde_on_invoice_off (account, child)
        VALUES (rde_set_on_invoice.account, coalesce(rde_set_on_invoice.child, rde_set_on_invoice.account))
        ON CONFLICT DO NOTHING;
        RETURN;
    END IF;
    DELETE FROM @extschema@._rde_on_invoice_off o
    WHERE o.account = rde_set_on_invoice.account
      AND o.child = coalesce(rde_set_on_invoice.child, rde_set_on_invoice.account);
    IF child IS NOT NULL AND NOT (SELECT o.children FROM @extschema@._rde_account_on_invoice o WHERE o.id = account) THEN
        RAISE NOTICE USING
            MESSAGE = format('account %s still makes no reports on invoice', child),
            DETAIL = format('Account %s switched them off for all its children.', account),
            HINT = format('rde_set_on_invoice(%s, true) switches them on again.', account);
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.rde_set_on_invoice(bigint, boolean, bigint) IS
    'let an account switch reports on invoice on or off for all the accounts directly below it, or for one of them. Raises 22023, 42704';

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

