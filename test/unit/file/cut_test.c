/*
 * cut_test.c
 *	  Slices of any lengths (F6): the file holds what was written, its bytes are the
 *	  same whoever compressed a slice, in whatever pieces it came.
 */
#include "unit/server.h"

#include "file/cut.h"
#include "file/gunzip.h"
#include "file/gzip.h"
#include "kept.h"
#include "utils/memutils.h"

#define ROUNDS	12

static bool
same(const Kept *a, const Kept *b)
{
	return a->data.len == b->data.len &&
		memcmp(a->data.data, b->data.data, a->data.len) == 0;
}

/* Lines with numbers: neither noise nor all the same. */
static void
make_text(StringInfo text, int len)
{
	resetStringInfo(text);
	while (text->len < len)
		appendStringInfo(text, "%u,line %u of many\r\n", random_below(100000), random_below(100));
	text->len = len;
}

/* Around the length that decides, or any, or none. */
static int
any_length(void)
{
	switch (random_below(6))
	{
		case 0:
			return 0;
		case 1:
			return (int) RDE_SLICE_ALONE - 1;
		case 2:
			return (int) RDE_SLICE_ALONE;
		case 3:
			return (int) random_below(3 * 1024 * 1024);
		default:
			return (int) random_below(70000);
	}
}

/* One file, made three ways. */
typedef struct Files
{
	Kept	   *content;
	Kept	   *whole;			/* by one process */
	RdeBuffer	buffer;
	RdeSink    *cut;
	Kept	   *joined;			/* of slices that others compressed */
	RdeSink    *join;
} Files;

static RdeSink *
cut_create(Kept *bytes)
{
	RdeCompressor *compressor = rde_compressor_create();

	return rde_sink_cut_create(rde_sink_gzip_create(&bytes->sink, compressor), compressor);
}

static void
start(Files *files)
{
	files->content = kept_create();
	files->whole = kept_create();
	files->cut = cut_create(files->whole);
	rde_buffer_init(&files->buffer, files->cut);
	files->joined = kept_create();
	files->join = cut_create(files->joined);
}

static void
add_between(Files *files, const char *text)
{
	rde_sink_write(&files->content->sink, text, strlen(text));
	rde_buffer_append(&files->buffer, text, strlen(text));
	rde_buffer_drain(&files->buffer);
	rde_sink_write(files->join, text, strlen(text));
}

/* Into a buffer, as rows are: in pieces of any length. */
static void
write_slice(RdeSink *cut, RdeBuffer *buffer, const StringInfo text)
{
	rde_cut_begin(cut);
	for (int done = 0, piece; done < text->len; done += piece)
	{
		piece = 1 + (int) random_below(5000);
		piece = Min(piece, text->len - done);
		rde_buffer_append(buffer, text->data + done, piece);
	}
	rde_buffer_drain(buffer);
	rde_cut_end(cut);
}

/* What was spooled, behind what the file has. */
static uint64
join_pieces(RdeSink *join, const RdePieces *pieces, const Kept *spooled)
{
	uint64		done = 0;

	for (int i = 0; i < pieces->count; i++)
	{
		const RdePiece *piece = &pieces->pieces[i];

		rde_sink_write(rde_cut_begin_join(join, piece),
					   spooled->data.data + done, piece->bytes);
		rde_cut_end_join(join, piece);
		done += piece->bytes;
	}
	return done;
}

/* A part of one slice, and of what was written before it, maybe. */
static bool
add_slice(Files *files, const char *before, const StringInfo text)
{
	Kept	   *spooled = kept_create();
	RdePieces	pieces;
	RdeSink    *cut = rde_sink_cut_spool(&spooled->sink, rde_compressor_create(), &pieces);
	RdeBuffer	buffer = {0};
	bool		alone = text->len >= RDE_SLICE_ALONE;
	const RdePiece *last;

	rde_sink_write(&files->content->sink, before, strlen(before));
	rde_sink_write(&files->content->sink, text->data, text->len);
	rde_buffer_append(&files->buffer, before, strlen(before));
	rde_buffer_drain(&files->buffer);
	write_slice(files->cut, &files->buffer, text);
	rde_buffer_init(&buffer, cut);
	rde_buffer_append(&buffer, before, strlen(before));
	rde_buffer_drain(&buffer);
	write_slice(cut, &buffer, text);
	if (join_pieces(files->join, &pieces, spooled) != spooled->data.len)
		return false;
	if (text->len + strlen(before) == 0)
		return pieces.count == 0;
	last = &pieces.pieces[pieces.count - 1];
	return pieces.count == (alone && *before ? 2 : 1) &&
		last->kind == (alone ? RDE_PIECE_STRETCH : RDE_PIECE_PLAIN) &&
		last->content == text->len + (alone ? 0 : strlen(before));
}

static bool
holds(const Kept *file, const Kept *content)
{
	char	   *out = palloc(content->data.len + 1);
	RdeGunzip  *gunzip = rde_gunzip_create(out, content->data.len);

	rde_gunzip_write(gunzip, file->data.data, file->data.len);
	rde_gunzip_finish(gunzip);
	return memcmp(out, content->data.data, content->data.len) == 0;
}

static void
test_slices(void)
{
	bool		told = true;
	bool		equal = true;
	bool		whole = true;
	StringInfoData text;

	initStringInfo(&text);
	for (int round = 0; round < ROUNDS; round++)
	{
		MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "round",
													  ALLOCSET_DEFAULT_SIZES);
		MemoryContext old = MemoryContextSwitchTo(context);
		Files		files = {0};

		start(&files);
		add_between(&files, round % 2 == 0 ? "head\n" : "");
		for (int slice = random_below(9); slice > 0; slice--)
		{
			make_text(&text, any_length());
			told = add_slice(&files, round % 5 == 0 ? "," : "", &text) && told;
			if (round % 3 == 0)
				add_between(&files, ",\n");
		}
		add_between(&files, round % 4 == 0 ? "end\n" : "");
		rde_sink_finish(files.cut);
		rde_sink_finish(files.join);
		equal = same(files.whole, files.joined) && equal;
		whole = holds(files.whole, files.content) && whole;
		MemoryContextSwitchTo(old);
		MemoryContextDelete(context);
	}
	ok(told, "a slice stands alone if it is long enough");
	ok(whole, "a file holds what was written");
	ok(equal, "its bytes do not depend on who compressed a slice");
}

/* Short slices and what is between them: one stretch, as if there were none. */
static void
test_short(void)
{
	Kept	   *plain = kept_create();
	RdeSink    *gzip = rde_sink_gzip_create(&plain->sink, rde_compressor_create());
	StringInfoData text;
	Files		files = {0};

	start(&files);
	initStringInfo(&text);
	for (int i = 0; i < 5; i++)
	{
		make_text(&text, 200000);
		(void) add_slice(&files, "", &text);
		rde_sink_write(gzip, text.data, text.len);
	}
	rde_sink_finish(files.cut);
	rde_sink_finish(gzip);
	ok(same(files.whole, plain), "nothing is cut where slices are short");
}

/* Marks lie where they were made, and without a compressor all is plain. */
static void
test_spool(void)
{
	Kept	   *spooled = kept_create();
	RdePieces	pieces;
	RdeSink    *cut = rde_sink_cut_spool(&spooled->sink, NULL, &pieces);
	StringInfoData text;

	initStringInfo(&text);
	make_text(&text, 3 * RDE_SLICE_ALONE);
	for (int i = 0; i < 3; i++)
	{
		rde_cut_begin(cut);
		rde_sink_write(cut, text.data, i == 1 ? text.len : 10);
		rde_cut_end(cut);
		if (i > 0)
			rde_cut_mark(cut);
	}
	ok(pieces.count == 4 &&
	   pieces.pieces[0].kind == RDE_PIECE_PLAIN &&
	   pieces.pieces[0].content == 10 + text.len &&
	   pieces.pieces[1].kind == RDE_PIECE_MARK && pieces.pieces[1].bytes == 0 &&
	   pieces.pieces[2].content == 10 && pieces.pieces[2].bytes == 10 &&
	   pieces.pieces[3].kind == RDE_PIECE_MARK &&
	   spooled->data.len == 20 + text.len,
	   "plain pieces and marks");
}

static void
unit(void)
{
	test_slices();
	test_short();
	test_spool();
}
