/*
 * options.c
 *	  Where reports are uploaded to: options of servers and user mappings.
 *
 * Invariant: what a catalog holds has been through the validator: endpoints are
 * https but on this machine, and keys are base64.  No message repeats a key.
 */
#include "options.h"

#include "access/htup_details.h"
#include "access/reloptions.h"
#include "catalog/pg_foreign_data_wrapper.h"
#include "catalog/pg_foreign_server.h"
#include "catalog/pg_user_mapping.h"
#include "commands/defrem.h"
#include "common/base64.h"
#include "foreign/foreign.h"
#include "utils/builtins.h"
#include "utils/syscache.h"

#define WRAPPER			"rde_azure"
#define PUBLIC_CLOUD	"https://%s.blob.core.windows.net"

/* Seconds for a request, which carries 1 MiB at most. */
#define DEFAULT_TIMEOUT	60
#define MAX_TIMEOUT		600

static const char *const layouts[] = {
	[AZURE_FLAT] = "flat",
	[AZURE_BY_RESELLER] = "reseller",
	[AZURE_BY_MONTH] = "month",
	[AZURE_BY_RESELLER_AND_MONTH] = "reseller/month",
};

/* An endpoint, taken apart. */
typedef struct Endpoint
{
	bool		secure;
	bool		loopback;
	const char *path;
} Endpoint;

pg_noreturn static void
refuse(const char *option, const char *value, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
			 value ? errmsg("\"%s\" is not a valid %s", value, option) :
			 errmsg("%s is not valid", option),
			 errhint("%s", hint)));
}

/* Lower-case letters and digits, and single hyphens between them if allowed. */
static bool
is_name(const char *value, int least, int most, bool hyphens)
{
	int			length = strlen(value);

	for (int i = 0; i < length; i++)
	{
		bool		inner = i > 0 && i < length - 1 && value[i - 1] != '-';

		if (!(value[i] >= 'a' && value[i] <= 'z') &&
			!(value[i] >= '0' && value[i] <= '9') &&
			!(hyphens && value[i] == '-' && inner))
			return false;
	}
	return length >= least && length <= most;
}

/* "127.x.y.z", "[::1]" or "localhost", whatever its port */
static bool
is_loopback(const char *host, int length)
{
	const char *colon = memchr(host, ':', length);

	if (length >= 5 && strncmp(host, "[::1]", 5) == 0)
		return length == 5 || host[5] == ':';
	if (colon)
		length = colon - host;
	if (length == 9 && pg_strncasecmp(host, "localhost", 9) == 0)
		return true;
	return length >= 9 && length <= 15 && strncmp(host, "127.", 4) == 0 &&
		strspn(host, "0123456789.") == length;
}

static bool
parse_endpoint(const char *url, Endpoint *endpoint)
{
	const char *host;
	int			length;

	endpoint->secure = pg_strncasecmp(url, "https://", 8) == 0;
	if (!endpoint->secure && pg_strncasecmp(url, "http://", 7) != 0)
		return false;
	host = strstr(url, "//") + 2;
	length = strcspn(host, "/");
	endpoint->path = host + length;
	endpoint->loopback = is_loopback(host, length);

	/* neither user nor query nor fragment nor anything to be escaped */
	return length > 0 && host[length - 1] != ':' && host[0] != ':' &&
		strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
			   "0123456789.-:[]") == length &&
		strspn(endpoint->path, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
			   "0123456789.-_~/") == strlen(endpoint->path) &&
		strstr(endpoint->path, "//") == NULL &&
		strstr(endpoint->path, "/.") == NULL;
}

static bool
parse_layout(const char *value, AzureLayout *layout)
{
	for (int i = 0; i < lengthof(layouts); i++)
	{
		if (strcmp(value, layouts[i]) == 0)
		{
			*layout = i;
			return true;
		}
	}
	return false;
}

/* The bytes of a base64 key; NULL if it is not one. */
static uint8 *
decode_key(const char *value, int *length)
{
	int			size = pg_b64_dec_len(strlen(value));
	uint8	   *key = palloc(size + 1);

	*length = rde_b64_decode(value, strlen(value), key, size);
	return *length > 0 ? key : NULL;
}

static void
check_server_option(const char *name, const char *value)
{
	Endpoint	endpoint;
	AzureLayout layout;
	bool		yes;
	char	   *end;
	long		number;

	if (strcmp(name, "account") == 0)
	{
		if (!is_name(value, 3, 24, false))
			refuse(name, value, "A storage account's name is 3 to 24 lower-case letters and digits.");
	}
	else if (strcmp(name, "container") == 0)
	{
		if (!is_name(value, 3, 63, true))
			refuse(name, value, "A container's name is 3 to 63 lower-case letters, digits and single hyphens.");
	}
	else if (strcmp(name, "endpoint") == 0)
	{
		if (!parse_endpoint(value, &endpoint))
			refuse(name, value, "Say https://HOST, https://HOST:PORT or https://HOST/PATH.");
		if (!endpoint.secure && !endpoint.loopback)
			refuse(name, value, "Reports go over https; http is for an emulator on this machine: http://127.0.0.1:10000/devstoreaccount1.");
	}
	else if (strcmp(name, "layout") == 0)
	{
		if (!parse_layout(value, &layout))
			refuse(name, value, "Use flat, reseller, month or reseller/month.");
	}
	else if (strcmp(name, "upload") == 0 || strcmp(name, "keep_local") == 0 ||
			 strcmp(name, "delete_expired") == 0)
	{
		if (!parse_bool(value, &yes))
			refuse(name, value, "Use true or false.");
	}
	else if (strcmp(name, "timeout") == 0)
	{
		number = strtol(value, &end, 10);
		if (*value == '\0' || *end != '\0' || number < 1 || number > MAX_TIMEOUT)
			refuse(name, value, "It is a number of seconds from 1 to 600.");
	}
	else
		ereport(ERROR,
				(errcode(ERRCODE_FDW_INVALID_OPTION_NAME),
				 errmsg("a server of rde_azure has no option \"%s\"", name),
				 errhint("Options are account, container, endpoint, layout, keep_local, delete_expired, upload and timeout.")));
}

static void
check_server(List *options)
{
	ListCell   *cell;
	bool		account = false;
	bool		container = false;

	foreach(cell, options)
	{
		DefElem    *option = lfirst(cell);

		check_server_option(option->defname, defGetString(option));
		account |= strcmp(option->defname, "account") == 0;
		container |= strcmp(option->defname, "container") == 0;
	}
	if (!account || !container)
		ereport(ERROR,
				(errcode(ERRCODE_FDW_OPTION_NAME_NOT_FOUND),
				 errmsg("a server of rde_azure needs the options account and container"),
				 errhint("CREATE SERVER reports FOREIGN DATA WRAPPER rde_azure OPTIONS (account 'contoso', container 'reports');")));
}

static void
check_mapping(List *options)
{
	ListCell   *cell;
	int			length;

	foreach(cell, options)
	{
		DefElem    *option = lfirst(cell);

		if (strcmp(option->defname, "account_key") != 0)
			ereport(ERROR,
					(errcode(ERRCODE_FDW_INVALID_OPTION_NAME),
					 errmsg("a user mapping of rde_azure has no option \"%s\"",
							option->defname),
					 errhint("Its only option is account_key.")));
		if (decode_key(defGetString(option), &length) == NULL)
			refuse("account_key", NULL, "It is a storage account's key in base64, as the portal shows it.");
	}
}

PG_FUNCTION_INFO_V1(rde_azure_validator);

/*
 * rde_azure_validator(options text[], catalog oid).  Raises HV00D for options
 * that do not exist, HV024 for values, HV00J for what is missing.
 */
Datum
rde_azure_validator(PG_FUNCTION_ARGS)
{
	List	   *options = untransformRelOptions(PG_GETARG_DATUM(0));
	Oid			catalog = PG_GETARG_OID(1);

	if (catalog == ForeignServerRelationId)
		check_server(options);
	else if (catalog == UserMappingRelationId)
		check_mapping(options);
	else if (options != NIL)
		ereport(ERROR,
				(errcode(ERRCODE_FDW_INVALID_OPTION_NAME),
				 errmsg("rde_azure has no options but those of servers and user mappings")));
	PG_RETURN_VOID();
}

/* The key in the mapping of a role; GetUserMapping() would take PUBLIC's too. */
static void
find_key(AzureServer *server, Oid owner)
{
	HeapTuple	tuple = SearchSysCache2(USERMAPPINGUSERSERVER,
										ObjectIdGetDatum(owner),
										ObjectIdGetDatum(server->id));
	bool		isnull;
	Datum		options;
	ListCell   *cell;

	if (!HeapTupleIsValid(tuple))
		return;
	options = SysCacheGetAttr(USERMAPPINGUSERSERVER, tuple,
							  Anum_pg_user_mapping_umoptions, &isnull);
	if (!isnull)
	{
		foreach(cell, untransformRelOptions(options))
		{
			DefElem    *option = lfirst(cell);

			if (strcmp(option->defname, "account_key") == 0)
				server->key = decode_key(defGetString(option),
										 &server->key_length);
		}
	}
	ReleaseSysCache(tuple);
}

static void
take_option(AzureServer *server, const char *name, const char *value)
{
	if (strcmp(name, "account") == 0)
		server->account = value;
	else if (strcmp(name, "container") == 0)
		server->container = value;
	else if (strcmp(name, "endpoint") == 0)
		server->endpoint = value;
	else if (strcmp(name, "layout") == 0)
		(void) parse_layout(value, &server->layout);
	else if (strcmp(name, "upload") == 0)
		(void) parse_bool(value, &server->upload);
	else if (strcmp(name, "keep_local") == 0)
		(void) parse_bool(value, &server->keep_local);
	else if (strcmp(name, "delete_expired") == 0)
		(void) parse_bool(value, &server->delete_expired);
	else if (strcmp(name, "timeout") == 0)
		server->timeout = atoi(value);
}

AzureServer *
azure_server_get(Oid id)
{
	ForeignServer *found = GetForeignServer(id);
	AzureServer *server = palloc0(sizeof(AzureServer));
	Endpoint	endpoint;
	char	   *url;
	ListCell   *cell;

	server->id = id;
	server->name = found->servername;
	server->upload = true;
	server->keep_local = true;
	server->delete_expired = true;
	server->timeout = DEFAULT_TIMEOUT;
	foreach(cell, found->options)
	{
		DefElem    *option = lfirst(cell);

		take_option(server, option->defname, defGetString(option));
	}
	if (server->account == NULL || server->container == NULL)
		elog(ERROR, "server \"%s\" lacks an account or a container",
			 server->name);
	url = server->endpoint ? pstrdup(server->endpoint) :
		psprintf(PUBLIC_CLOUD, server->account);
	if (url[strlen(url) - 1] == '/')
		url[strlen(url) - 1] = '\0';
	server->endpoint = url;
	if (!parse_endpoint(url, &endpoint) ||
		(!endpoint.secure && !endpoint.loopback))
		elog(ERROR, "server \"%s\" has no valid endpoint", server->name);
	server->path = endpoint.path;
	server->loopback = endpoint.loopback;
	find_key(server, found->owner);
	return server;
}

AzureServer *
azure_server_find(const char *name)
{
	ForeignServer *found = GetForeignServerByName(name, true);

	if (found == NULL ||
		strcmp(GetForeignDataWrapper(found->fdwid)->fdwname, WRAPPER) != 0)
		return NULL;
	return azure_server_get(found->serverid);
}
