/*
 * cut_fuzz.c
 *	  A file in slices: read back, it is what was written, and its bytes are those of
 *	  slices that others compressed.
 */
#include "fuzz/server.h"

#include "file/cut.h"
#include "file/gunzip.h"
#include "file/gzip.h"
#include "kept.h"

#define MAX_SLICES	6

/* The bytes again and again, up to this length. */
static void
repeat_bytes(StringInfo text, const Bytes *bytes, size_t length)
{
	resetStringInfo(text);
	while (bytes->left > 0 && text->len < length)
		appendBinaryStringInfo(text, (const char *) bytes->at, Min(bytes->left, length - text->len));
}

static RdeSlice
write_slice(RdeSink *cut, const StringInfo text, size_t piece)
{
	rde_cut_begin(cut);
	for (int done = 0; done < text->len; done += piece)
		rde_sink_write(cut, text->data + done, Min(piece, text->len - done));
	return rde_cut_end(cut);
}

static void
check_holds(const Kept *file, const StringInfo content)
{
	char	   *out = palloc(content->len + 1);
	RdeGunzip  *gunzip = rde_gunzip_create(out, content->len);

	rde_gunzip_write(gunzip, file->data.data, file->data.len);
	rde_gunzip_finish(gunzip);
	PROMISE(memcmp(out, content->data, content->len) == 0);
}

static void
fuzz(const uint8_t *data, size_t size)
{
	static const size_t lengths[] = {
		0, 1, 100, 70000, RDE_SLICE_ALONE - 1, RDE_SLICE_ALONE, RDE_SLICE_ALONE + 1
	};
	Bytes		bytes = {data, size};
	Kept	   *whole = kept_create();
	Kept	   *joined = kept_create();
	RdeDeflate *deflate = rde_deflate_create();
	RdeDeflate *other = rde_deflate_create();
	RdeSink    *cut = rde_sink_cut_create(rde_sink_gzip_create(&whole->sink, deflate,
															   palloc(RDE_BLOCK_SIZE)),
										  deflate, palloc(RDE_SLICE_ALONE));
	RdeSink    *gzip = rde_sink_gzip_create(&joined->sink, other, palloc(RDE_BLOCK_SIZE));
	char	   *held = palloc(RDE_SLICE_ALONE);
	int			count = take_below(&bytes, MAX_SLICES);
	StringInfoData text;
	StringInfoData content;

	initStringInfo(&text);
	initStringInfo(&content);
	for (int i = 0; i < count; i++)
	{
		Kept	   *spooled = kept_create();
		size_t		length = lengths[take_below(&bytes, COUNT(lengths))];
		RdeSlice	slice;

		repeat_bytes(&text, &bytes, length);
		appendBinaryStringInfo(&content, text.data, text.len);
		(void) write_slice(cut, &text, RDE_BLOCK_SIZE);
		slice = write_slice(rde_sink_cut_spool(&spooled->sink, rde_deflate_create(), held),
							&text, RDE_BLOCK_SIZE);
		PROMISE(slice.content == text.len && slice.bytes == spooled->data.len &&
				slice.alone == (text.len >= RDE_SLICE_ALONE));
		if (slice.alone)
		{
			PROMISE(slice.crc == rde_crc32(0, text.data, text.len));
			rde_gzip_begin_stretch(gzip);
		}
		rde_sink_write(gzip, spooled->data.data, spooled->data.len);
		if (slice.alone)
			rde_gzip_end_stretch(gzip, slice.content, slice.crc);
	}
	rde_sink_finish(cut);
	rde_sink_finish(gzip);
	check_holds(whole, &content);
	check_holds(joined, &content);
	PROMISE(whole->data.len == joined->data.len &&
			memcmp(whole->data.data, joined->data.data, whole->data.len) == 0);
}
