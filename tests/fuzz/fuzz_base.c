/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A base as it stands in the store, damaged in any way: its index is made or
 * taken, all records are read, and each is looked for.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "combiner/zdata.h"
#include "common/errcode.h"

static uint8_t buf[ZREC_MAX];

/* Finds what stands at this offset by its hash. */
static void
find(const struct base *b, const uint8_t *msg, size_t len,
    const struct dns_rr *rr)
{
	const uint8_t *omsg;
	size_t olen, pos = 0;
	struct dns_rr other;
	uint32_t at;
	uint64_t hash;

	if (dns_rr_hash(&b->key, msg, len, rr, &hash) != E_OK) {
		return;
	}
	for (unsigned n = 0; n < 8 && (at = base_find(b, hash, &pos)) != 0;
	     n++) {
		if (base_record(b, at, &omsg, &olen, &other)) {
			(void)dns_rr_same(msg, len, rr, omsg, olen, &other);
		}
	}
}

static int
ignore(const uint8_t *owner, uint16_t type, uint16_t class, uint32_t ttl,
    const uint8_t *rdata, uint16_t rdlen, void *arg)
{
	(void)type;
	(void)class;
	(void)ttl;
	(void)arg;
	buf[0] = (uint8_t)(name_len(owner) + (rdlen > 0 ? rdata[rdlen - 1] : 0));
	return E_OK;
}

static int
ignore_rr(const uint8_t *rr, size_t len, void *arg)
{
	(void)rr;
	(void)len;
	(void)arg;
	return E_OK;
}

/* Removes up to a few of its records, reads what is left. */
static void
change(struct base *b)
{
	struct zdata *d;
	struct delta *x;
	const uint8_t *msg;
	struct dns_rr rr;
	size_t len;

	if (zdata_new(base_ref(b), 1, &d) != E_OK) {
		abort();
	}
	(void)zdata_each(d, ignore, NULL);
	if (delta_new(d, &x) != E_OK) {
		abort();
	}
	for (uint32_t i = 0; i < b->nrecords && i < 64; i += 2) {
		if (base_record(b, b->index[i].offset, &msg, &len, &rr)) {
			int n = zrec_write(msg, len, &rr, buf, sizeof(buf));
			if (n > 0) {
				(void)delta_del(x, buf, (size_t)n);
				(void)delta_add(x, buf, (size_t)n);
				(void)delta_del(x, buf, (size_t)n);
			}
		}
	}
	(void)delta_each_del(x, ignore_rr, NULL);
	if (delta_reserve(x) != E_OK) {
		abort();
	}
	delta_apply(x, 2);
	for (uint32_t k = 0; k < b->nmsgs && k < 64; k++) {
		(void)zdata_is_touched(d, k, 1);
		(void)zdata_is_touched(d, k, 2);
		(void)zdata_each_in_message(d, k, 2, ignore, NULL);
	}
	(void)zdata_diff(d, d, 100, ignore_rr, ignore_rr, NULL);
	zdata_unref(d);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	uint8_t *copy = malloc(len > 0 ? len : 1);
	const uint8_t *msg;
	struct base *b;
	struct dns_rr rr;
	size_t mlen;

	if (copy == NULL) {
		abort();
	}
	memcpy(copy, data, len);
	if (base_from_memory(copy, len, &b) != E_OK) {
		return 0;
	}
	if (base_need_index(b) == E_OK) {
		for (uint32_t k = 0; k < b->nmsgs && k < 64; k++) {
			(void)base_message(b, k, &mlen);
		}
		for (uint32_t i = 0; i < b->nrecords && i < 64; i++) {
			/* on big-endian machines it is just another offset */
			if (base_record(b, b->index[i].offset, &msg, &mlen,
			        &rr)) {
				find(b, msg, mlen, &rr);
			}
		}
		change(b);
	}
	base_unref(b);
	return 0;
}
