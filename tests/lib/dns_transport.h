/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * For tests of the DNS server and client: runs the loop until something is
 * true, builds small messages, and plays peers on raw sockets, which never
 * block and are read between turns of the loop.
 */
#ifndef TESTS_LIB_DNS_TRANSPORT_H
#define TESTS_LIB_DNS_TRANSPORT_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/dns_wire.h"
#include "common/errcode.h"
#include "common/loop.h"
#include "common/net.h"

#define SPIN_LIMIT_SEC 60

struct spin {
	struct loop *loop;
	bool (*is_true)(void *arg);
	void *arg;
	struct loop_timer tick;
};

static inline void
spin_on_tick(struct loop_timer *t, void *arg)
{
	struct spin *s = arg;
	if (s->is_true(s->arg)) {
		loop_stop(s->loop);
	} else {
		(void)loop_timer_start(s->loop, t, 1);
	}
}

static inline double
real_sec(void)
{
	struct timespec ts;
	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* Runs the loop until is_true(); a test that hangs dies by SIGALRM. */
static inline void
spin_until(struct loop *loop, bool (*is_true)(void *arg), void *arg)
{
	struct spin s = {.loop = loop, .is_true = is_true, .arg = arg};
	s.tick.cb = spin_on_tick;
	s.tick.arg = &s;
	alarm(SPIN_LIMIT_SEC);
	if (!is_true(arg)) {
		assert_int_equal(loop_timer_start(loop, &s.tick, 0), E_OK);
		assert_int_equal(loop_run(loop), E_OK);
		loop_timer_stop(&s.tick);
	}
	alarm(0);
}

struct spin_count {
	const unsigned *value;
	unsigned least;
};

static inline bool
spin_is_reached(void *arg)
{
	struct spin_count *c = arg;
	return *c->value >= c->least;
}

static inline void
spin_count_until(struct loop *loop, const unsigned *value, unsigned least)
{
	struct spin_count c = {value, least};
	spin_until(loop, spin_is_reached, &c);
}

static inline bool
spin_is_turned(void *arg)
{
	unsigned *left = arg;
	return (*left)-- == 0;
}

/* Some turns: what was going to happen without new input has happened. */
static inline void
spin_turns(struct loop *loop, unsigned turns)
{
	spin_until(loop, spin_is_turned, &turns);
}

/* Moves the clock of the loop and lets timers fire. */
static inline void
spin_clock(struct loop *loop, int64_t *offset, int64_t sec)
{
	*offset += sec;
	loop_clock_offset(loop, *offset);
	spin_turns(loop, 3);
}

/* "<label>.test. IN type", RD set. */
static inline size_t
make_query(uint8_t *msg, uint16_t id, unsigned opcode, const char *label,
    uint16_t type)
{
	struct wbuf b;
	wbuf_init(&b, msg, 512);
	wbuf_u16(&b, id);
	wbuf_u16(&b, (uint16_t)(opcode << 11 | 0x0100));
	wbuf_u16(&b, 1);
	wbuf_u16(&b, 0);
	wbuf_u32(&b, 0);
	wbuf_u8(&b, (uint8_t)strlen(label));
	wbuf_put(&b, label, strlen(label));
	wbuf_put(&b, "\4test", 6);
	wbuf_u16(&b, type);
	wbuf_u16(&b, DNS_IN);
	assert_int_equal(b.err, E_OK);
	return b.len;
}

/* The request back with QR and rcode. */
static inline size_t
make_answer(uint8_t *msg, const uint8_t *query, size_t len, unsigned rcode)
{
	memcpy(msg, query, len);
	put_be16(msg + 2, (uint16_t)(get_be16(query + 2) | DNS_FLAG_QR |
	    rcode));
	return len;
}

static inline struct net_addr
loopback(uint16_t port)
{
	struct net_addr a;
	assert_int_equal(net_addr_parse("127.0.0.1", port, &a), E_OK);
	return a;
}

static inline void
raw_nonblock(int fd)
{
	assert_true(fcntl(fd, F_SETFL, O_NONBLOCK) == 0);
}

/* Loopback completes a connect by itself, before anybody accepts. */
static inline int
raw_connect(int type, uint16_t port)
{
	struct net_addr a = loopback(port);
	int fd = socket(AF_INET, type, 0);
	int one = 1;
	assert_true(fd >= 0);
	assert_int_equal(connect(fd, &a.u.sa, net_addr_len(&a)), 0);
	if (type == SOCK_STREAM) {
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one,
		    sizeof(one));
	}
	raw_nonblock(fd);
	return fd;
}

/* Bound to a port of the kernel's choice; TCP: listening. */
static inline int
raw_bind(int type, uint16_t *port)
{
	struct net_addr a = loopback(*port);
	socklen_t len = sizeof(a.u);
	int fd = socket(AF_INET, type, 0);
	int one = 1;
	assert_true(fd >= 0);
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	assert_int_equal(bind(fd, &a.u.sa, net_addr_len(&a)), 0);
	if (type == SOCK_STREAM) {
		assert_int_equal(listen(fd, 64), 0);
	}
	assert_int_equal(getsockname(fd, &a.u.sa, &len), 0);
	*port = net_addr_port(&a);
	raw_nonblock(fd);
	return fd;
}

static inline void
raw_send(int fd, const void *data, size_t len)
{
	assert_int_equal(send(fd, data, len, MSG_NOSIGNAL), (ssize_t)len);
}

static inline void
raw_send_framed(int fd, const uint8_t *msg, size_t len)
{
	uint8_t out[2 + 65535];
	put_be16(out, (uint16_t)len);
	memcpy(out + 2, msg, len);
	raw_send(fd, out, 2 + len);
}

/* Reads what comes until there are `want` octets, or the end. */
struct raw_reader {
	int fd;
	uint8_t *data;
	size_t len, want;
	bool is_ended;
};

static inline bool
raw_is_read(void *arg)
{
	struct raw_reader *r = arg;
	while (r->len < r->want && !r->is_ended) {
		ssize_t n = recv(r->fd, r->data + r->len, r->want - r->len, 0);
		if (n > 0) {
			r->len += (size_t)n;
		} else if (n == 0 || errno != EAGAIN) {
			r->is_ended = true;
		} else {
			break;
		}
	}
	return r->is_ended || r->len >= r->want;
}

/* Number of octets that came before `want` was reached or the end came. */
static inline size_t
raw_read(struct loop *loop, int fd, uint8_t *data, size_t want)
{
	struct raw_reader r = {.fd = fd, .data = data, .want = want};
	spin_until(loop, raw_is_read, &r);
	return r.len;
}

/* Length of the message, 0 at the end of the stream. */
static inline size_t
raw_read_framed(struct loop *loop, int fd, uint8_t *msg)
{
	uint8_t prefix[2];
	if (raw_read(loop, fd, prefix, 2) != 2) {
		return 0;
	}
	size_t len = get_be16(prefix);
	assert_int_equal(raw_read(loop, fd, msg, len), len);
	return len;
}

static inline bool
raw_is_ended(struct loop *loop, int fd)
{
	uint8_t octet;
	return raw_read(loop, fd, &octet, 1) == 0;
}

/* Nothing to be read now, and not the end either. */
static inline bool
raw_is_quiet(int fd)
{
	uint8_t octet;
	return recv(fd, &octet, 1, MSG_PEEK) < 0 && errno == EAGAIN;
}

struct raw_acceptor {
	int listener, fd;
};

static inline bool
raw_is_accepted(void *arg)
{
	struct raw_acceptor *a = arg;
	a->fd = accept(a->listener, NULL, NULL);
	return a->fd >= 0;
}

static inline int
raw_accept(struct loop *loop, int listener)
{
	struct raw_acceptor a = {listener, -1};
	spin_until(loop, raw_is_accepted, &a);
	raw_nonblock(a.fd);
	return a.fd;
}

#endif
