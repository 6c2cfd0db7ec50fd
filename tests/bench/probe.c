/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The reading side of measurements, cheap enough not to be what is measured.
 *
 *   probe axfr PORT NAME COUNT COPIES
 *	takes the zone COUNT times, then sends the octets of the last one
 *	COPIES times from memory to itself over a socket, read the same way:
 *	lines "axfr SECONDS OCTETS MESSAGES RECORDS FIRST" and "copy ...".
 *   probe served PORT FORMAT COUNT SECONDS START
 *	asks for the SOA of all zones (FORMAT has a %d) until each has given an
 *	authoritative answer: "first T", "all T", CLOCK_MONOTONIC less START.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CHUNK (1 << 20)
#define SOA_END 20     /* serial and timers: the end of its RDATA */
#define WINDOW 64      /* questions on their way at once */
#define FIRST_US 5000  /* between turns, until the first zone is served */
#define PAUSE_US 20000 /* and then */

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

static struct sockaddr_in
loopback(uint16_t port)
{
	return (struct sockaddr_in){.sin_family = AF_INET,
	    .sin_port = htons(port),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static size_t
put_query(uint8_t *to, const char *name, uint16_t type, uint16_t id)
{
	uint8_t *p = to + 12, *count;

	memset(to, 0, 12);
	to[0] = (uint8_t)(id >> 8);
	to[1] = (uint8_t)id;
	to[5] = 1;
	while (*name != '\0') {
		count = p++;
		while (*name != '\0' && *name != '.') {
			*p++ = (uint8_t)*name++;
		}
		*count = (uint8_t)(p - count - 1);
		name += *name == '.';
	}
	*p++ = 0;
	*p++ = (uint8_t)(type >> 8);
	*p++ = (uint8_t)type;
	*p++ = 0;
	*p++ = 1;
	return (size_t)(p - to);
}

/* -- one transfer ---------------------------------------------------------- */
struct stream {
	uint8_t *data;
	size_t len, cap;
	size_t walked; /* messages seen so far end here */
	size_t messages, records;
	uint8_t soa[SOA_END]; /* of the first record */
	double first;	      /* when the first octet came */
};

static const uint8_t *
skip_name(const uint8_t *p)
{
	while (*p != 0 && *p < 0xc0) {
		p += 1 + *p;
	}
	return p + (*p == 0 ? 1 : 2);
}

static void
note_soa(struct stream *s, const uint8_t *m)
{
	const uint8_t *p = skip_name(skip_name(m + 12) + 4);

	memcpy(s->soa, p + 10 + (p[8] << 8 | p[9]) - SOA_END, SOA_END);
}

/*
 * Walks over messages that are complete.  True at the end of the transfer,
 * which is a message that ends as the first SOA did: servers differ in how
 * they compress, so the octets before do not matter.
 */
static bool
walk(struct stream *s)
{
	while (s->len - s->walked >= 2) {
		const uint8_t *m = s->data + s->walked;
		size_t len = (size_t)(m[0] << 8 | m[1]);
		const uint8_t *end = m + 2 + len;

		if (s->len - s->walked < 2 + len) {
			break;
		}
		if (len < 34 || (m[5] & 15) != 0) {
			fprintf(stderr, "RCODE %d\n", len > 4 ? m[5] & 15 : -1);
			exit(1);
		}
		s->walked += 2 + len;
		s->messages++;
		s->records += (size_t)(m[8] << 8 | m[9]);
		if (s->messages == 1) {
			note_soa(s, m + 2);
		}
		if ((s->messages > 1 || m[9] > 1) &&
		    memcmp(s->soa, end - SOA_END, SOA_END) == 0) {
			return true;
		}
	}
	return false;
}

static void
read_stream(int fd, struct stream *s)
{
	ssize_t n;

	s->len = s->walked = s->messages = s->records = 0;
	for (;;) {
		if (s->cap - s->len < CHUNK) {
			s->cap = 2 * s->cap + 2 * CHUNK;
			s->data = realloc(s->data, s->cap);
			if (s->data == NULL) {
				die("memory");
			}
		}
		n = recv(fd, s->data + s->len, CHUNK, 0);
		if (n <= 0) {
			fprintf(stderr, "closed after %zu octets\n", s->len);
			exit(1);
		}
		if (s->len == 0) {
			s->first = now();
		}
		s->len += (size_t)n;
		if (walk(s)) {
			return;
		}
	}
}

static int
dial(uint16_t port)
{
	struct sockaddr_in a = loopback(port);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0) {
		die("connect");
	}
	return fd;
}

static void
print(const char *what, const struct stream *s, double start, double end)
{
	printf("%s %.6f %zu %zu %zu %.6f\n", what, end - start, s->len,
	    s->messages, s->records, s->first - start);
}

struct sender {
	int fd; /* listens */
	uint8_t *data;
	size_t len;
};

static void *
send_all(void *arg)
{
	const struct sender *s = arg;
	int fd = accept(s->fd, NULL, NULL);
	size_t sent = 0;
	ssize_t n;
	char go;

	if (fd < 0 || recv(fd, &go, 1, 0) != 1) {
		die("accept");
	}
	while (sent < s->len) {
		n = send(fd, s->data + sent, s->len - sent, 0);
		if (n < 0) {
			die("send");
		}
		sent += (size_t)n;
	}
	(void)close(fd);
	return NULL;
}

/* A thread sends: after fork() each page read into would be copied first. */
static void
copy(struct stream *s)
{
	struct sockaddr_in a = loopback(0);
	socklen_t len = sizeof(a);
	struct sender from = {
	    .fd = socket(AF_INET, SOCK_STREAM, 0), .len = s->walked};
	pthread_t thread;
	double t;
	int fd;

	from.data = malloc(from.len);
	if (from.data == NULL || from.fd < 0 ||
	    bind(from.fd, (struct sockaddr *)&a, sizeof(a)) < 0 ||
	    listen(from.fd, 1) < 0 ||
	    getsockname(from.fd, (struct sockaddr *)&a, &len) < 0) {
		die("copy");
	}
	memcpy(from.data, s->data, from.len);
	if (pthread_create(&thread, NULL, send_all, &from) != 0) {
		die("thread");
	}
	t = now();
	fd = dial(ntohs(a.sin_port));
	if (send(fd, "g", 1, 0) != 1) {
		die("send");
	}
	read_stream(fd, s);
	print("copy", s, t, now());
	(void)pthread_join(thread, NULL);
	(void)close(fd);
	(void)close(from.fd);
	free(from.data);
}

static void
take(uint16_t port, const char *name, struct stream *s)
{
	uint8_t q[512];
	size_t n = put_query(q + 2, name, 252, 0x4242);
	double t = now();
	int fd = dial(port);

	q[0] = 0;
	q[1] = (uint8_t)n;
	if (send(fd, q, n + 2, 0) != (ssize_t)n + 2) {
		die("send");
	}
	read_stream(fd, s);
	print("axfr", s, t, now());
	(void)fflush(stdout);
	(void)close(fd);
}

/* -- many zones ------------------------------------------------------------ */
struct sweep {
	int fd;
	const char *format;
	bool *served;
	unsigned count, left;
	double start, first;
};

static void
ask(struct sweep *w, unsigned i)
{
	uint8_t q[512];
	char name[256];
	size_t n;

	(void)snprintf(name, sizeof(name), "%.*s%u%s",
	    (int)(strstr(w->format, "%d") - w->format), w->format, i,
	    strstr(w->format, "%d") + 2);
	n = put_query(q, name, 6, (uint16_t)i);
	(void)send(w->fd, q, n, 0);
}

/* How many answers came, and how many of them were no. */
static unsigned
listen_for(struct sweep *w, int ms, unsigned *failures)
{
	struct pollfd p = {.fd = w->fd, .events = POLLIN};
	uint8_t in[4096];
	unsigned answers = 0, i;
	ssize_t n;

	if (poll(&p, 1, ms) <= 0) {
		return 0;
	}
	while ((n = recv(w->fd, in, sizeof(in), MSG_DONTWAIT)) >= 12) {
		answers++;
		i = (unsigned)(in[0] << 8 | in[1]);
		if (i >= w->count || (in[3] & 15) != 0 || in[7] == 0 ||
		    (in[2] & 4) == 0) {
			++*failures;
		} else if (!w->served[i]) {
			w->served[i] = true;
			w->left--;
			if (w->first == 0) {
				w->first = now();
			}
		}
	}
	return answers;
}

/*
 * Asks for zones that are not served yet, one, then more at once, until one is
 * not.  So a server that is busy is not kept busy by questions, and when all
 * are served, all answers come in one turn.
 */
static void
sweep_once(struct sweep *w, unsigned *next)
{
	unsigned failures = 0, flying = 0, tried = 0, window = 1, n = 1;

	while (n > 0 && (flying > 0 || (tried < w->count && failures == 0))) {
		while (flying < window && tried < w->count && failures == 0) {
			if (!w->served[*next]) {
				ask(w, *next);
				flying++;
			}
			*next = (*next + 1) % w->count;
			tried++;
		}
		n = flying > 0 ? listen_for(w, 20, &failures) : 1;
		flying -= n < flying ? n : flying;
		window = 2 * window < WINDOW ? 2 * window : WINDOW;
	}
}

static int
served(uint16_t port, const char *format, unsigned count, double limit,
    double start)
{
	struct sockaddr_in a = loopback(port);
	struct sweep w = {
	    .format = format, .count = count, .left = count, .start = start};
	unsigned next = 0;

	w.served = calloc(count, sizeof(*w.served));
	w.fd = socket(AF_INET, SOCK_DGRAM, 0);
	if (w.served == NULL || w.fd < 0 || strstr(format, "%d") == NULL ||
	    connect(w.fd, (struct sockaddr *)&a, sizeof(a)) < 0) {
		die("served");
	}
	while (w.left > 0 && now() - start < limit) {
		sweep_once(&w, &next);
		if (w.left > 0) {
			(void)usleep(w.first == 0 ? FIRST_US : PAUSE_US);
		}
	}
	printf("first %.6f\nall %.6f\nleft %u\n", w.first - start,
	    now() - start, w.left);
	return w.left > 0;
}

int
main(int argc, char **argv)
{
	struct stream s = {0};
	uint16_t port = argc > 2 ? (uint16_t)strtoul(argv[2], NULL, 10) : 0;
	int i;

	if (argc == 6 && strcmp(argv[1], "axfr") == 0) {
		for (i = 0; i < atoi(argv[4]); i++) {
			take(port, argv[3], &s);
		}
		for (i = 0; i < atoi(argv[5]); i++) {
			copy(&s);
		}
		return 0;
	}
	if (argc == 7 && strcmp(argv[1], "served") == 0) {
		return served(port, argv[3],
		    (unsigned)strtoul(argv[4], NULL, 10), atof(argv[5]),
		    atof(argv[6]));
	}
	fprintf(stderr,
	    "usage: probe axfr PORT NAME COUNT COPIES\n"
	    "       probe served PORT FORMAT COUNT SECONDS START\n");
	return 2;
}
