/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * polyctl: the operator's client for all daemons.  What can be asked, and with
 * which arguments, comes from the tables of local messages alone (common/
 * proto_*.def); here is only how words become a call and a result becomes
 * text.
 *
 *   main -> ctl_parse -> ctl_records_read -> ctl_run -> ctl_print_json
 *                                                   \-> ctl_print_text
 */
#ifndef CTL_CTL_H
#define CTL_CTL_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "common/ipc.h"

enum ctl_status { /* of the process */
	CTL_OK = 0,
	CTL_FAILED = 1, /* the daemon said no, or could not */
	CTL_USAGE = 2,
	CTL_UNREACHABLE = 3, /* no daemon there, or not for us */
};

struct ctl_cmd {
	bool is_json, is_watch, wants_help;
	const char *socket; /* NULL: the service's usual one */
	const char *file;   /* of records; "-": stdin; NULL: none given */
	unsigned timeout_ms;
	const char *service;
	const struct ipc_method *method;
	json_t *params; /* an object; owned */
};

/*
 * Words to a call.  CTL_OK with out->method set, or with it NULL when help or
 * version was printed; else CTL_USAGE after the error was printed.
 */
enum ctl_status ctl_parse(int argc, char **argv, struct ctl_cmd *out);
void ctl_cmd_clear(struct ctl_cmd *c);
/* "ZONE [--type TYPE]": the arguments of a method as polyctl takes them. */
void ctl_usage_line(FILE *f, const struct ipc_method *m);
/* The list member that takes what is left of the words, or NULL. */
const struct ipc_member *ctl_list_member(const struct ipc_method *m);
bool ctl_is_positional(const struct ipc_member *p);

/* help.c */
void ctl_help(FILE *f);
void ctl_help_service(FILE *f, const char *service);
void ctl_help_method(FILE *f, const char *service, const struct ipc_method *m);
/* Parts of the manual pages in mdoc; false: no part of that name. */
bool ctl_mdoc(FILE *f, const char *part);

/*
 * records.c: fills the members records and ttl of a method that has them, from
 * the words given, the file, or stdin.  Lines may be bare RDATA or whole
 * records of a zone file.  CTL_USAGE after the error was printed.
 */
enum ctl_status ctl_records_read(struct ctl_cmd *c);
/*
 * The RDATA in one record of a zone file, or text itself when it is bare
 * RDATA.  *ttl is -1 when there is none.  NULL: the record has another owner
 * or type (*why says).  Changes text.
 */
char *ctl_record_parse(char *text, const char *zone, const char *type,
    int64_t *ttl, const char **why);

/* run.c */
enum ctl_status ctl_run(const struct ctl_cmd *c);

/* ---- output ---- */

struct ctl_out {
	FILE *f;
	bool has_color;
	int64_t now_sec; /* ages are counted from here */
};

enum ctl_color {
	CTL_PLAIN = 0,
	CTL_BOLD,
	CTL_RED,
	CTL_YELLOW,
	CTL_DIM
};

void ctl_out_init(struct ctl_out *o, FILE *f);
/*
 * Text that came from elsewhere: control characters, which could command the
 * terminal, are shown as \xNN.
 */
void ctl_put(const struct ctl_out *o, enum ctl_color color, const char *text);
void ctl_putf(const struct ctl_out *o, enum ctl_color color, const char *fmt,
    ...) __attribute__((format(printf, 3, 4)));

/* Seconds as "3m12s"; returns s. */
#define CTL_AGE_STRLEN 32
const char *ctl_age(int64_t sec, char s[CTL_AGE_STRLEN]);
/* RFC 3339 text; false: it is none. */
bool ctl_time_parse(const char *text, int64_t *sec);
/* "3m12s ago", "in 5s", "now"; text itself when it is no time. */
const char *
ctl_when(const struct ctl_out *o, const char *text, char s[CTL_AGE_STRLEN]);

/* A table with columns as wide as needed. */
struct ctl_table;
/* names: NULL-ended headings. */
struct ctl_table *ctl_table_new(const char *const *names);
void ctl_table_cell(struct ctl_table *t, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void ctl_table_end_row(struct ctl_table *t, enum ctl_color color);
/* Prints (nothing when it has no row) and frees. */
void
ctl_table_print(struct ctl_table *t, const struct ctl_out *o, unsigned indent);

void ctl_print_json(FILE *f, const json_t *v, bool is_one_line);
void ctl_print_text(const struct ctl_out *o, const char *service,
    const struct ipc_method *m, const json_t *result);
void ctl_print_event(const struct ctl_out *o, const json_t *event);
/* Any object: members, then tables of its lists. */
void
ctl_print_object(const struct ctl_out *o, const json_t *v, unsigned indent);
/* Views made for people, print_zone.c. */
void ctl_print_zone_status(const struct ctl_out *o, const json_t *r);
void ctl_print_zone_list(const struct ctl_out *o, const json_t *r);
void ctl_print_zone_apex(const struct ctl_out *o, const json_t *r);
void ctl_print_contributions(const struct ctl_out *o, const json_t *r);

/* Prints "polyctl: …" to stderr. */
void ctl_complain(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
