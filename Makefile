# The ELECTRA toolkit. `make help` lists the targets.
#
# make            build every program into build/release
# make V=1        show the commands
# make CC=clang   any C11 compiler
# CFLAGS, LDFLAGS, PREFIX, DESTDIR are honoured. NO_INSTALL=1: never call apt-get.
# JOBS=N: how many compilers, or tests, run at a time.

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
JOBS    ?= $(shell nproc 2>/dev/null || echo 2)

# --- libraries: pkg-config where it knows them, Debian's names otherwise ---
PKG_CONFIG ?= pkg-config
export CC PKG_CONFIG
first_module = $(firstword $(foreach m,$(1),$(shell $(PKG_CONFIG) --exists $(m) 2>/dev/null && echo $(m))))
MSGPACK := $(call first_module,msgpack-c msgpack)
PCRE2   := $(call first_module,libpcre2-8)
UTF8PROC := $(call first_module,libutf8proc utf8proc)
JANSSON := $(call first_module,jansson)
XXHASH  := $(call first_module,libxxhash)
MODULES := $(MSGPACK) $(PCRE2) $(UTF8PROC) $(JANSSON) $(XXHASH)
PKG_CFLAGS := $(if $(MODULES),$(shell $(PKG_CONFIG) --cflags $(MODULES) 2>/dev/null))
FALLBACK_LIBS := $(if $(MSGPACK),,-lmsgpackc) $(if $(PCRE2),,-lpcre2-8) \
	$(if $(UTF8PROC),,-lutf8proc) $(if $(JANSSON),,-ljansson) $(if $(XXHASH),,-lxxhash)
PKG_LIBS := $(if $(MODULES),$(shell $(PKG_CONFIG) --libs $(MODULES) 2>/dev/null)) $(FALLBACK_LIBS)

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
SHARED_SRC := tools/common.c tools/options.c # what every program has
TRAIN_SRC := $(sort $(wildcard tools/train_*.c)) # the commands of electra-train
PROGRAMS := $(TOOL_SRC:tools/%.c=$(BUILD)/bin/%)
MAN      := $(sort $(wildcard man/*.[157]))

all: $(PROGRAMS) $(LIB) ## build every program (the default)

$(LIB): $(LIB_OBJ)
	$(Q)rm -f $@ && $(AR) rcD $@ $^

$(BUILD)/lib/tensor/%.o: OPT += $(if $(filter release,$(FLAVOUR)),$(VECTORISE))
$(BUILD)/lib/base/random.o $(BUILD)/lib/stream/builder.o $(BUILD)/lib/text/records.o: OPT += $(if $(filter release,$(FLAVOUR)),$(VECTORISE))
# Products are most of what tests compute: unoptimised they would take most of their time, too.
$(BUILD)/lib/tensor/product.o $(BUILD)/double/lib/tensor/product.o: OPT += $(VECTORISE)

# Before the first compilation: is what it needs there?
$(BUILD)/probed:
	@scripts/deps --check build
	@mkdir -p $(@D) && touch $@

$(BUILD)/%.o: %.c | $(BUILD)/probed
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/bin/%: $(BUILD)/tools/%.o $(SHARED_SRC:%.c=$(BUILD)/%.o) $(LIB)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $(filter %.o,$^) $(LIB) $(LIBS)

$(BUILD)/bin/electra-train: $(TRAIN_SRC:%.c=$(BUILD)/%.o)
$(BUILD)/bin/electra-tokenize: $(BUILD)/tools/tokenize_settings.o

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

$(BUILD)/double/%.o: %.c | $(BUILD)/probed
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) -DELC_DOUBLE $(ALL_CFLAGS) -MMD -MP -c -o $@ $<
$(BUILD)/double/libelectra.a: $(DOUBLE_OBJ)
	$(Q)rm -f $@ && $(AR) rcD $@ $^
$(BUILD)/double/unit/%: $(BUILD)/double/tests/unit/%.o $(BUILD)/double/libelectra.a
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ -lcmocka $(LIBS)

units: $(UNITS) $(GRADIENTS)

# The tests of this flavour, without installing anything first. Programs with sanitizers are slow:
# they run what asks something of them, not of the build or the manual.
BATS := $(sort $(wildcard tests/cli/*.bats))
LINT := $(sort $(wildcard tests/lint/*.bats))
NOT_SANITIZED := tests/cli/install.bats tests/cli/demo.bats tests/cli/pipelines.bats
TEST_TIMEOUT ?= $(if $(filter release,$(FLAVOUR)),600,3600)
SUITES = $(if $(filter release,$(FLAVOUR)),$(BATS) $(LINT),$(filter-out $(NOT_SANITIZED),$(BATS))) \
	$(UNITS) $(GRADIENTS)
# The thread sanitizer of gcc 12 cannot live with every layout of memory.
FIXED_LAYOUT = $(if $(filter tsan,$(FLAVOUR)),$(shell setarch -R true 2>/dev/null && echo setarch -R))
test: all units
	@BIN=$(abspath $(BUILD)/bin) JOBS=$(JOBS) TEST_TIMEOUT=$(TEST_TIMEOUT) \
		$(FIXED_LAYOUT) tests/run $(SUITES)

# What pkg-config says is read with this file: after an installation, make reads it again. What is
# compiled first is compiled side by side.
AGAIN = +@$(MAKE) --no-print-directory $(if $(findstring -j,$(MAKEFLAGS)),,-j$(JOBS))

check: ## build and test (minutes); installs what is missing
	@scripts/deps build test
	$(AGAIN) test

check-long: ## check, then with every sanitizer, and what takes long
	@scripts/deps build test lint
	$(AGAIN) test
	$(AGAIN) lint
	$(AGAIN) asan
	$(AGAIN) ubsan
	$(AGAIN) tsan
	@BIN=$(abspath $(BUILD)/bin) JOBS=$(JOBS) TEST_TIMEOUT=7200 tests/run $(wildcard tests/long/*.bats)

asan ubsan tsan: ## the tests under that sanitizer
	@scripts/deps build test
	$(AGAIN) FLAVOUR=$@ test

lint: ## layers, headers, manual, scripts
	@scripts/deps build lint
	$(AGAIN) all
	@BIN=$(abspath $(BUILD)/bin) JOBS=$(JOBS) tests/run $(LINT)

demo: ## text in, an ELECTRA trained, text scored (four minutes); installs what is missing
	@scripts/deps build demo
	$(AGAIN) all
	+@$(MAKE) --no-print-directory -C pipelines/demo BIN=$(abspath $(BUILD)/bin)

bench: all ## the speed of the programs, beside the Python stack where it is installed
	@BIN=$(abspath $(BUILD)/bin) tests/bench/run

deps: ## install what building, testing and the demo need (apt-get)
	@scripts/deps build test demo

# --- installation ---
HEADERS := $(sort $(wildcard include/electra/*.h))
VERSION := $(shell sed -n 's/^.define ELC_VERSION "\(.*\)"/\1/p' include/electra/version.h)

# There is a static library only, so whoever links it links what it is made of as well.
PC_LINES = 'prefix=$(PREFIX)' 'libdir=$(LIBDIR)' 'includedir=$(INCDIR)' '' 'Name: electra' \
	'Description: ELECTRA in C: streams, tokenizer, model, training' 'Version: $(VERSION)' \
	'Requires: $(MODULES)' 'Cflags: -I$${includedir}' \
	'Libs: $(strip -L$${libdir} -lelectra $(FALLBACK_LIBS) -pthread -lm)'

install: all ## into DESTDIR and PREFIX
	install -d $(addprefix $(DESTDIR),$(BINDIR) $(LIBDIR)/pkgconfig $(INCDIR)/electra \
		$(MANDIR)/man1 $(MANDIR)/man5 $(MANDIR)/man7)
	install -m 755 $(PROGRAMS) $(DESTDIR)$(BINDIR)
	install -m 644 $(LIB) $(DESTDIR)$(LIBDIR)
	install -m 644 $(HEADERS) $(DESTDIR)$(INCDIR)/electra
	printf '%s\n' $(PC_LINES) > $(DESTDIR)$(LIBDIR)/pkgconfig/electra.pc
	for page in $(MAN); do install -m 644 $$page $(DESTDIR)$(MANDIR)/man$${page##*.} || exit; done

uninstall: ## remove what install put there
	rm -f $(addprefix $(DESTDIR)$(BINDIR)/,$(notdir $(PROGRAMS))) $(DESTDIR)$(LIBDIR)/libelectra.a \
		$(DESTDIR)$(LIBDIR)/pkgconfig/electra.pc \
		$(foreach m,$(MAN),$(DESTDIR)$(MANDIR)/man$(patsubst .%,%,$(suffix $(m)))/$(notdir $(m)))
	rm -rf $(DESTDIR)$(INCDIR)/electra

clean: ## remove everything that was built
	rm -rf build

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z -]+:.*## / {printf "  %-16s %s\n", $$1, $$2}' Makefile

-include $(LIB_OBJ:.o=.d) $(DOUBLE_OBJ:.o=.d) $(TOOL_SRC:%.c=$(BUILD)/%.d) \
	$(SHARED_SRC:%.c=$(BUILD)/%.d) $(TRAIN_SRC:%.c=$(BUILD)/%.d) $(BUILD)/tools/tokenize_settings.d
-include $(UNIT_SRC:%.c=$(BUILD)/%.d) $(GRADIENT_SRC:%.c=$(BUILD)/double/%.d)

.PHONY: all units test check check-long asan ubsan tsan lint demo bench deps install uninstall clean \
	help
