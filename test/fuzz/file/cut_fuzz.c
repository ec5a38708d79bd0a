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

static void
write_slice(RdeSink *cut, const StringInfo text, size_t piece)
{
	rde_cut_begin(cut);
	for (int done = 0; done < text->len; done += piece)
		rde_sink_write(cut, text->data + done, Min(piece, text->len - done));
	rde_cut_end(cut);
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
	RdeCompressor *compressor = rde_compressor_create();
	RdeCompressor *other = rde_compressor_create();
	RdeCompressor *helper = rde_compressor_create();
	RdeSink    *cut = rde_sink_cut_create(rde_sink_gzip_create(&whole->sink, compressor), compressor);
	RdeSink    *join = rde_sink_cut_create(rde_sink_gzip_create(&joined->sink, other), other);
	int			count = take_below(&bytes, MAX_SLICES);
	StringInfoData text;
	StringInfoData content;

	initStringInfo(&text);
	initStringInfo(&content);
	for (int i = 0; i < count; i++)
	{
		Kept	   *spooled = kept_create();
		size_t		length = lengths[take_below(&bytes, COUNT(lengths))];
		RdePieces	pieces;
		const RdePiece *piece;

		repeat_bytes(&text, &bytes, length);
		appendBinaryStringInfo(&content, text.data, text.len);
		write_slice(cut, &text, RDE_BLOCK_SIZE);
		write_slice(rde_sink_cut_spool(&spooled->sink, helper, &pieces), &text, RDE_BLOCK_SIZE);
		PROMISE(pieces.count == (text.len > 0));
		if (text.len == 0)
			continue;
		piece = &pieces.pieces[0];
		PROMISE(piece->content == text.len && piece->bytes == spooled->data.len);
		PROMISE(piece->kind == (text.len >= RDE_SLICE_ALONE ? RDE_PIECE_STRETCH : RDE_PIECE_PLAIN));
		PROMISE(piece->kind == RDE_PIECE_PLAIN ||
				piece->crc == rde_crc32(0, text.data, text.len));
		rde_sink_write(rde_cut_begin_join(join, piece), spooled->data.data, spooled->data.len);
		rde_cut_end_join(join, piece);
	}
	rde_sink_finish(cut);
	rde_sink_finish(join);
	check_holds(whole, &content);
	check_holds(joined, &content);
	PROMISE(whole->data.len == joined->data.len &&
			memcmp(whole->data.data, joined->data.data, whole->data.len) == 0);
}
