/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * NOTIFY from the owner (RFC 1996): answered at once, then a hint to refresh.c
 * to go and look.
 */
#include "combiner/combiner.h"
#include "combiner/notify_msg.h"
#include "combiner/refresh.h"
#include "common/errcode.h"
#include "common/log.h"

#define ANSWER_MAX 1024

static void
answer(struct combiner *c, const struct dns_request *req, const uint8_t *msg,
    size_t len, struct tsig_state *tsig, unsigned rcode)
{
	uint8_t out[ANSWER_MAX];
	size_t n = notify_msg_answer(msg, len, rcode, out, sizeof(out));

	if (n == 0) {
		return;
	}
	if (tsig != NULL && tsig_sign_answer(out, &n, sizeof(out), tsig,
			loop_wall_sec(c->loop), 0) != E_OK) {
		return;
	}
	/* Lost answers are the sender's to repeat. */
	(void)dns_answer_send(req->answer, out, n);
}

static void
log_refused(struct combiner *c, const struct dns_request *req,
    const struct notify_msg *m, const struct tsig_state *tsig, const char *why)
{
	char name[NAME_STRLEN], peer[NET_ADDR_STRLEN], key[NAME_STRLEN];

	c->stats.refused++;
	log_limited(&c->refused_log, loop_now_ms(c->loop), LOG_LEVEL_WARNING,
	    F(.zone = name_to_str(m->zone, name), .op = "notify-in",
		.peer = net_addr_str(req->peer, peer),
		.proto = dns_proto_str(req->proto),
		.key = tsig != NULL ? name_to_str(tsig->key->name, key) : NULL),
	    "%s", why);
}

/* The RCODE for the answer; -1: none is given. */
static int
handle_request(struct combiner *c, const struct dns_request *req,
    const struct notify_msg *m, const struct tsig_state *tsig, struct zone **out)
{
	const struct acl_subject who = {
	    .addr = req->peer,
	    .key = tsig != NULL ? tsig->key : NULL,
	    .pin = req->pin,
	    .is_tls = req->proto == DNS_TLS,
	};
	struct zone *z = zone_find(c, m->zone);

	if (z == NULL || z->gone) {
		log_refused(c, req, m, tsig, "zone unknown here");
		return DNS_NOTAUTH;
	}
	if (!notify_msg_is_allowed(z->rules, &who)) {
		log_refused(c, req, m, tsig, "not from a master of the zone");
		/* RFC 1996 3.10: strangers are not answered. */
		return tsig != NULL ? DNS_REFUSED : -1;
	}
	*out = z;
	return DNS_NOERROR;
}

void
notify_on_request(struct combiner *c, const struct dns_request *req,
    uint8_t *msg, size_t len, struct tsig_state *tsig)
{
	struct notify_msg m;
	struct zone *z = NULL;
	struct net_addr peer = *req->peer;
	int rcode;

	if (tsig != NULL && tsig->key == NULL) {
		tsig = NULL;
	}
	rcode = notify_msg_decode(msg, len, &m);
	if (rcode == E_OK) {
		rcode = handle_request(c, req, &m, tsig, &z);
	} else {
		char addr[NET_ADDR_STRLEN];

		log_limited(&c->malformed_log, loop_now_ms(c->loop),
		    LOG_LEVEL_WARNING, F(.op = "notify-in",
			.peer = net_addr_str(req->peer, addr)),
		    "answered with %s", dns_rcode_str((unsigned)rcode));
	}
	if (rcode >= 0) {
		answer(c, req, msg, len, tsig, (unsigned)rcode);
	}
	dns_answer_end(req->answer);
	if (z != NULL) {
		c->stats.notify_in++;
		refresh_on_notify(z, &peer, m.has_serial ? &m.serial : NULL);
	}
}
