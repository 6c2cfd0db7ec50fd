/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A journal entry as it stands in the store: read, and written again. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "combiner/journal.h"
#include "common/errcode.h"

static void
need(int is_so)
{
	if (!is_so) {
		abort();
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct journal_reader r;
	struct journal_writer w;
	enum journal_part part;
	struct blob *b = NULL;
	const uint8_t *rr;
	size_t n;
	int ret;

	if (journal_open(&r, data, len) != E_OK) {
		return 0;
	}
	journal_begin(&w, r.old_soa, r.old_len, r.new_soa, r.new_len);
	while ((ret = journal_next(&r, &part, &rr, &n)) == E_OK) {
		journal_put(&w, part, rr, n);
	}
	if (ret != E_DONE) {
		journal_abandon(&w);
		return 0;
	}
	need(journal_end(&w, &b) == E_OK);
	need(b->len == len && memcmp(b->data, data, len) == 0);
	blob_unref(b);
	return 0;
}
