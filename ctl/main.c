/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>

#include "ctl/ctl.h"

int
main(int argc, char **argv)
{
	enum ctl_status status;
	struct ctl_cmd c;

	status = ctl_parse(argc, argv, &c);
	if (status == CTL_OK && c.method != NULL) {
		status = ctl_records_read(&c);
		if (status == CTL_OK) {
			status = ctl_run(&c);
		}
	}
	ctl_cmd_clear(&c);
	if (fflush(stdout) != 0 && status == CTL_OK) {
		ctl_complain("standard output cannot be written");
		status = CTL_FAILED;
	}
	return (int)status;
}
