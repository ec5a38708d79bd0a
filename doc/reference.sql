-- reference.sql
--
-- Prints the parts of doc/reference.md that the catalog knows, as Markdown: functions,
-- views and settings, from their declarations and comments.  "make reference" puts them
-- into the page; test/t/document_reference.pl compares.  Each part begins with a line
-- "<!-- catalog: part -->" and ends with "<!-- end -->", as in the page.

\pset tuples_only on
\pset format unaligned
\pset pager off
LOAD 'rde';

-- Types and defaults as people write them.
CREATE FUNCTION pg_temp.plain(declaration text) RETURNS text
    LANGUAGE sql
    RETURN replace(replace(regexp_replace(regexp_replace(declaration, '::[a-z ]+(\[\])?(?=, |$)', '', 'g'), '(^|, )IN ', '\1', 'g'),
               'timestamp with time zone', 'timestamptz'), 'time without time zone', 'time');

-- Text in which nothing is Markdown.
CREATE FUNCTION pg_temp.escaped(words text) RETURNS text
    LANGUAGE sql
    RETURN replace(regexp_replace(words, '([|*[])', '\\\1', 'g'), '<', '&lt;');

-- A comment as a sentence.
CREATE FUNCTION pg_temp.sentence(words text) RETURNS text
    LANGUAGE sql
    RETURN upper(left(words, 1)) || pg_temp.escaped(substr(words, 2)) || CASE WHEN words ~ '[.?]$' THEN '' ELSE '.' END;

\echo '<!-- catalog: functions -->'
WITH routine AS (
    SELECT p.oid, p.proname AS name, p.prokind, x.extname,
           regexp_replace(pg_get_function_arguments(p.oid), '(, )?\mOUT \w+ [^,]+', '', 'g') AS arguments,
           (SELECT string_agg(o.name || ' ' || format_type(o.type, NULL), ', ' ORDER BY o.n)
            FROM unnest(p.proargnames, p.proallargtypes, p.proargmodes) WITH ORDINALITY o(name, type, mode, n)
            WHERE o.mode IN ('o', 't')) AS columns,
           pg_get_function_result(p.oid) AS result,
           obj_description(p.oid, 'pg_proc') AS comment,
           CASE
               WHEN x.extname <> 'rde' THEN '8 Uploading to Azure'
               WHEN p.proname ~ '^rde_(list|get|request)_|report_file|manifest' THEN '7 For programs of resellers'
               WHEN p.proname ~ 'dataset|rde_attach|rde_detach' THEN '1 Data sets'
               WHEN p.proname ~ '_view$' THEN '2 Report views'
               WHEN p.proname ~ 'generator|stamp|invoice' AND p.proname !~ 'set_on_invoice' THEN '4 Generators'
               WHEN p.proname ~ 'run_due|schedule' THEN '5 Workers'
               WHEN p.proname ~ 'account|token|login|grant|revoke|whoami|link|signing_key|redeem|download_url|version|on_invoice' THEN '6 Who is who'
               ELSE '3 Reports'
           END AS topic
    FROM pg_proc p
    JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
    JOIN pg_extension x ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = x.oid
    WHERE x.extname IN ('rde', 'rde_azure') AND p.proname ~ '^rde_' AND p.proname !~ 'handler|validator'
)
SELECT E'\n### ' || substr(topic, 3) || E'\n\n' || string_agg(
           format('**`%s%s(%s)%s`**  ', CASE prokind WHEN 'p' THEN 'CALL ' END, name, pg_temp.plain(arguments),
                  CASE WHEN columns IS NOT NULL THEN ' → (' || pg_temp.plain(columns) || ')'
                       WHEN prokind = 'p' OR result = 'void' THEN ''
                       ELSE ' → ' || pg_temp.plain(replace(result, 'SETOF', 'setof')) END)
           || E'\n' || pg_temp.sentence(comment), E'\n\n' ORDER BY name COLLATE "C")
FROM routine
GROUP BY topic
ORDER BY topic COLLATE "C";
\echo
\echo '<!-- end -->'

\echo '<!-- catalog: views -->'
SELECT format(E'\n### %s\n\n%s\n\n| column | type | |\n|---|---|---|\n%s', c.relname, pg_temp.sentence(obj_description(c.oid, 'pg_class')),
              (SELECT string_agg(format('| `%s` | %s | %s |', a.attname, pg_temp.plain(format_type(a.atttypid, a.atttypmod)),
                                        pg_temp.escaped(col_description(c.oid, a.attnum))), E'\n' ORDER BY a.attnum)
               FROM pg_attribute a
               WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped))
FROM pg_class c
JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'
JOIN pg_extension x ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = x.oid
WHERE x.extname IN ('rde', 'rde_azure') AND c.relkind = 'v' AND c.relname ~ '^rde_'
ORDER BY c.relname COLLATE "C";
\echo
\echo '<!-- end -->'

\echo '<!-- catalog: settings -->'
\echo
\echo '| setting | default | |'
\echo '|---|---|---|'
SELECT format('| `%s` | %s | %s |', name, coalesce('`' || nullif(boot_val, '') || '`', 'empty'), pg_temp.escaped(concat_ws(' ', short_desc, extra_desc)))
FROM pg_settings
WHERE name ~ '^rde(_azure)?\.'
ORDER BY name;
\echo
\echo '<!-- end -->'
