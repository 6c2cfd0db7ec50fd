/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What conf*.c of the combiner share. */
#ifndef COMBINER_CONF_INNER_H
#define COMBINER_CONF_INNER_H

#include "combiner/conf.h"
#include "common/conf.h"

/*
 * conf_rules.c: rules from the items of `own` (NULL: none) and of `base`, a
 * template or the defaults.
 */
int combiner_rules_new(struct conf *conf, const struct combiner_conf *c,
    const struct conf_row *own, const struct conf_row *base,
    struct combiner_rules **out);
void combiner_rules_free(struct combiner_rules *r);
/* Warns where a zone travels over TLS on one way and in the clear on another.
 */
void combiner_rules_check_tls(struct conf *conf, const struct conf_row *row,
    const struct combiner_rules *r);

/* conf_source.c: section msa. */
int combiner_sources_new(struct conf *conf, struct combiner_conf *c);
void combiner_sources_free(struct combiner_conf *c);

#endif
