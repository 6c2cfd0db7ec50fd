/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The life of every daemon, as one path:
 *
 *   daemon_run -> read_conf -> start -> begin_work -> loop_run
 *   SIGHUP -> on_signal -> daemon_reload -> read_conf -> ops->reload -> swap
 *   SIGTERM -> on_signal -> daemon_stop -> ops->stop -> … -> daemon_stopped
 */
#include "common/daemon.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "common/daemon_start.h"
#include "common/errcode.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/priv.h"

struct daemon_run {
	struct daemon_options opts;
	char *conf_path;
	char *pidfile;
	int pidfile_fd;
	int ready_fd; /* of -d; -1: none, or told already */
	bool stopping;
};

static const char *const log_targets[] = {/* as enum log_target */
    "stderr", "syslog", "journal", NULL};

static const char *const log_levels[] = {/* from LOG_LEVEL_ERR on */
    "err", "warning", "notice", "info", "debug", NULL};

const struct conf_item daemon_log_items[] = {
    {.name = "target",
	.type = CONF_ENUM,
	.words = log_targets,
	.dflt = "stderr",
	.man = "Where log lines go.\n"
	       "With\n.Cm journal\n"
	       "they go to standard error with the prefixes of\n"
	       ".Xr sd-daemon 3 .\n"
	       "In the background\n.Cm stderr\n"
	       "means\n.Cm syslog ."},
    {.name = "level",
	.type = CONF_ENUM,
	.words = log_levels,
	.dflt = "info",
	.man = "The least important lines that are written:\n"
	       "err needs a person, warning tells of what is wrong while\n"
	       "work goes on, notice of a state or key that changed, info\n"
	       "has one line for each finished operation, debug the\n"
	       "rest."},
    {.name = NULL},
};

/* ---- configuration ---- */

static void
apply_log(const struct daemon *d, const struct conf *conf)
{
	const struct conf_row *row = conf_row(conf, "log", 0);
	enum log_target target = LOG_TARGET_STDERR;
	int64_t level = LOG_LEVEL_INFO;

	if (row != NULL) {
		target = (enum log_target)conf_int(row, "target");
		level = conf_int(row, "level") + LOG_LEVEL_ERR;
	}
	level += d->run->opts.verbose == 1;
	if (d->run->opts.verbose > 1 || level > LOG_LEVEL_DEBUG) {
		level = LOG_LEVEL_DEBUG;
	}
	if (d->run->opts.background && target == LOG_TARGET_STDERR) {
		target = LOG_TARGET_SYSLOG;
	}
	log_open(d->ops->name, target, (enum log_level)level);
}

/*
 * Reads and checks the whole file.  *errs: all that was wrong or strange, one
 * thing a line, malloc'd, or NULL.
 */
static int
read_conf(const struct daemon *d, struct conf **out, char **errs)
{
	struct conf *conf = NULL;
	int r = conf_load(d->ops->schema, d->conf_path, &conf, errs);

	if (r != E_OK) {
		return r;
	}
	if (d->ops->check != NULL) {
		d->ops->check(conf);
	}
	if (conf_errors(conf)[0] != '\0') {
		*errs = strdup(conf_errors(conf));
	}
	r = conf_status(conf);
	conf_collect_end(conf);
	if (r == E_OK) {
		*out = conf;
	} else {
		conf_free(conf);
	}
	return r;
}

static void
log_errors(const char *errs)
{
	static const char warning[] = "warning: ";

	while (errs != NULL && *errs != '\0') {
		size_t len = strcspn(errs, "\n");

		if (strncmp(errs, warning, strlen(warning)) == 0) {
			log_warning(NULL, "%.*s", (int)(len - strlen(warning)),
			    errs + strlen(warning));
		} else {
			log_err(NULL, "%.*s", (int)len, errs);
		}
		errs += len + (errs[len] != '\0');
	}
}

/* -n: for people and editors, so without the dress of a log line. */
static int
check_only(struct daemon *d)
{
	char *errs = NULL, *text = NULL;
	int r = read_conf(d, &d->conf, &errs);

	if (errs != NULL) {
		fputs(errs, stderr);
	}
	if (r == E_OK && d->run->opts.verbose > 0) {
		text = conf_dump_json(d->conf);
		if (text == NULL || puts(text) == EOF || fflush(stdout) != 0) {
			r = E_SYSTEM;
		}
	}
	if (r != E_OK && errs == NULL) {
		fprintf(stderr, "%s: %s\n", d->ops->name, err_text(r));
	}
	free(text);
	free(errs);
	return r == E_OK ? 0 : 1;
}

static void
notify_reloading(void)
{
	struct timespec ts = {0};
	char text[80];

	(void)clock_gettime(CLOCK_MONOTONIC, &ts); /* 0 is harmless here */
	(void)snprintf(text, sizeof(text),
	    "RELOADING=1\nMONOTONIC_USEC=%" PRIu64,
	    (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000);
	daemon_notify(text);
}

int
daemon_reload(struct daemon *d)
{
	struct conf *fresh = NULL, *old;
	int r;

	free(d->reload_errors);
	d->reload_errors = NULL;
	if (d->ops->reload == NULL || d->run->stopping) {
		return E_DENIED;
	}
	notify_reloading();
	r = read_conf(d, &fresh, &d->reload_errors);
	log_errors(d->reload_errors);
	if (r == E_OK) {
		r = d->ops->reload(d, fresh);
	}
	if (r == E_OK) {
		conf_note_secrets(fresh);
		conf_note_restart(d->conf, fresh);
		old = d->conf;
		d->conf = fresh;
		conf_forget_lists(d->conf);
		conf_free(old);
		apply_log(d, d->conf);
		log_notice(F(.op = "reload"), "new configuration in use");
	} else {
		conf_free(fresh);
		log_err(F(.op = "reload", .err = r),
		    "the old configuration stays in use");
	}
	daemon_notify("READY=1");
	return r;
}

/* ---- stop and signals ---- */

void
daemon_stop(struct daemon *d)
{
	if (d->run->stopping || d->ops->stop == NULL) {
		d->run->stopping = true;
		loop_stop(d->loop);
		return;
	}
	d->run->stopping = true;
	daemon_notify("STOPPING=1");
	log_notice(NULL, "stopping");
	d->ops->stop(d);
}

void
daemon_stopped(struct daemon *d)
{
	loop_stop(d->loop);
}

static void
on_signal(int signum, void *arg)
{
	struct daemon *d = arg;

	switch (signum) {
	case SIGHUP:
		(void)daemon_reload(d); /* it has said what went wrong */
		break;
	case SIGUSR1:
		apply_log(d, d->conf);
		log_notice(NULL, "log opened again");
		break;
	default:
		daemon_stop(d);
		break;
	}
}

static int
catch_signals(struct daemon *d)
{
	static const int signals[] = {SIGHUP, SIGTERM, SIGINT, SIGUSR1};
	int r = E_OK;

	(void)signal(SIGPIPE, SIG_IGN); /* cannot fail; writes give EPIPE */
	for (size_t i = 0;
	     i < sizeof(signals) / sizeof(signals[0]) && r == E_OK; i++) {
		r = loop_signal(d->loop, signals[i], on_signal, d);
	}
	return r;
}

/* ---- start ---- */

static int
open_pidfile(struct daemon *d, const struct conf_row *server)
{
	const char *path =
	    server != NULL ? conf_str(server, "pidfile", 0) : NULL;
	int r;

	if (path == NULL) {
		return E_OK;
	}
	d->run->pidfile = strdup(path);
	if (d->run->pidfile == NULL) {
		return E_NOMEM;
	}
	r = daemon_pidfile_open(path, &d->run->pidfile_fd);
	if (r == E_EXIST) {
		log_err(NULL, "running already: %s is held", path);
	} else if (r != E_OK) {
		log_err(F(.err = r), "cannot write %s", path);
	}
	return r;
}

static int
drop_rights(struct daemon *d, const struct conf_row *server)
{
	struct priv_opts opts = {.keep_net_bind = d->keep_net_bind};

	if (server != NULL) {
		opts.user = conf_str(server, "user", 0);
		opts.group = conf_str(server, "group", 0);
	}
	if (d->run->opts.user != NULL) {
		opts.user = d->run->opts.user;
	}
	return priv_drop(&opts);
}

static int
enter_sandbox(struct daemon *d, const struct conf_row *server)
{
	bool is_on = false;
	int r;

	if (server != NULL && !conf_bool(server, "sandbox")) {
		log_info(NULL, "system calls are not limited: server.sandbox "
			       "is off");
		return E_OK;
	}
	r = priv_sandbox(d->ops->syscalls, &is_on);
	if (r != E_OK && server != NULL && conf_is_set(server, "sandbox")) {
		log_err(F(.err = r), "cannot limit system calls, but "
				     "server.sandbox is on");
		return r;
	}
	/* containers without seccomp exist; only who asked for it must have it
	 */
	if (is_on) {
		log_info(NULL, "system calls are limited: server.sandbox is "
			       "on");
	} else {
		log_warning(F(.err = r), "system calls cannot be limited here");
	}
	return E_OK;
}

/* From the loop's start to "ready". */
static int
begin_work(struct daemon *d)
{
	const struct conf_row *server = conf_row(d->conf, "server", 0);
	int r;

	(void)umask(0027); /* always works */
	r = catch_signals(d);
	if (r == E_OK) {
		r = open_pidfile(d, server);
	}
	if (r == E_OK && d->ops->pre_drop != NULL) {
		r = d->ops->pre_drop(d);
	}
	if (r == E_OK) {
		r = drop_rights(d, server);
	}
	if (r == E_OK) {
		r = enter_sandbox(d, server);
	}
	if (r == E_OK && d->ops->post_drop != NULL) {
		r = d->ops->post_drop(d);
	}
	if (r != E_OK) {
		return r;
	}
	conf_forget_lists(d->conf); /* the daemon has its own of all that */
	if (d->run->ready_fd >= 0) {
		daemon_background_ready(d->run->ready_fd);
		d->run->ready_fd = -1;
	}
	log_notice(NULL, "version %s ready", daemon_version());
	daemon_notify("READY=1");
	return E_OK;
}

static int
start(struct daemon *d)
{
	char *errs = NULL;
	int r;

	/* found again after the working folder changed */
	d->run->conf_path = realpath(d->run->opts.conf_path, NULL);
	if (d->run->conf_path != NULL) {
		d->conf_path = d->run->conf_path;
	}
	r = read_conf(d, &d->conf, &errs);
	log_errors(errs);
	free(errs);
	if (r != E_OK) {
		return r;
	}
	if (d->run->opts.background) {
		r = daemon_background(&d->run->ready_fd);
		if (r != E_OK) {
			return r;
		}
	}
	apply_log(d, d->conf);
	conf_note_secrets(d->conf);
	r = loop_new(&d->loop);
	if (r != E_OK) {
		return r;
	}
	loop_clock_offset(d->loop, d->clock_offset_sec);
	d->started_sec = loop_wall_sec(d->loop);
	return begin_work(d);
}

static void
clear(struct daemon *d)
{
	if (d->ops->free != NULL && d->loop != NULL) {
		d->ops->free(d);
	}
	loop_free(d->loop);
	if (d->run->pidfile_fd >= 0) {
		daemon_pidfile_close(d->run->pidfile, d->run->pidfile_fd);
	}
	free(d->run->pidfile);
	free(d->run->conf_path);
	free(d->reload_errors);
	conf_free(d->conf);
}

int
daemon_run(const struct daemon_ops *ops, int argc, char **argv)
{
	struct daemon_run run = {.pidfile_fd = -1, .ready_fd = -1};
	struct daemon d = {.ops = ops, .run = &run};
	int r;

	r = daemon_options_parse(
	    argc, argv, ops->name, ops->default_conf, &run.opts);
	if (r != E_OK) {
		return r == E_DONE ? 0 : 2;
	}
	d.conf_path = run.opts.conf_path;
	d.clock_offset_sec = run.opts.clock_offset_sec;
	log_open(ops->name, LOG_TARGET_STDERR, LOG_LEVEL_INFO);
	if (run.opts.check_only) {
		d.exit_status = check_only(&d);
	} else {
		r = start(&d);
		if (r == E_OK) {
			r = loop_run(d.loop);
		}
		if (r != E_OK) {
			log_err(F(.err = r), "not started");
			d.exit_status = 1;
		} else {
			log_notice(NULL, "stopped");
		}
	}
	clear(&d);
	return d.exit_status;
}
