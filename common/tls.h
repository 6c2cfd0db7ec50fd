/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * TLS for DNS by the profile of RFC 9103: TLS 1.3 only, no early data, ALPN
 * "dot", both sides checked by SPKI SHA-256 pins, or by CA and dNSName.  TLSA
 * checks come down to pins, which whoever resolved them passes here.  GnuTLS
 * is seen in tls.c and tls_session.c alone.
 *
 * Where pins are given the peer's key must be one of them and nothing else of
 * its certificate counts (names, dates, issuer: RFC 7671 5.1 for usage 3); a CA
 * is asked only when there are no pins.  Sessions are not resumed: resumption
 * skips the check of the peer, so a pin taken away would live on in tickets.
 */
#ifndef COMMON_TLS_H
#define COMMON_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#define TLS_PIN_LEN 32

enum tls_alpn {
	TLS_ALPN_STRICT = 0,   /* peer must have chosen "dot" */
	TLS_ALPN_TOLERATE = 1, /* a peer that names none is taken */
};

struct tls_conf {
	bool is_server;
	const char *cert_file;  /* PEM chain; clients may have none (NULL) */
	const char *key_file;   /* PEM */
	const char *ca_file;    /* or NULL; with it hostnames are checked */
	const uint8_t (*pins)[TLS_PIN_LEN]; /* allowed keys of the peer */
	size_t npins;
	bool need_peer_cert;    /* server: no certificate, no connection */
	enum tls_alpn alpn;
};

struct tls_ctx;

/*
 * Reads certificate and key now; err_msg (256 octets) says what is wrong with
 * which file.  A key file that others may read or write is E_DENIED.  A server
 * with neither pins nor CA asks for a certificate but takes any: the caller's
 * ACL decides by stream_peer_pin().  A client with neither is E_INVAL.  A
 * server's CA must have issued the client's certificate for TLS clients (or
 * for no stated use); which name it is for is not asked.
 */
int tls_ctx_new(const struct tls_conf *conf, struct tls_ctx **out,
    char *err_msg, size_t err_len);
struct tls_ctx *tls_ctx_ref(struct tls_ctx *ctx);
void tls_ctx_unref(struct tls_ctx *ctx);
/* Pin of our own certificate, 32 octets, or NULL when we have none. */
const uint8_t *tls_ctx_own_pin(const struct tls_ctx *ctx);
/* Base64 (44 characters, "sha256//" before it allowed) to 32 octets. */
int tls_pin_parse(const char *s, uint8_t pin[TLS_PIN_LEN]);
void tls_pin_str(const uint8_t pin[TLS_PIN_LEN], char s[45]);

/*
 * One session over somebody's transport (stream.c): octets in by feed, octets
 * out by the push callback.
 */
struct tls_session;
/* Takes all of the octets and returns len, or a negative code. */
typedef ssize_t (*tls_push_fn)(void *arg, const void *data, size_t len);
/*
 * server_name: client only; for SNI (not if it is an address) and for the
 * check of the name, which is why it must be there when a CA decides.
 */
int tls_session_new(struct tls_ctx *ctx, const char *server_name,
    tls_push_fn push, void *arg, struct tls_session **out);
void tls_session_free(struct tls_session *s);
/*
 * Cipher text from the peer, copied.  E_LIMIT: 1 MiB waits to be read.  After
 * it call handshake, or read until E_AGAIN.
 */
int tls_session_feed(struct tls_session *s, const void *data, size_t len);
/*
 * E_OK when done, E_AGAIN to be called after the next feed, else E_TLS.  By
 * TLS 1.3 a client is done before the server has looked at its certificate: a
 * refusal shows when it reads.
 */
int tls_session_handshake(struct tls_session *s);
/* Plain text: > 0 octets read, 0 = closed by the peer, E_AGAIN, E_TLS. */
ssize_t tls_session_read(struct tls_session *s, void *data, size_t len);
/*
 * Encrypts and pushes all of it; the second one fills records over the borders
 * of the pieces.  E_TLS, or the code of the push function.
 */
int tls_session_write(struct tls_session *s, const void *data, size_t len);
int tls_session_writev(struct tls_session *s, const struct iovec *iov,
    size_t count);
/* Tells the peer that nothing more comes. */
void tls_session_bye(struct tls_session *s);
/* Why the last call failed, for a log line. */
const char *tls_session_error(const struct tls_session *s);
/* NULL: the peer showed no certificate (or has not yet). */
const uint8_t *tls_session_peer_pin(const struct tls_session *s);

#endif
