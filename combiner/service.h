/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The combiner's local service: the methods of common/proto_combiner.def over
 * its Unix socket (c->ipc).
 */
#ifndef COMBINER_SERVICE_H
#define COMBINER_SERVICE_H

struct combiner;
struct zone;

/* Opens the socket of the configuration; c->store and the zones are there. */
int service_start(struct combiner *c);
void service_stop(struct combiner *c);
/* Tells subscribers that a round with the zone's masters failed. */
void service_tell_failed(const struct zone *z, const char *error);

#endif
