# SPDX-License-Identifier: GPL-3.0-or-later
"""DNS from the client's side, with dnspython: queries, transfers in clear and
over TLS, NOTIFY, UPDATE.  `at` is (address, port) or a Server."""
import base64
import collections
import os
import socket
import ssl
import struct
import time

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.query
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rrset
import dns.tsig
import dns.update

TIMEOUT = 5


class Key:
    """A TSIG key, with a fresh secret unless one is given."""

    def __init__(self, name, algorithm="hmac-sha256", secret=None):
        self.name = name.rstrip(".") + "."
        self.algorithm = algorithm
        self.secret = secret or base64.b64encode(os.urandom(32)).decode()

    @property
    def id(self):
        return self.name.rstrip(".")

    @property
    def dns(self):
        return dns.tsig.Key(self.name, self.secret, self.algorithm)


def text(rdata):
    """RDATA as one text, without blanks inside base64 and hex."""
    return rdata.to_text(chunksize=0)


Record = collections.namedtuple("Record", "owner ttl type rdata")


class Records(list):
    """Records in the order they came, with ways to look at them."""

    def of(self, rdtype, owner=None):
        t = dns.rdatatype.from_text(rdtype)
        n = dns.name.from_text(owner) if owner else None
        return Records(r for r in self if r.type == t and
                       (n is None or r.owner == n))

    def texts(self, rdtype, owner=None):
        """RDATA as sorted texts."""
        return sorted(text(r.rdata) for r in self.of(rdtype, owner))

    @property
    def serial(self):
        return self[0].rdata.serial


def address(at):
    return at if isinstance(at, tuple) else (at.address, at.port)


def query(at, name, rdtype, tcp=False, key=None, dnssec=False, rd=False,
          timeout=TIMEOUT, source=None):
    """Asks once; the answer, checked against key."""
    q = dns.message.make_query(name, rdtype, want_dnssec=dnssec)
    if not rd:
        q.flags &= ~dns.flags.RD
    if key:
        q.use_tsig(key.dns)
    addr, port = address(at)
    ask = dns.query.tcp if tcp else dns.query.udp
    return ask(q, addr, port=port, timeout=timeout, source=source)


def serial(at, zone, key=None, timeout=1):
    """The zone's serial there, or None: no answer, no such zone."""
    try:
        r = query(at, zone, "SOA", key=key, timeout=timeout)
    except (dns.exception.DNSException, OSError):
        return None
    for rrset in r.answer:
        if rrset.rdtype == dns.rdatatype.SOA:
            return rrset[0].serial
    return None


def _connect(at, tls, timeout):
    sock = socket.create_connection(address(at), timeout=timeout)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return tls.wrap_socket(sock) if isinstance(tls, _Tls) else sock


class _Tls:
    """How to speak TLS to a server: its certificate, ours, the ALPN."""

    def __init__(self, ca=None, cert=None, alpn=("dot",), host=None):
        self.ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.ctx.minimum_version = ssl.TLSVersion.TLSv1_3
        self.ctx.check_hostname = host is not None
        self.host = host
        if ca:
            self.ctx.load_verify_locations(ca.cert)
        else:
            self.ctx.check_hostname = False
            self.ctx.verify_mode = ssl.CERT_NONE
        if cert:
            self.ctx.load_cert_chain(cert.cert, cert.key)
        if alpn:
            self.ctx.set_alpn_protocols(list(alpn))

    def wrap_socket(self, sock):
        return self.ctx.wrap_socket(sock, server_hostname=self.host)


def tls(ca=None, cert=None, alpn=("dot",), host=None):
    """For the argument tls of axfr() and ixfr().  ca, cert: Cert."""
    return _Tls(ca, cert, alpn, host)


def _read_exactly(sock, n):
    data = bytearray()
    while len(data) < n:
        got = sock.recv(min(n - len(data), 1 << 20))
        if not got:
            raise EOFError(f"connection closed after {len(data)} of {n} octets")
        data += got
    return bytes(data)


def read_message(sock):
    (n,) = struct.unpack("!H", _read_exactly(sock, 2))
    return _read_exactly(sock, n)


def send_message(sock, wire):
    sock.sendall(struct.pack("!H", len(wire)) + wire)


class TransferRefused(Exception):
    def __init__(self, rcode):
        super().__init__(dns.rcode.to_text(rcode))
        self.rcode = rcode


def _transfer(at, question, key, timeout, tls_how):
    """All records of the stream, in order; and the number of messages."""
    if key:
        question.use_tsig(key.dns)
    out, messages, ctx = Records(), 0, None
    first_serial, seen, done = None, 0, False
    with _connect(at, tls_how, timeout) as sock:
        send_message(sock, question.to_wire())
        while not done:
            m = dns.message.from_wire(
                read_message(sock), keyring=question.keyring,
                request_mac=question.mac, xfr=True, tsig_ctx=ctx,
                multi=True, origin=None, one_rr_per_rrset=True)
            ctx = m.tsig_ctx
            messages += 1
            if m.id != question.id:
                raise ValueError("another message's id")
            if m.rcode() != dns.rcode.NOERROR:
                raise TransferRefused(m.rcode())
            if not m.answer:
                raise ValueError("a message without answer")
            for rrset in m.answer:
                if done:
                    raise ValueError("records after the closing SOA")
                out.append(Record(rrset.name, rrset.ttl, rrset.rdtype,
                                  rrset[0]))
                if rrset.rdtype == dns.rdatatype.SOA:
                    s = rrset[0].serial
                    if first_serial is None:
                        first_serial = s
                    elif s == first_serial:
                        seen += 1
                        done = _is_last(out, seen)
            if messages == 1 and len(out) == 1 and \
                    question.question[0].rdtype == dns.rdatatype.IXFR:
                done = True  # a single SOA: nothing new
        if key and not m.had_tsig:
            raise ValueError("the last message has no TSIG")
    return out, messages


def _is_last(records, seen):
    """Of an AXFR the second SOA is the last record; of an IXFR, the SOA with
    the new serial comes twice after the first: before adds and at the end."""
    is_ixfr = len(records) > 1 and records[1].type == dns.rdatatype.SOA \
        and records[1].rdata.serial != records[0].rdata.serial
    return seen == 2 if is_ixfr else True


def axfr(at, zone, key=None, timeout=60, tls=None):
    """The zone's records, SOA first and once."""
    q = dns.message.make_query(zone, "AXFR")
    q.flags &= ~dns.flags.RD
    records, _ = _transfer(at, q, key, timeout, tls)
    return Records(records[:-1])


Difference = collections.namedtuple("Difference", "old deletes new adds")


class Ixfr:
    """What came back: style is "same", "axfr" or "ixfr"."""

    def __init__(self, records):
        self.records, self.differences = records, []
        if len(records) == 1:
            self.style = "same"
        elif records[1].type == dns.rdatatype.SOA and \
                records[1].rdata.serial != records[0].rdata.serial:
            self.style = "ixfr"
            self._split(records[1:-1])
        else:
            self.style = "axfr"

    def _split(self, records):
        soa, parts = dns.rdatatype.SOA, []
        for r in records:
            if r.type == soa:
                parts.append((r, Records()))
            else:
                parts[-1][1].append(r)
        for (old, dels), (new, adds) in zip(parts[::2], parts[1::2]):
            self.differences.append(Difference(
                old.rdata.serial, dels, new.rdata.serial, adds))

    @property
    def serial(self):
        return self.records[0].rdata.serial


def ixfr(at, zone, since, key=None, timeout=60, tls=None):
    q = dns.message.make_query(zone, "IXFR")
    q.flags &= ~dns.flags.RD
    q.authority.append(dns.rrset.from_text(
        zone.rstrip(".") + ".", 0, "IN", "SOA", f". . {since} 0 0 0 0"))
    return Ixfr(_transfer(at, q, key, timeout, tls)[0])


def raw_axfr(at, zone, timeout=600):
    """Reads a transfer without parsing: (octets, messages, seconds).  To time
    a server, as a parser in Python is slower than any."""
    q = dns.message.make_query(zone, "AXFR")
    start = time.monotonic()
    octets = messages = 0
    with _connect(at, None, timeout) as sock:
        send_message(sock, q.to_wire())
        soa, buf = None, bytearray()
        while True:
            got = sock.recv(1 << 20)
            if not got:
                raise EOFError("connection closed in the transfer")
            buf += got
            pos = 0
            while len(buf) - pos >= 2:
                n = (buf[pos] << 8) | buf[pos + 1]
                if len(buf) - pos - 2 < n:
                    break
                messages += 1
                octets += n + 2
                m = buf[pos + 2:pos + 2 + n]
                pos += 2 + n
                if soa is None:
                    soa = _soa_tail(dns.message.from_wire(
                        bytes(m), xfr=True, one_rr_per_rrset=True))
                    if messages == 1 and m.count(soa) < 2:
                        continue
                if m.endswith(soa):
                    return octets, messages, time.monotonic() - start
            del buf[:pos]


def _soa_tail(message):
    """The last 20 octets of the SOA's RDATA: they end the last message."""
    s = message.answer[0][0]
    return struct.pack("!5L", s.serial, s.refresh, s.retry, s.expire, s.minimum)


def notify(at, zone, new_serial=None, rdtype="SOA", key=None, timeout=2,
           source=None):
    """Sends NOTIFY (from this address), returns the answer."""
    m = dns.message.Message()
    m.set_opcode(dns.opcode.NOTIFY)
    m.flags |= dns.flags.AA
    m.find_rrset(m.question, dns.name.from_text(zone), dns.rdataclass.IN,
                 dns.rdatatype.from_text(rdtype), create=True,
                 force_unique=True)
    if new_serial is not None:
        m.answer.append(dns.rrset.from_text(
            zone.rstrip(".") + ".", 0, "IN", "SOA", f". . {new_serial} 0 0 0 0"))
    if key:
        m.use_tsig(key.dns)
    addr, port = address(at)
    return dns.query.udp(m, addr, port=port, timeout=timeout, source=source)


def update(at, zone, *changes, key=None, require=(), tcp=True, timeout=TIMEOUT):
    """UPDATE: changes are ("add", name, ttl, type, rdata), ("delete", name),
    ("delete", name, type), ("delete", name, type, rdata); names relative to the
    zone, "@" its apex.  require: ("present"|"absent", name[, type[, rdata]]).
    Returns the rcode's name."""
    m = dns.update.UpdateMessage(zone, keyring=key.dns if key else None)
    for verb, *rest in require:
        getattr(m, verb)(*rest)
    for verb, *rest in changes:
        getattr(m, verb)(*rest)
    addr, port = address(at)
    ask = dns.query.tcp if tcp else dns.query.udp
    r = ask(m, addr, port=port, timeout=timeout)
    return dns.rcode.to_text(r.rcode())
