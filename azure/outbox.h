/*
 * outbox.h
 *	  Which reports are to be uploaded, and which blobs moved or deleted.
 */
#ifndef OUTBOX_H
#define OUTBOX_H

#include "core/rde.h"
#include "utils/uuid.h"

typedef enum AzureJobKind
{
	AZURE_UPLOAD,
	AZURE_MOVE,					/* its links were revoked */
	AZURE_DELETE				/* its report is gone */
} AzureJobKind;

/* A claimed row; what is of the report is NULL if that is gone. */
typedef struct AzureJob
{
	pg_uuid_t	id;				/* of the report, and of the row */
	AzureJobKind kind;
	int			attempts;		/* this one included */
	bool		expired;		/* the report's time was over */
	const char *server;
	const char *blob;			/* NULL: it has no name yet */
	const char *new_blob;		/* where it is being moved to, or NULL */
	const char *name;			/* of the report */
	const char *file_name;
	const char *media_type;
	const char *sha256;			/* hex */
	const char *reseller;		/* NULL: of all */
	const char *month;			/* yyyy-mm of its publication, UTC */
	int64		bytes;
	int			link_number;	/* the blob's; of a move, the report's */
} AzureJob;

/*
 * All of these are to be called in a step, see step.h, and raise what their
 * statements raise.
 */

/* 42501 unless the caller is an operator or administrator of reports. */
extern void azure_outbox_check_caller(const RdeHome *home);

/* 55000 if the rows are those of another cluster or database. */
extern void azure_outbox_check_cluster(const RdeHome *home);

/* Put reports that were completed since the last call into the outbox. */
extern void azure_outbox_fill(const RdeHome *home, const char *server);

/* The next job, claimed for this process, in `context`; NULL if there is none. */
extern AzureJob *azure_outbox_claim(const RdeHome *home,
									MemoryContext context);

/* Remember its names, before a blob of such a name may be there. */
extern void azure_outbox_name(const RdeHome *home, const AzureJob *job);

/* A chunk of a report's file, detoasted into `context`; NULL if there is none. */
extern bytea *azure_outbox_chunk(const RdeHome *home, const AzureJob *job,
								 int seq, MemoryContext context);

/*
 * What is known of the report's file, as JSON in `context`, but for when it
 * expires: that may change, and the rest does not.  NULL if there is no report.
 */
extern text * azure_outbox_manifest(const RdeHome *home, const AzureJob *job,
									MemoryContext context);

/* Was the report of an upload dropped meanwhile? */
extern bool azure_outbox_gone(const RdeHome *home, const AzureJob *job);

/* The blob is there and right; drop_chunks: remove the file from the database. */
extern void azure_outbox_uploaded(const RdeHome *home, const AzureJob *job,
								  bool drop_chunks);

/* The blob has its new name. */
extern void azure_outbox_moved(const RdeHome *home, const AzureJob *job);

/* The blob is gone, or somebody else's to remove. */
extern void azure_outbox_forget(const RdeHome *home, const AzureJob *job);

/*
 * Try again after so many seconds.  Less than 0: only when somebody asks for
 * it, if it is an upload; else after that many.
 */
extern void azure_outbox_failed(const RdeHome *home, const AzureJob *job,
								const char *error, int seconds);

#endif							/* OUTBOX_H */
