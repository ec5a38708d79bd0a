# replace.awk - of the install script's parts, what an update does again
#
# Functions, procedures, views and triggers are replaced, comments, privileges and
# what pg_dump keeps are said again.  Tables, types, indexes and rows are changed by hand,
# in a step.  A kind of statement that is not listed here is an error.
#
# A statement begins at the start of a line, and ends with a semicolon at the end of
# one, outside of dollar quotes; one with BEGIN ATOMIC ends with its END.

function begin(line)
{
	if (line ~ /^CREATE (FUNCTION|PROCEDURE|VIEW|TRIGGER) /)
	{
		sub(/^CREATE /, "CREATE OR REPLACE ", line)
		keep = 1
	}
	# what a trigger depends on is not kept when it is replaced
	else if (line ~ /^(COMMENT ON|GRANT|REVOKE|DO|ALTER TRIGGER) / || line ~ /^SELECT pg_extension_config_dump\(/)
		keep = 1
	else if (line ~ /^CREATE (TABLE|TYPE|INDEX|UNIQUE INDEX|LANGUAGE|FOREIGN DATA WRAPPER) / || line ~ /^(ALTER|INSERT INTO|SELECT|WITH) /)
		keep = 0
	else
	{
		print FILENAME ":" FNR ": an update would not know what to do with: " line >"/dev/stderr"
		failed = 1
		exit 1
	}
	open = 1
	return line
}

# Leave dollar quotes behind, or stay in one whose end has not come.
function read(line,    at)
{
	while (match(line, /\$[A-Za-z_]*\$/))
	{
		at = substr(line, RSTART, RLENGTH)
		if (quote == "")
			quote = at
		else if (quote == at)
			quote = ""
		line = substr(line, RSTART + RLENGTH)
	}
}

FNR == 1 && open {
	print FILENAME ": the file before it ends within a statement" >"/dev/stderr"
	failed = 1
	exit 1
}
!open && /^[A-Z]/ { $0 = begin($0) }
open {
	if (keep)
		print
	if (quote == "" && /^[ \t]*--/)
		next
	read($0)
	if (/^BEGIN ATOMIC$/)
		atomic = 1
	if (quote == "" && (atomic ? /^END;/ : /;([ \t]*--.*)?$/))
		open = atomic = 0
}
END {
	if (open && !failed)
		print "the last statement has no end" >"/dev/stderr"
	exit failed || open
}
