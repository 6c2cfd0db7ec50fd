/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The catalog decoder.  Input: records, each as owner (uncompressed) | type |
 * class | RDLENGTH | RDATA.  The catalog is always "catz.".
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "combiner/catalog.h"
#include "common/buf.h"
#include "common/dns_name.h"
#include "common/errcode.h"

static void
on_change(enum catalog_change change, const struct catalog_have *have,
    const struct catalog_member *m, void *arg)
{
	size_t *n = arg;

	*n += change == CATALOG_KEEP && have != NULL && m != NULL;
}

/* What a good catalog must be. */
static void
check(const struct catalog *c)
{
	const struct catalog_member *m;
	size_t k, g, kept = 0, count = catalog_count(c);
	struct catalog_have *have = calloc(count + 1, sizeof(*have));

	if (have == NULL) {
		return;
	}
	for (k = 0; (m = catalog_at(c, k)) != NULL; k++) {
		if (catalog_find(c, m->name) != m || strlen(m->id) == 0 ||
		    (k > 0 && name_cmp(have[k - 1].name, m->name) >= 0)) {
			abort();
		}
		for (g = 0; catalog_group(m, g) != NULL; g++) {
			if (strlen(catalog_group(m, g)) == 0) {
				abort();
			}
		}
		have[k].name = m->name;
		have[k].id = m->id;
	}
	catalog_diff(have, count, c, on_change, &kept);
	if (kept != count || catalog_lost(have, count, c) != 0) {
		abort();
	}
	free(have);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const uint8_t name[] = "\4catz";
	const char *why = NULL;
	struct catalog *c;
	struct rbuf b;

	if (catalog_new(name, &c) != E_OK) {
		return 0;
	}
	rbuf_init(&b, data, len);
	while (rbuf_left(&b) > 0) {
		const uint8_t *owner = b.base + b.pos, *rdata;
		size_t n = name_check(owner, rbuf_left(&b));
		uint16_t type, class, rdlen;

		if (n == 0) {
			break;
		}
		rbuf_skip(&b, n);
		type = rbuf_u16(&b);
		class = rbuf_u16(&b);
		rdlen = rbuf_u16(&b);
		rdata = rbuf_take(&b, rdlen);
		if (rdata == NULL ||
		    catalog_add_record(owner, type, class, 0, rdata, rdlen,
			c) != E_OK) {
			break;
		}
	}
	if (catalog_finish(c, &why) == E_OK) {
		check(c);
	} else if (why == NULL || catalog_count(c) != 0) {
		abort();
	}
	catalog_free(c);
	return 0;
}
