/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "combiner/service_dns.h"

#include <string.h>

#include "combiner/combiner.h"
#include "combiner/query.h"
#include "combiner/replay.h"
#include "combiner/update_in.h"
#include "combiner/xfr_out.h"
#include "common/errcode.h"
#include "common/log.h"

#define IDLE_MS_DEFAULT 30000 /* as in dns_server.h */
#define SOA_MAX 512

/* Owner, fixed part, algorithm, time to other length: without a MAC. */
#define TSIG_UNSIGNED_FIXED (DNS_RR_FIXED + 16)
/* Room that tsig_wire_len() counts for the other data of BADTIME. */
#define TSIG_OTHER_LEN 6

int
service_dns_init(struct combiner *c)
{
	return replay_new(&c->replay);
}

void
service_dns_free(struct combiner *c)
{
	replay_free(c->replay);
	c->replay = NULL;
}

static unsigned
idle_ms(const struct combiner *c)
{
	return c->conf->dns.idle_ms != 0 ? c->conf->dns.idle_ms
					 : IDLE_MS_DEFAULT;
}

struct reply_to
service_dns_to(const struct combiner *c, const uint8_t *msg, size_t len,
    enum dns_proto proto, const struct edns *edns,
    const struct tsig_state *tsig)
{
	struct reply_to to = {
	    .msg = msg,
	    .len = len,
	    .proto = proto,
	    .edns = edns,
	    .idle_ms = idle_ms(c),
	};

	if (tsig != NULL) {
		to.tsig_len = tsig_wire_len(tsig->key) - TSIG_OTHER_LEN;
	}
	return to;
}

static struct reply_to
reply_to_it(const struct service_request *s)
{
	return service_dns_to(
	    s->c, s->msg, s->len, s->req->proto, &s->edns, s->tsig);
}

void
service_dns_send(struct combiner *c, struct dns_answer *a, uint8_t *mem,
    size_t len, struct tsig_state *tsig)
{
	int r = E_OK;

	if (tsig != NULL) {
		r = tsig_sign_answer(
		    mem, &len, REPLY_ROOM, tsig, loop_wall_sec(c->loop), 0);
	}
	if (r == E_OK) {
		/* who is gone, or lost it, will ask again */
		(void)dns_answer_send(a, mem, len);
	}
}

void
service_dns_rcode(struct service_request *s, unsigned rcode, uint16_t ede)
{
	uint8_t mem[REPLY_ROOM];
	struct reply_to to = reply_to_it(s);
	size_t len = reply_rcode(&to, rcode, ede, mem);

	service_dns_send(s->c, s->req->answer, mem, len, s->tsig);
	dns_answer_end(s->req->answer);
}

void
service_dns_log_refused(const struct service_request *s, const char *op,
    const uint8_t *zone, const char *why)
{
	char peer[NET_ADDR_STRLEN], name[NAME_STRLEN], key[NAME_STRLEN];
	struct combiner *c = s->c;

	c->stats.refused++;
	log_limited(&c->refused_log, loop_now_ms(c->loop), LOG_LEVEL_WARNING,
	    F(.zone = zone != NULL ? name_to_str(zone, name) : NULL, .op = op,
		.dir = "in", .peer = net_addr_str(s->req->peer, peer),
		.proto = dns_proto_str(s->req->proto),
		.key = s->tsig != NULL ? name_to_str(s->tsig->key->name, key)
				       : NULL),
	    "%s", why);
}

static void
refuse(struct service_request *s, const char *op, const uint8_t *zone,
    unsigned rcode, const char *why)
{
	service_dns_log_refused(s, op, zone, why);
	service_dns_rcode(s, rcode, 0);
}

static void
malformed(struct service_request *s, const char *why)
{
	char peer[NET_ADDR_STRLEN];

	log_limited(&s->c->malformed_log, loop_now_ms(s->c->loop),
	    LOG_LEVEL_WARNING,
	    F(.op = "request", .dir = "in",
		.peer = net_addr_str(s->req->peer, peer),
		.proto = dns_proto_str(s->req->proto)),
	    "%s", why);
	service_dns_rcode(s, DNS_FORMERR, 0);
}

/* ---- TSIG ---- */

/* NOTAUTH with the error in its TSIG, signed where that can be. */
static void
answer_tsig_error(struct service_request *s, struct tsig_state *st,
    const struct tsig_rr *rr, int err)
{
	uint8_t mem[REPLY_ROOM];
	int64_t now = loop_wall_sec(s->c->loop);
	struct reply_to to = reply_to_it(s);
	int r;

	to.tsig_len = TSIG_UNSIGNED_FIXED + name_len(rr->key_name) +
		      name_len(rr->alg_name);
	if (err == E_BADTIME || err == E_BADTRUNC) {
		to.tsig_len = tsig_wire_len(st->key);
	}
	size_t len = reply_rcode(&to, DNS_NOTAUTH, 0, mem);
	switch (err) {
	case E_BADTIME:
		r = tsig_sign_answer(
		    mem, &len, sizeof(mem), st, now, DNS_BADTIME);
		break;
	case E_BADTRUNC:
		r = tsig_sign_answer(
		    mem, &len, sizeof(mem), st, now, DNS_BADTRUNC);
		break;
	default:
		r = tsig_put_error(mem, &len, sizeof(mem), rr, now,
		    err == E_BADKEY ? DNS_BADKEY : DNS_BADSIG);
		break;
	}
	if (r == E_OK) {
		(void)dns_answer_send(s->req->answer, mem, len);
	}
	dns_answer_end(s->req->answer);
}

static void
log_tsig_error(struct service_request *s, const struct tsig_rr *rr, int err)
{
	char peer[NET_ADDR_STRLEN], key[NAME_STRLEN];

	s->c->stats.refused++;
	log_limited(&s->c->refused_log, loop_now_ms(s->c->loop),
	    LOG_LEVEL_WARNING,
	    F(.op = "tsig", .dir = "in",
		.peer = net_addr_str(s->req->peer, peer),
		.proto = dns_proto_str(s->req->proto),
		.key = name_to_str(rr->key_name, key), .err = err),
	    "request refused");
}

/*
 * E_OK: go on, s->tsig says whether it was signed.  Else it was answered.
 */
static int
check_tsig(struct service_request *s, struct tsig_state *st)
{
	const struct acl_db *db = s->c->conf->acl;
	struct tsig_rr rr;
	int r = tsig_check_request(s->msg, &s->len, db->tsig, db->nkeys,
	    loop_wall_sec(s->c->loop), st, &rr);

	/* the id that the TSIG put back is not the one to answer to */
	memcpy(s->msg, s->req->msg, 2);
	if (r == E_NOENT) {
		return E_OK;
	}
	if (r == E_MALF) {
		malformed(s, "malformed message or TSIG");
		return r;
	}
	if (r == E_OK) {
		struct replay_key *k = replay_key(s->c->replay, st->key);
		r = k != NULL ? replay_time(k, st->time) : E_NOMEM;
	}
	switch (r) {
	case E_OK:
		s->tsig = st;
		break;
	case E_BADKEY:
	case E_BADSIG:
	case E_BADTIME:
	case E_BADTRUNC:
		log_tsig_error(s, &rr, r);
		answer_tsig_error(s, st, &rr, r);
		break;
	default:
		log_tsig_error(s, &rr, r);
		service_dns_rcode(s, DNS_SERVFAIL, 0);
		break;
	}
	return r;
}

/* ---- QUERY ---- */

static bool
is_allowed(const struct service_request *s, const struct zone *z,
    enum acl_action action)
{
	const struct acl_subject who = {
	    .addr = s->req->peer,
	    .key = s->tsig != NULL ? s->tsig->key : NULL,
	    .pin = s->req->pin,
	    .is_tls = s->req->proto == DNS_TLS,
	};

	return acl_allows(z->rules->acl, z->rules->nacl, &who, action);
}

/* No copy yet, one that was lost, or one too old: nothing is told of it. */
static bool
is_served(const struct zone *z)
{
	return z->has_out && z->soa != NULL && !z->expired_stop;
}

static void
handle_transfer(struct service_request *s, const uint8_t *name, uint16_t qtype)
{
	const char *op = qtype == DNS_AXFR ? "axfr-out" : "ixfr-out";
	struct zone *z = zone_find(s->c, name);

	if (z == NULL || z->gone) {
		refuse(s, op, name, DNS_NOTAUTH, "zone unknown here");
		return;
	}
	if (!is_allowed(s, z, ACL_TRANSFER)) {
		refuse(s, op, name, DNS_REFUSED, "transfer not allowed");
		return;
	}
	if (qtype == DNS_AXFR && s->req->proto == DNS_UDP) {
		/* not defined, RFC 5936 4.2 */
		refuse(s, op, name, DNS_FORMERR, "AXFR over UDP");
		return;
	}
	if (!is_served(z)) {
		service_dns_rcode(s, DNS_SERVFAIL, 0);
		return;
	}
	xfr_out_start(s->c, z, s->req, s->msg, s->len, s->tsig);
}

/*
 * Whoever signs with a source's key sees its own store for the six types, so
 * that an agent can read back what it has put there.
 */
static void
handle_query(struct service_request *s, const uint8_t *name, uint16_t qtype)
{
	const struct combiner_source *source = NULL;
	struct zone *z = zone_find(s->c, name);
	uint8_t soa[SOA_MAX], mem[REPLY_ROOM];
	struct query_view v = {0};

	if (z == NULL || z->gone) {
		refuse(s, "query", name, DNS_REFUSED, "zone unknown here");
		return;
	}
	if (s->tsig != NULL) {
		source = combiner_source_by_key(z->rules, s->tsig->key);
	}
	if (source == NULL && !is_allowed(s, z, ACL_QUERY) &&
	    !is_allowed(s, z, ACL_TRANSFER)) {
		refuse(s, "query", name, DNS_REFUSED, "query not allowed");
		return;
	}
	if (source == NULL && !is_served(z)) {
		service_dns_rcode(s, DNS_SERVFAIL, 0);
		return;
	}
	v.zone = z->name;
	if (is_served(z)) {
		v.soa_len = (uint16_t)zone_out_soa(z, soa, &v.soa_ttl);
		v.soa = soa;
		v.sets = z->out_apex;
	}
	if (source != NULL) {
		struct contrib *k = contrib_find(z->contribs, source->id);
		v.sets = k != NULL ? k->sets : NULL;
	}
	s->c->stats.queries++;
	struct reply_to to = reply_to_it(s);
	size_t len = query_answer(&to, &v, mem);
	log_debug(
	    F(.op = "query", .dir = "in", .proto = dns_proto_str(s->req->proto),
		.msg = dns_type_str(qtype)),
	    "answered");
	service_dns_send(s->c, s->req->answer, mem, len, s->tsig);
	dns_answer_end(s->req->answer);
}

static void
on_query(struct service_request *s)
{
	uint8_t name[NAME_MAX_LEN];
	struct dns_walk w;

	if (dns_walk_init(&w, s->msg, s->len) != E_OK || w.qname == 0 ||
	    name_from_msg(s->msg, s->len, w.qname, name, NULL) < 0) {
		malformed(s, "query without a whole question");
		return;
	}
	name_to_lower(name);
	if (w.qclass != DNS_IN) {
		refuse(s, "query", name, DNS_REFUSED, "class is not IN");
	} else if (w.qtype == DNS_AXFR || w.qtype == DNS_IXFR) {
		handle_transfer(s, name, w.qtype);
	} else if (s->req->proto == DNS_TLS && w.qtype != DNS_SOA) {
		service_dns_log_refused(
		    s, "query", name, "only SOA, AXFR and IXFR over TLS");
		service_dns_rcode(s, DNS_REFUSED, DNS_EDE_NOT_SUPPORTED);
	} else {
		handle_query(s, name, w.qtype);
	}
}

/* ---- all ---- */

static void
dispatch(struct service_request *s)
{
	unsigned opcode = dns_flags_opcode(get_be16(s->msg + 2));

	if (opcode == DNS_QUERY) {
		on_query(s);
		return;
	}
	if (opcode != DNS_NOTIFY && opcode != DNS_UPDATE) {
		service_dns_rcode(s, DNS_NOTIMP, 0);
		return;
	}
	if (s->req->proto == DNS_TLS) {
		/* RFC 9103 covers neither */
		service_dns_log_refused(s,
		    opcode == DNS_NOTIFY ? "notify-in" : "update", NULL,
		    "only SOA, AXFR and IXFR over TLS");
		service_dns_rcode(s, DNS_REFUSED, DNS_EDE_NOT_SUPPORTED);
		return;
	}
	if (opcode == DNS_NOTIFY) {
		notify_on_request(s->c, s->req, s->msg, s->len, s->tsig);
		return;
	}
	update_in(s);
}

void
service_dns_on_request(const struct dns_request *req, void *arg)
{
	uint8_t msg[DNS_MSG_MAX];
	struct tsig_state st = {0};
	struct service_request s = {
	    .c = arg, .req = req, .msg = msg, .len = req->len};

	memcpy(msg, req->msg, req->len); /* a server frames at most this */
	if (check_tsig(&s, &st) != E_OK) {
		return;
	}
	if (edns_read(s.msg, s.len, &s.edns) != E_OK) {
		malformed(&s, "malformed message or OPT");
		return;
	}
	if (s.edns.version > 0) {
		service_dns_rcode(&s, EDNS_BADVERS, 0);
		return;
	}
	dispatch(&s);
}
