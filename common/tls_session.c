/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One TLS session over memory.
 *
 *   peer -> tls_session_feed -> in -> pull -> GnuTLS -> tls_session_read
 *   tls_session_write -> GnuTLS -> push -> the transport's push function
 */
#include "common/tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <gnutls/x509.h>

#include "common/errcode.h"
#include "common/tls_ctx.h"

#define IN_MAX (1u << 20)  /* nobody reads: stop taking */
#define IN_KEEP (16u << 10) /* an empty buffer above this goes back */
#define RECORD_MAX 16384   /* RFC 8446 5.1 */
#define SERVER_NAME_MAX 255

struct tls_session {
	struct tls_ctx *ctx;
	gnutls_session_t tls;
	tls_push_fn push;
	void *push_arg;
	int push_err; /* what the push function said */
	uint8_t *in;  /* cipher text not read yet: in[in_pos … in_len) */
	size_t in_pos, in_len, in_cap;
	bool is_open; /* handshake and all checks done */
	bool is_failed;
	bool has_pin;
	uint8_t peer_pin[TLS_PIN_LEN];
	char *server_name; /* or NULL */
	char error[256];
};

static void explain(struct tls_session *s, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* The first reason is the one to tell: later ones follow from it. */
static void
explain(struct tls_session *s, const char *fmt, ...)
{
	va_list ap;

	if (s->error[0] != '\0') {
		return;
	}
	va_start(ap, fmt);
	(void)vsnprintf(s->error, sizeof(s->error), fmt, ap); /* may be cut */
	va_end(ap);
}

/* Ends the session for a code of GnuTLS. */
static int
fail(struct tls_session *s, const char *doing, int code)
{
	if (s->push_err != E_OK) {
		explain(s, "%s: cannot send: %s", doing,
		    err_text(s->push_err));
	} else if (code == GNUTLS_E_FATAL_ALERT_RECEIVED) {
		const char *name = gnutls_alert_get_name(
		    gnutls_alert_get(s->tls));
		explain(s, "%s: peer refused: %s", doing,
		    name != NULL ? name : "unknown alert");
	} else {
		explain(s, "%s: %s", doing, gnutls_strerror(code));
	}
	s->is_failed = true;
	return s->push_err != E_OK ? s->push_err : E_TLS;
}

/* -- transport ------------------------------------------------------------- */

static ssize_t
on_pull(gnutls_transport_ptr_t arg, void *data, size_t len)
{
	struct tls_session *s = arg;
	size_t n = s->in_len - s->in_pos;

	if (n == 0) {
		gnutls_transport_set_errno(s->tls, EAGAIN);
		return -1;
	}
	if (n > len) {
		n = len;
	}
	memcpy(data, s->in + s->in_pos, n);
	s->in_pos += n;
	return (ssize_t)n;
}

static int
on_pull_timeout(gnutls_transport_ptr_t arg, unsigned ms)
{
	const struct tls_session *s = arg;

	(void)ms; /* we never wait, the loop does */
	return s->in_len > s->in_pos;
}

static ssize_t
push_all(struct tls_session *s, const void *data, size_t len)
{
	ssize_t n = s->push(s->push_arg, data, len);

	if (n == (ssize_t)len) {
		return n;
	}
	s->push_err = n < 0 ? (int)n : E_CLOSED;
	gnutls_transport_set_errno(s->tls, EIO);
	return -1;
}

/* A flight of the handshake comes in pieces; it leaves as one. */
static ssize_t
on_push(gnutls_transport_ptr_t arg, const giovec_t *iov, int count)
{
	struct tls_session *s = arg;
	size_t total = 0, pos = 0;

	for (int i = 0; i < count; i++) {
		total += iov[i].iov_len;
	}
	if (count == 1) {
		return push_all(s, iov[0].iov_base, total);
	}
	uint8_t *all = malloc(total + 1);
	if (all == NULL) {
		s->push_err = E_NOMEM;
		gnutls_transport_set_errno(s->tls, EIO);
		return -1;
	}
	for (int i = 0; i < count; i++) {
		memcpy(all + pos, iov[i].iov_base, iov[i].iov_len);
		pos += iov[i].iov_len;
	}
	ssize_t n = push_all(s, all, total);
	free(all);
	return n;
}

/* -- the peer's certificate ------------------------------------------------ */

static bool
is_pinned(const struct tls_session *s)
{
	for (size_t i = 0; i < s->ctx->npins; i++) {
		/* public values: no need for constant time */
		if (memcmp(s->ctx->pins[i], s->peer_pin, TLS_PIN_LEN) == 0) {
			return true;
		}
	}
	return false;
}

static int
check_chain(struct tls_session *s)
{
	char server[] = GNUTLS_KP_TLS_WWW_SERVER;
	char client[] = GNUTLS_KP_TLS_WWW_CLIENT;
	gnutls_datum_t why = {NULL, 0};
	gnutls_typed_vdata_st want[2];
	unsigned status = 0, count = 0;

	memset(want, 0, sizeof(want));
	want[count].type = GNUTLS_DT_KEY_PURPOSE_OID;
	want[count++].data = (unsigned char *)(s->ctx->is_server ?
	    client : server);
	if (!s->ctx->is_server) {
		want[count].type = GNUTLS_DT_DNS_HOSTNAME;
		want[count++].data = (unsigned char *)s->server_name;
	}
	int r = gnutls_certificate_verify_peers(s->tls, want, count, &status);
	if (r < 0) {
		explain(s, "certificate of the peer: %s", gnutls_strerror(r));
		return -1;
	}
	if (status == 0) {
		return 0;
	}
	r = gnutls_certificate_verification_status_print(status,
	    GNUTLS_CRT_X509, &why, 0);
	explain(s, "certificate of the peer refused: %s",
	    r < 0 ? "unknown reason" : (const char *)why.data);
	gnutls_free(why.data);
	return -1;
}

/* Called in the handshake when the peer has shown its certificate, or none. */
static int
on_verify(gnutls_session_t tls)
{
	struct tls_session *s = gnutls_session_get_ptr(tls);
	unsigned count = 0;
	const gnutls_datum_t *certs = gnutls_certificate_get_peers(tls, &count);

	if (certs == NULL || count == 0) {
		if (s->ctx->is_server && !s->ctx->need_peer_cert) {
			return 0;
		}
		explain(s, "peer showed no certificate");
		return -1;
	}
	if (tls_pin_of_cert(&certs[0], s->peer_pin) != E_OK) {
		explain(s, "certificate of the peer is malformed");
		return -1;
	}
	s->has_pin = true;
	if (s->ctx->npins > 0) {
		char text[45];
		if (is_pinned(s)) {
			return 0;
		}
		tls_pin_str(s->peer_pin, text);
		explain(s, "key of the peer is not pinned: sha256//%s", text);
		return -1;
	}
	return s->ctx->has_ca ? check_chain(s) : 0;
}

/* -- a session's life ------------------------------------------------------ */

static bool
is_address(const char *name)
{
	struct in6_addr a;

	return inet_pton(AF_INET, name, &a) == 1 ||
	    inet_pton(AF_INET6, name, &a) == 1;
}

static int
set_server_name(struct tls_session *s, const char *name)
{
	size_t len = strlen(name);

	if (len > 1 && name[len - 1] == '.') {
		len--; /* RFC 6066 3: without the dot */
	}
	if (len == 0 || len > SERVER_NAME_MAX) {
		return E_INVAL;
	}
	s->server_name = strndup(name, len);
	if (s->server_name == NULL) {
		return E_NOMEM;
	}
	if (is_address(s->server_name)) {
		return E_OK;
	}
	return gnutls_server_name_set(s->tls, GNUTLS_NAME_DNS, s->server_name,
	    len) < 0 ? E_INVAL : E_OK;
}

static int
set_up(struct tls_session *s)
{
	const struct tls_ctx *ctx = s->ctx;
	unsigned char dot[] = "dot";
	const gnutls_datum_t alpn = {dot, 3};
	int r;

	gnutls_session_set_ptr(s->tls, s);
	gnutls_transport_set_ptr(s->tls, s);
	gnutls_transport_set_pull_function(s->tls, on_pull);
	gnutls_transport_set_pull_timeout_function(s->tls, on_pull_timeout);
	gnutls_transport_set_vec_push_function(s->tls, on_push);
	gnutls_session_set_verify_function(s->tls, on_verify);
	r = gnutls_priority_set(s->tls, ctx->priority);
	if (r >= 0) {
		r = gnutls_credentials_set(s->tls, GNUTLS_CRD_CERTIFICATE,
		    ctx->cred);
	}
	if (r >= 0) {
		/* refuses others; a peer that names none: check_alpn() */
		r = gnutls_alpn_set_protocols(s->tls, &alpn, 1,
		    GNUTLS_ALPN_MANDATORY);
	}
	if (ctx->is_server) {
		gnutls_certificate_server_set_request(s->tls,
		    ctx->need_peer_cert ? GNUTLS_CERT_REQUIRE :
		    GNUTLS_CERT_REQUEST);
		/*
		 * With a list of CAs clients do not show a certificate of
		 * another: those that we know by its pin must.
		 */
		gnutls_certificate_send_x509_rdn_sequence(s->tls,
		    ctx->npins > 0 || !ctx->has_ca);
	}
	return r < 0 ? (r == GNUTLS_E_MEMORY_ERROR ? E_NOMEM : E_SYSTEM) :
	    E_OK;
}

int
tls_session_new(struct tls_ctx *ctx, const char *server_name,
    tls_push_fn push, void *arg, struct tls_session **out)
{
	unsigned flags = GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL |
	    GNUTLS_NO_TICKETS;

	if (!ctx->is_server && ctx->npins == 0 && server_name == NULL) {
		return E_INVAL; /* a CA without a name would take anybody */
	}
	struct tls_session *s = calloc(1, sizeof(*s));
	if (s == NULL) {
		return E_NOMEM;
	}
	s->ctx = tls_ctx_ref(ctx);
	s->push = push;
	s->push_arg = arg;
	flags |= ctx->is_server ? GNUTLS_SERVER :
	    GNUTLS_CLIENT | GNUTLS_FORCE_CLIENT_CERT;
	int r = gnutls_init(&s->tls, flags) < 0 ? E_NOMEM : set_up(s);
	if (r == E_OK && !ctx->is_server && server_name != NULL) {
		r = set_server_name(s, server_name);
	}
	if (r != E_OK) {
		tls_session_free(s);
		return r;
	}
	*out = s;
	return E_OK;
}

void
tls_session_free(struct tls_session *s)
{
	if (s == NULL) {
		return;
	}
	if (s->tls != NULL) {
		gnutls_deinit(s->tls);
	}
	tls_ctx_unref(s->ctx);
	free(s->server_name);
	free(s->in);
	free(s);
}

int
tls_session_feed(struct tls_session *s, const void *data, size_t len)
{
	size_t left = s->in_len - s->in_pos;

	if (len > IN_MAX - left) {
		return E_LIMIT;
	}
	if (left > 0 && s->in_pos > 0) {
		memmove(s->in, s->in + s->in_pos, left);
	}
	s->in_pos = 0;
	s->in_len = left;
	if (len > s->in_cap - left) {
		uint8_t *in = realloc(s->in, left + len);
		if (in == NULL) {
			return E_NOMEM;
		}
		s->in = in;
		s->in_cap = left + len;
	}
	if (len > 0) {
		memcpy(s->in + left, data, len);
	}
	s->in_len += len;
	return E_OK;
}

/* An idle connection keeps no large buffer. */
static void
trim(struct tls_session *s)
{
	if (s->in_pos == s->in_len && s->in_cap > IN_KEEP) {
		free(s->in);
		s->in = NULL;
		s->in_pos = s->in_len = s->in_cap = 0;
	}
}

/* The protocol that both chose; the peer may have left it out. */
static int
check_alpn(struct tls_session *s)
{
	gnutls_datum_t chosen;

	if (gnutls_alpn_get_selected_protocol(s->tls, &chosen) < 0) {
		if (s->ctx->alpn == TLS_ALPN_TOLERATE) {
			return E_OK;
		}
		explain(s, "handshake: peer does not name ALPN \"dot\"");
	} else if (chosen.size == 3 && memcmp(chosen.data, "dot", 3) == 0) {
		return E_OK;
	} else {
		explain(s, "handshake: peer wants another ALPN than \"dot\"");
	}
	(void)gnutls_alert_send(s->tls, GNUTLS_AL_FATAL,
	    GNUTLS_A_NO_APPLICATION_PROTOCOL); /* we end it anyway */
	s->is_failed = true;
	return E_TLS;
}

int
tls_session_handshake(struct tls_session *s)
{
	int r;

	if (s->is_failed) {
		return E_TLS;
	}
	if (s->is_open) {
		return E_OK;
	}
	do {
		r = gnutls_handshake(s->tls);
	} while (r < 0 && r != GNUTLS_E_AGAIN && !gnutls_error_is_fatal(r));
	trim(s);
	if (r == GNUTLS_E_AGAIN) {
		return E_AGAIN;
	}
	if (r < 0) {
		if (s->push_err == E_OK && r != GNUTLS_E_FATAL_ALERT_RECEIVED) {
			/* a courtesy to the peer */
			(void)gnutls_alert_send_appropriate(s->tls, r);
		}
		return fail(s, "handshake", r);
	}
	if (!s->has_pin && (!s->ctx->is_server || s->ctx->need_peer_cert)) {
		/* never seen: nobody may pass whom on_verify() has not */
		return fail(s, "handshake", GNUTLS_E_NO_CERTIFICATE_FOUND);
	}
	r = check_alpn(s);
	s->is_open = r == E_OK;
	return r;
}

ssize_t
tls_session_read(struct tls_session *s, void *data, size_t len)
{
	size_t pos;
	ssize_t r;

	if (s->is_failed || !s->is_open) {
		explain(s, "read before the handshake was done");
		return E_TLS;
	}
	do {
		pos = s->in_pos;
		r = gnutls_record_recv(s->tls, data, len);
		/* EAGAIN also comes after a session ticket, with more there */
	} while (r == GNUTLS_E_AGAIN ?
	    s->in_pos != pos && s->in_pos < s->in_len :
	    r < 0 && !gnutls_error_is_fatal((int)r));
	trim(s);
	if (r >= 0) {
		return r;
	}
	return r == GNUTLS_E_AGAIN ? E_AGAIN : fail(s, "read", (int)r);
}

static int
write_record(struct tls_session *s, const uint8_t *data, size_t len)
{
	while (len > 0) {
		ssize_t n = gnutls_record_send(s->tls, data, len);
		if (n < 0 && (n == GNUTLS_E_AGAIN ||
		    gnutls_error_is_fatal((int)n))) {
			/* our push function never says EAGAIN */
			return fail(s, "write", (int)n);
		}
		if (n > 0) {
			data += n;
			len -= (size_t)n;
		}
	}
	return E_OK;
}

int
tls_session_writev(struct tls_session *s, const struct iovec *iov, size_t count)
{
	uint8_t record[RECORD_MAX];
	size_t used = 0;
	int r = E_OK;

	if (s->is_failed || !s->is_open) {
		explain(s, "write before the handshake was done");
		return E_TLS;
	}
	for (size_t i = 0; i < count && r == E_OK; i++) {
		const uint8_t *p = iov[i].iov_base;
		size_t left = iov[i].iov_len;
		while (left > 0 && r == E_OK) {
			if (used == 0 && left >= RECORD_MAX) {
				/* whole records leave from where they lie */
				r = write_record(s, p, RECORD_MAX);
				p += RECORD_MAX;
				left -= RECORD_MAX;
				continue;
			}
			size_t n = RECORD_MAX - used;
			n = n < left ? n : left;
			memcpy(record + used, p, n);
			used += n;
			p += n;
			left -= n;
			if (used == RECORD_MAX) {
				r = write_record(s, record, used);
				used = 0;
			}
		}
	}
	return r == E_OK ? write_record(s, record, used) : r;
}

int
tls_session_write(struct tls_session *s, const void *data, size_t len)
{
	struct iovec iov;

	memset(&iov, 0, sizeof(iov));
	memcpy(&iov.iov_base, &data, sizeof(data)); /* iovec knows no const */
	iov.iov_len = len;
	return tls_session_writev(s, &iov, 1);
}

void
tls_session_bye(struct tls_session *s)
{
	if (s->is_open && !s->is_failed) {
		(void)gnutls_bye(s->tls, GNUTLS_SHUT_WR); /* best effort */
	}
}

const char *
tls_session_error(const struct tls_session *s)
{
	return s->error[0] != '\0' ? s->error : "no error";
}

const uint8_t *
tls_session_peer_pin(const struct tls_session *s)
{
	return s->has_pin ? s->peer_pin : NULL;
}
