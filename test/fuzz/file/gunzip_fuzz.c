/*
 * gunzip_fuzz.c
 *	  A stored gzip file, damaged in any way: it is the content, or an error.
 */
#include "fuzz/server.h"

#include <zlib.h>

#include "file/gunzip.h"

/* In pieces of any length; false if that was refused. */
static bool
inflates(const char *file, size_t size, size_t piece, char *out, size_t room)
{
	volatile bool good = true;

	PG_TRY();
	{
		RdeGunzip  *gunzip = rde_gunzip_create(out, room);

		for (size_t done = 0; done < size; done += piece)
			rde_gunzip_write(gunzip, file + done, Min(piece, size - done));
		rde_gunzip_finish(gunzip);
	}
	PG_CATCH();
	{
		PROMISE(raised(ERRCODE_DATA_CORRUPTED));
		good = false;
	}
	PG_END_TRY();
	return good;
}

static void
fuzz(const uint8_t *data, size_t size)
{
	Bytes		bytes = {data, size};
	size_t		room = take_below(&bytes, 4000);
	size_t		piece = 1 + take_below(&bytes, 300);
	char	   *out = guarded_room(room);
	const char *file = (const char *) bytes.at;
	uint32		crc;
	uint32		length;

	if (!inflates(file, bytes.left, piece, out, room))
		return;
	/* what is taken is whole: its last eight bytes say so */
	PROMISE(bytes.left >= 18);
	memcpy(&crc, file + bytes.left - 8, 4);
	memcpy(&length, file + bytes.left - 4, 4);
	PROMISE(crc == crc32(0, (const Bytef *) out, room) && length == room);
}
