/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Merges in the background: one job a zone, the result goes the pipeline.  An
 * overlay that is small, or empty, is merged too after many publishes: entries
 * of the journal are needed until the base is younger than they are.
 */
#include <stdlib.h>

#include "combiner/combiner.h"
#include "combiner/store.h"
#include "combiner/zdata.h"
#include "common/errcode.h"

#define MERGE_AFTER_INLINE 256
#define MERGE_AFTER_FILE 8192

struct merge_job {
	struct loop_job job;
	struct zone *z; /* held */
	struct zmerge *merge;
	int err;
	uint64_t start_us;
};

static void
merge_work(struct loop_job *job)
{
	struct merge_job *m = job->arg;

	m->err = zmerge_run(m->merge);
}

static void
merge_done(struct loop_job *job, int status)
{
	struct merge_job *m = job->arg;
	struct zone *z = m->z;
	char name[NAME_STRLEN];
	int err = status == E_OK ? m->err : status;

	z->merging = false;
	if (err == E_OK) {
		log_debug(F(.zone = name_to_str(z->name, name), .op = "merge",
		    .dur_us = (int64_t)(loop_now_us(z->combiner->loop) -
		        m->start_us)), "overlay merged");
		err = zone_take_merge(z, m->merge);
		if (err == E_OK) {
			m->merge = NULL; /* the pipeline's */
		} else {
			uint32_t version;
			base_discard(
			    base_ref(zmerge_base(m->merge, &version)),
			    store_dir(z->combiner->store));
		}
	}
	if (err != E_OK && err != E_CANCEL) {
		/* the overlay stays; the next change tries again */
		zone_alert_set(z, ZONE_ALERT_STORE,
		    "cannot merge the zone's changes: %s", err_text(err));
	}
	zmerge_free(m->merge);
	free(m);
	zone_release(z);
}

static bool
is_due(const struct zone *z)
{
	uint32_t after = z->data->base->is_mapped ? MERGE_AFTER_FILE
						  : MERGE_AFTER_INLINE;

	return zdata_wants_merge(z->data) || z->seq - z->base_seq > after;
}

void
zone_merge_check(struct zone *z)
{
	struct merge_job *m;

	if (z->data == NULL || z->merging || z->combiner->stopping ||
	    !is_due(z)) {
		return;
	}
	m = calloc(1, sizeof(*m));
	if (m == NULL ||
	    zmerge_new(z->data, z->name, store_dir(z->combiner->store),
	        &m->merge) != E_OK) {
		free(m);
		return; /* no memory now: at the next change */
	}
	zone_hold(z);
	m->z = z;
	m->job.work = merge_work;
	m->job.done = merge_done;
	m->job.arg = m;
	m->start_us = loop_now_us(z->combiner->loop);
	z->merging = true;
	int ret = loop_job_start(z->combiner->loop, &m->job);
	if (ret != E_OK) {
		m->err = ret;
		merge_done(&m->job, ret);
	}
}
