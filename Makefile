# Makefile
#
#   make, make install      the extension, by PGXS (PG_CONFIG=... picks a server),
#                           gateway/rde-gateway and the extension rde_azure where
#                           their libraries are there
#   make installcheck       the SQL and isolation tests, on a running server
#   make setup              install what building, tests and demo need
#   make check              every test, format and lint; "test/run -h" runs some of them
#   make soak               the same tests with their long loops
#   make asan               tests under sanitizers of memory, undefined behaviour and threads
#   make coverage           tests on a build for gcov, and what they do not reach
#   make demo               export a sample shop into demo/
#   make bench              measure against COPY and others
#   make reference          write what the catalog tells into doc/reference.md
#   make html               the documents as HTML, in html/ (needs cmark-gfm)
#   make dist               an archive for PGXN, of what is committed
#   make freeze             keep what this version installs, for the updates from it
#   make format, make lint  pgindent style; cppcheck and clang-tidy

TASKS = setup check soak asan coverage demo bench format lint reference html dist freeze

# The folder of the sources; objects come where make is run, which may be another:
# "make -f ../rde/Makefile".
top := $(patsubst %/,%,$(or $(VPATH),$(dir $(firstword $(MAKEFILE_LIST)))))

ifneq (,$(filter $(TASKS),$(MAKECMDGOALS)))

# Tasks come without PGXS: they work where PostgreSQL's headers are yet to be
# installed, and PGXS has a "check" of its own, which only says no.

.PHONY: $(MAKECMDGOALS)
.NOTPARALLEL:

setup:
	@$(top)/test/setup all
check:
	@$(top)/test/setup check
	@$(top)/test/run
soak:
	@$(top)/test/setup soak
	@RDE_SOAK=1 $(top)/test/run
	@[ "$$(id -u)" -ne 0 ] || $(top)/test/container
asan:
	@$(top)/test/setup check
	@$(top)/test/run --sanitize
	@$(top)/test/run --sanitize=thread
coverage:
	@$(top)/test/setup all
	@$(top)/test/coverage
demo:
	@$(top)/test/setup build
	@$(top)/test/demo
bench:
	@$(top)/test/setup all
	@$(top)/bench/all
reference:
	@$(top)/test/setup build
	@$(top)/test/reference
html:
	@$(top)/doc/html.pl html
dist:
	@version=$$(sed -n 's/^   "version": "\(.*\)",/\1/p' $(top)/META.json) && \
		git -C $(top) archive --format=zip --prefix=rde-$$version/ HEAD >rde-$$version.zip && \
		echo "rde-$$version.zip"
freeze:
	@$(top)/test/setup build
	@$(top)/test/freeze
format:
	@$(top)/test/setup all
	@$(MAKE) --no-print-directory -C $(top) with_llvm=no all
	@$(top)/test/format
lint:
	@$(top)/test/setup all
	@$(MAKE) --no-print-directory -C $(top) lint-sources

# what was asked for beside them, as in "make clean check"
$(filter-out $(TASKS),$(MAKECMDGOALS)):
	@$(MAKE) --no-print-directory -f $(firstword $(MAKEFILE_LIST)) $@

else

PG_CONFIG ?= pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs 2>/dev/null)
ifeq (,$(wildcard $(PGXS)))
$(error PostgreSQL's server headers are not installed, or PG_CONFIG does not name their pg_config: try "make setup")
endif

EXTENSION = rde
RDE_VERSION := $(shell sed -n "s/^default_version *= *'\(.*\)'.*/\1/p" $(top)/rde.control)
# The install script is its parts, in the order the first one lists them.  An
# update script is made of the same parts, and of steps in sql/rde/upgrade/.
RDE_SCRIPT = sql/rde--$(RDE_VERSION).sql
sql = $(top)/sql/rde
RDE_SQL := $(sql)/header.sql $(shell sed -n 's|^ \*   \([a-z_/]*\.sql\) .*|$(sql)/\1|p' $(sql)/header.sql)
ifneq ($(sort $(RDE_SQL)),$(sort $(filter-out $(sql)/upgrade/%,$(wildcard $(sql)/*.sql $(sql)/*/*.sql))))
$(error The list in sql/rde/header.sql and the files of sql/rde/ differ)
endif
RDE_STEPS := $(notdir $(basename $(wildcard $(sql)/upgrade/*--*.sql)))
RDE_UPDATES := $(foreach step,$(RDE_STEPS),sql/rde--$(firstword $(subst --, ,$(step)))--$(RDE_VERSION).sql)
DATA_built = $(RDE_SCRIPT) $(RDE_UPDATES)

MODULE_big = rde
OBJS = $(sort $(patsubst $(top)/%.c,%.o,$(wildcard $(top)/src/*/*.c)))

# ISA-L compresses several times faster than zlib.  It is used where a program
# can be built with it; RDE_DEFLATE=zlib or RDE_DEFLATE=isal decides by hand.
ifndef RDE_DEFLATE
RDE_DEFLATE := $(shell printf '%b' '\043include <isa-l.h>\nint main(void) { struct isal_zstream s; isal_deflate_init(&s); return 0; }\n' | \
	$(CC) -x c -o /dev/null - -lisal >/dev/null 2>&1 && echo isal || echo zlib)
endif
ifeq ($(RDE_DEFLATE),isal)
DEFLATE_FLAGS = -DRDE_WITH_ISAL
DEFLATE_LIBS = -lisal
endif

# PostgreSQL's headers are system headers to us: only our own code has to be
# free of warnings.  A compiler that knows more of them: make WERROR=
WERROR ?= -Werror
PG_CPPFLAGS = -I$(top)/src -isystem $(shell $(PG_CONFIG) --includedir-server) $(DEFLATE_FLAGS) \
	-DRDE_VERSION='"$(RDE_VERSION)"'
PG_CFLAGS = -Wall -Wextra $(WERROR) -Wno-unused-parameter -Wno-sign-compare -MMD -MP
ifneq (,$(findstring clang,$(CC)))
# options the server was configured with for gcc
PG_CFLAGS += -Wno-ignored-optimization-argument -Wno-unknown-warning-option
endif
SHLIB_LINK = -lxlsxwriter -lz $(DEFLATE_LIBS)

# Bitcode for the JIT needs the LLVM the server was built with.
llvm_path = $(shell sed -n 's/^$(1) *= *//p' $(dir $(PGXS))../Makefile.global)
ifeq (,$(and $(wildcard $(call llvm_path,CLANG)),$(wildcard $(call llvm_path,LLVM_BINPATH)/llvm-lto)))
override with_llvm := no
endif

EXTRA_CLEAN = $(OBJS:.o=.d) src/.flags build/lint

# "make installcheck" runs the SQL and isolation tests on a running server, which
# has the extension installed and max_prepared_transactions = 10.
REGRESS = $(sort $(basename $(notdir $(wildcard $(top)/test/sql/*.sql))))
ISOLATION = $(sort $(basename $(notdir $(wildcard $(top)/test/specs/*.spec))))
pg_regress = $(dir $(PGXS))../test/regress/pg_regress
# up to 15 expected outputs are looked for in the output folder, this one
expected_dir := $(shell $(pg_regress) --help 2>/dev/null | grep -q -e --expecteddir && echo --expecteddir=$(top))
REGRESS_OPTS = --inputdir=$(top)/test $(expected_dir)
ISOLATION_OPTS = $(REGRESS_OPTS) --outputdir=.

include $(PGXS)

# as in "make check": a hint names the database
CONTRIB_TESTDB = rde_regress

ifneq (.,$(top))
installcheck: copy-expected
copy-expected:
	@cp -R $(top)/expected .
.PHONY: copy-expected
endif

# Folders of objects, where they are not those of the sources; not by a rule, for
# make would find the sources' ones by VPATH.
ifneq (.,$(top))
$(shell mkdir -p $(sort $(dir $(OBJS) $(DATA_built))))
endif

$(RDE_SCRIPT): $(RDE_SQL)
	cat $^ >$@
$(RDE_UPDATES): sql/rde--%--$(RDE_VERSION).sql: $(RDE_SQL) $(wildcard $(sql)/upgrade/* $(sql)/upgrade/after/*)
	$(sql)/upgrade/assemble rde $(sql)/upgrade $* $(RDE_VERSION) $(filter-out $(sql)/header.sql,$(RDE_SQL)) >$@ || { rm -f $@; exit 1; }

# The gateway is a program of its own and rde_azure an extension of its own: a
# server can do without.  Each is left out where the headers it needs are missing.
PARTS = $(patsubst $(top)/%/Makefile,%,$(wildcard $(top)/gateway/Makefile $(top)/azure/Makefile))
part_gateway = gateway/rde-gateway
part_azure = the extension rde_azure
needs_gateway = libmicrohttpd, libpq or libcrypto
needs_azure = libcurl or libcrypto
make_part = mkdir -p $(1) && $(MAKE) --no-print-directory -C $(1) $(if $(filter-out .,$(top)),-f $(abspath $(top))/$(1)/Makefile) $(2) \
	PG_CONFIG='$(PG_CONFIG)' CC='$(CC)' WERROR='$(WERROR)' RDE_PREFIX='$(RDE_PREFIX)'

# Programs and units are no part of a server's version.  They go where they are
# found: beside a server that somebody put into a folder of his own, else there.
RDE_PREFIX ?= $(if $(filter /usr/%,$(bindir)),/usr/local,$(patsubst %/bin,%,$(bindir)))
unitdir ?= $(RDE_PREFIX)/lib/systemd/system
UNITS = rde-worker.service rde-worker.timer

all: $(PARTS)
install: $(PARTS:%=install-%) install-units
uninstall: $(PARTS:%=uninstall-%) uninstall-units
install-units:
	$(MKDIR_P) '$(DESTDIR)$(unitdir)'
	$(INSTALL_DATA) $(UNITS:%=$(top)/systemd/%) '$(DESTDIR)$(unitdir)/'
uninstall-units:
	rm -f $(UNITS:%='$(DESTDIR)$(unitdir)/%')
clean: $(PARTS:%=clean-%)

$(PARTS):
	@+if $(call make_part,$@,-s headers); then $(call make_part,$@,all); \
	else echo '$(part_$@) is left out: headers of $(needs_$@) are missing'; fi
$(PARTS:%=install-%): install-%: %
	@+if $(call make_part,$*,-s headers); then $(call make_part,$*,install); fi
$(PARTS:%=uninstall-%): uninstall-%:
	@+$(call make_part,$*,uninstall)
$(PARTS:%=clean-%): clean-%:
	@+$(call make_part,$*,clean)
.PHONY: $(PARTS) $(PARTS:%=install-%) $(PARTS:%=uninstall-%) $(PARTS:%=clean-%) install-units uninstall-units

# Objects are made again when a header they include has changed, or when they
# would be compiled with other options.
-include $(OBJS:.o=.d)
$(OBJS:.o=.bc): $(wildcard $(top)/src/*/*.h)
$(OBJS) $(OBJS:.o=.bc): src/.flags
src/.flags: export BUILD_FLAGS := $(CC) $(CFLAGS) $(CPPFLAGS)
src/.flags: FORCE
	@echo "$$BUILD_FLAGS" | cmp -s - $@ || echo "$$BUILD_FLAGS" > $@
FORCE:
.PHONY: FORCE

# cppcheck does not know that ereport(ERROR) does not return, and takes what a
# function is given a pointer to for what it returns.  What clang-tidy has found
# nothing in is not read again until its object is a newer one.
lint-sources: all
	@$(MAKE) --no-print-directory lint-cppcheck lint-tidy
lint-cppcheck:
	@cppcheck --quiet --std=c99 --error-exitcode=1 --inline-suppr \
		--enable=warning,performance,portability \
		--suppress=nullPointerRedundantCheck --suppress=uninitvar \
		--suppress=returnDanglingLifetime \
		-I. -Isrc -Itest $(DEFLATE_FLAGS) src gateway azure test/unit test/fuzz
lint-tidy: $(patsubst %.c,build/lint/%.ok,$(foreach folder,src/* $(PARTS),$(wildcard $(patsubst %.o,%.c,$(wildcard $(folder)/*.o)))))
tidy_src = $(CPPFLAGS)
tidy_azure = -Iazure $(CPPFLAGS)
tidy_gateway = -std=gnu99 -D_GNU_SOURCE -DRDE_VERSION='"$(RDE_VERSION)"' -isystem $(shell $(PG_CONFIG) --includedir)
build/lint/%.ok: %.o .clang-tidy
	@mkdir -p $(@D)
	@clang-tidy --quiet $*.c -- $(tidy_$(firstword $(subst /, ,$*))) 2>$@.log || { cat $@.log; exit 1; }
	@touch $@
.PHONY: lint-sources lint-cppcheck lint-tidy

endif
