# SPDX-License-Identifier: GPL-3.0-or-later
"""A primary that sends exactly the octets that a test chooses, and a reader
that shows exactly the octets that came: no DNS library in between.

A record is Rr(owner, type, ttl, parts): owner a name on the wire, not
compressed; parts of the RDATA, octets or Name(octets)."""
import collections
import socket
import struct
import threading

from . import dnsio

SOA, AXFR, IXFR, ANY = 6, 252, 251, 255
MAX = 65535


class Name(bytes):
    """A name in RDATA: may be compressed on the wire."""


Rr = collections.namedtuple("Rr", "owner type ttl parts")


def name(text):
    """A name on the wire from its text, case kept."""
    return Name(dnsio.dns.name.from_text(text).to_wire())


def rdata(rr):
    return b"".join(rr.parts)


def plain(rr):
    """As read_stream() shows it."""
    return bytes(rr.owner), rr.type, rr.ttl, rdata(rr)


def soa_rr(zone, serial, ttl=300, timers=(3600, 600, 604800, 300)):
    return Rr(name(zone), SOA, ttl, (name("ns1." + zone), name("h." + zone),
                                     struct.pack("!5L", serial, *timers)))


# -- writing ------------------------------------------------------------------
class Message:
    """One message being filled; compression keeps the case: only what is
    equal octet for octet is pointed to, also names in RDATA."""

    def __init__(self, msg_id, question=b"", compress=True, limit=MAX):
        self.id, self.limit = msg_id, limit
        self.out = bytearray(12) + question
        self.question, self.count = bool(question), 0
        self.seen = {} if compress else None
        if question and compress:
            self._note(bytes(question[:-4]), 12)

    def _note(self, wire, at):
        pos = 0
        while wire[pos]:
            if at + pos < 0x4000:
                self.seen.setdefault(bytes(wire[pos:]), at + pos)
            pos += 1 + wire[pos]

    def _name(self, wire, at):
        """The name as it goes to offset at."""
        if self.seen is None:
            return bytes(wire)
        pos = 0
        while wire[pos]:
            to = self.seen.get(bytes(wire[pos:]))
            if to is not None:
                out = bytes(wire[:pos]) + struct.pack("!H", 0xc000 | to)
                break
            pos += 1 + wire[pos]
        else:
            out = bytes(wire)
        pos = 0
        while pos < len(out) and out[pos] and out[pos] < 0xc0:
            if at + pos < 0x4000:
                self.seen.setdefault(bytes(wire[pos:]), at + pos)
            pos += 1 + out[pos]
        return out

    def add(self, rr):
        """False, and nothing done, if it does not fit."""
        kept, start = dict(self.seen or {}), len(self.out)
        self.out += self._name(rr.owner, start)
        self.out += struct.pack("!HHLH", rr.type, 1, rr.ttl, 0)
        begin = len(self.out)
        for part in rr.parts:
            self.out += self._name(part, len(self.out)) \
                if isinstance(part, Name) else part
        if len(self.out) > self.limit:
            del self.out[start:]
            if self.seen is not None:
                self.seen = kept
            return False
        struct.pack_into("!H", self.out, begin - 2, len(self.out) - begin)
        self.count += 1
        return True

    @property
    def room(self):
        return self.limit - len(self.out)

    def finish(self, rcode=0):
        struct.pack_into("!6H", self.out, 0, self.id, 0x8400 | rcode,
                         int(self.question), self.count, 0, 0)
        return bytes(self.out)


def pack(request, records, compress=True, limit=MAX, per_message=None,
         question="first"):
    """Messages with these records in this order.  question: first, all."""
    out, m = [], None
    for rr in records:
        while m is None or m.count == per_message or not m.add(rr):
            if m is not None and m.count == 0:
                # the limit is not for one record alone
                m.limit = MAX
                if m.add(rr):
                    break
                raise ValueError("a record larger than a message")
            if m is not None:
                out.append(m.finish())
            q = request.question if not out or question == "all" else b""
            m = Message(request.id, q, compress, limit)
    return out + [m.finish()]


# -- reading ------------------------------------------------------------------
def expand(msg, pos):
    """(name on the wire, offset behind it)"""
    out, end = bytearray(), None
    while True:
        n = msg[pos]
        if n >= 0xc0:
            end = end or pos + 2
            to = (n & 0x3f) << 8 | msg[pos + 1]
            if to >= pos:
                raise ValueError("a pointer that does not go back")
            pos = to
            continue
        out += msg[pos:pos + 1 + n]
        pos += 1 + n
        if n == 0:
            return bytes(out), end or pos


# octets, then names (n), then octets to the end; RFC 1035 and RFC 3597 4
COMPRESSED = {2: (0, 1), 3: (0, 1), 4: (0, 1), 5: (0, 1), 6: (0, 2), 7: (0, 1),
              8: (0, 1), 9: (0, 1), 12: (0, 1), 14: (0, 2), 15: (2, 1),
              17: (0, 2), 18: (2, 1), 21: (2, 1), 26: (2, 2), 33: (6, 1),
              35: (4, 1), 36: (2, 1), 39: (0, 1)}
NAPTR = 35
MAY_BE_COMPRESSED = (2, 3, 4, 5, 6, 7, 8, 9, 12, 14, 15)


def read_rr(msg, pos, strict=False):
    """strict: no compression in RDATA of types newer than RFC 1035."""
    owner, pos = expand(msg, pos)
    rdtype, _, ttl, n = struct.unpack_from("!HHLH", msg, pos)
    pos += 10
    end = pos + n
    data = b""
    if rdtype in COMPRESSED:
        skip, names = COMPRESSED[rdtype]
        if rdtype == NAPTR:  # three character-strings more
            for _ in range(3):
                skip += 1 + msg[pos + skip]
        data, at = msg[pos:pos + skip], pos + skip
        for _ in range(names):
            start = at
            wire, at = expand(msg, at)
            if strict and rdtype not in MAY_BE_COMPRESSED and \
                    at - start != len(wire):
                raise ValueError(f"compression in RDATA of type {rdtype}")
            data += wire
        data += msg[at:end]
    else:
        data = msg[pos:end]
    return (owner, rdtype, ttl, bytes(data)), end


def read_answers(msg, strict=False):
    qd, an = struct.unpack_from("!HH", msg, 4)
    pos = 12
    for _ in range(qd):
        pos = expand(msg, pos)[1] + 4
    out = []
    for _ in range(an):
        rr, pos = read_rr(msg, pos, strict)
        out.append(rr)
    return out


def read_stream(at, zone, serial=None, key=None, strict=False, timeout=60):
    """(records of a whole AXFR, or IXFR since serial; lengths of messages).
    The MACs are not looked at: dnsio does that."""
    q = dnsio.dns.message.make_query(zone, AXFR if serial is None else IXFR)
    q.flags = 0
    if serial is not None:
        q.authority.append(dnsio.dns.rrset.from_text(
            zone.rstrip(".") + ".", 0, "IN", "SOA", f". . {serial} 0 0 0 0"))
    if key:
        q.use_tsig(key.dns)
    records, sizes, soas = [], [], 0
    with socket.create_connection(dnsio.address(at), timeout=timeout) as sock:
        dnsio.send_message(sock, q.to_wire())
        while True:
            msg = dnsio.read_message(sock)
            if msg[3] & 15:
                raise dnsio.TransferRefused(msg[3] & 15)
            sizes.append(len(msg))
            more = read_answers(msg, strict)
            records += more
            soas += sum(r[1] == SOA and r[3] == records[0][3] for r in more)
            is_ixfr = len(records) > 1 and records[1][1] == SOA and \
                records[1][3] != records[0][3]
            if records[-1][1] == SOA and soas == (3 if is_ixfr else 2):
                return records, sizes


# -- the primary --------------------------------------------------------------
class Request:
    def __init__(self, msg, is_tcp):
        self.id, flags, qd = struct.unpack_from("!3H", msg)
        self.opcode, self.is_tcp, self.msg = flags >> 11 & 15, is_tcp, msg
        self.name, pos = expand(msg, 12) if qd else (b"", 12)
        self.type = struct.unpack_from("!H", msg, pos)[0] if qd else 0
        self.question = msg[12:pos + 4]
        self.serial = None
        if self.type == IXFR and struct.unpack_from("!H", msg, 8)[0]:
            self.serial = struct.unpack("!L", read_rr(msg, pos + 4)[0][3]
                                        [-20:-16])[0]


class Primary:
    """Answers with answer(request): a list of messages, b"" closes the
    connection.  Requests are kept in .requests."""

    address = "127.0.0.1"

    def __init__(self, lab, answer):
        self.answer, self.requests = answer, []
        self.port = lab.port()
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind((self.address, self.port))
        self.tcp = socket.socket()
        self.tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.tcp.bind((self.address, self.port))
        self.tcp.listen(64)
        for work in (self._serve_udp, self._serve_tcp):
            threading.Thread(target=work, daemon=True).start()

    def _serve_udp(self):
        while True:
            msg, peer = self.udp.recvfrom(65535)
            request = Request(msg, False)
            self.requests.append(request)
            for out in self.answer(request)[:1]:
                self.udp.sendto(out, peer)

    def _serve_tcp(self):
        while True:
            sock, _ = self.tcp.accept()
            threading.Thread(target=self._connection, args=(sock,),
                             daemon=True).start()

    def _connection(self, sock):
        with sock:
            try:
                while True:
                    request = Request(dnsio.read_message(sock), True)
                    self.requests.append(request)
                    for out in self.answer(request):
                        if not out:
                            return
                        dnsio.send_message(sock, out)
            except (EOFError, OSError):
                pass
