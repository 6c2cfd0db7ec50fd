/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the store*.c files share: the two connections and their statements. */
#ifndef COMBINER_STORE_SQL_H
#define COMBINER_STORE_SQL_H

#include <sqlite3.h>
#include <stddef.h>

#include "combiner/store.h"

enum store_stmt {
	STMT_ZONE_INSERT = 0,
	STMT_ZONE_UPDATE,
	STMT_ZONE_DELETE,
	STMT_CONTRIB_PUT,
	STMT_CONTRIB_DEL,
	STMT_CONTRIB_DEL_ALL,
	STMT_BASE_PUT,
	STMT_BASE_DEL,
	STMT_ENTRY_PUT,
	STMT_ENTRY_SIZES,
	STMT_ENTRY_DEL_BELOW,
	STMT_ENTRY_DEL_ALL,
	STMT_COUNT,
};

extern const char *const store_schema;
extern const char *const store_sql[STMT_COUNT];

/* Writes one change inside an open transaction; SQLite's code. */
int store_write(sqlite3 *db, sqlite3_stmt **stmts, struct store_change *c);
/* The connection that loading uses; the loop's. */
sqlite3 *store_db(struct store *s);
/* Opens a connection with our settings; SQLite's code. */
int store_connect(const char *path, bool writer, sqlite3 **out);

#endif
