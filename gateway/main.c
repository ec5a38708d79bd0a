/*
 * main.c
 *	  rde-gateway: reports of the extension "rde" over HTTP.
 *
 * Invariant: the process keeps nothing a restart would lose; all state is the
 * database's.
 */
#include <errno.h>
#include <getopt.h>
#include <malloc.h>
#include <netdb.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cors.h"
#include "embedded.h"
#include "events.h"
#include "guard.h"
#include "log.h"
#include "logins.h"
#include "metrics.h"
#include "pool.h"
#include "server.h"

#define DEFAULT_LISTEN	"127.0.0.1:8080"
#define DEFAULT_POOL	4		/* enough for thousands of lists a second */
#define MAX_POOL		100

/* For those whose credentials are not known; short checks only. */
#define UNVERIFIED_POOL	2
#define UNVERIFIED_WAITING 64

/* How long running requests may take to end after SIGTERM, in seconds. */
#define STOP_LIMIT		30

static const char help[] =
"rde-gateway serves reports of the PostgreSQL extension rde over HTTP.\n"
"\n"
"Usage:\n"
"  rde-gateway [OPTION]...\n"
"\n"
"Options:\n"
"  -l, --listen=ADDRESS:PORT  where to listen (" DEFAULT_LISTEN "); port 0 is any,\n"
"                             [::1]:8080 is IPv6\n"
"  -d, --db=CONNINFO          connection string or URI of the database; what it\n"
"                             leaves open is taken from PGHOST, PGUSER, ...\n"
"  -p, --pool=N               connections for requests (4); two more are for\n"
"                             those whose credentials are yet to be checked\n"
"  -o, --allow-origin=ORIGIN  let programs of pages of this origin ask, such as\n"
"                             https://shop.example.com; may be said several times\n"
"  -x, --behind-proxy         all clients come through a proxy, which says in\n"
"                             X-Forwarded-For from where\n"
"  -m, --metrics=ADDRESS:PORT answer GET /metrics of Prometheus there, without a\n"
"                             login; nowhere by default\n"
"      --no-panel             leave out the panel, the pages at /\n"
"      --log-level=LEVEL      error, warning, info (one line a request) or debug\n"
"  -h, --help                 show this, then exit\n"
"  -V, --version              show the version, then exit\n"
"\n"
"The role it connects as needs what rde_grant(role, 'gateway') grants, and no\n"
"more.  Passwords are best kept out of the command line: use a password file.\n"
"SIGTERM ends it once running requests have ended, after 30 seconds at most.\n";

typedef struct Options
{
	const char *listen;
	const char *conninfo;
	int			pool;
	const char *metrics;		/* where, or NULL */
	bool		behind_proxy;
} Options;

static void
usage_error(const char *message, const char *value)
{
	fprintf(stderr, "rde-gateway: %s%s%s%s\nTry \"rde-gateway --help\".\n", message,
			value == NULL ? "" : ": \"", value == NULL ? "" : value,
			value == NULL ? "" : "\"");
	exit(2);
}

static void
parse_options(int argc, char **argv, Options *options)
{
	static const struct option names[] = {
		{"listen", required_argument, NULL, 'l'},
		{"db", required_argument, NULL, 'd'},
		{"pool", required_argument, NULL, 'p'},
		{"allow-origin", required_argument, NULL, 'o'},
		{"behind-proxy", no_argument, NULL, 'x'},
		{"metrics", required_argument, NULL, 'm'},
		{"no-panel", no_argument, NULL, 'P'},
		{"log-level", required_argument, NULL, 'L'},
		{"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'V'},
		{NULL, 0, NULL, 0}
	};
	char	   *end;
	int			option;

	while ((option = getopt_long(argc, argv, "l:d:p:o:xm:hV", names, NULL)) != -1)
	{
		switch (option)
		{
			case 'l':
				options->listen = optarg;
				break;
			case 'd':
				options->conninfo = optarg;
				break;
			case 'p':
				options->pool = (int) strtol(optarg, &end, 10);
				if (*end != '\0' || options->pool < 1 || options->pool > MAX_POOL)
					usage_error("--pool must be a number from 1 to 100", optarg);
				break;
			case 'o':
				if (!cors_allow(optarg))
					usage_error("--allow-origin must be an origin such as https://shop.example.com", optarg);
				break;
			case 'x':
				options->behind_proxy = true;
				break;
			case 'm':
				options->metrics = optarg;
				break;
			case 'P':
				embedded_leave_out_panel();
				break;
			case 'L':
				if (!log_set_level(optarg))
					usage_error("--log-level must be error, warning, info or debug", optarg);
				break;
			case 'h':
				fputs(help, stdout);
				exit(0);
			case 'V':
				puts("rde-gateway " RDE_VERSION);
				exit(0);
			default:
				usage_error("unknown option", NULL);
		}
	}
	if (optind < argc)
		usage_error("unexpected argument", argv[optind]);
}

/*
 * libpq's own message would repeat a part of the string, which may be a password.
 */
static void
check_conninfo(const char *conninfo)
{
	char	   *error = NULL;
	PQconninfoOption *parsed = PQconninfoParse(conninfo, &error);

	if (parsed == NULL && *conninfo != '\0')
		usage_error("--db must be a connection string (host=... dbname=...) or URI", NULL);
	PQconninfoFree(parsed);
	PQfreemem(error);
}

/* A socket that listens where an option says; also print what is there, and where that is. */
static int
open_listener(const char *listen_to, const char *what, const char *usage)
{
	char	   *address = strdup(listen_to);
	char	   *host = address;
	char	   *port = address == NULL ? NULL : strrchr(address, ':');
	const struct addrinfo hints = {
		.ai_flags = AI_PASSIVE,.ai_socktype = SOCK_STREAM
	};
	struct addrinfo *found = NULL;
	struct sockaddr_storage bound;
	socklen_t	bound_size = sizeof(bound);
	char		bound_host[NI_MAXHOST];
	char		bound_port[NI_MAXSERV];
	int			on = 1;
	int			listener;
	int			error;

	if (port == NULL)
		usage_error(usage, listen_to);
	*port++ = '\0';
	if (*host == '[' && port - host >= 3 && port[-2] == ']')
	{
		host++;
		port[-2] = '\0';
	}
	error = getaddrinfo(*host == '\0' ? NULL : host, port, &hints, &found);
	if (error != 0)
		usage_error(gai_strerror(error), listen_to);

	listener = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (listener < 0 ||
		setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
		bind(listener, found->ai_addr, found->ai_addrlen) != 0 ||
		listen(listener, SOMAXCONN) != 0 ||
		getsockname(listener, (struct sockaddr *) &bound, &bound_size) != 0 ||
		getnameinfo((struct sockaddr *) &bound, bound_size, bound_host,
					sizeof(bound_host), bound_port, sizeof(bound_port),
					NI_NUMERICHOST | NI_NUMERICSERV) != 0)
	{
		fprintf(stderr, "rde-gateway: cannot listen on \"%s\": %s\n", listen_to,
				strerror(errno));
		exit(1);
	}
	if (found->ai_family == AF_INET6)
		printf("%s on http://[%s]:%s\n", what, bound_host, bound_port);
	else
		printf("%s on http://%s:%s\n", what, bound_host, bound_port);
	fflush(stdout);
	freeaddrinfo(found);
	free(address);
	return listener;
}

/*
 * Pieces of up to 1 MiB come and go.  Taken from the heap, and not given back to
 * the system each time, their pages need not be zeroed again and again, which
 * would be half the work; few arenas bound what is kept.
 */
static void
tune_memory(void)
{
	mallopt(M_ARENA_MAX, 2);
	mallopt(M_MMAP_THRESHOLD, 4 * 1024 * 1024);
	mallopt(M_TRIM_THRESHOLD, 4 * 1024 * 1024);
}

/*
 * Wait until told to stop; once a second, see to clients that are late and to
 * logins that failed.
 */
static void
wait_for_stop(const sigset_t *signals)
{
	const struct timespec second = {.tv_sec = 1};

	while (sigtimedwait(signals, NULL, &second) < 0)
	{
		guard_sweep();
		logins_sweep(false);
	}
}

/* False if requests are still running at the end. */
static bool
stop_gracefully(const sigset_t *signals)
{
	const struct timespec tenth = {.tv_nsec = 100000000};

	log_message(LOG_INFO, "stopping; %d requests are running", server_active());
	server_begin_stop();
	for (int i = 0; i < STOP_LIMIT * 10 && server_active() > 0; i++)
	{
		if (sigtimedwait(signals, NULL, &tenth) > 0)
			break;				/* told so again */
		guard_sweep();
	}
	if (server_active() > 0)
	{
		log_message(LOG_WARNING, "stopped with %d requests running", server_active());
		return false;
	}
	server_stop();
	return true;
}

int
main(int argc, char **argv)
{
	Options		options = {
		.listen = DEFAULT_LISTEN,
		.conninfo = "",
		.pool = DEFAULT_POOL
	};
	const PoolClient nobody = {.use = POOL_SHORT};
	PoolAnswer	answer;
	Pools		pools;
	sigset_t	signals;
	PGconn	   *conn;
	int			listener;
	bool		stopped;

	parse_options(argc, argv, &options);
	check_conninfo(options.conninfo);
	tune_memory();

	/* threads inherit the mask: only this one is told to stop */
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigprocmask(SIG_BLOCK, &signals, NULL);

	pools.verified = pool_create("verified", options.conninfo, options.pool, MAX_POOL * MAX_POOL);
	pools.unverified = pool_create("unverified", options.conninfo, UNVERIFIED_POOL,
								   UNVERIFIED_WAITING);

	events_begin(options.conninfo);

	listener = open_listener(options.listen, "listening", "--listen must be ADDRESS:PORT");
	if (options.metrics != NULL &&
		!metrics_start(open_listener(options.metrics, "metrics", "--metrics must be ADDRESS:PORT"),
					   &pools))
	{
		fprintf(stderr, "rde-gateway: metrics cannot be served\n");
		return 1;
	}

	/* What is wrong with the database is said now, not at the first request. */
	conn = pool_take(pools.verified, &nobody, &answer);
	if (conn != NULL)
		pool_give(pools.verified, conn, &nobody, true);

	if (!server_start(listener, &pools, options.behind_proxy))
	{
		fprintf(stderr, "rde-gateway: the HTTP server cannot be started\n");
		return 1;
	}
	wait_for_stop(&signals);
	stopped = stop_gracefully(&signals);
	logins_sweep(true);
	if (!stopped)
		_exit(0);
	metrics_stop();
	events_stop();
	pool_close(pools.verified);
	pool_close(pools.unverified);
	log_message(LOG_INFO, "stopped");
	return 0;
}
