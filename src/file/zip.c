/*
 * zip.c
 *	  A ZIP archive written as a stream, and a small one read from memory.
 *
 * Streamed entries are deflated and followed by a data descriptor with
 * signature; nothing is ever written again at an earlier place.
 *
 * Invariant: sizes and offsets are below 4 GiB, checked on the bytes that have
 * really come out, and every entry carries the same fixed time, so that equal
 * contents give equal archives.
 */
#include "postgres.h"

#include "file/zip.h"
#include "file/zlib_palloc.h"
#include "utils/memutils.h"

#define LOCAL_SIGNATURE			0x04034b50
#define DESCRIPTOR_SIGNATURE	0x08074b50
#define CENTRAL_SIGNATURE		0x02014b50
#define END_SIGNATURE			0x06054b50

#define LOCAL_SIZE				30
#define DESCRIPTOR_SIZE			16
#define CENTRAL_SIZE			46
#define END_SIZE				22

/* All ones in a 32-bit or 16-bit field would announce zip64. */
#define ZIP_BYTES_MAX			UINT64CONST(0xfffffffe)
#define ZIP_ENTRIES_MAX			0xfffe

#define ZIP_VERSION				20	/* 2.0: deflate */
#define ZIP_DATE				0x0021	/* 1980-01-01, the first ZIP knows */
#define FLAG_ENCRYPTED			0x0001
#define FLAG_DESCRIPTOR			0x0008

#define METHOD_STORED			0
#define METHOD_DEFLATED			8

/* What the central directory has to say about an entry written. */
typedef struct ZipRecord
{
	char	   *name;
	uint16		flags;
	uint16		method;
	uint32		crc;
	uint64		size;
	uint64		stored_size;
	uint64		offset;			/* of the local header */
} ZipRecord;

struct RdeZip
{
	RdeStretches entry;			/* takes the contents of the open entry */
	RdeSink    *out;
	uint64		start;			/* place of out where the archive begins */
	RdeCompressor *compressor;
	uint64		data_start;		/* place of out where the entry's data begin */
	int			nrecords;
	int			max_records;
	ZipRecord  *records;
};

static char *
put16(char *dst, uint32 value)
{
	*dst++ = (char) value;
	*dst++ = (char) (value >> 8);
	return dst;
}

static char *
put32(char *dst, uint64 value)
{
	dst = put16(dst, value & 0xffff);
	return put16(dst, (value >> 16) & 0xffff);
}

static uint32
get16(const char *src)
{
	return (uint8) src[0] | (uint32) (uint8) src[1] << 8;
}

static uint32
get32(const char *src)
{
	return get16(src) | get16(src + 2) << 16;
}

static void
check_size(uint64 size)
{
	if (size > ZIP_BYTES_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("report is too large for an xlsx file"),
				 errdetail("An xlsx file and its parts must be smaller than 4 GiB."),
				 errhint("Use csv, or a shorter period.")));
}

static uint64
zip_position(RdeZip *zip)
{
	return zip->out->bytes - zip->start;
}

/* The fields that a local header and a directory record have in common. */
static char *
put_common(char *dst, const ZipRecord *record, bool sizes_known)
{
	dst = put16(dst, ZIP_VERSION);
	dst = put16(dst, record->flags);
	dst = put16(dst, record->method);
	dst = put16(dst, 0);		/* 00:00:00 */
	dst = put16(dst, ZIP_DATE);
	dst = put32(dst, sizes_known ? record->crc : 0);
	dst = put32(dst, sizes_known ? record->stored_size : 0);
	dst = put32(dst, sizes_known ? record->size : 0);
	dst = put16(dst, strlen(record->name));
	return put16(dst, 0);		/* no extra field */
}

/* Add a record and write its local header. */
static ZipRecord *
zip_add(RdeZip *zip, const char *name, size_t name_length,
		const RdeZipEntry *known)
{
	MemoryContext context = GetMemoryChunkContext(zip);
	ZipRecord  *record;
	char		header[LOCAL_SIZE];
	char	   *dst;

	if (zip->nrecords == ZIP_ENTRIES_MAX)
		elog(ERROR, "too many entries in an archive");
	if (zip->nrecords == zip->max_records)
	{
		zip->max_records *= 2;
		zip->records = repalloc(zip->records,
								sizeof(ZipRecord) * zip->max_records);
	}
	record = &zip->records[zip->nrecords++];
	memset(record, 0, sizeof(ZipRecord));
	record->name = MemoryContextAllocZero(context, name_length + 1);
	memcpy(record->name, name, name_length);
	record->offset = zip_position(zip);
	check_size(record->offset);
	record->method = METHOD_DEFLATED;
	record->flags = FLAG_DESCRIPTOR;
	if (known)
	{
		record->flags = 0;
		record->method = known->method;
		record->crc = known->crc;
		record->size = known->size;
		record->stored_size = known->stored_size;
	}

	dst = put32(header, LOCAL_SIGNATURE);
	dst = put_common(dst, record, known != NULL);
	Assert(dst == header + LOCAL_SIZE);
	rde_sink_write(zip->out, header, dst - header);
	rde_sink_write(zip->out, record->name, name_length);
	zip->data_start = zip->out->bytes;
	return record;
}

static void
entry_write(RdeSink *sink, const char *data, size_t len)
{
	check_size(sink->bytes);
	check_size(zip_position((RdeZip *) sink));
	rde_stretches_write(sink, data, len);
}

static void
entry_finish(RdeSink *sink)
{
	RdeZip	   *zip = (RdeZip *) sink;
	ZipRecord  *record = &zip->records[zip->nrecords - 1];
	char		descriptor[DESCRIPTOR_SIZE];
	char	   *dst;

	rde_stretches_end(&zip->entry);
	check_size(sink->bytes);
	record->crc = zip->entry.crc;
	record->size = sink->bytes;
	record->stored_size = zip->out->bytes - zip->data_start;
	check_size(zip_position(zip));

	dst = put32(descriptor, DESCRIPTOR_SIGNATURE);
	dst = put32(dst, record->crc);
	dst = put32(dst, record->stored_size);
	dst = put32(dst, record->size);
	rde_sink_write(zip->out, descriptor, dst - descriptor);
}

static const RdeSinkOps entry_ops = {
	.write = entry_write,
	.finish = entry_finish
};

RdeZip *
rde_zip_create(RdeSink *out, RdeCompressor *compressor)
{
	RdeZip	   *zip = palloc0(sizeof(RdeZip));

	zip->entry.sink.finished = true;
	zip->out = out;
	zip->start = out->bytes;
	zip->max_records = 16;
	zip->records = palloc(sizeof(ZipRecord) * zip->max_records);
	zip->compressor = compressor;
	return zip;
}

RdeSink *
rde_zip_begin(RdeZip *zip, const char *name)
{
	Assert(zip->entry.sink.finished);
	zip_add(zip, name, strlen(name), NULL);
	rde_stretches_init(&zip->entry, &entry_ops, zip->out, zip->compressor);
	return &zip->entry.sink;
}

void
rde_zip_copy(RdeZip *zip, const RdeZipEntry *entry)
{
	Assert(zip->entry.sink.finished);
	zip_add(zip, entry->name, entry->name_length, entry);
	rde_sink_write(zip->out, entry->data, entry->stored_size);
}

void
rde_zip_finish(RdeZip *zip)
{
	uint64		directory = zip_position(zip);
	uint64		directory_size;
	char		end[END_SIZE];
	char	   *dst;
	int			i;

	Assert(zip->entry.sink.finished);
	for (i = 0; i < zip->nrecords; i++)
	{
		const ZipRecord *record = &zip->records[i];
		char		header[CENTRAL_SIZE];

		dst = put32(header, CENTRAL_SIGNATURE);
		dst = put16(dst, ZIP_VERSION);	/* made by, system 0 */
		dst = put_common(dst, record, true);
		dst = put16(dst, 0);	/* no comment */
		dst = put16(dst, 0);	/* disk 0 */
		dst = put16(dst, 0);	/* internal attributes */
		dst = put32(dst, 0);	/* external attributes */
		dst = put32(dst, record->offset);
		Assert(dst == header + CENTRAL_SIZE);
		rde_sink_write(zip->out, header, dst - header);
		rde_sink_write(zip->out, record->name, strlen(record->name));
	}
	directory_size = zip_position(zip) - directory;

	dst = put32(end, END_SIGNATURE);
	dst = put32(dst, 0);		/* disk 0, directory on disk 0 */
	dst = put16(dst, zip->nrecords);
	dst = put16(dst, zip->nrecords);
	dst = put32(dst, directory_size);
	dst = put32(dst, directory);
	dst = put16(dst, 0);		/* no comment */
	Assert(dst == end + END_SIZE);
	rde_sink_write(zip->out, end, dst - end);
	check_size(zip_position(zip));
}

static void
check_archive(bool good)
{
	if (!good)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("archive in memory is incomplete or damaged")));
}

/* One record of the directory; returns the place behind it. */
static size_t
read_record(const char *archive, size_t directory, size_t offset,
			size_t limit, RdeZipEntry *entry)
{
	const char *record = archive + offset;
	const char *local;
	size_t		local_offset;
	size_t		next;

	check_archive(limit - offset >= CENTRAL_SIZE &&
				  get32(record) == CENTRAL_SIGNATURE);
	next = offset + CENTRAL_SIZE + get16(record + 28) + get16(record + 30) +
		get16(record + 32);
	check_archive(next <= limit);
	check_archive((get16(record + 8) & FLAG_ENCRYPTED) == 0);

	entry->name = record + CENTRAL_SIZE;
	entry->name_length = get16(record + 28);
	entry->method = get16(record + 10);
	entry->crc = get32(record + 16);
	entry->stored_size = get32(record + 20);
	entry->size = get32(record + 24);
	check_archive(entry->method == METHOD_DEFLATED ||
				  (entry->method == METHOD_STORED &&
				   entry->size == entry->stored_size));

	/* the data lie behind a local header with fields of its own lengths */
	local_offset = get32(record + 42);
	check_archive(local_offset <= directory &&
				  directory - local_offset >= LOCAL_SIZE);
	local = archive + local_offset;
	check_archive(get32(local) == LOCAL_SIGNATURE);
	local_offset += LOCAL_SIZE + get16(local + 26) + get16(local + 28);
	check_archive(local_offset <= directory &&
				  directory - local_offset >= entry->stored_size);
	entry->data = archive + local_offset;
	return next;
}

RdeZipEntry *
rde_zip_read(const char *archive, size_t len, int *nentries)
{
	const char *end;
	size_t		limit;
	size_t		directory;
	size_t		offset;
	RdeZipEntry *entries;
	int			i;

	/* an archive comment is not looked for: libxlsxwriter writes none */
	check_archive(len >= END_SIZE);
	limit = len - END_SIZE;
	end = archive + limit;
	check_archive(get32(end) == END_SIGNATURE);
	*nentries = get16(end + 10);
	directory = get32(end + 16);
	check_archive(directory <= limit);

	entries = palloc(sizeof(RdeZipEntry) * Max(*nentries, 1));
	offset = directory;
	for (i = 0; i < *nentries; i++)
		offset = read_record(archive, directory, offset, limit, &entries[i]);
	return entries;
}

const RdeZipEntry *
rde_zip_find(const RdeZipEntry *entries, int nentries, const char *name)
{
	size_t		name_length = strlen(name);
	int			i;

	for (i = 0; i < nentries; i++)
	{
		if (entries[i].name_length == name_length &&
			memcmp(entries[i].name, name, name_length) == 0)
			return &entries[i];
	}
	return NULL;
}

void
rde_zip_store(RdeZipEntry *entry, const char *data, size_t len)
{
	entry->method = METHOD_STORED;
	entry->crc = rde_crc32(0, data, len);
	entry->size = entry->stored_size = len;
	entry->data = data;
}

char *
rde_zip_contents(const RdeZipEntry *entry)
{
	char	   *contents = palloc((Size) entry->size + 1);

	if (entry->method == METHOD_STORED)
		memcpy(contents, entry->data, entry->size);
	else
	{
		z_stream	stream = {0};
		int			rc;

		rde_zlib_use_palloc(&stream);
		stream.next_in = (Bytef *) unconstify(char *, entry->data);
		stream.avail_in = entry->stored_size;
		stream.next_out = (Bytef *) contents;
		stream.avail_out = entry->size;
		rc = inflateInit2(&stream, -MAX_WBITS);
		if (rc != Z_OK)
			elog(ERROR, "could not start decompression: zlib returned %d", rc);
		rc = inflate(&stream, Z_FINISH);
		check_archive(rc == Z_STREAM_END && stream.avail_out == 0);
		inflateEnd(&stream);
	}
	check_archive(rde_crc32(0, contents, entry->size) == entry->crc);
	contents[entry->size] = '\0';
	return contents;
}
