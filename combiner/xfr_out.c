/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 *   service_dns.c -> xfr_out_start -> may it? which version? -> differences
 *     from memory or store -> pump: fill a batch (xfr_out_fill.c) -> sign in
 *     the pool -> dns_answer_write -> on_written -> pump …
 */
#include "combiner/xfr_out.h"

#include <stdlib.h>
#include <string.h>

#include "combiner/store.h"
#include "combiner/xfr_out_inner.h"
#include "common/buf.h"
#include "common/errcode.h"

#define ENTRIES_MAX (64u << 20) /* octets of differences held for one */
#define SIGN_INLINE 32768 /* octets signed in the loop; more goes to the pool */

unsigned
xfr_out_running(const struct combiner *c)
{
	return c->transfers_out;
}

static const char *
op_name(const struct xfr_out *x)
{
	return x->is_diff ? "ixfr-out" : "axfr-out";
}

static void
tell_end(const struct xfr_out *x)
{
	char name[NAME_STRLEN], peer[NET_ADDR_STRLEN];
	struct log_fields f = {
	    .zone = name_to_str(x->z->name, name),
	    .op = op_name(x),
	    .peer = net_addr_str(dns_answer_peer(x->answer), peer),
	    .proto = dns_proto_str(dns_answer_proto(x->answer)),
	    .serial = log_serial(x->serial),
	    .dur_us =
	        (int64_t)(loop_now_us(x->c->loop) - x->start_us),
	};

	if (x->failed || x->closed) {
		log_warning(&f, "broken off after %llu octets",
		    (unsigned long long)x->octets);
	} else {
		log_info(&f, "%llu messages, %llu octets",
		    (unsigned long long)x->messages,
		    (unsigned long long)x->octets);
	}
}

static void
xfr_free(struct xfr_out *x)
{
	if (x->counted) {
		x->c->transfers_out--;
	}
	if (x->version != 0) {
		tell_end(x);
	}
	if (x->failed) {
		dns_answer_abort(x->answer);
	} else {
		dns_answer_end(x->answer);
	}
	for (size_t i = 0; i < x->nentries; i++) {
		blob_unref(x->entries[i]);
	}
	free(x->entries);
	free(x->pack_mem);
	tsig_stream_free(x->tsig);
	zdata_unref(x->data);
	apex_unref(x->apex);
	zone_release(x->z);
	combiner_conf_unref(x->conf);
	free(x);
}

static void pump(struct xfr_out *x);

/* A batch has left, or never will. */
static void
on_written(void *arg, int err)
{
	struct xfr_batch *b = arg;
	struct xfr_out *x = b->x;

	if (err == E_OK) {
		x->octets += b->octets;
	} else {
		x->closed = true;
	}
	xfr_batch_free(b);
	x->inflight--;
	pump(x);
}

static void
send_batch(struct xfr_out *x, struct xfr_batch *b)
{
	int ret;

	if (b->niov == 0) {
		on_written(b, E_OK);
		return;
	}
	if (dns_answer_proto(x->answer) == DNS_UDP) {
		const uint8_t *frame = b->iov[0].iov_base;
		ret = dns_answer_send(x->answer, frame + 2,
		    b->iov[0].iov_len - 2);
		on_written(b, ret);
		return;
	}
	ret = dns_answer_write(x->answer, b->iov, b->niov, on_written, b);
	if (ret != E_OK) {
		on_written(b, ret);
	}
}

static void
sign_work(struct loop_job *job)
{
	struct xfr_batch *b = job->arg;

	b->err = xfr_out_sign(b->x, b);
}

static void
sign_done(struct loop_job *job, int status)
{
	struct xfr_batch *b = job->arg;
	struct xfr_out *x = b->x;

	x->signing = false;
	if (status != E_OK || b->err != E_OK || x->closed) {
		x->failed = !x->closed;
		xfr_batch_free(b);
		x->inflight--;
		pump(x);
		return;
	}
	send_batch(x, b);
}

/* Hands the batch on: to the pool if much is to be signed, else out. */
static int
dispatch(struct xfr_out *x, struct xfr_batch *b)
{
	int ret = E_OK;

	b->now = loop_wall_sec(x->c->loop);
	if (x->tsig != NULL && b->octets > SIGN_INLINE) {
		b->job.work = sign_work;
		b->job.done = sign_done;
		b->job.arg = b;
		x->inflight++;
		x->signing = true;
		ret = loop_job_start(x->c->loop, &b->job);
		if (ret != E_OK) {
			x->signing = false;
			x->inflight--;
		}
		return ret;
	}
	if (x->tsig != NULL) {
		ret = xfr_out_sign(x, b);
	}
	if (ret == E_OK) {
		x->inflight++;
		send_batch(x, b);
	}
	return ret;
}

/*
 * Goes on until the socket has enough.  Each batch ends in on_written, maybe
 * before dispatch() returns, which then only marks that there is room.
 */
static void
pump(struct xfr_out *x)
{
	if (x->pumping) {
		return;
	}
	x->pumping = true;
	while (!x->closed && !x->failed && x->phase != XFR_DONE &&
	    !x->signing && x->inflight < 3 &&
	    dns_answer_queued(x->answer) < STREAM_HIGH) {
		struct xfr_batch *b = calloc(1, sizeof(*b));
		if (b == NULL) {
			x->failed = true;
			break;
		}
		b->x = x;
		int ret = xfr_out_fill(x, b);
		if (ret == E_OK) {
			ret = dispatch(x, b);
		}
		if (ret != E_OK) {
			xfr_batch_free(b);
			x->failed = true;
		}
	}
	x->pumping = false;
	if (x->inflight == 0 && (x->closed || x->failed ||
	                            x->phase == XFR_DONE)) {
		xfr_free(x);
	}
}

/* ---- choosing what to send ---- */

static void
on_close(void *arg)
{
	struct xfr_out *x = arg;

	x->closed = true;
	if (!x->waiting) {
		pump(x); /* frees it when nothing is under way */
	}
}

static void
on_entries(void *arg, int err, struct blob *const *entries, size_t count)
{
	struct xfr_out *x = arg;

	x->waiting = false;
	if (err == E_OK) {
		x->entries = malloc(count * sizeof(*x->entries));
		if (x->entries != NULL) {
			for (size_t i = 0; i < count; i++) {
				x->entries[i] = blob_ref(entries[i]);
			}
			x->nentries = count;
			x->is_diff = true;
		}
	}
	/* no chain from there: the whole zone (RFC 1995 4) */
	pump(x);
}

/* Serial in the authority section of an IXFR query. */
static int
asked_serial(const uint8_t *msg, size_t len, uint32_t *serial)
{
	uint8_t rdata[DNS_MSG_MAX];
	struct dns_walk w;
	struct dns_rr rr;
	struct dns_soa soa;

	if (dns_walk_init(&w, msg, len) != E_OK) {
		return E_MALF;
	}
	while (dns_walk_next(&w, &rr) == E_OK) {
		if (rr.section != 2 || rr.type != DNS_SOA) {
			continue;
		}
		int n = dns_rdata_expand(msg, len, &rr, false, rdata,
		    sizeof(rdata));
		if (n < 0 || dns_soa_read(rdata, (size_t)n, &soa) != E_OK) {
			return E_MALF;
		}
		*serial = soa.serial;
		return E_OK;
	}
	return E_MALF;
}

static void
start_ixfr(struct xfr_out *x, uint32_t serial)
{
	struct zone *z = x->z;

	if (!serial_gt(x->serial, serial) ||
	    dns_answer_proto(x->answer) == DNS_UDP) {
		/* nothing newer; or UDP, where one SOA says: use TCP */
		x->is_diff = true;
		pump(x);
		return;
	}
	if (z->last_entry != NULL && z->last_from == serial) {
		x->entries = malloc(sizeof(*x->entries));
		if (x->entries != NULL) {
			x->entries[0] = blob_ref(z->last_entry);
			x->nentries = 1;
			x->is_diff = true;
		}
		pump(x);
		return;
	}
	x->waiting = true;
	/* more octets than the zone itself has are not worth it, nor the memory */
	uint64_t limit = x->data->base->len + 65536;
	if (limit > ENTRIES_MAX) {
		limit = ENTRIES_MAX;
	}
	if (store_entries(x->c->store, z->id, serial, x->version, limit,
	        on_entries, x) != E_OK) {
		on_entries(x, E_NOMEM, NULL, 0);
	}
}

/* RCODE for this request, DNS_NOERROR: may go on. */
static unsigned
judge(struct combiner *c, struct zone *z, const struct dns_request *req,
    const struct tsig_state *tsig, uint16_t qtype)
{
	struct acl_subject who = {
	    .addr = req->peer,
	    .key = tsig != NULL ? tsig->key : NULL,
	    .pin = req->pin,
	    .is_tls = req->proto == DNS_TLS,
	};

	if (z == NULL) {
		return DNS_NOTAUTH;
	}
	if (z->is_catalog ||
	    !acl_allows(z->rules->acl, z->rules->nacl, &who, ACL_TRANSFER)) {
		return DNS_REFUSED;
	}
	if (req->proto == DNS_UDP && qtype == DNS_AXFR) {
		return DNS_FORMERR; /* RFC 5936 4.2 knows TCP only */
	}
	if (!z->has_out || z->data == NULL || z->expired_stop ||
	    c->transfers_out >= c->conf->transfers_out) {
		return DNS_SERVFAIL;
	}
	return DNS_NOERROR;
}

static void
refuse(struct combiner *c, struct zone *z, const struct dns_request *req,
    const uint8_t *msg, size_t len, struct tsig_state *tsig, unsigned rcode)
{
	uint8_t out[DNS_HEADER_LEN + NAME_MAX_LEN + 4 + 512];
	char name[NAME_STRLEN], peer[NET_ADDR_STRLEN];
	struct dns_walk w;
	size_t n;

	c->stats.refused++;
	log_limited(&c->refused_log, loop_now_ms(c->loop), LOG_LEVEL_WARNING,
	    F(.zone = z != NULL ? name_to_str(z->name, name) : NULL,
	        .op = "xfr-out", .peer = net_addr_str(req->peer, peer),
	        .proto = dns_proto_str(req->proto)),
	    "transfer not given: %s", dns_rcode_str(rcode));
	if (dns_walk_init(&w, msg, len) == E_OK && w.pos <= sizeof(out) - 512) {
		n = w.pos;
		memcpy(out, msg, n);
		memset(out + 6, 0, 6);
		put_be16(out + 2,
		    (uint16_t)(DNS_FLAG_QR | (w.h.flags & 0x7900u) | rcode));
		if (tsig == NULL ||
		    tsig_sign_answer(out, &n, sizeof(out), tsig,
		        loop_wall_sec(c->loop), 0) == E_OK) {
			(void)dns_answer_send(req->answer, out, n);
		}
	}
	dns_answer_end(req->answer);
}

static int
take_version(struct xfr_out *x, struct zone *z)
{
	int n = zone_out_soa(z, x->soa, &x->soa_ttl);

	if (n < 0) {
		return n;
	}
	x->soa_len = (uint16_t)n;
	x->serial = z->out_serial;
	x->version = z->seq;
	x->data = zdata_ref(z->data);
	x->apex = apex_ref(z->out_apex);
	return E_OK;
}

void
xfr_out_start(struct combiner *c, struct zone *z,
    const struct dns_request *req, const uint8_t *msg, size_t len,
    struct tsig_state *tsig)
{
	struct dns_walk w;
	struct xfr_out *x = NULL;
	uint32_t serial = 0;
	unsigned rcode = DNS_FORMERR;

	if (dns_walk_init(&w, msg, len) != E_OK || w.qname == 0) {
		goto refuse;
	}
	rcode = judge(c, z, req, tsig, w.qtype);
	if (rcode == DNS_NOERROR && w.qtype == DNS_IXFR &&
	    asked_serial(msg, len, &serial) != E_OK) {
		rcode = DNS_FORMERR;
	}
	if (rcode != DNS_NOERROR) {
		goto refuse;
	}
	rcode = DNS_SERVFAIL;
	x = calloc(1, sizeof(*x));
	if (x == NULL || edns_read(msg, len, &x->edns) != E_OK ||
	    name_from_msg(msg, len, w.qname, x->qname, NULL) < 0 ||
	    (tsig != NULL && tsig_stream_new(tsig, &x->tsig) != E_OK) ||
	    take_version(x, z) != E_OK) {
		goto refuse;
	}
	x->c = c;
	x->conf = combiner_conf_ref(c->conf); /* the TSIG key is its */
	x->z = z;
	zone_hold(z);
	x->answer = req->answer;
	x->id = w.h.id;
	x->qtype = w.qtype;
	x->pads = x->edns.is_there && req->proto == DNS_TLS;
	x->tsig_len = tsig != NULL ? tsig_wire_len(tsig->key) : 0;
	x->start_us = loop_now_us(c->loop);
	x->counted = true;
	c->transfers_out++;
	dns_answer_on_close(x->answer, on_close, x);
	if (w.qtype == DNS_IXFR) {
		c->stats.ixfr_out++;
		start_ixfr(x, serial);
	} else {
		c->stats.axfr_out++;
		pump(x);
	}
	return;
refuse:
	if (x != NULL) {
		tsig_stream_free(x->tsig);
		zdata_unref(x->data);
		apex_unref(x->apex);
		free(x);
	}
	refuse(c, z, req, msg, len, tsig, rcode);
}
