/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tables and statements of the store, and writing one change. */
#include "combiner/store_sql.h"

#include "common/errcode.h"

/*
 * Numbers in `meta` tell the version; a newer major version is not opened.
 * `base` stands apart from `zone`, as a change rewrites the zone's row only.
 */
const char *const store_schema =
    "CREATE TABLE IF NOT EXISTS meta ("
    " name TEXT PRIMARY KEY, value BLOB) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS zone ("
    " id INTEGER PRIMARY KEY AUTOINCREMENT, name BLOB NOT NULL UNIQUE,"
    " catalog BLOB, member_id TEXT, grp TEXT,"
    " soa BLOB, soa_ttl INTEGER, owner_signed INTEGER, has_out INTEGER,"
    " owner_serial INTEGER, out_serial INTEGER, seq INTEGER,"
    " base_seq INTEGER, owner_apex BLOB, out_apex BLOB,"
    " checked INTEGER, published INTEGER, base_file TEXT);"
    "CREATE TABLE IF NOT EXISTS contrib ("
    " zone INTEGER NOT NULL, source TEXT NOT NULL, sets BLOB NOT NULL,"
    " changed INTEGER NOT NULL, PRIMARY KEY (zone, source));"
    "CREATE TABLE IF NOT EXISTS base ("
    " zone INTEGER PRIMARY KEY, data BLOB NOT NULL);"
    "CREATE TABLE IF NOT EXISTS journal ("
    " zone INTEGER NOT NULL, seq INTEGER NOT NULL,"
    " serial_from INTEGER NOT NULL, serial_to INTEGER NOT NULL,"
    " octets INTEGER NOT NULL, data BLOB NOT NULL,"
    " PRIMARY KEY (zone, seq));";

#define ZONE_COLUMNS \
	"catalog, member_id, grp, soa, soa_ttl, owner_signed, has_out," \
	" owner_serial, out_serial, seq, base_seq, owner_apex, out_apex," \
	" checked, published, base_file"

const char *const store_sql[STMT_COUNT] = {
    [STMT_ZONE_INSERT] = "INSERT INTO zone (name, " ZONE_COLUMNS ") VALUES "
			 "(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,"
			 "?16,?17)",
    [STMT_ZONE_UPDATE] =
	"UPDATE zone SET catalog=?2, member_id=?3, grp=?4, soa=?5, soa_ttl=?6,"
	" owner_signed=?7, has_out=?8, owner_serial=?9, out_serial=?10,"
	" seq=?11, base_seq=?12, owner_apex=?13, out_apex=?14, checked=?15,"
	" published=?16, base_file=?17 WHERE id=?1",
    [STMT_ZONE_DELETE] = "DELETE FROM zone WHERE id=?1",
    [STMT_CONTRIB_PUT] = "INSERT OR REPLACE INTO contrib VALUES (?1,?2,?3,?4)",
    [STMT_CONTRIB_DEL] = "DELETE FROM contrib WHERE zone=?1 AND source=?2",
    [STMT_CONTRIB_DEL_ALL] = "DELETE FROM contrib WHERE zone=?1",
    [STMT_BASE_PUT] = "INSERT OR REPLACE INTO base VALUES (?1,?2)",
    [STMT_BASE_DEL] = "DELETE FROM base WHERE zone=?1",
    [STMT_ENTRY_PUT] =
	"INSERT OR REPLACE INTO journal VALUES (?1,?2,?3,?4,?5,?6)",
    [STMT_ENTRY_SIZES] =
	"SELECT seq, octets FROM journal WHERE zone=?1 ORDER BY seq DESC",
    [STMT_ENTRY_DEL_BELOW] = "DELETE FROM journal WHERE zone=?1 AND seq<?2",
    [STMT_ENTRY_DEL_ALL] = "DELETE FROM journal WHERE zone=?1",
};

int
store_connect(const char *path, bool writer, sqlite3 **out)
{
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX;
	int rc;

	rc = sqlite3_open_v2(path, out,
	    writer ? flags | SQLITE_OPEN_CREATE : flags, NULL);
	if (rc != SQLITE_OK) {
		return rc;
	}
	(void)sqlite3_extended_result_codes(*out, 1);
	(void)sqlite3_busy_timeout(*out, 5000);
	/* FULL: the log is synced at each commit (the promise of this store) */
	return sqlite3_exec(*out,
	    "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
	    "PRAGMA cache_size=-1024; PRAGMA temp_store=MEMORY;",
	    NULL, NULL, NULL);
}

static void
bind_blob(sqlite3_stmt *st, int at, const void *data, size_t len)
{
	if (data == NULL) {
		(void)sqlite3_bind_null(st, at);
	} else {
		(void)sqlite3_bind_blob64(st, at, data, len, SQLITE_STATIC);
	}
}

static int
run(sqlite3_stmt *st)
{
	int rc = sqlite3_step(st);

	(void)sqlite3_reset(st);
	(void)sqlite3_clear_bindings(st);
	return rc == SQLITE_DONE || rc == SQLITE_ROW ? SQLITE_OK : rc;
}

static int
run_id(sqlite3_stmt *st, int64_t id)
{
	(void)sqlite3_bind_int64(st, 1, id);
	return run(st);
}

static int
write_zone(sqlite3 *db, sqlite3_stmt **stmts, struct store_change *c)
{
	struct store_zone *z = &c->zone;
	sqlite3_stmt *st = stmts[z->id == 0 ? STMT_ZONE_INSERT
					    : STMT_ZONE_UPDATE];

	if (z->id == 0) {
		bind_blob(st, 1, z->name, name_len(z->name));
	} else {
		(void)sqlite3_bind_int64(st, 1, z->id);
	}
	bind_blob(st, 2, z->catalog,
	    z->catalog != NULL ? name_len(z->catalog) : 0);
	(void)sqlite3_bind_text(st, 3, z->member_id, -1, SQLITE_STATIC);
	(void)sqlite3_bind_text(st, 4, z->group, -1, SQLITE_STATIC);
	bind_blob(st, 5, z->soa, z->soa_len);
	(void)sqlite3_bind_int64(st, 6, z->soa_ttl);
	(void)sqlite3_bind_int(st, 7, z->owner_signed);
	(void)sqlite3_bind_int(st, 8, z->has_out);
	(void)sqlite3_bind_int64(st, 9, z->owner_serial);
	(void)sqlite3_bind_int64(st, 10, z->out_serial);
	(void)sqlite3_bind_int64(st, 11, z->seq);
	(void)sqlite3_bind_int64(st, 12, z->base_seq);
	bind_blob(st, 13, z->owner_apex, z->owner_apex_len);
	bind_blob(st, 14, z->out_apex, z->out_apex_len);
	(void)sqlite3_bind_int64(st, 15, z->checked_sec);
	(void)sqlite3_bind_int64(st, 16, z->published_sec);
	(void)sqlite3_bind_text(st, 17, z->base_file, -1, SQLITE_STATIC);
	int rc = run(st);
	if (rc == SQLITE_OK && z->id == 0) {
		z->id = sqlite3_last_insert_rowid(db);
	} else if (rc == SQLITE_OK && sqlite3_changes(db) != 1) {
		rc = SQLITE_NOTFOUND; /* its row is gone: nothing is stored */
	}
	return rc;
}

/* Everything of the zone, in any order: one transaction. */
static int
write_removal(sqlite3_stmt **stmts, int64_t id)
{
	static const enum store_stmt all[] = {STMT_CONTRIB_DEL_ALL,
	    STMT_BASE_DEL, STMT_ENTRY_DEL_ALL, STMT_ZONE_DELETE};
	int rc = SQLITE_OK;

	for (size_t i = 0; rc == SQLITE_OK && i < sizeof(all) / sizeof(*all);
	     i++) {
		rc = run_id(stmts[all[i]], id);
	}
	return rc;
}

static int
write_entry(sqlite3_stmt **stmts, const struct store_change *c)
{
	sqlite3_stmt *st = stmts[STMT_ENTRY_PUT];

	(void)sqlite3_bind_int64(st, 1, c->zone.id);
	(void)sqlite3_bind_int64(st, 2, c->zone.seq);
	(void)sqlite3_bind_int64(st, 3, c->serial_from);
	(void)sqlite3_bind_int64(st, 4, c->zone.out_serial);
	(void)sqlite3_bind_int64(st, 5, (int64_t)c->entry->len);
	bind_blob(st, 6, c->entry->data, c->entry->len);
	return run(st);
}

static int
write_trim(sqlite3_stmt **stmts, const struct store_change *c)
{
	sqlite3_stmt *st = stmts[STMT_ENTRY_SIZES];
	uint64_t octets = 0;
	uint32_t n = 0;
	int64_t below = 0;
	int rc;

	(void)sqlite3_bind_int64(st, 1, c->zone.id);
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		int64_t seq = sqlite3_column_int64(st, 0);
		octets += (uint64_t)sqlite3_column_int64(st, 1);
		n++;
		if (n > c->keep_versions && octets > c->keep_octets &&
		    seq <= c->zone.base_seq) {
			below = seq + 1;
			rc = SQLITE_DONE;
			break;
		}
	}
	(void)sqlite3_reset(st);
	if (rc != SQLITE_DONE || below == 0) {
		return rc == SQLITE_DONE ? SQLITE_OK : rc;
	}
	st = stmts[STMT_ENTRY_DEL_BELOW];
	(void)sqlite3_bind_int64(st, 1, c->zone.id);
	(void)sqlite3_bind_int64(st, 2, below);
	return run(st);
}

static int
write_contrib(sqlite3_stmt **stmts, const struct store_change *c)
{
	sqlite3_stmt *st =
	    stmts[c->sets != NULL ? STMT_CONTRIB_PUT : STMT_CONTRIB_DEL];

	(void)sqlite3_bind_int64(st, 1, c->zone.id);
	(void)sqlite3_bind_text(st, 2, c->source, -1, SQLITE_STATIC);
	if (c->sets != NULL) {
		bind_blob(st, 3, c->sets, c->sets_len);
		(void)sqlite3_bind_int64(st, 4, c->changed_sec);
	}
	return run(st);
}

int
store_write(sqlite3 *db, sqlite3_stmt **stmts, struct store_change *c)
{
	int rc;

	if (c->remove) {
		return write_removal(stmts, c->zone.id);
	}
	rc = write_zone(db, stmts, c);
	if (rc == SQLITE_OK && c->source != NULL) {
		rc = write_contrib(stmts, c);
	}
	if (rc == SQLITE_OK && c->base == STORE_BASE_INLINE) {
		sqlite3_stmt *st = stmts[STMT_BASE_PUT];
		(void)sqlite3_bind_int64(st, 1, c->zone.id);
		bind_blob(st, 2, c->base_data, c->base_len);
		rc = run(st);
	} else if (rc == SQLITE_OK && c->base == STORE_BASE_FILE) {
		rc = run_id(stmts[STMT_BASE_DEL], c->zone.id);
	}
	if (rc == SQLITE_OK && c->drop_journal) {
		rc = run_id(stmts[STMT_ENTRY_DEL_ALL], c->zone.id);
	}
	if (rc == SQLITE_OK && c->entry != NULL) {
		rc = write_entry(stmts, c);
	}
	if (rc == SQLITE_OK && c->trim) {
		rc = write_trim(stmts, c);
	}
	return rc;
}
