/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What tls.c and tls_session.c share, and nobody else includes. */
#ifndef COMMON_TLS_CTX_H
#define COMMON_TLS_CTX_H

#include <gnutls/gnutls.h>

#include "common/tls.h"

struct tls_ctx {
	unsigned refs;
	bool is_server, need_peer_cert, has_ca, has_cert;
	enum tls_alpn alpn;
	gnutls_certificate_credentials_t cred;
	gnutls_priority_t priority;
	uint8_t own_pin[TLS_PIN_LEN]; /* valid when has_cert */
	size_t npins;
	uint8_t (*pins)[TLS_PIN_LEN];
};

/* SHA-256 of the SubjectPublicKeyInfo of a certificate in DER. */
int tls_pin_of_cert(const gnutls_datum_t *der, uint8_t pin[TLS_PIN_LEN]);

#endif
