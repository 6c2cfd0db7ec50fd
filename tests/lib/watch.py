# SPDX-License-Identifier: GPL-3.0-or-later
"""Validating resolvers that are asked all the time, and what they say: the
promise is that no answer is ever bogus, whatever happens to the zone."""
import itertools
import os
import socket
import struct
import threading
import time

from . import dnsio
from .lab import LabError
from .servers import Unbound

PAUSE = 0.012  # seconds between two questions
TURN = 0.9  # seconds between two calls of Watcher.between
# secure, and as it should be; SERVFAIL; not validated; secure, yet not what it
# should be; no answer
KINDS = ("secure", "bogus", "insecure", "wrong", "lost")


class Resolver(Unbound):
    """unbound whose servers for a zone can change while it keeps its cache.
    It does not hide a bogus answer by asking another server."""

    def __init__(self, lab, name, cache):
        super().__init__(lab, name)
        self.cache = cache
        self.ctl = os.path.join(self.dir, "ctl")

    def configure(self):
        super().configure()
        with open(self.conf) as f:
            text = f.read()
        if self.cache:
            text = text.replace("  cache-max-ttl: 0\n", "")
        text = text.replace(
            "server:\n", "server:\n  num-threads: 1\n  aggressive-nsec: no\n"
            "  val-max-restart: 0\n  trust-anchor-signaling: no\n", 1)
        text = text.replace(
            "  control-enable: no\n", "  control-enable: yes\n"
            f'  control-interface: "{self.ctl}"\n  control-use-cert: no\n')
        with open(self.conf, "w") as f:
            f.write(text)

    def ask_at(self, zone, *servers):
        """From now on zone is asked at these servers; caches stay."""
        to = " ".join("%s@%d" % dnsio.address(s) for s in servers)
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(10)
            s.connect(self.ctl)
            s.sendall(f"UBCT1 stub_add {zone} {to}\n".encode())
            if not s.recv(100).startswith(b"ok"):
                raise LabError(f"{self.name}: stub_add failed")


class Watcher(threading.Thread):
    """Asks one resolver all the time, and counts what it says.  questions:
    (label below the zone, {} for a number that is always new; type; "data",
    "nodata", "nxdomain" or "any")."""

    def __init__(self, resolver, zone, questions, number=0):
        super().__init__(daemon=True)
        self.resolver, self.zone = resolver, zone
        self.questions = questions
        self.counts = dict.fromkeys(KINDS, 0)
        self.examples = []  # of answers that were not secure
        self.error = None  # what ended the asking
        self.ids = itertools.count(number * 10000)
        self.stopping = threading.Event()
        self.between = lambda: None  # called every TURN s or so

    def run(self):
        try:
            self.go_on_asking()
        except Exception as e:  # noqa: BLE001: shown by who asks for it
            self.error = e

    def go_on_asking(self):
        next_call = 0
        for label, rdtype, want in itertools.cycle(self.questions):
            if self.stopping.wait(PAUSE):
                return
            if time.monotonic() >= next_call:
                self.between()
                next_call = time.monotonic() + TURN
            n = next(self.ids)
            name = f"{label.format(n)}.{self.zone}".lstrip(".")
            kind, detail = self.judge(self.ask(n, name, rdtype), want)
            if self.stopping.is_set():
                return
            self.counts[kind] += 1
            if kind != "secure" and len(self.examples) < 5:
                self.examples.append(f"{name} TYPE{rdtype}: {kind} {detail}")

    def ask(self, n, name, rdtype):
        """RD, AD and DO set, as a careful stub resolver asks; the header."""
        qid = n & 0xffff
        wire = struct.pack("!6H", qid, 0x0120, 1, 0, 0, 1) + b"".join(
            bytes([len(p)]) + p.encode() for p in name.split(".")) + \
            struct.pack("!BHH", 0, rdtype, 1) + \
            struct.pack("!BHHIH", 0, 41, 1232, 0x8000, 0)
        for _ in range(6):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
                s.settimeout(1)
                try:
                    s.connect(dnsio.address(self.resolver))
                    s.send(wire)
                    answer = s.recv(4096)
                except OSError:
                    if self.stopping.is_set():
                        return None
                    continue
            if len(answer) >= 12 and answer[:2] == wire[:2]:
                return struct.unpack("!6H", answer[:12])
        return None

    @staticmethod
    def judge(header, want):
        if header is None:
            return "lost", ""
        rcode, answers = header[1] & 15, header[3]
        if rcode == 2:
            return "bogus", "(SERVFAIL)"
        if not header[1] & 0x20:
            return "insecure", f"(rcode {rcode})"
        got = "nxdomain" if rcode == 3 else \
            f"rcode {rcode}" if rcode else "data" if answers else "nodata"
        if got == want or (want == "any" and rcode == 0):
            return "secure", ""
        return "wrong", f"({got}, should be {want})"
