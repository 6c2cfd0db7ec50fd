/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What base.c and base_build.c share: the header of a base, and its sort. */
#ifndef COMBINER_BASE_FORMAT_H
#define COMBINER_BASE_FORMAT_H

#include <stddef.h>
#include <stdint.h>

#include "combiner/base.h"

#define BASE_MAGIC "PPHB"
#define BASE_VERSION 1

struct base_header { /* little-endian, BASE_HEADER_LEN octets */
	char magic[4];
	uint32_t version;
	uint32_t nmsgs, nrecords;
	uint64_t msgs_end; /* offset behind the last message */
	uint64_t table;    /* offset, 0 = neither table nor index stored */
	uint64_t index;
	uint64_t k0, k1;   /* key of the hashes */
	uint64_t reserved; /* 0 */
};

/* Ascending by hash, then offset (little-endian values).  E_NOMEM. */
int base_sort(struct base_entry *e, size_t count);

#endif
