/* Lines of operands, in chunks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "electra/lines.h"

#include "scratch.h"

struct fixture {
    char *directory;
    char *paths[3];
};

static int set_up(void **state) {
    struct fixture *f = calloc(1, sizeof *f);
    f->directory = scratch_new();
    f->paths[0] = elc_path_join(f->directory, "a");
    f->paths[1] = elc_path_join(f->directory, "b");
    f->paths[2] = elc_path_join(f->directory, "c");
    *state = f;
    return 0;
}

static int tear_down(void **state) {
    struct fixture *f = *state;
    for (int i = 0; i < 3; i++)
        free(f->paths[i]);
    scratch_delete(f->directory);
    free(f);
    return 0;
}

static void write_bytes(const char *path, const char *bytes, size_t len) {
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
}

/* Every line as "name:number:text|", an operand's end as "." */
static void check(const struct fixture *f, size_t n_paths, const char *expected) {
    struct elc_lines *lines;
    struct elc_chunk chunk = {0};
    struct elc_buffer found = {0};
    assert_int_equal(elc_lines_new(&lines, f->paths, n_paths, false), 0);
    uint64_t total = 0;
    int rc;
    while ((rc = elc_lines_next(lines, &chunk)) > 0) {
        const char *line;
        size_t position = 0, len;
        uint64_t number = chunk.first_line;
        assert_int_equal(chunk.first, total);
        for (; elc_chunk_line(&chunk, &position, &line, &len); number++, total++)
            assert_int_equal(elc_buffer_printf(&found, "%s:%d:%.*s|",
                                               chunk.name + strlen(chunk.name) - 1, (int)number,
                                               (int)len, line),
                             0);
        assert_int_equal(number - chunk.first_line, chunk.n_lines);
        if (chunk.ends_operand)
            assert_int_equal(elc_buffer_append(&found, ".", 1), 0);
    }
    assert_int_equal(rc, 0);
    assert_int_equal(elc_buffer_append(&found, "", 1), 0);
    assert_string_equal((char *)found.data, expected);
    elc_buffer_free(&found);
    elc_buffer_free(&chunk.text);
    elc_lines_destroy(lines);
}

static void operands_end_their_lines(void **state) {
    struct fixture *f = *state;
    write_bytes(f->paths[0], "one\n\r\ntwo", 9);
    write_bytes(f->paths[1], "", 0);
    write_bytes(f->paths[2], "three\r\n\n", 8);
    check(f, 3, "a:1:one|a:2:|a:3:two|..c:1:three|c:2:|.");
    write_bytes(f->paths[0], "x\r", 2);
    check(f, 1, "a:1:x|.");
    write_bytes(f->paths[0], "\n", 1);
    check(f, 1, "a:1:|.");
}

static void long_lines_and_many_lines_are_whole(void **state) {
    struct fixture *f = *state;
    enum { LONG = 3000000, MANY = 200000 };
    char *bytes = malloc(LONG + 10 * MANY);
    memset(bytes, 'x', LONG);
    size_t len = LONG;
    bytes[len++] = '\n';
    for (int i = 0; i < MANY; i++)
        len += (size_t)sprintf(bytes + len, "%d\n", i);
    write_bytes(f->paths[0], bytes, len);
    struct elc_lines *lines;
    struct elc_chunk chunk = {0};
    assert_int_equal(elc_lines_new(&lines, f->paths, 1, false), 0);
    uint64_t n = 0;
    while (elc_lines_next(lines, &chunk) > 0) {
        const char *line;
        size_t position = 0, line_len;
        for (; elc_chunk_line(&chunk, &position, &line, &line_len); n++) {
            if (n == 0)
                assert_int_equal(line_len, LONG);
            else
                assert_int_equal(strtol(line, NULL, 10), n - 1);
        }
        if (n > 1) /* a chunk is bounded where lines are */
            assert_true(chunk.text.len < 1000000 || chunk.first == 0);
    }
    assert_int_equal(n, MANY + 1);
    elc_buffer_free(&chunk.text);
    elc_lines_destroy(lines);
    free(bytes);
}

static void what_is_not_text_is_refused_by_name(void **state) {
    struct fixture *f = *state;
    static const struct {
        const char *bytes;
        size_t len;
        const char *message;
    } bad[] = {
        {"\x1F\x8B\x08\x00", 4, "compressed by gzip, not text; pipe it through gzip -dc"},
        {"\x28\xB5\x2F\xFD...", 7, "compressed by zstd, not text; pipe it through zstd -dc"},
        {"\xFD"
         "7zXZ\0",
         6, "compressed by xz, not text; pipe it through xz -dc"},
        {"BZh61AY&SY..", 12, "compressed by bzip2, not text; pipe it through bzip2 -dc"},
        {"\x87\xA7"
         "electra\x01",
         10, "a stream of records, not text"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct elc_lines *lines;
        struct elc_chunk chunk = {0};
        write_bytes(f->paths[0], bad[i].bytes, bad[i].len);
        assert_int_equal(elc_lines_new(&lines, f->paths, 1, false), 0);
        assert_int_equal(elc_lines_next(lines, &chunk), ELC_EFORMAT);
        assert_non_null(strstr(elc_error(), f->paths[0]));
        assert_non_null(strstr(elc_error(), bad[i].message));
        elc_buffer_free(&chunk.text);
        elc_lines_destroy(lines);
    }
    struct elc_lines *lines;
    struct elc_chunk chunk = {0};
    unlink(f->paths[0]);
    assert_int_equal(elc_lines_new(&lines, f->paths, 1, false), 0);
    assert_int_equal(elc_lines_next(lines, &chunk), ELC_EIO);
    elc_buffer_free(&chunk.text);
    elc_lines_destroy(lines);
}

/* The text of every chunk, "|" behind each. */
static void check_chunks(const struct fixture *f, enum elc_lines_unit unit, const char *expected) {
    struct elc_lines *lines;
    struct elc_chunk chunk = {0};
    struct elc_buffer found = {0};
    assert_int_equal(elc_lines_new(&lines, f->paths, 2, true), 0);
    elc_lines_set_unit(lines, unit);
    int rc;
    while ((rc = elc_lines_next(lines, &chunk)) > 0) {
        assert_int_equal(elc_buffer_append(&found, chunk.text.data, chunk.text.len), 0);
        assert_int_equal(elc_buffer_append(&found, "|", 1), 0);
    }
    assert_int_equal(rc, 0);
    assert_int_equal(elc_buffer_append(&found, "", 1), 0);
    assert_string_equal((char *)found.data, expected);
    elc_buffer_free(&found);
    elc_buffer_free(&chunk.text);
    elc_lines_destroy(lines);
}

static void chunks_hold_whole_paragraphs(void **state) {
    struct fixture *f = *state;
    write_bytes(f->paths[0], "a\nb\n\t\r\nc\n\nd\ne", 13);
    write_bytes(f->paths[1], "\nf\n", 3);
    check_chunks(f, ELC_UNIT_PARAGRAPH, "a\nb\n\t\r\nc\n\n|d\ne|\n|f\n|");
}

/* Characters of two, three and four bytes, and begun ones, around the size of a read. */
static void chunks_hold_whole_characters(void **state) {
    struct fixture *f = *state;
    enum { READ = 128 * 1024 };
    static const char *const characters[] = {"\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x98\x80",
                                             "\xE2\x82", "\xF0\x9F\x98", "\x98"};
    char *bytes = malloc(READ + 16);
    for (size_t c = 0; c < 6; c++) {
        const size_t len = strlen(characters[c]);
        for (size_t torn = READ - 4; torn <= READ; torn++) {
            memset(bytes, 'x', READ + 16);
            memcpy(bytes + torn, characters[c], len);
            write_bytes(f->paths[0], bytes, READ + 16);
            struct elc_lines *lines;
            struct elc_chunk chunk = {0};
            assert_int_equal(elc_lines_new(&lines, f->paths, 1, false), 0);
            elc_lines_set_unit(lines, ELC_UNIT_CHARACTER);
            assert_int_equal(elc_lines_next(lines, &chunk), 1);
            const bool cut = torn < READ && torn + len > READ;
            const bool begun = c >= 3 && c < 5 && torn + len == READ;
            assert_int_equal(chunk.text.len, cut || begun ? torn : READ);
            const size_t first = chunk.text.len;
            assert_int_equal(elc_lines_next(lines, &chunk), 1);
            assert_int_equal(first + chunk.text.len, READ + 16);
            assert_true(chunk.ends_operand);
            assert_memory_equal(chunk.text.data, bytes + first, chunk.text.len);
            elc_buffer_free(&chunk.text);
            elc_lines_destroy(lines);
        }
    }
    free(bytes);
}

/* Paragraphs of every length around the size of a read, in which blank lines may be torn. */
static void long_paragraphs_are_whole(void **state) {
    struct fixture *f = *state;
    enum { READ = 256 * 1024, LENGTH = 3 * READ };
    char *bytes = malloc(LENGTH);
    for (size_t torn = READ - 4; torn < READ + 3; torn++) {
        memset(bytes, 'x', LENGTH);
        for (size_t i = 99; i < LENGTH; i += 100)
            bytes[i] = '\n';
        memcpy(bytes + torn, "\n \r\n", 4);
        write_bytes(f->paths[0], bytes, LENGTH);
        struct elc_lines *lines;
        struct elc_chunk chunk = {0};
        assert_int_equal(elc_lines_new(&lines, f->paths, 1, false), 0);
        elc_lines_set_unit(lines, ELC_UNIT_PARAGRAPH);
        assert_int_equal(elc_lines_next(lines, &chunk), 1);
        assert_int_equal(chunk.text.len, torn + 4);
        assert_int_equal(elc_lines_next(lines, &chunk), 1);
        assert_int_equal(chunk.text.len, LENGTH - torn - 4);
        assert_true(chunk.ends_operand);
        assert_int_equal(elc_lines_next(lines, &chunk), 0);
        elc_buffer_free(&chunk.text);
        elc_lines_destroy(lines);
    }
    free(bytes);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(operands_end_their_lines, set_up, tear_down),
        cmocka_unit_test_setup_teardown(long_lines_and_many_lines_are_whole, set_up, tear_down),
        cmocka_unit_test_setup_teardown(chunks_hold_whole_paragraphs, set_up, tear_down),
        cmocka_unit_test_setup_teardown(long_paragraphs_are_whole, set_up, tear_down),
        cmocka_unit_test_setup_teardown(chunks_hold_whole_characters, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_not_text_is_refused_by_name, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
