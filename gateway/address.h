/*
 * address.h
 *	  Where a client comes from, as far as limits go.
 */
#ifndef ADDRESS_H
#define ADDRESS_H

#include <stdbool.h>
#include <sys/socket.h>

/*
 * One of IPv4, as IPv6 maps it, or the network of one of IPv6, of which whoever
 * has one has all.
 */
typedef struct Address
{
	unsigned char bytes[16];
} Address;

#define ADDRESS_TEXT_SIZE 50

/* False, and an address of zeros, for what is none: a Unix socket, say. */
extern bool address_of(Address *address, const struct sockaddr *socket_address);

/*
 * The last one of a list such as X-Forwarded-For has, for it is the one that the
 * nearest proxy added.
 */
extern bool address_parse_last(Address *address, const char *list);

extern bool address_equal(const Address *a, const Address *b);
extern void address_text(char result[ADDRESS_TEXT_SIZE], const Address *address);

#endif							/* ADDRESS_H */
