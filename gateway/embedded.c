/*
 * embedded.c
 *	  Files that are a part of the program.
 *
 * Invariant: what is served is what was there when the program was built; the
 * file system is not looked at.
 */
#include "embedded.h"

#include <string.h>

#include "reply.h"

/* A file's bytes, between two symbols; the Makefile knows of it, too. */
#define EMBED(name, file) \
	__asm__(".pushsection .rodata\n" \
			".global embedded_" #name "\n" \
			".global embedded_" #name "_end\n" \
			"embedded_" #name ":\n" \
			".incbin \"" file "\"\n" \
			"embedded_" #name "_end:\n" \
			".popsection\n"); \
	extern const char embedded_##name[]; \
	extern const char embedded_##name##_end[]

EMBED(openapi, "openapi.json");

typedef struct File
{
	const char *path;
	const char *type;
	const char *begin;
	const char *end;
} File;

static const File files[] = {
	{"/openapi.json", "application/json; charset=utf-8", embedded_openapi, embedded_openapi_end},
};

static const File *
find_file(const Request *request)
{
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
	{
		if (strcmp(files[i].path + 1, request->segments[0]) == 0)
			return &files[i];
	}
	return NULL;
}

enum MHD_Result
embedded_get(Request *request)
{
	const File *file = find_file(request);
	struct MHD_Response *response;
	size_t		size;

	if (file == NULL)
		return reply_error(request, MHD_HTTP_NOT_FOUND, "there is nothing here");
	size = file->end - file->begin;
	response = MHD_create_response_from_buffer(size, (void *) file->begin,
											   MHD_RESPMEM_PERSISTENT);
	if (response == NULL)
		return MHD_NO;
	reply_header(response, "Content-Type", "%s", file->type);
	reply_header(response, "Cache-Control", "no-cache");
	return reply_send(request, response, MHD_HTTP_OK, size);
}
