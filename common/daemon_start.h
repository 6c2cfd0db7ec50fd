/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Parts of daemon.c: command line, background, pid file, init system. */
#ifndef COMMON_DAEMON_START_H
#define COMMON_DAEMON_START_H

#include <stdbool.h>
#include <stdint.h>

struct daemon_options {
	const char *conf_path;
	const char *user;
	unsigned verbose;
	int64_t clock_offset_sec;
	bool background;
	bool check_only;
};

/* E_OK; E_DONE: answered, end with 0; E_INVAL: said why, end with 2. */
int daemon_options_parse(int argc, char **argv, const char *name,
    const char *default_conf, struct daemon_options *out);

/*
 * Forks; the parent waits until daemon_background_ready() and ends with 0, or
 * with 1 when the child ends before.  Returns in the child.
 */
int daemon_background(int *ready_fd);
/* Lets the terminal go. */
void daemon_background_ready(int ready_fd);

/* Creates, locks and fills it; E_EXIST: another process holds it. */
int daemon_pidfile_open(const char *path, int *fd);
void daemon_pidfile_close(const char *path, int fd);

/* One datagram to the init system, if it waits for any (sd_notify(3)). */
void daemon_notify(const char *text);

#endif
