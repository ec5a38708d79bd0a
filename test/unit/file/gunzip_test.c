/*
 * gunzip_test.c
 *	  A stored gzip file that was damaged is an error, never other content: each of
 *	  its bytes changed, cut off at each, and more behind it.
 */
#include "unit/server.h"

#include <zlib.h>

#include "file/gunzip.h"
#include "utils/memutils.h"

#define CONTENT		2000
#define ROOM		(2 * CONTENT)

/* A file, and the content that it is to have. */
typedef struct File
{
	char		bytes[ROOM];
	size_t		size;
	size_t		content_size;
} File;

static char content[CONTENT];

static void
compress_content(File *file)
{
	z_stream	stream = {0};

	for (int i = 0; i < CONTENT; i++)
		content[i] = "0123456789,\n"[random_below(12)];
	if (deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, MAX_WBITS + 16, 8,
					 Z_DEFAULT_STRATEGY) != Z_OK)
		elog(ERROR, "zlib does not start");
	stream.next_in = (Bytef *) content;
	stream.avail_in = CONTENT;
	stream.next_out = (Bytef *) file->bytes;
	stream.avail_out = ROOM;
	if (deflate(&stream, Z_FINISH) != Z_STREAM_END)
		elog(ERROR, "zlib does not end");
	file->size = stream.total_out;
	file->content_size = CONTENT;
	deflateEnd(&stream);
}

typedef enum Found
{
	FOUND_CONTENT,
	FOUND_DAMAGE,
	FOUND_SOMETHING_ELSE
} Found;

static Found
read_file(const File *file, size_t piece)
{
	MemoryContext old = CurrentMemoryContext;
	MemoryContext context = AllocSetContextCreate(old, "file", ALLOCSET_DEFAULT_SIZES);
	volatile Found found = FOUND_CONTENT;

	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		char	   *out = palloc(file->content_size + 1);
		RdeGunzip  *gunzip = rde_gunzip_create(out, file->content_size);

		for (size_t done = 0; done < file->size; done += piece)
			rde_gunzip_write(gunzip, file->bytes + done, Min(piece, file->size - done));
		rde_gunzip_finish(gunzip);
		if (file->content_size != CONTENT || memcmp(out, content, CONTENT) != 0)
			found = FOUND_SOMETHING_ELSE;
	}
	PG_CATCH();
	{
		found = raised(ERRCODE_DATA_CORRUPTED, context) ? FOUND_DAMAGE : FOUND_SOMETHING_ELSE;
	}
	PG_END_TRY();
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	return found;
}

static void
test_whole(const File *file)
{
	bool		good = true;

	for (size_t piece = 1; piece <= file->size; piece++)
		good &= read_file(file, piece) == FOUND_CONTENT;
	ok(good, "a whole file, in pieces of any length");
}

static void
test_cut(const File *file)
{
	bool		good = true;
	File		cut = *file;

	for (cut.size = 0; cut.size < file->size; cut.size++)
		good &= read_file(&cut, 100) == FOUND_DAMAGE;
	ok(good, "one that is cut off, anywhere");
}

/* Of ten bytes of the header four are a time and two nobody's business. */
static void
test_changed(const File *file)
{
	bool		good = true;
	int			harmless = 0;

	for (size_t i = 0; i < file->size; i++)
	{
		File		changed = *file;

		changed.bytes[i] ^= 1 << random_below(8);
		switch (read_file(&changed, 100))
		{
			case FOUND_CONTENT:
				harmless++;
				good &= i >= 3 && i < 10;
				break;
			case FOUND_DAMAGE:
				break;
			case FOUND_SOMETHING_ELSE:
				good = false;
				break;
		}
	}
	ok(good && harmless <= 7, "one with a bit that was turned over, anywhere");
}

static void
test_sizes(const File *file)
{
	File		other = *file;

	other.content_size = CONTENT - 1;
	ok(read_file(&other, 100) == FOUND_DAMAGE && read_file(&other, ROOM) == FOUND_DAMAGE,
	   "one that holds more than it is to");
	other.content_size = CONTENT + 1;
	ok(read_file(&other, 100) == FOUND_DAMAGE, "or less");
	other = *file;
	other.bytes[other.size++] = '\n';
	ok(read_file(&other, ROOM) == FOUND_DAMAGE && read_file(&other, file->size) == FOUND_DAMAGE,
	   "and one with bytes behind its end");
}

static void
unit(void)
{
	File	   *file = palloc0(sizeof(File));

	compress_content(file);
	test_whole(file);
	test_cut(file);
	test_changed(file);
	test_sizes(file);
}
