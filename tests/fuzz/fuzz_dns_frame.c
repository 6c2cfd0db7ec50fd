/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Input: the octets of a stream.  Taken whole and in uneven pieces, with some
 * held back, it must give the same messages.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/dns_frame.h"
#include "common/errcode.h"

struct sum {
	uint64_t hash;
	size_t count;
};

static void
take(struct dns_frame *f, const uint8_t *data, size_t len, struct sum *sum)
{
	const uint8_t *msg;
	size_t n;
	while (dns_frame_next(f, &data, &len, &msg, &n) == E_OK) {
		sum->count++;
		sum->hash = sum->hash * 31 + n;
		for (size_t i = 0; i < n; i++) {
			sum->hash = sum->hash * 31 + msg[i];
		}
	}
	if (len != 0) {
		abort();
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct dns_frame f = {0};
	struct sum whole = {0, 0}, pieces = {0, 0};
	uint16_t id;
	take(&f, data, size, &whole);
	(void)dns_frame_partial_id(&f, &id);
	dns_frame_clear(&f);
	size_t step = size > 0 ? data[0] % 23 + 1u : 1;
	for (size_t at = 0; at < size;) {
		size_t n = size - at < step ? size - at : step;
		size_t kept = n / 3;
		/* a third waits: it must come out before what is next */
		if (dns_frame_hold(&f, data + at, kept) != E_OK ||
		    dns_frame_hold(&f, data + at + kept, n - kept) != E_OK) {
			abort();
		}
		size_t left;
		const uint8_t *held = dns_frame_held(&f, &left);
		take(&f, held, left, &pieces);
		dns_frame_held_left(&f, 0);
		at += n;
	}
	if (whole.hash != pieces.hash || whole.count != pieces.count) {
		abort();
	}
	dns_frame_clear(&f);
	return 0;
}
