/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Help, and the parts of the manual pages that come from the tables. */
#include <ctype.h>
#include <string.h>

#include "ctl/ctl.h"

#define WIDTH 79
#define LIST_COLUMN 22 /* where texts start in lists of commands */

/* ---- for the terminal ---- */

/* A member's name as an argument: upper case. */
static void
put_upper(FILE *f, const char *name)
{
	for (; *name != '\0'; name++) {
		fputc(toupper((unsigned char)*name), f);
	}
}

void
ctl_usage_line(FILE *f, const struct ipc_method *m)
{
	const struct ipc_member *p;

	for (p = m->params; p->name != NULL; p++) {
		if (ctl_is_positional(p)) {
			fputc(' ', f);
			put_upper(f, p->name);
		}
	}
	p = ctl_list_member(m);
	if (p != NULL) {
		fputs(" [", f);
		put_upper(f, p->name);
		fputs(" ...]", f);
		fputs(p->is_optional ? "" : " [--file FILE]", f);
	}
	for (p = m->params; p->name != NULL; p++) {
		if (ctl_is_positional(p) || p->type == IPC_STRINGS) {
			continue;
		}
		fprintf(f, " [--%s", p->name);
		if (p->type != IPC_BOOLEAN) {
			fputc(' ', f);
			put_upper(f, p->name);
		}
		fputc(']', f);
	}
}

/* Breaks lines between words; the first one starts at `column` already. */
static void
put_wrapped(FILE *f, const char *text, size_t column)
{
	size_t at = column, len;

	while (*text != '\0') {
		len = strcspn(text, " ");
		if (at > column && at + 1 + len > WIDTH) {
			fprintf(f, "\n%*s", (int)column, "");
			at = column;
		} else if (at > column) {
			fputc(' ', f);
			at++;
		}
		(void)fwrite(text, 1, len, f); /* as all of stdout */
		at += len;
		text += len;
		text += strspn(text, " ");
	}
	fputc('\n', f);
}

/* The first sentence. */
static void
put_summary(FILE *f, const char *man, size_t column)
{
	const char *end = strstr(man, ". ");
	char text[256];

	(void)snprintf(text, sizeof(text), "%.*s",
	    (int)(end != NULL ? end - man + 1 : (long)strlen(man)), man);
	put_wrapped(f, text, column);
}

static void
list_commands(FILE *f, const struct ipc_method *list)
{
	for (; list->name != NULL; list++) {
		if (list->cli != NULL) {
			fprintf(f, "  %-*s", LIST_COLUMN - 2, list->cli);
			put_summary(f, list->man, LIST_COLUMN);
		}
	}
}

void
ctl_help_service(FILE *f, const char *service)
{
	list_commands(f, ipc_methods(service));
	list_commands(f, ipc_methods_common());
}

void
ctl_help_method(FILE *f, const char *service, const struct ipc_method *m)
{
	const struct ipc_member *list = ctl_list_member(m);

	fprintf(f, "usage: polyctl [options] %s %s", service, m->cli);
	ctl_usage_line(f, m);
	fputs("\n\n", f);
	put_wrapped(f, m->man, 0);
	for (const struct ipc_member *p = m->params; p->name != NULL; p++) {
		bool is_option = !ctl_is_positional(p) && p != list;

		fprintf(f, "  %s%-*s", is_option ? "--" : "",
		    LIST_COLUMN - 2 - (is_option ? 2 : 0), p->name);
		put_wrapped(f, p->man, LIST_COLUMN);
	}
	if (list != NULL && !list->is_optional) {
		fprintf(f, "  %-*s", LIST_COLUMN - 2, "--file");
		put_wrapped(
		    f, "A file with one a line, - for stdin.", LIST_COLUMN);
	}
	fprintf(f, "\nNeeds the right to %s.\n", ipc_right_str(m->right));
}

void
ctl_help(FILE *f)
{
	fputs("usage: polyctl [options] daemon command [arguments]\n\n"
	      "  --json              the answer as JSON\n"
	      "  --watch             again on every change, until ^C\n"
	      "  -s, --socket PATH   not /run/polyphony/<daemon>.sock\n"
	      "  -t, --timeout SEC   how long to wait for an answer; 10\n"
	      "  -h, --help          also behind a daemon or a command\n"
	      "  -V, --version\n",
	    f);
	for (const char *const *s = ipc_services(); *s != NULL; s++) {
		fprintf(f, "\nCommands of %s:\n", *s);
		list_commands(f, ipc_methods(*s));
	}
	fputs("\nCommands of every daemon:\n", f);
	list_commands(f, ipc_methods_common());
}

/* ---- for the manual ---- */

/* Text that mdoc must not take for its own; one sentence a line. */
static void
mdoc_text(FILE *f, const char *text)
{
	bool is_start = true;

	for (; *text != '\0'; text++) {
		if (is_start && (*text == '.' || *text == '\'')) {
			fputs("\\&", f);
		}
		is_start = false;
		if (*text == '\\') {
			fputs("\\e", f);
		} else if (*text == ' ' && text[-1] == '.') {
			fputc('\n', f);
			is_start = true;
		} else {
			fputc(*text, f);
		}
	}
	fputc('\n', f);
}

static void
mdoc_members(FILE *f, const char *title, const struct ipc_member *list)
{
	if (list->name == NULL) {
		return;
	}
	fprintf(f, ".Pp\n%s:\n.Bl -tag -width 10n -compact\n", title);
	for (; list->name != NULL; list++) {
		fprintf(f, ".It Cm %s Pq %s%s\n", list->name,
		    ipc_type_str(list->type),
		    list->is_optional ? ", optional" : "");
		mdoc_text(f, list->man);
	}
	fputs(".El\n", f);
}

static void
mdoc_method(FILE *f, const struct ipc_method *m)
{
	const enum ipc_code *e = m->errors;

	fprintf(
	    f, ".It Cm %s Pq right: %s\n", m->name, ipc_right_str(m->right));
	mdoc_text(f, m->man);
	mdoc_members(f, "Members of params", m->params);
	mdoc_members(f, "Members of the result", m->result);
	if (*e != 0) {
		fputs(".Pp\nErrors of its own:", f);
		for (; *e != 0; e++) {
			fprintf(f, "%s %s (%d)", e == m->errors ? "" : ",",
			    ipc_code_str((int)*e), (int)*e);
		}
		fputs(".\n", f);
	}
}

static void
mdoc_methods(FILE *f, const struct ipc_method *list)
{
	fputs(".Bl -tag -width 4n\n", f);
	for (; list->name != NULL; list++) {
		mdoc_method(f, list);
	}
	fputs(".El\n", f);
}

static void
mdoc_events(FILE *f, const struct ipc_event_type *list)
{
	fputs(".Bl -tag -width 4n\n", f);
	for (; list->name != NULL; list++) {
		fprintf(f, ".It Cm %s\n", list->name);
		mdoc_text(f, list->man);
		mdoc_members(f, "Members of params", list->params);
	}
	fputs(".El\n", f);
}

static void
mdoc_arguments(FILE *f, const struct ipc_method *m)
{
	const struct ipc_member *p, *list = ctl_list_member(m);

	for (p = m->params; p->name != NULL; p++) {
		if (ctl_is_positional(p)) {
			fprintf(f, " Ar %s", p->name);
		}
	}
	if (list != NULL) {
		fprintf(f, " Oo Ar %s ... Oc", list->name);
		fputs(list->is_optional ? "" : " Oo Fl -file Ar file Oc", f);
	}
	for (p = m->params; p->name != NULL; p++) {
		if (ctl_is_positional(p) || p == list) {
			continue;
		}
		fprintf(f, " Oo Fl -%s", p->name);
		if (p->type != IPC_BOOLEAN) {
			fprintf(f, " Ar %s", p->name);
		}
		fputs(" Oc", f);
	}
	fputc('\n', f);
}

static void
mdoc_commands(FILE *f, const struct ipc_method *list)
{
	fputs(".Bl -tag -width 4n\n", f);
	for (; list->name != NULL; list++) {
		if (list->cli == NULL) {
			continue;
		}
		fprintf(f, ".It Cm %s", list->cli);
		mdoc_arguments(f, list);
		mdoc_text(f, list->man);
		if (list->params->name == NULL) {
			continue;
		}
		fputs(".Bl -tag -width 10n -compact\n", f);
		for (const struct ipc_member *p = list->params; p->name != NULL;
		     p++) {
			fprintf(f, ".It Ar %s\n", p->name);
			mdoc_text(f, p->man);
		}
		fputs(".El\n", f);
	}
	fputs(".El\n", f);
}

bool
ctl_mdoc(FILE *f, const char *part)
{
	const char *what = strchr(part, '-');
	char service[32];

	if (what == NULL || (size_t)(what - part) >= sizeof(service)) {
		return false;
	}
	(void)snprintf(
	    service, sizeof(service), "%.*s", (int)(what - part), part);
	const struct ipc_method *methods = strcmp(service, "common") == 0
					       ? ipc_methods_common()
					       : ipc_methods(service);
	if (methods == NULL) {
		return false;
	}
	if (strcmp(what, "-methods") == 0) {
		mdoc_methods(f, methods);
	} else if (strcmp(what, "-commands") == 0) {
		mdoc_commands(f, methods);
	} else if (strcmp(what, "-events") == 0 &&
		   ipc_events(service) != NULL) {
		mdoc_events(f, ipc_events(service));
	} else {
		return false;
	}
	return true;
}
