/*
 * deflate_test.c
 *	  What is compressed does not depend on where in memory that is done (F6).
 */
#include "unit/server.h"

#include <sys/mman.h>

#include "file/deflate.h"
#include "kept.h"
#include "utils/memutils.h"

#define ROUNDS	10000
#define STEP	((Size) 64 * 1024)

/* Rows that begin alike, the first of them at the very beginning. */
static void
make_text(StringInfo text)
{
	for (int i = 0; i < 20; i++)
		appendStringInfo(text, "{\"id\":%d,\"currency\":\"EUR\"}\n", 1000 + i * 7);
}

/* Memory for a state that may begin at any of ROUNDS places; none is touched. */
static char *
make_room(Size size)
{
	char	   *room = mmap(NULL, size + ROUNDS * STEP, PROT_READ | PROT_WRITE,
							MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (room == MAP_FAILED)
		elog(ERROR, "no room");
	return room;
}

/* What a state makes of the text that was moved here after it was made. */
static Kept *
compress_at(char *place, const RdeDeflate *state, Size size,
			const StringInfo text)
{
	Kept	   *kept = kept_create();
	RdeDeflate *deflate = (RdeDeflate *) place;

	memcpy(place, state, size);
	rde_deflate_reset(deflate);
	rde_deflate_write(deflate, text->data, text->len, &kept->sink);
	rde_deflate_finish(deflate, &kept->sink);
	if (madvise(place, size, MADV_DONTNEED) != 0)
		elog(ERROR, "memory could not be given back");
	return kept;
}

static void
unit(void)
{
	RdeDeflate *state = rde_deflate_create();

	/* without the header of a large chunk */
	Size		size = GetMemoryChunkSpace(state) -
	(PG_VERSION_NUM < 160000 ? 16 : 8);
	char	   *room = make_room(size);
	StringInfoData text;
	Kept	   *expected;
	int			same = 0;

	initStringInfo(&text);
	make_text(&text);
	expected = compress_at(room, state, size, &text);
	for (int i = 0; i < ROUNDS; i++)
	{
		Kept	   *kept = compress_at(room + i * STEP, state, size, &text);

		same += kept->data.len == expected->data.len &&
			memcmp(kept->data.data, expected->data.data, kept->data.len) == 0;
		pfree(kept->data.data);
		pfree(kept);
	}
	if (same != ROUNDS)
		fprintf(tap, "# %d of %d are the same\n", same, ROUNDS);
	ok(same == ROUNDS, "the same bytes wherever the state lies");
	munmap(room, size + ROUNDS * STEP);
}
