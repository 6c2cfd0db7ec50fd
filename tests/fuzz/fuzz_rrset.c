/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Two octets of type and one of kind, then: RDATA as text, RDATA in wire form,
 * or a set in the form of the store.  What was taken comes back the same on
 * the way wire - text - wire.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "combiner/apex.h"
#include "common/dns_wire.h"
#include "common/errcode.h"

static const uint8_t origin[] = {4, 'z', 'o', 'n', 'e', 0};

static void
from_text(uint16_t type, const uint8_t *data, size_t len)
{
	static uint8_t rdata[DNS_MSG_MAX];
	char *text = malloc(len + 1);

	if (text == NULL) {
		abort();
	}
	memcpy(text, data, len);
	text[len] = '\0';
	int n = rdata_from_str(type, text, origin, rdata, sizeof(rdata));
	if (n >= 0 && rdata_check(type, rdata, (uint16_t)n) != E_OK) {
		abort();
	}
	free(text);
}

static void
from_wire(uint16_t type, const uint8_t *rdata, uint16_t len)
{
	static uint8_t back[DNS_MSG_MAX];
	static char text[DNS_MSG_MAX * 5];
	int n = rdata_to_str(type, rdata, len, text, sizeof(text));

	if (n < 0 || strlen(text) != (size_t)n) {
		abort();
	}
	/* only the types that we handle must make the way back unharmed */
	if (rdata_check(type, rdata, len) != E_OK || !apex_is_managed(type)) {
		return;
	}
	n = rdata_from_str(type, text, origin, back, sizeof(back));
	if (n != len || (n > 0 && memcmp(back, rdata, len) != 0)) {
		abort();
	}
}

static void
from_store(const uint8_t *data, size_t len)
{
	struct apex *a = NULL;
	char etag[17];

	if (apex_decode(data, len, &a) != E_OK) {
		return;
	}
	for (unsigned i = 0; i < a->count; i++) {
		apex_set_etag(&a->sets[i], etag);
	}
	struct apex *b = apex_copy(a);
	if (b == NULL || !apex_equal(a, b)) {
		abort();
	}
	apex_unref(a);
	apex_unref(b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	if (len < 3 || len > 4096) {
		return 0;
	}
	uint16_t type = get_be16(data);
	switch (data[2] % 3) {
	case 0:
		from_text(type, data + 3, len - 3);
		break;
	case 1:
		from_wire(type, data + 3, (uint16_t)(len - 3));
		break;
	default:
		from_store(data + 3, len - 3);
		break;
	}
	return 0;
}
