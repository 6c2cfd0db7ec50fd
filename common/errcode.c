/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/errcode.h"

#include <string.h>

static const char *const texts[] = {
    [E_NOMEM - E_NOMEM] = "out of memory",
    [E_NOMEM - E_INVAL] = "invalid argument",
    [E_NOMEM - E_NOENT] = "no such thing",
    [E_NOMEM - E_EXIST] = "exists already",
    [E_NOMEM - E_SPACE] = "does not fit",
    [E_NOMEM - E_MALF] = "malformed",
    [E_NOMEM - E_LIMIT] = "limit reached",
    [E_NOMEM - E_DENIED] = "not allowed",
    [E_NOMEM - E_TIMEOUT] = "timed out",
    [E_NOMEM - E_CLOSED] = "closed by the other side",
    [E_NOMEM - E_CANCEL] = "cancelled",
    [E_NOMEM - E_CONF] = "error in the configuration",
    [E_NOMEM - E_STORE] = "storage failed",
    [E_NOMEM - E_AGAIN] = "not yet",
    [E_NOMEM - E_DONE] = "end reached",
    [E_NOMEM - E_PROTO] = "protocol broken by the other side",
    [E_NOMEM - E_TLS] = "TLS failed",
    [E_NOMEM - E_BADKEY] = "TSIG key or algorithm unknown",
    [E_NOMEM - E_BADSIG] = "TSIG signature wrong",
    [E_NOMEM - E_BADTIME] = "TSIG time out of the allowed window",
    [E_NOMEM - E_BADTRUNC] = "TSIG signature truncated",
    [E_NOMEM - E_NOTSIGNED] = "signature missing",
    [E_NOMEM - E_RCODE] = "answered with an error code",
    [E_NOMEM - E_STALE] = "not newer than what is held",
    [E_NOMEM - E_MISFIT] = "difference does not fit",
    [E_NOMEM - E_VERSION] = "unsupported version",
    [E_NOMEM - E_SYSTEM] = "library failure",
};

#define ERRNO_END 512 /* above all of Linux and the BSDs */

const char *
err_text(int code)
{
	size_t i;

	if (code == E_OK) {
		return "no error";
	}
	if (code < 0 && code > -ERRNO_END) {
		return strerror(-code);
	}
	if (code <= E_NOMEM) {
		i = (size_t)(E_NOMEM - (long)code);
		if (i < sizeof(texts) / sizeof(texts[0])) {
			return texts[i];
		}
	}
	return "unknown error";
}
