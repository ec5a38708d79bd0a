---------------------------------------------------------------------------
-- Data sets and their columns, to be selected from
---------------------------------------------------------------------------

CREATE VIEW @extschema@.rde_datasets WITH (security_barrier) AS
SELECT d.name, d.title, s.relation AS source, pg_get_userbyid(c.relowner) AS source_owner,
       s.reseller_column, s.period_column, s.key_columns, s.amount_column, s.currency_column,
       s.invoice_column, s.change_column, s.mapping, s.attached_at,
       (SELECT array_agg(v.name ORDER BY v.name) FROM @extschema@.rde_view v
        WHERE v.dataset = d.name AND v.reseller IS NULL) || 'full'::text AS views,
       d.shipped
FROM @extschema@.rde_dataset d
LEFT JOIN @extschema@.rde_source s ON s.dataset = d.name AND (SELECT @extschema@.rde_sees_all(true))
LEFT JOIN pg_class c ON c.oid = s.relation
WHERE (SELECT @extschema@.rde_sees_all()) OR (SELECT cardinality(@extschema@.rde_visible_accounts())) > 0;
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
COMMENT ON COLUMN @extschema@.rde_datasets.attached_at IS
    'when it was attached last';
COMMENT ON COLUMN @extschema@.rde_datasets.views IS
    'the provider''s report views it can be exported with';
COMMENT ON COLUMN @extschema@.rde_datasets.shipped IS
    'true: it comes with the extension';

-- Functions in a view run with the reader's rights, so this one looks columns up
-- by itself, as _rde_resolve() does.
CREATE VIEW @extschema@.rde_dataset_columns WITH (security_barrier) AS
SELECT c.* FROM (
    SELECT v.dataset, v.name AS view, v.reseller, vc.position, vc.alias AS name, vc.column_name, vc.transform,
           vc.argument, CASE WHEN (SELECT @extschema@.rde_sees_all(true)) THEN found.name END AS source_column,
           CASE WHEN (SELECT @extschema@.rde_sees_all(true)) THEN found.type END AS source_type, vc.field_group AS "group", vc.description
    FROM @extschema@.rde_view v
    JOIN @extschema@.rde_view_column vc ON vc.view = v.id
    LEFT JOIN LATERAL (
        SELECT c.name, format_type(a.atttypid, a.atttypmod) AS type
        FROM @extschema@.rde_source s
        LEFT JOIN LATERAL (SELECT m.value FROM jsonb_each_text(s.mapping) m
                           WHERE lower(m.key) = lower(vc.column_name)) mapped ON true
        JOIN pg_attribute a ON a.attrelid = s.relation AND a.attnum > 0 AND NOT a.attisdropped
            AND lower(a.attname) = lower(coalesce(mapped.value, vc.column_name))
        JOIN @extschema@.rde_source_column c ON c.dataset = s.dataset AND c.name = a.attname
        WHERE s.dataset = v.dataset
        ORDER BY a.attname = coalesce(mapped.value, vc.column_name) DESC
        LIMIT 1) found ON true
    WHERE (v.reseller IS NULL AND (SELECT cardinality(@extschema@.rde_visible_accounts())) > 0)
       OR ((SELECT @extschema@.rde_sees_all()) OR v.reseller = ANY ((SELECT @extschema@.rde_visible_accounts())::bigint[]))
    UNION ALL
    SELECT c.dataset, 'full', NULL, c.position, c.name, c.name, NULL,
           NULL, CASE WHEN (SELECT @extschema@.rde_sees_all(true)) THEN c.name END,
           CASE WHEN (SELECT @extschema@.rde_sees_all(true)) THEN c.type END, shown.field_group, shown.description
    FROM @extschema@.rde_source_column c
    LEFT JOIN LATERAL (
        SELECT vc.field_group, vc.description
        FROM @extschema@.rde_view v JOIN @extschema@.rde_view_column vc ON vc.view = v.id
        WHERE v.dataset = c.dataset AND v.reseller IS NULL AND v.name = 'cmp'
          AND lower(vc.column_name) = lower(c.name)
        LIMIT 1) shown ON true
    WHERE (SELECT @extschema@.rde_sees_all()) OR (SELECT cardinality(@extschema@.rde_visible_accounts())) > 0) c;
COMMENT ON VIEW @extschema@.rde_dataset_columns IS
    'the columns of every report view, in order, with group and description; source_column is NULL where nothing is mapped';
COMMENT ON COLUMN @extschema@.rde_dataset_columns.dataset IS
    'the data set';
COMMENT ON COLUMN @extschema@.rde_dataset_columns.view IS
    'the report view; full is every exposed column';
COMMENT ON COLUMN @extschema@.rde_dataset_columns.reseller IS
    'whose view it is; NULL is the provider''s, for all';
COMMENT ON COLUMN @extschema@.rde_dataset_columns.position IS
    'the place in the report, counted from 1';
COMMENT ON COLUMN @extschema@.rde_dataset_columns.name IS
    'the column''s name in the report';
COMMENT ON COLUMN @extschema@.rde_dataset_columns.column_name IS
    'the column''s name in the data set';
COMMENT ON COLUMN @extschema@.rde_dataset_columns.transform IS
    'what is done to the value: unix, unix_date, attribute, locale, or nothing';
COMMENT ON COLUMN @extschema@.rde_dataset_columns.argument IS
    'the attribute or the locale that is taken';
COMMENT ON COLUMN @extschema@.rde_dataset_columns.source_column IS
    'the source column behind it, for operators; NULL where nothing is mapped';
COMMENT ON COLUMN @extschema@.rde_dataset_columns.source_type IS
    'the type of that column';
COMMENT ON COLUMN @extschema@.rde_dataset_columns."group" IS
    'what the column belongs to';
COMMENT ON COLUMN @extschema@.rde_dataset_columns.description IS
    'what the column says';

