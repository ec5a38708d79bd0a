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
	RdeSink    *gzip;
} Files;

static RdeSink *
gzip_create(Kept *bytes, RdeDeflate *deflate)
{
	return rde_sink_gzip_create(&bytes->sink, deflate, palloc(RDE_BLOCK_SIZE));
}

static void
start(Files *files)
{
	RdeDeflate *deflate;

	files->content = kept_create();
	files->whole = kept_create();
	deflate = rde_deflate_create();
	files->cut = rde_sink_cut_create(gzip_create(files->whole, deflate), deflate,
									 palloc(RDE_SLICE_ALONE));
	rde_buffer_init(&files->buffer, files->cut);
	files->joined = kept_create();
	files->gzip = gzip_create(files->joined, rde_deflate_create());
}

static void
add_between(Files *files, const char *text)
{
	rde_sink_write(&files->content->sink, text, strlen(text));
	rde_buffer_append(&files->buffer, text, strlen(text));
	rde_buffer_drain(&files->buffer);
	rde_sink_write(files->gzip, text, strlen(text));
}

/* Into a buffer, as rows are: in pieces of any length. */
static RdeSlice
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
	return rde_cut_end(cut);
}

static bool
add_slice(Files *files, const StringInfo text)
{
	Kept	   *spooled = kept_create();
	RdeSink    *cut = rde_sink_cut_spool(&spooled->sink, rde_deflate_create(),
										 palloc(RDE_SLICE_ALONE));
	RdeBuffer	buffer = {0};
	RdeSlice	slice;

	rde_sink_write(&files->content->sink, text->data, text->len);
	(void) write_slice(files->cut, &files->buffer, text);
	rde_buffer_init(&buffer, cut);
	slice = write_slice(cut, &buffer, text);
	if (slice.alone)
		rde_gzip_begin_stretch(files->gzip);
	rde_sink_write(files->gzip, spooled->data.data, spooled->data.len);
	if (slice.alone)
		rde_gzip_end_stretch(files->gzip, slice.content, slice.crc);
	return slice.content == text->len &&
		slice.alone == (text->len >= RDE_SLICE_ALONE);
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
			told = add_slice(&files, &text) && told;
			if (round % 3 == 0)
				add_between(&files, ",\n");
		}
		add_between(&files, round % 4 == 0 ? "end\n" : "");
		rde_sink_finish(files.cut);
		rde_sink_finish(files.gzip);
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
	RdeSink    *gzip = gzip_create(plain, rde_deflate_create());
	StringInfoData text;
	Files		files = {0};

	start(&files);
	initStringInfo(&text);
	for (int i = 0; i < 5; i++)
	{
		make_text(&text, 200000);
		(void) add_slice(&files, &text);
		rde_sink_write(gzip, text.data, text.len);
	}
	rde_sink_finish(files.cut);
	rde_sink_finish(gzip);
	ok(same(files.whole, plain), "nothing is cut where slices are short");
}

static void
unit(void)
{
	test_slices();
	test_short();
}
