/*
 * gunzip.c
 *	  Inflates a gzip file with zlib, whichever library compressed it.
 *
 * Invariant: never writes past the size promised at creation, whatever the
 * bytes say; zlib itself checks the CRC and the length in the trailer.
 */
#include "file/gunzip.h"

#include "miscadmin.h"
#include "file/zlib_palloc.h"

/* Output made between two looks for a cancel: about 3 ms of work. */
#define PIECE_SIZE	(1024 * 1024)

struct RdeGunzip
{
	z_stream	stream;
	char	   *out;			/* where the next byte goes */
	size_t		room;			/* bytes still to come */
	bool		ended;			/* the trailer was read and is right */
};

static void
damaged(const char *how)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATA_CORRUPTED),
			 errmsg("stored gzip file is damaged: %s", how),
			 errhint("rde_verify_report() tells whether its bytes are those that were written.")));
}

RdeGunzip *
rde_gunzip_create(char *out, size_t size)
{
	RdeGunzip  *gunzip = palloc0(sizeof(RdeGunzip));
	int			rc;

	gunzip->out = out;
	gunzip->room = size;
	rde_zlib_use_palloc(&gunzip->stream);
	/* 16 more than the window's size means a gzip header and nothing else */
	rc = inflateInit2(&gunzip->stream, MAX_WBITS + 16);
	if (rc != Z_OK)
		elog(ERROR, "could not start decompression: zlib returned %d", rc);
	return gunzip;
}

/*
 * Inflate all input there is.  zlib keeps no more than a few bits of it back, so
 * no output waits for the next call once the input is used up and the piece is
 * not full.
 */
static void
inflate_input(RdeGunzip *gunzip)
{
	z_stream   *stream = &gunzip->stream;
	Bytef		beyond;

	for (;;)
	{
		size_t		piece = Min(gunzip->room, PIECE_SIZE);
		size_t		made;
		int			rc;

		CHECK_FOR_INTERRUPTS();

		/*
		 * With no room left the trailer may still be to come: one byte past
		 * the end gives zlib somewhere to go, and shows a file that is longer
		 * than it should be.
		 */
		stream->next_out = piece > 0 ? (Bytef *) gunzip->out : &beyond;
		stream->avail_out = piece > 0 ? piece : 1;
		rc = inflate(stream, Z_NO_FLUSH);
		made = (piece > 0 ? piece : 1) - stream->avail_out;
		if (rc != Z_OK && rc != Z_STREAM_END && rc != Z_BUF_ERROR)
			damaged(stream->msg ? stream->msg : "it cannot be decompressed");
		if (made > gunzip->room)
			damaged("it holds more than its report says");
		gunzip->out += made;
		gunzip->room -= made;
		if (rc == Z_STREAM_END)
		{
			if (stream->avail_in > 0)
				damaged("bytes follow its end");
			gunzip->ended = true;
			return;
		}
		if (stream->avail_out > 0)
			return;				/* the input is used up */
	}
}

void
rde_gunzip_write(RdeGunzip *gunzip, const char *data, size_t len)
{
	/* zlib counts input in 32 bits; more than this is never stored as one */
	Assert(len <= MaxAllocSize);
	if (len == 0)
		return;
	if (gunzip->ended)
		damaged("bytes follow its end");
	gunzip->stream.next_in = (Bytef *) data;
	gunzip->stream.avail_in = len;
	inflate_input(gunzip);
}

void
rde_gunzip_finish(RdeGunzip *gunzip)
{
	if (!gunzip->ended)
		damaged("its end is missing");
	if (gunzip->room > 0)
		damaged("it holds less than its report says");
	inflateEnd(&gunzip->stream);
}
