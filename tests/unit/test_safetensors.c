/* safetensors: what is accepted, what is refused, and that the writer is the reference's twin. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "electra/file.h"
#include "electra/params.h"

static const char golden[] = "tests/golden/directory/discriminator/model.safetensors";
static char path[] = "/tmp/test_safetensors.XXXXXX";

static int make_path(void **state) {
    (void)state;
    int fd = mkstemp(path);
    if (fd < 0)
        return -1;
    close(fd);
    return 0;
}

static int remove_path(void **state) {
    (void)state;
    return unlink(path);
}

static void write_bytes(const void *bytes, size_t len) {
    FILE *stream = fopen(path, "wb");
    assert_non_null(stream);
    assert_int_equal(fwrite(bytes, 1, len, stream), len);
    assert_int_equal(fclose(stream), 0);
}

/* Opens a file of these bytes and closes it again. */
static int open_bytes(const void *bytes, size_t len) {
    write_bytes(bytes, len);
    struct elc_safetensors file;
    int err = elc_safetensors_open(&file, path);
    elc_safetensors_close(&file);
    return err;
}

static int open_length(uint64_t header_len, const char *header, size_t n_data) {
    struct elc_buffer bytes = {0};
    uint8_t length[8];
    for (int i = 0; i < 8; i++)
        length[i] = (uint8_t)(header_len >> 8 * i);
    assert_int_equal(elc_buffer_append(&bytes, length, sizeof length), 0);
    assert_int_equal(elc_buffer_append(&bytes, header, strlen(header)), 0);
    for (size_t i = 0; i < n_data; i++)
        assert_int_equal(elc_buffer_append(&bytes, "", 1), 0);
    int err = open_bytes(bytes.data, bytes.len);
    elc_buffer_free(&bytes);
    return err;
}

static int open_header(const char *header, size_t n_data) {
    return open_length(strlen(header), header, n_data);
}

static void what_transformers_saved_is_read(void **state) {
    (void)state;
    struct elc_safetensors file;
    assert_int_equal(elc_safetensors_open(&file, golden), 0);
    assert_int_equal(file.n_tensors, 5 + 2 + 2 * 16 + 4);
    const struct elc_stored *stored =
        elc_safetensors_find(&file, "electra.embeddings_project.weight");
    assert_non_null(stored);
    assert_string_equal(stored->dtype, "F32");
    assert_int_equal(stored->rank, 2);
    assert_int_equal(stored->shape[0], 24);
    assert_int_equal(stored->shape[1], 16);
    assert_int_equal(stored->bytes, 24 * 16 * 4);
    assert_null(elc_safetensors_find(&file, "__metadata__"));
    assert_null(elc_safetensors_find(&file, "electra"));
    elc_safetensors_close(&file);
}

static void unusual_but_valid_files_are_read(void **state) {
    (void)state;
    assert_int_equal(open_header("{}", 0), 0);
    assert_int_equal(open_header("{\"__metadata__\":{}}      ", 0), 0);
    assert_int_equal(open_header("{\"a\":{\"dtype\":\"F32\",\"shape\":[],"
                                 "\"data_offsets\":[0,4]}}",
                                 4),
                     0);
    assert_int_equal(open_header("{\"a\":{\"dtype\":\"F32\",\"shape\":[3,0],"
                                 "\"data_offsets\":[0,0]}}",
                                 0),
                     0);
    assert_int_equal(open_header("{\"a\":{\"dtype\":\"F4\",\"shape\":[4],"
                                 "\"data_offsets\":[0,2]}}",
                                 2),
                     0);
    /* In any order; an empty one at the place of another. */
    assert_int_equal(open_header("{\"b\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[3,5]},"
                                 "\"c\":{\"dtype\":\"F64\",\"shape\":[0],\"data_offsets\":[3,3]},"
                                 "\"a\":{\"dtype\":\"I8\",\"shape\":[3],\"data_offsets\":[0,3]}}",
                                 5),
                     0);
}

static void every_rule_is_checked(void **state) {
    (void)state;
#define ONE(dtype, shape, offsets)                                                                 \
    "{\"a\":{\"dtype\":" dtype ",\"shape\":" shape ",\"data_offsets\":" offsets "}}"
    static const struct {
        const char *header;
        size_t n_data;
        const char *says;
    } cases[] = {
        {"", 0, "does not begin with '{'"},
        {"[]", 0, "does not begin with '{'"},
        {" {}", 0, "does not begin with '{'"},
        {"{", 0, "header: line"},
        {"{} x", 0, "header: line"},
        {"{\"a\":1}", 0, "'dtype'"},
        {"{\"\\ud800\":{}}", 0, "header: line"},
        {"{\"a\":{},\"a\":{}}", 0, "duplicate"},
        {"{\"__metadata__\":[]}", 0, "'__metadata__' is no object"},
        {"{\"__metadata__\":{\"x\":1}}", 0, "'__metadata__': 'x' is no string"},
        {"{}", 1, "1 bytes behind the last tensor"},
        {ONE("\"F32\"", "[1]", "[0,4]"), 5, "1 bytes behind the last tensor"},
        {ONE("\"F32\"", "[1]", "[0,4]"), 3, "outside the file"},
        {ONE("\"F32\"", "[1]", "[1,5]"), 5, "follows a gap"},
        {ONE("\"F32\"", "[1]", "[4,0]"), 4, "outside the file"},
        {ONE("\"F32\"", "[1]", "[-4,0]"), 4, "two offsets"},
        {ONE("\"F32\"", "[1]", "[0,4,4]"), 4, "two offsets"},
        {ONE("\"F32\"", "[1]", "[0]"), 4, "two offsets"},
        {ONE("\"F32\"", "[1]", "[0,4.0]"), 4, "two offsets"},
        {ONE("\"F32\"", "[1]", "[0,9223372036854775807]"), 4, "outside the file"},
        {ONE("\"F32\"", "[1]", "[0,18446744073709551616]"), 4, "header"},
        {ONE("\"F32\"", "[1]", "null"), 4, "two offsets"},
        {ONE("\"F32\"", "[2]", "[0,4]"), 4, "span 4 bytes, its shape takes 8"},
        {ONE("\"F32\"", "[-1]", "[0,4]"), 4, "no size"},
        {ONE("\"F32\"", "[1.0]", "[0,4]"), 4, "no size"},
        {ONE("\"F32\"", "[\"1\"]", "[0,4]"), 4, "no size"},
        {ONE("\"F32\"", "1", "[0,4]"), 4, "no array"},
        {ONE("\"F32\"", "[4611686018427387904,4]", "[0,0]"), 0, "beyond all memory"},
        {ONE("\"F32\"", "[9223372036854775807,2,0]", "[0,0]"), 0, "beyond all memory"},
        {ONE("\"F32\"", "[1,1,1,1,1,1,1,1,1]", "[0,4]"), 4, "more than 8 dimensions"},
        {ONE("\"F4\"", "[3]", "[0,2]"), 2, "does not fill its last byte"},
        {ONE("\"F31\"", "[1]", "[0,4]"), 4, "'dtype' is 'F31'"},
        {ONE("32", "[1]", "[0,4]"), 4, "'dtype' is 'no string'"},
        {"{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]},"
         "\"b\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[1,3]}}",
         3, "overlaps"},
        {"{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]},"
         "\"b\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]}}",
         2, "overlaps"},
        {"{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]},"
         "\"b\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[3,5]}}",
         5, "follows a gap"},
    };
#undef ONE
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (open_header(cases[i].header, cases[i].n_data) >= 0)
            fail_msg("accepted: %s", cases[i].header);
        if (!strstr(elc_error(), cases[i].says))
            fail_msg("%s: \"%s\" does not say \"%s\"", cases[i].header, elc_error(), cases[i].says);
    }
}

static void header_lengths_are_checked_before_use(void **state) {
    (void)state;
    assert_int_equal(open_length(3, "{}", 0), ELC_ETRUNCATED);
    assert_int_equal(open_length(100000000, "{}", 0), ELC_ETRUNCATED);
    assert_int_equal(open_length(100000001, "{}", 0), ELC_ELIMIT);
    assert_int_equal(open_length(UINT64_MAX, "{}", 0), ELC_ELIMIT);
    assert_int_equal(open_length(UINT64_MAX - 7, "{}", 0), ELC_ELIMIT);
    assert_int_equal(open_length(1, "{}", 0), ELC_EFORMAT);
    assert_int_equal(open_length(0, "{}", 0), ELC_EFORMAT);
}

static void no_cut_of_a_file_is_accepted(void **state) {
    (void)state;
    struct elc_map map;
    assert_int_equal(elc_map_open(&map, golden), 0);
    for (size_t len = 0; len < map.len; len += len < 6000 || len + 600 > map.len ? 1 : 97)
        assert_true(open_bytes(map.data, len) < 0);
    elc_map_close(&map);
}

/* Bit flips of a header either leave a valid file or are refused; what is given out lies in the
 * file (the address sanitizer reads along). */
static void flipped_bits_of_a_header_are_harmless(void **state) {
    (void)state;
    struct elc_map map;
    assert_int_equal(elc_map_open(&map, golden), 0);
    uint8_t *bytes = malloc(map.len);
    assert_non_null(bytes);
    memcpy(bytes, map.data, map.len);
    for (size_t bit = 0; bit < 8 * 700; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        write_bytes(bytes, map.len);
        struct elc_safetensors file;
        size_t sum = 0;
        if (elc_safetensors_open(&file, path) == 0)
            for (size_t i = 0; i < file.n_tensors; i++)
                for (size_t j = 0; j < file.tensors[i].bytes; j++)
                    sum += file.tensors[i].data[j];
        assert_true(sum < SIZE_MAX);
        elc_safetensors_close(&file);
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    free(bytes);
    elc_map_close(&map);
}

/* ---- writing ---- */

static void the_reference_would_write_the_same_bytes(void **state) {
    (void)state;
    struct elc_safetensors file;
    assert_int_equal(elc_safetensors_open(&file, golden), 0);
    struct elc_to_store *tensors = calloc(file.n_tensors, sizeof *tensors);
    assert_non_null(tensors);
    for (size_t i = 0; i < file.n_tensors; i++) {
        const struct elc_stored *from = &file.tensors[file.n_tensors - 1 - i];
        tensors[i] = (struct elc_to_store){
            .name = from->name,
            .dtype = from->dtype,
            .shape = {from->shape[0], from->shape[1]},
            .rank = from->rank,
            .data = from->data,
            .bytes = from->bytes,
        };
    }
    assert_int_equal(elc_safetensors_write(path, tensors, file.n_tensors, NULL, 0), 0);
    free(tensors);
    struct elc_map ours;
    assert_int_equal(elc_map_open(&ours, path), 0);
    assert_int_equal(ours.len, file.map.len);
    assert_memory_equal(ours.data, file.map.data, ours.len);
    elc_map_close(&ours);
    elc_safetensors_close(&file);
}

static void types_fall_and_names_rise(void **state) {
    (void)state;
    static const uint8_t bytes[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    const struct elc_to_store tensors[] = {
        {.name = "b", .dtype = "U8", .shape = {3}, .rank = 1, .data = bytes, .bytes = 3},
        {.name = "z", .dtype = "F32", .shape = {1}, .rank = 1, .data = bytes, .bytes = 4},
        {.name = "y", .dtype = "F32", .rank = 0, .data = bytes + 4, .bytes = 4},
        {.name = "q\"\n", .dtype = "I64", .shape = {1, 1}, .rank = 2, .data = bytes, .bytes = 8},
    };
    static const char *const metadata[] = {"step", "17"};
    assert_int_equal(elc_safetensors_write(path, tensors, 4, metadata, 1), 0);
    static const char header[] =
        "{\"__metadata__\":{\"format\":\"pt\",\"step\":\"17\"},"
        "\"q\\\"\\n\":{\"dtype\":\"I64\",\"shape\":[1,1],\"data_offsets\":[0,8]},"
        "\"y\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[8,12]},"
        "\"z\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[12,16]},"
        "\"b\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[16,19]}}";
    struct elc_map map;
    assert_int_equal(elc_map_open(&map, path), 0);
    assert_int_equal((map.len - 19) % 8, 0);
    assert_memory_equal(map.data + 8, header, sizeof header - 1);
    elc_map_close(&map);
    struct elc_safetensors file;
    assert_int_equal(elc_safetensors_open(&file, path), 0);
    assert_memory_equal(elc_safetensors_find(&file, "b")->data, bytes, 3);
    assert_memory_equal(elc_safetensors_find(&file, "y")->data, bytes + 4, 4);
    elc_safetensors_close(&file);
}

static void a_full_disk_is_reported(void **state) {
    (void)state;
    static float values[100000];
    const struct elc_to_store tensor = {.name = "a",
                                        .dtype = "F32",
                                        .shape = {100000},
                                        .rank = 1,
                                        .data = values,
                                        .bytes = sizeof values};
    assert_int_equal(elc_safetensors_write("/dev/full", &tensor, 1, NULL, 0), ELC_EIO);
    assert_int_equal(elc_safetensors_write("/nowhere/a", &tensor, 1, NULL, 0), ELC_EIO);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_transformers_saved_is_read),
        cmocka_unit_test(unusual_but_valid_files_are_read),
        cmocka_unit_test(every_rule_is_checked),
        cmocka_unit_test(header_lengths_are_checked_before_use),
        cmocka_unit_test(no_cut_of_a_file_is_accepted),
        cmocka_unit_test(flipped_bits_of_a_header_are_harmless),
        cmocka_unit_test(the_reference_would_write_the_same_bytes),
        cmocka_unit_test(types_fall_and_names_rise),
        cmocka_unit_test(a_full_disk_is_reported),
    };
    return cmocka_run_group_tests(tests, make_path, remove_path);
}
