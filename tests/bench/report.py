# SPDX-License-Identifier: GPL-3.0-or-later
"""The table: rows are what was measured, columns the servers, then ours by the
best neighbour (under 1: ours needs less)."""

OURS = "combiner"


class Table:
    def __init__(self, peers):
        self.peers = peers
        self.rows = {}  # (part, what, unit) -> {peer: value}
        self.alone = set()  # rows that are no contest
        self.notes = []

    def put(self, part, what, unit, peer, value, contest=True):
        if not contest:
            self.alone.add((part, what, unit))
        self.rows.setdefault((part, what, unit), {})[peer] = value

    def note(self, text):
        if text not in self.notes:
            self.notes.append(text)

    def ratio(self, row):
        values = self.rows[row]
        if row in self.alone:
            return None
        others = [v for p, v in values.items()
                  if p != OURS and v is not None]
        ours = values.get(OURS)
        if ours is None or not others or min(others) <= 0:
            return None
        return ours / min(others)

    @staticmethod
    def _number(v):
        if v is None:
            return "-"
        if v == 0 or abs(v) >= 1000:
            return f"{v:.0f}"
        digits = 3 if abs(v) < 1 else 2 if abs(v) < 100 else 1
        return f"{v:.{digits}f}"

    def text(self):
        wide = max([len(f"{what} ({unit})") for _, what, unit in self.rows]
                   + [20])
        lines, part_before = [], None
        for (part, what, unit), values in self.rows.items():
            if part != part_before:
                lines += ["", part, " " * wide + "".join(
                    f"{p:>10}" for p in self.peers) + f"{'ours/best':>11}"]
                part_before = part
            ratio = self.ratio((part, what, unit))
            lines.append(
                f"{what} ({unit})".ljust(wide) +
                "".join(f"{self._number(values.get(p)):>10}"
                        for p in self.peers) +
                f"{self._number(ratio):>11}")
        lines += [""] + ["- " + n for n in self.notes]
        return "\n".join(lines)

    def json(self):
        return {"peers": self.peers, "notes": self.notes, "rows": [
            {"part": part, "what": what, "unit": unit, "values": values,
             "ratio": self.ratio((part, what, unit))}
            for (part, what, unit), values in self.rows.items()]}
