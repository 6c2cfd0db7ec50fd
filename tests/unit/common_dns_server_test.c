/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/lib/dns_transport.h"

#include <stdio.h>

#include "common/dns_server.h"

enum mode {
	ANSWER_NOW = 0,
	KEEP = 1,      /* the answer is held until the test ends it */
	SEND_KEEP = 2, /* answered, but not ended */
	ABORT = 3,
	FREE_SERVER = 4,
};

#define MAX_KEPT 256

struct world {
	struct loop *loop;
	struct dns_server *server;
	uint16_t port;
	int64_t offset;
	enum mode mode;
	unsigned requests, closed, done, done_failed;
	struct dns_answer *kept[MAX_KEPT];
	unsigned nkept;
	enum dns_proto proto;
};

static void
on_close(void *arg)
{
	struct world *w = arg;
	w->closed++;
}

static void
on_done(void *arg, int err)
{
	struct world *w = arg;
	w->done++;
	w->done_failed += err != E_OK;
}

static void
on_request(const struct dns_request *req, void *arg)
{
	struct world *w = arg;
	uint8_t out[65535];
	w->requests++;
	w->proto = req->proto;
	assert_int_equal(dns_answer_proto(req->answer), req->proto);
	assert_true(net_addr_equal(dns_answer_peer(req->answer), req->peer));
	switch (w->mode) {
	case ANSWER_NOW:
		assert_int_equal(dns_answer_send(req->answer, out,
		    make_answer(out, req->msg, req->len, 0)), E_OK);
		dns_answer_end(req->answer);
		break;
	case SEND_KEEP:
		assert_int_equal(dns_answer_send(req->answer, out,
		    make_answer(out, req->msg, req->len, 0)), E_OK);
		/* fallthrough */
	case KEEP:
		dns_answer_on_close(req->answer, on_close, w);
		assert_true(w->nkept < MAX_KEPT);
		w->kept[w->nkept++] = req->answer;
		break;
	case ABORT:
		dns_answer_abort(req->answer);
		break;
	case FREE_SERVER:
		dns_server_free(w->server);
		w->server = NULL;
		assert_true(dns_answer_is_closed(req->answer));
		assert_int_equal(dns_answer_send(req->answer, req->msg,
		    req->len), E_CLOSED);
		dns_answer_end(req->answer);
		break;
	}
}

static void
start(struct world *w, const struct dns_server_opts *opts)
{
	struct net_addr at = loopback(0);
	memset(w, 0, sizeof(*w));
	assert_int_equal(loop_new(&w->loop), E_OK);
	assert_int_equal(dns_server_new(w->loop, opts, on_request, w,
	    &w->server), E_OK);
	assert_int_equal(dns_server_listen(w->server, &at, NULL, &w->port),
	    E_OK);
	assert_int_not_equal(w->port, 0);
}

static void
stop(struct world *w)
{
	dns_server_free(w->server);
	for (unsigned i = 0; i < w->nkept; i++) {
		assert_true(dns_answer_is_closed(w->kept[i]));
		dns_answer_end(w->kept[i]);
	}
	loop_free(w->loop);
}

static struct dns_server_stats
stats(const struct world *w)
{
	struct dns_server_stats st;
	dns_server_stats(w->server, &st);
	return st;
}

static bool
has_no_conn(void *arg)
{
	return stats(arg).tcp_open == 0;
}

static bool
has_conn(void *arg)
{
	return stats(arg).tcp_open > 0;
}

/* Asks and reads the answer. */
static void
ask(struct world *w, int fd, uint16_t id)
{
	uint8_t q[512], a[65535];
	size_t len = make_query(q, id, DNS_QUERY, "ask", DNS_SOA);
	raw_send_framed(fd, q, len);
	assert_int_equal(raw_read_framed(w->loop, fd, a), len);
	assert_int_equal(get_be16(a), id);
}

static void
test_udp(void **state)
{
	struct world w;
	uint8_t q[512], a[512];
	(void)state;
	start(&w, NULL);
	int fd = raw_connect(SOCK_DGRAM, w.port);
	for (uint16_t i = 0; i < 40; i++) {
		raw_send(fd, q, make_query(q, i, DNS_QUERY, "udp", DNS_SOA));
	}
	spin_count_until(w.loop, &w.requests, 40);
	for (uint16_t i = 0; i < 40; i++) {
		assert_true(recv(fd, a, sizeof(a), 0) > 12);
		assert_int_equal(get_be16(a), i);
		assert_true(get_be16(a + 2) & DNS_FLAG_QR);
	}
	assert_int_equal(w.proto, DNS_UDP);
	assert_int_equal(stats(&w).udp_in, 40);
	close(fd);
	stop(&w);
}

static void
test_udp_bad(void **state)
{
	struct dns_server_opts opts = {.max_udp_len = 100};
	struct world w;
	uint8_t q[512] = {0}, a[512];
	(void)state;
	start(&w, &opts);
	int fd = raw_connect(SOCK_DGRAM, w.port);
	for (size_t n = 0; n < DNS_HEADER_LEN; n++) {
		raw_send(fd, q, n);
	}
	size_t len = make_query(q, 1, DNS_QUERY, "udp", DNS_SOA);
	q[2] |= 0x80;
	raw_send(fd, q, len);
	make_query(q, 0x4321, DNS_UPDATE, "udp", DNS_SOA);
	raw_send(fd, q, 101);
	/* the only answer is the FORMERR to what was too long */
	assert_int_equal(raw_read(w.loop, fd, a, 12), 12);
	assert_int_equal(get_be16(a), 0x4321);
	assert_int_equal(get_be16(a + 2), 0x8000 | 5 << 11 | 0x100 | 1);
	assert_true(raw_is_quiet(fd));
	assert_int_equal(w.requests, 0);
	assert_int_equal(stats(&w).dropped, DNS_HEADER_LEN + 1);
	close(fd);
	stop(&w);
}

static void
test_udp_late(void **state)
{
	struct world w;
	uint8_t q[512];
	(void)state;
	start(&w, NULL);
	w.mode = KEEP;
	int fd = raw_connect(SOCK_DGRAM, w.port);
	size_t len = make_query(q, 7, DNS_QUERY, "udp", DNS_SOA);
	raw_send(fd, q, len);
	raw_send(fd, q, len);
	spin_count_until(w.loop, &w.requests, 2);
	assert_int_equal(dns_answer_send(w.kept[0], q, len), E_OK);
	assert_int_equal(dns_answer_write(w.kept[0], NULL, 0, NULL, NULL),
	    E_INVAL);
	assert_int_equal(dns_answer_send(w.kept[0], q, 65536), E_SPACE);
	assert_int_equal(raw_read(w.loop, fd, q, len), len);
	struct net_addr at = loopback(w.port);
	assert_int_equal(dns_server_unlisten(w.server, &at), E_OK);
	assert_int_equal(dns_server_unlisten(w.server, &at), E_NOENT);
	assert_int_equal(dns_answer_send(w.kept[1], q, len), E_CLOSED);
	close(fd);
	stop(&w);
}

static void
test_tcp_cuts(void **state)
{
	struct world w;
	uint8_t q[512], out[1536], a[65535];
	(void)state;
	start(&w, NULL);
	size_t n = 0;
	for (uint16_t i = 0; i < 3; i++) {
		size_t len = make_query(q, i, DNS_QUERY, "cut", DNS_SOA);
		put_be16(out + n, (uint16_t)len);
		memcpy(out + n + 2, q, len);
		n += 2 + len;
	}
	int fd = raw_connect(SOCK_STREAM, w.port);
	for (size_t cut = 0; cut <= n; cut++) {
		raw_send(fd, out, cut);
		spin_turns(w.loop, 2);
		raw_send(fd, out + cut, n - cut);
		for (uint16_t i = 0; i < 3; i++) {
			assert_true(raw_read_framed(w.loop, fd, a) > 12);
			assert_int_equal(get_be16(a), i);
		}
	}
	assert_true(raw_is_quiet(fd));
	assert_int_equal(stats(&w).tcp_in, 3 * (n + 1));
	close(fd);
	spin_until(w.loop, has_no_conn, &w);
	stop(&w);
}

static void
test_tcp_bad(void **state)
{
	static const struct {
		size_t len;
		bool is_answer;
	} rows[] = {{0, false}, {1, false}, {11, false}, {12, true}};
	struct world w;
	uint8_t q[512];
	(void)state;
	start(&w, NULL);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int fd = raw_connect(SOCK_STREAM, w.port);
		ask(&w, fd, 1);
		make_query(q, 1, DNS_QUERY, "bad", DNS_SOA);
		q[2] |= rows[i].is_answer ? 0x80 : 0;
		raw_send_framed(fd, q, rows[i].len);
		assert_true(raw_is_ended(w.loop, fd));
		close(fd);
	}
	assert_int_equal(w.requests, 4);
	assert_int_equal(stats(&w).dropped, 4);
	stop(&w);
}

static void
test_pipeline(void **state)
{
	struct dns_server_opts opts = {.max_pipeline = 4};
	struct world w;
	uint8_t q[512], a[65535];
	(void)state;
	start(&w, &opts);
	w.mode = SEND_KEEP;
	int fd = raw_connect(SOCK_STREAM, w.port);
	for (uint16_t i = 0; i < 20; i++) {
		raw_send_framed(fd, q, make_query(q, i, DNS_QUERY, "pipe",
		    DNS_SOA));
	}
	spin_count_until(w.loop, &w.requests, 4);
	spin_turns(w.loop, 5);
	assert_int_equal(w.requests, 4);
	dns_answer_end(w.kept[2]);
	spin_count_until(w.loop, &w.requests, 5);
	spin_turns(w.loop, 5);
	assert_int_equal(w.requests, 5);
	/* under way for long: no limit of ours ends that */
	spin_clock(w.loop, &w.offset, 3600);
	assert_int_equal(stats(&w).tcp_open, 1);
	w.mode = ANSWER_NOW;
	w.nkept = 0;
	dns_answer_end(w.kept[0]);
	dns_answer_end(w.kept[1]);
	dns_answer_end(w.kept[3]);
	dns_answer_end(w.kept[4]);
	spin_count_until(w.loop, &w.requests, 20);
	for (uint16_t i = 0; i < 20; i++) {
		assert_true(raw_read_framed(w.loop, fd, a) > 12);
		assert_int_equal(get_be16(a), i);
	}
	close(fd);
	stop(&w);
}

static void
test_clocks(void **state)
{
	struct world w;
	uint8_t q[512];
	(void)state;
	start(&w, NULL);
	/* idle */
	int fd = raw_connect(SOCK_STREAM, w.port);
	ask(&w, fd, 1);
	spin_clock(w.loop, &w.offset, 29);
	ask(&w, fd, 2);
	spin_clock(w.loop, &w.offset, 29);
	assert_int_equal(stats(&w).tcp_open, 1);
	spin_clock(w.loop, &w.offset, 2);
	assert_int_equal(stats(&w).tcp_open, 0);
	assert_true(raw_is_ended(w.loop, fd));
	close(fd);
	/* a message that is never complete, an octet now and then */
	fd = raw_connect(SOCK_STREAM, w.port);
	spin_until(w.loop, has_conn, &w);
	size_t len = make_query(q, 1, DNS_QUERY, "loris", DNS_SOA);
	uint8_t prefix[2] = {0, (uint8_t)len};
	raw_send(fd, prefix, 2);
	for (size_t i = 0; i < 3; i++) {
		spin_turns(w.loop, 3);
		assert_int_equal(stats(&w).tcp_open, 1);
		spin_clock(w.loop, &w.offset, 3);
		raw_send(fd, q + i, 1);
	}
	spin_clock(w.loop, &w.offset, 2);
	assert_int_equal(stats(&w).tcp_open, 0);
	close(fd);
	stop(&w);
}

/* "Whole messages" of zeros as one piece of memory. */
#define BULK_LEN (1u << 22)
static uint8_t *
make_bulk(void)
{
	uint8_t *bulk = calloc(1, BULK_LEN);
	assert_non_null(bulk);
	for (size_t i = 0; i < BULK_LEN; i += 1024) {
		put_be16(bulk + i, 1022);
	}
	return bulk;
}

static void
test_write_stall(void **state)
{
	struct world w;
	uint8_t q[512];
	uint8_t *bulk = make_bulk(), *in = malloc(BULK_LEN);
	struct iovec iov[2] = {{bulk, 1024}, {bulk + 1024, BULK_LEN - 1024}};
	(void)state;
	start(&w, NULL);
	w.mode = KEEP;
	int fd = raw_connect(SOCK_STREAM, w.port);
	raw_send_framed(fd, q, make_query(q, 1, DNS_QUERY, "bulk", DNS_AXFR));
	spin_count_until(w.loop, &w.requests, 1);
	for (int i = 0; i < 10; i++) {
		assert_int_equal(dns_answer_write(w.kept[0], iov, 2, on_done,
		    &w), E_OK);
	}
	assert_true(dns_answer_queued(w.kept[0]) > STREAM_HIGH);
	/* takes something now and then: lives */
	for (int i = 0; i < 6; i++) {
		spin_clock(w.loop, &w.offset, 20);
		assert_int_equal(stats(&w).tcp_open, 1);
		assert_int_equal(raw_read(w.loop, fd, in, BULK_LEN / 4),
		    BULK_LEN / 4);
		assert_memory_equal(in, bulk, 1024);
	}
	spin_turns(w.loop, 10);
	assert_true(dns_answer_queued(w.kept[0]) > 0);
	/* takes nothing: does not */
	for (int i = 0; i < 5; i++) {
		spin_clock(w.loop, &w.offset, 18);
	}
	assert_int_equal(stats(&w).tcp_open, 0);
	assert_int_equal(w.closed, 1);
	spin_count_until(w.loop, &w.done, 10);
	assert_true(w.done_failed > 0);
	assert_int_equal(dns_answer_write(w.kept[0], iov, 2, on_done, &w),
	    E_CLOSED);
	assert_int_equal(dns_answer_queued(w.kept[0]), 0);
	close(fd);
	stop(&w);
	free(bulk);
	free(in);
}

/* One who asks and never reads must not make us hold all the answers. */
static void
test_never_reads(void **state)
{
	struct world w;
	static uint8_t q[2 + 60000];
	(void)state;
	start(&w, NULL);
	int fd = raw_connect(SOCK_STREAM, w.port);
	make_query(q + 2, 1, DNS_QUERY, "big", DNS_SOA);
	put_be16(q, sizeof(q) - 2);
	size_t sent = 0;
	for (int quiet = 0; quiet < 50;) {
		ssize_t n = send(fd, q + sent % sizeof(q),
		    sizeof(q) - sent % sizeof(q), MSG_NOSIGNAL);
		if (n > 0) {
			sent += (size_t)n;
			quiet = 0;
		} else {
			assert_int_equal(errno, EAGAIN);
			quiet++;
		}
		spin_turns(w.loop, 2);
	}
	assert_int_equal(stats(&w).tcp_open, 1);
	unsigned before = w.requests;
	/* begins to read: all is answered */
	static uint8_t in[65536];
	for (unsigned i = 0; i < sent / sizeof(q); i++) {
		assert_int_equal(raw_read_framed(w.loop, fd, in),
		    sizeof(q) - 2);
	}
	assert_true(w.requests >= before);
	assert_int_equal(w.requests, sent / sizeof(q));
	close(fd);
	stop(&w);
}

static void
test_outlives(void **state)
{
	struct world w;
	uint8_t q[512];
	(void)state;
	start(&w, NULL);
	w.mode = KEEP;
	int fd = raw_connect(SOCK_STREAM, w.port);
	size_t len = make_query(q, 1, DNS_QUERY, "late", DNS_SOA);
	raw_send_framed(fd, q, len);
	raw_send_framed(fd, q, len);
	spin_count_until(w.loop, &w.requests, 2);
	struct linger hard = {1, 0};
	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
	close(fd); /* reset */
	spin_count_until(w.loop, &w.closed, 2);
	assert_int_equal(dns_answer_send(w.kept[0], q, len), E_CLOSED);
	dns_answer_end(w.kept[0]);
	w.kept[0] = w.kept[1];
	w.nkept = 1;
	assert_int_equal(dns_answer_proto(w.kept[0]), DNS_TCP);
	assert_int_equal(stats(&w).tcp_open, 0);
	stop(&w);
}

static void
test_half_close(void **state)
{
	struct world w;
	uint8_t q[512], a[65535];
	(void)state;
	start(&w, NULL);
	w.mode = KEEP;
	int fd = raw_connect(SOCK_STREAM, w.port);
	size_t len = make_query(q, 9, DNS_QUERY, "half", DNS_SOA);
	raw_send_framed(fd, q, len);
	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	spin_count_until(w.loop, &w.requests, 1);
	spin_turns(w.loop, 5);
	assert_int_equal(dns_answer_send(w.kept[0], q, len), E_OK);
	dns_answer_end(w.kept[0]);
	w.nkept = 0;
	assert_int_equal(raw_read_framed(w.loop, fd, a), len);
	assert_true(raw_is_ended(w.loop, fd));
	assert_int_equal(stats(&w).tcp_open, 0);
	assert_int_equal(w.closed, 0);
	close(fd);
	stop(&w);
}

static void
test_limits(void **state)
{
	struct dns_server_opts opts = {.max_tcp = 3, .max_tcp_per_addr = 2};
	struct world w;
	(void)state;
	start(&w, &opts);
	int fd[3];
	for (int i = 0; i < 2; i++) {
		fd[i] = raw_connect(SOCK_STREAM, w.port);
		ask(&w, fd[i], 1);
	}
	fd[2] = raw_connect(SOCK_STREAM, w.port);
	assert_true(raw_is_ended(w.loop, fd[2]));
	assert_int_equal(stats(&w).tcp_refused, 1);
	close(fd[2]);
	opts.max_tcp_per_addr = 3;
	dns_server_set_opts(w.server, &opts);
	fd[2] = raw_connect(SOCK_STREAM, w.port);
	ask(&w, fd[2], 1);
	int over = raw_connect(SOCK_STREAM, w.port);
	assert_true(raw_is_ended(w.loop, over));
	assert_int_equal(stats(&w).tcp_refused, 2);
	close(over);
	for (int i = 0; i < 3; i++) {
		close(fd[i]);
	}
	spin_until(w.loop, has_no_conn, &w);
	fd[0] = raw_connect(SOCK_STREAM, w.port);
	ask(&w, fd[0], 1);
	close(fd[0]);
	stop(&w);
}

static void
test_unlisten(void **state)
{
	struct world w;
	struct net_addr at;
	uint16_t port;
	(void)state;
	start(&w, NULL);
	at = loopback(w.port);
	assert_int_equal(dns_server_listen(w.server, &at, NULL, &port),
	    E_EXIST);
	int fd = raw_connect(SOCK_STREAM, w.port);
	ask(&w, fd, 1);
	assert_int_equal(dns_server_unlisten(w.server, &at), E_OK);
	ask(&w, fd, 2);
	spin_turns(w.loop, 3);
	assert_int_equal(dns_server_listen(w.server, &at, NULL, &port), E_OK);
	assert_int_equal(port, w.port);
	ask(&w, fd, 3);
	int other = raw_connect(SOCK_STREAM, w.port);
	ask(&w, other, 4);
	close(fd);
	close(other);
	stop(&w);
}

static void
test_interleaved(void **state)
{
	struct world w;
	uint8_t q[512], a[65535];
	uint8_t framed[2][14] = {{0, 12, 0, 1}, {0, 12, 0, 2}};
	(void)state;
	start(&w, NULL);
	w.mode = KEEP;
	int fd = raw_connect(SOCK_STREAM, w.port);
	for (uint16_t i = 1; i <= 2; i++) {
		raw_send_framed(fd, q, make_query(q, i, DNS_QUERY, "mix",
		    DNS_AXFR));
	}
	spin_count_until(w.loop, &w.requests, 2);
	for (unsigned i = 0; i < 100; i++) {
		struct iovec iov = {framed[i % 2], 14};
		/* gathered and lent octets keep their order */
		if (i % 3 == 0) {
			assert_int_equal(dns_answer_send(w.kept[i % 2],
			    framed[i % 2] + 2, 12), E_OK);
		} else {
			assert_int_equal(dns_answer_write(w.kept[i % 2], &iov,
			    1, on_done, &w), E_OK);
		}
	}
	for (unsigned i = 0; i < 100; i++) {
		assert_int_equal(raw_read_framed(w.loop, fd, a), 12);
		assert_int_equal(get_be16(a), i % 2 + 1);
	}
	assert_int_equal(w.done, 66);
	close(fd);
	stop(&w);
}

static void
test_abort(void **state)
{
	struct world w;
	uint8_t q[512];
	(void)state;
	start(&w, NULL);
	w.mode = KEEP;
	int fd = raw_connect(SOCK_STREAM, w.port);
	size_t len = make_query(q, 1, DNS_QUERY, "abort", DNS_SOA);
	raw_send_framed(fd, q, len);
	spin_count_until(w.loop, &w.requests, 1);
	w.mode = ABORT;
	raw_send_framed(fd, q, len);
	raw_send_framed(fd, q, len);
	assert_true(raw_is_ended(w.loop, fd));
	assert_int_equal(w.requests, 2);
	assert_int_equal(w.closed, 1); /* the one kept; not the aborted one */
	close(fd);
	stop(&w);
}

struct final {
	struct world *w;
	struct dns_answer *a;
};

static void
on_done_free(void *arg, int err)
{
	struct final *f = arg;
	assert_int_equal(err, E_OK);
	dns_answer_end(f->a);
	dns_server_free(f->w->server);
	f->w->server = NULL;
}

/* The server goes in the `done` of a write that is done at once. */
static void
test_free_in_done(void **state)
{
	static uint8_t octets[14] = {0, 12};
	struct iovec iov = {octets, sizeof(octets)};
	struct world w;
	uint8_t q[512];
	(void)state;
	start(&w, NULL);
	w.mode = KEEP;
	int fd = raw_connect(SOCK_STREAM, w.port);
	raw_send_framed(fd, q, make_query(q, 1, DNS_QUERY, "end", DNS_SOA));
	spin_count_until(w.loop, &w.requests, 1);
	struct final f = {&w, w.kept[0]};
	w.nkept = 0;
	assert_int_equal(dns_answer_write(f.a, &iov, 0, on_done_free, &f),
	    E_INVAL);
	assert_int_equal(dns_answer_write(f.a, &iov, 1, on_done_free, &f),
	    E_OK);
	assert_null(w.server);
	close(fd);
	stop(&w);
}

static void
test_free_inside(void **state)
{
	struct world w;
	uint8_t q[512];
	(void)state;
	for (int type = 0; type < 2; type++) {
		start(&w, NULL);
		int kept = raw_connect(SOCK_STREAM, w.port);
		size_t len = make_query(q, 1, DNS_QUERY, "end", DNS_SOA);
		w.mode = KEEP;
		raw_send_framed(kept, q, len);
		spin_count_until(w.loop, &w.requests, 1);
		w.mode = FREE_SERVER;
		int fd = raw_connect(type == 0 ? SOCK_DGRAM : SOCK_STREAM,
		    w.port);
		if (type == 0) {
			raw_send(fd, q, len);
			raw_send(fd, q, len);
		} else {
			raw_send_framed(fd, q, len);
			raw_send_framed(fd, q, len);
		}
		spin_count_until(w.loop, &w.requests, 2);
		assert_null(w.server);
		assert_int_equal(w.closed, 1);
		spin_turns(w.loop, 3);
		close(fd);
		close(kept);
		stop(&w);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_udp),
		cmocka_unit_test(test_udp_bad),
		cmocka_unit_test(test_udp_late),
		cmocka_unit_test(test_tcp_cuts),
		cmocka_unit_test(test_tcp_bad),
		cmocka_unit_test(test_pipeline),
		cmocka_unit_test(test_clocks),
		cmocka_unit_test(test_write_stall),
		cmocka_unit_test(test_never_reads),
		cmocka_unit_test(test_outlives),
		cmocka_unit_test(test_half_close),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_unlisten),
		cmocka_unit_test(test_interleaved),
		cmocka_unit_test(test_abort),
		cmocka_unit_test(test_free_inside),
		cmocka_unit_test(test_free_in_done),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
