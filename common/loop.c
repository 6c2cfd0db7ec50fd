/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/loop.h"

#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include <uv.h>

#include "common/errcode.h"
#include "common/loop_inner.h"

/* Monotonic time begins here (34 years): an offset may be negative. */
#define CLOCK_BASE_MS (UINT64_C(1) << 40)

struct loop_signal_watch {
	uv_signal_t uv; /* first: a handle is its watch */
	loop_signal_fn cb;
	void *arg;
	struct loop_signal_watch *next;
};

static void
on_close_signal(uv_handle_t *h)
{
	free(h);
}

static void
on_signal(uv_signal_t *h, int signum)
{
	struct loop_signal_watch *w = (struct loop_signal_watch *)h;

	w->cb(signum, w->arg);
}

/*
 * The list is taken whole: what is asked for meanwhile waits for the next
 * turn, which the idle handle makes come at once.
 */
static void
on_check(uv_check_t *h)
{
	struct loop *loop = h->loop->data;
	struct loop_defer *d;

	loop->running = loop->deferred;
	loop->deferred = NULL;
	loop->deferred_end = &loop->deferred;
	while ((d = loop->running) != NULL) {
		loop->running = d->next;
		d->next = NULL;
		d->queued = false;
		d->fn(d->arg);
	}
	if (loop->deferred == NULL) {
		uv_idle_stop(&loop->idle);
	}
}

/* It is there to keep the poll from waiting; it has nothing to do. */
static void
on_idle(uv_idle_t *h)
{
	(void)h;
}

int
loop_new(struct loop **out)
{
	struct loop *loop;
	int r;

	loop = calloc(1, sizeof(*loop));
	if (loop == NULL) {
		return E_NOMEM;
	}
	r = uv_loop_init(&loop->uv);
	if (r != 0) {
		free(loop);
		return r;
	}
	loop->uv.data = loop;
	loop->deferred_end = &loop->deferred;
	loop->armed_ms = UINT64_MAX;
	/* These cannot fail; the check handle also keeps the loop alive. */
	(void)uv_timer_init(&loop->uv, &loop->timer);
	(void)uv_check_init(&loop->uv, &loop->check);
	(void)uv_idle_init(&loop->uv, &loop->idle);
	loop->timer.data = NULL;
	loop->check.data = NULL;
	loop->idle.data = NULL;
	(void)uv_check_start(&loop->check, on_check);
	/* A peer that went away is an error of the write, not our end. */
	(void)signal(SIGPIPE, SIG_IGN);
	*out = loop;
	return E_OK;
}

static void
on_walk(uv_handle_t *h, void *arg)
{
	struct loop_handle *owner = h->data;

	(void)arg;
	if (uv_is_closing(h)) {
		return;
	}
	if (owner != NULL) {
		owner->close(owner);
	} else if (h->type == UV_SIGNAL) {
		uv_close(h, on_close_signal);
	} else {
		uv_close(h, NULL);
	}
}

static void
drop_deferred(struct loop *loop)
{
	struct loop_defer *d;

	while ((d = loop->deferred) != NULL) {
		loop->deferred = d->next;
		d->next = NULL;
		d->queued = false;
	}
	loop->deferred_end = &loop->deferred;
}

void
loop_free(struct loop *loop)
{
	int r;

	if (loop == NULL) {
		return;
	}
	loop->is_freeing = true;
	drop_deferred(loop);
	loop_timer_drop_all(loop);
	loop_job_cancel_all(loop);
	do {
		/* Again: callbacks of the last round may have opened more. */
		uv_walk(&loop->uv, on_walk, NULL);
		(void)uv_run(&loop->uv, UV_RUN_DEFAULT);
		r = uv_loop_close(&loop->uv);
	} while (r == UV_EBUSY);
	free(loop->scratch);
	free(loop);
}

int
loop_run(struct loop *loop)
{
	while (!loop->is_stopped) {
		(void)uv_run(&loop->uv, UV_RUN_DEFAULT);
	}
	loop->is_stopped = false;
	return E_OK;
}

void
loop_poll(struct loop *loop)
{
	(void)uv_run(&loop->uv, UV_RUN_NOWAIT);
}

void
loop_stop(struct loop *loop)
{
	loop->is_stopped = true;
	uv_stop(&loop->uv);
}

uint64_t
loop_now_ms(const struct loop *loop)
{
	return CLOCK_BASE_MS + uv_now(&loop->uv) +
	    (uint64_t)loop->offset_sec * 1000;
}

uint64_t
loop_now_us(const struct loop *loop)
{
	return CLOCK_BASE_MS * 1000 + uv_hrtime() / 1000 +
	    (uint64_t)loop->offset_sec * 1000000;
}

int64_t
loop_wall_sec(const struct loop *loop)
{
	return (int64_t)time(NULL) + loop->offset_sec;
}

void
loop_clock_offset(struct loop *loop, int64_t offset_sec)
{
	loop->offset_sec = offset_sec;
	loop_timer_rearm(loop);
}

int
loop_signal(struct loop *loop, int signum, loop_signal_fn cb, void *arg)
{
	struct loop_signal_watch *w;
	int r;

	for (w = loop->signals; w != NULL; w = w->next) {
		if (w->uv.signum == signum) {
			w->cb = cb;
			w->arg = arg;
			return E_OK;
		}
	}
	w = calloc(1, sizeof(*w));
	if (w == NULL) {
		return E_NOMEM;
	}
	w->cb = cb;
	w->arg = arg;
	r = uv_signal_init(&loop->uv, &w->uv);
	if (r != 0) {
		free(w);
		return r;
	}
	w->uv.data = NULL;
	r = uv_signal_start(&w->uv, on_signal, signum);
	if (r != 0) {
		uv_close((uv_handle_t *)&w->uv, on_close_signal);
		return r;
	}
	w->next = loop->signals;
	loop->signals = w;
	return E_OK;
}

void
loop_defer(struct loop *loop, struct loop_defer *d)
{
	if (d->queued || loop->is_freeing) {
		return;
	}
	if (loop->deferred == NULL) {
		(void)uv_idle_start(&loop->idle, on_idle);
	}
	d->queued = true;
	d->next = NULL;
	*loop->deferred_end = d;
	loop->deferred_end = &d->next;
}

static bool
unlink_deferred(struct loop_defer **at, struct loop_defer *d)
{
	while (*at != NULL && *at != d) {
		at = &(*at)->next;
	}
	if (*at == NULL) {
		return false;
	}
	*at = d->next;
	return true;
}

void
loop_defer_cancel(struct loop *loop, struct loop_defer *d)
{
	if (!d->queued) {
		return;
	}
	d->queued = false;
	if (unlink_deferred(&loop->running, d)) {
		return;
	}
	(void)unlink_deferred(&loop->deferred, d);
	loop->deferred_end = &loop->deferred;
	while (*loop->deferred_end != NULL) {
		loop->deferred_end = &(*loop->deferred_end)->next;
	}
}

void *
loop_raw(struct loop *loop)
{
	return &loop->uv;
}

uint8_t *
loop_scratch(struct loop *loop)
{
	if (loop->scratch == NULL) {
		loop->scratch = malloc(LOOP_SCRATCH_SIZE);
	}
	return loop->scratch;
}
