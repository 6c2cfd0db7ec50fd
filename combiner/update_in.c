/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "combiner/update_in.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "combiner/combiner.h"
#include "combiner/replay.h"
#include "combiner/service_dns.h"
#include "combiner/update.h"
#include "common/errcode.h"
#include "common/log.h"

#define TXID_LEN 10

/* One answer that is owed; the message is kept to give its question back. */
struct waiter {
	struct waiter *next;
	struct dns_answer *answer;
	struct combiner_conf *conf; /* held: tsig.key is in it */
	struct tsig_state tsig;
	struct edns edns;
	enum dns_proto proto;
	uint8_t *msg;
	size_t len;
};

/* One UPDATE on its way through the zone's pipeline. */
struct job {
	struct combiner *c;
	struct waiter *waiters; /* the same octets may come again */
	struct replay_mac *mac;
	struct update update; /* its message is the first waiter's */
	char *source;
	const char *why;
	uint64_t start_us;
	uint32_t old_serial;
	bool had_out;
	char txid[TXID_LEN];
};

static void
waiter_free(struct waiter *w)
{
	combiner_conf_unref(w->conf);
	free(w->msg);
	free(w);
}

static struct waiter *
waiter_new(const struct service_request *s)
{
	struct waiter *w = calloc(1, sizeof(*w));

	if (w == NULL) {
		return NULL;
	}
	w->msg = malloc(s->len);
	if (w->msg == NULL) {
		free(w);
		return NULL;
	}
	memcpy(w->msg, s->msg, s->len);
	w->conf = combiner_conf_ref(s->c->conf);
	w->len = s->len;
	w->answer = s->req->answer;
	w->tsig = *s->tsig;
	w->edns = s->edns;
	w->proto = s->req->proto;
	return w;
}

static void
job_free(struct job *j)
{
	if (j == NULL) {
		return;
	}
	while (j->waiters != NULL) {
		struct waiter *w = j->waiters;
		j->waiters = w->next;
		waiter_free(w);
	}
	free(j->source);
	free(j);
}

static struct job *
job_new(const struct service_request *s, const struct combiner_source *source)
{
	struct job *j = calloc(1, sizeof(*j));

	if (j == NULL) {
		return NULL;
	}
	j->c = s->c;
	j->start_us = loop_now_us(s->c->loop);
	j->source = strdup(source->id);
	j->waiters = waiter_new(s);
	if (j->source == NULL || j->waiters == NULL) {
		job_free(j);
		return NULL;
	}
	/* the MAC is unlike that of any other message: as good as any id */
	(void)snprintf(
	    j->txid, sizeof(j->txid), "u%08x", get_be32(s->tsig->mac));
	return j;
}

/* ---- the answer ---- */

static void
answer(struct job *j, struct waiter *w, unsigned rcode)
{
	uint8_t mem[REPLY_ROOM];
	struct reply_to to =
	    service_dns_to(j->c, w->msg, w->len, w->proto, &w->edns, &w->tsig);
	size_t len = reply_rcode(&to, rcode, 0, mem);

	service_dns_send(j->c, w->answer, mem, len, &w->tsig);
	dns_answer_end(w->answer);
}

static unsigned
rcode_of(int err)
{
	if (err > 0) {
		return (unsigned)err;
	}
	if (err == E_LIMIT || err == E_DENIED) {
		return DNS_REFUSED;
	}
	return err == E_OK ? DNS_NOERROR : DNS_SERVFAIL;
}

static void
log_result(const struct job *j, const struct zone *z, int err, unsigned rcode)
{
	char zone[NAME_STRLEN], peer[NET_ADDR_STRLEN], key[NAME_STRLEN];
	const struct waiter *w = j->waiters;
	bool is_new =
	    z->has_out && (!j->had_out || z->out_serial != j->old_serial);
	const char *text = j->why != NULL ? j->why
			   : err != E_OK  ? "could not be stored"
			   : is_new	  ? "stored and published"
					  : "stored";
	const struct log_fields f = {
	    .zone = name_to_str(z->name, zone),
	    .op = "update",
	    .dir = "in",
	    .peer = net_addr_str(dns_answer_peer(w->answer), peer),
	    .proto = dns_proto_str(w->proto),
	    .key = name_to_str(w->tsig.key->name, key),
	    .serial = z->has_out ? log_serial(z->out_serial) : NULL,
	    .txid = j->txid,
	    .err = err < 0 ? err : E_OK,
	    .dur_us = (int64_t)(loop_now_us(j->c->loop) - j->start_us),
	};

	log_line(err == E_OK ? LOG_LEVEL_INFO : LOG_LEVEL_WARNING, &f,
	    "%s source=%s rcode=%s", text, j->source, dns_rcode_str(rcode));
}

/* zone_done_fn */
static void
on_done(struct zone *z, int err, void *arg)
{
	struct job *j = arg;
	unsigned rcode = rcode_of(err);

	if (err == E_OK) {
		j->c->stats.updates++;
	} else {
		j->c->stats.updates_refused++;
	}
	log_result(j, z, err, rcode);
	replay_done(j->mac, (uint16_t)rcode);
	for (struct waiter *w = j->waiters; w != NULL; w = w->next) {
		answer(j, w, rcode);
	}
	job_free(j);
}

/* zone_edit_fn: it is this zone's turn. */
static int
edit(struct zone *z, struct apex *copy, void *arg)
{
	struct job *j = arg;
	struct guard g = {
	    .is_on = z->rules->guard,
	    .allow_cds_delete = z->rules->allow_cds_delete,
	    .owner = z->owner_apex,
	    .others = z->contribs,
	    .source = j->source,
	};

	j->old_serial = z->out_serial;
	j->had_out = z->has_out;
	return update_apply(&j->update, copy, &g, &j->why);
}

/* ---- the request ---- */

static void
refuse(struct service_request *s, const uint8_t *zone, unsigned rcode,
    const char *why)
{
	s->c->stats.updates_refused++;
	service_dns_log_refused(s, "update", zone, why);
	service_dns_rcode(s, rcode, 0);
}

/* The client shall come again over TCP. */
static void
refuse_long(struct service_request *s)
{
	uint8_t mem[REPLY_ROOM];
	struct reply_to to = service_dns_to(
	    s->c, s->msg, s->len, s->req->proto, &s->edns, s->tsig);
	struct reply r;

	s->c->stats.updates_refused++;
	service_dns_log_refused(s, "update", NULL, "too long for UDP");
	reply_begin(&r, &to, mem, DNS_FLAG_TC);
	r.rcode = DNS_REFUSED;
	service_dns_send(s->c, s->req->answer, mem, reply_finish(&r), s->tsig);
	dns_answer_end(s->req->answer);
}

/* The same octets as before: the answer of then, now or when it is known. */
static void
repeat(struct service_request *s, struct replay_mac *m)
{
	struct job *j = m->waiting;
	char peer[NET_ADDR_STRLEN];

	log_debug(F(.op = "update", .dir = "in",
	              .peer = net_addr_str(s->req->peer, peer)),
	    "came before: the same answer again, nothing done");
	if (j == NULL) {
		service_dns_rcode(s, m->rcode, 0);
		return;
	}
	struct waiter *w = waiter_new(s);
	if (w == NULL) {
		service_dns_rcode(s, DNS_SERVFAIL, 0);
		return;
	}
	/* after the first, whose message the job reads */
	w->next = j->waiters->next;
	j->waiters->next = w;
}

/* Decoded and allowed: into the pipeline of the zone. */
static void
start(struct service_request *s, struct zone *z, struct replay_key *k,
    const struct combiner_source *source)
{
	uint64_t now_ms = loop_now_ms(s->c->loop);
	struct job *j = job_new(s, source);
	const char *why;

	if (j == NULL) {
		service_dns_rcode(s, DNS_SERVFAIL, 0);
		return;
	}
	/* once more, as the first result points into a buffer that goes */
	int r =
	    update_decode(j->waiters->msg, j->waiters->len, &j->update, &why);
	if (r == E_OK) {
		j->mac =
		    replay_add(k, s->tsig->mac, s->tsig->mac_len, now_ms, j);
		r = j->mac != NULL ? E_OK : E_NOMEM;
	}
	if (r == E_OK) {
		r = zone_contribute(z, j->source, edit, on_done, j);
		if (r != E_OK) {
			replay_done(j->mac, DNS_SERVFAIL);
		}
	}
	if (r != E_OK) {
		job_free(j);
		service_dns_rcode(s, DNS_SERVFAIL, 0);
	}
}

void
update_in(struct service_request *s)
{
	const struct combiner_source *source;
	uint64_t now_ms = loop_now_ms(s->c->loop);
	struct replay_key *k;
	struct replay_mac *m;
	struct update u;
	const char *why = NULL;

	if (s->tsig == NULL) {
		refuse(s, NULL, DNS_REFUSED, "not signed");
		return;
	}
	if (s->req->proto == DNS_UDP && s->req->len > UPDATE_UDP_MAX) {
		refuse_long(s);
		return;
	}
	k = replay_key(s->c->replay, s->tsig->key);
	if (k == NULL) {
		service_dns_rcode(s, DNS_SERVFAIL, 0);
		return;
	}
	m = replay_find(k, s->tsig->mac, s->tsig->mac_len, now_ms);
	if (m != NULL) {
		repeat(s, m);
		return;
	}
	if (replay_rate(k, now_ms, s->c->conf->update_rate) != E_OK) {
		refuse(s, NULL, DNS_REFUSED, "too many updates in this second");
		return;
	}
	if (s->req->len > s->c->conf->max_update_len) {
		refuse(s, NULL, DNS_REFUSED, "longer than max-update-len");
		return;
	}
	int r = update_decode(s->msg, s->len, &u, &why);
	struct zone *z = u.has_zone ? zone_find(s->c, u.zone) : NULL;
	if (u.has_zone && (z == NULL || z->gone)) {
		refuse(s, u.zone, DNS_NOTAUTH, "zone unknown here");
		return;
	}
	if (r != E_OK) {
		refuse(s, u.has_zone ? u.zone : NULL, (unsigned)r, why);
		return;
	}
	source = combiner_source_by_key(z->rules, s->tsig->key);
	if (source == NULL) {
		refuse(s, u.zone, DNS_REFUSED,
		    "key is not one of a source of this zone");
		return;
	}
	start(s, z, k, source);
}
