# SPDX-License-Identifier: GPL-3.0-or-later
# install, dist, distcheck.
