/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How every daemon of the suite starts, runs and stops.  main() fills a
 * struct daemon_ops and calls daemon_run(), which does, in this order:
 * options -> configuration -> pre_drop -> drop of rights -> sandbox ->
 * post_drop -> "ready" to the init system -> loop -> stop.
 *
 * Options, the same for all: -c file, -d (to the background), -n (check the
 * configuration and end), -v (more log; twice: debug), -V (version),
 * -u user, -T seconds (shift the clock; for tests).
 * SIGHUP reloads, SIGTERM and SIGINT stop in good order, SIGUSR1 reopens logs.
 */
#ifndef COMMON_DAEMON_H
#define COMMON_DAEMON_H

#include "common/conf.h"

struct loop;

struct daemon {
	const struct daemon_ops *ops;
	struct loop *loop;
	struct conf *conf;
	const char *conf_path; /* absolute */
	void *ctx;             /* the daemon's own */
	int64_t clock_offset_sec;
	int64_t started_sec;   /* wall clock */
	int exit_status;
};

struct daemon_ops {
	const char *name;
	const char *default_conf; /* path */
	const struct conf_section *schema;
	/* Own checks of a whole configuration; reports by conf_error(). */
	void (*check)(struct conf *conf);
	/* As root still: open sockets, read keys.  Sets d->ctx. */
	int (*pre_drop)(struct daemon *d);
	/* Rights dropped: open the store, start the work. */
	int (*post_drop)(struct daemon *d);
	/*
	 * d->conf is the old one; takes `fresh` into use, or returns an error and
	 * changes nothing.  daemon.c then swaps and frees the old one.
	 */
	int (*reload)(struct daemon *d, struct conf *fresh);
	/* Stop in good order; call daemon_stopped(d) when done. */
	void (*stop)(struct daemon *d);
	void (*free)(struct daemon *d);
	/* System calls needed beyond the common list (priv.h), 0-ended. */
	const char *const *syscalls;
};

int daemon_run(const struct daemon_ops *ops, int argc, char **argv);
/* Starts an orderly stop / a reload, as the signals do. */
void daemon_stop(struct daemon *d);
int daemon_reload(struct daemon *d);
void daemon_stopped(struct daemon *d);
/* Version of the suite, from configure. */
const char *daemon_version(void);

#endif
