/*
 * embedded.c
 *	  Files that are a part of the program: the API's description, and the panel.
 *
 * Invariant: what is served is what was there when the program was built; the
 * file system is not looked at.
 */
#include "embedded.h"

#include <stdio.h>
#include <string.h>

#include <openssl/evp.h>

#include "range.h"
#include "reply.h"

#define HTML "text/html; charset=utf-8"
#define CSS "text/css; charset=utf-8"
#define SCRIPT "text/javascript; charset=utf-8"
#define SVG "image/svg+xml"
#define JSON "application/json; charset=utf-8"

/* By symbol, path, where it is among the sources, and type. */
#define FILES(FILE) \
	FILE(openapi, "/openapi.json", "openapi.json", JSON) \
	FILE(panel, "/", "panel/index.html", HTML) \
	FILE(panel_css, "/panel/panel.css", "panel/panel.css", CSS) \
	FILE(panel_icon, "/panel/icon.svg", "panel/icon.svg", SVG) \
	FILE(panel_account, "/panel/account.js", "panel/account.js", SCRIPT) \
	FILE(panel_api, "/panel/api.js", "panel/api.js", SCRIPT) \
	FILE(panel_chart, "/panel/chart.js", "panel/chart.js", SCRIPT) \
	FILE(panel_columns, "/panel/columns.js", "panel/columns.js", SCRIPT) \
	FILE(panel_conditions, "/panel/conditions.js", "panel/conditions.js", SCRIPT) \
	FILE(panel_dom, "/panel/dom.js", "panel/dom.js", SCRIPT) \
	FILE(panel_download, "/panel/download.js", "panel/download.js", SCRIPT) \
	FILE(panel_events, "/panel/events.js", "panel/events.js", SCRIPT) \
	FILE(panel_form, "/panel/form.js", "panel/form.js", SCRIPT) \
	FILE(panel_generator, "/panel/generator.js", "panel/generator.js", SCRIPT) \
	FILE(panel_generator_form, "/panel/generator_form.js", "panel/generator_form.js", SCRIPT) \
	FILE(panel_generators, "/panel/generators.js", "panel/generators.js", SCRIPT) \
	FILE(panel_main, "/panel/main.js", "panel/main.js", SCRIPT) \
	FILE(panel_order, "/panel/order.js", "panel/order.js", SCRIPT) \
	FILE(panel_owner, "/panel/owner.js", "panel/owner.js", SCRIPT) \
	FILE(panel_report, "/panel/report.js", "panel/report.js", SCRIPT) \
	FILE(panel_reports, "/panel/reports.js", "panel/reports.js", SCRIPT) \
	FILE(panel_shown, "/panel/shown.js", "panel/shown.js", SCRIPT) \
	FILE(panel_signin, "/panel/signin.js", "panel/signin.js", SCRIPT) \
	FILE(panel_sums, "/panel/sums.js", "panel/sums.js", SCRIPT) \
	FILE(panel_texts, "/panel/texts.js", "panel/texts.js", SCRIPT) \
	FILE(panel_ui, "/panel/ui.js", "panel/ui.js", SCRIPT) \
	FILE(panel_view, "/panel/view.js", "panel/view.js", SCRIPT) \
	FILE(panel_views, "/panel/views.js", "panel/views.js", SCRIPT)

/* A file's bytes, between two symbols; the Makefile knows of it, too. */
#define EMBED(name, path, file, type) \
	__asm__(".pushsection .rodata\n" \
			".global embedded_" #name "\n" \
			".global embedded_" #name "_end\n" \
			"embedded_" #name ":\n" \
			".incbin \"" file "\"\n" \
			"embedded_" #name "_end:\n" \
			".popsection\n"); \
	extern const char embedded_##name[]; \
	extern const char embedded_##name##_end[];

FILES(EMBED)

typedef struct File
{
	const char *path;
	const char *type;
	const char *begin;
	const char *end;
} File;

#define AS_FILE(name, path, file, type) {path, type, embedded_##name, embedded_##name##_end},

static const File files[] = {FILES(AS_FILE)};

/*
 * What a page may do is next to nothing: run our scripts, which ask this server.
 * Text that becomes markup is refused by the browser itself.
 */
static const char policy[] =
"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
"require-trusted-types-for 'script'; trusted-types 'none'";

static bool without_panel = false;

void
embedded_leave_out_panel(void)
{
	without_panel = true;
}

/* A slash at a path's end says nothing, as in all of them. */
static bool
is_at(const File *file, const Request *request)
{
	const char *at = file->path;

	for (int i = 0; i < request->segment_count; i++)
	{
		size_t		length = strlen(request->segments[i]);

		if (*at++ != '/' || strncmp(at, request->segments[i], length) != 0)
			return false;
		at += length;
	}
	return *at == '\0';
}

static const File *
find_file(const Request *request)
{
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
	{
		if (is_at(&files[i], request))
			return &files[i];
	}
	return NULL;
}

/* The entity tag of a file, quotes included; empty if there is none. */
static void
make_tag(char tag[2 + 2 * SHA256_SIZE + 1], const File *file)
{
	unsigned char sha256[SHA256_SIZE];

	*tag = '\0';
	if (EVP_Digest(file->begin, file->end - file->begin, sha256, NULL, EVP_sha256(), NULL) != 1)
		return;
	for (int i = 0; i < SHA256_SIZE; i++)
		snprintf(tag + 1 + 2 * i, 3, "%02x", sha256[i]);
	tag[0] = tag[1 + 2 * SHA256_SIZE] = '"';
	tag[2 + 2 * SHA256_SIZE] = '\0';
}

enum MHD_Result
embedded_get(Request *request)
{
	const File *file = find_file(request);
	const char *known = request->fields[HEADER_IF_NONE_MATCH].value;
	char		tag[2 + 2 * SHA256_SIZE + 1];
	struct MHD_Response *response;
	bool		unchanged;
	size_t		size;

	if (file == NULL)
		return reply_error(request, MHD_HTTP_NOT_FOUND, "there is nothing here");
	make_tag(tag, file);
	unchanged = *tag != '\0' && known != NULL && range_tag_in_list(known, tag, true);
	size = unchanged ? 0 : file->end - file->begin;
	response = MHD_create_response_from_buffer(size, (void *) file->begin,
											   MHD_RESPMEM_PERSISTENT);
	if (response == NULL)
		return MHD_NO;
	if (!unchanged)
		reply_header(response, "Content-Type", "%s", file->type);
	/* kept, and asked for again each time: a new gateway has a new panel */
	reply_header(response, "Cache-Control", "no-cache");
	if (*tag != '\0')
		reply_header(response, "ETag", "%s", tag);
	reply_header(response, "Content-Security-Policy", "%s", policy);
	reply_header(response, "Cross-Origin-Opener-Policy", "same-origin");
	return reply_send(request, response,
					  unchanged ? MHD_HTTP_NOT_MODIFIED : MHD_HTTP_OK, size);
}

enum MHD_Result
embedded_get_panel(Request *request)
{
	if (without_panel)
		return reply_error(request, MHD_HTTP_NOT_FOUND, "there is nothing here");
	return embedded_get(request);
}
