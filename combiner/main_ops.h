/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The steps of the combiner's life, as daemon.h names them. */
#ifndef COMBINER_MAIN_OPS_H
#define COMBINER_MAIN_OPS_H

struct conf;
struct daemon;

int combiner_pre_drop(struct daemon *d);
int combiner_post_drop(struct daemon *d);
int combiner_reload(struct daemon *d, struct conf *fresh);
void combiner_stop(struct daemon *d);
void combiner_free(struct daemon *d);

#endif
