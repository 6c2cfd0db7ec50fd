/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reading the whole store at start, and clearing what a crash left. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "combiner/store_sql.h"
#include "common/errcode.h"
#include "common/log.h"

struct loader {
	sqlite3_stmt *zones, *contribs, *entries;
	const struct store_load_events *ev;
	void *arg;
};

static const uint8_t *
column_blob(sqlite3_stmt *st, int at, size_t *len)
{
	*len = (size_t)sqlite3_column_bytes(st, at);
	return sqlite3_column_blob(st, at);
}

/* NULL when it is not one. */
static const uint8_t *
column_name(sqlite3_stmt *st, int at)
{
	size_t len;
	const uint8_t *name = column_blob(st, at, &len);

	return name != NULL && name_check(name, len) == len ? name : NULL;
}

static void
read_zone(sqlite3_stmt *st, struct store_loaded *l)
{
	struct store_zone *z = &l->zone;
	size_t len;

	memset(l, 0, sizeof(*l));
	z->id = sqlite3_column_int64(st, 0);
	z->name = column_name(st, 1);
	z->catalog = column_name(st, 2);
	z->member_id = (const char *)sqlite3_column_text(st, 3);
	z->group = (const char *)sqlite3_column_text(st, 4);
	z->soa = column_blob(st, 5, &len);
	z->soa_len = (uint16_t)len;
	z->soa_ttl = (uint32_t)sqlite3_column_int64(st, 6);
	z->owner_signed = sqlite3_column_int(st, 7) != 0;
	z->has_out = sqlite3_column_int(st, 8) != 0;
	z->owner_serial = (uint32_t)sqlite3_column_int64(st, 9);
	z->out_serial = (uint32_t)sqlite3_column_int64(st, 10);
	z->seq = (uint32_t)sqlite3_column_int64(st, 11);
	z->base_seq = (uint32_t)sqlite3_column_int64(st, 12);
	z->owner_apex = column_blob(st, 13, &z->owner_apex_len);
	z->out_apex = column_blob(st, 14, &z->out_apex_len);
	z->checked_sec = sqlite3_column_int64(st, 15);
	z->published_sec = sqlite3_column_int64(st, 16);
	z->base_file = (const char *)sqlite3_column_text(st, 17);
	l->base_data = column_blob(st, 18, &l->base_len);
}

static int
load_contribs(struct loader *l, int64_t id)
{
	sqlite3_stmt *st = l->contribs;
	int ret = E_OK, rc = SQLITE_DONE;

	(void)sqlite3_bind_int64(st, 1, id);
	while (ret == E_OK && (rc = sqlite3_step(st)) == SQLITE_ROW) {
		size_t len;
		const uint8_t *sets = column_blob(st, 1, &len);
		ret = l->ev->on_contrib(id,
		    (const char *)sqlite3_column_text(st, 0), sets, len,
		    sqlite3_column_int64(st, 2), l->arg);
	}
	(void)sqlite3_reset(st);
	return ret == E_OK && rc != SQLITE_DONE ? E_STORE : ret;
}

static int
load_entries(struct loader *l, int64_t id, uint32_t after)
{
	sqlite3_stmt *st = l->entries;
	int ret = E_OK, rc = SQLITE_DONE;

	(void)sqlite3_bind_int64(st, 1, id);
	(void)sqlite3_bind_int64(st, 2, after);
	while (ret == E_OK && (rc = sqlite3_step(st)) == SQLITE_ROW) {
		size_t len;
		const uint8_t *data = column_blob(st, 1, &len);
		ret = l->ev->on_entry(id,
		    (uint32_t)sqlite3_column_int64(st, 0), data, len, l->arg);
	}
	(void)sqlite3_reset(st);
	return ret == E_OK && rc != SQLITE_DONE ? E_STORE : ret;
}

int
store_load(struct store *s, const uint8_t *name,
    const struct store_load_events *ev, void *arg)
{
	struct loader l = {.ev = ev, .arg = arg};
	sqlite3 *db = store_db(s);
	int ret = E_STORE, rc = SQLITE_DONE;

	if (sqlite3_prepare_v2(db,
	        "SELECT id, name, catalog, member_id, grp, soa, soa_ttl,"
	        " owner_signed, has_out, owner_serial, out_serial, seq,"
	        " base_seq, owner_apex, out_apex, checked, published,"
	        " base_file, base.data"
	        " FROM zone LEFT JOIN base ON base.zone = zone.id"
	        " WHERE ?1 IS NULL OR name = ?1",
	        -1, &l.zones, NULL) != SQLITE_OK ||
	    sqlite3_prepare_v2(db,
	        "SELECT source, sets, changed FROM contrib WHERE zone=?1", -1,
	        &l.contribs, NULL) != SQLITE_OK ||
	    sqlite3_prepare_v2(db,
	        "SELECT seq, data FROM journal WHERE zone=?1 AND seq>?2"
	        " ORDER BY seq",
	        -1, &l.entries, NULL) != SQLITE_OK) {
		goto out;
	}
	if (name != NULL) {
		(void)sqlite3_bind_blob(l.zones, 1, name,
		    (int)name_len(name), SQLITE_STATIC);
	}
	ret = E_OK;
	while (ret == E_OK && (rc = sqlite3_step(l.zones)) == SQLITE_ROW) {
		struct store_loaded z;
		read_zone(l.zones, &z);
		if (z.zone.name == NULL) {
			log_err(F(.op = "load", .err = E_STORE),
			    "row %lld of the zones is damaged",
			    (long long)z.zone.id);
			continue;
		}
		int64_t id = z.zone.id;
		uint32_t base_seq = z.zone.base_seq, seq = z.zone.seq;
		ret = ev->on_zone(&z, arg);
		if (ret == E_OK) {
			ret = load_contribs(&l, id);
		}
		if (ret == E_OK && base_seq < seq) {
			ret = load_entries(&l, id, base_seq);
		}
	}
	if (ret == E_OK && rc != SQLITE_DONE) {
		ret = E_STORE;
	}
out:
	(void)sqlite3_finalize(l.zones);
	(void)sqlite3_finalize(l.contribs);
	(void)sqlite3_finalize(l.entries);
	return ret;
}

void
store_sweep(struct store *s)
{
	sqlite3_stmt *st = NULL;
	DIR *d = opendir(store_dir(s));
	struct dirent *e;
	char path[4096];

	if (d == NULL ||
	    sqlite3_prepare_v2(store_db(s),
	        "SELECT 1 FROM zone WHERE base_file=?1", -1, &st, NULL) !=
	        SQLITE_OK) {
		goto out;
	}
	while ((e = readdir(d)) != NULL) {
		size_t n = strlen(e->d_name);
		if (n < 5 || strcmp(e->d_name + n - 5, ".base") != 0) {
			continue;
		}
		(void)sqlite3_bind_text(st, 1, e->d_name, -1, SQLITE_STATIC);
		int rc = sqlite3_step(st);
		(void)sqlite3_reset(st);
		if (rc != SQLITE_DONE) {
			continue; /* named, or not known: it stays */
		}
		(void)snprintf(path, sizeof(path), "%s/%s", store_dir(s),
		    e->d_name);
		log_info(F(.op = "sweep"),
		    "removing %s, left by an interrupted transfer", e->d_name);
		if (unlink(path) != 0) {
			log_warning(F(.op = "sweep", .err = -errno),
			    "cannot remove %s", path);
		}
	}
out:
	(void)sqlite3_finalize(st);
	if (d != NULL) {
		(void)closedir(d); /* only read */
	}
}
