/* cmocka, and a failure for each error that a test does not expect. */
#ifndef TESTS_UNIT_CHECK_H
#define TESTS_UNIT_CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "electra/error.h"

static inline void check(int err) {
    if (err)
        fail_msg("%s", elc_error());
}

#endif
