/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Timers: a binary heap of pointers behind one timer of libuv. */
#include "common/loop.h"

#include <stdlib.h>

#include "common/errcode.h"
#include "common/loop_inner.h"

static void
heap_put(struct loop *loop, size_t i, struct loop_timer *t)
{
	loop->heap[i] = t;
	t->slot = (uint32_t)i + 1;
}

static void
heap_up(struct loop *loop, size_t i, struct loop_timer *t)
{
	size_t parent;

	while (i > 0) {
		parent = (i - 1) / 2;
		if (loop->heap[parent]->due_ms <= t->due_ms) {
			break;
		}
		heap_put(loop, i, loop->heap[parent]);
		i = parent;
	}
	heap_put(loop, i, t);
}

static void
heap_down(struct loop *loop, size_t i, struct loop_timer *t)
{
	size_t child;

	while ((child = 2 * i + 1) < loop->ntimers) {
		if (child + 1 < loop->ntimers &&
		    loop->heap[child + 1]->due_ms < loop->heap[child]->due_ms) {
			child++;
		}
		if (t->due_ms <= loop->heap[child]->due_ms) {
			break;
		}
		heap_put(loop, i, loop->heap[child]);
		i = child;
	}
	heap_put(loop, i, t);
}

/* Puts t, whose due time has changed, where it belongs; i is its place. */
static void
heap_move(struct loop *loop, size_t i, struct loop_timer *t)
{
	if (i > 0 && t->due_ms < loop->heap[(i - 1) / 2]->due_ms) {
		heap_up(loop, i, t);
	} else {
		heap_down(loop, i, t);
	}
}

static void
heap_remove(struct loop *loop, struct loop_timer *t)
{
	size_t i = t->slot - 1;
	struct loop_timer *last = loop->heap[--loop->ntimers];

	t->slot = 0;
	if (last != t) {
		heap_move(loop, i, last);
	}
}

static int
heap_grow(struct loop *loop)
{
	struct loop_timer **heap;
	size_t cap = loop->heap_cap == 0 ? 64 : loop->heap_cap * 2;

	if (cap >= UINT32_MAX) {
		return E_NOMEM;
	}
	heap = realloc(loop->heap, cap * sizeof(struct loop_timer *));
	if (heap == NULL) {
		return E_NOMEM;
	}
	loop->heap = heap;
	loop->heap_cap = cap;
	return E_OK;
}

static void on_timer(uv_timer_t *h);

/*
 * Makes libuv's timer fire for the top of the heap.  least_ms is 1 from within
 * the callback: libuv would call it again at once, and never come to poll.
 */
static void
arm(struct loop *loop, uint64_t least_ms)
{
	uint64_t now, ms;

	if (loop->ntimers == 0 || loop->heap[0]->due_ms >= loop->armed_ms) {
		return;
	}
	now = loop_now_ms(loop);
	loop->armed_ms = loop->heap[0]->due_ms;
	ms = loop->armed_ms > now ? loop->armed_ms - now : 0;
	(void)uv_timer_start(&loop->timer, on_timer,
	    ms < least_ms ? least_ms : ms, 0);
}

/*
 * At most as many as there were at the start: one that starts itself with
 * 0 ms must not keep the loop from its sockets.
 */
static void
on_timer(uv_timer_t *h)
{
	struct loop *loop = h->loop->data;
	struct loop_timer *t;
	size_t left = loop->ntimers;

	loop->in_timers = true;
	while (left-- > 0 && loop->ntimers > 0) {
		t = loop->heap[0];
		if (t->due_ms > loop_now_ms(loop)) {
			break;
		}
		heap_remove(loop, t);
		t->cb(t, t->arg);
	}
	loop->in_timers = false;
	loop->armed_ms = UINT64_MAX;
	arm(loop, 1);
}

int
loop_timer_start(struct loop *loop, struct loop_timer *t, uint64_t ms)
{
	uint64_t now = loop_now_ms(loop);

	if (loop->is_freeing) {
		return E_CANCEL;
	}
	if (t->slot == 0 && loop->ntimers == loop->heap_cap &&
	    heap_grow(loop) != E_OK) {
		return E_NOMEM;
	}
	t->due_ms = ms < UINT64_MAX - now ? now + ms : UINT64_MAX;
	t->loop = loop;
	if (t->slot != 0) {
		heap_move(loop, t->slot - 1, t);
	} else {
		heap_up(loop, loop->ntimers++, t);
	}
	if (!loop->in_timers) {
		arm(loop, 0);
	}
	return E_OK;
}

/* If it was the first one, libuv's timer fires for nothing: that is cheap. */
void
loop_timer_stop(struct loop_timer *t)
{
	if (t->slot != 0) {
		heap_remove(t->loop, t);
	}
}

bool
loop_timer_is_running(const struct loop_timer *t)
{
	return t->slot != 0;
}

void
loop_timer_rearm(struct loop *loop)
{
	if (!loop->in_timers) {
		loop->armed_ms = UINT64_MAX;
		arm(loop, 0);
	}
}

void
loop_timer_drop_all(struct loop *loop)
{
	size_t i;

	for (i = 0; i < loop->ntimers; i++) {
		loop->heap[i]->slot = 0;
	}
	loop->ntimers = 0;
	free(loop->heap);
	loop->heap = NULL;
	loop->heap_cap = 0;
}
