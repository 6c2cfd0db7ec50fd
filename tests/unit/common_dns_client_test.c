/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Our client against our server, and against servers on raw sockets that do
 * what ours never would.
 */
#include "tests/lib/dns_transport.h"

#include <gnutls/x509.h>
#include <stdio.h>

#include "common/dns_client.h"
#include "common/dns_server.h"
#include "common/dns_tsig.h"
#include "common/tls.h"

#define XFR_MESSAGES 50u
#define XFR_LEN 1000u

struct world {
	struct loop *loop;
	struct dns_server *server;
	struct dns_client *client;
	uint16_t port;
	int64_t offset;
	unsigned requests[3]; /* by protocol */
	struct dns_answer *kept[512];
	unsigned nkept;
	const struct tsig_key *server_key;
	int64_t skew_sec; /* of the server's clock */
	unsigned calls; /* of all results */
};

struct result {
	struct world *w;
	struct dns_exchange *x;
	unsigned calls, ok;
	int err;
	size_t len;
	uint8_t first[512];
	bool ends_itself; /* a stream, at its last message */
	bool pauses;
	bool frees_client;
	struct dns_exchange **cancels;
};

static const struct tsig_key key = {
	.name = "\3key",
	.name_len = 5,
	.alg = TSIG_HMAC_SHA256,
	.secret_len = 32,
	.secret = "0123456789abcdef0123456789abcde",
};
static const struct tsig_key other_secret = {
	.name = "\3key",
	.name_len = 5,
	.alg = TSIG_HMAC_SHA256,
	.secret_len = 32,
	.secret = "another secret another secret !",
};
static const struct tsig_key other_name = {
	.name = "\5other",
	.name_len = 7,
	.alg = TSIG_HMAC_SHA256,
	.secret_len = 32,
	.secret = "0123456789abcdef0123456789abcde",
};

static bool
is_label(const struct dns_request *req, const char *label)
{
	size_t n = strlen(label);
	return req->msg[12] == n && memcmp(req->msg + 13, label, n) == 0;
}

static void
send_transfer(const struct dns_request *req)
{
	uint8_t out[XFR_LEN] = {0};
	make_answer(out, req->msg, req->len, 0);
	for (unsigned i = 0; i < XFR_MESSAGES; i++) {
		put_be16(out + XFR_LEN - 2, (uint16_t)i);
		assert_int_equal(dns_answer_send(req->answer, out, XFR_LEN),
		    E_OK);
	}
}

/* The answer, signed if the request was. */
static void
send_answer(struct world *w, const struct dns_request *req, uint16_t flags)
{
	uint8_t in[1024], out[2048];
	size_t len = req->len;
	struct tsig_state st;
	struct tsig_rr rr;
	int64_t now = loop_wall_sec(w->loop) + w->skew_sec;
	memcpy(in, req->msg, len);
	int r = tsig_check_request(in, &len, &w->server_key, 1, now, &st, &rr);
	size_t n = make_answer(out, in, len, 0);
	put_be16(out + 2, get_be16(out + 2) | flags);
	if (r == E_BADKEY || r == E_BADSIG) {
		out[3] |= DNS_NOTAUTH;
		assert_int_equal(tsig_put_error(out, &n, sizeof(out), &rr, now,
		    r == E_BADKEY ? DNS_BADKEY : DNS_BADSIG), E_OK);
	} else if (r == E_BADTIME) {
		out[3] |= DNS_NOTAUTH;
		assert_int_equal(tsig_sign_answer(out, &n, sizeof(out), &st,
		    now, DNS_BADTIME), E_OK);
	} else if (r == E_OK && !is_label(req, "unsigned")) {
		assert_int_equal(tsig_sign_answer(out, &n, sizeof(out), &st,
		    now, 0), E_OK);
		if (is_label(req, "forged")) {
			out[n - 20] ^= 1;
		}
	}
	assert_int_equal(dns_answer_send(req->answer, out, n), E_OK);
}

static void
on_request(const struct dns_request *req, void *arg)
{
	struct world *w = arg;
	w->requests[req->proto]++;
	if (is_label(req, "hang")) {
		w->kept[w->nkept++] = req->answer;
		return;
	}
	if (is_label(req, "xfr")) {
		send_transfer(req);
	} else if (is_label(req, "tc") && req->proto == DNS_UDP) {
		send_answer(w, req, DNS_FLAG_TC);
	} else {
		send_answer(w, req, 0);
	}
	dns_answer_end(req->answer);
}

static void
start_opts(struct world *w, const struct dns_client_opts *opts)
{
	struct net_addr at = loopback(0);
	struct dns_server_opts sopts = {.max_pipeline = 256};
	memset(w, 0, sizeof(*w));
	w->server_key = &key;
	assert_int_equal(loop_new(&w->loop), E_OK);
	assert_int_equal(dns_server_new(w->loop, &sopts, on_request, w,
	    &w->server), E_OK);
	assert_int_equal(dns_server_listen(w->server, &at, NULL, &w->port),
	    E_OK);
	assert_int_equal(dns_client_new(w->loop, opts, &w->client), E_OK);
}

static void
start(struct world *w)
{
	start_opts(w, NULL);
}

static void
drop_kept(struct world *w)
{
	while (w->nkept > 0) {
		dns_answer_end(w->kept[--w->nkept]);
	}
}

static void
stop(struct world *w)
{
	dns_client_free(w->client);
	dns_server_free(w->server);
	drop_kept(w);
	loop_free(w->loop);
}

static void
on_answer(struct dns_exchange *x, int err, uint8_t *msg, size_t len, void *arg)
{
	struct result *r = arg;
	assert_true(r->x == NULL || r->x == x);
	r->calls++;
	r->w->calls++;
	r->err = err;
	r->len = len;
	if (err == E_OK) {
		r->ok++;
		memcpy(r->first, msg, len < 512 ? len : 512);
		memset(msg, 0xee, len); /* it is ours to change */
	}
	if (r->pauses) {
		r->pauses = false;
		dns_exchange_pause(x);
	}
	if (r->cancels != NULL && *r->cancels != NULL) {
		struct dns_exchange *victim = *r->cancels;
		*r->cancels = NULL;
		dns_exchange_end(victim, false);
	}
	if (r->frees_client) {
		r->frees_client = false;
		struct dns_client *c = r->w->client;
		r->w->client = NULL;
		dns_client_free(c);
		return;
	}
	if (r->ends_itself && r->ok == XFR_MESSAGES) {
		r->x = NULL;
		dns_exchange_end(x, true);
	}
}

static struct dns_exchange_opts
opts_to(uint16_t port, bool tcp)
{
	struct dns_exchange_opts o = {
		.tcp = tcp,
		.timeout_ms = 5000,
		.tries = 1,
	};
	o.peer.addr = loopback(port);
	return o;
}

static void
begin(struct world *w, struct result *r, const struct dns_exchange_opts *o,
    unsigned opcode, const char *label)
{
	uint8_t q[512];
	size_t len = make_query(q, 0, opcode, label, DNS_SOA);
	memset(r, 0, sizeof(*r));
	r->w = w;
	assert_int_equal(dns_exchange_start(w->client, o, q, len, on_answer, r,
	    &r->x), E_OK);
	assert_int_equal(r->calls, 0); /* never from within */
}

static int
wait_end(struct world *w, struct result *r)
{
	spin_count_until(w->loop, &r->calls, 1);
	assert_int_equal(r->calls, 1);
	return r->err;
}

static int
ask(struct world *w, const struct dns_exchange_opts *o, const char *label)
{
	struct result r;
	begin(w, &r, o, DNS_QUERY, label);
	return wait_end(w, &r);
}

static bool
has_no_conn(void *arg)
{
	struct world *w = arg;
	struct dns_server_stats st;
	dns_server_stats(w->server, &st);
	return st.tcp_open == 0;
}

static unsigned
open_conns(struct world *w)
{
	struct dns_server_stats st;
	spin_turns(w->loop, 5);
	dns_server_stats(w->server, &st);
	return st.tcp_open;
}

/* -- with our own server --------------------------------------------------- */

static void
test_plain(void **state)
{
	struct world w;
	struct result r;
	(void)state;
	start(&w);
	for (int tcp = 0; tcp < 2; tcp++) {
		struct dns_exchange_opts o = opts_to(w.port, tcp);
		begin(&w, &r, &o, DNS_QUERY, "EcHo");
		assert_int_equal(wait_end(&w, &r), E_OK);
		assert_memory_equal(r.first + 12, "\4EcHo\4test", 11);
		assert_int_equal(w.requests[DNS_UDP], 1);
		assert_int_equal(w.requests[DNS_TCP], tcp);
		o.peer.from = loopback(0);
		assert_int_equal(ask(&w, &o, "from"), E_OK);
		w.requests[0] = 1;
		w.requests[1] = 0;
	}
	stop(&w);
}

static void
test_bad_request(void **state)
{
	struct world w;
	uint8_t q[512];
	struct result r = {.w = &w};
	(void)state;
	start(&w);
	struct dns_exchange_opts o = opts_to(w.port, false);
	size_t len = make_query(q, 0, DNS_QUERY, "echo", DNS_SOA);
	for (size_t n = 0; n < len; n++) {
		assert_int_equal(dns_exchange_start(w.client, &o, q, n,
		    on_answer, &r, &r.x), E_INVAL);
	}
	q[5] = 0;
	assert_int_equal(dns_exchange_start(w.client, &o, q, len, on_answer,
	    &r, &r.x), E_INVAL);
	stop(&w);
}

static void
test_truncated(void **state)
{
	struct world w;
	(void)state;
	start(&w);
	struct dns_exchange_opts o = opts_to(w.port, false);
	assert_int_equal(ask(&w, &o, "tc"), E_OK);
	o.peer.key = &key;
	assert_int_equal(ask(&w, &o, "tc"), E_OK);
	assert_int_equal(w.requests[DNS_UDP], 2);
	assert_int_equal(w.requests[DNS_TCP], 2);
	stop(&w);
}

static void
test_tsig(void **state)
{
	static const struct {
		const char *label;
		const struct tsig_key *key;
		int skew_sec;
		int want_udp, want_tcp;
	} rows[] = {
		{"signed", &key, 0, E_OK, E_OK},
		{"unsigned", &key, 0, E_NOTSIGNED, E_NOTSIGNED},
		{"forged", &key, 0, E_BADSIG, E_BADSIG},
		{"signed", &other_secret, 0, E_BADSIG, E_BADSIG},
		{"signed", &other_name, 0, E_BADKEY, E_BADKEY},
		{"signed", &key, 1000, E_BADTIME, E_BADTIME},
		{"signed", &key, -1000, E_BADTIME, E_BADTIME},
	};
	struct world w;
	(void)state;
	start(&w);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (int tcp = 0; tcp < 2; tcp++) {
			struct dns_exchange_opts o = opts_to(w.port, tcp);
			o.timeout_ms = 20;
			o.peer.key = rows[i].key;
			w.skew_sec = rows[i].skew_sec;
			assert_int_equal(ask(&w, &o, rows[i].label),
			    tcp ? rows[i].want_tcp : rows[i].want_udp);
		}
	}
	stop(&w);
}

static void
test_timeouts(void **state)
{
	struct world w;
	struct result r;
	(void)state;
	start(&w);
	for (int tcp = 0; tcp < 2; tcp++) {
		struct dns_exchange_opts o = opts_to(w.port, tcp);
		o.tries = 3;
		begin(&w, &r, &o, DNS_QUERY, "hang");
		spin_count_until(w.loop, &w.requests[tcp], 1);
		if (!tcp) {
			spin_clock(w.loop, &w.offset, 6);
			spin_count_until(w.loop, &w.requests[DNS_UDP], 2);
			spin_clock(w.loop, &w.offset, 6);
			spin_count_until(w.loop, &w.requests[DNS_UDP], 3);
		}
		assert_int_equal(r.calls, 0);
		spin_clock(w.loop, &w.offset, 6);
		assert_int_equal(wait_end(&w, &r), E_TIMEOUT);
	}
	/* who did not answer is asked on another connection next time */
	drop_kept(&w);
	spin_until(w.loop, has_no_conn, &w);
	stop(&w);
}

static void
test_refused(void **state)
{
	struct world w;
	uint16_t port = 0;
	(void)state;
	start(&w);
	close(raw_bind(SOCK_STREAM, &port));
	struct dns_exchange_opts o = opts_to(port, true);
	assert_int_equal(ask(&w, &o, "echo"), -ECONNREFUSED);
	/* all that wait for one connection learn it at once */
	struct result r[300];
	for (size_t i = 0; i < 300; i++) {
		begin(&w, &r[i], &o, DNS_QUERY, "echo");
	}
	for (size_t i = 0; i < 300; i++) {
		assert_int_equal(wait_end(&w, &r[i]), -ECONNREFUSED);
	}
	o.tcp = false;
	assert_int_equal(ask(&w, &o, "echo"), -ECONNREFUSED);
	stop(&w);
}

#define MANY 10000u

static void
test_many(void **state)
{
	struct world w;
	struct result *r = calloc(MANY, sizeof(*r));
	(void)state;
	assert_non_null(r);
	for (int tcp = 0; tcp < 2; tcp++) {
		start(&w);
		struct dns_exchange_opts o = opts_to(w.port, tcp);
		o.tries = 5;
		for (size_t i = 0; i < MANY; i++) {
			begin(&w, &r[i], &o, DNS_QUERY, "echo");
		}
		spin_count_until(w.loop, &w.calls, MANY);
		for (size_t i = 0; i < MANY; i++) {
			assert_int_equal(r[i].err, E_OK);
			assert_int_equal(r[i].calls, 1);
		}
		if (tcp) {
			assert_int_equal(open_conns(&w), 4);
			/* unused ones go */
			spin_clock(w.loop, &w.offset, 11);
			spin_until(w.loop, has_no_conn, &w);
		}
		stop(&w);
	}
	free(r);
}

/* Time counts from sending, not from queueing. */
static void
test_queued_no_time(void **state)
{
	struct dns_client_opts copts = {.max_conns = 1, .max_pipeline = 1};
	struct world w;
	struct result a, b;
	(void)state;
	start_opts(&w, &copts);
	struct dns_exchange_opts o = opts_to(w.port, true);
	o.timeout_ms = 100000;
	begin(&w, &a, &o, DNS_QUERY, "hang");
	o.timeout_ms = 1000;
	begin(&w, &b, &o, DNS_QUERY, "echo");
	spin_count_until(w.loop, &w.nkept, 1);
	spin_clock(w.loop, &w.offset, 50);
	assert_int_equal(b.calls, 0);
	dns_exchange_end(a.x, false);
	assert_int_equal(wait_end(&w, &b), E_OK);
	assert_int_equal(a.calls, 0);
	stop(&w);
}

static void
test_stream(void **state)
{
	struct world w;
	struct result r, s, single;
	(void)state;
	start(&w);
	struct dns_exchange_opts o = opts_to(w.port, true);
	o.stream = true;
	o.peer.key = &key;
	for (int i = 0; i < 3; i++) {
		begin(&w, &r, &o, DNS_QUERY, "xfr");
		r.ends_itself = true;
		r.pauses = i == 1;
		spin_count_until(w.loop, &r.ok, 1);
		if (i == 1) {
			spin_turns(w.loop, 10);
			assert_int_equal(r.ok, 1); /* paused */
			/* and no time counts */
			spin_clock(w.loop, &w.offset, 9);
			spin_turns(w.loop, 5);
			assert_int_equal(r.calls, 1);
			assert_int_equal(dns_exchange_tsig(r.x)->mac_len, 32);
			dns_exchange_resume(r.x);
		}
		spin_count_until(w.loop, &r.ok, XFR_MESSAGES);
		assert_int_equal(get_be16(r.first + 6), 0);
		assert_null(r.x);
	}
	assert_int_equal(open_conns(&w), 1); /* the same each time */
	/* given up half-way, with nothing else on the connection */
	begin(&w, &r, &o, DNS_QUERY, "xfr");
	r.pauses = true;
	spin_count_until(w.loop, &r.ok, 1);
	dns_exchange_end(r.x, false);
	assert_int_equal(open_conns(&w), 0);
	assert_int_equal(r.calls, 1);
	/* given up half-way, with others on it */
	dns_client_free(w.client);
	struct dns_client_opts copts = {.max_conns = 1};
	assert_int_equal(dns_client_new(w.loop, &copts, &w.client), E_OK);
	o.peer.key = NULL;
	begin(&w, &r, &o, DNS_QUERY, "xfr");
	begin(&w, &s, &o, DNS_QUERY, "xfr");
	s.ends_itself = true;
	struct dns_exchange_opts so = opts_to(w.port, true);
	begin(&w, &single, &so, DNS_QUERY, "echo");
	r.pauses = true;
	spin_count_until(w.loop, &r.ok, 1);
	assert_int_equal(open_conns(&w), 1);
	dns_exchange_end(r.x, false);
	spin_count_until(w.loop, &s.ok, XFR_MESSAGES);
	assert_int_equal(wait_end(&w, &single), E_OK);
	assert_int_equal(s.calls, XFR_MESSAGES);
	assert_int_equal(r.calls, 1);
	/* it is not used any more, others are */
	assert_int_equal(open_conns(&w), 0);
	assert_int_equal(ask(&w, &so, "echo"), E_OK);
	stop(&w);
}

static void
test_cancel(void **state)
{
	struct world w;
	struct result a, b, c;
	(void)state;
	for (int tcp = 0; tcp < 2; tcp++) {
		start(&w);
		struct dns_exchange_opts o = opts_to(w.port, tcp);
		/* not yet begun */
		begin(&w, &a, &o, DNS_QUERY, "echo");
		dns_exchange_end(a.x, false);
		/* another one, from within */
		begin(&w, &b, &o, DNS_QUERY, "hang");
		spin_count_until(w.loop, &w.nkept, 1);
		begin(&w, &c, &o, DNS_QUERY, "echo");
		c.cancels = &b.x;
		assert_int_equal(wait_end(&w, &c), E_OK);
		/* itself, in its last call */
		begin(&w, &c, &o, DNS_QUERY, "echo");
		c.cancels = &c.x;
		c.x = c.x;
		spin_count_until(w.loop, &c.calls, 1);
		assert_int_equal(ask(&w, &o, "echo"), E_OK);
		/* all of them, from within */
		begin(&w, &a, &o, DNS_QUERY, "hang");
		begin(&w, &b, &o, DNS_QUERY, "echo");
		b.frees_client = true;
		begin(&w, &c, &o, DNS_QUERY, "echo");
		spin_count_until(w.loop, &a.calls, 1);
		assert_int_equal(a.err, E_CANCEL);
		assert_int_equal(b.err, E_OK);
		assert_int_equal(b.calls + c.calls, 2);
		stop(&w);
	}
}

static void
test_free_in_stream(void **state)
{
	struct world w;
	struct result a, b;
	(void)state;
	start(&w);
	struct dns_exchange_opts o = opts_to(w.port, true);
	o.stream = true;
	begin(&w, &a, &o, DNS_QUERY, "xfr");
	a.frees_client = true;
	begin(&w, &b, &o, DNS_QUERY, "hang");
	spin_count_until(w.loop, &b.calls, 1);
	assert_int_equal(a.calls, 2); /* a message, then the end */
	assert_int_equal(a.err, E_CANCEL);
	assert_int_equal(b.err, E_CANCEL);
	spin_turns(w.loop, 3);
	stop(&w);
}

/* -- TLS ------------------------------------------------------------------- */

/* A key and a certificate signed by itself, in files of a new folder. */
struct tls_files {
	char dir[32], cert[48], key[48];
};

static void
save(const char *path, const gnutls_datum_t *pem)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, pem->data, pem->size), pem->size);
	close(fd);
}

static void
make_tls_files(struct tls_files *f)
{
	gnutls_x509_privkey_t pkey;
	gnutls_x509_crt_t crt;
	gnutls_datum_t pem;
	strcpy(f->dir, "/tmp/dns_client.XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	snprintf(f->cert, sizeof(f->cert), "%s/cert", f->dir);
	snprintf(f->key, sizeof(f->key), "%s/key", f->dir);
	assert_int_equal(gnutls_x509_privkey_init(&pkey), 0);
	assert_int_equal(gnutls_x509_privkey_generate(pkey,
	    GNUTLS_PK_EDDSA_ED25519, 0, 0), 0);
	assert_int_equal(gnutls_x509_crt_init(&crt), 0);
	assert_int_equal(gnutls_x509_crt_set_version(crt, 3), 0);
	assert_int_equal(gnutls_x509_crt_set_serial(crt, "1", 1), 0);
	assert_int_equal(gnutls_x509_crt_set_key(crt, pkey), 0);
	assert_int_equal(gnutls_x509_crt_set_activation_time(crt,
	    time(NULL) - 86400), 0);
	assert_int_equal(gnutls_x509_crt_set_expiration_time(crt,
	    time(NULL) + 86400), 0);
	assert_int_equal(gnutls_x509_crt_sign2(crt, crt, pkey,
	    GNUTLS_DIG_UNKNOWN, 0), 0);
	assert_int_equal(gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_PEM,
	    &pem), 0);
	save(f->cert, &pem);
	gnutls_free(pem.data);
	assert_int_equal(gnutls_x509_privkey_export2_pkcs8(pkey,
	    GNUTLS_X509_FMT_PEM, NULL, 0, &pem), 0);
	save(f->key, &pem);
	gnutls_free(pem.data);
	gnutls_x509_crt_deinit(crt);
	gnutls_x509_privkey_deinit(pkey);
}

static struct tls_ctx *
make_ctx(const struct tls_files *f, bool is_server,
    const uint8_t (*pins)[TLS_PIN_LEN])
{
	struct tls_conf conf = {
		.is_server = is_server,
		.cert_file = f->cert,
		.key_file = f->key,
		.pins = pins,
		.npins = pins == NULL ? 0 : 1,
	};
	struct tls_ctx *ctx;
	char why[256] = "";
	int r = tls_ctx_new(&conf, &ctx, why, sizeof(why));
	assert_string_equal(why, "");
	assert_int_equal(r, E_OK);
	return ctx;
}

static void
test_tls(void **state)
{
	struct world w;
	struct result r;
	struct tls_files f;
	uint8_t pin[1][TLS_PIN_LEN];
	struct net_addr at = loopback(0);
	uint16_t port;
	(void)state;
	start(&w);
	make_tls_files(&f);
	struct tls_ctx *server = make_ctx(&f, true, NULL);
	memcpy(pin[0], tls_ctx_own_pin(server), TLS_PIN_LEN);
	struct tls_ctx *right = make_ctx(&f, false,
	    (const uint8_t(*)[TLS_PIN_LEN])pin);
	pin[0][0] ^= 1;
	struct tls_ctx *wrong = make_ctx(&f, false,
	    (const uint8_t(*)[TLS_PIN_LEN])pin);
	assert_int_equal(dns_server_listen(w.server, &at, server, &port),
	    E_OK);
	at = loopback(port);
	tls_ctx_unref(server);
	server = make_ctx(&f, true, NULL);
	assert_int_equal(dns_server_set_tls(w.server, &at, server), E_OK);
	tls_ctx_unref(server);
	struct dns_exchange_opts o = opts_to(port, false);
	o.peer.tls = wrong;
	assert_int_equal(ask(&w, &o, "echo"), E_TLS);
	o.peer.tls = right;
	o.peer.server_name = "dns.test";
	o.peer.key = &key;
	assert_int_equal(ask(&w, &o, "echo"), E_OK);
	o.stream = true;
	begin(&w, &r, &o, DNS_QUERY, "xfr");
	r.ends_itself = true;
	r.pauses = true;
	spin_count_until(w.loop, &r.ok, 1);
	spin_turns(w.loop, 5);
	assert_int_equal(r.ok, 1);
	dns_exchange_resume(r.x);
	spin_count_until(w.loop, &r.ok, XFR_MESSAGES);
	assert_int_equal(w.requests[DNS_TLS], 2);
	assert_int_equal(open_conns(&w), 1);
	/* in the clear to a TLS port, and the other way round */
	o = opts_to(port, true);
	assert_int_not_equal(ask(&w, &o, "echo"), E_OK);
	o = opts_to(w.port, false);
	o.peer.tls = right;
	begin(&w, &r, &o, DNS_QUERY, "echo");
	spin_turns(w.loop, 5); /* a ClientHello looks like a long message */
	spin_clock(w.loop, &w.offset, 6);
	assert_int_equal(wait_end(&w, &r), E_TIMEOUT);
	tls_ctx_unref(right);
	tls_ctx_unref(wrong);
	unlink(f.cert);
	unlink(f.key);
	rmdir(f.dir);
	stop(&w);
}

/* -- servers that misbehave ------------------------------------------------ */

static void
test_udp_forged(void **state)
{
	struct world w;
	struct result r;
	uint8_t q[512], a[512];
	uint16_t port = 0;
	struct sockaddr_in from;
	(void)state;
	start(&w);
	int fd = raw_bind(SOCK_DGRAM, &port);
	struct dns_exchange_opts o = opts_to(port, false);
	begin(&w, &r, &o, DNS_UPDATE, "guess");
	spin_turns(w.loop, 5);
	socklen_t flen = sizeof(from);
	ssize_t n = recvfrom(fd, q, sizeof(q), 0, (struct sockaddr *)&from,
	    &flen);
	assert_true(n > 12);
	size_t len = (size_t)n;
	for (int i = 0; i < 7; i++) {
		size_t alen = make_answer(a, q, len, 0);
		switch (i) {
		case 0: a[0] ^= 1; break;            /* id */
		case 1: a[2] &= 0x7f; break;         /* not an answer */
		case 2: a[2] ^= 0x08; break;         /* opcode */
		case 3: a[14] ^= 1; break;           /* name */
		case 4: a[len - 3] ^= 1; break;      /* type */
		case 5: a[5] = 0; alen = 12; break;  /* no question, no error */
		case 6: alen = 11; break;
		default: break;
		}
		assert_int_equal(sendto(fd, a, alen, 0,
		    (struct sockaddr *)&from, flen), (ssize_t)alen);
	}
	spin_turns(w.loop, 5);
	assert_int_equal(r.calls, 0);
	/* an error without question is believed of an UPDATE */
	make_answer(a, q, len, DNS_REFUSED);
	a[5] = 0;
	(void)sendto(fd, a, 12, 0, (struct sockaddr *)&from, flen);
	assert_int_equal(wait_end(&w, &r), E_OK);
	assert_int_equal(r.len, 12);
	close(fd);
	stop(&w);
}

/* Sends the same octets from the same port until it has an answer. */
static void
test_udp_retry(void **state)
{
	struct world w;
	struct result r;
	uint8_t q[512], again[512], a[512];
	uint16_t port = 0;
	struct sockaddr_in from, from2;
	socklen_t flen = sizeof(from);
	(void)state;
	start(&w);
	int fd = raw_bind(SOCK_DGRAM, &port);
	struct dns_exchange_opts o = opts_to(port, false);
	o.tries = 2;
	o.peer.key = &key;
	begin(&w, &r, &o, DNS_QUERY, "retry");
	spin_turns(w.loop, 5);
	ssize_t n = recvfrom(fd, q, sizeof(q), 0, (struct sockaddr *)&from,
	    &flen);
	assert_true(n > 12);
	spin_clock(w.loop, &w.offset, 6);
	assert_int_equal(recvfrom(fd, again, sizeof(again), 0,
	    (struct sockaddr *)&from2, &flen), n);
	assert_memory_equal(q, again, (size_t)n);
	assert_int_equal(from.sin_port, from2.sin_port);
	/* forged, then right */
	struct tsig_state st;
	struct tsig_rr rr;
	const struct tsig_key *keys = &key;
	size_t len = (size_t)n;
	int64_t now = loop_wall_sec(w.loop);
	assert_int_equal(tsig_check_request(q, &len, &keys, 1, now, &st, &rr),
	    E_OK);
	size_t alen = make_answer(a, q, len, 0);
	(void)sendto(fd, a, alen, 0, (struct sockaddr *)&from, flen);
	spin_turns(w.loop, 5);
	assert_int_equal(r.calls, 0);
	assert_int_equal(tsig_sign_answer(a, &alen, sizeof(a), &st, now, 0),
	    E_OK);
	(void)sendto(fd, a, alen, 0, (struct sockaddr *)&from, flen);
	assert_int_equal(wait_end(&w, &r), E_OK);
	assert_int_equal(r.len, len);
	close(fd);
	stop(&w);
}

static void
test_tcp_garbage(void **state)
{
	static const struct {
		const char *what;
		int want;
	} rows[] = {
		{"short", E_PROTO}, {"query", E_PROTO}, {"question", E_PROTO},
		{"opcode", E_PROTO}, {"close", E_CLOSED}, {"cut", E_CLOSED},
		{"unknown", E_OK}, {"noquestion", E_OK},
	};
	struct world w;
	struct result r;
	uint8_t q[65535], a[512];
	uint16_t port = 0;
	(void)state;
	start(&w);
	int listener = raw_bind(SOCK_STREAM, &port);
	struct dns_exchange_opts o = opts_to(port, true);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		begin(&w, &r, &o, DNS_QUERY, rows[i].what);
		int fd = raw_accept(w.loop, listener);
		size_t len = raw_read_framed(w.loop, fd, q);
		assert_true(len > 12);
		make_answer(a, q, len, 0);
		switch (i) {
		case 0:
			raw_send_framed(fd, a, 11);
			break;
		case 1:
			raw_send_framed(fd, q, len);
			break;
		case 2:
			a[len - 3] ^= 1;
			raw_send_framed(fd, a, len);
			break;
		case 3:
			a[2] ^= 0x20;
			raw_send_framed(fd, a, len);
			break;
		case 4:
			break;
		case 5:
			raw_send(fd, "\0\x20\1\1", 4);
			break;
		case 6:
			a[0] ^= 1;
			raw_send_framed(fd, a, len);
			a[0] ^= 1;
			raw_send_framed(fd, a, len);
			break;
		case 7:
			make_answer(a, q, len, DNS_FORMERR);
			a[5] = 0;
			raw_send_framed(fd, a, 12);
			break;
		default:
			break;
		}
		if (i == 4 || i == 5) {
			assert_int_equal(shutdown(fd, SHUT_WR), 0);
		}
		assert_int_equal(wait_end(&w, &r), rows[i].want);
		close(fd);
		spin_turns(w.loop, 5);
	}
	close(listener);
	stop(&w);
}

static void
answer_one(struct world *w, int fd)
{
	uint8_t q[65535], a[512];
	size_t len = raw_read_framed(w->loop, fd, q);
	assert_true(len > 12);
	raw_send_framed(fd, a, make_answer(a, q, len, 0));
}

/* A kept connection that the server closes as we ask on it. */
static void
test_reconnect(void **state)
{
	struct world w;
	struct result r;
	uint8_t q[65535];
	uint16_t port = 0;
	(void)state;
	start(&w);
	int listener = raw_bind(SOCK_STREAM, &port);
	struct dns_exchange_opts o = opts_to(port, true);
	begin(&w, &r, &o, DNS_QUERY, "one");
	int fd = raw_accept(w.loop, listener);
	answer_one(&w, fd);
	assert_int_equal(wait_end(&w, &r), E_OK);
	begin(&w, &r, &o, DNS_QUERY, "two");
	assert_true(raw_read_framed(w.loop, fd, q) > 12);
	close(fd); /* without a word */
	fd = raw_accept(w.loop, listener);
	answer_one(&w, fd);
	assert_int_equal(wait_end(&w, &r), E_OK);
	/* twice: told */
	begin(&w, &r, &o, DNS_QUERY, "three");
	assert_true(raw_read_framed(w.loop, fd, q) > 12);
	close(fd);
	fd = raw_accept(w.loop, listener);
	assert_true(raw_read_framed(w.loop, fd, q) > 12);
	close(fd);
	assert_int_equal(wait_end(&w, &r), E_CLOSED);
	/* closes after each answer, with several asked at once */
	struct result many[5];
	for (int i = 0; i < 5; i++) {
		begin(&w, &many[i], &o, DNS_QUERY, "each");
	}
	for (int i = 0; i < 5; i++) {
		fd = raw_accept(w.loop, listener);
		answer_one(&w, fd);
		struct linger hard = {0, 0};
		(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard,
		    sizeof(hard));
		assert_int_equal(shutdown(fd, SHUT_WR), 0);
		spin_count_until(w.loop, &w.calls, w.calls + 1);
		close(fd);
	}
	for (int i = 0; i < 5; i++) {
		assert_int_equal(many[i].err, E_OK);
	}
	close(listener);
	stop(&w);
}

/* Octets that trickle are progress, but not for ever. */
static void
test_trickle(void **state)
{
	struct world w;
	struct result r;
	uint8_t q[65535], a[512];
	uint16_t port = 0;
	(void)state;
	start(&w);
	int listener = raw_bind(SOCK_STREAM, &port);
	struct dns_exchange_opts o = opts_to(port, true);
	begin(&w, &r, &o, DNS_QUERY, "trickle");
	int fd = raw_accept(w.loop, listener);
	size_t len = raw_read_framed(w.loop, fd, q);
	make_answer(a, q, len, 0);
	uint8_t prefix[2] = {0, (uint8_t)len};
	raw_send(fd, prefix, 2);
	raw_send(fd, a, 2);
	spin_turns(w.loop, 3);
	unsigned rounds = 0;
	while (r.calls == 0 && rounds < 20) {
		raw_send(fd, a + 2 + rounds, 1);
		spin_turns(w.loop, 3);
		spin_clock(w.loop, &w.offset, 4);
		rounds++;
	}
	assert_int_equal(r.err, E_TIMEOUT);
	assert_true(rounds >= 9 && rounds <= 11); /* 8 * 5 s */
	close(fd);
	close(listener);
	stop(&w);
}

static void
test_connect_timeout(void **state)
{
	struct dns_client_opts copts = {.max_conns = 1};
	struct world w;
	struct result r;
	uint16_t port = 0;
	int fill[16], n = 0;
	(void)state;
	start_opts(&w, &copts);
	/* a listener whose queue is full does not complete connections */
	int listener = raw_bind(SOCK_STREAM, &port);
	assert_int_equal(listen(listener, 0), 0);
	for (; n < 4; n++) {
		struct net_addr a = loopback(port);
		fill[n] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		(void)connect(fill[n], &a.u.sa, net_addr_len(&a));
	}
	struct dns_exchange_opts o = opts_to(port, true);
	begin(&w, &r, &o, DNS_QUERY, "connect");
	spin_turns(w.loop, 5);
	spin_clock(w.loop, &w.offset, 6);
	assert_int_equal(wait_end(&w, &r), E_TIMEOUT);
	while (n > 0) {
		close(fill[--n]);
	}
	close(listener);
	stop(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_bad_request),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_tsig),
		cmocka_unit_test(test_timeouts),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_queued_no_time),
		cmocka_unit_test(test_stream),
		cmocka_unit_test(test_cancel),
		cmocka_unit_test(test_free_in_stream),
		cmocka_unit_test(test_tls),
		cmocka_unit_test(test_udp_forged),
		cmocka_unit_test(test_udp_retry),
		cmocka_unit_test(test_tcp_garbage),
		cmocka_unit_test(test_reconnect),
		cmocka_unit_test(test_trickle),
		cmocka_unit_test(test_connect_timeout),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
