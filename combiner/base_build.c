/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Building a base: messages in, file or memory block out.  See base.h. */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "combiner/base.h"
#include "combiner/base_format.h"
#include "common/buf.h"
#include "common/dns_pack.h"
#include "common/errcode.h"

#define FLUSH_AT (1u << 20) /* octets collected before they are written */
#define PACK_LEN 16384      /* messages that we build: spec 5.2 */
#define NAME_LEN 32

struct base_builder {
	char *dir;
	char file[NAME_LEN]; /* once there is one */
	int fd;              /* -1: all still in mem */
	struct dns_hash_key key;
	uint8_t *mem; /* not yet written; starts with the header at first */
	size_t mem_len, mem_cap;
	uint64_t written; /* octets in the file */
	uint32_t *table;
	size_t nmsgs, table_cap;
	struct base_entry *index;
	size_t nrecords, index_cap;
	bool packing;
	struct dns_pack pack; /* records added one by one */
	uint8_t pack_buf[DNS_MSG_MAX];
};

/* Room for `more` elements of `size` behind `count`, doubling. */
static int
grow(void *array, size_t *cap, size_t count, size_t more, size_t size)
{
	void **p = array;

	if (count + more <= *cap) {
		return E_OK;
	}
	size_t n = *cap == 0 ? 64 : *cap * 2;
	while (n < count + more) {
		n *= 2;
	}
	void *fresh = realloc(*p, n * size);
	if (fresh == NULL) {
		return E_NOMEM;
	}
	*p = fresh;
	*cap = n;
	return E_OK;
}

int
base_builder_new(const char *dir, const struct dns_hash_key *key,
    struct base_builder **out)
{
	struct base_builder *bb = malloc(sizeof(*bb));

	if (bb == NULL) {
		return E_NOMEM;
	}
	/* the 64 KiB of pack_buf stay untouched until they are needed */
	memset(bb, 0, offsetof(struct base_builder, pack));
	bb->fd = -1;
	bb->key = *key;
	bb->dir = strdup(dir);
	if (bb->dir == NULL ||
	    grow(&bb->mem, &bb->mem_cap, 0, 1024, 1) != E_OK) {
		base_builder_free(bb);
		return E_NOMEM;
	}
	memset(bb->mem, 0, BASE_HEADER_LEN);
	bb->mem_len = BASE_HEADER_LEN;
	*out = bb;
	return E_OK;
}

static void
remove_file(struct base_builder *bb)
{
	char path[4096];

	if (bb->fd < 0) {
		return;
	}
	(void)close(bb->fd); /* thrown away: errors do not matter */
	(void)snprintf(path, sizeof(path), "%s/%s", bb->dir, bb->file);
	(void)unlink(path); /* left-overs are swept at the next start */
	bb->fd = -1;
}

void
base_builder_free(struct base_builder *bb)
{
	if (bb == NULL) {
		return;
	}
	remove_file(bb);
	free(bb->dir);
	free(bb->mem);
	free(bb->table);
	free(bb->index);
	free(bb);
}

static int
write_all(int fd, const void *data, size_t len, uint64_t at)
{
	const uint8_t *p = data;

	while (len > 0) {
		ssize_t n = pwrite(fd, p, len, (off_t)at);
		if (n < 0 && errno == EINTR) {
			continue;
		}
		if (n <= 0) {
			return n < 0 ? -errno : E_STORE;
		}
		p += n;
		at += (uint64_t)n;
		len -= (size_t)n;
	}
	return E_OK;
}

/* Writes what is in memory; the first time it makes the file. */
static int
flush(struct base_builder *bb)
{
	char path[4096];
	uint64_t id;
	int ret;

	if (bb->fd < 0) {
		if (getrandom(&id, sizeof(id), 0) != sizeof(id)) {
			return E_SYSTEM;
		}
		(void)snprintf(bb->file, sizeof(bb->file), "%016llx.base",
		    (unsigned long long)id);
		(void)snprintf(path, sizeof(path), "%s/%s", bb->dir, bb->file);
		bb->fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
		if (bb->fd < 0) {
			return -errno;
		}
	}
	ret = write_all(bb->fd, bb->mem, bb->mem_len, bb->written);
	if (ret == E_OK) {
		bb->written += bb->mem_len;
		bb->mem_len = 0;
	}
	return ret;
}

int
base_builder_message(struct base_builder *bb, const uint8_t *msg, size_t len,
    const struct dns_rr *rrs, const uint32_t *hashes, size_t count)
{
	uint64_t at = bb->written + bb->mem_len;
	size_t end;
	int ret;

	if (count == 0) {
		return E_OK;
	}
	end = rrs[count - 1].rdata + rrs[count - 1].rdlen;
	/* offsets are 32 bit; the index stands behind */
	if (at + 2 + end > UINT32_MAX || end > len) {
		return E_LIMIT;
	}
	if ((ret = grow(&bb->mem, &bb->mem_cap, bb->mem_len, end + 2, 1)) !=
	        E_OK ||
	    (ret = grow(&bb->table, &bb->table_cap, bb->nmsgs, 1,
	        sizeof(*bb->table))) != E_OK ||
	    (ret = grow(&bb->index, &bb->index_cap, bb->nrecords, count,
	        sizeof(*bb->index))) != E_OK) {
		return ret;
	}
	uint8_t *to = bb->mem + bb->mem_len;
	put_be16(to, (uint16_t)end);
	to += 2;
	memcpy(to, msg, end);
	put_be16(to, 0);
	put_be16(to + 2, DNS_FLAG_QR | DNS_FLAG_AA);
	put_be16(to + 6, (uint16_t)count);
	memset(to + 8, 0, 4);
	if (get_be16(to + 4) == 1) {
		/* question: name, then the type */
		size_t qend = dns_skip_name(to, end, DNS_HEADER_LEN);
		if (qend == 0) {
			return E_MALF;
		}
		put_be16(to + qend, DNS_AXFR);
	}
	bb->table[bb->nmsgs++] = htole32((uint32_t)at);
	for (size_t i = 0; i < count; i++) {
		struct base_entry *e = &bb->index[bb->nrecords++];
		e->hash = htole32(hashes[i]);
		e->offset = htole32((uint32_t)at + 2 + rrs[i].owner);
	}
	bb->mem_len += end + 2;
	return bb->mem_len >= FLUSH_AT ? flush(bb) : E_OK;
}

/* Ends the message that is being packed and adds it as any other. */
static int
flush_pack(struct base_builder *bb)
{
	struct dns_rr *rrs = NULL;
	uint32_t *hashes = NULL;
	struct dns_walk w;
	size_t n = 0;
	int ret;

	if (!bb->packing) {
		return E_OK;
	}
	bb->packing = false;
	size_t len = dns_pack_finish(&bb->pack);
	unsigned count = bb->pack.count[1];
	rrs = malloc((count + 1) * sizeof(*rrs));
	hashes = malloc((count + 1) * sizeof(*hashes));
	if (rrs == NULL || hashes == NULL) {
		ret = E_NOMEM;
		goto out;
	}
	ret = dns_walk_init(&w, bb->pack_buf, len);
	while (ret == E_OK && n < count &&
	    (ret = dns_walk_next(&w, &rrs[n])) == E_OK) {
		uint64_t hash;
		ret = dns_rr_hash(&bb->key, bb->pack_buf, len, &rrs[n], &hash);
		hashes[n++] = (uint32_t)(hash >> 32);
	}
	if (ret == E_OK) {
		ret = base_builder_message(bb, bb->pack_buf, len, rrs, hashes,
		    n);
	}
out:
	free(rrs);
	free(hashes);
	return ret;
}

int
base_builder_rr(struct base_builder *bb, const uint8_t *zone,
    const uint8_t *owner, uint16_t type, uint16_t class, uint32_t ttl,
    const uint8_t *rdata, uint16_t rdlen)
{
	size_t cap = PACK_LEN;
	int ret;

	for (;;) {
		bool fresh = !bb->packing;
		if (fresh) {
			dns_pack_init(&bb->pack, bb->pack_buf, cap, 0,
			    DNS_FLAG_QR | DNS_FLAG_AA);
			ret = dns_pack_question(&bb->pack, zone, DNS_AXFR,
			    DNS_IN);
			if (ret != E_OK) {
				return ret;
			}
			bb->packing = true;
		}
		ret = dns_pack_rr(&bb->pack, owner, type, class, ttl, rdata,
		    rdlen);
		if (ret == E_OK && cap == DNS_MSG_MAX) {
			return flush_pack(bb); /* alone in its message */
		}
		if (ret != E_SPACE) {
			return ret;
		}
		if (fresh && cap == DNS_MSG_MAX) {
			return E_LIMIT; /* fits into no message */
		}
		if (fresh) {
			bb->packing = false; /* empty: again, larger */
			cap = DNS_MSG_MAX;
			continue;
		}
		ret = flush_pack(bb);
		if (ret != E_OK) {
			return ret;
		}
	}
}

uint32_t
base_builder_count(const struct base_builder *bb)
{
	return (uint32_t)bb->nrecords + (bb->packing ? bb->pack.count[1] : 0u);
}

uint64_t
base_builder_octets(const struct base_builder *bb)
{
	return bb->written + bb->mem_len;
}

static int
entry_cmp(const void *av, const void *bv)
{
	const struct base_entry *a = av, *b = bv;
	uint32_t ah = le32toh(a->hash), bh = le32toh(b->hash);

	if (ah != bh) {
		return ah < bh ? -1 : 1;
	}
	uint32_t ao = le32toh(a->offset), bo = le32toh(b->offset);
	return ao < bo ? -1 : ao > bo;
}

int
base_sort(struct base_entry *e, size_t count)
{
	enum { BITS = 11, SLOTS = 1 << BITS, PASSES = 3 };
	struct base_entry *tmp, *from = e, *to;

	if (count == 0) {
		return E_OK; /* e may be NULL */
	}
	if (count < SLOTS) {
		qsort(e, count, sizeof(*e), entry_cmp);
		return E_OK;
	}
	/* radix sort, least digit first: stable, so offsets stay ascending */
	tmp = malloc(count * sizeof(*e));
	if (tmp == NULL) {
		return E_NOMEM;
	}
	to = tmp;
	for (unsigned pass = 0; pass < PASSES; pass++) {
		uint32_t sum = 0, at[SLOTS] = {0};
		unsigned shift = pass * BITS;
		for (size_t i = 0; i < count; i++) {
			at[(le32toh(from[i].hash) >> shift) & (SLOTS - 1)]++;
		}
		for (unsigned i = 0; i < SLOTS; i++) {
			uint32_t n = at[i];
			at[i] = sum;
			sum += n;
		}
		for (size_t i = 0; i < count; i++) {
			unsigned d = (le32toh(from[i].hash) >> shift) &
			    (SLOTS - 1);
			to[at[d]++] = from[i];
		}
		struct base_entry *swap = from;
		from = to;
		to = swap;
	}
	memcpy(e, from, count * sizeof(*e)); /* three passes end in tmp */
	free(tmp);
	return E_OK;
}

static void
fill_header(const struct base_builder *bb, uint8_t out[BASE_HEADER_LEN],
    uint64_t msgs_end, uint64_t table, uint64_t index)
{
	struct base_header h = {.magic = BASE_MAGIC};

	h.version = htole32(BASE_VERSION);
	h.nmsgs = htole32((uint32_t)bb->nmsgs);
	h.nrecords = htole32((uint32_t)bb->nrecords);
	h.msgs_end = htole64(msgs_end);
	h.table = htole64(table);
	h.index = htole64(index);
	h.k0 = htole64(bb->key.k0);
	h.k1 = htole64(bb->key.k1);
	memcpy(out, &h, sizeof(h));
}

static int
finish_memory(struct base_builder *bb, struct base **out)
{
	fill_header(bb, bb->mem, bb->mem_len, 0, 0);
	uint8_t *data = realloc(bb->mem, bb->mem_len);
	if (data == NULL) {
		data = bb->mem; /* not smaller, but good */
	}
	bb->mem = NULL;
	return base_from_memory(data, bb->mem_len, out);
}

static int
sync_dir(const char *dir)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int ret = fd < 0 || fsync(fd) != 0 ? -errno : E_OK;

	if (fd >= 0) {
		(void)close(fd); /* nothing was written through it */
	}
	return ret;
}

static int
finish_file(struct base_builder *bb, struct base **out)
{
	uint8_t head[BASE_HEADER_LEN], zero[8] = {0};
	uint64_t end, table, index;
	int ret = flush(bb);

	if (ret != E_OK) {
		return ret;
	}
	end = bb->written;
	table = (end + 7) & ~7ull;
	index = (table + 4ull * bb->nmsgs + 7) & ~7ull;
	fill_header(bb, head, end, table, index);
	if ((ret = write_all(bb->fd, head, sizeof(head), 0)) != E_OK ||
	    (ret = write_all(bb->fd, zero, table - end, end)) != E_OK ||
	    (ret = write_all(bb->fd, bb->table, 4 * bb->nmsgs, table)) !=
	        E_OK ||
	    (ret = write_all(bb->fd, zero, index - table - 4 * bb->nmsgs,
	        table + 4 * bb->nmsgs)) != E_OK ||
	    (ret = write_all(bb->fd, bb->index, 8 * bb->nrecords, index)) !=
	        E_OK) {
		return ret;
	}
	if (ftruncate(bb->fd, (off_t)(index + 8 * bb->nrecords)) != 0 ||
	    fdatasync(bb->fd) != 0) {
		return -errno;
	}
	ret = sync_dir(bb->dir);
	if (ret == E_OK) {
		ret = base_open(bb->dir, bb->file, out);
	}
	if (ret == E_OK) {
		(void)close(bb->fd); /* synced already */
		bb->fd = -1;         /* the file stays */
	}
	return ret;
}

/* Records that stand twice, by comparing neighbours of one hash. */
static int
find_dups(const struct base *b, const struct base_entry *e, size_t count,
    uint32_t **dups, size_t *ndups)
{
	size_t cap = 0;

	for (size_t i = 0, first = 0; i < count; i++) {
		const uint8_t *am, *bm;
		size_t al, bl;
		struct dns_rr a, r;

		if (e[i].hash != e[first].hash) {
			first = i;
		}
		for (size_t k = first; k < i; k++) {
			if (!base_record(b, le32toh(e[k].offset), &am, &al, &a) ||
			    !base_record(b, le32toh(e[i].offset), &bm, &bl, &r)) {
				return E_STORE;
			}
			if (!dns_rr_same(am, al, &a, bm, bl, &r)) {
				continue;
			}
			int ret = grow(dups, &cap, *ndups, 1, sizeof(**dups));
			if (ret != E_OK) {
				return ret;
			}
			(*dups)[(*ndups)++] = le32toh(e[i].offset);
			break;
		}
	}
	return E_OK;
}

int
base_builder_finish(struct base_builder *bb, struct base **out,
    uint32_t **dups, size_t *ndups)
{
	struct base *b = NULL;
	int ret = flush_pack(bb);

	*dups = NULL;
	*ndups = 0;
	if (ret == E_OK) {
		ret = base_sort(bb->index, bb->nrecords);
	}
	if (ret != E_OK) {
		goto out;
	}
	ret = bb->fd < 0 && bb->mem_len <= BASE_INLINE_MAX
	    ? finish_memory(bb, &b)
	    : finish_file(bb, &b);
	if (ret != E_OK) {
		goto out;
	}
	uint32_t *table = NULL;
	if (b->table == NULL) {
		/* base_record() wants the table; lend it for the comparison */
		table = bb->table;
		b->table = table;
	}
	ret = find_dups(b, bb->index, bb->nrecords, dups, ndups);
	if (table != NULL) {
		b->table = NULL;
	}
out:
	if (ret != E_OK) {
		free(*dups);
		*dups = NULL;
		*ndups = 0;
		base_discard(b, bb->dir);
		b = NULL;
	}
	base_builder_free(bb);
	*out = b;
	return ret;
}
