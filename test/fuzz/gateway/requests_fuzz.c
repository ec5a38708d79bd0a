/*
 * requests_fuzz.c
 *	  Bytes that come to the gateway's port, answered by all of it but its database:
 *	  every answer is HTTP, and what it says is JSON.
 *
 * There is no database behind it, so nobody gets in; whoever is well-formed gets
 * 503.  What is behind that is test/t's.
 */
#include "gateway/server.h"

#include <errno.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "bytes/pairs.h"
#include "fuzz/fuzz.h"
#include "gateway/log.h"

#define MAX_ANSWER	(4 * 1024 * 1024)

static struct sockaddr_un address = {.sun_family = AF_UNIX};

static void
start(void)
{
	static Pools pools;
	int			listener = socket(AF_UNIX, SOCK_STREAM, 0);

	signal(SIGPIPE, SIG_IGN);
	PROMISE(log_set_level("error"));
	/* of Linux, without a file: the name begins with a NUL */
	snprintf(address.sun_path + 1, sizeof(address.sun_path) - 1, "rde_fuzz_%d", getpid());
	PROMISE(bind(listener, (struct sockaddr *) &address, sizeof(address)) == 0 &&
			listen(listener, 64) == 0);
	pools.verified = pool_create("verified", "host=/nonexistent", 1, 1);
	pools.unverified = pool_create("unverified", "host=/nonexistent", 1, 1);
	PROMISE(server_start(listener, &pools, true));
}

/* All that is said when these bytes have been sent, and no more will be. */
static char *
ask(const uint8_t *data, size_t size, size_t *answer_size)
{
	static char answer[MAX_ANSWER];
	const struct timeval patience = {.tv_sec = 20};
	int			client = socket(AF_UNIX, SOCK_STREAM, 0);
	size_t		done = 0;
	ssize_t		n;

	PROMISE(connect(client, (struct sockaddr *) &address, sizeof(address)) == 0);
	setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	while (size > 0 && (n = send(client, data, size, 0)) > 0)
	{
		data += n;
		size -= n;
	}
	shutdown(client, SHUT_WR);
	while ((n = recv(client, answer + done, MAX_ANSWER - 1 - done, 0)) > 0)
		done += n;
	PROMISE(n == 0 || errno == ECONNRESET);
	close(client);
	answer[done] = '\0';
	*answer_size = done;
	return answer;
}

/* The value of a header, or NULL. */
static const char *
header(const char *headers, const char *end, const char *name)
{
	const char *found = strcasestr(headers, name);

	return found == NULL || found > end ? NULL : found + strlen(name);
}

/* One answer; the place behind it. */
static const char *
check_answer(const char *at, const char *end)
{
	int			status = 0;
	const char *body = strstr(at, "\r\n\r\n");
	const char *length;
	size_t		bytes;
	bool		head;

	PROMISE(sscanf(at, "HTTP/1.%*1[01] %3d ", &status) == 1);
	PROMISE(status >= 100 && status <= 505 && status != 500);
	PROMISE(body != NULL);
	if (status == 100)
		return body + 4;
	/* libmicrohttpd's own refusals are of its own form */
	length = header(at, body, "\r\nContent-Length: ");
	PROMISE(length != NULL || status == 204 || status == 304);
	bytes = length == NULL ? 0 : strtoul(length, NULL, 10);
	body += 4;
	if (header(at, body, "\r\nX-Correlation-ID: ") == NULL)
		return end;
	/* of a HEAD nothing follows */
	head = (size_t) (end - body) < bytes || strncmp(body, "HTTP/1.", 7) == 0;
	if (head)
		return body;
	if (bytes > 0 && status >= 400)
	{
		PROMISE(body[0] == '{' && body[bytes - 1] == '}');
		PROMISE(header(at, body, "\r\nContent-Type: application/json") != NULL);
	}
	return body + bytes;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool started = false;
	const char *answer;
	size_t		answer_size;
	const char *end;

	if (!started)
		start();
	started = true;
	answer = ask(data, size, &answer_size);
	end = answer + answer_size;
	while (answer < end)
		answer = check_answer(answer, end);
	PROMISE(answer == end);
	return 0;
}
