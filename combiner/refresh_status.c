/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What polyctl shows of a zone's way in. */
#include <string.h>

#include "combiner/combiner.h"
#include "combiner/ingest.h"
#include "combiner/refresh.h"
#include "combiner/refresh_run.h"
#include "common/errcode.h"

void
refresh_status(const struct zone *z, struct refresh_status *out)
{
	const struct refresh *r = z->refresh;
	struct loop *loop = z->combiner->loop;
	uint64_t now = loop_now_ms(loop);

	memset(out, 0, sizeof(*out));
	out->state = "none";
	out->expire_sec = refresh_expire_sec(z);
	if (r == NULL) {
		return;
	}
	out->state = zone_fsm_state_str(r->fsm.state);
	out->fails = r->fsm.fails;
	if (r->fsm.state == ZONE_FSM_IDLE) {
		out->next_sec = loop_wall_sec(loop) + (r->next_ms > now ?
		    (int64_t)((r->next_ms - now) / 1000) : 0);
	}
	if (r->run != NULL && (r->fsm.state == ZONE_FSM_IXFR ||
		r->fsm.state == ZONE_FSM_AXFR)) {
		out->is_running = true;
		out->dur_us = loop_now_us(loop) - r->run->started_us;
		if (r->run->ingest != NULL) {
			ingest_progress(r->run->ingest, &out->records,
			    &out->octets);
		}
	}
}

size_t
refresh_target_count(const struct zone *z)
{
	return target_count(z->rules->masters, z->rules->nmasters);
}

int
refresh_target_status(const struct zone *z, size_t k,
    struct refresh_target_status *out)
{
	const struct refresh *r = z->refresh;
	int err;

	memset(out, 0, sizeof(*out));
	err = target_get(z->rules->masters, z->rules->nmasters, k,
	    &out->target);
	if (err != E_OK || r == NULL || r->rules != z->rules) {
		return err;
	}
	out->is_preferred = k == r->fsm.first;
	out->is_current = r->run != NULL && r->run->rules == z->rules &&
	    k == r->fsm.target && r->fsm.state != ZONE_FSM_STORE;
	if (k < r->nresults) {
		out->sec = r->results[k].sec;
		out->err = r->results[k].err;
		out->rcode = r->results[k].rcode;
		out->serial = r->results[k].serial;
	}
	return E_OK;
}
