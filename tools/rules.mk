# SPDX-License-Identifier: GPL-3.0-or-later
# install, dist, distcheck.

# Users, groups and folders of state are made by init/'s sysusers and tmpfiles,
# at the packager's or the operator's word, never by `make install`.
daemons = $(filter-out build/bin/polyctl,$(filter build/bin/%,$(programs)))
units = $(wildcard $(srcdir)/init/*.service $(srcdir)/init/*.socket)
confs = $(wildcard $(srcdir)/examples/*.conf)
completions = $(wildcard $(srcdir)/ctl/polyctl.bash)
D = $(DESTDIR)
confdir = $(sysconfdir)/polyphony

install: all
	$(INSTALL) -d $(D)$(sbindir) $(D)$(confdir) $(D)$(docdir)/examples
	$(foreach p,$(daemons) $(filter build/bin/polyctl,$(programs)),\
	    $(INSTALL) -m 755 $(p) $(D)$(sbindir)/ &&) :
	set -e; for f in $(man_pages) $(man_built); do \
	    s=$${f##*.}; $(INSTALL) -d $(D)$(mandir)/man$$s; \
	    $(INSTALL) -m 644 $$f $(D)$(mandir)/man$$s/; done
	set -e; for f in $(confs); do \
	    $(INSTALL) -m 644 $$f $(D)$(docdir)/examples/; \
	    t=$(D)$(confdir)/$${f##*/}; \
	    case $$t in *-*) continue ;; esac; \
	    if [ -e $$t ]; then echo "$$t stays as it is"; \
	    else $(INSTALL) -m 640 $$f $$t; fi; done
	set -e; for f in $(units); do $(INSTALL) -d $(D)$(systemdunitdir); \
	    sed -e 's,@sbindir@,$(sbindir),g' -e 's,@confdir@,$(confdir),g' \
	    -e 's,@rundir@,$(rundir),g' -e 's,@statedir@,$(statedir),g' \
	    $$f >$(D)$(systemdunitdir)/$${f##*/}; \
	    chmod 644 $(D)$(systemdunitdir)/$${f##*/}; done
	set -e; for f in sysusers tmpfiles; do \
	    test -f $(srcdir)/init/polyphony.$$f || continue; \
	    $(INSTALL) -d $(D)$(prefix)/lib/$$f.d; \
	    $(INSTALL) -m 644 $(srcdir)/init/polyphony.$$f \
	    $(D)$(prefix)/lib/$$f.d/polyphony.conf; done
	set -e; for f in $(completions); do \
	    $(INSTALL) -d $(D)$(datarootdir)/bash-completion/completions; \
	    $(INSTALL) -m 644 $$f \
	    $(D)$(datarootdir)/bash-completion/completions/polyctl; done
	set -e; for f in README.md NEWS SECURITY.md; do \
	    $(INSTALL) -m 644 $(srcdir)/$$f $(D)$(docdir)/; done

# What is committed, and a configure.  Not in git (an unpacked archive): all.
distversion := $(shell cd $(srcdir) && sh tools/version)
distname = polyphony-$(distversion)
dist:
	@rm -rf build/$(distname) && mkdir -p build/$(distname)
	@cd $(srcdir) && { { test -e .git && git ls-files; } || \
	    find . -type f -not -path './build/*' -not -path './config.mk' \
	    -not -path './config.h' -not -path './config.log' \
	    -not -path './config.status' -not -path './configure' \
	    -not -path './polyphony-*.tar.gz' -not -path '*/__pycache__/*' | \
	    sed 's,^\./,,'; } | \
	    tar -cf - -T - | tar -xf - -C $(CURDIR)/build/$(distname)
	@echo $(distversion) >build/$(distname)/VERSION
	@cd build/$(distname) && autoconf && rm -rf autom4te.cache
	@tar -C build --sort=name --owner=0 --group=0 --numeric-owner \
	    -czf $(distname).tar.gz $(distname)
	@rm -rf build/$(distname)
	@echo "$(distname).tar.gz"

# The archive builds outside its own folder, which may not be written to, is
# tested there, and installs what tests/install.list says.
distcheck: dist
	@chmod -R u+w build/distcheck 2>/dev/null; rm -rf build/distcheck
	@mkdir -p build/distcheck/b
	@tar -C build/distcheck -xzf $(distname).tar.gz
	@cd build/distcheck && find $(distname) -type f | sort | \
	    xargs sha256sum >before
	@chmod -R a-w build/distcheck/$(distname)
	@cd build/distcheck/b && ../$(distname)/configure -q --prefix=/usr \
	    --sysconfdir=/etc
	@$(MAKE) -C build/distcheck/b check-quick
	@$(MAKE) -C build/distcheck/b install DESTDIR=$(CURDIR)/build/distcheck/i \
	    >/dev/null
	@cd build/distcheck/i && find . -type f | sed 's,^\./,,' | LC_ALL=C sort | \
	    diff - $(abspath $(srcdir))/tests/install.list
	@echo "# mine" >>build/distcheck/i/etc/polyphony/combiner.conf
	@$(MAKE) -C build/distcheck/b install DESTDIR=$(CURDIR)/build/distcheck/i \
	    >/dev/null
	@grep -q '^# mine' build/distcheck/i/etc/polyphony/combiner.conf
	@cd build/distcheck && find $(distname) -type f | sort | \
	    xargs sha256sum | diff before -
	@chmod -R u+w build/distcheck; rm -rf build/distcheck
	@echo "distcheck: $(distname).tar.gz is good"
