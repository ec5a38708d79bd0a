/*
 * digest.c
 *	  What a file's bytes are checked by.
 *
 * The server's own digests belong to a resource owner, and so to a transaction;
 * an upload takes many of them.
 */
#include "digest.h"

#include <openssl/evp.h>

#include "core/url.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

struct AzureDigest
{
	MemoryContextCallback release;
	EVP_MD_CTX *sha256;
	EVP_MD_CTX *md5;
};

static void
release(void *arg)
{
	AzureDigest *digest = arg;

	EVP_MD_CTX_free(digest->sha256);
	EVP_MD_CTX_free(digest->md5);
}

/* MD5 may be forbidden to this machine. */
static void
fail(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("libcrypto does not compute SHA-256 or MD5 here"),
			 errdetail("Azure checks blocks by their MD5.")));
}

AzureDigest *
azure_digest_create(void)
{
	AzureDigest *digest = palloc0(sizeof(AzureDigest));

	digest->release.func = release;
	digest->release.arg = digest;
	MemoryContextRegisterResetCallback(CurrentMemoryContext,
									   &digest->release);
	digest->sha256 = EVP_MD_CTX_new();
	digest->md5 = EVP_MD_CTX_new();
	if (digest->sha256 == NULL || digest->md5 == NULL ||
		EVP_DigestInit_ex(digest->sha256, EVP_sha256(), NULL) != 1 ||
		EVP_DigestInit_ex(digest->md5, EVP_md5(), NULL) != 1)
		fail();
	return digest;
}

void
azure_digest_add(AzureDigest *digest, const void *data, size_t length)
{
	if (EVP_DigestUpdate(digest->sha256, data, length) != 1 ||
		EVP_DigestUpdate(digest->md5, data, length) != 1)
		fail();
}

void
azure_digest_finish(AzureDigest *digest, const char **sha256,
					const char **md5)
{
	uint8		bytes[EVP_MAX_MD_SIZE];
	unsigned int length;
	char	   *hex;

	if (EVP_DigestFinal_ex(digest->sha256, bytes, &length) != 1)
		fail();
	hex = palloc(2 * length + 1);
	hex[hex_encode((const char *) bytes, length, hex)] = '\0';
	*sha256 = hex;
	if (EVP_DigestFinal_ex(digest->md5, bytes, &length) != 1)
		fail();
	*md5 = rde_url_base64(bytes, length);
}

const char *
azure_md5(const void *data, size_t length)
{
	uint8		md5[EVP_MAX_MD_SIZE];
	unsigned int size;

	if (EVP_Digest(data, length, md5, &size, EVP_md5(), NULL) != 1)
		fail();
	return rde_url_base64(md5, size);
}
