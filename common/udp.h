/* SPDX-License-Identifier: GPL-3.0-or-later */
/* UDP sockets on the loop. */
#ifndef COMMON_UDP_H
#define COMMON_UDP_H

#include <stddef.h>
#include <stdint.h>

#include "common/net.h"

struct loop;
struct udp;

/*
 * data is valid for this call only.  err is E_OK, or why the socket cannot be
 * read (connected sockets: ICMP errors too); then data and from are NULL.
 */
typedef void (*udp_recv_fn)(struct udp *u, const uint8_t *data, size_t len,
    const struct net_addr *from, int err, void *arg);

/* Bound and receiving (several datagrams a turn). */
int udp_listen(struct loop *loop, const struct net_addr *at, udp_recv_fn cb,
    void *arg, struct udp **out);
/*
 * A connected socket with a port of the kernel's choice: only answers from
 * `to` arrive.  from: source address or NULL.
 */
int udp_connect(struct loop *loop, const struct net_addr *to,
    const struct net_addr *from, udp_recv_fn cb, void *arg, struct udp **out);
/* to is NULL on a connected socket.  Never blocks; E_AGAIN when it would. */
int udp_send(struct udp *u, const void *data, size_t len,
    const struct net_addr *to);
uint16_t udp_port(const struct udp *u);
void udp_close(struct udp *u);

#endif
