# SPDX-License-Identifier: GPL-3.0-or-later
"""The script as signer: polls for the SOA, asks for IXFR, sends NOTIFY.  By
hand, as dnspython would be slower than what is measured."""
import select
import socket
import struct
import time

POLL = 0.0003  # seconds between an answer with the old serial and a new query


def name(text):
    return b"".join(bytes([len(x)]) + x.encode()
                    for x in text.rstrip(".").split(".")) + b"\0"


def _header(qid, flags=0, authority=0):
    return struct.pack(">HHHHHH", qid, flags, 1, 0, authority, 0)


def _skip_name(m, at):
    while 0 < m[at] < 192:
        at += 1 + m[at]
    return at + (1 if m[at] == 0 else 2)


def first_serial(m):
    """The serial of the SOA that begins the answer section, or None."""
    if m[3] & 15 or m[6:8] == b"\0\0":
        return None
    at = _skip_name(m, _skip_name(m, 12) + 4)
    if m[at:at + 2] != b"\0\6":
        return None
    end = at + 10 + struct.unpack_from(">H", m, at + 8)[0]
    return struct.unpack_from(">I", m, end - 20)[0]


class Signer:
    def __init__(self, port, zone):
        self.port, self.zone = port, name(zone)
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.connect(("127.0.0.1", port))
        self.udp.setblocking(False)
        self.qid = 0
        self.polls = 0

    def close(self):
        self.udp.close()

    def _send(self, m):
        try:
            self.udp.send(m)
        except ConnectionError:
            pass  # not listening yet, or not just now

    def notify(self):
        self._send(_header(1, 0x2400) + self.zone + b"\0\6\0\1")

    def serial(self, timeout=0.25):
        """One query; the serial, or None."""
        self.qid = self.qid % 0xfff0 + 2
        self.polls += 1
        self._send(_header(self.qid) + self.zone + b"\0\6\0\1")
        end = time.monotonic() + timeout
        while True:
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.udp], [], [], left)[0]:
                return None
            try:
                m = self.udp.recv(4096)
            except ConnectionError:
                return None
            if m[:2] == self.qid.to_bytes(2, "big") and not m[2] & 0x78:
                return first_serial(m)

    def wait(self, wanted, limit, pause=POLL):
        """Polls until wanted(serial) is true; the serial, or None."""
        end = time.monotonic() + limit
        while time.monotonic() < end:
            serial = self.serial()
            if serial is not None and wanted(serial):
                return serial
            time.sleep(pause)
        return None

    def ixfr(self, old, marker):
        """Whether the differences since old show marker; None: it came, but
        as a whole zone."""
        soa = b"\xc0\x0c" + struct.pack(">HHIH", 6, 1, 0, 22) + b"\0\0" + \
            struct.pack(">IIIII", old, 0, 0, 0, 0)
        m = _header(7, 0, 1) + self.zone + b"\0\xfb\0\1" + soa
        try:
            with socket.create_connection(("127.0.0.1", self.port), 5) as s:
                s.sendall(struct.pack(">H", len(m)) + m)
                data = self._read_until(s, old, marker)
        except OSError:  # NSD resets what its old servers had accepted
            return False
        if data is None:
            return False
        return None if self._is_whole(data[2:]) else True

    @staticmethod
    def _read_until(sock, old, marker):
        data = b""
        while marker not in data or \
                len(data) < 2 + int.from_bytes(data[:2], "big"):
            got = sock.recv(65536)
            if not got:
                return None
            data += got
            if len(data) > 100 and first_serial(data[2:]) == old:
                return None
        return data

    @staticmethod
    def _is_whole(m):
        """The second record of differences is an SOA, too."""
        at = _skip_name(m, 12) + 4
        at = _skip_name(m, at)
        at += 10 + struct.unpack_from(">H", m, at + 8)[0]
        at = _skip_name(m, at)
        return m[at:at + 2] != b"\0\6"
