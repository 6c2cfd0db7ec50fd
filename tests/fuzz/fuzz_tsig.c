/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * TSIG of any message, as a request and within a stream.  The key is the one
 * of the worked example (spec/combiner.md 3), so that seeds can be valid.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/dns_tsig.h"
#include "common/dns_wire.h"
#include "common/errcode.h"

#define NOW 1788264000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
require(int ok)
{
	if (!ok) {
		abort();
	}
}

static void
check_request(const struct tsig_key *key, uint8_t *msg, size_t len)
{
	struct tsig_state st = {.key = NULL};
	struct tsig_rr rr, again;
	size_t body = len;
	int found = tsig_find(msg, len, &rr);
	int r = tsig_check_request(msg, &body, &key, 1, NOW, &st, &rr);

	if (found != E_OK) {
		require(r == found && body == len);
		return;
	}
	require(body < len && body >= DNS_HEADER_LEN);
	require((st.key != NULL) ==
	    (r == E_OK || r == E_BADTIME || r == E_BADTRUNC));
	/* what is left has no TSIG, and takes one again */
	require(tsig_find(msg, body, &again) == E_NOENT);
	size_t cap = body + tsig_wire_len(key) + 2 * NAME_MAX_LEN;
	uint8_t *out = malloc(cap);
	if (out == NULL) {
		return;
	}
	memcpy(out, msg, body);
	size_t n = body;
	if (st.key != NULL) {
		r = tsig_sign_answer(out, &n, cap, &st, NOW,
		    r == E_BADTIME ? DNS_BADTIME : 0);
	} else {
		r = tsig_put_error(out, &n, cap, &rr, NOW, DNS_BADKEY);
	}
	require(r == E_OK || n == body);
	if (r == E_OK) {
		require(tsig_find(out, n, &again) == E_OK);
		require(again.start == body);
	}
	free(out);
}

static void
check_stream(const struct tsig_key *key, uint8_t *msg, size_t len)
{
	struct tsig_state st = {.key = key, .mac_len = 32};
	struct tsig_stream *in, *out;
	uint8_t first[512] = {0x63, 0x6f, 0x80};
	size_t n = DNS_HEADER_LEN;

	if (tsig_stream_new(&st, &out) != E_OK) {
		return;
	}
	if (tsig_stream_new(&st, &in) == E_OK) {
		require(tsig_stream_sign(out, first, &n, sizeof(first), NOW) ==
		    E_OK);
		require(tsig_stream_check(in, first, &n, NOW) == E_OK);
		n = len;
		int r = tsig_stream_check(in, msg, &n, NOW);
		require(n <= len);
		require(r != E_OK || (n == len) !=
		    tsig_stream_is_settled(in));
		tsig_stream_free(in);
	}
	tsig_stream_free(out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const char name[] = "\x0cmsa-combiner";
	struct tsig_key key = {.name_len = sizeof(name), .secret_len = 32};
	uint8_t *msg = malloc(len > 0 ? len : 1);

	if (msg == NULL) {
		return 0;
	}
	memcpy(key.name, name, sizeof(name));
	for (uint8_t i = 0; i < 32; i++) {
		key.secret[i] = i;
	}
	memcpy(msg, data, len);
	check_stream(&key, msg, len);
	memcpy(msg, data, len);
	check_request(&key, msg, len);
	free(msg);
	return 0;
}
