/* SPDX-License-Identifier: GPL-3.0-or-later */
/* NOTIFY requests as anybody may send them, and the answers to ours. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "combiner/notify_msg.h"
#include "common/errcode.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct notify_msg m, again;
	uint8_t out[1024];
	size_t n;
	int rcode;

	rcode = notify_msg_decode(data, len, &m);
	n = notify_msg_answer(data, len, rcode >= 0 ? (unsigned)rcode : 0, out,
	    sizeof(out));
	if (rcode < 0 || (n == 0) != (len < DNS_HEADER_LEN)) {
		abort();
	}
	if (rcode == E_OK &&
	    (name_check(m.zone, sizeof(m.zone)) == 0 ||
		notify_msg_rcode(out, n) != DNS_NOERROR)) {
		abort();
	}
	/* Our own answer is never taken for a request with a hint. */
	if (n > 0 && notify_msg_decode(out, n, &again) == E_OK &&
	    again.has_serial) {
		abort();
	}
	(void)notify_msg_rcode(data, len);
	return 0;
}
