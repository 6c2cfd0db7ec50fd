/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * An UPDATE that came over DNS (spec/combiner.md 3): who sent it, whether it
 * came before, into the zone's pipeline, and the answer once it is on disk.
 */
#ifndef COMBINER_UPDATE_IN_H
#define COMBINER_UPDATE_IN_H

struct service_request;

#define UPDATE_UDP_MAX 1232 /* longer ones: TCP */

/* Takes over the request's answer, not s. */
void update_in(struct service_request *s);

#endif
