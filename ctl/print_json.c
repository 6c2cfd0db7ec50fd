/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/ctl.h"

void
ctl_print_json(FILE *f, const json_t *v, bool is_one_line)
{
	(void)json_dumpf(v, f, /* main() looks at stdout at the end */
	    JSON_ENCODE_ANY | (is_one_line ? JSON_COMPACT : JSON_INDENT(2)));
	fputc('\n', f);
}
