/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Two ends over memory: ours against ours, and ours against bare GnuTLS where
 * the peer has to do what ours never would.  Keys are made at run time.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

#include "common/errcode.h"
#include "common/tls.h"

#define PIPE_MAX (1u << 20)

static char dir[] = "/tmp/tls_test.XXXXXX";

/* -- certificates ---------------------------------------------------------- */

struct id { /* a key with its certificate, in memory and in files */
	gnutls_x509_privkey_t key;
	gnutls_x509_crt_t crt;
	char cert_file[64], key_file[64];
};

static struct id ca, other_ca, server_id, client_id, ed_id, expired_id,
    wrong_use_id;

static void
save(const char *path, const gnutls_datum_t *pem)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(pem->data, 1, pem->size, f), pem->size);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(path, 0600), 0);
}

struct want {
	const char *name;
	const char *dns_name;
	const char *use;
	const struct id *issuer; /* NULL: itself */
	gnutls_pk_algorithm_t algorithm;
	int days;
};

static void
make_id(struct id *id, const struct want *w)
{
	static unsigned char serial;
	gnutls_datum_t pem;
	time_t now = time(NULL);

	serial++;
	assert_int_equal(gnutls_x509_privkey_init(&id->key), 0);
	assert_int_equal(gnutls_x509_privkey_generate(id->key, w->algorithm,
	    w->algorithm == GNUTLS_PK_ECDSA ?
	    GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1) : 0, 0), 0);
	assert_int_equal(gnutls_x509_crt_init(&id->crt), 0);
	assert_int_equal(gnutls_x509_crt_set_version(id->crt, 3), 0);
	assert_int_equal(gnutls_x509_crt_set_serial(id->crt, &serial, 1), 0);
	assert_int_equal(gnutls_x509_crt_set_dn_by_oid(id->crt,
	    GNUTLS_OID_X520_COMMON_NAME, 0, w->name,
	    (unsigned)strlen(w->name)), 0);
	assert_int_equal(gnutls_x509_crt_set_key(id->crt, id->key), 0);
	assert_int_equal(gnutls_x509_crt_set_activation_time(id->crt,
	    now - 20 * 86400), 0);
	assert_int_equal(gnutls_x509_crt_set_expiration_time(id->crt,
	    now + w->days * 86400), 0);
	if (w->dns_name != NULL) {
		assert_int_equal(gnutls_x509_crt_set_subject_alt_name(id->crt,
		    GNUTLS_SAN_DNSNAME, w->dns_name,
		    (unsigned)strlen(w->dns_name), 0), 0);
	} else {
		assert_int_equal(gnutls_x509_crt_set_basic_constraints(
		    id->crt, 1, -1), 0);
		assert_int_equal(gnutls_x509_crt_set_key_usage(id->crt,
		    GNUTLS_KEY_KEY_CERT_SIGN | GNUTLS_KEY_DIGITAL_SIGNATURE),
		    0);
	}
	if (w->use != NULL) {
		assert_int_equal(gnutls_x509_crt_set_key_purpose_oid(id->crt,
		    w->use, 0), 0);
	}
	const struct id *by = w->issuer != NULL ? w->issuer : id;
	assert_int_equal(gnutls_x509_crt_sign2(id->crt, by->crt, by->key,
	    GNUTLS_DIG_SHA256, 0), 0);
	(void)snprintf(id->cert_file, sizeof(id->cert_file), "%s/%s.crt", dir,
	    w->name);
	(void)snprintf(id->key_file, sizeof(id->key_file), "%s/%s.key", dir,
	    w->name);
	assert_int_equal(gnutls_x509_crt_export2(id->crt, GNUTLS_X509_FMT_PEM,
	    &pem), 0);
	save(id->cert_file, &pem);
	gnutls_free(pem.data);
	assert_int_equal(gnutls_x509_privkey_export2_pkcs8(id->key,
	    GNUTLS_X509_FMT_PEM, NULL, GNUTLS_PKCS_PLAIN, &pem), 0);
	save(id->key_file, &pem);
	gnutls_free(pem.data);
}

static const struct {
	struct id *id;
	struct want want;
} ids[] = {
	{&ca, {"ca", NULL, NULL, NULL, GNUTLS_PK_ECDSA, 9}},
	{&other_ca, {"otherca", NULL, NULL, NULL, GNUTLS_PK_ECDSA, 9}},
	{&server_id, {"server", "ns.example", GNUTLS_KP_TLS_WWW_SERVER, &ca,
	    GNUTLS_PK_ECDSA, 9}},
	{&client_id, {"client", "client.example", NULL, &ca, GNUTLS_PK_ECDSA,
	    9}},
	{&ed_id, {"ed", "ed.example", NULL, &other_ca,
	    GNUTLS_PK_EDDSA_ED25519, 9}},
	{&expired_id, {"expired", "ns.example", NULL, &ca, GNUTLS_PK_ECDSA,
	    -9}},
	{&wrong_use_id, {"wronguse", "ns.example", GNUTLS_KP_TLS_WWW_CLIENT,
	    &ca, GNUTLS_PK_ECDSA, 9}},
};
#define NIDS (sizeof(ids) / sizeof(ids[0]))

static int
make_ids(void **state)
{
	(void)state;
	assert_non_null(mkdtemp(dir));
	for (size_t i = 0; i < NIDS; i++) {
		make_id(ids[i].id, &ids[i].want);
	}
	return 0;
}

static int
remove_ids(void **state)
{
	(void)state;
	for (size_t i = 0; i < NIDS; i++) {
		gnutls_x509_crt_deinit(ids[i].id->crt);
		gnutls_x509_privkey_deinit(ids[i].id->key);
		(void)unlink(ids[i].id->cert_file);
		(void)unlink(ids[i].id->key_file);
	}
	return rmdir(dir);
}

/* -- ends ------------------------------------------------------------------ */

struct pipe { /* octets on their way */
	uint8_t data[PIPE_MAX];
	size_t len;
	int err; /* what the push function shall say */
};

static ssize_t
on_push(void *arg, const void *data, size_t len)
{
	struct pipe *p = arg;

	if (p->err != E_OK) {
		return p->err;
	}
	assert_true(len <= PIPE_MAX - p->len);
	memcpy(p->data + p->len, data, len);
	p->len += len;
	return (ssize_t)len;
}

static struct pipe to_server, to_client;
static uint8_t pin_of[NIDS][TLS_PIN_LEN];

static struct tls_ctx *
new_ctx(const struct tls_conf *conf)
{
	char msg[256] = "";
	struct tls_ctx *ctx = NULL;
	int r = tls_ctx_new(conf, &ctx, msg, sizeof(msg));

	if (r != E_OK) {
		fail_msg("tls_ctx_new: %d %s", r, msg);
	}
	return ctx;
}

/* Pin of an id; the index in ids is found by pointer. */
static const uint8_t (*
pin(const struct id *id))[TLS_PIN_LEN]
{
	for (size_t i = 0; i < NIDS; i++) {
		if (ids[i].id == id) {
			struct tls_ctx *ctx = new_ctx(&(struct tls_conf){
			    .is_server = true, .cert_file = id->cert_file,
			    .key_file = id->key_file});
			memcpy(pin_of[i], tls_ctx_own_pin(ctx), TLS_PIN_LEN);
			tls_ctx_unref(ctx);
			return (const uint8_t (*)[TLS_PIN_LEN])&pin_of[i];
		}
	}
	fail();
	return NULL;
}

struct setup {
	const struct id *server, *client;   /* certificates shown */
	const struct id *pin_server, *pin_client;
	const struct id *ca_server, *ca_client; /* who checks whom by */
	const char *name; /* that the client wants */
	bool need_cert;
};

struct ends {
	struct tls_session *client, *server;
};

static void
open_ends(struct ends *e, const struct setup *t)
{
	struct tls_conf s = {.is_server = true, .need_peer_cert = t->need_cert};
	struct tls_conf c = {.is_server = false};

	s.cert_file = t->server->cert_file;
	s.key_file = t->server->key_file;
	if (t->client != NULL) {
		c.cert_file = t->client->cert_file;
		c.key_file = t->client->key_file;
	}
	if (t->pin_client != NULL) {
		s.pins = pin(t->pin_client);
		s.npins = 1;
	}
	if (t->pin_server != NULL) {
		c.pins = pin(t->pin_server);
		c.npins = 1;
	}
	s.ca_file = t->ca_client != NULL ? t->ca_client->cert_file : NULL;
	c.ca_file = t->ca_server != NULL ? t->ca_server->cert_file : NULL;
	struct tls_ctx *sc = new_ctx(&s), *cc = new_ctx(&c);
	memset(&to_server, 0, sizeof(to_server));
	memset(&to_client, 0, sizeof(to_client));
	assert_int_equal(tls_session_new(cc, t->name, on_push, &to_server,
	    &e->client), E_OK);
	assert_int_equal(tls_session_new(sc, NULL, on_push, &to_client,
	    &e->server), E_OK);
	/* the sessions hold their own reference */
	tls_ctx_unref(sc);
	tls_ctx_unref(cc);
}

static void
close_ends(struct ends *e)
{
	tls_session_free(e->client);
	tls_session_free(e->server);
}

/* Hands over what waits in the pipe, in steps of at most `step` octets. */
static void
deliver(struct pipe *p, struct tls_session *s, size_t step)
{
	size_t n = p->len < step ? p->len : step;

	assert_int_equal(tls_session_feed(s, p->data, n), E_OK);
	memmove(p->data, p->data + n, p->len - n);
	p->len -= n;
}

/* Runs both handshakes to their end. */
static void
shake(struct ends *e, size_t step, int *client, int *server)
{
	*client = *server = E_AGAIN;
	for (int i = 0; i < 100000; i++) {
		if (*client == E_AGAIN) {
			*client = tls_session_handshake(e->client);
		}
		deliver(&to_server, e->server, step);
		if (*server == E_AGAIN) {
			*server = tls_session_handshake(e->server);
		}
		deliver(&to_client, e->client, step);
		if ((*client != E_AGAIN && *server != E_AGAIN) ||
		    (*client != E_AGAIN && *client != E_OK &&
		    to_server.len == 0)) {
			break;
		}
	}
	if (*server == E_AGAIN) {
		*server = tls_session_handshake(e->server);
	}
}

/* Sends text each way. */
static void
talk(struct ends *e)
{
	char got[32];

	assert_int_equal(tls_session_write(e->client, "question", 8), E_OK);
	deliver(&to_server, e->server, SIZE_MAX);
	assert_int_equal(tls_session_read(e->server, got, sizeof(got)), 8);
	assert_memory_equal(got, "question", 8);
	assert_int_equal(tls_session_read(e->server, got, sizeof(got)),
	    E_AGAIN);
	assert_int_equal(tls_session_write(e->server, "answer", 6), E_OK);
	deliver(&to_client, e->client, SIZE_MAX);
	assert_int_equal(tls_session_read(e->client, got, sizeof(got)), 6);
	assert_memory_equal(got, "answer", 6);
}

/* -- who is let in --------------------------------------------------------- */

enum outcome {
	GOOD,
	CLIENT_REFUSES, /* in the handshake */
	SERVER_REFUSES, /* the client is told when it reads */
};

static const struct {
	const char *what;
	struct setup setup;
	enum outcome want;
	const char *error; /* part of the refuser's reason */
} peers[] = {
	{"mutual pins",
	    {.server = &server_id, .client = &client_id, .pin_server =
	    &server_id, .pin_client = &client_id, .need_cert = true},
	    GOOD, NULL},
	{"pins count, dates and CA do not",
	    {.server = &expired_id, .client = &ed_id, .pin_server =
	    &expired_id, .pin_client = &ed_id, .ca_server = &other_ca,
	    .ca_client = &ca, .need_cert = true, .name = "else.example"},
	    GOOD, NULL},
	{"any certificate",
	    {.server = &ed_id, .client = &client_id, .pin_server = &ed_id},
	    GOOD, NULL},
	{"no certificate needed",
	    {.server = &server_id, .pin_server = &server_id, .pin_client =
	    &client_id}, GOOD, NULL},
	{"wrong key of the server",
	    {.server = &ed_id, .client = &client_id, .pin_server =
	    &server_id, .pin_client = &client_id, .need_cert = true},
	    CLIENT_REFUSES, "not pinned: sha256//"},
	{"right CA, wrong pin",
	    {.server = &server_id, .pin_server = &client_id, .ca_server = &ca,
	    .name = "ns.example"}, CLIENT_REFUSES, "not pinned"},
	{"wrong key of the client",
	    {.server = &server_id, .client = &ed_id, .pin_server =
	    &server_id, .pin_client = &client_id}, SERVER_REFUSES,
	    "not pinned"},
	{"certificate missing",
	    {.server = &server_id, .pin_server = &server_id, .pin_client =
	    &client_id, .need_cert = true}, SERVER_REFUSES, "ertificate"},
	{"CA and name",
	    {.server = &server_id, .ca_server = &ca, .name = "ns.example"},
	    GOOD, NULL},
	{"CA and name with dot, in capitals",
	    {.server = &server_id, .ca_server = &ca, .name = "NS.example."},
	    GOOD, NULL},
	{"CA of both",
	    {.server = &server_id, .client = &client_id, .ca_server = &ca,
	    .ca_client = &ca, .name = "ns.example", .need_cert = true},
	    GOOD, NULL},
	{"CA, other name",
	    {.server = &server_id, .ca_server = &ca, .name = "no.example"},
	    CLIENT_REFUSES, "name"},
	{"CA, an address",
	    {.server = &server_id, .ca_server = &ca, .name = "192.0.2.1"},
	    CLIENT_REFUSES, "name"},
	{"other CA",
	    {.server = &server_id, .ca_server = &other_ca, .name =
	    "ns.example"}, CLIENT_REFUSES, "certificate of the peer refused"},
	{"CA, expired",
	    {.server = &expired_id, .ca_server = &ca, .name = "ns.example"},
	    CLIENT_REFUSES, "expired"},
	{"CA, a client's certificate for a server",
	    {.server = &wrong_use_id, .ca_server = &ca, .name = "ns.example"},
	    CLIENT_REFUSES, "certificate of the peer refused"},
	{"client of another CA",
	    {.server = &server_id, .client = &ed_id, .pin_server =
	    &server_id, .ca_client = &ca}, SERVER_REFUSES,
	    "certificate of the peer refused"},
	{"a server's certificate for a client",
	    {.server = &server_id, .client = &server_id, .pin_server =
	    &server_id, .ca_client = &ca}, SERVER_REFUSES,
	    "certificate of the peer refused"},
	{"client of the CA missing",
	    {.server = &server_id, .pin_server = &server_id, .ca_client =
	    &ca, .need_cert = true}, SERVER_REFUSES, "ertificate"},
};

static void
test_peers(void **state)
{
	char c;

	(void)state;
	for (size_t i = 0; i < sizeof(peers) / sizeof(peers[0]); i++) {
		const struct setup *t = &peers[i].setup;
		struct ends e;
		int client, server;
		open_ends(&e, t);
		shake(&e, SIZE_MAX, &client, &server);
		const char *reason = tls_session_error(
		    peers[i].want == CLIENT_REFUSES ? e.client : e.server);
		bool ok = true;
		switch (peers[i].want) {
		case GOOD:
			ok = client == E_OK && server == E_OK;
			break;
		case CLIENT_REFUSES:
			ok = client == E_TLS && server == E_TLS &&
			    strstr(tls_session_error(e.server),
			    "peer refused") != NULL;
			break;
		case SERVER_REFUSES:
			ok = client == E_OK && server == E_TLS &&
			    tls_session_read(e.client, &c, 1) == E_TLS &&
			    strstr(tls_session_error(e.client),
			    "peer refused") != NULL;
			break;
		}
		if (!ok || (peers[i].error != NULL &&
		    strstr(reason, peers[i].error) == NULL)) {
			fail_msg("%s: client %d %s, server %d %s",
			    peers[i].what, client,
			    tls_session_error(e.client), server,
			    tls_session_error(e.server));
		}
		if (peers[i].want == GOOD) {
			talk(&e);
			assert_memory_equal(tls_session_peer_pin(e.client),
			    pin(t->server), TLS_PIN_LEN);
			if (t->client != NULL) {
				assert_memory_equal(
				    tls_session_peer_pin(e.server),
				    pin(t->client), TLS_PIN_LEN);
			} else {
				assert_null(tls_session_peer_pin(e.server));
			}
		}
		close_ends(&e);
	}
}

/* -- moving octets --------------------------------------------------------- */

static const struct setup good = {
	.server = &server_id, .client = &client_id, .pin_server = &server_id,
	.pin_client = &client_id, .need_cert = true,
};

static void
test_octet_by_octet(void **state)
{
	struct ends e;
	int client, server;
	uint8_t c = 0;

	(void)state;
	open_ends(&e, &good);
	shake(&e, 1, &client, &server);
	assert_int_equal(client, E_OK);
	assert_int_equal(server, E_OK);
	assert_int_equal(tls_session_handshake(e.client), E_OK);
	assert_int_equal(tls_session_write(e.client, "ab", 2), E_OK);
	while (to_server.len > 1) {
		deliver(&to_server, e.server, 1);
		assert_int_equal(tls_session_read(e.server, &c, 1), E_AGAIN);
	}
	deliver(&to_server, e.server, 1);
	assert_int_equal(tls_session_read(e.server, &c, 1), 1);
	assert_int_equal(c, 'a');
	assert_int_equal(tls_session_read(e.server, &c, 1), 1);
	assert_int_equal(c, 'b');
	close_ends(&e);
}

static void
test_bulk(void **state)
{
	const size_t total = 300000;
	uint8_t *sent = malloc(total), *got = malloc(total + 1);
	struct ends e;
	int client, server;
	size_t n = 0;

	(void)state;
	assert_non_null(sent);
	assert_non_null(got);
	for (size_t i = 0; i < total; i++) {
		sent[i] = (uint8_t)(i * 31 + (i >> 9));
	}
	open_ends(&e, &good);
	shake(&e, SIZE_MAX, &client, &server);
	assert_int_equal(server, E_OK);
	/* pieces below, at and above the size of a record */
	static const size_t sizes[] = {
		2, 0, 16382, 16384, 1, 16383, 16385, 65535, 100, 49151, 98304,
	};
	struct iovec iov[12];
	size_t at = 0, count = sizeof(sizes) / sizeof(sizes[0]);
	for (size_t i = 0; i <= count; i++) {
		iov[i].iov_base = sent + at;
		iov[i].iov_len = i < count ? sizes[i] : total - at;
		at += iov[i].iov_len;
	}
	assert_int_equal(at, total);
	assert_int_equal(tls_session_writev(e.server, iov, count + 1), E_OK);
	/* whole records: nothing but the last may be short */
	assert_true(to_client.len <= total + (total / 16384 + 1) * 22);
	while (to_client.len > 0) {
		deliver(&to_client, e.client, 40000);
		ssize_t r;
		while ((r = tls_session_read(e.client, got + n,
		    total + 1 - n)) > 0) {
			n += (size_t)r;
		}
		assert_int_equal(r, E_AGAIN);
	}
	assert_int_equal(n, total);
	assert_memory_equal(sent, got, total);
	close_ends(&e);
	free(sent);
	free(got);
}

static void
test_ends(void **state)
{
	struct ends e;
	int client, server;
	char c;

	(void)state;
	open_ends(&e, &good);
	assert_int_equal(tls_session_read(e.client, &c, 1), E_TLS);
	assert_int_equal(tls_session_write(e.client, "x", 1), E_TLS);
	tls_session_bye(e.client); /* nothing to end */
	assert_int_equal(to_server.len, 0);
	close_ends(&e);

	open_ends(&e, &good);
	assert_string_equal(tls_session_error(e.client), "no error");
	assert_null(tls_session_peer_pin(e.client));
	shake(&e, SIZE_MAX, &client, &server);
	tls_session_bye(e.client);
	deliver(&to_server, e.server, SIZE_MAX);
	assert_int_equal(tls_session_read(e.server, &c, 1), 0);
	assert_int_equal(tls_session_read(e.server, &c, 1), 0);
	close_ends(&e);

	/* an altered record ends the session, for both and for good */
	open_ends(&e, &good);
	shake(&e, SIZE_MAX, &client, &server);
	assert_int_equal(tls_session_write(e.client, "x", 1), E_OK);
	to_server.data[to_server.len - 1] ^= 1;
	deliver(&to_server, e.server, SIZE_MAX);
	assert_int_equal(tls_session_read(e.server, &c, 1), E_TLS);
	assert_int_equal(tls_session_write(e.server, &c, 1), E_TLS);
	assert_int_equal(tls_session_handshake(e.server), E_TLS);
	close_ends(&e);
	tls_session_free(NULL);

	/* no TLS at all */
	open_ends(&e, &good);
	assert_int_equal(tls_session_feed(e.server,
	    "\0\x1d\x12\x34\x01\0\0\x01\0\0\0\0\0\0", 14), E_OK);
	assert_int_equal(tls_session_handshake(e.server), E_TLS);
	close_ends(&e);
}

static void
test_push_fails(void **state)
{
	struct ends e;
	int client, server;

	(void)state;
	open_ends(&e, &good);
	to_server.err = E_LIMIT;
	assert_int_equal(tls_session_handshake(e.client), E_LIMIT);
	close_ends(&e);
	open_ends(&e, &good);
	shake(&e, SIZE_MAX, &client, &server);
	to_server.err = -ECONNRESET;
	assert_int_equal(tls_session_write(e.client, "x", 1), -ECONNRESET);
	assert_non_null(strstr(tls_session_error(e.client), "cannot send"));
	assert_int_equal(tls_session_write(e.client, "x", 1), E_TLS);
	close_ends(&e);
}

static void
test_feed_limit(void **state)
{
	static const uint8_t zeros[65536];
	struct ends e;
	int r = E_OK;
	size_t fed = 0;

	(void)state;
	open_ends(&e, &good);
	while ((r = tls_session_feed(e.server, zeros, sizeof(zeros))) ==
	    E_OK) {
		fed += sizeof(zeros);
		assert_true(fed <= 1u << 20);
	}
	assert_int_equal(r, E_LIMIT);
	assert_int_equal(fed, 1u << 20);
	close_ends(&e);
}

/* -- peers that ours never is ---------------------------------------------- */

struct raw {
	gnutls_session_t tls;
	gnutls_certificate_credentials_t cred;
	struct pipe *in, *out;
};

static ssize_t
raw_pull(gnutls_transport_ptr_t arg, void *data, size_t len)
{
	struct raw *r = arg;
	size_t n = r->in->len < len ? r->in->len : len;

	if (n == 0) {
		gnutls_transport_set_errno(r->tls, EAGAIN);
		return -1;
	}
	memcpy(data, r->in->data, n);
	memmove(r->in->data, r->in->data + n, r->in->len - n);
	r->in->len -= n;
	return (ssize_t)n;
}

static ssize_t
raw_push(gnutls_transport_ptr_t arg, const void *data, size_t len)
{
	struct raw *r = arg;

	return on_push(r->out, data, len);
}

static void
open_raw(struct raw *r, bool is_server, const char *priority, const char *alpn)
{
	memset(&to_server, 0, sizeof(to_server));
	memset(&to_client, 0, sizeof(to_client));
	r->in = is_server ? &to_server : &to_client;
	r->out = is_server ? &to_client : &to_server;
	assert_int_equal(gnutls_init(&r->tls, GNUTLS_NONBLOCK |
	    (is_server ? GNUTLS_SERVER : GNUTLS_CLIENT)), 0);
	assert_int_equal(gnutls_certificate_allocate_credentials(&r->cred), 0);
	assert_true(gnutls_certificate_set_x509_key_file2(r->cred,
	    server_id.cert_file, server_id.key_file, GNUTLS_X509_FMT_PEM, NULL,
	    0) >= 0);
	assert_int_equal(gnutls_credentials_set(r->tls,
	    GNUTLS_CRD_CERTIFICATE, r->cred), 0);
	assert_int_equal(gnutls_priority_set_direct(r->tls, priority, NULL),
	    0);
	if (alpn != NULL) {
		char copy[16];
		gnutls_datum_t d = {(unsigned char *)copy,
		    (unsigned)strlen(alpn)};
		memcpy(copy, alpn, d.size);
		assert_int_equal(gnutls_alpn_set_protocols(r->tls, &d, 1, 0),
		    0);
	}
	gnutls_transport_set_ptr(r->tls, r);
	gnutls_transport_set_pull_function(r->tls, raw_pull);
	gnutls_transport_set_push_function(r->tls, raw_push);
}

static void
close_raw(struct raw *r)
{
	gnutls_deinit(r->tls);
	gnutls_certificate_free_credentials(r->cred);
}

/* Our end against a bare one: what ours comes to. */
static int
shake_raw(struct raw *r, struct tls_session *s, bool ours_is_server)
{
	struct pipe *in = ours_is_server ? &to_server : &to_client;
	int ours = E_AGAIN;

	for (int i = 0; i < 100 && ours == E_AGAIN; i++) {
		int g = gnutls_handshake(r->tls);
		if (g < 0 && gnutls_error_is_fatal(g)) {
			(void)gnutls_alert_send_appropriate(r->tls, g);
		}
		deliver(in, s, SIZE_MAX);
		ours = tls_session_handshake(s);
	}
	(void)gnutls_handshake(r->tls);
	return ours;
}

#define TLS13 "NORMAL:-VERS-ALL:+VERS-TLS1.3"
#define TLS12 "NORMAL:-VERS-ALL:+VERS-TLS1.2"

static void
test_raw(void **state)
{
	static const struct {
		const char *priority, *alpn;
		int strict, tolerate;
		const char *error;
	} cases[] = {
		{TLS13, "dot", E_OK, E_OK, NULL},
		{TLS13, NULL, E_TLS, E_OK, "ALPN"},
		{TLS13, "h2", E_TLS, E_TLS, NULL},
		{TLS12, "dot", E_TLS, E_TLS, NULL},
		{"NORMAL", "dot", E_OK, E_OK, NULL},
	};

	(void)state;
	for (size_t i = 0; i < 4 * sizeof(cases) / sizeof(cases[0]); i++) {
		size_t k = i / 4;
		bool is_server = i % 4 >= 2, is_strict = i % 2 == 0;
		/* a server that has another ALPN just leaves ours out */
		bool is_none = !is_server && cases[k].alpn != NULL &&
		    strcmp(cases[k].alpn, "h2") == 0;
		int want = is_strict ? cases[k].strict :
		    is_none ? E_OK : cases[k].tolerate;
		struct tls_ctx *ctx = new_ctx(&(struct tls_conf){
		    .is_server = is_server,
		    .cert_file = server_id.cert_file,
		    .key_file = server_id.key_file,
		    .pins = pin(&server_id), .npins = 1,
		    .alpn = is_strict ? TLS_ALPN_STRICT : TLS_ALPN_TOLERATE});
		struct tls_session *s;
		struct raw r;
		open_raw(&r, !is_server, cases[k].priority, cases[k].alpn);
		assert_int_equal(tls_session_new(ctx, NULL, on_push,
		    is_server ? &to_client : &to_server, &s), E_OK);
		int got = shake_raw(&r, s, is_server);
		if (got != want) {
			fail_msg("case %zu: %d %s", i, got,
			    tls_session_error(s));
		}
		if (got != E_OK && is_strict && cases[k].error != NULL) {
			assert_non_null(strstr(tls_session_error(s),
			    cases[k].error));
		}
		if (got == E_OK) {
			/* nothing to resume a session with */
			char c;
			(void)gnutls_record_recv(r.tls, &c, 1);
			assert_int_equal(gnutls_session_get_flags(r.tls) &
			    GNUTLS_SFLAGS_SESSION_TICKET, 0);
		}
		tls_session_free(s);
		tls_ctx_unref(ctx);
		close_raw(&r);
	}
}

/* -- the context ----------------------------------------------------------- */

static void
refused(const struct tls_conf *conf, int want, const char *text)
{
	struct tls_ctx *ctx = NULL;
	char msg[256] = "";
	int r = tls_ctx_new(conf, &ctx, msg, sizeof(msg));

	if (r != want || strstr(msg, text) == NULL) {
		fail_msg("%d (not %d): %s (not %s)", r, want, msg, text);
	}
	assert_null(ctx);
	assert_int_equal(tls_ctx_new(conf, &ctx, NULL, 0), want);
}

static void
test_bad_conf(void **state)
{
	const char *cert = server_id.cert_file, *key = server_id.key_file;
	char empty[64];

	(void)state;
	refused(&(struct tls_conf){.is_server = true}, E_INVAL,
	    "needs a certificate");
	refused(&(struct tls_conf){.is_server = true, .cert_file = cert},
	    E_INVAL, "go together");
	refused(&(struct tls_conf){.is_server = false}, E_INVAL, "pins or a CA");
	refused(&(struct tls_conf){.is_server = true, .cert_file = "/none.crt",
	    .key_file = key}, -ENOENT, "/none.crt: No such file");
	refused(&(struct tls_conf){.is_server = true, .cert_file = cert,
	    .key_file = "/none.key"}, -ENOENT, "/none.key");
	refused(&(struct tls_conf){.is_server = true, .cert_file = cert,
	    .key_file = client_id.key_file}, E_INVAL, client_id.key_file);
	refused(&(struct tls_conf){.is_server = true, .cert_file = key,
	    .key_file = key}, E_INVAL, key);
	refused(&(struct tls_conf){.is_server = true, .cert_file = dir,
	    .key_file = key}, E_INVAL, "not a file");
	refused(&(struct tls_conf){.ca_file = key}, E_INVAL, key);
	(void)snprintf(empty, sizeof(empty), "%s/empty", dir);
	unsigned char nothing[] = "\n";
	save(empty, &(gnutls_datum_t){.data = nothing, .size = 1});
	refused(&(struct tls_conf){.ca_file = empty}, E_INVAL, empty);
	(void)unlink(empty);

	/* a client whom only a CA tells about must know the name */
	struct tls_ctx *ctx = new_ctx(&(struct tls_conf){
	    .ca_file = ca.cert_file});
	struct tls_session *s;
	assert_int_equal(tls_session_new(ctx, NULL, on_push, &to_server, &s),
	    E_INVAL);
	assert_int_equal(tls_session_new(ctx, "", on_push, &to_server, &s),
	    E_INVAL);
	assert_null(tls_ctx_own_pin(ctx));
	tls_ctx_unref(ctx);
	tls_ctx_unref(NULL);
}

static void
test_key_mode(void **state)
{
	const struct tls_conf conf = {.is_server = true,
	    .cert_file = server_id.cert_file, .key_file = server_id.key_file};

	(void)state;
	for (unsigned mode = 0600; mode < 0700; mode++) {
		assert_int_equal(chmod(server_id.key_file, mode), 0);
		if ((mode & 06) != 0) {
			refused(&conf, E_DENIED, "open to everybody");
		} else {
			tls_ctx_unref(new_ctx(&conf));
		}
	}
	assert_int_equal(chmod(server_id.key_file, 0600), 0);
}

static void
test_pin_text(void **state)
{
	static const char *const bad[] = {
		"", "sha256//", "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU",
		"47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU==",
		"47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFV=",
		"47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSu\nU=",
		"47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hS*FU=",
		"sha512//47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
		"47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFVA",
		"============================================",
	};
	/* SHA-256 of nothing */
	static const char text[] =
	    "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
	uint8_t p[TLS_PIN_LEN], again[TLS_PIN_LEN];
	char out[45];

	(void)state;
	assert_int_equal(tls_pin_parse(text, p), E_OK);
	assert_int_equal(p[0], 0xe3);
	assert_int_equal(p[31], 0x55);
	tls_pin_str(p, out);
	assert_string_equal(out, text);
	char with[64];
	(void)snprintf(with, sizeof(with), "sha256//%s", text);
	assert_int_equal(tls_pin_parse(with, again), E_OK);
	assert_memory_equal(p, again, sizeof(p));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(tls_pin_parse(bad[i], again), E_MALF);
	}
	for (int i = 0; i < 256; i++) {
		memset(p, i, sizeof(p));
		p[i % 32] ^= 0x5a;
		tls_pin_str(p, out);
		assert_int_equal(tls_pin_parse(out, again), E_OK);
		assert_memory_equal(p, again, sizeof(p));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_peers),
		cmocka_unit_test(test_octet_by_octet),
		cmocka_unit_test(test_bulk),
		cmocka_unit_test(test_ends),
		cmocka_unit_test(test_push_fails),
		cmocka_unit_test(test_feed_limit),
		cmocka_unit_test(test_raw),
		cmocka_unit_test(test_bad_conf),
		cmocka_unit_test(test_key_mode),
		cmocka_unit_test(test_pin_text),
	};

	return cmocka_run_group_tests(tests, make_ids, remove_ids);
}
