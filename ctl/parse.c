/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Words to a call, by the table: the words of a command are its member `cli`;
 * required single members are arguments in the table's order, a list takes what
 * is left, optional ones are options of the same name.
 */
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"

#include "ctl/ctl.h"

#define TIMEOUT_MS 10000u
#define WORDS_MAX 64 /* octets of a command's words together */

struct parser {
	struct ctl_cmd *cmd;
	char words[WORDS_MAX]; /* so far, while there is no method */
	bool no_options;       /* after -- */
	enum ctl_status status;
	bool is_done; /* help or version was printed */
};

void
ctl_complain(const char *fmt, ...)
{
	va_list ap;

	fputs("polyctl: ", stderr);
	va_start(ap, fmt);
	(void)vfprintf(stderr, fmt, ap); /* nobody to tell if this fails */
	va_end(ap);
	fputc('\n', stderr);
}

bool
ctl_is_positional(const struct ipc_member *p)
{
	return !p->is_optional && p->type != IPC_STRINGS;
}

const struct ipc_member *
ctl_list_member(const struct ipc_method *m)
{
	for (const struct ipc_member *p = m->params; p->name != NULL; p++) {
		if (p->type == IPC_STRINGS) {
			return p;
		}
	}
	return NULL;
}

static const struct ipc_member *
find_member(const struct ipc_method *m, const char *name, size_t len)
{
	for (const struct ipc_member *p = m->params; p->name != NULL; p++) {
		if (strlen(p->name) == len &&
		    strncmp(p->name, name, len) == 0) {
			return p;
		}
	}
	return NULL;
}

/* ---- values ---- */

/* Zone names travel absolute and in lower case, types in upper case. */
static json_t *
make_string(const char *name, const char *text)
{
	bool is_zone = strcmp(name, "zone") == 0;
	bool is_type = strcmp(name, "type") == 0;
	size_t len = strlen(text);
	char *copy = malloc(len + 2);
	json_t *v;

	if (copy == NULL) {
		return NULL;
	}
	memcpy(copy, text, len + 1);
	for (size_t i = 0; i < len; i++) {
		unsigned char ch = (unsigned char)copy[i];

		copy[i] = (char)(is_zone   ? tolower(ch)
				 : is_type ? toupper(ch)
					   : ch);
	}
	if (is_zone && len > 0 && copy[len - 1] != '.') {
		memcpy(copy + len, ".", 2);
	}
	v = json_string(copy);
	free(copy);
	return v;
}

static json_t *
make_integer(const char *text)
{
	long long n;
	char *end;

	errno = 0;
	n = strtoll(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0') {
		return NULL;
	}
	return json_integer(n);
}

static enum ctl_status
set_member(struct parser *p, const struct ipc_member *m, const char *text)
{
	json_t *params = p->cmd->params, *list;
	json_t *v = m->type == IPC_INTEGER ? make_integer(text)
					   : make_string(m->name, text);

	if (v == NULL) {
		ctl_complain("%s: \"%s\" is no %s", m->name, text,
		    ipc_type_str(m->type));
		return CTL_USAGE;
	}
	if (m->type != IPC_STRINGS) {
		(void)json_object_set_new(params, m->name, v);
		return CTL_OK;
	}
	list = json_object_get(params, m->name);
	if (list == NULL) {
		list = json_array();
		(void)json_object_set_new(params, m->name, list);
	}
	(void)json_array_append_new(list, v);
	return CTL_OK;
}

/* ---- options ---- */

static enum ctl_status
set_timeout(struct ctl_cmd *c, const char *text)
{
	char *end;
	double sec = strtod(text, &end);

	if (end == text || *end != '\0' || !(sec > 0 && sec < 86400)) {
		ctl_complain("-t: \"%s\" is no number of seconds", text);
		return CTL_USAGE;
	}
	c->timeout_ms = (unsigned)(sec * 1000);
	return CTL_OK;
}

/* An option with a value: in the same word behind =, or the next one. */
static const char *
value_of(const char *inlined, char ***next, const char *name)
{
	if (inlined != NULL) {
		return inlined;
	}
	if (**next == NULL) {
		ctl_complain("%s needs a value", name);
		return NULL;
	}
	return *(*next)++;
}

/* Those that every command has.  false: not one of them. */
static bool
global_option(struct parser *p, const char *word, size_t len,
    const char *inlined, char ***next)
{
	struct ctl_cmd *c = p->cmd;
	const char *v;

#define IS(s) (len == strlen(s) && strncmp(word, s, len) == 0)
	if (IS("--json") && inlined == NULL) {
		c->is_json = true;
	} else if (IS("--watch") && inlined == NULL) {
		c->is_watch = true;
	} else if (IS("--help") || IS("-h")) {
		c->wants_help = true;
	} else if (IS("--version") || IS("-V")) {
		printf("polyctl %s\n", POLYPHONY_VERSION);
		p->is_done = true;
	} else if (IS("--mdoc")) { /* for the manual; not in it */
		v = value_of(inlined, next, "--mdoc");
		if (v == NULL || !ctl_mdoc(stdout, v)) {
			p->status = CTL_USAGE;
		}
		p->is_done = true;
	} else if (IS("--socket") || IS("-s")) {
		c->socket = value_of(inlined, next, "-s");
		p->status = c->socket != NULL ? CTL_OK : CTL_USAGE;
	} else if (IS("--timeout") || IS("-t")) {
		v = value_of(inlined, next, "-t");
		p->status = v != NULL ? set_timeout(c, v) : CTL_USAGE;
	} else {
		return false;
	}
#undef IS
	return true;
}

static enum ctl_status
method_option(struct parser *p, const char *name, size_t len,
    const char *inlined, char ***next)
{
	const struct ipc_method *m = p->cmd->method;
	const struct ipc_member *list = ctl_list_member(m);
	const struct ipc_member *member = find_member(m, name, len);
	const char *v;

	if (list != NULL && !list->is_optional && len == 4 &&
	    strncmp(name, "file", 4) == 0) {
		p->cmd->file = value_of(inlined, next, "--file");
		return p->cmd->file != NULL ? CTL_OK : CTL_USAGE;
	}
	if (member == NULL || ctl_is_positional(member)) {
		ctl_complain("%s has no option --%.*s", m->cli, (int)len, name);
		return CTL_USAGE;
	}
	if (member->type == IPC_BOOLEAN) {
		if (inlined != NULL) {
			ctl_complain("--%s takes no value", member->name);
			return CTL_USAGE;
		}
		(void)json_object_set_new(
		    p->cmd->params, member->name, json_true());
		return CTL_OK;
	}
	v = value_of(inlined, next, member->name);
	return v != NULL ? set_member(p, member, v) : CTL_USAGE;
}

static void
handle_option(struct parser *p, const char *word, char ***next)
{
	const char *eq = strchr(word, '=');
	size_t len = eq != NULL ? (size_t)(eq - word) : strlen(word);
	const char *inlined = eq != NULL ? eq + 1 : NULL;

	if (strcmp(word, "--") == 0) {
		p->no_options = true;
	} else if (global_option(p, word, len, inlined, next)) {
		return;
	} else if (p->cmd->method == NULL || strncmp(word, "--", 2) != 0) {
		ctl_complain("unknown option %s", word);
		p->status = CTL_USAGE;
	} else {
		p->status = method_option(p, word + 2, len - 2, inlined, next);
	}
}

/* ---- words ---- */

static bool
is_service(const char *name)
{
	for (const char *const *s = ipc_services(); *s != NULL; s++) {
		if (strcmp(*s, name) == 0) {
			return true;
		}
	}
	return false;
}

/* Finds the method of these words, or sees whether more words may follow. */
static bool
match_words(struct parser *p, const struct ipc_method *list)
{
	size_t len = strlen(p->words);
	bool is_prefix = false;

	for (; list->name != NULL; list++) {
		if (list->cli == NULL) {
			continue;
		}
		if (strcmp(list->cli, p->words) == 0) {
			p->cmd->method = list;
			return true;
		}
		if (strncmp(list->cli, p->words, len) == 0 &&
		    list->cli[len] == ' ') {
			is_prefix = true;
		}
	}
	return is_prefix;
}

static enum ctl_status
handle_command_word(struct parser *p, const char *word)
{
	size_t len = strlen(p->words);
	bool is_known;

	if (len + strlen(word) + 2 < sizeof(p->words)) {
		(void)snprintf(p->words + len, sizeof(p->words) - len, "%s%s",
		    len > 0 ? " " : "", word);
		is_known = match_words(p, ipc_methods(p->cmd->service));
		/* also when more words may follow: it may be whole there */
		if (p->cmd->method == NULL &&
		    match_words(p, ipc_methods_common())) {
			is_known = true;
		}
		if (is_known) {
			return CTL_OK;
		}
	}
	ctl_complain("%s has no command \"%s%s\"; it has:", p->cmd->service,
	    p->words, len + strlen(word) + 2 < sizeof(p->words) ? "" : " …");
	ctl_help_service(stderr, p->cmd->service);
	return CTL_USAGE;
}

static enum ctl_status
handle_argument(struct parser *p, const char *word)
{
	const struct ipc_method *m = p->cmd->method;
	const struct ipc_member *list = ctl_list_member(m);

	for (const struct ipc_member *x = m->params; x->name != NULL; x++) {
		if (ctl_is_positional(x) &&
		    json_object_get(p->cmd->params, x->name) == NULL) {
			return set_member(p, x, word);
		}
	}
	if (list != NULL) {
		return set_member(p, list, word);
	}
	ctl_complain("%s: one argument too many: %s", m->cli, word);
	return CTL_USAGE;
}

static void
handle_word(struct parser *p, const char *word)
{
	if (p->cmd->service == NULL) {
		if (!is_service(word)) {
			ctl_complain("no daemon is called \"%s\"", word);
			p->status = CTL_USAGE;
		}
		p->cmd->service = word;
	} else if (p->cmd->method == NULL) {
		p->status = handle_command_word(p, word);
	} else {
		p->status = handle_argument(p, word);
	}
}

/* ---- the whole ---- */

static enum ctl_status
check_complete(struct ctl_cmd *c)
{
	const struct ipc_method *m = c->method;

	for (const struct ipc_member *p = m->params; p->name != NULL; p++) {
		if (ctl_is_positional(p) &&
		    json_object_get(c->params, p->name) == NULL) {
			ctl_complain("%s: %s is missing", m->cli, p->name);
			fprintf(
			    stderr, "usage: polyctl %s %s", c->service, m->cli);
			ctl_usage_line(stderr, m);
			fputc('\n', stderr);
			return CTL_USAGE;
		}
	}
	if (c->is_watch && m->right != IPC_LOOK) {
		ctl_complain(
		    "%s: --watch is for commands that only look", m->cli);
		return CTL_USAGE;
	}
	return CTL_OK;
}

/* Help for as much as was said. */
static enum ctl_status
finish(struct parser *p)
{
	struct ctl_cmd *c = p->cmd;

	if (c->wants_help) {
		if (c->method != NULL) {
			ctl_help_method(stdout, c->service, c->method);
		} else if (c->service != NULL) {
			ctl_help_service(stdout, c->service);
		} else {
			ctl_help(stdout);
		}
		c->method = NULL;
		return CTL_OK;
	}
	if (c->method != NULL) {
		return check_complete(c);
	}
	if (c->service != NULL) {
		ctl_complain("what about %s? It has:", c->service);
		ctl_help_service(stderr, c->service);
	} else {
		ctl_help(stderr);
	}
	return CTL_USAGE;
}

enum ctl_status
ctl_parse(int argc, char **argv, struct ctl_cmd *out)
{
	struct parser p = {.cmd = out};
	char **next = argv + (argc > 0 ? 1 : 0);
	const char *word;

	memset(out, 0, sizeof(*out));
	out->timeout_ms = TIMEOUT_MS;
	out->params = json_object();
	if (out->params == NULL) {
		ctl_complain("out of memory");
		return CTL_FAILED;
	}
	while (p.status == CTL_OK && !p.is_done && *next != NULL) {
		word = *next++;
		if (!p.no_options && word[0] == '-' && word[1] != '\0') {
			handle_option(&p, word, &next);
		} else {
			handle_word(&p, word);
		}
	}
	if (p.is_done || p.status != CTL_OK) {
		out->method = NULL;
		return p.status;
	}
	return finish(&p);
}

void
ctl_cmd_clear(struct ctl_cmd *c)
{
	json_decref(c->params);
	memset(c, 0, sizeof(*c));
}
