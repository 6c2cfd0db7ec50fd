/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What conf*.c share; nobody else includes it.
 *
 *   conf.c        an object's life, errors
 *   conf_parse.c  files -> events -> rows of values
 *   conf_value.c  one value: text -> checked and normalised
 *   conf_link.c   after all files: ids, required items, references
 *   conf_get.c    the accessors
 *   conf_dump.c   as JSON, and the schema as mdoc
 *
 * All memory but the error list is in one arena, which is overwritten when it
 * goes, as it holds secrets.
 */
#ifndef COMMON_CONF_IMPL_H
#define COMMON_CONF_IMPL_H

#include "common/conf.h"

#define CONF_EXPECT_LEN 512

struct conf_place {
	uint32_t line; /* 0: the file as a whole */
	uint16_t file; /* index of conf.files */
};

struct conf_value {
	const char *text; /* normalised */
	union {
		int64_t num;		    /* BOOL, INT, SIZE, TIME, ENUM */
		const struct conf_row *ref; /* REF */
		const uint8_t *bytes;	    /* NAME, B64, PIN */
	} u;
	size_t len; /* of bytes */
	struct conf_place at;
};

struct conf_entry { /* one item of a row */
	const struct conf_item *item;
	struct conf_value *values;
	size_t count, cap;
	struct conf_place at;
};

struct conf_row {
	struct conf *conf;
	const struct conf_table *table;
	const char *id; /* NULL in a single section */
	struct conf_entry *entries;
	size_t count, cap;
	size_t seq; /* place in its table */
	struct conf_place at;
};

struct conf_table { /* a section as read */
	const struct conf_section *section;
	struct conf_row **rows; /* in the order of the files */
	struct conf_row **by_id;
	size_t count, cap;
	struct conf_row *defaults;
};

struct conf_error {
	struct conf_place at;
	size_t seq;
	char *text;
};

struct conf_chunk {
	struct conf_chunk *next;
	size_t len, cap;
	uint8_t mem[];
};

struct conf {
	const struct conf_section *schema;
	struct conf_table *tables;
	size_t ntables;
	struct conf_chunk *chunks;      /* memory of all but … */
	struct conf_chunk *list_chunks; /* … what lists hold, as read */
	bool in_list; /* conf_alloc() takes from list_chunks */
	const char **files;
	size_t nfiles, files_cap;
	struct conf_error *errors; /* of the load, until reported */
	size_t nerrors, errors_cap;
	size_t nerrors_left_out;
	bool no_memory;
	bool is_broken; /* a syntax error: part of it was not read */
	bool is_loaded; /* errors are reported at once from now on */
	bool collects;	/* … or kept in text */
	int status;
	char *text; /* what conf_error() said since the load */
	size_t text_len;
};

/* conf.c */
/* Zeroed; NULL sets no_memory. */
void *conf_alloc(struct conf *c, size_t len);
char *conf_text_copy(struct conf *c, const char *s, size_t len);
/*
 * Doubles an array of the arena when it is full; NULL when out of memory.
 */
void *
conf_grow(struct conf *c, void *array, size_t count, size_t *cap, size_t size);
/* row and item may be NULL. */
void conf_report(struct conf *c, struct conf_place at,
    const struct conf_row *row, const char *item, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));
const char *conf_file_name(const struct conf *c, struct conf_place at);

/* conf_parse.c */
void conf_parse_file(struct conf *c, const char *path, unsigned depth);
void conf_parse_text(struct conf *c, const char *text);
struct conf_row *
conf_row_new(struct conf *c, struct conf_table *t, struct conf_place at);
/* Text of the files and of defaults: appends to the row, or reports. */
void
conf_row_put(struct conf *c, struct conf_row *row, const struct conf_item *item,
    const char *text, size_t len, struct conf_place at);

/* conf_value.c */
/* UTF-8 without control characters? */
bool conf_is_text(const char *s, size_t len);
/* E_OK; E_INVAL: does not fit item; E_NOMEM. */
int conf_value_parse(struct conf *c, const struct conf_item *item,
    const char *text, size_t len, struct conf_place at, struct conf_value *v);
/* "a time such as 30s or 2h between 1s and 7d"; returns s[CONF_EXPECT_LEN] */
char *conf_value_expected(const struct conf_item *item, char *s);
/* The sections of a REF for people: "a or b"; returns s. */
char *conf_ref_words(const struct conf_item *item, char *s, size_t cap);
/* Longest unit that divides it. */
void conf_time_str(int64_t ms, char s[32]);

/* conf_link.c */
void conf_link(struct conf *c);
/* Is word so near to what that it may have been meant? Lower is nearer. */
unsigned conf_distance(const char *a, const char *b);
#define CONF_NEAR 2

/* conf_get.c */
const struct conf_item *
conf_item_find(const struct conf_section *s, const char *name);
const struct conf_item *conf_item_id(const struct conf_section *s);
struct conf_table *conf_table_find(const struct conf *c, const char *name);
struct conf_row *conf_table_row(const struct conf_table *t, const char *id);
/* The entry of the row, then of the defaults, or NULL. */
const struct conf_entry *
conf_entry_get(const struct conf_row *row, const char *item);

#endif
