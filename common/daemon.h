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

/* Items of section `server` that all daemons have; put into their tables. */
#ifndef DAEMON_RUNDIR
#define DAEMON_RUNDIR "/run/polyphony"
#endif
#ifndef DAEMON_STATEDIR
#define DAEMON_STATEDIR "/var/lib/polyphony"
#endif
#define DAEMON_SERVER_ITEMS \
	{ .name = "user", .type = CONF_STR, .flags = CONF_RESTART, \
	    .man = "User to become after sockets are open and secrets read.\n" \
		   "Without it the daemon stays who started it." }, \
	{ .name = "group", .type = CONF_STR, .flags = CONF_RESTART, \
	    .man = "Group to become.\nWithout it the main group of the user." }, \
	{ .name = "rundir", .type = CONF_PATH, .dflt = DAEMON_RUNDIR, \
	    .flags = CONF_RESTART, \
	    .man = "Folder of the local socket.\n" \
		   "It should be closed to others than the group." }, \
	{ .name = "statedir", .type = CONF_PATH, .dflt = DAEMON_STATEDIR, \
	    .flags = CONF_RESTART, \
	    .man = "Folder of what survives a restart." }, \
	{ .name = "socket", .type = CONF_PATH, .flags = CONF_RESTART, \
	    .man = "Local socket, by which\n.Xr polyctl 8\n" \
		   "and other daemons talk to this one.\n" \
		   "Without it a socket named after the daemon in\n" \
		   ".Cm rundir ." }, \
	{ .name = "pidfile", .type = CONF_PATH, .flags = CONF_RESTART, \
	    .man = "File that holds the process id while the daemon runs.\n" \
		   "A second daemon with the same file does not start.\n" \
		   "Without it there is no such file." }, \
	{ .name = "sandbox", .type = CONF_BOOL, .dflt = "on", \
	    .flags = CONF_RESTART, \
	    .man = "Limit the system calls that the process may make, where\n" \
		   "the system can do that.\n" \
		   "A call outside of the list fails with EPERM." }
/* Section `log`, whole. */
extern const struct conf_item daemon_log_items[];

struct daemon {
	const struct daemon_ops *ops;
	struct loop *loop;
	struct conf *conf;
	const char *conf_path; /* absolute */
	void *ctx;             /* the daemon's own */
	int64_t clock_offset_sec;
	int64_t started_sec;   /* wall clock */
	int exit_status;
	/* pre_drop sets it: a reload may have to open a port below 1024 */
	bool keep_net_bind;
	char *reload_errors;   /* of the last daemon_reload(), or NULL */
	struct daemon_run *run; /* daemon.c's own */
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
/* Starts an orderly stop, as the signals do; the second call ends at once. */
void daemon_stop(struct daemon *d);
/*
 * As SIGHUP does.  On failure all goes on as before; why is in the log, and
 * as text in d->reload_errors when the configuration is at fault.
 */
int daemon_reload(struct daemon *d);
void daemon_stopped(struct daemon *d);
/* Version of the suite, from configure. */
const char *daemon_version(void);

#endif
