/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * When and how a zone is fetched from its owner (spec/combiner.md 5.1): a pure
 * state machine.  refresh.c feeds it events and does what it says; it sees no
 * clock, no socket and no zone.
 *
 *   IDLE --due, check--> QUEUED --place--> SOA --newer--> IXFR --> STORE --> IDLE
 *                                   \--------------------> AXFR --/
 *
 * One round is all between QUEUED and IDLE.  It goes through the targets (one
 * address of one master each), starting with the one that sent the NOTIFY or
 * was good the last time, until one has confirmed our copy or given a new one.
 * What is asked for during a round makes exactly one more round after it.
 */
#ifndef COMBINER_ZONE_FSM_H
#define COMBINER_ZONE_FSM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum zone_fsm_state {
	ZONE_FSM_IDLE = 0, /* the timer runs to the next check */
	ZONE_FSM_QUEUED,   /* waits for a place among the transfers */
	ZONE_FSM_SOA,      /* SOA query under way */
	ZONE_FSM_IXFR,
	ZONE_FSM_AXFR,
	ZONE_FSM_STORE,    /* a new version is on its way to the disk */
	ZONE_FSM_NSTATES
};

enum zone_fsm_event {
	ZONE_FSM_DUE = 0,    /* time of the next check */
	ZONE_FSM_CHECK,      /* NOTIFY, or a command: look now */
	ZONE_FSM_RETRANSFER, /* command: the whole zone again */
	ZONE_FSM_PLACE,      /* a place among the transfers is ours */
	ZONE_FSM_SAME,       /* this target has our serial */
	ZONE_FSM_NEWER,      /* SOA answer: it has a greater one */
	ZONE_FSM_BACK,       /* it has another one that is not greater */
	ZONE_FSM_FAILED,     /* no use of this target now */
	ZONE_FSM_BADKEY,     /* it does not know this TSIG key */
	ZONE_FSM_NO_IXFR,    /* IXFR refused, or does not fit: ask AXFR */
	ZONE_FSM_COMPLETE,   /* the transfer gave a new version */
	ZONE_FSM_STORED,     /* it is in force */
	ZONE_FSM_NOT_STORED, /* checks or disk refused it */
	ZONE_FSM_NEVENTS
};

enum zone_fsm_action {
	ZONE_FSM_NOTHING = 0,
	ZONE_FSM_WAIT_PLACE,
	ZONE_FSM_SEND_SOA,
	ZONE_FSM_SEND_IXFR,
	ZONE_FSM_SEND_AXFR,
	ZONE_FSM_TAKE,      /* hand the new version to the zone */
};

enum zone_fsm_outcome { /* of a round */
	ZONE_FSM_NONE = 0,  /* the round has not ended */
	ZONE_FSM_OK,        /* our copy is the newest */
	ZONE_FSM_WENT_BACK, /* no target has our serial or a greater one */
	ZONE_FSM_NO_TARGET, /* all failed */
	ZONE_FSM_REFUSED,   /* we could not take what they have */
};

struct zone_fsm {
	uint8_t state; /* of zone_fsm_state */
	/* for the next round */
	bool again;        /* asked for during this one */
	bool want_axfr;
	bool want_force;
	bool has_hint;     /* every NOTIFY so far had a serial: */
	bool no_hint;      /* one had none, or it was a command */
	uint32_t hint;     /* the greatest of them */
	/* which target to start with, and the key that was good there */
	uint16_t first, first_key;
	/* of this round */
	uint16_t target, key;
	uint16_t tried, keys_tried;
	bool is_axfr, is_forced, is_hinted, saw_same, saw_back;
	uint32_t wanted;   /* is_hinted: the serial that a NOTIFY told */
	uint8_t behind;    /* rounds in which nobody had that serial */
	uint32_t fails;    /* rounds in a row that did not end with OK */
};

struct zone_fsm_in {
	enum zone_fsm_event event;
	bool has_copy;     /* we hold a version … */
	uint32_t serial;   /* … with this serial */
	unsigned ntargets;
	unsigned nkeys;    /* of fsm.target */
	bool serial_reset; /* configured: take any serial */
	/* CHECK */
	bool has_hint;
	uint32_t hint;
	int from;          /* target that sent the NOTIFY, or -1 */
	/* RETRANSFER */
	bool force;        /* take any serial, once */
	/* timers, within the configured bounds */
	uint64_t refresh_ms, retry_ms;
	uint64_t look_ms;  /* retry-min-interval: the first pause of a look */
	uint64_t first_max_ms; /* highest pause while we have no copy */
	uint32_t random;
};

struct zone_fsm_out {
	enum zone_fsm_action action;
	enum zone_fsm_outcome outcome; /* not NONE: give the place back */
	bool is_urgent;    /* WAIT_PLACE: before those that are only due */
	bool is_forced;    /* SEND_*: whatever serial comes */
	bool has_delay;    /* IDLE: start the timer */
	uint64_t delay_ms;
};

void zone_fsm_init(struct zone_fsm *f);
/* Every state takes every event; those without meaning there do nothing. */
void zone_fsm_step(struct zone_fsm *f, const struct zone_fsm_in *in,
    struct zone_fsm_out *out);
/* The configuration has other targets now. */
void zone_fsm_forget_targets(struct zone_fsm *f);
const char *zone_fsm_state_str(unsigned state);
/* What a round that did not succeed came to, for people. */
const char *zone_fsm_outcome_str(enum zone_fsm_outcome outcome);
const char *zone_fsm_event_str(unsigned event);

/* First pause of a zone that has no copy yet; doubled with each failure. */
#define ZONE_FSM_FIRST_MS 1000
#define ZONE_FSM_LOOKS 5 /* for a serial that a NOTIFY told and nobody has */

#endif
