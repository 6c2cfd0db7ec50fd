/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Local messages as both sides read them.  The first octet says in pieces of
 * which size the stream comes, the rest is the stream.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/errcode.h"
#include "common/ipc_msg.h"

/* A request that is taken is answered, and the answer can be read. */
static void
answer(const struct ipc_request *r)
{
	struct ipc_incoming in;
	bool too_long;
	size_t len = 0;
	char *line;

	line =
	    ipc_msg_result(r->id, json_deep_copy(r->params), &len, &too_long);
	if (line != NULL) {
		/* ids that are strings are not those of our clients */
		if (ipc_incoming_decode(line, len - 1, &in) == E_OK) {
			json_decref(in.root);
		} else if (!json_is_string(r->id)) {
			abort();
		}
	}
	free(line);
}

static void
one_line(const char *line, size_t len)
{
	const struct ipc_method *m;
	struct ipc_incoming in;
	struct ipc_request r;
	char why[128];

	if (ipc_request_decode(line, len, &r, why, sizeof(why)) == E_OK) {
		m = ipc_method_find(ipc_methods("combiner"), r.method);
		if (m != NULL) {
			(void)ipc_params_check(m, r.params, why, sizeof(why));
		}
		answer(&r);
	}
	ipc_request_clear(&r);
	if (ipc_incoming_decode(line, len, &in) == E_OK) {
		json_decref(in.root);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct ipc_lines l = {0};
	size_t step, n, line_len;
	const char *line;

	if (len == 0) {
		return 0;
	}
	step = (size_t)data[0] + 1;
	for (size_t i = 1; i < len; i += n) {
		n = len - i < step ? len - i : step;
		if (ipc_lines_push(&l, data + i, n) != E_OK) {
			break;
		}
		while (ipc_lines_next(&l, &line, &line_len) == E_OK) {
			one_line(line, line_len);
		}
	}
	ipc_lines_clear(&l);
	return 0;
}
