/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/errcode.h"
#include "common/loop.h"

#define NTIMERS 1000

struct bed {
	struct loop *loop;
	struct loop_timer stop;
	unsigned calls;
	uint64_t last_due;
};

static void
on_stop(struct loop_timer *t, void *arg)
{
	(void)t;
	loop_stop(arg);
}

static int
setup(void **state)
{
	struct bed *b = calloc(1, sizeof(*b));

	if (b == NULL || loop_new(&b->loop) != E_OK) {
		return -1;
	}
	b->stop.cb = on_stop;
	b->stop.arg = b->loop;
	*state = b;
	return 0;
}

static int
teardown(void **state)
{
	struct bed *b = *state;

	loop_free(b->loop);
	free(b);
	return 0;
}

static void
on_ordered(struct loop_timer *t, void *arg)
{
	struct bed *b = arg;

	assert_false(loop_timer_is_running(t));
	assert_true(t->due_ms >= b->last_due);
	assert_true(t->due_ms <= loop_now_ms(b->loop));
	b->last_due = t->due_ms;
	b->calls++;
}

/* Started, moved and stopped at random, the rest fires in order. */
static void
test_timer_order(void **state)
{
	static struct loop_timer timers[NTIMERS];
	struct bed *b = *state;
	unsigned seed = 1, want = 0;
	size_t i;

	memset(timers, 0, sizeof(timers));
	for (i = 0; i < NTIMERS; i++) {
		timers[i].cb = on_ordered;
		timers[i].arg = b;
		assert_int_equal(loop_timer_start(b->loop, &timers[i],
		    (uint64_t)(rand_r(&seed) % 100000)), E_OK);
	}
	for (i = 0; i < NTIMERS; i++) {
		switch (rand_r(&seed) % 3) {
		case 0:
			loop_timer_stop(&timers[i]);
			loop_timer_stop(&timers[i]);
			assert_false(loop_timer_is_running(&timers[i]));
			break;
		case 1:
			assert_int_equal(loop_timer_start(b->loop, &timers[i],
			    (uint64_t)(rand_r(&seed) % 100000)), E_OK);
			want++;
			break;
		default:
			want++;
			break;
		}
	}
	loop_poll(b->loop);
	loop_clock_offset(b->loop, 50);
	loop_poll(b->loop);
	assert_true(b->calls > 0 && b->calls < want);
	loop_clock_offset(b->loop, 200);
	loop_poll(b->loop);
	assert_int_equal(b->calls, want);
}

static void
on_again(struct loop_timer *t, void *arg)
{
	struct bed *b = arg;

	b->calls++;
	assert_int_equal(loop_timer_start(b->loop, t, 0), E_OK);
}

/* A timer that starts itself for now does not stop the loop. */
static void
test_timer_again(void **state)
{
	struct bed *b = *state;
	struct loop_timer t = {.cb = on_again, .arg = b};

	assert_int_equal(loop_timer_start(b->loop, &t, 0), E_OK);
	assert_int_equal(loop_timer_start(b->loop, &b->stop, 20), E_OK);
	assert_int_equal(loop_run(b->loop), E_OK);
	assert_true(b->calls >= 2);
	loop_timer_stop(&t);
}

static void
on_early(struct loop_timer *t, void *arg)
{
	struct bed *b = arg;

	assert_true(loop_now_ms(b->loop) >= t->due_ms);
	b->calls++;
}

static void
test_timer_real_time(void **state)
{
	struct bed *b = *state;
	struct loop_timer t = {.cb = on_early, .arg = b};
	uint64_t start_us = loop_now_us(b->loop);

	assert_int_equal(loop_timer_start(b->loop, &t, 10000), E_OK);
	assert_int_equal(loop_timer_start(b->loop, &t, 10), E_OK);
	assert_int_equal(loop_timer_start(b->loop, &b->stop, 30), E_OK);
	assert_int_equal(loop_run(b->loop), E_OK);
	assert_int_equal(b->calls, 1);
	assert_true(loop_now_us(b->loop) - start_us >= 29000);
	/* One left running is forgotten by loop_free and may be stopped. */
	assert_int_equal(loop_timer_start(b->loop, &t, UINT64_MAX), E_OK);
	loop_free(b->loop);
	b->loop = NULL;
	assert_false(loop_timer_is_running(&t));
	loop_timer_stop(&t);
}

static void
test_clock_offset(void **state)
{
	struct bed *b = *state;
	int64_t wall = loop_wall_sec(b->loop);
	uint64_t ms = loop_now_ms(b->loop);
	struct loop_timer t = {.cb = on_early, .arg = b};

	loop_clock_offset(b->loop, -864000000);
	assert_true(loop_now_ms(b->loop) < ms);
	assert_int_equal(loop_timer_start(b->loop, &t, 1), E_OK);
	loop_clock_offset(b->loop, 3600);
	assert_true(loop_wall_sec(b->loop) - wall >= 3600);
	assert_true(loop_now_ms(b->loop) - ms >= 3600000);
	loop_poll(b->loop);
	assert_int_equal(b->calls, 1);
}

static void
on_signal(int signum, void *arg)
{
	struct bed *b = arg;

	assert_int_equal(signum, SIGUSR1);
	b->calls++;
	loop_stop(b->loop);
}

static void
on_wrong_signal(int signum, void *arg)
{
	(void)signum;
	(void)arg;
	fail();
}

static void
test_signal(void **state)
{
	struct bed *b = *state;

	assert_int_equal(loop_signal(b->loop, SIGUSR1, on_wrong_signal, b),
	    E_OK);
	assert_int_equal(loop_signal(b->loop, SIGUSR1, on_signal, b), E_OK);
	assert_true(loop_signal(b->loop, SIGKILL, on_signal, b) < 0);
	(void)kill(getpid(), SIGUSR1);
	assert_int_equal(loop_run(b->loop), E_OK);
	assert_int_equal(b->calls, 1);
	(void)kill(getpid(), SIGPIPE);
}

static void
test_stop_before_run(void **state)
{
	struct bed *b = *state;

	loop_stop(b->loop);
	assert_int_equal(loop_run(b->loop), E_OK);
}

/* -- jobs ----------------------------------------------------------------- */
struct work {
	struct loop_job job;
	struct bed *bed;
	int worked;
	int status;
	int again;
};

static void
do_work(struct loop_job *job)
{
	struct work *w = job->arg;

	w->worked++;
}

static void
do_slow_work(struct loop_job *job)
{
	struct work *w = job->arg;

	(void)usleep(30000);
	w->worked++;
}

static void
on_work_done(struct loop_job *job, int status)
{
	struct work *w = job->arg;

	w->status = status;
	w->bed->calls++;
	if (w->again > 0) {
		w->again--;
		assert_int_equal(loop_job_start(job->loop, job), E_OK);
	} else {
		loop_stop(w->bed->loop);
	}
}

static void
on_work_cancelled(struct loop_job *job, int status)
{
	struct work *w = job->arg;
	struct loop_timer t = {0};

	w->status = status;
	w->bed->calls++;
	assert_int_equal(loop_job_start(job->loop, job), E_CANCEL);
	assert_int_equal(loop_timer_start(job->loop, &t, 1), E_CANCEL);
}

static void
test_job(void **state)
{
	struct bed *b = *state;
	struct work w = {.bed = b, .status = 1, .again = 2};

	w.job.work = do_work;
	w.job.done = on_work_done;
	w.job.arg = &w;
	assert_int_equal(loop_job_start(b->loop, &w.job), E_OK);
	assert_int_equal(loop_job_start(b->loop, &w.job), E_EXIST);
	assert_int_equal(loop_run(b->loop), E_OK);
	assert_int_equal(w.worked, 3);
	assert_int_equal(w.status, E_OK);
	assert_int_equal(b->calls, 3);
}

/* Each job ends exactly once when the loop is freed, worked or not. */
static void
test_job_free(void **state)
{
	static struct work w[20];
	struct bed *b = *state;
	size_t i;

	memset(w, 0, sizeof(w));
	for (i = 0; i < 20; i++) {
		w[i].bed = b;
		w[i].job.work = do_slow_work;
		w[i].job.done = on_work_cancelled;
		w[i].job.arg = &w[i];
		assert_int_equal(loop_job_start(b->loop, &w[i].job), E_OK);
	}
	loop_poll(b->loop);
	loop_free(b->loop);
	b->loop = NULL;
	assert_int_equal(b->calls, 20);
	for (i = 0; i < 20; i++) {
		assert_int_equal(w[i].status, E_CANCEL);
	}
}

/* -- deferred ------------------------------------------------------------- */
struct later {
	struct loop_defer d;
	struct bed *bed;
	struct later *other;
	unsigned calls;
	unsigned again;
};

static void
on_later(void *arg)
{
	struct later *l = arg;

	l->calls++;
	if (l->other != NULL) {
		loop_defer_cancel(l->bed->loop, &l->other->d);
	}
	if (l->again > 0) {
		l->again--;
		loop_defer(l->bed->loop, &l->d);
	}
}

static void
test_defer(void **state)
{
	struct bed *b = *state;
	struct later l[4];
	size_t i;

	memset(l, 0, sizeof(l));
	for (i = 0; i < 4; i++) {
		l[i].d.fn = on_later;
		l[i].d.arg = &l[i];
		l[i].bed = b;
		loop_defer(b->loop, &l[i].d);
		loop_defer(b->loop, &l[i].d);
	}
	loop_defer_cancel(b->loop, &l[3].d);
	loop_defer_cancel(b->loop, &l[3].d);
	l[0].other = &l[1]; /* cancelled while the list is run */
	l[2].again = 1;
	loop_poll(b->loop);
	assert_int_equal(l[0].calls, 1);
	assert_int_equal(l[1].calls, 0);
	assert_int_equal(l[2].calls, 1);
	assert_int_equal(l[3].calls, 0);
	loop_poll(b->loop);
	assert_int_equal(l[2].calls, 2);
	/* Cancel of the last one, then one more. */
	loop_defer(b->loop, &l[2].d);
	loop_defer(b->loop, &l[3].d);
	loop_defer_cancel(b->loop, &l[3].d);
	loop_defer(b->loop, &l[1].d);
	loop_poll(b->loop);
	assert_int_equal(l[1].calls, 1);
	assert_int_equal(l[2].calls, 3);
	assert_int_equal(l[3].calls, 0);
	/* Freed before it ran: forgotten. */
	loop_defer(b->loop, &l[0].d);
	loop_free(b->loop);
	b->loop = NULL;
	assert_int_equal(l[0].calls, 1);
	assert_false(l[0].d.queued);
}

static void
on_defer_stop(void *arg)
{
	struct bed *b = arg;

	b->calls++;
	loop_stop(b->loop);
}

static void
on_timer_defer(struct loop_timer *t, void *arg)
{
	loop_defer(t->loop, arg);
}

/* Asked for by a timer, before poll: the poll must not wait for long. */
static void
test_defer_prompt(void **state)
{
	struct bed *b = *state;
	struct loop_defer d = {.fn = on_defer_stop, .arg = b};
	struct loop_timer t = {.cb = on_timer_defer, .arg = &d};
	uint64_t start_us = loop_now_us(b->loop);

	assert_int_equal(loop_timer_start(b->loop, &t, 1), E_OK);
	assert_int_equal(loop_timer_start(b->loop, &b->stop, 5000), E_OK);
	assert_int_equal(loop_run(b->loop), E_OK);
	assert_int_equal(b->calls, 1);
	assert_true(loop_now_us(b->loop) - start_us < 4000000);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_timer_order),
		TEST(test_timer_again),
		TEST(test_timer_real_time),
		TEST(test_clock_offset),
		TEST(test_signal),
		TEST(test_stop_before_run),
		TEST(test_job),
		TEST(test_job_free),
		TEST(test_defer),
		TEST(test_defer_prompt),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
