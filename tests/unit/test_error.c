/* The thread-local message. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "electra/error.h"

static void a_failure_leaves_its_message_and_returns_its_code(void **state) {
    (void)state;
    assert_int_equal(elc_fail(ELC_EFORMAT, "key '%s' is missing", "ids"), ELC_EFORMAT);
    assert_string_equal(elc_error(), "key 'ids' is missing");
    assert_int_equal(elc_fail(ELC_ELIMIT, "%d", 7), ELC_ELIMIT);
    assert_string_equal(elc_error(), "7");
}

static void every_code_is_negative_and_its_own(void **state) {
    (void)state;
    const int codes[] = {ELC_EIO,    ELC_EFORMAT, ELC_ETRUNCATED, ELC_EMISMATCH,
                         ELC_ELIMIT, ELC_ENOMEM,  ELC_EINVAL,     ELC_ENUMERIC};
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        assert_true(codes[i] < 0);
        for (size_t k = 0; k < i; k++)
            assert_int_not_equal(codes[i], codes[k]);
    }
}

static void errno_is_put_into_words(void **state) {
    (void)state;
    errno = ENOENT;
    assert_int_equal(elc_fail_errno("%s", "corpus.els"), ELC_EIO);
    assert_string_equal(elc_error(), "corpus.els: No such file or directory");
}

static void memory_failures_say_how_much(void **state) {
    (void)state;
    assert_int_equal(elc_fail_memory(1234567), ELC_ENOMEM);
    assert_string_equal(elc_error(), "out of memory: 1234567 bytes wanted");
    assert_int_equal(elc_fail_memory(0), ELC_ENOMEM);
    assert_string_equal(elc_error(), "out of memory");
}

static void context_grows_from_the_inside_out(void **state) {
    (void)state;
    int code = elc_fail(ELC_EFORMAT, "checksum mismatch");
    code = elc_context(code, "block %d", 17);
    code = elc_context(code, "%s", "corpus.els");
    assert_int_equal(code, ELC_EFORMAT);
    assert_string_equal(elc_error(), "corpus.els: block 17: checksum mismatch");
}

static void arguments_may_point_into_the_message(void **state) {
    (void)state;
    (void)!elc_fail(ELC_EIO, "inner");
    (void)!elc_fail(ELC_EIO, "%s, and then %s", elc_error(), elc_error());
    assert_string_equal(elc_error(), "inner, and then inner");
    (void)!elc_context(ELC_EIO, "%s", elc_error());
    assert_string_equal(elc_error(), "inner, and then inner: inner, and then inner");
}

static void long_messages_are_cut_not_overrun(void **state) {
    (void)state;
    char text[5000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    (void)!elc_fail(ELC_EIO, "%s", text);
    size_t len = strlen(elc_error());
    assert_true(len > 1000 && len < sizeof text);
    (void)!elc_context(ELC_EIO, "%s", "front");
    assert_true(strncmp(elc_error(), "front: xxx", 10) == 0);
    assert_true(strlen(elc_error()) <= len);
    errno = EIO;
    (void)!elc_fail_errno("%s", text);
    assert_true(strlen(elc_error()) <= len);
}

static void *fail_elsewhere(void *unused) {
    (void)!elc_fail(ELC_EIO, "of the other thread");
    return unused;
}

static void each_thread_has_its_own(void **state) {
    (void)state;
    (void)!elc_fail(ELC_EIO, "of this thread");
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, fail_elsewhere, NULL), 0);
    pthread_join(thread, NULL);
    assert_string_equal(elc_error(), "of this thread");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_failure_leaves_its_message_and_returns_its_code),
        cmocka_unit_test(every_code_is_negative_and_its_own),
        cmocka_unit_test(errno_is_put_into_words),
        cmocka_unit_test(memory_failures_say_how_much),
        cmocka_unit_test(context_grows_from_the_inside_out),
        cmocka_unit_test(arguments_may_point_into_the_message),
        cmocka_unit_test(long_messages_are_cut_not_overrun),
        cmocka_unit_test(each_thread_has_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
