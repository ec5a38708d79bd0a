/*
 * options.h
 *	  Where reports are uploaded to: options of servers and user mappings.
 */
#ifndef OPTIONS_H
#define OPTIONS_H

#include "core/rde.h"

/* How blobs are named, before the name of the file */
typedef enum AzureLayout
{
	AZURE_FLAT,
	AZURE_BY_RESELLER,			/* 1001/ */
	AZURE_BY_MONTH,				/* 2019-11/, UTC */
	AZURE_BY_RESELLER_AND_MONTH /* 1001/2019-11/ */
} AzureLayout;

/* A server of the foreign-data wrapper rde_azure. */
typedef struct AzureServer
{
	Oid			id;
	const char *name;
	const char *account;
	const char *container;
	const char *endpoint;		/* https://host[:port][/path], no slash at its
								 * end */
	const char *path;			/* of the endpoint: "" or "/..." */
	bool		loopback;		/* the endpoint is this machine */
	AzureLayout layout;
	bool		upload;			/* new reports go there */
	bool		keep_local;
	bool		delete_expired;
	int			timeout;		/* of one request, in seconds */
	const uint8 *key;			/* of the account; NULL: not known */
	int			key_length;
} AzureServer;

/*
 * A server of the wrapper by its name, NULL if there is none.  The key is that
 * of the mapping of the server's owner, and nobody else's.  In the current
 * memory context.
 */
extern AzureServer *azure_server_find(const char *name);

/* The same by OID, for a server that exists. */
extern AzureServer *azure_server_get(Oid id);

#endif							/* OPTIONS_H */
