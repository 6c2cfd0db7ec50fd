/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The event loop: one thread a process.  Timers, signals, work for the thread
 * pool, and the one clock.  Sockets are in stream.h and udp.h.  libuv is seen
 * in loop*.c only; tests link a fake clock through loop_clock_set().
 *
 * Nothing here is thread-safe but the work function of a job, which runs in
 * the pool and must touch only what its job owns.
 */
#ifndef COMMON_LOOP_H
#define COMMON_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct loop;
struct loop_timer;
struct loop_job;

typedef void (*loop_timer_fn)(struct loop_timer *t, void *arg);
typedef void (*loop_signal_fn)(int signum, void *arg);

/*
 * A timer is part of its owner (40 octets; all timers of the process share
 * one heap and one libuv timer).  Zero it, set cb and arg, then start.
 */
struct loop_timer {
	loop_timer_fn cb;
	void *arg;
	uint64_t due_ms;
	struct loop *loop;
	uint32_t slot; /* place in the heap + 1, 0 = not running */
};

int loop_new(struct loop **out);
/* Closes all that is left; jobs under way are waited for. */
void loop_free(struct loop *loop);
/* Runs until loop_stop(); returns E_OK. */
int loop_run(struct loop *loop);
/* Handles what is ready now, without waiting (for tests). */
void loop_poll(struct loop *loop);
void loop_stop(struct loop *loop);

/* Monotonic time of this turn of the loop, in milliseconds / microseconds. */
uint64_t loop_now_ms(const struct loop *loop);
uint64_t loop_now_us(const struct loop *loop); /* precise, for durations */
/* Wall clock, for data only (TSIG, deadlines on disk). */
int64_t loop_wall_sec(const struct loop *loop);
/*
 * Replaces both clocks (tests, and the hidden option -T of the daemons): wall
 * and monotonic run `offset_sec` ahead of the system's.
 */
void loop_clock_offset(struct loop *loop, int64_t offset_sec);

/* Starts or moves; fires once, in `ms` from now. */
int loop_timer_start(struct loop *loop, struct loop_timer *t, uint64_t ms);
void loop_timer_stop(struct loop_timer *t);
bool loop_timer_is_running(const struct loop_timer *t);

int loop_signal(struct loop *loop, int signum, loop_signal_fn cb, void *arg);

/*
 * A job: work() runs in the pool, then done() in the loop.  The job is part
 * of its owner and must stay until done() was called; done() may start it
 * again.  status is E_OK, or E_CANCEL when the loop is being freed (the work
 * may have been done all the same).  Zero req at first; a job that is under
 * way cannot be started again (E_EXIST).
 */
struct loop_job {
	void (*work)(struct loop_job *job); /* in the pool */
	void (*done)(struct loop_job *job, int status);
	void *arg;
	struct loop *loop;
	void *req; /* loop.c's own */
};
int loop_job_start(struct loop *loop, struct loop_job *job);
/* Jobs started and not yet done. */
unsigned loop_job_count(const struct loop *loop);

/*
 * Calls fn(arg) once at the end of this turn, after all sockets that were
 * ready have been read.  Asking again before it ran does nothing.
 */
struct loop_defer {
	void (*fn)(void *arg);
	void *arg;
	struct loop_defer *next;
	bool queued;
};
void loop_defer(struct loop *loop, struct loop_defer *d);
void loop_defer_cancel(struct loop *loop, struct loop_defer *d);

/*
 * For loop_*.c, stream*.c and udp.c alone: the uv_loop_t, and one buffer of
 * LOOP_SCRATCH_SIZE octets to read into, shared by all sockets of the loop
 * (what is in it lasts for one callback).
 *
 * The data of a uv handle is NULL or points to a struct that begins with a
 * loop_handle, by which loop_free() closes what its owner left open.
 */
#define LOOP_SCRATCH_SIZE (20u * 65536u) /* a full batch of uv_udp */
struct loop_handle {
	void (*close)(struct loop_handle *h);
};
void *loop_raw(struct loop *loop);
uint8_t *loop_scratch(struct loop *loop);

#endif
