/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Drives one transfer in: the loop side copies messages into a buffer, a job
 * in the pool works the buffer off, the two change places, until the grammar
 * (xfr_in.c) says that the stream is complete or wrong.
 */
#include "combiner/ingest.h"

#include <stdlib.h>
#include <string.h>

#include "combiner/combiner.h"
#include "combiner/store.h"
#include "combiner/xfr_in.h"
#include "common/buf.h"
#include "common/errcode.h"

#define BUFFER_HIGH (2u << 20) /* octets waiting: stop reading */

struct octets {
	uint8_t *data; /* { length (2) | message } … */
	size_t len, cap;
};

struct ingest {
	struct loop_job job;
	struct loop_defer start; /* at the end of the turn: one job, not many */
	struct zone *zone;       /* held */
	struct combiner_conf *conf; /* held: a job uses its TSIG key */
	struct loop *loop;
	struct xfr_in parser; /* the job's while it runs */
	struct tsig_stream *tsig;
	int64_t now; /* wall clock for TSIG, set before each job */
	struct octets in, work;
	bool busy, aborted, paused;
	int end_err; /* of ingest_end() */
	int result; /* of the last job: E_OK go on, E_DONE, or why not */
	struct owner_change *change;
	/* for progress, taken over between jobs */
	uint64_t records, octets;
	ingest_done_fn done;
	void *arg;
	void (*room_fn)(void *arg);
	void *room_arg;
};

static void on_start(void *arg);
static int start_job(struct ingest *g);

static struct xfr_in_conf
parser_conf(const struct zone *z, const struct ingest_opts *opts)
{
	struct xfr_in_conf c = {0};

	memcpy(c.zone, z->name, name_len(z->name));
	c.is_ixfr = opts->is_ixfr;
	c.has_copy = z->soa != NULL;
	c.held_serial = z->owner_serial;
	c.held_signed = z->owner_signed;
	c.force = opts->force;
	c.again = opts->again;
	c.pass_sigs = z->rules->owner_signatures == COMBINER_SIG_PASS;
	c.max_records = opts->max_records;
	c.max_octets = opts->max_octets;
	c.dir = store_dir(z->combiner->store);
	c.key = *store_hash_key(z->combiner->store);
	return c;
}

int
ingest_new(struct zone *z, const struct ingest_opts *opts,
    const struct tsig_state *tsig, ingest_done_fn done, void *arg,
    struct ingest **out)
{
	struct ingest *g = calloc(1, sizeof(*g));
	struct xfr_in_conf conf = parser_conf(z, opts);
	int ret = E_NOMEM;

	if (g == NULL) {
		return E_NOMEM;
	}
	g->loop = z->combiner->loop;
	g->done = done;
	g->arg = arg;
	g->start.fn = on_start;
	g->start.arg = g;
	if (tsig != NULL && (ret = tsig_stream_new(tsig, &g->tsig)) != E_OK) {
		goto fail;
	}
	ret = xfr_in_init(&g->parser, &conf);
	if (ret != E_OK) {
		goto fail;
	}
	zone_hold(z);
	g->zone = z;
	g->conf = opts->conf != NULL ? combiner_conf_ref(opts->conf) : NULL;
	*out = g;
	return E_OK;
fail:
	tsig_stream_free(g->tsig);
	free(g);
	return ret;
}

static void
ingest_free(struct ingest *g)
{
	loop_defer_cancel(g->loop, &g->start);
	xfr_in_clear(&g->parser);
	tsig_stream_free(g->tsig);
	owner_change_discard(g->change, g->parser.conf.dir);
	free(g->in.data);
	free(g->work.data);
	zone_release(g->zone);
	combiner_conf_unref(g->conf);
	free(g);
}

/* ---- in the pool ---- */

static int
work_message(struct ingest *g, uint8_t *msg, size_t len)
{
	if (g->tsig != NULL) {
		int ret = tsig_stream_check(g->tsig, msg, &len, g->now);
		if (ret != E_OK) {
			g->parser.why = "TSIG of the stream";
			return ret;
		}
	}
	return xfr_in_message(&g->parser, msg, len);
}

static void
ingest_work(struct loop_job *job)
{
	struct ingest *g = job->arg;
	size_t pos = 0;
	int ret = E_OK;

	while (ret == E_OK && g->work.len - pos >= 2) {
		size_t len = get_be16(g->work.data + pos);
		ret = work_message(g, g->work.data + pos + 2, len);
		pos += 2 + len;
	}
	if (ret == E_DONE && pos != g->work.len) {
		g->parser.why = "messages after the end";
		ret = E_PROTO;
	}
	if (ret == E_DONE && g->tsig != NULL &&
	    !tsig_stream_is_settled(g->tsig)) {
		g->parser.why = "last message is not signed";
		ret = E_NOTSIGNED;
	}
	if (ret == E_DONE) {
		ret = xfr_in_finish(&g->parser, &g->change);
		if (ret == E_OK) {
			ret = E_DONE;
		}
	}
	g->result = ret;
}

/* ---- in the loop ---- */

static void
finish(struct ingest *g)
{
	struct owner_change *change = g->change;
	int err = g->result == E_DONE ? E_OK : g->result;
	uint32_t serial = change != NULL ? change->serial
	    : g->parser.change != NULL   ? g->parser.change->serial
					 : 0;
	unsigned rcode = g->parser.rcode;
	const char *why = g->parser.why;
	ingest_done_fn done = g->done;
	void *arg = g->arg;

	g->change = NULL;
	ingest_free(g);
	done(arg, err, change, rcode, serial, why);
}

static void
ingest_on_done(struct loop_job *job, int status)
{
	struct ingest *g = job->arg;

	g->busy = false;
	if (status != E_OK) {
		g->result = status;
	}
	if (g->aborted) {
		ingest_free(g);
		return;
	}
	if (g->result != E_OK) {
		finish(g);
		return;
	}
	g->records = g->parser.change->records;
	g->octets = g->parser.change->octets;
	g->work.len = 0;
	int ret = g->in.len == 0 ? g->end_err : start_job(g);
	if (ret != E_OK) {
		g->result = ret;
		finish(g);
		return;
	}
	if (g->paused && g->in.len < BUFFER_HIGH) {
		g->paused = false;
		if (g->room_fn != NULL) {
			g->room_fn(g->room_arg); /* may end it */
		}
	}
}

/* Gives what has come to the pool, unless it is at work. */
static int
start_job(struct ingest *g)
{
	struct octets swap = g->work;
	int ret;

	if (g->busy || g->in.len == 0) {
		return E_OK;
	}
	g->work = g->in;
	g->in = swap;
	g->in.len = 0;
	g->now = loop_wall_sec(g->loop);
	g->job.work = ingest_work;
	g->job.done = ingest_on_done;
	g->job.arg = g;
	ret = loop_job_start(g->loop, &g->job);
	g->busy = ret == E_OK;
	return ret;
}

static void
on_start(void *arg)
{
	struct ingest *g = arg;
	int ret = start_job(g);

	if (ret != E_OK) {
		g->result = ret;
		finish(g);
	}
}

int
ingest_message(struct ingest *g, const uint8_t *msg, size_t len)
{
	struct octets *o = &g->in;

	if (o->len + len + 2 > o->cap) {
		size_t cap = o->cap * 2 + len + 2;
		uint8_t *fresh = realloc(o->data, cap);
		if (fresh == NULL) {
			return E_NOMEM;
		}
		o->data = fresh;
		o->cap = cap;
	}
	put_be16(o->data + o->len, (uint16_t)len);
	memcpy(o->data + o->len + 2, msg, len);
	o->len += len + 2;
	if (!g->busy) {
		loop_defer(g->loop, &g->start);
	}
	if (o->len >= BUFFER_HIGH) {
		g->paused = true;
		return E_AGAIN;
	}
	return E_OK;
}

void
ingest_on_room(struct ingest *g, void (*fn)(void *arg), void *arg)
{
	g->room_fn = fn;
	g->room_arg = arg;
}

bool
ingest_end(struct ingest *g, int err)
{
	if (!g->busy && g->in.len == 0) {
		return false;
	}
	g->end_err = err;
	return true;
}

void
ingest_progress(const struct ingest *g, uint64_t *records, uint64_t *octets)
{
	*records = g->records;
	*octets = g->octets;
}

void
ingest_abort(struct ingest *g)
{
	if (g == NULL) {
		return;
	}
	if (g->busy) {
		g->aborted = true; /* the job's end frees it */
		return;
	}
	ingest_free(g);
}
