/*
 * address.c
 *	  Where a client comes from, as far as limits go.
 */
#include "address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

/* Bytes of an IPv6 address that are the network's */
#define NETWORK_BYTES	8

static void
take_ipv4(Address *address, const struct in_addr *ipv4)
{
	memset(address->bytes, 0, 10);
	memset(address->bytes + 10, 0xff, 2);
	memcpy(address->bytes + 12, ipv4, 4);
}

static void
take_ipv6(Address *address, const struct in6_addr *ipv6)
{
	memcpy(address->bytes, ipv6, 16);
	if (!IN6_IS_ADDR_V4MAPPED(ipv6))
		memset(address->bytes + NETWORK_BYTES, 0, 16 - NETWORK_BYTES);
}

bool
address_of(Address *address, const struct sockaddr *socket_address)
{
	memset(address, 0, sizeof(Address));
	if (socket_address == NULL)
		return false;
	if (socket_address->sa_family == AF_INET)
		take_ipv4(address, &((const struct sockaddr_in *) socket_address)->sin_addr);
	else if (socket_address->sa_family == AF_INET6)
		take_ipv6(address, &((const struct sockaddr_in6 *) socket_address)->sin6_addr);
	else
		return false;
	return true;
}

bool
address_parse_last(Address *address, const char *list)
{
	const char *comma = strrchr(list, ',');
	const char *begin = comma == NULL ? list : comma + 1;
	char		text[INET6_ADDRSTRLEN];
	size_t		length;
	struct in_addr ipv4;
	struct in6_addr ipv6;

	begin += strspn(begin, " \t");
	length = strcspn(begin, " \t");
	if (length >= sizeof(text))
		return false;
	memcpy(text, begin, length);
	text[length] = '\0';
	if (inet_pton(AF_INET, text, &ipv4) == 1)
		take_ipv4(address, &ipv4);
	else if (inet_pton(AF_INET6, text, &ipv6) == 1)
		take_ipv6(address, &ipv6);
	else
		return false;
	return true;
}

bool
address_equal(const Address *a, const Address *b)
{
	return memcmp(a, b, sizeof(Address)) == 0;
}

void
address_text(char result[ADDRESS_TEXT_SIZE], const Address *address)
{
	char		text[INET6_ADDRSTRLEN] = "?";
	bool		mapped = address->bytes[10] == 0xff;

	if (mapped)
		inet_ntop(AF_INET, address->bytes + 12, text, sizeof(text));
	else
		inet_ntop(AF_INET6, address->bytes, text, sizeof(text));
	snprintf(result, ADDRESS_TEXT_SIZE, "%s%s", text, mapped ? "" : "/64");
}
