/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/base64.h"

#include "common/errcode.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
			       "abcdefghijklmnopqrstuvwxyz0123456789+/";

static int
digit(char c)
{
	if (c >= 'A' && c <= 'Z') {
		return c - 'A';
	}
	if (c >= 'a' && c <= 'z') {
		return c - 'a' + 26;
	}
	if (c >= '0' && c <= '9') {
		return c - '0' + 52;
	}
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

int
base64_decode(const char *s, size_t slen, uint8_t *out, size_t cap, size_t *len)
{
	size_t n = 0, pad = 0;

	if (slen % 4 != 0) {
		return E_MALF;
	}
	while (pad < 2 && slen > pad && s[slen - 1 - pad] == '=') {
		pad++;
	}
	if (BASE64_DECODED_MAX(slen) - pad > cap) {
		return E_SPACE;
	}
	for (size_t i = 0; i < slen; i += 4) {
		size_t chars = i + 4 == slen ? 4 - pad : 4;
		uint32_t v = 0;

		for (size_t k = 0; k < 4; k++) {
			int d = k < chars ? digit(s[i + k]) : 0;

			if (d < 0) {
				return E_MALF;
			}
			v = (v << 6) | (uint32_t)d;
		}
		for (size_t k = 0; k + 1 < chars; k++) {
			out[n++] = (uint8_t)(v >> (16 - 8 * k));
		}
		/* what the padding cut off must be zero */
		if (chars < 4 && (v & (chars == 3 ? 0xffu : 0xffffu)) != 0) {
			return E_MALF;
		}
	}
	*len = n;
	return E_OK;
}

int
base64_encode(const uint8_t *data, size_t len, char *out, size_t cap)
{
	char *p = out;

	if (cap == 0 || BASE64_ENCODED_LEN(len) > cap - 1) {
		return E_SPACE;
	}
	for (size_t i = 0; i < len; i += 3) {
		size_t n = len - i < 3 ? len - i : 3;
		uint32_t v = (uint32_t)data[i] << 16;

		if (n > 1) {
			v |= (uint32_t)data[i + 1] << 8;
		}
		if (n > 2) {
			v |= data[i + 2];
		}
		for (size_t k = 0; k < 4; k++) {
			*p++ =
			    k <= n ? alphabet[(v >> (18 - 6 * k)) & 63] : '=';
		}
	}
	*p = '\0';
	return E_OK;
}
