/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/tls.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <gnutls/abstract.h>
#include <gnutls/crypto.h>
#include <gnutls/x509.h>

#include "common/errcode.h"
#include "common/tls_ctx.h"

/* RFC 9103 7: TLS 1.3 and nothing below; 128 bits of strength at least. */
#define PRIORITY "SECURE128:-VERS-ALL:+VERS-TLS1.3"
#define PEM_MAX (1u << 20)
#define PIN_STR_LEN 44
#define PIN_PREFIX "sha256//"

struct error_text {
	char *buf;
	size_t len;
};

static int say(const struct error_text *e, int code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Keeps the reason for the caller and hands its code on. */
static int
say(const struct error_text *e, int code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	if (e->len > 0) {
		(void)vsnprintf(e->buf, e->len, fmt, ap); /* may be cut */
	}
	va_end(ap);
	return code;
}

/* -- pins ------------------------------------------------------------------ */

int
tls_pin_of_cert(const gnutls_datum_t *der, uint8_t pin[TLS_PIN_LEN])
{
	gnutls_x509_crt_t crt = NULL;
	gnutls_pubkey_t key = NULL;
	gnutls_datum_t spki = {NULL, 0};
	int r = gnutls_x509_crt_init(&crt);

	if (r < 0) {
		return E_NOMEM;
	}
	r = gnutls_pubkey_init(&key);
	if (r >= 0) {
		r = gnutls_x509_crt_import(crt, der, GNUTLS_X509_FMT_DER);
	}
	if (r >= 0) {
		r = gnutls_pubkey_import_x509(key, crt, 0);
	}
	if (r >= 0) {
		r = gnutls_pubkey_export2(key, GNUTLS_X509_FMT_DER, &spki);
	}
	if (r >= 0) {
		r = gnutls_hash_fast(GNUTLS_DIG_SHA256, spki.data, spki.size,
		    pin);
	}
	gnutls_free(spki.data);
	gnutls_pubkey_deinit(key);
	gnutls_x509_crt_deinit(crt);
	return r < 0 ? E_MALF : E_OK;
}

void
tls_pin_str(const uint8_t pin[TLS_PIN_LEN], char s[PIN_STR_LEN + 1])
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "abcdefghijklmnopqrstuvwxyz0123456789+/";

	for (size_t i = 0; i < TLS_PIN_LEN; i += 3) {
		size_t left = TLS_PIN_LEN - i;
		uint32_t v = (uint32_t)pin[i] << 16 |
		    (left > 1 ? (uint32_t)pin[i + 1] << 8 : 0) |
		    (left > 2 ? pin[i + 2] : 0);
		*s++ = digits[v >> 18];
		*s++ = digits[(v >> 12) & 63];
		*s++ = left > 1 ? digits[(v >> 6) & 63] : '=';
		*s++ = left > 2 ? digits[v & 63] : '=';
	}
	*s = '\0';
}

int
tls_pin_parse(const char *s, uint8_t pin[TLS_PIN_LEN])
{
	gnutls_datum_t text = {NULL, PIN_STR_LEN}, raw = {NULL, 0};
	unsigned char copy[PIN_STR_LEN];
	char again[PIN_STR_LEN + 1];
	int r = E_MALF;

	if (strncmp(s, PIN_PREFIX, strlen(PIN_PREFIX)) == 0) {
		s += strlen(PIN_PREFIX);
	}
	if (strlen(s) != PIN_STR_LEN) {
		return E_MALF;
	}
	memcpy(copy, s, sizeof(copy));
	text.data = copy;
	if (gnutls_base64_decode2(&text, &raw) < 0 ||
	    raw.size != TLS_PIN_LEN) {
		goto out;
	}
	/* the decoder skips what it does not know; we do not */
	tls_pin_str(raw.data, again);
	if (strcmp(again, s) == 0) {
		memcpy(pin, raw.data, TLS_PIN_LEN);
		r = E_OK;
	}
out:
	gnutls_free(raw.data);
	return r;
}

/* -- files ----------------------------------------------------------------- */

/* Overwrites before it frees: it may have been a key. */
static void
free_pem(gnutls_datum_t *pem)
{
	if (pem->data != NULL) {
		gnutls_memset(pem->data, 0, pem->size);
		free(pem->data);
		pem->data = NULL;
	}
}

static int
read_all(int fd, gnutls_datum_t *out, size_t size)
{
	out->data = malloc(size + 1);
	out->size = 0;
	if (out->data == NULL) {
		return E_NOMEM;
	}
	while (out->size < size) {
		ssize_t n = read(fd, out->data + out->size, size - out->size);
		if (n < 0 && errno == EINTR) {
			continue;
		}
		if (n < 0) {
			return -errno;
		}
		if (n == 0) {
			break;
		}
		out->size += (unsigned)n;
	}
	return E_OK;
}

static int
read_pem(const char *path, bool is_secret, gnutls_datum_t *out,
    const struct error_text *e)
{
	struct stat st;
	int r;

	/* a FIFO must not hold up the start */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0) {
		r = -errno;
		return say(e, r, "%s: %s", path, err_text(r));
	}
	if (fstat(fd, &st) != 0) {
		r = -errno;
		(void)say(e, r, "%s: %s", path, err_text(r));
	} else if (!S_ISREG(st.st_mode) || st.st_size > PEM_MAX) {
		r = say(e, E_INVAL, "%s: not a file of at most 1 MiB", path);
	} else if (is_secret && (st.st_mode & (S_IROTH | S_IWOTH)) != 0) {
		r = say(e, E_DENIED, "%s: private key is open to everybody "
		    "(mode %04o), run chmod o= on it", path,
		    (unsigned)(st.st_mode & 07777));
	} else {
		r = read_all(fd, out, (size_t)st.st_size);
		if (r != E_OK) {
			(void)say(e, r, "%s: %s", path, err_text(r));
		}
	}
	(void)close(fd); /* only read from */
	return r;
}

static int
load_cert(struct tls_ctx *ctx, const struct tls_conf *conf,
    const struct error_text *e)
{
	gnutls_datum_t cert = {NULL, 0}, key = {NULL, 0}, der;
	int r = read_pem(conf->cert_file, false, &cert, e);

	if (r == E_OK) {
		r = read_pem(conf->key_file, true, &key, e);
	}
	if (r != E_OK) {
		goto out;
	}
	int g = gnutls_certificate_set_x509_key_mem2(ctx->cred, &cert, &key,
	    GNUTLS_X509_FMT_PEM, NULL, 0);
	if (g < 0) {
		r = say(e, E_INVAL, "%s with key %s: %s", conf->cert_file,
		    conf->key_file, gnutls_strerror(g));
		goto out;
	}
	g = gnutls_certificate_get_crt_raw(ctx->cred, 0, 0, &der);
	if (g < 0 || tls_pin_of_cert(&der, ctx->own_pin) != E_OK) {
		r = say(e, E_INVAL, "%s: no public key in it",
		    conf->cert_file);
		goto out;
	}
	ctx->has_cert = true;
out:
	free_pem(&cert);
	free_pem(&key);
	return r;
}

static int
load_ca(struct tls_ctx *ctx, const char *path, const struct error_text *e)
{
	gnutls_datum_t pem = {NULL, 0};
	int r = read_pem(path, false, &pem, e);

	if (r == E_OK) {
		int g = gnutls_certificate_set_x509_trust_mem(ctx->cred, &pem,
		    GNUTLS_X509_FMT_PEM);
		if (g <= 0) {
			r = say(e, E_INVAL, "%s: %s", path, g < 0 ?
			    gnutls_strerror(g) : "no certificate in it");
		}
	}
	ctx->has_ca = r == E_OK;
	free_pem(&pem);
	return r;
}

/* -- the context ----------------------------------------------------------- */

static int
check_conf(const struct tls_conf *conf, const struct error_text *e)
{
	if ((conf->cert_file == NULL) != (conf->key_file == NULL)) {
		return say(e, E_INVAL, "certificate and key go together");
	}
	if (conf->is_server && conf->cert_file == NULL) {
		return say(e, E_INVAL, "a TLS server needs a certificate");
	}
	if (!conf->is_server && conf->npins == 0 && conf->ca_file == NULL) {
		return say(e, E_INVAL,
		    "a TLS client needs pins or a CA to know the server by");
	}
	return E_OK;
}

int
tls_ctx_new(const struct tls_conf *conf, struct tls_ctx **out,
    char *err_msg, size_t err_len)
{
	const struct error_text e = {err_msg, err_len};
	struct tls_ctx *ctx = NULL;
	int r = check_conf(conf, &e);

	if (r != E_OK) {
		return r;
	}
	ctx = calloc(1, sizeof(*ctx));
	if (ctx == NULL) {
		goto no_memory;
	}
	ctx->refs = 1;
	ctx->is_server = conf->is_server;
	ctx->need_peer_cert = conf->need_peer_cert;
	ctx->alpn = conf->alpn;
	if (conf->npins > 0) {
		ctx->pins = calloc(conf->npins, sizeof(*ctx->pins));
		if (ctx->pins == NULL) {
			goto no_memory;
		}
		memcpy(ctx->pins, conf->pins,
		    conf->npins * sizeof(*ctx->pins));
		ctx->npins = conf->npins;
	}
	if (gnutls_certificate_allocate_credentials(&ctx->cred) < 0) {
		goto no_memory;
	}
	int g = gnutls_priority_init(&ctx->priority, PRIORITY, NULL);
	if (g < 0) {
		/* the system's crypto policy may forbid what we ask for */
		r = say(&e, E_SYSTEM, "TLS priorities: %s",
		    gnutls_strerror(g));
		goto fail;
	}
	if (conf->cert_file != NULL) {
		r = load_cert(ctx, conf, &e);
	}
	if (r == E_OK && conf->ca_file != NULL) {
		r = load_ca(ctx, conf->ca_file, &e);
	}
	if (r != E_OK) {
		goto fail;
	}
	*out = ctx;
	return E_OK;
no_memory:
	r = say(&e, E_NOMEM, "%s", err_text(E_NOMEM));
fail:
	tls_ctx_unref(ctx);
	return r;
}

struct tls_ctx *
tls_ctx_ref(struct tls_ctx *ctx)
{
	if (ctx != NULL) {
		ctx->refs++;
	}
	return ctx;
}

void
tls_ctx_unref(struct tls_ctx *ctx)
{
	if (ctx == NULL || --ctx->refs > 0) {
		return;
	}
	if (ctx->cred != NULL) {
		gnutls_certificate_free_credentials(ctx->cred);
	}
	if (ctx->priority != NULL) {
		gnutls_priority_deinit(ctx->priority);
	}
	free(ctx->pins);
	free(ctx);
}

const uint8_t *
tls_ctx_own_pin(const struct tls_ctx *ctx)
{
	return ctx->has_cert ? ctx->own_pin : NULL;
}
