/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the zone*.c files share and nobody else calls. */
#ifndef COMBINER_ZONE_INNER_H
#define COMBINER_ZONE_INNER_H

#include <stddef.h>
#include <stdint.h>

#include "combiner/zone.h"

/* A zone with nothing in it, not yet in the set. */
int zone_new(struct combiner *c, const uint8_t *name,
    const struct combiner_rules *rules, struct zone *catalog,
    const char *member_id, struct zone **out);
int zone_set_insert(struct combiner *c, struct zone *z);
void zone_alert_free(struct zone *z);
/* Is the state of a zone of this name about to go from the disk? */
bool zone_is_leaving(const struct combiner *c, const uint8_t *name);
/*
 * Queues fn behind all that is under way or waiting; it is called also when
 * the zone is gone by then.
 */
int zone_op_last(struct zone *z, zone_done_fn fn, void *arg);
/*
 * Writes the zone as text to dir/archive/<name>-<time>.zone, synced: what was
 * published, and each source's contribution as comment.  In the pool; the zone
 * must stand still.
 */
int zone_archive(const struct zone *z, const char *dir, int64_t now);

#endif
