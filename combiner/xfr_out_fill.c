/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The messages of a transfer out, batch by batch. */
#include <stdlib.h>
#include <string.h>

#include "combiner/store.h"
#include "combiner/xfr_out_inner.h"
#include "common/buf.h"
#include "common/errcode.h"

#define SMALL_BASE 12288 /* octets; its records are packed with ours */
#define HEADS_LEN 32768

void
xfr_batch_free(struct xfr_batch *b)
{
	if (b == NULL) {
		return;
	}
	for (size_t i = 0; i < b->nchunks; i++) {
		free(b->chunks[i]);
	}
	free(b->chunks);
	free(b->msgs);
	free(b);
}

/* Memory that lives as long as the batch. */
static int
add_chunk(struct xfr_batch *b, void *mem)
{
	if (b->nchunks == b->chunks_cap) {
		size_t cap = b->chunks_cap * 2 + 8;
		void **fresh = realloc(b->chunks, cap * sizeof(*fresh));
		if (fresh == NULL) {
			free(mem);
			return E_NOMEM;
		}
		b->chunks = fresh;
		b->chunks_cap = cap;
	}
	b->chunks[b->nchunks++] = mem;
	return E_OK;
}

static void
add_iov(struct xfr_batch *b, const void *data, size_t len)
{
	b->iov[b->niov].iov_base = (void *)(uintptr_t)data;
	b->iov[b->niov++].iov_len = len;
	b->octets += len;
}

/* A message that stands in memory of its own, with `cap` octets of room. */
static int
add_message(struct xfr_out *x, struct xfr_batch *b, uint8_t *frame, size_t len,
    size_t cap)
{
	int ret = add_chunk(b, frame);

	if (ret == E_OK && b->niov + b->nmsgs >= XFR_BATCH_IOV) {
		ret = E_LIMIT; /* xfr_out_fill() ends batches well before */
	}
	if (ret != E_OK) {
		return ret;
	}
	x->messages++;
	put_be16(frame, (uint16_t)len);
	if (x->tsig == NULL) {
		add_iov(b, frame, len + 2);
		return E_OK;
	}
	if (b->nmsgs == b->msgs_cap) {
		size_t n = b->msgs_cap * 2 + 8;
		struct xfr_msg *fresh = realloc(b->msgs, n * sizeof(*fresh));
		if (fresh == NULL) {
			return E_NOMEM;
		}
		b->msgs = fresh;
		b->msgs_cap = n;
	}
	b->msgs[b->nmsgs++] = (struct xfr_msg){frame, len, cap};
	b->octets += len + 2;
	return E_OK;
}

int
xfr_out_sign(struct xfr_out *x, struct xfr_batch *b)
{
	for (size_t i = 0; i < b->nmsgs; i++) {
		struct xfr_msg *m = &b->msgs[i];
		uint8_t *msg = m->octets + 2;
		int ret;
		if (m->len + x->tsig_len > m->cap) {
			ret = tsig_stream_skip(x->tsig, msg, m->len);
		} else {
			ret = tsig_stream_sign(x->tsig, msg, &m->len, m->cap,
			    b->now);
		}
		if (ret != E_OK) {
			return ret;
		}
		put_be16(m->octets, (uint16_t)m->len);
		add_iov(b, m->octets, m->len + 2);
	}
	return E_OK;
}

/* ---- messages that we build ---- */

/* OPT for the first message, and for each one where padding is due. */
static int
put_opt(struct xfr_out *x, struct dns_pack *p)
{
	uint8_t options[EDNS_PAD_BLOCK + 64];
	struct wbuf w;

	if (!x->edns.is_there || (x->first_sent && !x->pads)) {
		return E_OK;
	}
	wbuf_init(&w, options, sizeof(options));
	if (!x->first_sent && x->edns.wants_keepalive) {
		edns_put_keepalive(&w, x->c->conf->dns.idle_ms);
	}
	if (x->pads) {
		edns_put_padding(&w,
		    p->len + 1 + DNS_RR_FIXED + w.len + x->tsig_len,
		    EDNS_PAD_BLOCK);
	}
	return dns_pack_opt(p, EDNS_UDP_SIZE, 0, x->edns.dnssec_ok, options,
	    (uint16_t)w.len);
}

/* Room that stays behind the records: OPT with padding, TSIG. */
static size_t
tail_room(const struct xfr_out *x)
{
	size_t n = x->tsig_len;

	if (x->edns.is_there && (!x->first_sent || x->pads)) {
		n += 1 + DNS_RR_FIXED + 16 + (x->pads ? EDNS_PAD_BLOCK + 4 : 0);
	}
	return n;
}

static int
begin_pack(struct xfr_out *x, size_t len)
{
	x->pack_cap = len;
	x->pack_mem = malloc(len + 2);
	if (x->pack_mem == NULL) {
		return E_NOMEM;
	}
	dns_pack_init(&x->pack, x->pack_mem + 2, len - tail_room(x), x->id,
	    DNS_FLAG_QR | DNS_FLAG_AA);
	x->packing = true;
	return dns_pack_question(&x->pack, x->qname, x->qtype, DNS_IN);
}

static int
end_pack(struct xfr_out *x, struct xfr_batch *b)
{
	int ret;

	if (!x->packing) {
		return E_OK;
	}
	x->packing = false;
	x->pack.cap = x->pack_cap - x->tsig_len;
	ret = put_opt(x, &x->pack);
	if (ret != E_OK) {
		free(x->pack_mem);
		x->pack_mem = NULL;
		return ret;
	}
	x->first_sent = true;
	x->unsigned_run = 0;
	uint8_t *mem = x->pack_mem;
	x->pack_mem = NULL;
	return add_message(x, b, mem, dns_pack_finish(&x->pack), x->pack_cap);
}

struct fill {
	struct xfr_out *x;
	struct xfr_batch *b;
};

static int
put_record(const uint8_t *owner, uint16_t type, uint16_t class, uint32_t ttl,
    const uint8_t *rdata, uint16_t rdlen, void *arg)
{
	struct fill *f = arg;
	struct xfr_out *x = f->x;
	size_t len = XFR_PACK_LEN;

	for (;;) {
		bool fresh = !x->packing;
		int ret = fresh ? begin_pack(x, len) : E_OK;
		if (ret == E_OK) {
			ret = dns_pack_rr(&x->pack, owner, type, class, ttl,
			    rdata, rdlen);
		}
		if (ret != E_SPACE) {
			return ret;
		}
		if (!fresh) {
			ret = end_pack(x, f->b);
			if (ret != E_OK) {
				return ret;
			}
			continue;
		}
		/* alone in its message and still too large: the largest one */
		free(x->pack_mem);
		x->pack_mem = NULL;
		x->packing = false;
		if (len == DNS_MSG_MAX) {
			return E_LIMIT;
		}
		len = DNS_MSG_MAX;
	}
}

static int
put_flat(struct fill *f, const uint8_t *rr, size_t len)
{
	struct dns_rr r;

	if (!zrec_parse(rr, len, &r)) {
		return E_STORE;
	}
	return put_record(rr, r.type, r.class, r.ttl, rr + r.rdata, r.rdlen, f);
}

static int
put_soa(struct fill *f)
{
	struct xfr_out *x = f->x;

	return put_record(x->z->name, DNS_SOA, DNS_IN, x->soa_ttl, x->soa,
	    x->soa_len, f);
}

static int
put_apex(struct fill *f)
{
	const struct apex *a = f->x->apex;
	int ret = E_OK;

	for (unsigned i = 0; i < a->count; i++) {
		const struct rrset *s = &a->sets[i];
		for (uint16_t k = 0; ret == E_OK && k < s->count; k++) {
			uint16_t len;
			const uint8_t *rdata = rrset_rdata(s, k, &len);
			ret = put_record(f->x->z->name, s->type, DNS_IN,
			    s->ttl, rdata, len, f);
		}
	}
	return ret;
}

/* ---- messages of the base ---- */

/* Length of header and question of a stored message. */
static size_t
head_len(const uint8_t *msg, size_t len)
{
	size_t end = DNS_HEADER_LEN;

	if (len < DNS_HEADER_LEN) {
		return 0;
	}
	if (get_be16(msg + 4) == 1) {
		end = dns_skip_name(msg, len, end);
		if (end == 0 || len - end < 4) {
			return 0;
		}
		end += 4;
	}
	return end;
}

static void
patch_head(const struct xfr_out *x, uint8_t *msg, size_t hlen)
{
	put_be16(msg, x->id);
	if (hlen > DNS_HEADER_LEN) {
		put_be16(msg + hlen - 4, x->qtype);
	}
}

/* Straight from the file: only the head is ours. */
static int
pass_mapped(struct xfr_out *x, struct xfr_batch *b, const uint8_t *msg,
    size_t len, size_t hlen)
{
	if (b->heads_left < hlen + 2) {
		b->heads = malloc(HEADS_LEN);
		if (b->heads == NULL || add_chunk(b, b->heads) != E_OK) {
			b->heads_left = 0;
			return E_NOMEM;
		}
		b->heads_left = HEADS_LEN;
	}
	uint8_t *h = b->heads;
	put_be16(h, (uint16_t)len);
	memcpy(h + 2, msg, hlen);
	patch_head(x, h + 2, hlen);
	b->heads += hlen + 2;
	b->heads_left -= hlen + 2;
	add_iov(b, h, hlen + 2);
	add_iov(b, msg + hlen, len - hlen);
	x->messages++;
	return E_OK;
}

/* A copy, because TSIG or padding goes behind it. */
static int
pass_copied(struct xfr_out *x, struct xfr_batch *b, const uint8_t *msg,
    size_t len, size_t hlen)
{
	struct dns_pack p = {0};
	size_t cap = len + tail_room(x);
	uint8_t *frame;

	if (cap > DNS_MSG_MAX) {
		cap = DNS_MSG_MAX;
	}
	frame = malloc(cap + 2);
	if (frame == NULL) {
		return E_NOMEM;
	}
	memcpy(frame + 2, msg, len);
	patch_head(x, frame + 2, hlen);
	if (x->pads && len + tail_room(x) <= DNS_MSG_MAX) {
		p.msg = frame + 2;
		p.cap = cap;
		p.len = len;
		p.section = 1;
		p.count[0] = get_be16(msg + 4);
		p.count[1] = get_be16(msg + 6);
		if (put_opt(x, &p) == E_OK) {
			len = dns_pack_finish(&p);
		}
	}
	x->unsigned_run = x->tsig != NULL && len + x->tsig_len > cap
	    ? x->unsigned_run + 1
	    : 0;
	return add_message(x, b, frame, len, cap);
}

static int
put_base_message(struct fill *f)
{
	struct xfr_out *x = f->x;
	uint32_t k = x->k++;
	size_t len, hlen;
	const uint8_t *msg = base_message(x->data->base, k, &len);

	/* too full for a TSIG, and too many of those before it: split */
	bool split = x->tsig != NULL && len + x->tsig_len > DNS_MSG_MAX &&
	    x->unsigned_run + 1 >= TSIG_UNSIGNED_MAX;
	if (split || zdata_is_touched(x->data, k, x->version)) {
		return zdata_each_in_message(x->data, k, x->version,
		    put_record, f);
	}
	hlen = head_len(msg, len);
	if (hlen == 0) {
		return E_STORE;
	}
	int ret = end_pack(x, f->b);
	if (ret != E_OK) {
		return ret;
	}
	return x->tsig == NULL && !x->pads
	    ? pass_mapped(x, f->b, msg, len, hlen)
	    : pass_copied(x, f->b, msg, len, hlen);
}

/* ---- the whole zone ---- */

static bool
is_small(const struct zdata *d)
{
	return d->base->msgs_end <= SMALL_BASE && !d->base->is_mapped;
}

static int
fill_start(struct fill *f)
{
	struct xfr_out *x = f->x;
	int ret;

	if ((ret = base_need_index(x->data->base)) != E_OK ||
	    (ret = put_soa(f)) != E_OK || (ret = put_apex(f)) != E_OK) {
		return ret;
	}
	x->added = x->data->first;
	x->phase = XFR_ADDED;
	if (!is_small(x->data)) {
		return E_OK;
	}
	while (ret == E_OK && x->k < x->data->base->nmsgs) {
		ret = zdata_each_in_message(x->data, x->k++, x->version,
		    put_record, f);
	}
	return ret;
}

static int
fill_full(struct fill *f)
{
	struct xfr_out *x = f->x;
	int ret = E_OK;

	if (x->phase == XFR_START) {
		ret = fill_start(f);
	} else if (x->phase == XFR_ADDED && x->added != NULL) {
		const struct zrec *r = x->added;
		x->added = r->next;
		if (zrec_visible(r, x->version)) {
			ret = put_flat(f, r->rr, r->len);
		}
	} else if (x->phase == XFR_ADDED) {
		x->phase = XFR_BASE;
	} else if (x->phase == XFR_BASE && x->k < x->data->base->nmsgs) {
		ret = put_base_message(f);
	} else if (x->phase == XFR_BASE) {
		x->phase = XFR_END;
	} else {
		ret = put_soa(f);
		x->phase = XFR_DONE;
	}
	return ret;
}

/* ---- differences ---- */

/*
 * RFC 1995 4: old SOA, what goes, new SOA, what comes.  One record a call, as
 * an entry may be larger than a batch.
 */
static int
fill_entry(struct fill *f)
{
	struct xfr_out *x = f->x;
	const struct blob *entry = x->entries[x->entry];
	struct journal_reader *r = &x->reader;
	enum journal_part part;
	const uint8_t *rr;
	size_t len;
	int ret;

	if (!x->is_reading) {
		ret = journal_open(r, entry->data, entry->len);
		if (ret != E_OK) {
			return ret;
		}
		x->is_reading = true;
		return put_flat(f, x->is_second ? r->new_soa : r->old_soa,
		    x->is_second ? r->new_len : r->old_len);
	}
	ret = journal_next(r, &part, &rr, &len);
	if (ret == E_DONE) {
		x->is_reading = false;
		x->entry += x->is_second;
		x->is_second = !x->is_second;
		return E_OK;
	}
	bool is_add = part == JOURNAL_ADD_DATA || part == JOURNAL_ADD_APEX;
	return ret == E_OK && is_add == x->is_second ? put_flat(f, rr, len)
						     : ret;
}

static int
fill_diff(struct fill *f)
{
	struct xfr_out *x = f->x;
	int ret = E_OK;

	if (x->phase == XFR_START) {
		x->phase = XFR_BASE;
		return put_soa(f);
	}
	if (x->entry < x->nentries) {
		return fill_entry(f);
	}
	/* a lone SOA says: you have the newest one */
	if (x->nentries > 0) {
		ret = put_soa(f);
	}
	x->phase = XFR_DONE;
	return ret;
}

int
xfr_out_fill(struct xfr_out *x, struct xfr_batch *b)
{
	struct fill f = {x, b};
	int ret = E_OK;

	while (ret == E_OK && x->phase != XFR_DONE &&
	    b->octets < XFR_BATCH_OCTETS &&
	    b->niov + b->nmsgs < XFR_BATCH_IOV - 128) {
		ret = x->is_diff ? fill_diff(&f) : fill_full(&f);
	}
	if (ret == E_OK && x->phase == XFR_DONE) {
		ret = end_pack(x, b);
	}
	return ret;
}
