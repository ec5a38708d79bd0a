-- SQL is built from identifiers only as the catalog spells them (S4): 10,000 hostile
-- names, each a column that is period, reseller, key or shown, each exported
\set VERBOSITY default
SET client_min_messages = error;
CREATE EXTENSION rde;
SELECT rde_create_dataset('fuzz', 'Fuzz');
CREATE TABLE canary (alive boolean);

DO $do$
DECLARE
    pieces text[] := ARRAY['"', '''', ';', '--', '/*', '*/', ' ', E'\n', E'\t', '$1', '$$', '\', '.', ',', '(', ')', '%s', '%I',
        'select', 'FROM', 'A', 'a', 'É', '😀', 'ש', '; DROP TABLE canary; --', '" FROM canary; --', 'NULL', '::int', E'\r', '&', '<', '>', ']'];
    names text[];
    name text;
    n int := 0;
    tables int := 0;
    id uuid;
    body json;
    content text;
BEGIN
    PERFORM setseed(0.5);
    WHILE n < 10000 LOOP
        -- one table of 500 columns at a time
        names := '{}';
        WHILE cardinality(names) < 500 LOOP
            name := '';
            FOR i IN 1 .. 1 + floor(random() * 6)::int LOOP
                name := name || pieces[1 + floor(random() * cardinality(pieces))::int];
            END LOOP;
            name := name::name::text;
            IF name <> '' AND NOT lower(name) = ANY (SELECT lower(x) FROM unnest(names) x)
               AND name NOT IN ('tableoid', 'xmin', 'xmax', 'cmin', 'cmax', 'ctid') THEN
                names := names || name;
            END IF;
        END LOOP;
        EXECUTE format('DROP TABLE IF EXISTS fuzz; CREATE TABLE fuzz (%I date, %I bigint, %s)', names[1], names[2],
            (SELECT string_agg(format('%I int DEFAULT %s', names[i], i), ', ') FROM generate_series(3, 500) i));
        EXECUTE format('INSERT INTO fuzz (%I, %I) VALUES (''2020-01-01'', 7)', names[1], names[2]);
        PERFORM rde_attach('fuzz', 'fuzz', names[2]::name, names[1]::name, key => ARRAY[names[3], names[4]]::name[]);
        id := rde_export('fuzz', '2020-01-01', '2020-01-01', 'json', 'full', 7);
        body := rde_text(id)::json -> 0;
        FOR i IN 3 .. 500 LOOP
            IF body ->> names[i] IS DISTINCT FROM i::text THEN
                RAISE EXCEPTION 'column % came out as %', quote_ident(names[i]), body ->> names[i];
            END IF;
        END LOOP;
        content := rde_text(rde_export('fuzz', '2020-01-01', '2020-01-01', 'xml', 'full', 7));
        IF NOT xml_is_well_formed_document(content) THEN
            RAISE EXCEPTION 'not well-formed: %', left(content, 2000);
        END IF;
        PERFORM rde_drop_report(id);
        n := n + 500;
    END LOOP;
END
$do$;
SELECT count(*) AS canaries FROM canary;
DROP TABLE canary, fuzz;
DROP EXTENSION rde;
