/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The owner's primary for measurements: all answers are octets in memory, so
 * that what is measured is the secondary.  127.0.0.1 only, no NOTIFY (the
 * script sends it), no access rules.
 *
 *   owner PORT NAME:RECORDS ... [NAME%d:RECORDS*COUNT]
 *   owner --text NAME RECORDS       the zone's master file
 *
 * Commands on standard input, one answer line each; the end of input is the
 * end of the program:
 *   change NAME     -> "SERIAL ADDRESS" (8 hex digits, of the new record)
 *   stat NAME       -> "AXFRS IXFRS START END" of the zone; CLOCK_MONOTONIC
 *   total           -> "AXFRS IXFRS SOAS" of all zones
 */
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "tests/bench/gen.h"
#include "tests/bench/owner_msg.h"

#define MAX_OUT 64 /* answers that wait on one connection */
#define MSG_MAX 65535

struct zone {
	struct gen_zone gen;
	unsigned readers; /* of gen.stream now */
	uint64_t axfrs, ixfrs;
	double start, end; /* of the last AXFR */
};

struct out {
	const uint8_t *at;
	size_t left;
	uint8_t *own;	   /* to be freed after */
	struct zone *zone; /* reads its stream */
	struct zone *axfr; /* note the time when this is gone */
};

struct conn {
	int fd;
	size_t in_len;
	uint8_t in[2 + MSG_MAX];
	struct out out[MAX_OUT];
	unsigned nout;
};

struct owner {
	struct zone *zones; /* sorted by name */
	size_t nzones;
	uint64_t axfrs, ixfrs, soas;
	int ep, udp, tcp;
	char line[256];
	size_t line_len;
};

static void
die(const char *what)
{
	perror(what);
	exit(1);
}

static double
now(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* -- zones ----------------------------------------------------------------- */
static int
compare(const void *a, const void *b)
{
	const struct zone *x = a, *y = b;

	/* labels are letters and digits: a length never equals a letter */
	return strcasecmp((const char *)x->gen.name, (const char *)y->gen.name);
}

static struct zone *
find(struct owner *o, const uint8_t *name, size_t len)
{
	struct zone key;

	if (len > sizeof(key.gen.name)) {
		return NULL;
	}
	memset(key.gen.name, 0, sizeof(key.gen.name));
	memcpy(key.gen.name, name, len);
	return bsearch(&key, o->zones, o->nzones, sizeof(key), compare);
}

static void
add_zone(struct owner *o, const char *name, uint32_t records)
{
	size_t n = o->nzones + 1;

	if ((n & (n - 1)) == 0) {
		o->zones = realloc(o->zones, 2 * n * sizeof(*o->zones));
		if (o->zones == NULL) {
			die("zones");
		}
	}
	memset(&o->zones[o->nzones], 0, sizeof(*o->zones));
	gen_zone_init(&o->zones[o->nzones++].gen, name, records);
}

static void
add_zones(struct owner *o, const char *spec)
{
	char base[GEN_NAME_LEN], name[GEN_NAME_LEN], *sub;
	unsigned records, count = 1, i;

	if (sscanf(spec, "%40[^:]:%u*%u", base, &records, &count) < 2) {
		fprintf(stderr, "%s: NAME:RECORDS[*COUNT] expected\n", spec);
		exit(1);
	}
	sub = strstr(base, "%d");
	if (sub == NULL) {
		add_zone(o, base, records);
		return;
	}
	for (i = 0; i < count; i++) {
		(void)snprintf(name, sizeof(name), "%.*s%u%.20s",
		    (int)(sub - base), base, i, sub + 2);
		add_zone(o, name, records);
	}
}

/* The zone that is asked for, or NULL; q->end 0: not a query. */
static struct zone *
read_query(struct owner *o, struct owner_query *q, const uint8_t *m, size_t len)
{
	struct zone *z = NULL;

	if (owner_read_query(q, m, len)) {
		z = find(o, m + 12, q->name_len);
		q->gen = z != NULL ? &z->gen : NULL;
	}
	return z;
}

/* -- TCP ------------------------------------------------------------------- */
static void
out_done(struct out *out)
{
	free(out->own);
	if (out->zone != NULL) {
		out->zone->readers--;
	}
	if (out->axfr != NULL) {
		out->axfr->end = now();
	}
}

static void
conn_free(struct conn *c)
{
	unsigned i;

	for (i = 0; i < c->nout; i++) {
		out_done(&c->out[i]);
	}
	(void)close(c->fd);
	free(c);
}

static void
send_axfr(struct owner *o, struct conn *c, const uint8_t *m, struct zone *z,
    uint16_t type)
{
	struct out *out = &c->out[c->nout++];
	uint8_t *stream = z->gen.stream;

	memset(out, 0, sizeof(*out));
	out->left = z->gen.len;
	if (z->readers > 0) { /* ids differ: a copy of its own */
		stream = out->own = malloc(out->left);
		if (stream == NULL) {
			die("stream");
		}
		memcpy(stream, z->gen.stream, out->left);
	} else {
		z->readers++;
		out->zone = z;
	}
	gen_zone_address(
	    &z->gen, stream, (uint16_t)(m[0] << 8 | m[1]), type);
	out->at = stream;
	out->axfr = z;
	z->axfrs++;
	o->axfrs++;
	z->start = now();
}

static void
handle(struct owner *o, struct conn *c, const uint8_t *m, size_t len)
{
	struct owner_query q;
	uint8_t *to;
	size_t n = 0;
	struct zone *z = read_query(o, &q, m, len);

	if (q.end == 0) {
		return;
	}
	if (z != NULL && q.type == OWNER_AXFR) {
		send_axfr(o, c, m, z, q.type);
		return;
	}
	to = malloc(2 + MSG_MAX);
	if (to == NULL) {
		die("answer");
	}
	if (z != NULL && q.type == OWNER_IXFR) {
		if (q.has_serial && q.serial == z->gen.serial) {
			n = owner_answer_soa(to + 2, m, &q);
		} else {
			n = owner_answer_ixfr(to + 2, m, &q);
		}
		if (n == 0) {
			free(to);
			send_axfr(o, c, m, z, q.type);
			return;
		}
		z->ixfrs++;
		o->ixfrs++;
	} else {
		n = owner_answer_soa(to + 2, m, &q);
		o->soas++;
	}
	(void)gen_put16(to, (uint16_t)n);
	c->out[c->nout++] = (struct out){.at = to, .left = n + 2, .own = to};
}

static bool
flush(struct owner *o, struct conn *c)
{
	struct epoll_event ev = {.events = EPOLLIN, .data.ptr = c};

	while (c->nout > 0) {
		struct out *out = &c->out[0];
		ssize_t n = send(c->fd, out->at, out->left, MSG_NOSIGNAL);

		if (n < 0 && errno == EAGAIN) {
			ev.events |= EPOLLOUT;
			break;
		}
		if (n < 0) {
			return false;
		}
		out->at += n;
		out->left -= (size_t)n;
		if (out->left == 0) {
			out_done(out);
			c->nout--;
			memmove(c->out, c->out + 1, c->nout * sizeof(*out));
		}
	}
	return epoll_ctl(o->ep, EPOLL_CTL_MOD, c->fd, &ev) == 0;
}

static bool
conn_read(struct conn *c)
{
	ssize_t n =
	    recv(c->fd, c->in + c->in_len, sizeof(c->in) - c->in_len, 0);

	if (n < 0) {
		return errno == EAGAIN;
	}
	c->in_len += (size_t)n;
	return n > 0;
}

/* Answers what has come; true if it stopped for want of room. */
static bool
answer_all(struct owner *o, struct conn *c)
{
	size_t len;

	while (c->in_len >= 2) {
		len = (size_t)(c->in[0] << 8 | c->in[1]);
		if (c->in_len < 2 + len) {
			break;
		}
		if (c->nout == MAX_OUT) {
			return true;
		}
		handle(o, c, c->in + 2, len);
		c->in_len -= 2 + len;
		memmove(c->in, c->in + 2 + len, c->in_len);
	}
	return false;
}

static void
conn_on_ready(struct owner *o, struct conn *c, uint32_t events)
{
	bool more;

	if ((events & (EPOLLERR | EPOLLHUP)) != 0 ||
	    ((events & EPOLLIN) != 0 && c->in_len < sizeof(c->in) &&
		!conn_read(c))) {
		conn_free(c);
		return;
	}
	do {
		more = answer_all(o, c);
		if (!flush(o, c)) {
			conn_free(c);
			return;
		}
	} while (more && c->nout < MAX_OUT);
}

static void
tcp_on_ready(struct owner *o)
{
	struct epoll_event ev = {.events = EPOLLIN};
	struct conn *c;
	int fd, one = 1;

	while ((fd = accept4(
		    o->tcp, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		(void)setsockopt(
		    fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		c = calloc(1, sizeof(*c));
		if (c == NULL) {
			die("connection");
		}
		c->fd = fd;
		ev.data.ptr = c;
		if (epoll_ctl(o->ep, EPOLL_CTL_ADD, fd, &ev) < 0) {
			die("epoll_ctl");
		}
	}
}

/* -- UDP, commands --------------------------------------------------------- */
static void
udp_on_ready(struct owner *o)
{
	uint8_t in[4096], to[4096];
	struct sockaddr_storage from;
	socklen_t from_len;
	struct owner_query q;
	ssize_t n;

	for (;;) {
		from_len = sizeof(from);
		n = recvfrom(o->udp, in, sizeof(in), 0,
		    (struct sockaddr *)&from, &from_len);
		if (n < 0) {
			return;
		}
		(void)read_query(o, &q, in, (size_t)n);
		if (q.end == 0) {
			continue;
		}
		o->soas++;
		n = (ssize_t)owner_answer_soa(to, in, &q);
		(void)sendto(o->udp, to, (size_t)n, 0, (struct sockaddr *)&from,
		    from_len);
	}
}

static struct zone *
find_text(struct owner *o, char *text)
{
	uint8_t name[GEN_NAME_LEN], *p = name;
	char *save = NULL, *l;

	if (strlen(text) + 2 > sizeof(name)) {
		return NULL;
	}
	for (l = strtok_r(text, ".", &save); l != NULL;
	     l = strtok_r(NULL, ".", &save)) {
		*p++ = (uint8_t)strlen(l);
		memcpy(p, l, strlen(l));
		p += strlen(l);
	}
	*p++ = 0;
	return find(o, name, (size_t)(p - name));
}

static void
command(struct owner *o, char *line)
{
	char verb[16], name[GEN_NAME_LEN] = "";
	struct zone *z;

	if (sscanf(line, "%15s %60s", verb, name) < 1) {
		return;
	}
	z = find_text(o, name);
	if (strcmp(verb, "total") == 0) {
		printf("%" PRIu64 " %" PRIu64 " %" PRIu64 "\n", o->axfrs,
		    o->ixfrs, o->soas);
	} else if (z == NULL) {
		puts("error");
	} else if (strcmp(verb, "change") == 0) {
		uint32_t to = gen_zone_change(&z->gen)->to;

		printf("%" PRIu32 " %08" PRIx32 "\n", z->gen.serial, to);
	} else if (strcmp(verb, "stat") == 0) {
		printf("%" PRIu64 " %" PRIu64 " %.6f %.6f\n", z->axfrs,
		    z->ixfrs, z->start, z->end);
	} else {
		puts("error");
	}
	(void)fflush(stdout);
}

static void
stdin_on_ready(struct owner *o)
{
	ssize_t n =
	    read(0, o->line + o->line_len, sizeof(o->line) - 1 - o->line_len);
	char *nl;

	if (n <= 0) {
		exit(0);
	}
	o->line_len += (size_t)n;
	o->line[o->line_len] = '\0';
	while ((nl = strchr(o->line, '\n')) != NULL) {
		*nl = '\0';
		command(o, o->line);
		o->line_len -= (size_t)(nl + 1 - o->line);
		memmove(o->line, nl + 1, o->line_len + 1);
	}
}

/* -- start ----------------------------------------------------------------- */
static int
open_socket(struct owner *o, int type, uint16_t port, void *data)
{
	struct sockaddr_in a = {.sin_family = AF_INET,
	    .sin_port = htons(port),
	    .sin_addr.s_addr = htonl(0x7f000001)};
	struct epoll_event ev = {.events = EPOLLIN, .data.ptr = data};
	int fd = socket(AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int one = 1, size = 4 << 20;

	if (fd < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
	    bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0) {
		die("socket");
	}
	if (type == SOCK_DGRAM) {
		(void)setsockopt(
		    fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	} else if (listen(fd, 4096) < 0) {
		die("listen");
	}
	if (epoll_ctl(o->ep, EPOLL_CTL_ADD, fd, &ev) < 0) {
		die("epoll_ctl");
	}
	return fd;
}

static void
serve(struct owner *o)
{
	struct epoll_event ev[64];
	int i, n;

	for (;;) {
		n = epoll_wait(o->ep, ev, 64, -1);
		for (i = 0; i < n; i++) {
			void *p = ev[i].data.ptr;

			if (p == &o->udp) {
				udp_on_ready(o);
			} else if (p == &o->tcp) {
				tcp_on_ready(o);
			} else if (p == &o->line) {
				stdin_on_ready(o);
			} else {
				conn_on_ready(o, p, ev[i].events);
			}
		}
	}
}

int
main(int argc, char **argv)
{
	static struct owner o;
	struct epoll_event ev = {.events = EPOLLIN, .data.ptr = &o.line};
	uint16_t port;
	int i;

	if (argc == 4 && strcmp(argv[1], "--text") == 0) {
		gen_zone_print(argv[2], (uint32_t)strtoul(argv[3], NULL, 10));
		return 0;
	}
	if (argc < 3) {
		fprintf(stderr, "usage: owner PORT NAME:RECORDS[*COUNT] ...\n"
				"       owner --text NAME RECORDS\n");
		return 2;
	}
	for (i = 2; i < argc; i++) {
		add_zones(&o, argv[i]);
	}
	qsort(o.zones, o.nzones, sizeof(*o.zones), compare);
	port = (uint16_t)strtoul(argv[1], NULL, 10);
	o.ep = epoll_create1(EPOLL_CLOEXEC);
	o.udp = open_socket(&o, SOCK_DGRAM, port, &o.udp);
	o.tcp = open_socket(&o, SOCK_STREAM, port, &o.tcp);
	if (epoll_ctl(o.ep, EPOLL_CTL_ADD, 0, &ev) < 0) {
		die("standard input");
	}
	puts("ready");
	(void)fflush(stdout);
	serve(&o);
	return 0;
}
