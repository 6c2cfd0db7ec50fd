/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the xfr_out*.c files share. */
#ifndef COMBINER_XFR_OUT_INNER_H
#define COMBINER_XFR_OUT_INNER_H

#include <stdbool.h>
#include <sys/uio.h>

#include "combiner/combiner.h"
#include "combiner/journal.h"
#include "combiner/xfr_out.h"
#include "combiner/zdata.h"
#include "common/dns_edns.h"
#include "common/dns_pack.h"

#define XFR_BATCH_IOV 960           /* below the kernel's 1024 */
#define XFR_BATCH_OCTETS (1u << 20) /* of one batch */
#define XFR_PACK_LEN 16384          /* messages that we build: spec 5.2 */
#define XFR_HEAD_MAX (2 + DNS_HEADER_LEN + NAME_MAX_LEN + 4)

/* Messages on their way to the socket. */
struct xfr_msg {
	uint8_t *octets; /* frame: length, message, room for TSIG */
	size_t len, cap; /* of the message */
};
struct xfr_batch {
	struct loop_job job;
	struct xfr_out *x;
	struct iovec iov[XFR_BATCH_IOV];
	unsigned niov;
	void **chunks; /* memory behind iov */
	size_t nchunks, chunks_cap;
	uint8_t *heads; /* of passed messages; a chunk */
	size_t heads_left;
	struct xfr_msg *msgs; /* with TSIG: to be signed, in order */
	size_t nmsgs, msgs_cap;
	size_t octets;
	int err;
	int64_t now;
};

enum xfr_phase {
	XFR_START = 0,
	XFR_ADDED = 1, /* records of the overlay */
	XFR_BASE = 2,
	XFR_END = 3,
	XFR_DONE = 4,
};

struct xfr_out {
	struct combiner *c;
	struct combiner_conf *conf; /* referenced */
	struct zone *z;      /* held */
	struct dns_answer *answer;
	/* the version that is shown */
	struct zdata *data;  /* referenced */
	struct apex *apex;   /* referenced */
	uint32_t version, serial, soa_ttl;
	uint8_t soa[2 * NAME_MAX_LEN + 20]; /* RDATA */
	uint16_t soa_len;
	/* the request */
	uint16_t id, qtype;
	uint8_t qname[NAME_MAX_LEN];
	struct edns edns;
	bool pads; /* TLS and OPT: RFC 9103 7.9 */
	struct tsig_stream *tsig;
	size_t tsig_len;
	/* differences, for IXFR */
	bool is_diff;
	struct blob **entries;
	size_t nentries, entry;
	struct journal_reader reader; /* of that entry */
	bool is_reading, is_second;   /* first what goes, then what comes */

	enum xfr_phase phase;
	const struct zrec *added;
	uint32_t k; /* next message of the base */
	bool packing, first_sent;
	uint8_t *pack_mem; /* frame under construction */
	size_t pack_cap;
	struct dns_pack pack;
	unsigned unsigned_run; /* messages since the last TSIG */
	/* bookkeeping */
	unsigned inflight;
	bool pumping, closed, failed, signing, counted;
	bool waiting; /* for entries from the store */
	uint64_t start_us, octets, messages;
};

/* Fills a batch; E_OK.  x->phase becomes XFR_DONE with the last message. */
int xfr_out_fill(struct xfr_out *x, struct xfr_batch *b);
/* Signs the messages of a batch in order (pool or loop). */
int xfr_out_sign(struct xfr_out *x, struct xfr_batch *b);
void xfr_batch_free(struct xfr_batch *b);

#endif
