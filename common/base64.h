/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Base64 of RFC 4648 section 4, strict: no white space, padding as it must be,
 * unused bits zero.  Secrets go through here, so nothing is copied aside.
 */
#ifndef COMMON_BASE64_H
#define COMMON_BASE64_H

#include <stddef.h>
#include <stdint.h>

/* Octets that n characters can give at most; characters for n octets. */
#define BASE64_DECODED_MAX(n) ((n) / 4 * 3)
#define BASE64_ENCODED_LEN(n) (((n) + 2) / 3 * 4)

/* E_MALF, or E_SPACE when it is longer than cap; *len on success only. */
int base64_decode(
    const char *s, size_t slen, uint8_t *out, size_t cap, size_t *len);
/* Writes BASE64_ENCODED_LEN(len) characters and a NUL; E_SPACE. */
int base64_encode(const uint8_t *data, size_t len, char *out, size_t cap);

#endif
