/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Before a zone is published for the first time - new, or its state file was
 * lost - the signers are asked what serial they have, and the line of serials
 * goes on behind it (spec/combiner.md 4).  The first answer counts; silence
 * costs signer-serial-wait once.
 */
#include <stdlib.h>
#include <string.h>

#include "combiner/combiner.h"
#include "combiner/target.h"
#include "combiner/zone_op.h"
#include "common/buf.h"
#include "common/dns_pack.h"
#include "common/errcode.h"

struct ask {
	struct zone_op *op;
	struct combiner_conf *conf; /* referenced: its keys are in use */
	size_t next; /* target to be asked next */
	unsigned key; /* of its keys the one to be used */
};

static int ask_next(struct ask *a);

bool
zone_serial_must_ask(const struct zone *z)
{
	return !z->has_out && !z->serial_asked && !z->is_catalog &&
	    z->rules->signer_serial_wait_ms > 0 && z->rules->nnotify > 0;
}

static int
answer_serial(const struct zone *z, const uint8_t *msg, size_t len,
    uint32_t *serial)
{
	uint8_t owner[NAME_MAX_LEN], rdata[DNS_MSG_MAX];
	struct dns_walk w;
	struct dns_rr rr;
	struct dns_soa soa;

	if (dns_walk_init(&w, msg, len) != E_OK ||
	    dns_flags_rcode(w.h.flags) != DNS_NOERROR) {
		return E_NOENT;
	}
	while (dns_walk_next(&w, &rr) == E_OK) {
		if (rr.section != 1 || rr.type != DNS_SOA ||
		    name_from_msg(msg, len, rr.owner, owner, NULL) < 0 ||
		    !name_equal(owner, z->name)) {
			continue;
		}
		int n = dns_rdata_expand(msg, len, &rr, true, rdata,
		    sizeof(rdata));
		if (n > 0 && dns_soa_read(rdata, (size_t)n, &soa) == E_OK) {
			*serial = soa.serial;
			return E_OK;
		}
	}
	return E_NOENT;
}

static void
finish(struct ask *a, int err)
{
	struct zone_op *op = a->op;

	combiner_conf_unref(a->conf);
	free(a);
	op->z->serial_asked = true;
	if (err == E_OK) {
		err = op->z->gone ? E_CANCEL : zone_op_prepare(op);
	}
	if (err != E_AGAIN) {
		zone_op_prepared(op, err);
	}
}

static void
on_answer(struct dns_exchange *x, int err, uint8_t *msg, size_t len, void *arg)
{
	struct ask *a = arg;
	struct zone *z = a->op->z;
	char name[NAME_STRLEN];

	(void)x; /* over after this call */
	if (err == E_CANCEL) {
		finish(a, err);
		return;
	}
	if (err == E_OK &&
	    answer_serial(z, msg, len, &z->serial_floor) == E_OK) {
		z->has_floor = true;
		log_info(F(.zone = name_to_str(z->name, name),
		             .op = "publish",
		             .serial = log_serial(z->serial_floor)),
		    "a signer has this serial: going on behind it");
		finish(a, E_OK);
		return;
	}
	/* in the middle of a key roll it may know another one of our keys */
	a->key = err == E_BADKEY ? a->key + 1 : 0;
	a->next += a->key == 0;
	if (ask_next(a) != E_OK) {
		finish(a, E_OK); /* nobody knows: the owner's serial */
	}
}

static int
ask_next(struct ask *a)
{
	struct zone *z = a->op->z;
	size_t n;
	struct dns_exchange_opts opts = {.tries = 1};
	uint8_t msg[DNS_HEADER_LEN + NAME_MAX_LEN + 4];
	struct dns_exchange *x;
	struct dns_pack p;
	struct target t;

	if (z->gone) { /* its rules may be, too */
		return E_NOENT;
	}
	if (a->key > 0 && a->key >= target_nkeys(z->rules->notify,
		z->rules->nnotify, a->next)) {
		a->key = 0;
		a->next++;
	}
	if (target_get(z->rules->notify, z->rules->nnotify, a->next, &t) !=
	    E_OK) {
		return E_NOENT;
	}
	/* a reload may have given it others since the last one was asked */
	combiner_conf_unref(a->conf);
	a->conf = combiner_conf_ref(z->combiner->conf);
	n = target_count(z->rules->notify, z->rules->nnotify);
	target_peer(&t, a->key, &opts.peer);
	opts.peer.tls = NULL; /* as NOTIFY: Do53 with TSIG (spec 9, point 10) */
	opts.timeout_ms = (unsigned)(z->rules->signer_serial_wait_ms / n);
	dns_pack_init(&p, msg, sizeof(msg), 0, 0);
	int ret = dns_pack_question(&p, z->name, DNS_SOA, DNS_IN);
	if (ret == E_OK) {
		ret = dns_exchange_start(z->combiner->client, &opts, msg,
		    dns_pack_finish(&p), on_answer, a, &x);
	}
	return ret;
}

int
zone_serial_ask(struct zone_op *op)
{
	struct ask *a = calloc(1, sizeof(*a));
	int ret;

	if (a == NULL) {
		return E_NOMEM;
	}
	a->op = op;
	a->conf = combiner_conf_ref(op->z->combiner->conf);
	ret = ask_next(a);
	if (ret != E_OK) {
		combiner_conf_unref(a->conf);
		free(a);
		op->z->serial_asked = true;
	}
	return ret;
}
