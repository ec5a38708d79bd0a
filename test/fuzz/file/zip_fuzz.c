/*
 * zip_fuzz.c
 *	  Archives: any bytes are read or refused, and what was written is read back.
 */
#include "fuzz/server.h"

#include "file/zip.h"
#include "kept.h"

static void
check_entry(const char *archive, size_t size, const RdeZipEntry *entry)
{
	const char *end = archive + size;

	PROMISE(entry->name >= archive && entry->name + entry->name_length <= end);
	PROMISE(entry->data >= archive && entry->data + entry->stored_size <= end);
	/* its size is whatever the archive says: no more than this is asked for */
	if (entry->size > 4 * 1024 * 1024)
		return;
	PG_TRY();
	{
		const char *contents = rde_zip_contents(entry);

		PROMISE(contents[entry->size] == '\0');
		PROMISE(rde_crc32(0, contents, entry->size) == entry->crc);
	}
	PG_CATCH();
	{
		PROMISE(raised(ERRCODE_DATA_CORRUPTED));
	}
	PG_END_TRY();
}

static void
check_read(const char *archive, size_t size)
{
	volatile int count = 0;
	RdeZipEntry *volatile entries = NULL;

	PG_TRY();
	{
		int			n;

		entries = rde_zip_read(archive, size, &n);
		count = n;
	}
	PG_CATCH();
	{
		PROMISE(raised(ERRCODE_DATA_CORRUPTED));
	}
	PG_END_TRY();
	for (int i = 0; i < count && i < 50; i++)
		check_entry(archive, size, &entries[i]);
}

#define MAX_ENTRIES	20

static void
check_written(Bytes *bytes)
{
	static RdeCompressor *compressor = NULL;
	Kept	   *kept = kept_create();
	RdeZip	   *zip;
	RdeZipEntry *entries;
	const char *names[MAX_ENTRIES];
	const char *texts[MAX_ENTRIES];
	int			count = 0;
	int			found;

	if (compressor == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);

		compressor = rde_compressor_create();
		MemoryContextSwitchTo(old);
	}
	zip = rde_zip_create(&kept->sink, compressor);
	while (bytes->left > 0 && count < MAX_ENTRIES)
	{
		char	   *name = take_string(bytes);
		char	   *text = take_string(bytes);
		RdeSink    *entry;

		names[count] = psprintf("%.60s", name);
		texts[count] = pstrdup(text);
		free(name);
		free(text);
		entry = rde_zip_begin(zip, names[count]);
		rde_sink_write(entry, texts[count], strlen(texts[count]));
		rde_sink_finish(entry);
		count++;
	}
	rde_zip_finish(zip);
	entries = rde_zip_read(kept->data.data, kept->data.len, &found);
	PROMISE(found == count);
	for (int i = 0; i < count; i++)
	{
		const RdeZipEntry *entry = &entries[i];

		PROMISE(entry->name_length == strlen(names[i]) &&
				memcmp(entry->name, names[i], entry->name_length) == 0);
		PROMISE(entry->size == strlen(texts[i]));
		PROMISE(strcmp(rde_zip_contents(entry), texts[i]) == 0);
		PROMISE(rde_zip_find(entries, found, names[i]) <= entry);
	}
	check_read(kept->data.data, kept->data.len);
}

static void
fuzz(const uint8_t *data, size_t size)
{
	Bytes		bytes = {data, size};

	if (size > 0 && data[0] == 'w')
		check_written(&bytes);
	else
		check_read(guarded(data, size), size);
}
