# The ELECTRA toolkit. `make help` lists the targets.
#
# make            build every program into build/release
# make V=1        show the commands
# make CC=clang   any C11 compiler
# CFLAGS, LDFLAGS, PREFIX, DESTDIR are honoured. NO_INSTALL=1: never call apt-get.

MAKEFLAGS += --no-builtin-rules
.DELETE_ON_ERROR:
.SUFFIXES:
.SECONDARY:

FLAVOUR ?= release
BUILD   := build/$(FLAVOUR)
PREFIX  ?= /usr/local
BINDIR  ?= $(PREFIX)/bin
LIBDIR  ?= $(PREFIX)/lib
INCDIR  ?= $(PREFIX)/include
MANDIR  ?= $(PREFIX)/share/man
ifeq ($(origin CC),default)
CC := gcc
endif
AR      ?= ar
Q       := $(if $(V),,@)

# --- libraries: pkg-config where it knows them, Debian's names otherwise ---
PKG_CONFIG ?= pkg-config
first_module = $(firstword $(foreach m,$(1),$(shell $(PKG_CONFIG) --exists $(m) 2>/dev/null && echo $(m))))
MSGPACK := $(call first_module,msgpack-c msgpack)
BLAS    := $(call first_module,openblas cblas blas)
PCRE2   := $(call first_module,libpcre2-8)
UTF8PROC := $(call first_module,libutf8proc utf8proc)
JANSSON := $(call first_module,jansson)
XXHASH  := $(call first_module,libxxhash)
MODULES := $(MSGPACK) $(BLAS) $(PCRE2) $(UTF8PROC) $(JANSSON) $(XXHASH)
PKG_CFLAGS := $(if $(MODULES),$(shell $(PKG_CONFIG) --cflags $(MODULES) 2>/dev/null))
PKG_LIBS   := $(if $(MODULES),$(shell $(PKG_CONFIG) --libs $(MODULES) 2>/dev/null)) \
	$(if $(MSGPACK),,-lmsgpackc) $(if $(BLAS),,-lopenblas) $(if $(PCRE2),,-lpcre2-8) \
	$(if $(UTF8PROC),,-lutf8proc) $(if $(JANSSON),,-ljansson) $(if $(XXHASH),,-lxxhash)

# --- flags ---
WARNINGS := -Wall -Wextra -Wshadow -Wconversion -Wno-sign-conversion -Wstrict-prototypes \
	-Wmissing-prototypes -Wvla -Wpointer-arith -Wformat=2 -Wundef -Wno-missing-field-initializers
ifeq ($(CI),true)
WARNINGS += -Werror
endif
HARDEN := -fstack-protector-strong -fPIE
OPT.release := -O2 -g -D_FORTIFY_SOURCE=2
OPT.asan    := -O1 -g -fsanitize=address -fno-omit-frame-pointer
OPT.ubsan   := -O1 -g -fsanitize=undefined -fno-sanitize-recover=all
OPT.tsan    := -O1 -g -fsanitize=thread
OPT := $(OPT.$(FLAVOUR))
CPPFLAGS += -Iinclude -D_POSIX_C_SOURCE=200809L -DPCRE2_CODE_UNIT_WIDTH=8
# The loops of lib/tensor are written for the compiler's vectoriser; no -ffast-math anywhere.
VECTORISE := -O3 -fno-math-errno -fno-trapping-math -ffp-contract=fast
ALL_CFLAGS = -std=c11 $(OPT) $(HARDEN) $(WARNINGS) -ffile-prefix-map=$(CURDIR)=. -pthread \
	$(PKG_CFLAGS) $(CFLAGS)
ALL_LDFLAGS = $(filter -fsanitize=%,$(OPT)) -pie -Wl,-z,relro,-z,now -pthread $(LDFLAGS)
LIBS := $(PKG_LIBS) -lm

# --- what there is ---
LAYERS   := base stream text eval tensor model train
LIB_SRC  := $(sort $(foreach l,$(LAYERS),$(wildcard lib/$(l)/*.c)))
LIB_OBJ  := $(LIB_SRC:%.c=$(BUILD)/%.o)
LIB      := $(BUILD)/libelectra.a
TOOL_SRC := $(sort $(wildcard tools/electra-*.c))
PROGRAMS := $(TOOL_SRC:tools/%.c=$(BUILD)/bin/%)
MAN      := $(sort $(wildcard man/*.[157]))

all: $(PROGRAMS) ## build every program (the default)

$(LIB): $(LIB_OBJ)
	$(Q)rm -f $@ && $(AR) rcD $@ $^

$(BUILD)/lib/tensor/%.o: OPT += $(if $(filter release,$(FLAVOUR)),$(VECTORISE))
$(BUILD)/lib/base/random.o: OPT += $(if $(filter release,$(FLAVOUR)),$(VECTORISE))

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/bin/%: $(BUILD)/tools/%.o $(BUILD)/tools/common.o $(LIB)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

# --- tests ---
UNIT_SRC := $(sort $(wildcard tests/unit/test_*.c))
UNITS    := $(UNIT_SRC:tests/unit/%.c=$(BUILD)/unit/%)
# The same mathematics compiled with elc_float = double, for central differences.
GRADIENT_SRC := $(sort $(wildcard tests/unit/gradient_*.c))
GRADIENTS    := $(GRADIENT_SRC:tests/unit/%.c=$(BUILD)/double/unit/%)
DOUBLE_OBJ   := $(LIB_SRC:%.c=$(BUILD)/double/%.o)

$(BUILD)/unit/%: $(BUILD)/tests/unit/%.o $(LIB)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ -lcmocka $(LIBS)

$(BUILD)/double/%.o: %.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) -DELC_DOUBLE $(ALL_CFLAGS) -MMD -MP -c -o $@ $<
$(BUILD)/double/libelectra.a: $(DOUBLE_OBJ)
	$(Q)rm -f $@ && $(AR) rcD $@ $^
$(BUILD)/double/unit/%: $(BUILD)/double/tests/unit/%.o $(BUILD)/double/libelectra.a
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ -lcmocka $(LIBS)

units: $(UNITS) $(GRADIENTS)

clean: ## remove everything that was built
	rm -rf build

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

-include $(LIB_OBJ:.o=.d) $(DOUBLE_OBJ:.o=.d) $(TOOL_SRC:%.c=$(BUILD)/%.d) $(BUILD)/tools/common.d
-include $(UNIT_SRC:%.c=$(BUILD)/%.d) $(GRADIENT_SRC:%.c=$(BUILD)/double/%.d)

.PHONY: all units clean help
