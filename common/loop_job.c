/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Jobs for the thread pool. */
#include "common/loop.h"

#include <stdlib.h>

#include "common/errcode.h"
#include "common/loop_inner.h"

struct loop_job_req {
	uv_work_t uv; /* first: the request is this struct */
	struct loop *loop;
	struct loop_job *job;
	struct loop_job_req *prev, *next;
};

static void
on_work(uv_work_t *uv)
{
	struct loop_job_req *req = (struct loop_job_req *)uv;

	req->job->work(req->job);
}

static void
on_work_done(uv_work_t *uv, int status)
{
	struct loop_job_req *req = (struct loop_job_req *)uv;
	struct loop *loop = req->loop;
	struct loop_job *job = req->job;

	if (req->prev != NULL) {
		req->prev->next = req->next;
	} else {
		loop->jobs = req->next;
	}
	if (req->next != NULL) {
		req->next->prev = req->prev;
	}
	free(req);
	job->req = NULL;
	job->done(job, status != 0 || loop->is_freeing ? E_CANCEL : E_OK);
}

int
loop_job_start(struct loop *loop, struct loop_job *job)
{
	struct loop_job_req *req;
	int r;

	if (loop->is_freeing) {
		return E_CANCEL;
	}
	if (job->req != NULL) {
		return E_EXIST;
	}
	req = calloc(1, sizeof(*req));
	if (req == NULL) {
		return E_NOMEM;
	}
	req->loop = loop;
	req->job = job;
	r = uv_queue_work(&loop->uv, &req->uv, on_work, on_work_done);
	if (r != 0) {
		free(req);
		return r;
	}
	req->next = loop->jobs;
	if (req->next != NULL) {
		req->next->prev = req;
	}
	loop->jobs = req;
	job->loop = loop;
	job->req = req;
	return E_OK;
}

/* Those that have begun go on to their end. */
void
loop_job_cancel_all(struct loop *loop)
{
	struct loop_job_req *req;

	for (req = loop->jobs; req != NULL; req = req->next) {
		(void)uv_cancel((uv_req_t *)&req->uv);
	}
}

unsigned
loop_job_count(const struct loop *loop)
{
	unsigned n = 0;

	for (const struct loop_job_req *r = loop->jobs; r != NULL; r = r->next) {
		n++;
	}
	return n;
}
