# SPDX-License-Identifier: GPL-3.0-or-later
"""What a server and all its processes use: CPU to the nanosecond, memory with
anonymous and file-backed pages told apart.  From /proc; no cgroups, no root."""
import ctypes
import os
import time

PR_SET_CHILD_SUBREAPER = 36
TICK = os.sysconf("SC_CLK_TCK")


def be_subreaper():
    """Processes whose parent ends come to us, and so does the CPU they used
    (NSD starts its servers anew with each reload)."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)


def _stat(pid):
    with open(f"/proc/{pid}/stat") as f:
        return f.read().rpartition(")")[2].split()


class Usage:
    """Of the processes in one session, whose leader we started."""

    def __init__(self, leader):
        self.leader = leader
        self.gone = 0.0  # CPU of those that came to us and ended

    def pids(self):
        found = []
        for name in os.listdir("/proc"):
            if not name.isdigit():
                continue
            try:
                stat = _stat(name)
            except OSError:
                continue
            if int(stat[3]) == self.leader:
                found.append((int(name), stat))
        return found

    def _reap(self):
        for pid, stat in self.pids():
            if int(stat[1]) == os.getpid() and pid != self.leader and \
                    stat[0] == "Z":
                done, _, used = os.wait4(pid, os.WNOHANG)
                if done:
                    self.gone += used.ru_utime + used.ru_stime

    def cpu(self):
        """Seconds so far.  A process's own time comes from its CPU clock;
        of children that it has waited for, ticks must do."""
        self._reap()
        total = self.gone
        for pid, stat in self.pids():
            try:
                total += time.clock_gettime((~pid << 3) | 2)
            except OSError:
                total += (int(stat[11]) + int(stat[12])) / TICK
            total += (int(stat[13]) + int(stat[14])) / TICK
        return total

    def memory(self):
        """Octets, shared pages counted in parts: anon, shmem, file."""
        sums = {"Pss_Anon": 0, "Pss_File": 0, "Pss_Shmem": 0}
        for pid, _ in self.pids():
            try:
                with open(f"/proc/{pid}/smaps_rollup") as f:
                    for line in f:
                        name, _, rest = line.partition(":")
                        if name in sums:
                            sums[name] += int(rest.split()[0]) * 1024
            except OSError:
                continue
        return {"anon": sums["Pss_Anon"],
                "shmem": sums["Pss_Shmem"], "file": sums["Pss_File"]}

    def settle(self, limit=8):
        """Waits until the CPU is quiet: files are written, children gone."""
        end = time.monotonic() + limit
        quiet, before = 0, self.cpu()
        while quiet < 2 and time.monotonic() < end:
            time.sleep(0.2)
            used = self.cpu()
            quiet = quiet + 1 if used - before < 0.003 else 0
            before = used

    def kill(self):
        for pid, stat in self.pids():
            try:
                os.kill(pid, 9)
                if int(stat[1]) == os.getpid() and pid != self.leader:
                    os.waitpid(pid, 0)
            except OSError:
                pass
