EXTENSION = rde
MODULE_big = rde
DATA = sql/rde--1.0.sql
OBJS = $(patsubst %.c,%.o,$(wildcard src/*.c))
RDE_DEFLATE ?= $(shell echo '\#include <isa-l.h>' | $(CC) -E - >/dev/null 2>&1 && echo isal || echo zlib)
PG_CPPFLAGS = -Isrc $(if $(filter isal,$(RDE_DEFLATE)),-DRDE_WITH_ISAL)
SHLIB_LINK = -lxlsxwriter -lz $(if $(filter isal,$(RDE_DEFLATE)),-lisal)
PG_CONFIG ?= pg_config
with_llvm = no
PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)
