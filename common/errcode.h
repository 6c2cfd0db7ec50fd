/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Error codes of the whole suite.  A function that can fail returns int:
 * E_OK or a negative code.  Codes of the C library travel as -errno; our own
 * start at -1000.  The numbers never leave the process: what goes on a wire
 * or to disk has its own numbered list there.
 */
#ifndef COMMON_ERRCODE_H
#define COMMON_ERRCODE_H

enum errcode {
	E_OK = 0,
	E_NOMEM = -1000,  /* out of memory */
	E_INVAL = -1001,  /* argument or value out of range */
	E_NOENT = -1002,  /* no such thing */
	E_EXIST = -1003,  /* is there already */
	E_SPACE = -1004,  /* does not fit into the buffer or message */
	E_MALF = -1005,   /* malformed input */
	E_LIMIT = -1006,  /* a configured limit is reached */
	E_DENIED = -1007, /* not allowed */
	E_TIMEOUT = -1008,
	E_CLOSED = -1009, /* the other side closed */
	E_CANCEL = -1010, /* ended by ourselves */
	E_CONF = -1011,   /* error in the configuration, already reported */
	E_STORE = -1012,  /* disk or database */
	E_AGAIN = -1013,  /* nothing now, more later */
	E_DONE = -1014,   /* regular end of a sequence */
	E_PROTO = -1015,  /* the other side breaks the protocol */
	E_TLS = -1016,    /* TLS handshake, certificate or record */
	E_BADKEY = -1017, /* TSIG: key or algorithm unknown */
	E_BADSIG = -1018, /* TSIG: wrong MAC */
	E_BADTIME = -1019,
	E_BADTRUNC = -1020,
	E_NOTSIGNED = -1021, /* signature missing where one must be */
	E_RCODE = -1022,     /* the answer has an RCODE that is not NOERROR */
	E_STALE = -1023,     /* not newer than what is held */
	E_MISFIT = -1024,    /* a difference that does not fit what is held */
	E_VERSION = -1025,   /* other major version of protocol or format */
	E_SYSTEM = -1026,    /* a library failed and gave no reason */
};

/* Text for people, never NULL, valid for ever.  Takes -errno too. */
const char *err_text(int code);

#endif
