/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Two streams on one loop, or one against a bare socket. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

#include "common/errcode.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/stream.h"
#include "common/tls.h"

enum kind { TCP4, TCP6, UNIX, TLS, NKINDS };

static char dir[] = "/tmp/stream_test.XXXXXX";
static char sock_path[64];
static struct tls_ctx *server_tls, *client_tls, *stranger_tls;

/* -- certificates --------------------------------------------------------- */
static void
save(const char *path, const gnutls_datum_t *pem)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(pem->data, 1, pem->size, f), pem->size);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(path, 0600), 0);
}

static void
make_cert(const char *cert_file, const char *key_file)
{
	gnutls_x509_privkey_t key;
	gnutls_x509_crt_t crt;
	gnutls_datum_t pem;
	time_t now = time(NULL);

	assert_int_equal(gnutls_x509_privkey_init(&key), 0);
	assert_int_equal(gnutls_x509_privkey_generate(key, GNUTLS_PK_ECDSA,
	    GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0), 0);
	assert_int_equal(gnutls_x509_crt_init(&crt), 0);
	assert_int_equal(gnutls_x509_crt_set_version(crt, 3), 0);
	assert_int_equal(gnutls_x509_crt_set_serial(crt, "\1", 1), 0);
	assert_int_equal(gnutls_x509_crt_set_dn_by_oid(crt,
	    GNUTLS_OID_X520_COMMON_NAME, 0, "test", 4), 0);
	assert_int_equal(gnutls_x509_crt_set_key(crt, key), 0);
	assert_int_equal(gnutls_x509_crt_set_activation_time(crt, now - 9), 0);
	assert_int_equal(gnutls_x509_crt_set_expiration_time(crt, now + 99999),
	    0);
	assert_int_equal(gnutls_x509_crt_sign2(crt, crt, key,
	    GNUTLS_DIG_SHA256, 0), 0);
	assert_int_equal(gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_PEM,
	    &pem), 0);
	save(cert_file, &pem);
	gnutls_free(pem.data);
	assert_int_equal(gnutls_x509_privkey_export2_pkcs8(key,
	    GNUTLS_X509_FMT_PEM, NULL, GNUTLS_PKCS_PLAIN, &pem), 0);
	save(key_file, &pem);
	gnutls_free(pem.data);
	gnutls_x509_crt_deinit(crt);
	gnutls_x509_privkey_deinit(key);
}

static struct tls_ctx *
make_ctx(const struct tls_conf *conf)
{
	struct tls_ctx *ctx;
	char err[256];

	assert_int_equal(tls_ctx_new(conf, &ctx, err, sizeof(err)), E_OK);
	return ctx;
}

static int
group_setup(void **state)
{
	char cert[64], key[64];
	struct tls_conf conf = {.is_server = true, .cert_file = cert,
	    .key_file = key};
	uint8_t pins[1][TLS_PIN_LEN];

	(void)state;
	log_open("stream-test", LOG_TARGET_STDERR, LOG_LEVEL_ERR);
	assert_non_null(mkdtemp(dir));
	(void)snprintf(cert, sizeof(cert), "%s/cert", dir);
	(void)snprintf(key, sizeof(key), "%s/key", dir);
	(void)snprintf(sock_path, sizeof(sock_path), "%s/sock", dir);
	make_cert(cert, key);
	server_tls = make_ctx(&conf);
	memcpy(pins[0], tls_ctx_own_pin(server_tls), TLS_PIN_LEN);
	conf.is_server = false;
	conf.pins = (const uint8_t (*)[TLS_PIN_LEN])pins;
	conf.npins = 1;
	client_tls = make_ctx(&conf);
	pins[0][0] ^= 1;
	stranger_tls = make_ctx(&conf);
	(void)unlink(cert);
	(void)unlink(key);
	return 0;
}

static int
group_teardown(void **state)
{
	(void)state;
	tls_ctx_unref(server_tls);
	tls_ctx_unref(client_tls);
	tls_ctx_unref(stranger_tls);
	return rmdir(dir); /* fails if a socket was left behind */
}

/* -- two ends ------------------------------------------------------------- */
struct bed;

struct end {
	struct bed *bed;
	struct stream *s;
	unsigned opened, ended, dones, cancelled;
	int open_err, end_err, done_err;
	size_t got;
	uint64_t sum; /* of the octets read, by place */
	bool echo, close_on_read, close_on_open, close_on_done, pause_on_read;
	bool keep_on_end;
	unsigned writes_left; /* done writes again */
	unsigned depth, max_depth;
};

struct bed {
	struct loop *loop;
	struct stream_listener *listener;
	struct net_addr at;
	struct end client, server;
	unsigned accepted;
	bool refuse;
	enum kind kind;
};

static uint64_t
sum_of(uint64_t sum, size_t place, const uint8_t *data, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++) {
		sum += (uint64_t)data[i] * (place + i + 1);
	}
	return sum;
}

static void
close_end(struct end *e)
{
	stream_close(e->s);
	e->s = NULL;
}

static void
on_open(struct stream *s, int err, void *arg)
{
	struct end *e = arg;

	(void)s;
	e->opened++;
	e->open_err = err;
	if (e->close_on_open || err != E_OK) {
		close_end(e);
	}
}

static void
on_read(struct stream *s, const uint8_t *data, size_t len, void *arg)
{
	struct end *e = arg;

	assert_true(len > 0);
	e->sum = sum_of(e->sum, e->got, data, len);
	e->got += len;
	if (e->echo) {
		assert_int_equal(stream_write_copy(s, data, len), E_OK);
	}
	if (e->pause_on_read) {
		stream_read_pause(s);
	}
	if (e->close_on_read) {
		close_end(e);
	}
}

static void
on_end(struct stream *s, int err, void *arg)
{
	struct end *e = arg;

	(void)s;
	e->ended++;
	e->end_err = err;
	if (!e->keep_on_end) {
		close_end(e);
	}
}

static const struct stream_events events = {on_open, on_read, on_end};

static void
on_done(void *arg, int err)
{
	struct end *e = arg;
	static uint8_t octets[100];
	const struct iovec iov = {octets, sizeof(octets)};

	e->dones++;
	e->done_err = err;
	e->cancelled += err == E_CANCEL;
	if (e->close_on_done && e->s != NULL) {
		close_end(e);
	}
	if (e->writes_left > 0) {
		e->writes_left--;
		e->depth++;
		if (e->depth > e->max_depth) {
			e->max_depth = e->depth;
		}
		assert_int_equal(stream_write(e->s, &iov, 1, on_done, e),
		    E_OK);
		e->depth--;
	}
}

static void
on_accept(struct stream *s, void *arg)
{
	struct bed *b = arg;

	b->accepted++;
	if (b->refuse || b->server.s != NULL) {
		stream_close(s);
		return;
	}
	b->server.s = s;
	stream_set_events(s, &events, &b->server);
}

static void
wait_for(struct bed *b, const volatile unsigned *what, unsigned value)
{
	int i;

	for (i = 0; i < 20000 && *what < value; i++) {
		loop_poll(b->loop);
		if (*what < value && i > 100) {
			(void)usleep(1000);
		}
	}
	assert_int_equal(*what, value);
}

static void
turn(struct bed *b, int times)
{
	while (times-- > 0) {
		loop_poll(b->loop);
		(void)usleep(300);
	}
}

static int
setup(void **state)
{
	struct bed *b = calloc(1, sizeof(*b));

	if (b == NULL || loop_new(&b->loop) != E_OK) {
		return -1;
	}
	b->client.bed = b->server.bed = b;
	*state = b;
	return 0;
}

static int
teardown(void **state)
{
	struct bed *b = *state;

	loop_free(b->loop);
	free(b);
	return 0;
}

static void
listen_as(struct bed *b, enum kind kind, const struct stream_listen_opts *o)
{
	b->kind = kind;
	if (kind == UNIX) {
		assert_int_equal(stream_listen_unix(b->loop, sock_path, o,
		    on_accept, b, &b->listener), E_OK);
		return;
	}
	assert_int_equal(net_addr_parse(kind == TCP6 ? "::1" : "127.0.0.1", 0,
	    &b->at), E_OK);
	assert_int_equal(stream_listen(b->loop, &b->at,
	    kind == TLS ? server_tls : NULL, o, on_accept, b, &b->listener),
	    E_OK);
	assert_true(stream_listener_port(b->listener) != 0);
	net_addr_set_port(&b->at, stream_listener_port(b->listener));
}

static int
start_connect(struct bed *b, struct tls_ctx *tls)
{
	if (b->kind == UNIX) {
		return stream_connect_unix(b->loop, sock_path, &events,
		    &b->client, &b->client.s);
	}
	return stream_connect(b->loop, &b->at, NULL, tls, NULL, &events,
	    &b->client, &b->client.s);
}

static void
open_pair(struct bed *b, enum kind kind)
{
	listen_as(b, kind, NULL);
	assert_int_equal(start_connect(b, kind == TLS ? client_tls : NULL),
	    E_OK);
	wait_for(b, &b->client.opened, 1);
	assert_int_equal(b->client.open_err, E_OK);
	wait_for(b, &b->accepted, 1);
	assert_non_null(b->server.s);
}

/* A bare connected socket. */
static int
raw_connect(struct bed *b)
{
	int fd = socket(b->at.u.sa.sa_family, SOCK_STREAM, 0);

	assert_true(fd >= 0);
	assert_int_equal(connect(fd, &b->at.u.sa, net_addr_len(&b->at)), 0);
	return fd;
}

static void
start_over(struct bed *b)
{
	loop_free(b->loop);
	memset(b, 0, sizeof(*b));
	assert_int_equal(loop_new(&b->loop), E_OK);
	b->client.bed = b->server.bed = b;
}

/* -- tests ---------------------------------------------------------------- */
static void
test_echo(void **state)
{
	struct bed *b = *state;
	int kind, i;

	for (kind = 0; kind < NKINDS; kind++, start_over(b)) {
		open_pair(b, (enum kind)kind);
		assert_int_equal(stream_listener_conns(b->listener), 1);
		assert_int_equal(stream_is_tls(b->client.s), kind == TLS);
		assert_int_equal(stream_is_tls(b->server.s), kind == TLS);
		if (kind == UNIX) {
			assert_null(stream_peer(b->server.s));
		} else {
			assert_true(net_addr_equal(stream_peer(b->client.s),
			    &b->at));
			assert_true(net_addr_same_host(
			    stream_peer(b->server.s), &b->at));
		}
		b->server.echo = true;
		for (i = 0; i < 10; i++) {
			assert_int_equal(stream_write_copy(b->client.s,
			    "hello", 5), E_OK);
		}
		for (i = 0; i < 10000 && b->client.got < 50; i++) {
			loop_poll(b->loop);
		}
		assert_int_equal(b->client.got, 50);
		assert_int_equal(stream_write(b->client.s, NULL, 0, on_done,
		    &b->client), E_OK);
		assert_int_equal(b->client.dones, 1);
		close_end(&b->client);
		wait_for(b, &b->server.ended, 1);
		assert_int_equal(b->server.end_err, E_CLOSED);
		assert_int_equal(stream_listener_conns(b->listener), 0);
	}
}

static void
test_from(void **state)
{
	struct bed *b = *state;
	struct net_addr from;

	listen_as(b, TCP4, NULL);
	assert_int_equal(net_addr_parse("127.0.0.7", 0, &from), E_OK);
	assert_int_equal(stream_connect(b->loop, &b->at, &from, NULL, NULL,
	    &events, &b->client, &b->client.s), E_OK);
	wait_for(b, &b->accepted, 1);
	assert_true(net_addr_same_host(stream_peer(b->server.s), &from));
	assert_int_equal(net_addr_parse("192.0.2.1", 0, &from), E_OK);
	assert_true(stream_connect(b->loop, &b->at, &from, NULL, NULL,
	    &events, &b->client, &b->client.s) < 0);
}

static void
test_refused(void **state)
{
	struct bed *b = *state;
	struct stream *s;

	listen_as(b, TCP4, NULL);
	stream_listener_free(b->listener);
	assert_int_equal(start_connect(b, NULL), E_OK);
	assert_int_equal(stream_write_copy(b->client.s, "x", 1), E_AGAIN);
	wait_for(b, &b->client.opened, 1);
	assert_int_equal(b->client.open_err, -ECONNREFUSED);
	b->kind = UNIX;
	assert_int_equal(start_connect(b, NULL), E_OK);
	wait_for(b, &b->client.opened, 2);
	assert_int_equal(b->client.open_err, -ENOENT);
	assert_int_equal(stream_connect_unix(b->loop, "", &events, b, &s),
	    E_INVAL);
	/* Closed before it was open: no call. */
	b->kind = TCP4;
	assert_int_equal(start_connect(b, NULL), E_OK);
	close_end(&b->client);
	turn(b, 5);
	assert_int_equal(b->client.opened, 2);
	assert_int_equal(b->client.ended, 0);
}

/* Many pieces, more than the kernel takes, with a reader that pauses. */
static void
test_bulk(void **state)
{
	enum { PIECE = 20011, COUNT = 1024 };
	struct bed *b = *state;
	uint8_t *octets = malloc(PIECE);
	struct iovec iov[COUNT];
	uint64_t want;
	size_t place, total;
	int kind, i;

	assert_non_null(octets);
	for (i = 0; i < PIECE; i++) {
		octets[i] = (uint8_t)(i * 7 + i / 256);
	}
	for (kind = 0; kind < NKINDS; kind++, start_over(b)) {
		open_pair(b, (enum kind)kind);
		want = 0;
		place = 0;
		total = 0;
		for (i = 0; i < COUNT; i++) {
			iov[i].iov_base = octets;
			/* small ones and empty ones too */
			iov[i].iov_len = i % 3 == 0 ? (size_t)i % 7 : PIECE;
			want = sum_of(want, place, octets, iov[i].iov_len);
			place += iov[i].iov_len;
			total += iov[i].iov_len;
		}
		b->server.pause_on_read = true;
		assert_int_equal(stream_write(b->client.s, iov, COUNT,
		    on_done, &b->client), E_OK);
		assert_int_equal(b->client.dones, 0);
		assert_true(stream_queued(b->client.s) > STREAM_HIGH);
		assert_int_equal(stream_write_copy(b->client.s, "end", 3),
		    E_OK);
		want = sum_of(want, total, (const uint8_t *)"end", 3);
		total += 3;
		turn(b, 5);
		place = b->server.got;
		assert_true(place <= 1 << 18);
		turn(b, 5);
		assert_int_equal(b->server.got, place);
		for (i = 0; i < 100000 && b->server.got < total; i++) {
			b->server.pause_on_read = i < 20;
			assert_int_equal(b->server.ended, 0);
			stream_read_resume(b->server.s);
			loop_poll(b->loop);
		}
		assert_int_equal(b->server.got, total);
		assert_true(b->server.sum == want);
		assert_int_equal(b->client.dones, 1);
		assert_int_equal(b->client.done_err, E_OK);
		assert_int_equal(stream_queued(b->client.s), 0);
	}
	free(octets);
}

/* What is queued at close is called back once, with E_CANCEL. */
static void
test_close_queued(void **state)
{
	struct bed *b = *state;
	size_t len = 32u << 20;
	uint8_t *octets = calloc(1, len);
	struct iovec iov = {octets, len};
	int kind, i;

	assert_non_null(octets);
	for (kind = 0; kind < NKINDS; kind++, start_over(b)) {
		open_pair(b, (enum kind)kind);
		stream_read_pause(b->server.s);
		for (i = 0; i < 3; i++) {
			assert_int_equal(stream_write(b->client.s, &iov, 1,
			    on_done, &b->client), E_OK);
			iov.iov_len = 10000;
		}
		iov.iov_len = len;
		close_end(&b->client);
		wait_for(b, &b->client.dones, 3);
		assert_int_equal(b->client.cancelled, 3);
		turn(b, 3);
		assert_int_equal(b->client.dones, 3);
		assert_int_equal(b->client.ended, 0);
	}
	/* The same when the loop is freed with all open. */
	open_pair(b, TCP4);
	assert_int_equal(stream_write(b->client.s, &iov, 1, on_done,
	    &b->client), E_OK);
	loop_free(b->loop);
	assert_int_equal(b->client.cancelled, 1);
	assert_int_equal(loop_new(&b->loop), E_OK);
	free(octets);
}

/* All comes through although the peer's octets are never read. */
static void
test_close_after_write(void **state)
{
	struct bed *b = *state;
	size_t len = 8u << 20;
	uint8_t *octets = calloc(1, len);
	struct iovec iov = {octets, len};
	int kind, i;

	assert_non_null(octets);
	for (kind = 0; kind < NKINDS; kind++, start_over(b)) {
		open_pair(b, (enum kind)kind);
		stream_read_pause(b->server.s);
		assert_int_equal(stream_write_copy(b->client.s, octets, 5000),
		    E_OK);
		turn(b, 3);
		assert_int_equal(stream_write(b->server.s, &iov, 1, on_done,
		    &b->server), E_OK);
		stream_close_after_write(b->server.s);
		assert_int_equal(stream_write_copy(b->server.s, "x", 1),
		    E_CANCEL);
		for (i = 0; i < 20000 && b->client.ended == 0; i++) {
			if (i % 16 == 0 && b->client.s != NULL) {
				(void)stream_write_copy(b->client.s, "more",
				    4); /* it may have ended */
			}
			loop_poll(b->loop);
		}
		assert_int_equal(b->client.ended, 1);
		assert_int_equal(b->client.end_err, E_CLOSED);
		assert_int_equal(b->client.got, len);
		assert_int_equal(b->server.dones, 1);
		assert_int_equal(b->server.done_err, E_OK);
		assert_int_equal(b->server.got, 0);
		assert_int_equal(b->server.ended, 0);
		turn(b, 5);
		assert_int_equal(stream_listener_conns(b->listener), 0);
	}
	free(octets);
}

/* One that reads nothing does not keep it for ever. */
static void
test_close_after_write_stuck(void **state)
{
	struct bed *b = *state;
	size_t len = 32u << 20;
	uint8_t *octets = calloc(1, len);
	struct iovec iov = {octets, len};

	open_pair(b, TCP4);
	stream_read_pause(b->client.s);
	assert_int_equal(stream_write(b->server.s, &iov, 1, on_done,
	    &b->server), E_OK);
	stream_close_after_write(b->server.s);
	turn(b, 5);
	loop_clock_offset(b->loop, 40);
	turn(b, 5);
	loop_clock_offset(b->loop, 80);
	wait_for(b, &b->server.dones, 1);
	assert_int_equal(b->server.done_err, E_CANCEL);
	assert_int_equal(stream_listener_conns(b->listener), 0);
	free(octets);
}

static void
test_half_closed(void **state)
{
	struct bed *b = *state;
	char buf[64];
	int fd;

	listen_as(b, TCP4, NULL);
	b->server.keep_on_end = true;
	fd = raw_connect(b);
	assert_int_equal(write(fd, "question", 8), 8);
	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	wait_for(b, &b->server.ended, 1);
	assert_int_equal(b->server.end_err, E_CLOSED);
	assert_int_equal(b->server.got, 8);
	assert_int_equal(stream_write_copy(b->server.s, "answer", 6), E_OK);
	stream_close_after_write(b->server.s);
	turn(b, 5);
	assert_int_equal(read(fd, buf, sizeof(buf)), 6);
	assert_int_equal(read(fd, buf, sizeof(buf)), 0);
	assert_int_equal(b->server.ended, 1);
	assert_int_equal(stream_listener_conns(b->listener), 0);
	(void)close(fd);
}

/* A peer that resets: each write ends once, and the end is told once. */
static void
test_reset(void **state)
{
	struct linger linger = {1, 0};
	struct bed *b = *state;
	size_t len = 32u << 20;
	uint8_t *octets = calloc(1, len);
	struct iovec iov = {octets, len};
	int fd;

	listen_as(b, TCP4, NULL);
	fd = raw_connect(b);
	wait_for(b, &b->accepted, 1);
	assert_int_equal(stream_write(b->server.s, &iov, 1, on_done,
	    &b->server), E_OK);
	stream_read_pause(b->server.s);
	b->server.keep_on_end = true;
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger,
	    sizeof(linger)), 0);
	(void)close(fd);
	wait_for(b, &b->server.ended, 1);
	assert_int_equal(b->server.dones, 1);
	assert_true(b->server.done_err < 0);
	assert_true(b->server.end_err < 0);
	assert_true(stream_write(b->server.s, &iov, 1, on_done, &b->server) <
	    0);
	turn(b, 3);
	assert_int_equal(b->server.dones, 1);
	assert_int_equal(b->server.ended, 1);
	/* The same found out by a write that fails at once. */
	close_end(&b->server);
	memset(&b->server, 0, sizeof(b->server));
	fd = raw_connect(b);
	wait_for(b, &b->accepted, 2);
	stream_read_pause(b->server.s);
	b->server.keep_on_end = true;
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger,
	    sizeof(linger)), 0);
	(void)close(fd);
	(void)usleep(1000);
	assert_true(stream_write(b->server.s, &iov, 1, on_done, &b->server) <
	    0);
	assert_int_equal(b->server.ended, 0);
	wait_for(b, &b->server.ended, 1);
	turn(b, 3);
	assert_int_equal(b->server.dones, 0);
	assert_int_equal(b->server.ended, 1);
	free(octets);
}

static void
test_close_in_calls(void **state)
{
	struct bed *b = *state;
	struct iovec iov = {dir, 4};
	int kind, i;

	for (kind = 0; kind < NKINDS; kind++, start_over(b)) {
		open_pair(b, (enum kind)kind);
		b->server.close_on_read = true;
		for (i = 0; i < 100; i++) {
			(void)stream_write_copy(b->client.s, "abc", 3);
		}
		wait_for(b, &b->client.ended, 1);
		assert_null(b->server.s);
		assert_int_equal(b->server.ended, 0);
		/* in on_open */
		b->client.close_on_open = true;
		b->refuse = true;
		assert_int_equal(start_connect(b, kind == TLS ? client_tls :
		    NULL), E_OK);
		wait_for(b, &b->client.opened, 2);
		turn(b, 3);
		/* in done */
		b->client.close_on_open = false;
		b->client.close_on_done = true;
		b->client.dones = 0;
		b->refuse = false;
		assert_int_equal(start_connect(b, kind == TLS ? client_tls :
		    NULL), E_OK);
		wait_for(b, &b->client.opened, 3);
		assert_int_equal(stream_write(b->client.s, &iov, 1, on_done,
		    &b->client), E_OK);
		wait_for(b, &b->client.dones, 1);
		assert_null(b->client.s);
	}
}

/* done that writes again does not nest without end. */
static void
test_nested(void **state)
{
	struct bed *b = *state;
	int kind;

	for (kind = 0; kind < NKINDS; kind++, start_over(b)) {
		open_pair(b, (enum kind)kind);
		b->client.writes_left = 5000;
		on_done(&b->client, E_OK);
		wait_for(b, &b->client.dones, 5001);
		assert_true(b->client.max_depth < 10);
	}
}

static void
test_limits(void **state)
{
	const struct stream_listen_opts opts = {.max_conns = 3,
	    .max_per_addr = 2, .gid = (gid_t)-1};
	struct bed *b = *state;
	struct net_addr from;
	struct stream *s[4];
	struct end e[4];
	int i;

	memset(e, 0, sizeof(e));
	listen_as(b, TCP4, &opts);
	for (i = 0; i < 4; i++) {
		/* 0, 1, 2 from one address, 3 from another */
		assert_int_equal(net_addr_parse(i < 3 ? "127.0.0.1" :
		    "127.0.0.2", 0, &from), E_OK);
		b->server.s = NULL; /* lives on by itself */
		assert_int_equal(stream_connect(b->loop, &b->at, &from, NULL,
		    NULL, &events, &e[i], &e[i].s), E_OK);
		s[i] = e[i].s;
		wait_for(b, &e[i].opened, 1);
		turn(b, 3);
	}
	assert_int_equal(b->accepted, 3);
	assert_int_equal(e[2].ended, 1);
	assert_int_equal(e[3].ended, 0);
	assert_int_equal(stream_listener_conns(b->listener), 3);
	/* full */
	assert_int_equal(start_connect(b, NULL), E_OK);
	wait_for(b, &b->client.ended, 1);
	stream_listener_set_limits(b->listener, 4, 0);
	b->server.s = NULL;
	assert_int_equal(start_connect(b, NULL), E_OK);
	wait_for(b, &b->accepted, 4);
	/* Accepted ones outlive the listener. */
	stream_listener_free(b->listener);
	turn(b, 3);
	assert_int_equal(b->client.ended, 1);
	assert_int_equal(stream_write_copy(s[0], "x", 1), E_OK);
}

static void
test_handshake_time(void **state)
{
	const struct stream_listen_opts opts = {.handshake_ms = 50};
	struct bed *b = *state;
	struct pollfd p;
	int i;

	listen_as(b, TLS, &opts);
	p.fd = raw_connect(b);
	p.events = POLLIN;
	for (i = 0; i < 1000 && poll(&p, 1, 1) == 0; i++) {
		loop_poll(b->loop);
	}
	assert_true(i > 20 && i < 1000);
	assert_int_equal(b->accepted, 0);
	(void)close(p.fd);
	/* One in its handshake ends with the listener, a bad one at once. */
	p.fd = raw_connect(b);
	turn(b, 2);
	assert_int_equal(stream_listener_conns(b->listener), 1);
	assert_int_equal(write(p.fd, "GET / HTTP/1.0\r\n\r\n", 18), 18);
	turn(b, 5);
	assert_int_equal(stream_listener_conns(b->listener), 0);
	(void)close(p.fd);
	p.fd = raw_connect(b);
	turn(b, 2);
	assert_int_equal(poll(&p, 1, 0), 0);
	stream_listener_free(b->listener);
	turn(b, 2);
	assert_int_equal(poll(&p, 1, 1000), 1);
	(void)close(p.fd);
}

static void
test_tls_refused(void **state)
{
	struct bed *b = *state;

	listen_as(b, TLS, NULL);
	assert_int_equal(stream_connect(b->loop, &b->at, NULL, stranger_tls,
	    NULL, &events, &b->client, &b->client.s), E_OK);
	wait_for(b, &b->client.opened, 1);
	assert_int_equal(b->client.open_err, E_TLS);
	turn(b, 5);
	assert_int_equal(stream_listener_conns(b->listener), 0);
	/* A server that talks no TLS. */
	stream_listener_set_tls(b->listener, NULL);
	b->server.echo = true;
	assert_int_equal(start_connect(b, client_tls), E_OK);
	wait_for(b, &b->client.opened, 2);
	assert_int_equal(b->client.open_err, E_TLS);
	/* Back to TLS. */
	turn(b, 5);
	b->server.echo = false;
	stream_listener_set_tls(b->listener, server_tls);
	assert_int_equal(start_connect(b, client_tls), E_OK);
	wait_for(b, &b->client.opened, 3);
	assert_int_equal(b->client.open_err, E_OK);
	assert_memory_equal(stream_peer_pin(b->client.s),
	    tls_ctx_own_pin(server_tls), TLS_PIN_LEN);
	assert_string_equal(stream_tls_error(b->client.s), "no error");
}

/* Text that came before the end is read first, however late. */
static void
test_tls_held(void **state)
{
	static uint8_t octets[60000];
	struct bed *b = *state;
	int i;

	open_pair(b, TLS);
	b->server.pause_on_read = true;
	assert_int_equal(stream_write_copy(b->client.s, octets,
	    sizeof(octets)), E_OK);
	close_end(&b->client);
	turn(b, 5);
	assert_true(b->server.got > 0 && b->server.got < sizeof(octets));
	for (i = 0; i < 100 && b->server.ended == 0; i++) {
		stream_read_resume(b->server.s);
		turn(b, 2);
	}
	assert_int_equal(b->server.got, sizeof(octets));
	assert_int_equal(b->server.ended, 1);
	assert_int_equal(b->server.end_err, E_CLOSED);
}

/* -- Unix sockets --------------------------------------------------------- */
static void
test_unix_path(void **state)
{
	const struct stream_listen_opts opts = {.mode = 0620,
	    .gid = getegid()};
	struct bed *b = *state;
	struct stream_listener *other;
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	char name[200];
	struct stat st;
	int fd;

	listen_as(b, UNIX, &opts);
	assert_int_equal(stat(sock_path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0620);
	assert_int_equal(stream_listen_unix(b->loop, sock_path, NULL,
	    on_accept, b, &other), E_EXIST);
	stream_listener_free(b->listener);
	assert_int_equal(stat(sock_path, &st), -1);
	/* Left behind by one that was killed. */
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	(void)snprintf(un.sun_path, sizeof(un.sun_path), "%s", sock_path);
	assert_int_equal(bind(fd, (struct sockaddr *)&un, sizeof(un)), 0);
	(void)close(fd);
	listen_as(b, UNIX, NULL);
	assert_int_equal(stat(sock_path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	/* Taken over by another: not ours to remove. */
	assert_int_equal(unlink(sock_path), 0);
	assert_int_equal(stream_listen_unix(b->loop, sock_path, NULL,
	    on_accept, b, &other), E_OK);
	stream_listener_free(b->listener);
	assert_int_equal(stat(sock_path, &st), 0);
	stream_listener_free(other);
	assert_int_equal(stat(sock_path, &st), -1);
	/* No socket, no folder, too long. */
	fd = open(sock_path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	(void)close(fd);
	assert_int_equal(stream_listen_unix(b->loop, sock_path, NULL,
	    on_accept, b, &other), E_EXIST);
	assert_int_equal(unlink(sock_path), 0);
	(void)snprintf(name, sizeof(name), "%s/none/sock", dir);
	assert_int_equal(stream_listen_unix(b->loop, name, NULL, on_accept, b,
	    &other), -ENOENT);
	memset(name, 'a', sizeof(name));
	name[108] = '\0';
	assert_int_equal(stream_listen_unix(b->loop, name, NULL, on_accept, b,
	    &other), E_INVAL);
	assert_int_equal(stream_connect_unix(b->loop, name, &events,
	    &b->client, &b->client.s), E_INVAL);
}

static void
test_unix_cred(void **state)
{
	struct bed *b = *state;
	gid_t gid, groups[64];
	uid_t uid;
	pid_t pid;
	int n, i;

	open_pair(b, UNIX);
	assert_int_equal(stream_peer_cred(b->server.s, &uid, &gid, &pid),
	    E_OK);
	assert_int_equal(uid, geteuid());
	assert_int_equal(gid, getegid());
	assert_int_equal(pid, getpid());
	assert_true(stream_peer_in_group(b->server.s, getegid()));
	assert_false(stream_peer_in_group(b->server.s, (gid_t)987654321));
	n = getgroups(64, groups);
	for (i = 0; i < n; i++) {
		assert_true(stream_peer_in_group(b->server.s, groups[i]));
	}
	start_over(b);
	open_pair(b, TCP4);
	assert_true(stream_peer_cred(b->server.s, &uid, &gid, &pid) < 0);
	assert_false(stream_peer_in_group(b->server.s, getegid()));
}

/* Without descriptors the loop neither spins nor loses who waits. */
static void
test_no_descriptors(void **state)
{
	struct bed *b = *state;
	struct rlimit old, now;
	uint64_t start_us;
	int fds[64], n = 0, fd;
	struct pollfd p;

	listen_as(b, TCP4, NULL);
	loop_poll(b->loop);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	fd = raw_connect(b);
	now = old;
	now.rlim_cur = 64;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &now), 0);
	while (n < 64 && (fds[n] = dup(fd)) >= 0) {
		n++;
	}
	assert_true(n < 64);
	start_us = loop_now_us(b->loop);
	while (loop_now_us(b->loop) - start_us < 250000) {
		turn(b, 1);
	}
	assert_int_equal(b->accepted, 0);
	while (n > 0) {
		(void)close(fds[--n]);
	}
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	p.fd = fd;
	p.events = POLLIN;
	if (poll(&p, 1, 0) == 0) { /* valgrind loses it, the kernel does not */
		wait_for(b, &b->accepted, 1);
	}
	(void)close(fd);
}

static void
test_address_in_use(void **state)
{
	struct bed *b = *state;
	struct stream_listener *other;

	listen_as(b, TCP4, NULL);
	assert_int_equal(stream_listen(b->loop, &b->at, NULL, NULL, on_accept,
	    b, &other), -EADDRINUSE);
	stream_listener_free(b->listener);
	/* at once free again */
	assert_int_equal(stream_listen(b->loop, &b->at, NULL, NULL, on_accept,
	    b, &other), E_OK);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_echo),
		TEST(test_from),
		TEST(test_refused),
		TEST(test_bulk),
		TEST(test_close_queued),
		TEST(test_close_after_write),
		TEST(test_close_after_write_stuck),
		TEST(test_half_closed),
		TEST(test_reset),
		TEST(test_close_in_calls),
		TEST(test_nested),
		TEST(test_limits),
		TEST(test_handshake_time),
		TEST(test_tls_refused),
		TEST(test_tls_held),
		TEST(test_unix_path),
		TEST(test_unix_cred),
		TEST(test_no_descriptors),
		TEST(test_address_in_use),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
