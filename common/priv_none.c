/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Systems on which we know users and groups, and nothing else. */
#include "common/priv.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#include "common/errcode.h"
#include "common/log.h"

int
priv_drop(const struct priv_opts *opts)
{
	const struct passwd *pw;
	const struct group *gr;
	gid_t gid;

	if (opts->user == NULL) {
		return E_OK;
	}
	pw = getpwnam(opts->user);
	gr = opts->group != NULL ? getgrnam(opts->group) : NULL;
	if (pw == NULL || (opts->group != NULL && gr == NULL)) {
		log_err(NULL, "there is no user %s or no group %s", opts->user,
		    opts->group != NULL ? opts->group : "of it");
		return E_NOENT;
	}
	gid = gr != NULL ? gr->gr_gid : pw->pw_gid;
	if (geteuid() == pw->pw_uid && geteuid() != 0) {
		return E_OK;
	}
	if (initgroups(opts->user, gid) != 0 || setgid(gid) != 0 ||
	    setuid(pw->pw_uid) != 0) {
		int r = -errno;

		log_err(F(.err = r), "cannot become user %s", opts->user);
		return r;
	}
	return E_OK;
}

int
priv_sandbox(const char *const *extra, bool *is_on)
{
	(void)extra;
	*is_on = false;
	return E_OK;
}
