/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "combiner/conf.h"
#include "combiner/main_ops.h"
#include "common/daemon.h"
#include "config.h"

int
main(int argc, char **argv)
{
	static const struct daemon_ops ops = {
	    .name = "combiner",
	    .default_conf = SYSCONFDIR "/polyphony/combiner.conf",
	    .schema = combiner_schema,
	    .check = combiner_conf_check,
	    .pre_drop = combiner_pre_drop,
	    .post_drop = combiner_post_drop,
	    .reload = combiner_reload,
	    .stop = combiner_stop,
	    .free = combiner_free,
	};

	return daemon_run(&ops, argc, argv);
}
