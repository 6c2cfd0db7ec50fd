/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "combiner/base.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "combiner/base_format.h"
#include "common/buf.h"
#include "common/errcode.h"

/* Takes the numbers of the header over; E_STORE when they cannot be true. */
static int
read_header(struct base *b)
{
	struct base_header h;

	if (b->len < BASE_HEADER_LEN) {
		return E_STORE;
	}
	memcpy(&h, b->data, sizeof(h));
	if (memcmp(h.magic, BASE_MAGIC, 4) != 0 ||
	    le32toh(h.version) != BASE_VERSION) {
		return E_VERSION;
	}
	b->nmsgs = le32toh(h.nmsgs);
	b->nrecords = le32toh(h.nrecords);
	b->msgs_end = le64toh(h.msgs_end);
	b->key.k0 = le64toh(h.k0);
	b->key.k1 = le64toh(h.k1);
	uint64_t table = le64toh(h.table), index = le64toh(h.index);
	if (b->msgs_end < BASE_HEADER_LEN || b->msgs_end > b->len) {
		return E_STORE;
	}
	if (table == 0) {
		return E_OK;
	}
	/* neither lies outside, so no sum below can wrap */
	if (table > b->len || index > b->len || table < b->msgs_end ||
	    table % 4 != 0 || index % 8 != 0 ||
	    index < table + 4ull * b->nmsgs ||
	    b->len != index + 8ull * b->nrecords) {
		return E_STORE;
	}
	b->table = (const void *)(b->data + table);
	b->index = (const void *)(b->data + index);
	return E_OK;
}

int
base_open(const char *dir, const char *file, struct base **out)
{
	struct base *b = calloc(1, sizeof(*b));
	char path[4096];
	struct stat st;
	int fd = -1, ret = E_NOMEM;
	void *map;

	if (b == NULL || (b->file = strdup(file)) == NULL) {
		goto out;
	}
	b->refs = 1;
	(void)snprintf(path, sizeof(path), "%s/%s", dir, file);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) != 0) {
		ret = -errno;
		goto out;
	}
	b->len = (size_t)st.st_size;
	if (b->len < BASE_HEADER_LEN) {
		ret = E_STORE;
		goto out;
	}
	map = mmap(NULL, b->len, PROT_READ, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED) {
		ret = -errno;
		goto out;
	}
	b->data = map;
	b->is_mapped = true;
	ret = read_header(b);
	if (ret == E_OK && b->table == NULL) {
		ret = E_STORE; /* files have an index */
	}
out:
	if (fd >= 0) {
		(void)close(fd); /* read only: nothing can be lost */
	}
	if (ret != E_OK) {
		base_unref(b);
		b = NULL;
	}
	*out = b;
	return ret;
}

int
base_from_memory(uint8_t *data, size_t len, struct base **out)
{
	struct base *b = calloc(1, sizeof(*b));
	int ret;

	if (b == NULL) {
		free(data);
		return E_NOMEM;
	}
	b->refs = 1;
	b->data = data;
	b->len = len;
	ret = read_header(b);
	if (ret != E_OK) {
		base_unref(b);
		return ret;
	}
	*out = b;
	return E_OK;
}

struct base *
base_ref(struct base *b)
{
	b->refs++;
	return b;
}

void
base_unref(struct base *b)
{
	if (b == NULL || --b->refs > 0) {
		return;
	}
	if (b->is_mapped) {
		(void)munmap((void *)(uintptr_t)b->data, b->len);
	} else {
		free((void *)(uintptr_t)b->data);
	}
	free(b->own_index);
	free(b->file);
	free(b);
}

void
base_discard(struct base *b, const char *dir)
{
	char path[4096];

	if (b != NULL && b->file != NULL) {
		/* mapped pages stay until the last reader is done */
		(void)snprintf(path, sizeof(path), "%s/%s", dir, b->file);
		(void)unlink(path); /* else swept at the next start */
	}
	base_unref(b);
}

/* Walks all messages: fills table and index, or only counts (both NULL). */
static int
scan(const struct base *b, uint32_t *table, struct base_entry *index,
    uint32_t *nmsgs, uint32_t *nrecords)
{
	size_t pos = BASE_HEADER_LEN;
	uint32_t m = 0, r = 0;

	while (b->msgs_end - pos >= 2) {
		size_t len = get_be16(b->data + pos), start = pos + 2;
		struct dns_walk w;
		struct dns_rr rr;
		int ret;

		if (b->msgs_end - start < len ||
		    dns_walk_init(&w, b->data + start, len) != E_OK) {
			return E_STORE;
		}
		if (table != NULL) {
			table[m] = htole32((uint32_t)pos);
		}
		while ((ret = dns_walk_next(&w, &rr)) == E_OK) {
			uint64_t hash;
			if (index != NULL) {
				if (dns_rr_hash(&b->key, w.msg, len, &rr,
				    &hash) != E_OK) {
					return E_STORE;
				}
				index[r].hash =
				    htole32((uint32_t)(hash >> 32));
				index[r].offset =
				    htole32((uint32_t)start + rr.owner);
			}
			r++;
		}
		if (ret != E_DONE) {
			return E_STORE;
		}
		m++;
		pos = start + len;
	}
	*nmsgs = m;
	*nrecords = r;
	return E_OK;
}

int
base_need_index(struct base *b)
{
	uint32_t nmsgs, nrecords;
	uint32_t *table;
	int ret;

	if (b->index != NULL) {
		return E_OK;
	}
	ret = scan(b, NULL, NULL, &nmsgs, &nrecords);
	if (ret != E_OK) {
		return ret;
	}
	/* the index first, as it wants 8-octet alignment */
	size_t ilen = sizeof(struct base_entry) * (nrecords + 1ul);
	uint8_t *mem = malloc(ilen + sizeof(*table) * (nmsgs + 1ul));
	if (mem == NULL) {
		return E_NOMEM;
	}
	struct base_entry *index = (void *)mem;
	table = (void *)(mem + ilen);
	ret = scan(b, table, index, &nmsgs, &nrecords);
	if (ret == E_OK) {
		ret = base_sort(index, nrecords);
	}
	if (ret != E_OK) {
		free(mem);
		return ret;
	}
	b->own_index = mem;
	b->table = table;
	b->index = index;
	b->nmsgs = nmsgs;
	b->nrecords = nrecords;
	return E_OK;
}

const uint8_t *
base_message(const struct base *b, uint32_t k, size_t *len)
{
	size_t pos = le32toh(b->table[k]);

	if (pos < BASE_HEADER_LEN || pos > b->msgs_end - 2) {
		*len = 0;
		return b->data;
	}
	*len = get_be16(b->data + pos);
	if (b->msgs_end - pos - 2 < *len) {
		*len = 0;
	}
	return b->data + pos + 2;
}

uint32_t
base_message_at(const struct base *b, uint32_t offset)
{
	uint32_t lo = 0, hi = b->nmsgs;

	while (hi - lo > 1) {
		uint32_t mid = lo + (hi - lo) / 2;
		if (le32toh(b->table[mid]) <= offset) {
			lo = mid;
		} else {
			hi = mid;
		}
	}
	return lo;
}

bool
base_record(const struct base *b, uint32_t offset, const uint8_t **msg,
    size_t *len, struct dns_rr *rr)
{
	if (b->nmsgs == 0) {
		return false;
	}
	*msg = base_message(b, base_message_at(b, offset), len);
	size_t start = (size_t)(*msg - b->data);
	if (offset < start + DNS_HEADER_LEN || offset >= start + *len) {
		return false;
	}
	size_t at = offset - start, end = dns_skip_name(*msg, *len, at);
	if (end == 0 || *len - end < DNS_RR_FIXED) {
		return false;
	}
	const uint8_t *p = *msg + end;
	rr->owner = (uint32_t)at;
	rr->type = get_be16(p);
	rr->class = get_be16(p + 2);
	rr->ttl = get_be32(p + 4);
	rr->rdlen = get_be16(p + 8);
	rr->rdata = (uint32_t)(end + DNS_RR_FIXED);
	rr->section = 1;
	return *len - rr->rdata >= rr->rdlen;
}

uint32_t
base_find(const struct base *b, uint64_t hash, size_t *pos)
{
	uint32_t want = (uint32_t)(hash >> 32);

	if (*pos == 0) {
		size_t lo = 0, hi = b->nrecords;
		while (lo < hi) {
			size_t mid = lo + (hi - lo) / 2;
			if (le32toh(b->index[mid].hash) < want) {
				lo = mid + 1;
			} else {
				hi = mid;
			}
		}
		*pos = lo + 1;
	}
	size_t at = *pos - 1;
	if (at >= b->nrecords || le32toh(b->index[at].hash) != want) {
		return 0;
	}
	(*pos)++;
	return le32toh(b->index[at].offset);
}
