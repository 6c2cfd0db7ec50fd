/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * UPDATE messages against a store that holds something.  Whatever comes in:
 * the store stays a set of managed, sorted RRsets that reads back the same.
 */
#include <stdint.h>
#include <stdlib.h>

#include "combiner/update.h"
#include "common/errcode.h"

static struct apex *
held(void)
{
	static const uint8_t ns[] = {1, 'a', 0}, key[] = {1, 0, 3, 15, 'k'};
	struct apex *a = apex_new();

	if (a == NULL ||
	    rrset_add(apex_edit(a, DNS_NS), ns, sizeof(ns)) != E_OK ||
	    rrset_add(apex_edit(a, DNS_DNSKEY), key, sizeof(key)) != E_OK) {
		abort();
	}
	return a;
}

static void
check_store(const struct apex *a)
{
	size_t len = apex_encoded_len(a);
	uint8_t *mem = malloc(len);
	struct apex *back = NULL;
	struct wbuf w;

	if (mem == NULL) {
		abort();
	}
	wbuf_init(&w, mem, len);
	apex_encode(&w, a);
	if (w.err != E_OK || w.len != len ||
	    apex_decode(mem, len, &back) != E_OK || !apex_equal(a, back)) {
		abort();
	}
	apex_unref(back);
	free(mem);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct apex *a = held();
	struct guard g = {.is_on = true, .source = "msa"};
	struct update u;
	const char *why;

	int r = update_decode(data, len, &u, &why);
	if (r < 0 || (r > 0 && why == NULL)) {
		abort();
	}
	if (r == E_OK && update_apply(&u, a, &g, &why) == E_OK) {
		check_store(a);
	}
	apex_unref(a);
	return 0;
}
