/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A configuration as text: read, checked, built, printed.  Names of files and
 * users lead out of the process, so a text with them is passed over.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "combiner/conf.h"
#include "common/conf.h"
#include "common/errcode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
build(struct conf *conf)
{
	struct combiner_conf *c;
	char *text;

	combiner_conf_check(conf);
	if (combiner_conf_new(conf, &c) == E_OK) {
		(void)combiner_conf_template(c, "default");
		(void)combiner_source_by_uid(c, 0);
		combiner_conf_unref(c);
	}
	text = conf_dump_json(conf);
	if (text == NULL) {
		abort(); /* whatever was read can be printed */
	}
	free(text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct conf *conf;
	char *text, *errs = NULL;
	int r;

	if (len > 8192) {
		return 0;
	}
	text = malloc(len + 1);
	if (text == NULL) {
		return 0;
	}
	memcpy(text, data, len);
	text[len] = '\0';
	if (strstr(text, "file") != NULL || strstr(text, "include") != NULL ||
	    strstr(text, "user") != NULL) {
		free(text);
		return 0;
	}
	r = conf_load_string(combiner_schema, text, &conf, &errs);
	if (r == E_OK) {
		build(conf);
		conf_free(conf);
	} else if (r == E_CONF && errs == NULL) {
		abort(); /* an error is always said */
	}
	free(errs);
	free(text);
	return 0;
}
