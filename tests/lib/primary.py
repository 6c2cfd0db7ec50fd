# SPDX-License-Identifier: GPL-3.0-or-later
"""A primary in Python that does what it is told, also what no primary should:
serves AXFR and IXFR, sends NOTIFY, counts what it is asked, and lets a test
replace any answer.  Records are tuples of octets (owner, type, ttl, rdata), so
that large zones cost little."""
import collections
import contextlib
import hashlib
import hmac
import base64
import socket
import struct
import threading
import time

import dns.name
import dns.rdata
import dns.rdataclass
import dns.rdatatype

SOA, AXFR, IXFR, TSIG, OPT = 6, 252, 251, 250, 41
NOERROR, SERVFAIL, REFUSED = 0, 2, 5
MESSAGE = 16000  # octets of a message that is filled with records

Rr = collections.namedtuple("Rr", "owner type ttl rdata")


def name(text, origin=None):
    """A name as octets."""
    if origin is not None and not text.endswith("."):
        text = origin if text == "@" else f"{text}.{origin}"
    return dns.name.from_text(text).to_wire()


def rr(zone, owner, ttl, rdtype, text):
    """A record from text; names in it are relative to the zone."""
    t = dns.rdatatype.from_text(rdtype)
    parse = dns.rdatatype.DNSKEY if t == dns.rdatatype.KEY else t  # same form
    rd = dns.rdata.from_text(dns.rdataclass.IN, parse, text,
                             origin=dns.name.from_text(zone), relativize=False)
    return Rr(name(owner, zone), int(t), ttl, rd.to_wire())


def to_wire(r):
    return r.owner + struct.pack("!HHIH", r.type, 1, r.ttl,
                                 len(r.rdata)) + r.rdata


def soa(zone, serial, refresh=3600, retry=600, expire=604800, minimum=300):
    return Rr(name(zone), SOA, 300, name("ns1", zone) + name("host", zone) +
              struct.pack("!5L", serial, refresh, retry, expire, minimum))


class Question:
    """What came in: .zone (text), .type, .held (serial of an IXFR), .wire."""

    def __init__(self, wire):
        self.wire = wire
        self.id = wire[:2]
        pos, labels = 12, []
        while wire[pos]:
            n = wire[pos]
            labels.append(wire[pos + 1:pos + 1 + n].decode("latin-1").lower())
            pos += n + 1
        self.zone = ".".join(labels)
        self.question = wire[12:pos + 5]
        (self.type,) = struct.unpack("!H", wire[pos + 1:pos + 3])
        self.held = None
        if self.type == IXFR:
            p = pos + 5
            p = self._skip(p)
            n = struct.unpack("!H", wire[p + 8:p + 10])[0]
            (self.held,) = struct.unpack("!L", wire[p + 10 + n - 20:
                                                    p + 10 + n - 16])

    def _skip(self, p):
        while True:
            n = self.wire[p]
            if n == 0:
                return p + 1
            if n >= 192:
                return p + 2
            p += n + 1

    def message(self, records=b"", count=0, rcode=NOERROR, flags=0x8400,
                question=True):
        """An answer: octets of records, their number."""
        return self.id + struct.pack("!5H", flags | rcode, int(question),
                                     count, 0, 0) + \
            (self.question if question else b"") + records

    def stream(self, records, size=MESSAGE):
        """Messages with these records, in order."""
        body, count, first = bytearray(), 0, True
        for r in records:
            w = to_wire(r)
            if body and len(body) + len(w) > size:
                yield self.message(bytes(body), count, question=first)
                body, count, first = bytearray(), 0, False
            body += w
            count += 1
        if count:
            yield self.message(bytes(body), count, question=first)


class Zone:
    """Versions of a zone: serial -> set of records without SOA, and the
    differences between them.  Old versions are forgotten at .keep."""

    def __init__(self, origin, records, serial=1, keep=50, **timers):
        self.origin, self.timers, self.keep = origin, timers, keep
        self.serial = serial
        self.records = set(records)
        self.versions = collections.OrderedDict({serial: frozenset(records)})
        self.steps = collections.OrderedDict()  # old -> (new, dels, adds)
        self.can_ixfr = True
        self.lock = threading.RLock()

    def soa(self, serial=None):
        return soa(self.origin, self.serial if serial is None else serial,
                   **self.timers)

    def change(self, delete=(), add=(), serial=None):
        """A new version; its serial."""
        with self.lock:
            old = self.serial
            new = (old + 1) % 2**32 if serial is None else serial
            dels = [r for r in delete if r in self.records]
            self.records.difference_update(dels)
            adds = [r for r in add if r not in self.records]
            self.records.update(adds)
            self.steps[old] = (new, dels, adds)
            self.versions[new] = frozenset(self.records)
            self.serial = new
            while len(self.versions) > self.keep:
                self.versions.popitem(last=False)
            while len(self.steps) > self.keep:
                self.steps.popitem(last=False)
            return new

    def axfr(self):
        with self.lock:
            first, records = self.soa(), self.versions[self.serial]
        yield first
        yield from records
        yield first

    def ixfr(self, held):
        """The records of an answer, or None: not from that serial."""
        with self.lock:
            if held == self.serial:
                return [self.soa()]
            out, at = [self.soa()], held
            while at != self.serial:
                if not self.can_ixfr or at not in self.steps:
                    return None
                new, dels, adds = self.steps[at]
                out += [self.soa(at), *dels, self.soa(new), *adds]
                at = new
            return out + [self.soa()]


class TsigSigner:
    """Signs a stream of messages as a server does (RFC 8945 5.3.1)."""

    def __init__(self, key, request):
        self.name = name(key.name)
        self.alg = name(key.algorithm)
        self.digest = {"hmac-sha256": hashlib.sha256,
                       "hmac-sha384": hashlib.sha384,
                       "hmac-sha512": hashlib.sha512}[key.algorithm]
        self.secret = base64.b64decode(key.secret)
        self.mac = self._request_mac(request)
        self.first = True

    def _request_mac(self, wire):
        """TSIG is the last record of the request."""
        at = wire.rindex(self.name + struct.pack("!H", TSIG))
        at += len(self.name) + 10 + len(self.alg) + 8
        (n,) = struct.unpack("!H", wire[at:at + 2])
        return wire[at + 2:at + 2 + n]

    def sign(self, message, spoil=False):
        now = struct.pack("!HLH", int(time.time()) >> 32,
                          int(time.time()) & 0xffffffff, 300)
        data = struct.pack("!H", len(self.mac)) + self.mac + message
        if self.first:
            data += self.name + struct.pack("!HI", 255, 0) + self.alg + now + \
                b"\0\0\0\0"
        else:
            data += now
        self.first = False
        self.mac = hmac.new(self.secret, data, self.digest).digest()
        mac = bytes(len(self.mac)) if spoil else self.mac
        rdata = self.alg + now + struct.pack("!H", len(mac)) + mac + \
            message[:2] + b"\0\0\0\0"
        (ar,) = struct.unpack("!H", message[10:12])
        return message[:10] + struct.pack("!H", ar + 1) + message[12:] + \
            self.name + struct.pack("!HHIH", TSIG, 255, 0, len(rdata)) + rdata


class Primary:
    """Serves zones over UDP (SOA) and TCP (all).  To misbehave:
    .on_soa(question) -> message or None (silent),
    .on_transfer(connection, question): sends what it likes; True: done, else
    the usual answer follows.  .asked holds (seconds, transport, question)."""

    address = "127.0.0.1"

    def __init__(self, lab, label="primary", key=None):
        self.lab, self.name, self.key = lab, label, key
        self.port = lab.port()
        self.zones, self.asked = {}, []
        self.on_soa = self.on_transfer = None
        self.connections = set()
        self.lock = threading.Lock()
        self.udp = self.tcp = None
        self.notify_sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.notify_sock.bind((self.address, 0))
        self.notify_sock.setblocking(False)
        self.notify_to = []
        lab.servers.append(self)
        self.start()

    # -- what a Lab wants of a server -----------------------------------------
    def check_alive(self):
        pass

    def print_tail(self):
        pass

    def cleanup(self):
        self.stop()
        self.notify_sock.close()

    # -- life -----------------------------------------------------------------
    def start(self):
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.tcp = socket.socket()
        self.tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.udp.bind((self.address, self.port))
        self.tcp.bind((self.address, self.port))
        self.tcp.listen(1024)
        threading.Thread(target=self._serve_udp, args=(self.udp,),
                         daemon=True).start()
        threading.Thread(target=self._serve_tcp, args=(self.tcp,),
                         daemon=True).start()
        return self

    def stop(self):
        """The ports are closed, connections are cut."""
        for s in (self.udp, self.tcp):
            if s is not None:
                with contextlib.suppress(OSError):
                    s.shutdown(socket.SHUT_RDWR)
                s.close()
        self.udp = self.tcp = None
        self.cut()

    def cut(self):
        with self.lock:
            open_now = list(self.connections)
        for c in open_now:
            with contextlib.suppress(OSError):
                c.shutdown(socket.SHUT_RDWR)

    # -- zones ----------------------------------------------------------------
    def zone(self, origin, records, **how):
        z = Zone(origin, records, **how)
        self.zones[origin] = z
        return z

    def notify(self, origin, serial=None, to=None):
        """NOTIFY to all in notify_to; answers are not waited for."""
        z = self.zones[origin]
        r = z.soa(serial)
        with contextlib.suppress(BlockingIOError, ConnectionRefusedError):
            while True:
                self.notify_sock.recv(65535)  # answers and ICMP errors
        wire = struct.pack("!6H", int(time.monotonic() * 1e6) & 0xffff, 0x2400,
                           1, 1, 0, 0) + r.owner + b"\0\x06\0\1" + to_wire(r)
        for server in [to] if to else self.notify_to:
            with contextlib.suppress(OSError):
                self.notify_sock.sendto(wire, (server.address, server.port))

    def count(self, rdtype=None, since=0):
        """Questions of this type (text) since that index of .asked."""
        t = dns.rdatatype.from_text(rdtype) if rdtype else None
        return sum(1 for a in self.asked[since:]
                   if t is None or a[2].type == t)

    # -- serving --------------------------------------------------------------
    def _soa_answer(self, q):
        if self.on_soa is not None:
            return self.on_soa(q)
        z = self.zones.get(q.zone)
        if z is None:
            return q.message(rcode=REFUSED)
        return q.message(to_wire(z.soa()), 1)

    def _serve_udp(self, sock):
        while True:
            try:
                wire, peer = sock.recvfrom(65535)
            except OSError:
                return
            if len(wire) < 17 or wire[2] & 0x80:
                continue
            q = Question(wire)
            self.asked.append((time.monotonic(), "udp", q))
            answer = self._soa_answer(q)
            if answer is not None:
                if self.key:
                    answer = TsigSigner(self.key, wire).sign(answer)
                with contextlib.suppress(OSError):
                    sock.sendto(answer, peer)

    def _serve_tcp(self, sock):
        while True:
            try:
                conn, _ = sock.accept()
            except OSError:
                return
            conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._serve_connection, args=(conn,),
                             daemon=True).start()

    def _serve_connection(self, conn):
        with self.lock:
            self.connections.add(conn)
        try:
            while True:
                head = conn.recv(2, socket.MSG_WAITALL)
                if len(head) < 2:
                    break
                wire = conn.recv(struct.unpack("!H", head)[0],
                                 socket.MSG_WAITALL)
                q = Question(wire)
                self.asked.append((time.monotonic(), "tcp", q))
                self._answer(conn, q)
        except OSError:
            pass
        finally:
            with self.lock:
                self.connections.discard(conn)
            conn.close()

    def _answer(self, conn, q):
        if q.type == SOA:
            answer = self._soa_answer(q)
            if answer is not None:
                self.send(conn, [answer], q)
            return
        if self.on_transfer is not None and self.on_transfer(conn, q):
            return
        z = self.zones.get(q.zone)
        if z is None:
            self.send(conn, [q.message(rcode=REFUSED)], q)
            return
        records = z.ixfr(q.held) if q.type == IXFR else None
        self.send(conn, q.stream(records or z.axfr()), q)

    def send(self, conn, messages, q=None):
        """Frames, and signs if this primary has a key."""
        signer = TsigSigner(self.key, q.wire) if self.key else None
        out = bytearray()
        for m in messages:
            if signer:
                m = signer.sign(m)
            out += struct.pack("!H", len(m)) + m
            if len(out) > 200000:
                conn.sendall(out)
                out = bytearray()
        conn.sendall(out)


# -- the other side: reading a transfer quickly --------------------------------

_NAMES_AT = {2: 0, 5: 0, 12: 0, 15: 2, 39: 0}  # one name in the RDATA


def _name_at(m, pos, cache):
    """(uncompressed name in lower case, position behind it)"""
    hit = cache.get(pos)
    if hit is not None:
        return hit
    start, labels = pos, []
    while True:
        n = m[pos]
        if n == 0:
            tail, end = b"\0", pos + 1
            break
        if n >= 192:
            tail, _ = _name_at(m, ((n & 63) << 8) | m[pos + 1], cache)
            end = pos + 2
            break
        labels.append(m[pos:pos + n + 1])
        pos += n + 1
    cache[start] = (b"".join(labels).lower() + tail, end)
    return cache[start]


def _rdata(m, t, pos, n, cache):
    if t == SOA:
        a, p = _name_at(m, pos, cache)
        b, p = _name_at(m, p, cache)
        return a + b + m[p:p + 20]
    skip = _NAMES_AT.get(t)
    if skip is None:
        return m[pos:pos + n]
    return m[pos:pos + skip] + _name_at(m, pos + skip, cache)[0]


def read_records(m):
    """Records of a message's answer section."""
    qd, an = struct.unpack("!2H", m[4:8])
    cache, pos, out = {}, 12, []
    for _ in range(qd):
        pos = _name_at(m, pos, cache)[1] + 4
    for _ in range(an):
        owner, pos = _name_at(m, pos, cache)
        t, _, ttl, n = struct.unpack("!HHIH", m[pos:pos + 10])
        out.append(Rr(owner, t, ttl, _rdata(m, t, pos + 10, n, cache)))
        pos += 10 + n
    return out


class Refused(Exception):
    """The transfer was answered with this RCODE."""


def serial_of(r):
    """Of a SOA."""
    return struct.unpack("!L", r.rdata[-20:-16])[0]


Step = collections.namedtuple("Step", "old dels new adds")


def transfer(at, zone, held=None, timeout=20):
    """(SOA, records) of an AXFR, or of an IXFR from the serial held: (SOA,
    None) nothing new, (SOA, [Step ...]), or as AXFR.  Names come in lower
    case."""
    msg = struct.pack("!6H", 0x1234, 0, 1, 0, int(held is not None), 0) + \
        name(zone) + struct.pack("!HH", AXFR if held is None else IXFR, 1)
    if held is not None:
        msg += to_wire(soa(zone, held))
    out, ended = [], False
    with socket.create_connection((at.address, at.port), timeout) as s:
        s.sendall(struct.pack("!H", len(msg)) + msg)
        f = s.makefile("rb", 1 << 18)
        while not ended:
            head = f.read(2)
            if len(head) < 2:
                raise EOFError("connection closed in the transfer")
            n = struct.unpack("!H", head)[0]
            m = f.read(n)
            if len(m) < n:
                raise EOFError("connection closed in the transfer")
            if m[3] & 15:
                raise Refused(m[3] & 15)
            out += read_records(m)
            ended = _is_complete(out, held is not None)
    if len(out) == 1:
        return out[0], None
    if out[1].type == SOA and serial_of(out[1]) != serial_of(out[0]):
        return out[0], _steps(out[1:-1])
    return out[0], out[1:-1]


def _is_complete(out, is_ixfr):
    if len(out) == 1:
        return is_ixfr
    if out[-1].type != SOA or out[-1] != out[0]:
        return False
    if out[1].type != SOA or serial_of(out[1]) == serial_of(out[0]):
        return True
    return sum(1 for r in out if r == out[0]) == 3


def _steps(records):
    steps, part = [], None
    for r in records:
        if r.type == SOA:
            part = [r, []]
            steps.append(part)
        else:
            part[1].append(r)
    return [Step(serial_of(a[0]), a[1], serial_of(b[0]), b[1])
            for a, b in zip(steps[::2], steps[1::2])]
