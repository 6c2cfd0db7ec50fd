/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Configuration files in the form that Knot operators write (libknot's yparser
 * does the reading), checked against one schema table a daemon.  The table is
 * the single place of names, types, defaults, limits and manual text; the
 * manual page and the check of the manual come from it.
 *
 * All errors of a file are reported, not only the first, each as
 * "file:line: section.item: what was expected".
 */
#ifndef COMMON_CONF_H
#define COMMON_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/net.h"

enum conf_type {
	CONF_BOOL, /* on | off | yes | no | true | false */
	CONF_INT,  /* min … max */
	CONF_SIZE, /* octets; K, M, G */
	CONF_TIME, /* ms, s, m, h, d; plain = seconds; kept in milliseconds */
	CONF_STR,
	CONF_PATH,   /* relative to the folder of the file */
	CONF_NAME,   /* domain name */
	CONF_ADDR,   /* address[@port] */
	CONF_PREFIX, /* address, address/len, address-address */
	CONF_ENUM,   /* one of words */
	CONF_REF,    /* id in section ref */
	CONF_B64,    /* octets in base64 */
	CONF_PIN,    /* SHA-256 pin in base64 */
};

#define CONF_MULTI 1u	 /* list: [a, b], or several lines */
#define CONF_REQUIRED 2u /* must be there */
#define CONF_ID 4u	 /* the item that names a row of its section */
#define CONF_RESTART 8u	 /* a reload does not change it; said when tried */
#define CONF_SECRET 16u	 /* never in a dump or an error */

struct conf_item {
	const char *name;
	enum conf_type type;
	unsigned flags;
	const char *dflt; /* text, several values as "a, b"; or NULL */
	int64_t min, max; /* INT, SIZE, TIME (ms); both 0: not negative */
	const char *const *words; /* ENUM, NULL-ended; value = index */
	const char *ref; /* REF: section; several as "remote,remotes" */
	uint16_t port;	 /* ADDR: default port; 0: the port stays 0 */
	const char *man; /* mdoc paragraph; NULL: the section's says it */
};

struct conf_section {
	const char *name;
	const struct conf_item *items; /* ended by name NULL */
	bool is_list;		       /* rows with ids, or one row */
	const char *man;
};

struct conf;
struct conf_row;

/*
 * Reads and checks.  schema ends with name NULL.  Errors go to log as err
 * lines (or to errs as text, one a line, when not NULL: malloc'd, caller frees,
 * NULL when there is nothing to say).  E_CONF, or E_NOMEM.
 *
 * A file may have `include: path` between its sections; path is relative to
 * the folder of the file and may have wildcards.  An item of a list that is
 * given without value ("notify:") is the empty list.
 */
int conf_load(const struct conf_section *schema, const char *path,
    struct conf **out, char **errs);
int conf_load_string(const struct conf_section *schema, const char *text,
    struct conf **out, char **errs);
void conf_free(struct conf *c);
/*
 * Frees all rows of lists (zones, keys, …), once a daemon has built its own
 * structs from them; single sections stay, for the next reload to compare.
 */
void conf_forget_lists(struct conf *c);
/* Adds an error of the daemon's own checks, in the same form. */
void conf_error(struct conf *c, const struct conf_row *row, const char *item,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));
/* The same for what is allowed but hardly meant; not an error. */
void conf_warning(struct conf *c, const struct conf_row *row, const char *item,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));
/* E_CONF when conf_error was called. */
int conf_status(const struct conf *c);
/*
 * Where the load was given errs, conf_error() and conf_warning() do not log but
 * collect: the lines so far, "" if none; lent.
 */
const char *conf_errors(const struct conf *c);
/* From now on they log, as those of a load without errs do. */
void conf_collect_end(struct conf *c);
/* Logs a warning for each file with a secret that others may read. */
void conf_note_secrets(const struct conf *c);
/* Logs each item that differs and needs a restart (CONF_RESTART). */
void conf_note_restart(const struct conf *old, const struct conf *fresh);

/* Rows of a section in file order; a single section has one row always. */
size_t conf_count(const struct conf *c, const char *section);
const struct conf_row *
conf_row(const struct conf *c, const char *section, size_t i);
const struct conf_row *
conf_find(const struct conf *c, const char *section, const char *id);
/* A row of which nothing is set: the defaults of a section. */
const struct conf_row *conf_defaults(const struct conf *c, const char *section);
const char *conf_id(const struct conf_row *row);
int conf_line(const struct conf_row *row);
/* The i that conf_row() gives this row for. */
size_t conf_row_index(const struct conf_row *row);
/* Was it written in the file (not the default)? */
bool conf_is_set(const struct conf_row *row, const char *item);
/* Number of items that were written, the id included. */
size_t conf_set_count(const struct conf_row *row);
/* Number of values; 0 when not set and without default. */
size_t conf_values(const struct conf_row *row, const char *item);
bool conf_bool(const struct conf_row *row, const char *item);
/* INT, SIZE, TIME (ms), ENUM (index); 0 when there is none. */
int64_t conf_int(const struct conf_row *row, const char *item);
int64_t conf_int_at(const struct conf_row *row, const char *item, size_t i);
/*
 * i-th value; NULL / E_NOENT when there is none.  conf_str() takes any type and
 * gives the text in its normal form (NAME: absolute, lower case; PATH: with the
 * folder of the file).
 */
const char *conf_str(const struct conf_row *row, const char *item, size_t i);
int conf_addr(const struct conf_row *row, const char *item, size_t i,
    struct net_addr *out);
int conf_prefix(const struct conf_row *row, const char *item, size_t i,
    struct net_prefix *out);
const uint8_t *conf_bytes(const struct conf_row *row, const char *item,
    size_t i, size_t *len); /* NAME (wire, lower case), B64, PIN */
const struct conf_row *
conf_ref(const struct conf_row *row, const char *item, size_t i);
/* The section that a row belongs to. */
const char *conf_row_section(const struct conf_row *row);

/* The configuration in full, as JSON text (malloc'd), secrets left out. */
char *conf_dump_json(const struct conf *c);
/* The schema as an mdoc list (for man pages); malloc'd. */
char *conf_schema_mdoc(const struct conf_section *schema);

#endif
