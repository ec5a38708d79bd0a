/*
 * link.c
 *	  Links to blobs.
 *
 * Invariant: a link is computed when it is asked for, from the server and the
 * key of that moment, and never stored.
 */
#include "core/row.h"
#include "core/statement.h"
#include "core/url.h"

#include "catalog/pg_type.h"
#include "options.h"
#include "shared_key.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

PG_FUNCTION_INFO_V1(rde_azure_download_url);
PG_FUNCTION_INFO_V1(rde_azure_blob_url);

static const RdeStatement find_blob = {
	.sql = "SELECT u.server::text, u.blob,"
	" r.published_at,"
	" least(r.expires_at, now() + %s._rde_link_lifetime())"
	" FROM %s._rde_azure_upload u"
	" JOIN %s._rde_report r ON r.id = u.report"
	" WHERE u.report = $1 AND u.status = 'uploaded'"
	" AND u.link_number = r.link_number",
	.types = {UUIDOID},
	.sight = RDE_SEES_CALLERS,
	.expected = SPI_OK_SELECT
};

/*
 * rde_azure_download_url(report uuid) → text; NULL while its blob is not there
 * by the name it is to have, or its server or the key is not.
 */
Datum
rde_azure_download_url(PG_FUNCTION_ARGS)
{
	const RdeHome *home = rde_home(fcinfo);
	MemoryContext context = CurrentMemoryContext;
	Datum		values[] = {PG_GETARG_DATUM(0)};
	text	   *url = NULL;

	rde_connect();
	rde_execute(home, &find_blob, values, NULL);
	if (SPI_processed > 0)
	{
		RdeRow		row = rde_row(0);
		const AzureServer *server = azure_server_find(rde_row_text(row, 1));

		if (server && server->key)
		{
			const char *link = azure_read_link(server, rde_row_text(row, 2),
											   rde_row_instant(row, 3) -
											   RDE_LINK_EARLY,
											   rde_row_instant(row, 4));

			MemoryContextSwitchTo(context);
			url = cstring_to_text(link);
		}
	}
	SPI_finish();
	if (url == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(url);
}

/* _rde_azure_blob_url(server name, blob text) → text */
Datum
rde_azure_blob_url(PG_FUNCTION_ARGS)
{
	const AzureServer *server = azure_server_find(NameStr(*PG_GETARG_NAME(0)));

	if (server == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(azure_blob_url(server,
													text_to_cstring(PG_GETARG_TEXT_PP(1)))));
}
