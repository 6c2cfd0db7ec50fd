/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Transfers out.  One transfer shows one version, whatever is published while
 * it runs.  Messages of the base go from the mapped file to the socket; only
 * id, flags and question are put in front of them anew.  What we build
 * ourselves (SOA, apex, overlay, differences) is packed to at most 16 KiB.
 */
#ifndef COMBINER_XFR_OUT_H
#define COMBINER_XFR_OUT_H

#include <stddef.h>
#include <stdint.h>

#include "common/dns_tsig.h"

struct combiner;
struct dns_request;
struct zone;

/*
 * Answers an AXFR or IXFR query.  z may be NULL (not ours).  msg: the request
 * without TSIG; tsig: its state, or NULL.  Takes over the answer.
 */
void xfr_out_start(struct combiner *c, struct zone *z,
    const struct dns_request *req, const uint8_t *msg, size_t len,
    struct tsig_state *tsig);
/* Transfers under way. */
unsigned xfr_out_running(const struct combiner *c);

#endif
