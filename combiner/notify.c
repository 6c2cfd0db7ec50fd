/* SPDX-License-Identifier: GPL-3.0-or-later */
/* NOTIFY to the signers; what comes in is in notify_in.c. */
#include "combiner/notify.h"

#include <stdlib.h>
#include <string.h>

#include "combiner/combiner.h"
#include "combiner/notify_msg.h"
#include "common/errcode.h"
#include "common/log.h"

/* Each exchange has a socket of its own, so not all zones at once. */
#define AT_ONCE 256
/* How long one try waits for its answer before it gives up its socket. */
#define TRY_MS 3000
/*
 * A newer serial waits for the answer to the one before when that was sent
 * just now; else a signer that is further away than the time between two
 * changes would never be seen to answer.
 */
#define YOUNG_MS 250
#define MSG_MAX 1500
#define SOA_MAX 512

struct notify_target {
	struct notify_out *out;
	struct dns_exchange *x; /* under way, or NULL */
	uint64_t sent_ms, due_ms;
	uint32_t sent_serial, acked_serial;
	int64_t since_sec; /* first NOTIFY that was not answered; 0 = none */
	int err;
	uint16_t rcode;
	uint16_t key, keys_tried;
	uint8_t tries;
	uint8_t state; /* of notify_state */
	bool has_acked, is_silent;
};

struct notify_out {
	struct zone *zone;
	struct combiner_conf *conf; /* reference while anything is pending */
	const struct combiner_rules *rules;
	struct loop_timer timer;
	struct zone *wait_next; /* in combiner.notify_wait */
	bool is_waiting;
	size_t count;
	struct notify_target t[];
};

static void run(struct zone *z);

const char *
notify_state_str(enum notify_state s)
{
	switch (s) {
	case NOTIFY_QUIET:
		return "quiet";
	case NOTIFY_PENDING:
		return "pending";
	case NOTIFY_ACKED:
		return "acked";
	case NOTIFY_REFUSED:
		return "refused";
	case NOTIFY_SILENT:
		return "silent";
	}
	return "?";
}

/* ---- places ---- */

static void
wait_place(struct zone *z)
{
	struct combiner *c = z->combiner;

	if (z->notify->is_waiting) {
		return;
	}
	if (c->notify_wait == NULL) {
		c->notify_wait_tail = &c->notify_wait;
	}
	z->notify->is_waiting = true;
	z->notify->wait_next = NULL;
	*c->notify_wait_tail = z;
	c->notify_wait_tail = &z->notify->wait_next;
}

static void
unwait_place(struct zone *z)
{
	struct combiner *c = z->combiner;
	struct zone **p = &c->notify_wait;

	if (!z->notify->is_waiting) {
		return;
	}
	while (*p != z) {
		p = &(*p)->notify->wait_next;
	}
	*p = z->notify->wait_next;
	if (c->notify_wait_tail == &z->notify->wait_next) {
		c->notify_wait_tail = p;
	}
	z->notify->is_waiting = false;
}

static void
give_places(struct combiner *c)
{
	struct zone *z;

	while (c->notify_wait != NULL && c->notifies_out < AT_ONCE &&
	    !c->stopping) {
		z = c->notify_wait;
		unwait_place(z);
		run(z);
	}
}

/* ---- the outcome of a try ---- */

static void
log_target(const struct notify_target *t, enum log_level level,
    const char *text, int err)
{
	char name[NAME_STRLEN], peer[TARGET_STRLEN];
	const struct notify_out *n = t->out;
	struct target target;

	if (!log_wants(level) ||
	    target_get(n->rules->notify, n->rules->nnotify,
		(size_t)(t - n->t), &target) != E_OK) {
		return;
	}
	log_line(level,
	    F(.zone = name_to_str(n->zone->name, name), .op = "notify-out",
		.peer = target_str(&target, peer),
		.serial = log_serial(t->sent_serial), .err = err),
	    "%s", text);
}

static void
update_alert(struct zone *z)
{
	const struct notify_out *n = z->notify;
	char peer[TARGET_STRLEN];
	struct target target;
	size_t i;

	for (i = 0; i < n->count; i++) {
		if (n->t[i].is_silent &&
		    target_get(n->rules->notify, n->rules->nnotify, i,
			&target) == E_OK) {
			zone_alert_set(z, ZONE_ALERT_SIGNER_SILENT,
			    "signer %s has not answered NOTIFY (%s); it sees "
			    "changes only at its own refresh until it does",
			    target_str(&target, peer), err_text(n->t[i].err));
			return;
		}
	}
	zone_alert_clear(z, ZONE_ALERT_SIGNER_SILENT);
}

static void
became_silent(struct notify_target *t)
{
	struct zone *z = t->out->zone;

	if (!t->is_silent) {
		t->is_silent = true;
		z->combiner->stats.notify_failed++;
		update_alert(z);
	}
}

/* Any answer: it is alive. */
static void
was_answered(struct notify_target *t)
{
	t->since_sec = 0;
	t->err = E_OK;
	if (t->is_silent) {
		t->is_silent = false;
		update_alert(t->out->zone);
	}
}

static void
try_failed(struct notify_target *t, int err)
{
	const struct combiner_rules *rules = t->out->rules;

	t->err = err;
	t->tries++;
	log_target(t, LOG_LEVEL_DEBUG, "not answered", err);
	if (t->sent_serial != t->out->zone->out_serial) {
		t->due_ms = 0; /* a newer one waits */
	} else if (t->tries >= rules->notify_tries) {
		t->state = NOTIFY_SILENT;
		became_silent(t);
	} else {
		t->due_ms = t->sent_ms + rules->notify_retry_ms;
	}
}

static void
was_refused(struct notify_target *t, unsigned rcode)
{
	t->rcode = (uint16_t)rcode;
	if (t->state != NOTIFY_REFUSED) {
		log_target(t, LOG_LEVEL_NOTICE, dns_rcode_str(rcode), E_RCODE);
	}
	t->state = NOTIFY_REFUSED;
}

static bool
has_other_key(struct notify_target *t)
{
	const struct combiner_rules *rules = t->out->rules;
	struct target target;

	if (target_get(rules->notify, rules->nnotify,
		(size_t)(t - t->out->t), &target) != E_OK ||
	    ++t->keys_tried >= target.remote->nkeys) {
		return false;
	}
	t->key = (uint16_t)((t->key + 1u) % target.remote->nkeys);
	return true;
}

static void
handle_answer(struct notify_target *t, int err, const uint8_t *msg, size_t len)
{
	int rcode = 0;

	if (err == E_BADKEY && has_other_key(t)) {
		t->due_ms = 0;
		return;
	}
	if (err == E_OK) {
		rcode = notify_msg_rcode(msg, len);
		err = rcode < 0 ? rcode : E_OK;
	}
	if (err == E_OK && rcode == DNS_SERVFAIL) {
		err = E_RCODE; /* may be better at the next try */
	}
	if (err != E_OK) {
		try_failed(t, err);
		return;
	}
	was_answered(t);
	if (rcode == DNS_NOERROR) {
		t->state = NOTIFY_ACKED;
		t->has_acked = true;
		t->acked_serial = t->sent_serial;
		log_target(t, LOG_LEVEL_DEBUG, "answered", E_OK);
	} else {
		was_refused(t, (unsigned)rcode);
	}
	if (t->sent_serial != t->out->zone->out_serial) {
		t->state = NOTIFY_PENDING;
		t->since_sec = loop_wall_sec(t->out->zone->combiner->loop);
		t->due_ms = 0;
		t->tries = 0;
		t->keys_tried = 0;
	}
}

static void
on_answer(struct dns_exchange *x, int err, uint8_t *msg, size_t len, void *arg)
{
	struct notify_target *t = arg;
	struct zone *z = t->out->zone;
	struct combiner *c = z->combiner;

	(void)x;
	t->x = NULL;
	c->notifies_out--;
	if (err == E_CANCEL) {
		return; /* the client is being freed: the daemon ends */
	}
	handle_answer(t, err, msg, len);
	run(z);
	give_places(c);
}

/* ---- sending ---- */

static int
send_try(struct notify_target *t)
{
	const struct combiner_rules *rules = t->out->rules;
	struct zone *z = t->out->zone;
	struct dns_exchange_opts opts = {.tries = 1};
	uint8_t msg[MSG_MAX], soa[SOA_MAX];
	struct target target;
	uint32_t ttl;
	size_t len;
	int err, n;

	t->sent_ms = loop_now_ms(z->combiner->loop);
	t->sent_serial = z->out_serial;
	err = target_get(rules->notify, rules->nnotify,
	    (size_t)(t - t->out->t), &target);
	if (err != E_OK) {
		return err;
	}
	n = zone_out_soa(z, soa, &ttl);
	if (n < 0) {
		return n;
	}
	err = notify_msg_encode(z->name, soa, (uint16_t)n, ttl, msg,
	    sizeof(msg), &len);
	if (err != E_OK) {
		return err;
	}
	target_peer(&target, t->key, &opts.peer);
	/* RFC 9103 does not cover NOTIFY: it stays on plain DNS. */
	if (opts.peer.tls != NULL) {
		opts.peer.tls = NULL;
		if (net_addr_port(&opts.peer.addr) == 853) {
			net_addr_set_port(&opts.peer.addr, 53);
		}
	}
	opts.timeout_ms = rules->notify_retry_ms < TRY_MS ?
	    (unsigned)rules->notify_retry_ms : TRY_MS;
	err = dns_exchange_start(z->combiner->client, &opts, msg, len,
	    on_answer, t, &t->x);
	if (err == E_OK) {
		z->combiner->notifies_out++;
		z->combiner->stats.notify_out++;
	}
	return err;
}

static bool
is_pending(const struct notify_out *n)
{
	size_t i;

	for (i = 0; i < n->count; i++) {
		if (n->t[i].state == NOTIFY_PENDING) {
			return true;
		}
	}
	return false;
}

/* All have answered: remembers that, and frees; else keeps what is to tell. */
static void
settle(struct zone *z)
{
	struct notify_out *n = z->notify;
	size_t i, acked = 0;

	for (i = 0; i < n->count; i++) {
		acked += n->t[i].state == NOTIFY_ACKED;
	}
	if (acked == n->count) {
		z->has_notified = true;
		z->notified_serial = z->out_serial;
		notify_free(z);
		return;
	}
	combiner_conf_unref(n->conf);
	n->conf = NULL;
}

/* Sends what is due and sets the timer to what will be. */
static void
run(struct zone *z)
{
	struct notify_out *n = z->notify;
	struct combiner *c = z->combiner;
	uint64_t now = loop_now_ms(c->loop), next = UINT64_MAX;
	size_t i;
	int err;

	for (i = 0; i < n->count; i++) {
		struct notify_target *t = &n->t[i];

		if (t->state != NOTIFY_PENDING || t->x != NULL) {
			continue;
		}
		if (t->due_ms <= now) {
			if (c->notifies_out >= AT_ONCE) {
				wait_place(z);
				return;
			}
			err = send_try(t);
			if (err == E_OK) {
				continue;
			}
			try_failed(t, err);
		}
		if (t->state == NOTIFY_PENDING && t->due_ms < next) {
			next = t->due_ms;
		}
	}
	if (!is_pending(n)) {
		loop_timer_stop(&n->timer);
		settle(z);
	} else if (next != UINT64_MAX &&
	    loop_timer_start(c->loop, &n->timer, next > now ? next - now : 0) !=
		E_OK) {
		log_err(F(.op = "notify-out", .err = E_NOMEM),
		    "no timer: no further tries until the next change");
	}
}

static void
on_timer(struct loop_timer *timer, void *arg)
{
	(void)timer;
	run(arg);
}

static void
end_exchange(struct notify_target *t)
{
	if (t->x != NULL) {
		dns_exchange_end(t->x, false);
		t->x = NULL;
		t->out->zone->combiner->notifies_out--;
	}
}

/* A new serial for this target. */
static void
renew(struct notify_target *t)
{
	struct notify_out *n = t->out;
	struct loop *loop = n->zone->combiner->loop;
	int64_t now_sec = loop_wall_sec(loop);
	uint64_t patience_ms =
	    n->rules->notify_retry_ms * n->rules->notify_tries;

	t->state = NOTIFY_PENDING;
	if (t->since_sec == 0) {
		t->since_sec = now_sec;
	} else if ((uint64_t)(now_sec - t->since_sec) * 1000 > patience_ms &&
	    now_sec > t->since_sec && t->err != E_OK) {
		/* Changes come faster than tries run out. */
		became_silent(t);
	}
	if (t->x != NULL && loop_now_ms(loop) - t->sent_ms < YOUNG_MS) {
		return;
	}
	end_exchange(t);
	t->tries = 0;
	t->keys_tried = 0;
	t->due_ms = 0;
}

static struct notify_out *
make(struct zone *z, size_t count)
{
	struct notify_out *n;
	size_t i;

	n = calloc(1, sizeof(*n) + count * sizeof(n->t[0]));
	if (n == NULL) {
		log_err(F(.op = "notify-out", .err = E_NOMEM), "not sent");
		return NULL;
	}
	n->zone = z;
	n->rules = z->rules;
	n->count = count;
	n->timer.cb = on_timer;
	n->timer.arg = z;
	for (i = 0; i < count; i++) {
		n->t[i].out = n;
		n->t[i].has_acked = z->has_notified;
		n->t[i].acked_serial = z->notified_serial;
	}
	return n;
}

void
notify_zone(struct zone *z)
{
	size_t i, count = notify_target_count(z);

	if (z->notify != NULL &&
	    (z->notify->rules != z->rules || z->notify->count != count)) {
		notify_free(z);
		zone_alert_clear(z, ZONE_ALERT_SIGNER_SILENT);
	}
	if (!z->has_out || z->is_catalog || z->gone || count == 0 ||
	    z->combiner->stopping) { /* told at the next start */
		return;
	}
	if (z->notify == NULL) {
		z->notify = make(z, count);
		if (z->notify == NULL) {
			return;
		}
	}
	if (z->notify->conf == NULL) {
		z->notify->conf = combiner_conf_ref(z->combiner->conf);
	}
	for (i = 0; i < count; i++) {
		renew(&z->notify->t[i]);
	}
	run(z);
	give_places(z->combiner);
}

void
notify_reload(struct zone *z)
{
	if (z->notify != NULL && z->notify->rules != z->rules) {
		notify_zone(z);
	}
}

void
notify_free(struct zone *z)
{
	struct notify_out *n = z->notify;
	size_t i;

	if (n == NULL) {
		return;
	}
	loop_timer_stop(&n->timer);
	unwait_place(z);
	for (i = 0; i < n->count; i++) {
		end_exchange(&n->t[i]);
	}
	combiner_conf_unref(n->conf);
	free(n);
	z->notify = NULL;
}

/* ---- what polyctl shows ---- */

size_t
notify_target_count(const struct zone *z)
{
	return target_count(z->rules->notify, z->rules->nnotify);
}

int
notify_status(const struct zone *z, size_t k, struct notify_status *out)
{
	const struct notify_out *n = z->notify;
	struct loop *loop = z->combiner->loop;
	const struct notify_target *t;
	uint64_t now = loop_now_ms(loop);
	int err;

	memset(out, 0, sizeof(*out));
	err = target_get(z->rules->notify, z->rules->nnotify, k, &out->target);
	if (err != E_OK) {
		return err;
	}
	out->has_acked = z->has_notified;
	out->acked_serial = z->notified_serial;
	if (n == NULL || n->rules != z->rules || k >= n->count) {
		return E_OK;
	}
	t = &n->t[k];
	out->state = (enum notify_state)t->state;
	out->has_acked = t->has_acked;
	out->acked_serial = t->acked_serial;
	out->since_sec = t->since_sec;
	out->tries = t->tries;
	out->err = t->err;
	out->rcode = t->rcode;
	if (t->state == NOTIFY_PENDING && t->x == NULL) {
		out->next_sec = loop_wall_sec(loop) +
		    (t->due_ms > now ? (int64_t)((t->due_ms - now) / 1000) : 0);
	}
	return E_OK;
}
