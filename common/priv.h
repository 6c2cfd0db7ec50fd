/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Giving up rights: user, groups, capabilities, new privileges, system calls.
 * One interface; configure takes priv_linux.c or priv_none.c for it.
 */
#ifndef COMMON_PRIV_H
#define COMMON_PRIV_H

#include <stdbool.h>

struct priv_opts {
	const char *user;   /* NULL: stay who we are */
	const char *group;  /* NULL: the user's */
	bool keep_net_bind; /* ports below 1024 may be opened later, too */
};

/*
 * Becomes user and group, with the user's other groups, and drops all
 * capabilities but the one asked for.  Without being root it only checks that
 * nothing else was asked.  Logs why it failed.
 */
int priv_drop(const struct priv_opts *opts);

/*
 * From here on only the system calls of the common list and of `extra`
 * (0-ended, may be NULL) work; all others fail with EPERM.  For this and all
 * later threads, for good.  E_OK and *is_on false: there is no such thing here.
 */
int priv_sandbox(const char *const *extra, bool *is_on);

#endif
