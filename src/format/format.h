/*
 * format.h
 *	  A file format: a static const table of traits and routines.
 *
 * A format turns values into bytes in its context's buffer.  It sees no tuple,
 * no type and no sink beyond rde_sink_write().  A new format is one file, and one
 * line in format.c; what options it has is known in its file alone.
 */
#ifndef RDE_FORMAT_H
#define RDE_FORMAT_H

#include "file/stretch.h"
#include "format/column.h"
#include "lib/stringinfo.h"

typedef struct RdeFormat RdeFormat;
struct JsonbValue;

/* A report's options, see options.h. */
typedef struct RdeOptions
{
	bool		compress;		/* gzip files that it makes smaller */
	const char *locale;			/* of labels and multilingual texts, or NULL */
	void	  **own;			/* each format's, see rde_options_of() */
} RdeOptions;

/*
 * What a format is given, and what it counts.  Lives in the export context,
 * which is current in start and end; in row the row context is current.
 */
typedef struct RdeFormatContext
{
	const RdeFormat *format;
	const RdeOptions *options;
	RdeColumn  *columns;
	int			ncolumns;

	/* of the report, UTF-8 */
	const char *report_name;
	const char *dataset;
	const char *view;
	bool		has_reseller;	/* whose it is; else everybody's */
	int64		reseller;
	const char *invoice;		/* the rows of an invoice, else NULL and ... */
	TimestampTz period_from;	/* inclusive */
	TimestampTz period_to;		/* exclusive */
	TimestampTz dated;			/* the end of the period, or the invoice's */
	struct pg_tz *zone;			/* the report's time zone */

	RdeSink    *sink;			/* first sink of the chain */
	RdeSink    *cut;			/* which of them is told of slices, or NULL */
	RdeCompressor *compressor;	/* of what is no text; in no other's use */
	RdeBuffer	buffer;			/* empties into sink; ready at start */
	void	   *state;			/* the format's own, set by start */
	bool		in_slice;		/* rows come that are of one */
	bool		any_row;		/* at the end: there was one */

	/* rows of a part: see RdePartOps */
	bool		part;
	int64		rows_before;	/* of the report, in other parts */

	const char *currency;		/* of the row, with the amounts of a source
								 * that has them; NULL if there is none */
	size_t		currency_length;
	struct NumericData *amount; /* of the row, likewise; its header may be
								 * short */
	const RdeValue *period;		/* of the row: a date, an instant or Unix
								 * seconds; other shapes are no time */

	/* manifest */
	int64		replaced_characters;	/* that the format cannot hold */
	int64		text_numbers;	/* numbers written as text in XLSX */
} RdeFormatContext;

/*
 * How a file is put together of parts, if that needs more than the bytes of their
 * rows.  Whoever writes a part starts with the number of the report's rows before it;
 * whoever joins starts the file, with its head, and is given the parts that have
 * rows, in their order.
 */
typedef struct RdePartOps
{
	int			first_rows;		/* the first part has so many, or all there
								 * are; fewer may do, but seldom */

	/* The part has no more rows: what else of it has to be known. */
	void		(*put) (RdeFormatContext *context, StringInfo to);

	/*
	 * May these follow each other in a file that has the bytes of one whose
	 * rows were written by one process?  They are as they were put.
	 */
	bool		(*fit) (const char *const *parts, int nparts);

	/* What was put of the part whose bytes come next. */
	void		(*get) (RdeFormatContext *context, const char *from);

	/* Where a part called rde_cut_mark(). */
	void		(*mark) (RdeFormatContext *context);
} RdePartOps;

struct RdeFormat
{
	const char *name;			/* as users write it: csv */
	const char *other_name;		/* that is understood, too, or NULL */
	const char *extension;		/* csv; ".gz" is added for compressed files */
	const char *media_type;		/* of the uncompressed file */
	bool		compressible;	/* gzip makes it smaller */
	bool		text;			/* the uncompressed file is UTF-8 text */

	/*
	 * Options of its own, none if their size is 0: their defaults, where not
	 * zero; what a report gives under the format's name, to be checked; and
	 * what a hint shows of it.  One name may stand for options of all
	 * formats, as "excel" does.
	 */
	size_t		options_size;
	void		(*default_options) (void *own);
	void		(*set_options) (const struct JsonbValue *value, void *own,
								RdeOptions *options);
	const char *options_hint;
	const char *options_list;	/* the same for programs: objects of JSON, see
								 * _rde_option_list() */

	/*
	 * A file is its head, its rows with what stands between them, and its
	 * end. Whoever writes some of the rows only starts, too: that writes
	 * nothing, and what it makes follows from columns and options.
	 */
	void		(*start) (RdeFormatContext *context);

	/* Everything before the first row; NULL for nothing. */
	void		(*head) (RdeFormatContext *context);

	/* What stands between two rows, written before the second; or NULL. */
	const char *between;

	/*
	 * One row: ncolumns values in column order.  Errors that a value causes
	 * name the column; the row is in the error context.
	 */
	void		(*row) (RdeFormatContext *context, const RdeValue *values);

	/*
	 * Everything after the last row, into the buffer or the sink.  The caller
	 * drains the buffer and finishes the sink afterwards.
	 */
	void		(*end) (RdeFormatContext *context);

	const RdePartOps *parts;	/* NULL: rows follow each other as they are */
};

extern const RdeFormat rde_format_csv;
extern const RdeFormat rde_format_json;
extern const RdeFormat rde_format_jsonl;
extern const RdeFormat rde_format_xml;
extern const RdeFormat rde_format_xlsx;

/* Look a format up by name, ignoring case; raises 22023 with the list. */
extern const RdeFormat *rde_format_find(const char *name);

/*
 * The context's rows are those of a slice from here on, or of none any more, if it
 * has a cut that is told.
 */
extern void rde_slice_begin(RdeFormatContext *context);
extern void rde_slice_end(RdeFormatContext *context);

/* The formats there are, counted from 0; NULL behind the last. */
extern const RdeFormat *rde_format_at(int number);
extern int	rde_format_count(void);

#endif							/* RDE_FORMAT_H */
