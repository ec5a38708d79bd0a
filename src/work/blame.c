/*
 * blame.c
 *	  Whose fault it was that a report could not be built.
 *
 * Invariant: a source that was read for other resellers, just now or since a report
 * failed before, does not pause for what that report fails of.
 */
#include "work/blame.h"

#include "core/row.h"
#include "core/statement.h"

#include "catalog/pg_type.h"

bool
rde_blame_may_be_ones(const RdeFailure *failure)
{
	return !failure->waited &&
		(failure->locked ||
		 (failure->rows && strcmp(failure->kind, "source") == 0));
}

static const RdeStatement was_read = {
	.sql = "SELECT EXISTS (SELECT FROM %s._rde_report f JOIN %s._rde_report o"
	" ON o.dataset = f.dataset AND o.published_at > f.failed_at"
	" WHERE f.id = $1 AND o.status = 'completed'"
	" AND o.reseller IS DISTINCT FROM f.reseller)",
	.types = {UUIDOID},
	.expected = SPI_OK_SELECT
};

/* Was the source read for another reseller since it could not be for this one? */
static bool
was_read_since(const RdeHome *home, const pg_uuid_t *id)
{
	Datum		values[] = {UUIDPGetDatum(id)};

	rde_execute(home, &was_read, values, NULL);
	return rde_row_bool(rde_row(0), 1);
}

const char *
rde_blame(const RdeHome *home, const RdeFailure *failure, bool others_built,
		  const pg_uuid_t *id)
{
	if (strcmp(failure->kind, "source") != 0 ||
		(!(others_built && rde_blame_may_be_ones(failure)) &&
		 !was_read_since(home, id)))
		return failure->kind;
	/* nor is the report to blame if another server is away that has its rows */
	return failure->locked ? "locked" : failure->waited ? "blocked" : "build";
}
