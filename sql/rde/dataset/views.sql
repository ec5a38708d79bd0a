---------------------------------------------------------------------------
-- Data sets and their columns, to be selected from
---------------------------------------------------------------------------

CREATE FUNCTION @extschema@._rde_datasets(
    OUT name text, OUT title text, OUT source regclass, OUT source_owner name, OUT reseller_column name,
    OUT period_column name, OUT key_columns name[], OUT amount_column name, OUT currency_column name,
    OUT invoice_column name, OUT change_column name, OUT mapping jsonb, OUT watermark regclass, OUT delay interval,
    OUT attached_at timestamptz, OUT views text[], OUT shipped boolean, OUT attached boolean
) RETURNS SETOF record
    LANGUAGE rde_definer STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    sources CONSTANT boolean := @extschema@._rde_sees_all(true);
BEGIN
    IF NOT @extschema@._rde_sees_all(false) AND cardinality(@extschema@._rde_visible_accounts()) = 0 THEN
        RETURN;
    END IF;
    RETURN QUERY
    SELECT d.name, d.title, s.relation, pg_get_userbyid(c.relowner), s.reseller_column, s.period_column, s.key_columns,
           s.amount_column, s.currency_column, s.invoice_column, s.change_column, s.mapping, s.watermark, s.delay,
           s.attached_at, (SELECT array_agg(v.name ORDER BY v.name) FROM @extschema@._rde_view v
            WHERE v.dataset = d.name AND v.reseller IS NULL) || 'full'::text,
           d.shipped, EXISTS (SELECT FROM @extschema@._rde_source a WHERE a.dataset = d.name)
    FROM @extschema@._rde_dataset d
    LEFT JOIN @extschema@._rde_source s ON s.dataset = d.name AND sources
    LEFT JOIN pg_class c ON c.oid = s.relation;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_datasets() IS
    'the rows of rde_datasets, as far as the caller may see them';

CREATE VIEW @extschema@.rde_datasets WITH (security_barrier) AS
SELECT d.name, d.title, d.source, d.source_owner, d.reseller_column, d.period_column, d.key_columns, d.amount_column,
       d.currency_column, d.invoice_column, d.change_column, d.mapping, d.watermark, d.delay, d.attached_at, d.views, d.shipped,
       d.attached
FROM @extschema@._rde_datasets() d;
COMMENT ON VIEW @extschema@.rde_datasets IS
    'every data set, where its rows come from (for operators) and the views it can be exported with';
COMMENT ON COLUMN @extschema@.rde_datasets.name IS
    'the data set''s name';
COMMENT ON COLUMN @extschema@.rde_datasets.title IS
    'what it is called to people';
COMMENT ON COLUMN @extschema@.rde_datasets.source IS
    'the relation its rows come from; shown to operators, as are the columns that follow, and NULL while it is not attached';
COMMENT ON COLUMN @extschema@.rde_datasets.source_owner IS
    'as whom reports read the source';
COMMENT ON COLUMN @extschema@.rde_datasets.reseller_column IS
    'the source column that says whose a row is';
COMMENT ON COLUMN @extschema@.rde_datasets.period_column IS
    'the source column that says when a row changed';
COMMENT ON COLUMN @extschema@.rde_datasets.key_columns IS
    'the source columns that identify a row and put rows in order';
COMMENT ON COLUMN @extschema@.rde_datasets.amount_column IS
    'the source column that totals add up';
COMMENT ON COLUMN @extschema@.rde_datasets.currency_column IS
    'the source column with the currency of the amount';
COMMENT ON COLUMN @extschema@.rde_datasets.invoice_column IS
    'the source column that says which invoice a row is on';
COMMENT ON COLUMN @extschema@.rde_datasets.change_column IS
    'the source column that holds the id of the transaction that wrote the row';
COMMENT ON COLUMN @extschema@.rde_datasets.mapping IS
    'names of the data set that the source spells otherwise';
COMMENT ON COLUMN @extschema@.rde_datasets.watermark IS
    'the relation that says before when all rows have arrived from elsewhere';
COMMENT ON COLUMN @extschema@.rde_datasets.delay IS
    'for how long after a period its rows may still arrive';
COMMENT ON COLUMN @extschema@.rde_datasets.attached_at IS
    'when it was attached last';
COMMENT ON COLUMN @extschema@.rde_datasets.views IS
    'the provider''s report views it can be exported with';
COMMENT ON COLUMN @extschema@.rde_datasets.shipped IS
    'true: it comes with the extension';
COMMENT ON COLUMN @extschema@.rde_datasets.attached IS
    'true: it has a source, so there is something to report';

CREATE FUNCTION @extschema@._rde_views(
    OUT dataset text, OUT name text, OUT reseller bigint, OUT columns bigint, OUT shipped boolean, OUT conditions bigint,
    OUT made_by bigint, OUT locked boolean
) RETURNS SETOF record
    LANGUAGE rde_definer STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    everybody CONSTANT boolean := @extschema@._rde_sees_all(false);
    accounts CONSTANT bigint[] := @extschema@._rde_visible_accounts();
BEGIN
    IF NOT everybody AND cardinality(accounts) = 0 THEN
        RETURN;
    END IF;
    RETURN QUERY
    SELECT v.dataset, v.name, v.reseller,
           (SELECT count(*) FROM @extschema@._rde_view_column c WHERE c.view = v.id), v.shipped,
           (SELECT count(*) FROM @extschema@._rde_view_condition c WHERE c.view = v.id), v.made_by, v.locked
    FROM @extschema@._rde_view v
    WHERE everybody OR v.reseller IS NULL OR v.reseller = ANY (accounts)
    UNION ALL
    SELECT d.name, 'full', NULL, (SELECT count(*) FROM @extschema@._rde_source_column c WHERE c.dataset = d.name), true, 0::bigint,
           NULL, true
    FROM @extschema@._rde_dataset d;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_views() IS
    'the rows of rde_views, as far as they are the caller''s';

CREATE VIEW @extschema@.rde_views WITH (security_barrier) AS
SELECT v.dataset, v.name, v.reseller, v.columns, v.shipped, v.conditions,
       v.made_by, v.locked
FROM @extschema@._rde_views() v;
COMMENT ON VIEW @extschema@.rde_views IS
    'the report views of every data set; rde_view_columns has their columns, rde_view_conditions says which rows they show';
COMMENT ON COLUMN @extschema@.rde_views.dataset IS
    'the data set';
COMMENT ON COLUMN @extschema@.rde_views.name IS
    'the view''s name; full is every exposed column';
COMMENT ON COLUMN @extschema@.rde_views.reseller IS
    'whose view it is; NULL is the provider''s, for all';
COMMENT ON COLUMN @extschema@.rde_views.columns IS
    'how many columns it has; 0 for the full view of a data set that is not attached';
COMMENT ON COLUMN @extschema@.rde_views.shipped IS
    'true: it comes with the extension and cannot be changed';
COMMENT ON COLUMN @extschema@.rde_views.conditions IS
    'how many conditions its rows are chosen by; 0: all rows';
COMMENT ON COLUMN @extschema@.rde_views.made_by IS
    'the account that made it; NULL: an operator, or the extension';
COMMENT ON COLUMN @extschema@.rde_views.locked IS
    'true: its own account may not alter or drop it, as somebody above made it';

CREATE FUNCTION @extschema@._rde_view_columns(
    OUT dataset text, OUT view text, OUT reseller bigint, OUT "position" integer, OUT name text, OUT column_name text,
    OUT transform text, OUT argument text, OUT source_column name, OUT source_type text, OUT field_group text,
    OUT description text, OUT labels json
) RETURNS SETOF record
    LANGUAGE rde_definer STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, pg_temp
    SET quote_all_identifiers = off
AS $$
DECLARE
    everybody CONSTANT boolean := @extschema@._rde_sees_all(false);
    sources CONSTANT boolean := @extschema@._rde_sees_all(true);
    accounts CONSTANT bigint[] := @extschema@._rde_visible_accounts();
BEGIN
    IF NOT everybody AND cardinality(accounts) = 0 THEN
        RETURN;
    END IF;
    RETURN QUERY
    SELECT v.dataset, v.name, v.reseller, vc.position, vc.alias, vc.column_name, vc.transform, vc.argument,
           CASE WHEN sources AND b.type IS NOT NULL THEN b.source_column END,
           CASE WHEN sources THEN format_type(b.type, b.typmod) END,
           vc.field_group, vc.description, vc.labels
    FROM @extschema@._rde_view v
    CROSS JOIN LATERAL @extschema@._rde_columns_behind(
        v.dataset, ARRAY(SELECT c.column_name FROM @extschema@._rde_view_column c WHERE c.view = v.id)) b
    JOIN @extschema@._rde_view_column vc ON vc.view = v.id AND vc.column_name = b.column_name
    WHERE everybody OR v.reseller IS NULL OR v.reseller = ANY (accounts);
    RETURN QUERY
    SELECT c.dataset, 'full'::text, NULL::bigint, c.position, c.name::text, c.name::text, NULL::text, NULL::text,
           CASE WHEN sources THEN c.name END, CASE WHEN sources THEN c.type END, shown.field_group, shown.description,
           NULL::json
    FROM @extschema@._rde_source_column c
    LEFT JOIN LATERAL (
        SELECT vc.field_group, vc.description
        FROM @extschema@._rde_view v JOIN @extschema@._rde_view_column vc ON vc.view = v.id
        WHERE v.dataset = c.dataset AND v.reseller IS NULL AND v.name = 'cmp'
          AND lower(vc.column_name) = lower(c.name)
        LIMIT 1) shown ON true;
END
$$;
COMMENT ON FUNCTION @extschema@._rde_view_columns() IS
    'the rows of rde_view_columns, as far as they are the caller''s';

CREATE VIEW @extschema@.rde_view_columns WITH (security_barrier) AS
SELECT c.dataset, c.view, c.reseller, c.position, c.name, c.column_name, c.transform, c.argument, c.source_column,
       c.source_type, c.field_group, c.description, c.labels
FROM @extschema@._rde_view_columns() c;
COMMENT ON VIEW @extschema@.rde_view_columns IS
    'the columns of every report view, in order, with group and description; source_column is NULL where nothing is mapped';
COMMENT ON COLUMN @extschema@.rde_view_columns.dataset IS
    'the data set';
COMMENT ON COLUMN @extschema@.rde_view_columns.view IS
    'the report view; full is every exposed column';
COMMENT ON COLUMN @extschema@.rde_view_columns.reseller IS
    'whose view it is; NULL is the provider''s, for all';
COMMENT ON COLUMN @extschema@.rde_view_columns.position IS
    'the place in the report, counted from 1';
COMMENT ON COLUMN @extschema@.rde_view_columns.name IS
    'the column''s name in the report';
COMMENT ON COLUMN @extschema@.rde_view_columns.column_name IS
    'the column''s name in the data set';
COMMENT ON COLUMN @extschema@.rde_view_columns.transform IS
    'what is done to the value: unix, unix_date, attribute, locale, multilingual (the report''s locale, if it has one), or nothing';
COMMENT ON COLUMN @extschema@.rde_view_columns.argument IS
    'the attribute or the locale that is taken';
COMMENT ON COLUMN @extschema@.rde_view_columns.source_column IS
    'the source column behind it, for operators; NULL where nothing is mapped';
COMMENT ON COLUMN @extschema@.rde_view_columns.source_type IS
    'the type of that column';
COMMENT ON COLUMN @extschema@.rde_view_columns.field_group IS
    'what the column belongs to';
COMMENT ON COLUMN @extschema@.rde_view_columns.description IS
    'what the column says';
COMMENT ON COLUMN @extschema@.rde_view_columns.labels IS
    'what people are shown for its name: a text, or texts by locale; NULL: the name';

CREATE FUNCTION @extschema@._rde_view_conditions(
    OUT dataset text, OUT view text, OUT reseller bigint, OUT "position" integer, OUT column_name text,
    OUT operator text, OUT operand jsonb, OUT source_column name, OUT source_type text
) RETURNS SETOF record
    LANGUAGE rde_definer STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, pg_temp
    SET quote_all_identifiers = off
AS $$
DECLARE
    everybody CONSTANT boolean := @extschema@._rde_sees_all(false);
    sources CONSTANT boolean := @extschema@._rde_sees_all(true);
    accounts CONSTANT bigint[] := @extschema@._rde_visible_accounts();
BEGIN
    RETURN QUERY
    SELECT v.dataset, v.name, v.reseller, vc.position, vc.column_name, vc.operator, vc.operand,
           CASE WHEN sources AND b.type IS NOT NULL THEN b.source_column END,
           CASE WHEN sources THEN format_type(b.type, b.typmod) END
    FROM @extschema@._rde_view v
    CROSS JOIN LATERAL @extschema@._rde_columns_behind(
        v.dataset, ARRAY(SELECT c.column_name FROM @extschema@._rde_view_condition c WHERE c.view = v.id)) b
    JOIN @extschema@._rde_view_condition vc ON vc.view = v.id AND vc.column_name = b.column_name
    WHERE everybody OR v.reseller = ANY (accounts) OR (v.reseller IS NULL AND cardinality(accounts) > 0);
END
$$;
COMMENT ON FUNCTION @extschema@._rde_view_conditions() IS
    'the rows of rde_view_conditions, as far as they are the caller''s';

CREATE VIEW @extschema@.rde_view_conditions WITH (security_barrier) AS
SELECT c.dataset, c.view, c.reseller, c.position, c.column_name, c.operator, c.operand, c.source_column, c.source_type
FROM @extschema@._rde_view_conditions() c;
COMMENT ON VIEW @extschema@.rde_view_conditions IS
    'which rows a report view shows: those that all its conditions hold of; a view that is not here shows all rows';
COMMENT ON COLUMN @extschema@.rde_view_conditions.dataset IS
    'the data set';
COMMENT ON COLUMN @extschema@.rde_view_conditions.view IS
    'the report view';
COMMENT ON COLUMN @extschema@.rde_view_conditions.reseller IS
    'whose view it is; NULL is the provider''s, for all';
COMMENT ON COLUMN @extschema@.rde_view_conditions.position IS
    'the condition''s place in what the view was told, counted from 1';
COMMENT ON COLUMN @extschema@.rde_view_conditions.column_name IS
    'the data set''s column it is about; the view itself need not show it';
COMMENT ON COLUMN @extschema@.rde_view_conditions.operator IS
    'in, not_in, min, max or is_null';
COMMENT ON COLUMN @extschema@.rde_view_conditions.operand IS
    'what the column is compared with: a list of values, a value, true or false';
COMMENT ON COLUMN @extschema@.rde_view_conditions.source_column IS
    'the source column behind it, for operators; NULL where nothing is mapped';
COMMENT ON COLUMN @extschema@.rde_view_conditions.source_type IS
    'the type of that column';

