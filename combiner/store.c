/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "combiner/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "combiner/store_sql.h"
#include "common/errcode.h"
#include "common/log.h"
#include "common/loop.h"

#define STORE_VERSION 1
#define BATCH_MAX 4096 /* changes in one transaction */

struct entries_req {
	struct loop_job job;
	struct store *store;
	int64_t zone_id;
	uint32_t from, to_seq;
	uint64_t max_octets;
	store_entries_fn fn;
	void *arg;
	int err;
	struct blob **entries;
	size_t count;
	struct entries_req *next;
};

struct store {
	struct loop *loop;
	char *dir, *path;
	int lock_fd;
	sqlite3 *db;     /* the writer's */
	sqlite3_stmt *stmts[STMT_COUNT];
	sqlite3 *reader; /* for journal entries, in the pool */
	sqlite3 *loader; /* for loading, in the loop */
	struct dns_hash_key key;
	/* waiting, and under way in the pool */
	struct store_change *first, **last;
	struct store_change *batch;
	struct loop_job job;
	bool writing;
	unsigned pending;
	struct entries_req *reads, **reads_last;
	bool reading;
};

static int
err_from_sqlite(int rc)
{
	switch (rc & 0xff) {
	case SQLITE_OK:
		return E_OK;
	case SQLITE_FULL:
		return -ENOSPC;
	case SQLITE_READONLY:
		return -EROFS;
	case SQLITE_NOMEM:
		return E_NOMEM;
	default:
		return E_STORE;
	}
}

/* ---- opening ---- */

static int
load_meta(struct store *s)
{
	sqlite3_stmt *st = NULL;
	int rc = sqlite3_prepare_v2(s->db,
	    "SELECT value FROM meta WHERE name=?1", -1, &st, NULL);
	int ret = E_OK;

	if (rc != SQLITE_OK) {
		return err_from_sqlite(rc);
	}
	(void)sqlite3_bind_text(st, 1, "version", -1, SQLITE_STATIC);
	if (sqlite3_step(st) == SQLITE_ROW) {
		if (sqlite3_column_int(st, 0) != STORE_VERSION) {
			ret = E_VERSION;
			goto out;
		}
		(void)sqlite3_reset(st);
		(void)sqlite3_bind_text(st, 1, "hash-key", -1, SQLITE_STATIC);
		if (sqlite3_step(st) == SQLITE_ROW &&
		    sqlite3_column_bytes(st, 0) == sizeof(s->key)) {
			memcpy(&s->key, sqlite3_column_blob(st, 0),
			    sizeof(s->key));
			goto out;
		}
		ret = E_STORE;
		goto out;
	}
	(void)sqlite3_finalize(st);
	if (getrandom(&s->key, sizeof(s->key), 0) != sizeof(s->key)) {
		return E_SYSTEM;
	}
	rc = sqlite3_prepare_v2(s->db,
	    "INSERT INTO meta VALUES ('version',?1),('hash-key',?2)", -1, &st,
	    NULL);
	if (rc == SQLITE_OK) {
		(void)sqlite3_bind_int(st, 1, STORE_VERSION);
		(void)sqlite3_bind_blob(st, 2, &s->key, sizeof(s->key),
		    SQLITE_STATIC);
		rc = sqlite3_step(st) == SQLITE_DONE ? SQLITE_OK
						     : sqlite3_errcode(s->db);
	}
	ret = err_from_sqlite(rc);
out:
	(void)sqlite3_finalize(st);
	return ret;
}

static int
open_db(struct store *s)
{
	int rc, ret;

	if ((rc = store_connect(s->path, true, &s->db)) != SQLITE_OK ||
	    (rc = sqlite3_exec(s->db, store_schema, NULL, NULL, NULL)) !=
	        SQLITE_OK) {
		return err_from_sqlite(rc);
	}
	ret = load_meta(s);
	if (ret != E_OK) {
		return ret;
	}
	for (unsigned i = 0; i < STMT_COUNT; i++) {
		rc = sqlite3_prepare_v3(s->db, store_sql[i], -1,
		    SQLITE_PREPARE_PERSISTENT, &s->stmts[i], NULL);
		if (rc != SQLITE_OK) {
			return err_from_sqlite(rc);
		}
	}
	rc = store_connect(s->path, false, &s->reader);
	if (rc == SQLITE_OK) {
		rc = store_connect(s->path, false, &s->loader);
	}
	return err_from_sqlite(rc);
}

/* Two daemons on one state folder would tell two stories. */
static int
lock_dir(struct store *s)
{
	char path[4096];

	(void)snprintf(path, sizeof(path), "%s/lock", s->dir);
	s->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
	if (s->lock_fd < 0) {
		return -errno;
	}
	return flock(s->lock_fd, LOCK_EX | LOCK_NB) == 0 ? E_OK : -errno;
}

int
store_open(struct loop *loop, const char *dir, struct store **out, char *msg,
    size_t msg_len)
{
	struct store *s = calloc(1, sizeof(*s));
	int ret = E_NOMEM;

	if (s == NULL) {
		return E_NOMEM;
	}
	s->loop = loop;
	s->lock_fd = -1;
	s->last = &s->first;
	s->reads_last = &s->reads;
	s->dir = strdup(dir);
	if (s->dir == NULL || asprintf(&s->path, "%s/state.db", dir) < 0) {
		s->path = NULL;
		goto out;
	}
	if (mkdir(dir, 0750) != 0 && errno != EEXIST) {
		ret = -errno;
		(void)snprintf(msg, msg_len,
		    "cannot make the state folder %s: %s", dir, err_text(ret));
		goto out;
	}
	ret = lock_dir(s);
	if (ret != E_OK) {
		(void)snprintf(msg, msg_len, "state folder %s: %s%s", dir,
		    err_text(ret),
		    ret == -EWOULDBLOCK ? " (another combiner has it)" : "");
		goto out;
	}
	ret = open_db(s);
	if (ret != E_OK) {
		(void)snprintf(msg, msg_len, "state database %s: %s (%s)",
		    s->path, err_text(ret),
		    s->db != NULL ? sqlite3_errmsg(s->db) : "not opened");
	}
out:
	if (ret != E_OK) {
		store_close(s);
		s = NULL;
	}
	*out = s;
	return ret;
}

void
store_close(struct store *s)
{
	if (s == NULL) {
		return;
	}
	for (unsigned i = 0; i < STMT_COUNT; i++) {
		(void)sqlite3_finalize(s->stmts[i]);
	}
	(void)sqlite3_close(s->reader);
	(void)sqlite3_close(s->loader);
	(void)sqlite3_close(s->db);
	if (s->lock_fd >= 0) {
		(void)close(s->lock_fd); /* lets go of the lock */
	}
	free(s->dir);
	free(s->path);
	free(s);
}

const char *
store_dir(const struct store *s)
{
	return s->dir;
}

const struct dns_hash_key *
store_hash_key(const struct store *s)
{
	return &s->key;
}

unsigned
store_pending(const struct store *s)
{
	return s->pending;
}

sqlite3 *
store_db(struct store *s)
{
	return s->loader;
}

/* ---- writing ---- */

static int
write_changes(struct store *s, struct store_change *c, bool only_one)
{
	int rc = sqlite3_exec(s->db, "BEGIN IMMEDIATE", NULL, NULL, NULL);

	for (; rc == SQLITE_OK && c != NULL; c = only_one ? NULL : c->next) {
		if (c->err == E_OK) {
			rc = store_write(s->db, s->stmts, c);
		}
	}
	if (rc == SQLITE_OK) {
		rc = sqlite3_exec(s->db, "COMMIT", NULL, NULL, NULL);
	}
	if (rc != SQLITE_OK && sqlite3_get_autocommit(s->db) == 0) {
		(void)sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
	}
	return rc;
}

/* Ids that were given out in a transaction that failed are not real. */
static void
forget_new_ids(struct store_change *c)
{
	for (; c != NULL; c = c->next) {
		if (c->is_new) {
			c->zone.id = 0;
		}
	}
}

static void
write_work(struct loop_job *job)
{
	struct store *s = job->arg;
	int rc;

	for (struct store_change *c = s->batch; c != NULL; c = c->next) {
		c->err = c->before != NULL ? c->before(c) : E_OK;
	}
	rc = write_changes(s, s->batch, false);
	if (rc == SQLITE_OK) {
		return;
	}
	/* one of them may be the cause: each on its own */
	forget_new_ids(s->batch);
	for (struct store_change *c = s->batch; c != NULL; c = c->next) {
		if (s->batch->next != NULL) {
			rc = write_changes(s, c, true);
		}
		if (rc != SQLITE_OK && c->is_new) {
			c->zone.id = 0;
		}
		if (c->err == E_OK) {
			c->err = err_from_sqlite(rc);
		}
	}
}

static void start_write(struct store *s);

static void
write_done(struct loop_job *job, int status)
{
	struct store *s = job->arg;
	struct store_change *c = s->batch;

	s->writing = false;
	s->batch = NULL;
	/* the next batch goes to disk while this one is told of */
	if (status == E_OK) {
		start_write(s);
	} else {
		/* the loop ends: no job will take what waits */
		struct store_change **end = &c;
		while (*end != NULL) {
			end = &(*end)->next;
		}
		*end = s->first;
		s->first = NULL;
		s->last = &s->first;
	}
	while (c != NULL) {
		struct store_change *next = c->next;
		s->pending--;
		c->done(c, status == E_OK ? c->err : status);
		c = next;
	}
}

static void
start_write(struct store *s)
{
	struct store_change **at = &s->first;

	if (s->writing || s->first == NULL) {
		return;
	}
	for (unsigned n = 0; *at != NULL && n < BATCH_MAX; n++) {
		at = &(*at)->next;
	}
	s->batch = s->first;
	s->first = *at;
	*at = NULL;
	if (s->first == NULL) {
		s->last = &s->first;
	}
	s->writing = true;
	s->job.work = write_work;
	s->job.done = write_done;
	s->job.arg = s;
	int ret = loop_job_start(s->loop, &s->job);
	if (ret != E_OK) {
		for (struct store_change *c = s->batch; c; c = c->next) {
			c->err = ret;
		}
		write_done(&s->job, E_OK);
	}
}

void
store_submit(struct store *s, struct store_change *c)
{
	c->next = NULL;
	c->err = E_OK;
	c->is_new = c->zone.id == 0;
	*s->last = c;
	s->last = &c->next;
	s->pending++;
	start_write(s);
}

/* ---- journal entries for IXFR out ---- */

static int
read_entries(struct entries_req *r)
{
	sqlite3_stmt *st = NULL;
	uint64_t octets = 0;
	size_t cap = 0;
	int64_t seq = 0;
	int ret = E_NOENT;
	int rc = sqlite3_prepare_v2(r->store->reader,
	    "SELECT data, seq FROM journal WHERE zone=?1 AND seq>="
	    "(SELECT max(seq) FROM journal WHERE zone=?1 AND serial_from=?2)"
	    " AND seq<=?3 ORDER BY seq",
	    -1, &st, NULL);

	if (rc != SQLITE_OK) {
		return err_from_sqlite(rc);
	}
	(void)sqlite3_bind_int64(st, 1, r->zone_id);
	(void)sqlite3_bind_int64(st, 2, r->from);
	(void)sqlite3_bind_int64(st, 3, r->to_seq);
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		size_t len = (size_t)sqlite3_column_bytes(st, 0);
		if (r->count > 0 && sqlite3_column_int64(st, 1) != seq + 1) {
			ret = E_NOENT; /* a gap */
			break;
		}
		seq = sqlite3_column_int64(st, 1);
		struct blob *b = blob_new(len);
		octets += len;
		if (r->count == cap) {
			cap = cap * 2 + 8;
			void *p = realloc(r->entries, cap * sizeof(b));
			if (p == NULL) {
				free(b);
				b = NULL;
			} else {
				r->entries = p;
			}
		}
		if (b == NULL) {
			ret = E_NOMEM;
			break;
		}
		memcpy(b->data, sqlite3_column_blob(st, 0), len);
		r->entries[r->count++] = b;
		ret = octets > r->max_octets ? E_LIMIT : E_OK;
		if (ret != E_OK) {
			break;
		}
	}
	if (rc != SQLITE_ROW && rc != SQLITE_DONE) {
		ret = err_from_sqlite(rc);
	}
	if (ret == E_OK && seq != r->to_seq) {
		ret = E_NOENT; /* it does not lead there */
	}
	(void)sqlite3_finalize(st);
	return ret;
}

static void
entries_work(struct loop_job *job)
{
	struct entries_req *r = job->arg;

	r->err = read_entries(r);
}

static void start_read(struct store *s);

static void
entries_done(struct loop_job *job, int status)
{
	struct entries_req *r = job->arg;
	struct store *s = r->store;

	s->reading = false;
	s->reads = r->next;
	if (s->reads == NULL) {
		s->reads_last = &s->reads;
	}
	if (status == E_OK) {
		start_read(s);
	}
	r->fn(r->arg, status == E_OK ? r->err : status, r->entries,
	    status == E_OK && r->err == E_OK ? r->count : 0);
	for (size_t i = 0; i < r->count; i++) {
		blob_unref(r->entries[i]);
	}
	free(r->entries);
	free(r);
}

static void
start_read(struct store *s)
{
	struct entries_req *r = s->reads;

	if (s->reading || r == NULL) {
		return;
	}
	s->reading = true;
	r->job.work = entries_work;
	r->job.done = entries_done;
	r->job.arg = r;
	if (loop_job_start(s->loop, &r->job) != E_OK) {
		r->err = E_NOMEM;
		entries_done(&r->job, E_OK);
	}
}

int
store_entries(struct store *s, int64_t zone_id, uint32_t from, uint32_t to_seq,
    uint64_t max_octets, store_entries_fn fn, void *arg)
{
	struct entries_req *r = calloc(1, sizeof(*r));

	if (r == NULL) {
		return E_NOMEM;
	}
	r->store = s;
	r->zone_id = zone_id;
	r->from = from;
	r->to_seq = to_seq;
	r->max_octets = max_octets;
	r->fn = fn;
	r->arg = arg;
	*s->reads_last = r;
	s->reads_last = &r->next;
	start_read(s);
	return E_OK;
}
