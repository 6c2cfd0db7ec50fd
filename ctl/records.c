/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Records for commands that take a list of them.  What tools write is taken as
 * it is: zone-file lines ("ms.test. 300 IN DNSKEY 257 3 13 …", with comments
 * and parentheses) as well as bare RDATA.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "ctl/ctl.h"

#define BLANKS " \t\r\n"

/* ---- one record ---- */

struct word {
	const char *p;
	size_t len;
};

static bool
next_word(const char **s, struct word *w)
{
	*s += strspn(*s, BLANKS);
	w->p = *s;
	w->len = strcspn(*s, BLANKS);
	*s += w->len;
	return w->len > 0;
}

static bool
word_is(const struct word *w, const char *text)
{
	return strlen(text) == w->len && strncasecmp(w->p, text, w->len) == 0;
}

/* Seconds, or with units as in zone files ("1h30m"); -1: no TTL. */
static int64_t
word_ttl(const struct word *w)
{
	static const char units[] = "smhdw";
	static const int64_t secs[] = {1, 60, 3600, 86400, 604800};
	int64_t sum = 0, n = 0;
	bool has_digit = false;

	for (size_t i = 0; i < w->len; i++) {
		unsigned char ch = (unsigned char)w->p[i];
		const char *unit = strchr(units, tolower(ch));

		if (isdigit(ch)) {
			n = n * 10 + (ch - '0');
			has_digit = true;
		} else if (unit != NULL && has_digit) {
			sum += n * secs[unit - units];
			n = 0;
			has_digit = false;
		} else {
			return -1;
		}
		if (n > UINT32_MAX || sum > UINT32_MAX) {
			return -1;
		}
	}
	return w->len > 0 && isdigit((unsigned char)w->p[0]) ? sum + n : -1;
}

static bool
owner_is_zone(const struct word *w, const char *zone)
{
	size_t len = strlen(zone);

	return word_is(w, "@") || word_is(w, zone) ||
	       (len > 1 && zone[len - 1] == '.' && w->len == len - 1 &&
		   strncasecmp(w->p, zone, w->len) == 0);
}

char *
ctl_record_parse(char *text, const char *zone, const char *type, int64_t *ttl,
    const char **why)
{
	bool has_class = false;
	int64_t found = -1, t;
	const char *s = text;
	struct word owner, w;

	*ttl = -1;
	*why = NULL;
	if (!next_word(&s, &owner)) {
		return text;
	}
	while (next_word(&s, &w)) {
		t = word_ttl(&w);
		if (t >= 0 && found < 0) {
			found = t;
		} else if (word_is(&w, "IN") && !has_class) {
			has_class = true;
		} else {
			break;
		}
	}
	/*
	 * RDATA may begin with a word, a number and a type too (CSYNC does):
	 * an owner is known by its final dot, or by the class that follows.
	 */
	if (!has_class &&
	    (!word_is(&w, type) || !(owner_is_zone(&owner, zone) ||
				       owner.p[owner.len - 1] == '.'))) {
		return text;
	}
	if (!word_is(&w, type)) {
		*why = "is of another type";
		return NULL;
	}
	if (!owner_is_zone(&owner, zone)) {
		*why = "does not belong to the apex of the zone";
		return NULL;
	}
	*ttl = found;
	return text + (s - text) + strspn(s, BLANKS);
}

/* ---- lines ---- */

struct reader {
	struct ctl_cmd *cmd;
	const char *from; /* for messages */
	unsigned line;
	const char *zone, *type;
	json_t *records;
	int64_t ttl; /* the lowest of those given, -1: none */
};

static enum ctl_status
take_record(struct reader *r, char *text)
{
	const char *why;
	char *rdata, *end;
	int64_t ttl;

	rdata = ctl_record_parse(text, r->zone, r->type, &ttl, &why);
	if (rdata == NULL) {
		ctl_complain("%s:%u: the record %s", r->from, r->line, why);
		return CTL_USAGE;
	}
	end = rdata + strlen(rdata);
	while (end > rdata && strchr(BLANKS, end[-1]) != NULL) {
		*--end = '\0';
	}
	if (*rdata == '\0') {
		ctl_complain("%s:%u: a record without RDATA", r->from, r->line);
		return CTL_USAGE;
	}
	if (json_array_append_new(r->records, json_string(rdata)) != 0) {
		ctl_complain("%s:%u: not UTF-8", r->from, r->line);
		return CTL_USAGE;
	}
	if (ttl >= 0 && (r->ttl < 0 || ttl < r->ttl)) {
		r->ttl = ttl;
	}
	return CTL_OK;
}

/*
 * Blanks out a comment and parentheses outside of quotes, and the line's end.
 * Returns how deep in parentheses the line ends.
 */
static int
clean_line(char *s, int depth)
{
	bool is_quoted = false;

	for (; *s != '\0'; s++) {
		if (*s == '\\' && s[1] != '\0') {
			s++;
		} else if (*s == '"') {
			is_quoted = !is_quoted;
		} else if (!is_quoted && *s == ';') {
			*s = ' '; /* two words must not become one */
			s[1] = '\0';
		} else if (!is_quoted && (*s == '(' || *s == ')')) {
			depth += *s == '(' ? 1 : -1;
			*s = ' ';
		} else if (*s == '\n' || *s == '\r') {
			*s = ' '; /* what follows in parentheses is joined */
		}
	}
	return depth;
}

static bool
is_empty(const char *s)
{
	return s[strspn(s, BLANKS)] == '\0';
}

/* Lines to records; one in parentheses goes over several lines. */
static enum ctl_status
read_lines(struct reader *r, FILE *f)
{
	char *line = NULL, *whole = NULL, *joined;
	enum ctl_status status = CTL_OK;
	size_t cap = 0, size = 0, len;
	int depth = 0;

	while (status == CTL_OK && getline(&line, &cap, f) >= 0) {
		r->line++;
		depth = clean_line(line, depth);
		len = strlen(line);
		joined = realloc(whole, size + len + 1);
		if (joined == NULL) {
			ctl_complain("out of memory");
			status = CTL_FAILED;
			break;
		}
		whole = joined;
		memcpy(whole + size, line, len + 1);
		size += len;
		if (depth > 0) {
			continue;
		}
		if (!is_empty(whole)) {
			status = take_record(r, whole);
		}
		size = 0;
		depth = 0;
	}
	if (status == CTL_OK && (ferror(f) || depth > 0)) {
		ctl_complain("%s: %s", r->from,
		    depth > 0 ? "parenthesis without end" : "cannot be read");
		status = CTL_USAGE;
	}
	free(line);
	free(whole);
	return status;
}

static enum ctl_status
read_file(struct reader *r, const char *path)
{
	enum ctl_status status;
	FILE *f;

	if (strcmp(path, "-") == 0) {
		r->from = "stdin";
		return read_lines(r, stdin);
	}
	r->from = path;
	f = fopen(path, "r");
	if (f == NULL) {
		ctl_complain("%s: %s", path, strerror(errno));
		return CTL_USAGE;
	}
	status = read_lines(r, f);
	(void)fclose(f); /* was only read */
	return status;
}

static enum ctl_status
read_words(struct reader *r, const json_t *words)
{
	enum ctl_status status = CTL_OK;
	const json_t *w;
	size_t i;

	r->from = "argument";
	json_array_foreach (words, i, w) {
		char *copy = strdup(json_string_value(w));

		r->line++;
		status = copy != NULL ? take_record(r, copy) : CTL_FAILED;
		free(copy);
		if (status != CTL_OK) {
			break;
		}
	}
	return status;
}

static enum ctl_status
read_source(struct reader *r, const json_t *words)
{
	if (words != NULL && r->cmd->file != NULL) {
		ctl_complain("records as arguments, or --file: not both");
		return CTL_USAGE;
	}
	if (words != NULL) {
		return read_words(r, words);
	}
	if (r->cmd->file == NULL && isatty(STDIN_FILENO)) {
		ctl_complain("no records: give them as arguments, with --file "
			     "FILE or on stdin");
		return CTL_USAGE;
	}
	return read_file(r, r->cmd->file != NULL ? r->cmd->file : "-");
}

enum ctl_status
ctl_records_read(struct ctl_cmd *c)
{
	const struct ipc_member *list = ctl_list_member(c->method);
	struct reader r = {.cmd = c, .ttl = -1};
	enum ctl_status status;

	if (list == NULL || list->is_optional) {
		return CTL_OK;
	}
	r.zone = json_string_value(json_object_get(c->params, "zone"));
	r.type = json_string_value(json_object_get(c->params, "type"));
	r.records = json_array();
	if (r.zone == NULL || r.type == NULL || r.records == NULL) {
		json_decref(r.records);
		return CTL_FAILED;
	}
	status = read_source(&r, json_object_get(c->params, list->name));
	if (status == CTL_OK && json_array_size(r.records) == 0) {
		/* an empty pipe must not remove anything */
		ctl_complain("no records there; a contribution is removed "
			     "with clear");
		status = CTL_USAGE;
	}
	if (status == CTL_OK && json_object_get(c->params, "ttl") == NULL) {
		if (r.ttl < 0) {
			ctl_complain("no TTL in the records: give --ttl");
			status = CTL_USAGE;
		}
		(void)json_object_set_new(
		    c->params, "ttl", json_integer(r.ttl));
	}
	(void)json_object_set_new(c->params, list->name, r.records);
	return status;
}
