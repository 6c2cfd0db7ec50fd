/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What service*.c share: handlers by thing, and finding what a call names. */
#ifndef COMBINER_SERVICE_INNER_H
#define COMBINER_SERVICE_INNER_H

#include "combiner/combiner.h"

/*
 * The zone that the member zone names; NULL after the call was answered with
 * an error.
 */
struct zone *
service_zone(struct ipc_call *call, const json_t *params, struct combiner *c);
/* The type that the member names; 0 after the call was answered. */
uint16_t service_type(struct ipc_call *call, const json_t *params);
/*
 * true after the call was answered: it would change something, and the daemon
 * is stopping.
 */
bool service_is_stopping(struct ipc_call *call, const struct combiner *c);
/* The text of this member, or NULL. */
const char *service_str(const json_t *params, const char *name);
/* Sets a member that may be missing: v NULL is left out.  Takes v over. */
void service_set(json_t *object, const char *name, json_t *v);
/* result is taken over; NULL: there was no memory to make it. */
void service_reply(struct ipc_call *call, json_t *result);

/* service_list.c */
void service_zone_list(struct ipc_call *call, const json_t *params, void *arg);
/* service_zone.c */
void
service_zone_refresh(struct ipc_call *call, const json_t *params, void *arg);
void
service_zone_retransfer(struct ipc_call *call, const json_t *params, void *arg);
void service_zone_apex(struct ipc_call *call, const json_t *params, void *arg);
/* service_status.c */
void
service_zone_status(struct ipc_call *call, const json_t *params, void *arg);
/* What the zone waits for: array of objects with for, since, until, remedy. */
json_t *service_waits(const struct zone *z);
/* service_contrib.c */
void service_put(struct ipc_call *call, const json_t *params, void *arg);
void service_get(struct ipc_call *call, const json_t *params, void *arg);
void service_clear(struct ipc_call *call, const json_t *params, void *arg);
/* Presentation text of one RDATA; NULL: no memory. */
json_t *service_rdata(uint16_t type, const uint8_t *rdata, uint16_t len);

#endif
