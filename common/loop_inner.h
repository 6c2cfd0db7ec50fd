/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Inside of the event loop, for loop*.c only. */
#ifndef COMMON_LOOP_INNER_H
#define COMMON_LOOP_INNER_H

#include <uv.h>

#include "common/loop.h"

struct loop_signal_watch;
struct loop_job_req;

struct loop {
	uv_loop_t uv; /* its data points here */
	uv_timer_t timer;
	uv_check_t check;
	uv_idle_t idle; /* active while something is deferred */

	struct loop_timer **heap; /* the one due first on top */
	size_t ntimers, heap_cap;
	uint64_t armed_ms; /* timer is set for then; UINT64_MAX = it is not */
	bool in_timers;

	struct loop_defer *deferred, **deferred_end;
	struct loop_defer *running; /* of this turn, not yet called */
	struct loop_job_req *jobs;
	struct loop_signal_watch *signals;
	uint8_t *scratch;
	int64_t offset_sec;
	bool is_stopped;
	bool is_freeing; /* nothing can be started any more */
};

/* The offset of the clock has changed. */
void loop_timer_rearm(struct loop *loop);
void loop_timer_drop_all(struct loop *loop);
void loop_job_cancel_all(struct loop *loop);

#endif
