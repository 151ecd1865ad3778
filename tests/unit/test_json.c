/* The JSON twin: there and back without loss, and what it refuses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "electra/json.h"
#include "electra/random.h"
#include "electra/render.h"

#define BYTES(literal) literal, sizeof(literal) - 1

static const struct elc_json_options options = {.id_width = 2, .vocab_size = 1000};

static void assert_says(const char *text) {
    if (!strstr(elc_error(), text))
        fail_msg("\"%s\" does not say \"%s\"", elc_error(), text);
}

/* The line of a record whose map is given as msgpack. */
static void to_line(const char *bytes, size_t len, const struct elc_json_options *with,
                    struct elc_buffer *line) {
    struct elc_buffer payload = {0};
    struct elc_record record;
    size_t position = 0;
    assert_int_equal(elc_buffer_append(&payload, bytes, len), 0);
    assert_int_equal(elc_record_next(&record, &payload, &position), 1);
    assert_int_equal(position, len);
    assert_int_equal(elc_json_from_record(line, &record, with), 0);
    elc_buffer_free(&payload);
}

static const struct {
    const char *bytes;
    size_t len;
    const char *line;
} twins[] = {
    {BYTES("\x81\xa2id\x01"), "{\"id\":1}\n"},
    {BYTES("\x82\xa2id\xa1x\xa3ids\xc4\x04\x02\0\xff\x01"), "{\"id\":\"x\",\"ids\":[2,511]}\n"},
    {BYTES("\x82\xa2id\x01\xa3ids\xc4\0"), "{\"id\":1,\"ids\":[]}\n"},
    {BYTES("\x82\xa2id\x01\xa5types\xc4\x02\0\x01"), "{\"id\":1,\"types\":[0,1]}\n"},
    {BYTES("\x82\xa2id\x01\xa4"
           "best\xc4\x01\xff"),
     "{\"id\":1,\"best\":[255]}\n"},
    {BYTES("\x82\xa2id\x01\xa8replaced\xc4\x01\x01"), "{\"id\":1,\"replaced\":[1]}\n"},
    {BYTES("\x82\xa2id\x01\xa6masked\xc4\x02\x01\x02"), "{\"id\":1,\"masked\":[513]}\n"},
    {BYTES("\x82\xa2id\x01\xa8original\xc4\x02\x01\x02"), "{\"id\":1,\"original\":[513]}\n"},
    {BYTES("\x82\xa2id\x01\xa5words\xc4\x08\xff\xff\xff\xff\x01\0\0\0"),
     "{\"id\":1,\"words\":[null,1]}\n"},
    {BYTES("\x82\xa2id\x01\xa7offsets\xc4\x08\x01\0\0\0\xff\xff\xff\xff"),
     "{\"id\":1,\"offsets\":[[1,4294967295]]}\n"},
    {BYTES("\x82\xa2id\x01\xa7offsets\xc4\x04\x01\0\0\0"),
     "{\"id\":1,\"offsets\":{\"$bin\":\"AQAAAA==\"}}\n"},
    {BYTES("\x82\xa2id\x01\xa3ids\xc4\x01\x02"), "{\"id\":1,\"ids\":{\"$bin\":\"Ag==\"}}\n"},
    {BYTES("\x82\xa2id\x01\xa3ids\x92\x01\x02"), "{\"id\":1,\"ids\":{\"$array\":[1,2]}}\n"},
    {BYTES("\x82\xa2id\x01\xa3ids\xa1x"), "{\"id\":1,\"ids\":\"x\"}\n"},
    {BYTES("\x82\xa2id\x01\xa1z\xc4\0"), "{\"id\":1,\"z\":{\"$bin\":\"\"}}\n"},
    {BYTES("\x82\xa2id\x01\xa1z\xc4\x03xyz"), "{\"id\":1,\"z\":{\"$bin\":\"eHl6\"}}\n"},
    {BYTES("\x82\xa2id\x01\xa1z\xa2\xc3\xa9"), "{\"id\":1,\"z\":\"é\"}\n"},
    {BYTES("\x82\xa2id\x01\xa1z\xa4\0\"\\\x7f"), "{\"id\":1,\"z\":\"\\u0000\\\"\\\\\x7f\"}\n"},
    {BYTES("\x82\xa2id\x01\xa1z\xa1\xc3"), "{\"id\":1,\"z\":{\"$str\":\"ww==\"}}\n"},
    {BYTES("\x82\xa2id\x01\xa1z\xa3\xed\xa0\x80"), "{\"id\":1,\"z\":{\"$str\":\"7aCA\"}}\n"},
    {BYTES("\x82\xa2id\xff\xa1z\xc0"), "{\"id\":-1,\"z\":null}\n"},
    {BYTES("\x82\xa2id\x01\xa1z\xcf\x7f\xff\xff\xff\xff\xff\xff\xff"),
     "{\"id\":1,\"z\":9223372036854775807}\n"},
    {BYTES("\x82\xa2id\x01\xa1z\xcf\x80\0\0\0\0\0\0\0"),
     "{\"id\":1,\"z\":{\"$uint\":\"9223372036854775808\"}}\n"},
    {BYTES("\x82\xa2id\x01\xa1z\xd3\x80\0\0\0\0\0\0\0"), "{\"id\":1,\"z\":-9223372036854775808}\n"},
    {BYTES("\x82\xa2id\x01\xa1z\xcb\x3f\xb9\x99\x99\x99\x99\x99\x9a"), "{\"id\":1,\"z\":0.1}\n"},
    {BYTES("\x82\xa2id\x01\xa1z\xcb\x3f\xd3\x33\x33\x33\x33\x33\x34"),
     "{\"id\":1,\"z\":0.30000000000000004}\n"},
    {BYTES("\x82\xa2id\x01\xa1z\xcb\x80\0\0\0\0\0\0\0"), "{\"id\":1,\"z\":-0.0}\n"},
    {BYTES("\x82\xa2id\x01\xa1z\xcb\0\0\0\0\0\0\0\x01"),
     "{\"id\":1,\"z\":4.94065645841247e-324}\n"},
    {BYTES("\x82\xa2id\x01\xa1z\xcb\x7f\xf0\0\0\0\0\0\0"),
     "{\"id\":1,\"z\":{\"$double\":\"inf\"}}\n"},
    {BYTES("\x82\xa2id\x01\xa1z\xcb\xff\xf0\0\0\0\0\0\0"),
     "{\"id\":1,\"z\":{\"$double\":\"-inf\"}}\n"},
    {BYTES("\x82\xa2id\x01\xa1z\xcb\x7f\xf8\0\0\0\0\0\0"),
     "{\"id\":1,\"z\":{\"$double\":\"nan\"}}\n"},
    {BYTES("\x82\xa2id\x01\xa1z\xcb\xff\xf8\0\0\0\0\0\x05"),
     "{\"id\":1,\"z\":{\"$double\":\"fff8000000000005\"}}\n"},
    {BYTES("\x82\xa2id\x01\xa1z\xd5\xfbxy"), "{\"id\":1,\"z\":{\"$ext\":[-5,\"eHk=\"]}}\n"},
    {BYTES("\x82\xa2id\x01\xa1z\x92\xc3\x91\xc4\x01\0"),
     "{\"id\":1,\"z\":[true,[{\"$bin\":\"AA==\"}]]}\n"},
    {BYTES("\x82\xa2id\x01\xa1z\x82\xa1"
           "b\x01\xa1"
           "a\x02"),
     "{\"id\":1,\"z\":{\"b\":1,\"a\":2}}\n"},
    {BYTES("\x82\xa2id\x01\xa1z\x81\x01\x02"), "{\"id\":1,\"z\":{\"$map\":[[1,2]]}}\n"},
    {BYTES("\x82\xa2id\x01\xa1z\x81\xa4$bin\x02"), "{\"id\":1,\"z\":{\"$map\":[[\"$bin\",2]]}}\n"},
    {BYTES("\x82\xa2id\x01\xa1z\x82\xa1"
           "a\x02\xa1"
           "a\x03"),
     "{\"id\":1,\"z\":{\"$map\":[[\"a\",2],[\"a\",3]]}}\n"},
    {BYTES("\x82\xa2id\x01\xa1z\x81\xa1\xff\x80"),
     "{\"id\":1,\"z\":{\"$map\":[[{\"$str\":\"/w==\"},{}]]}}\n"},
    {BYTES("\x82\xa2id\x01\xa2\0z\x02"), "{\"$map\":[[\"id\",1],[\"\\u0000z\",2]]}\n"},
    {BYTES("\x82\xa2id\x01\xa0\x02"), "{\"id\":1,\"\":2}\n"},
    {BYTES("\x82\xa2id\x01\xa1z\x91\x91\x91\x91\x91\x91\x91\xc4\x01\0"),
     "{\"id\":1,\"z\":[[[[[[[{\"$bin\":\"AA==\"}]]]]]]]}\n"},
};

static void test_twins(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof twins / sizeof *twins; i++) {
        struct elc_buffer line = {0}, record = {0};
        struct elc_header header;
        to_line(twins[i].bytes, twins[i].len, &options, &line);
        assert_int_equal(elc_buffer_append(&line, "", 1), 0);
        assert_string_equal((const char *)line.data, twins[i].line);
        assert_int_equal(
            elc_json_parse(&record, &header, twins[i].line, strlen(twins[i].line), &options), 0);
        assert_int_equal(record.len, twins[i].len);
        assert_memory_equal(record.data, twins[i].bytes, twins[i].len);
        elc_buffer_free(&line);
        elc_buffer_free(&record);
    }
}

/* Doubles have the digits that bring them back; those of one value share them. */
static void test_digits(void **state) {
    (void)state;
    struct elc_buffer line = {0};
    to_line(BYTES("\x83\xa2id\x01\xa1y\xcb\x3f\xb9\x99\x99\x99\x99\x99\x9a\xa1z\x92"
                  "\xcb\x3f\xb9\x99\x99\x99\x99\x99\x9a\xcb\x3f\xd3\x33\x33\x33\x33\x33\x34"),
            &options, &line);
    assert_int_equal(elc_buffer_append(&line, "", 1), 0);
    assert_string_equal((const char *)line.data,
                        "{\"id\":1,\"y\":0.1,\"z\":[0.10000000000000001,0.30000000000000004]}\n");
    elc_buffer_free(&line);
}

static const char *token(const void *context, uint32_t id, size_t *len) {
    static const char *const tokens[] = {"[CLS]", "he\"y", "##s", "[SEP]", "[MASK]"};
    (void)context;
    if (id >= sizeof tokens / sizeof *tokens)
        return NULL;
    *len = strlen(tokens[id]);
    return tokens[id];
}

static void test_tokens(void **state) {
    (void)state;
    const struct elc_json_options with = {.id_width = 2, .vocab_size = 1000, .token = token};
    struct elc_buffer line = {0}, record = {0};
    struct elc_header header;
    static const char bytes[] = "\x82\xa2id\x01\xa3ids\xc4\x06\0\0\1\0\2\0";
    static const char expected[] =
        "{\"id\":1,\"ids\":[0,1,2],\"tokens\":[\"[CLS]\",\"he\\\"y\",\"##s\"]}\n";
    to_line(BYTES(bytes), &with, &line);
    assert_int_equal(line.len, sizeof expected - 1);
    assert_memory_equal(line.data, expected, line.len);
    assert_int_equal(elc_json_parse(&record, &header, (const char *)line.data, line.len, &options),
                     0);
    assert_int_equal(record.len, sizeof bytes - 1);
    assert_memory_equal(record.data, bytes, record.len);
    /* Tokens of the record's own stay: here there are as many as there are not ids. */
    static const char own[] = "{\"id\":1,\"tokens\":[\"a\"]}";
    assert_int_equal(elc_json_parse(&record, &header, BYTES(own), &options), 0);
    assert_memory_equal(record.data,
                        "\x82\xa2id\x01\xa6tokens\x91\xa1"
                        "a",
                        record.len);
    elc_buffer_free(&line);
    elc_buffer_free(&record);
}

static void test_refused(void **state) {
    (void)state;
    static const struct {
        const char *line, *says;
    } refused[] = {
        {"", "not JSON"},
        {"nonsense", "not JSON"},
        {"{\"id\":1", "not JSON"},
        {"{\"id\":1} {}", "not JSON"},
        {"{\"id\":1,\"id\":2}", "duplicate"},
        {"{\"id\":\"\xff\"}", "not JSON"},
        {"{\"id\":1e999}", "not JSON"},
        {"{\"id\":99999999999999999999}", "not JSON"},
        {"[1]", "not an object"},
        {"{}", "key 'id' is missing"},
        {"{\"id\":1.5}", "key 'id' is neither"},
        {"{\"id\":1,\"ids\":[1000]}", "key 'ids': an element is not a whole number below 1000"},
        {"{\"id\":1,\"ids\":[-1]}", "key 'ids'"},
        {"{\"id\":1,\"ids\":[1.0]}", "key 'ids'"},
        {"{\"id\":1,\"ids\":[\"x\"]}", "key 'ids'"},
        {"{\"id\":1,\"ids\":[null]}", "key 'ids'"},
        {"{\"id\":1,\"types\":[256]}", "below 256"},
        {"{\"id\":1,\"masked\":[65536]}", "below 65536"},
        {"{\"id\":1,\"words\":[4294967296]}", "below 4294967296"},
        {"{\"id\":1,\"offsets\":[1,2]}", "not [start, end]"},
        {"{\"id\":1,\"offsets\":[[1,2,3]]}", "not [start, end]"},
        {"{\"id\":1,\"z\":{\"$bin\":\"A\"}}", "'$bin': not base64"},
        {"{\"id\":1,\"z\":{\"$bin\":\"AB==\"}}", "'$bin': not base64"},
        {"{\"id\":1,\"z\":{\"$bin\":\"A===\"}}", "'$bin': not base64"},
        {"{\"id\":1,\"z\":{\"$bin\":\"AA==AA==\"}}", "'$bin': not base64"},
        {"{\"id\":1,\"z\":{\"$bin\":\"A\\u0000A=\"}}", "'$bin': not base64"},
        {"{\"id\":1,\"z\":{\"$bin\":1}}", "'$bin': not base64"},
        {"{\"id\":1,\"z\":{\"$ext\":[200,\"\"]}}", "'$ext'"},
        {"{\"id\":1,\"z\":{\"$uint\":\"x\"}}", "'$uint'"},
        {"{\"id\":1,\"z\":{\"$uint\":\"18446744073709551616\"}}", "'$uint'"},
        {"{\"id\":1,\"z\":{\"$double\":\"1\"}}", "'$double'"},
        {"{\"id\":1,\"z\":{\"$map\":[[1]]}}", "'$map': not an array of pairs"},
        {"{\"id\":1,\"z\":{\"$new\":1}}", "'$new' is unknown"},
        {"{\"$map\":[[1,2]]}", "a key is not a string"},
        {"{\"$map\":[[\"id\",2],[\"id\",3]]}", "comes twice"},
        {"{\"id\":1,\"z\":[[[[[[[[1]]]]]]]]}", "nested deeper than 8"},
        {"{\"id\":1,\"z\":[[[[[[[{\"$array\":[]}]]]]]]]}", "nested deeper than 8"},
        {"{\"header\":1}", "header: not an object"},
        {"{\"header\":{}}", "header: key 'electra' is missing"},
        {"{\"header\":{\"electra\":2}}", "header: version 2"},
    };
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        struct elc_buffer record = {0};
        struct elc_header header;
        int err =
            elc_json_parse(&record, &header, refused[i].line, strlen(refused[i].line), &options);
        if (err >= 0)
            fail_msg("accepted: %s", refused[i].line);
        assert_says(refused[i].says);
        elc_buffer_free(&record);
    }
    struct elc_buffer record = {0};
    struct elc_header header;
    const struct elc_json_options none = {0};
    assert_int_equal(elc_json_parse(&record, &header, BYTES("{\"id\":1}"), &none), ELC_EFORMAT);
    assert_says("a record before any");
    elc_buffer_free(&record);
}

static void test_header(void **state) {
    (void)state;
    static const char line[] =
        "{\"header\":{\"electra\":1,\"kind\":\"corrupted\",\"ids\":\"u32\",\"max_length\":128,"
        "\"vocab\":{\"size\":70000,\"xxh3\":\"00112233445566778899aabbccddeeff\",\"pad\":0,"
        "\"unk\":1,\"cls\":2,\"sep\":3,\"mask\":4},\"tokenizer\":{\"cased\":true,"
        "\"strip_accents\":false,\"compat\":\"fast\",\"pattern\":null,\"unicode\":\"14.0.0\"},"
        "\"history\":[{\"program\":\"p\",\"version\":\"1\",\"args\":[\"--x=\\\"1\\\"\"]}],"
        "\"shard\":[1,3],\"epoch\":2,\"method\":\"mask\",\"mask_prob\":0.15,"
        "\"more\":[1,{\"x\":{\"$bin\":\"AA==\"}}]}}\n";
    struct elc_buffer record = {0}, again = {0};
    struct elc_header header;
    assert_int_equal(elc_json_parse(&record, &header, BYTES(line), &options), ELC_HEADER);
    assert_int_equal(header.id_width, 4);
    assert_int_equal(header.shards, 3);
    assert_int_equal(header.n_extra, 1);
    assert_int_equal(elc_json_from_header(&again, &header), 0);
    assert_int_equal(again.len, sizeof line - 1);
    assert_memory_equal(again.data, line, again.len);
    elc_header_free(&header);
    elc_buffer_free(&record);
    elc_buffer_free(&again);
}

/* Any well-formed record, however odd, has a line; and what is read from the line has the same. */
static void test_mutations(void **state) {
    (void)state;
    struct elc_random random;
    elc_random_init(&random, 1, 0, 0, 0);
    unsigned n_records = 0;
    for (unsigned i = 0; i < 100000; i++) {
        size_t twin = elc_random_below(&random, sizeof twins / sizeof *twins);
        size_t len = twins[twin].len, position = 0;
        struct elc_buffer bytes = {malloc(len), len, len}, line = {0}, read = {0}, again = {0};
        struct elc_record record;
        struct elc_header header;
        assert_non_null(bytes.data);
        memcpy(bytes.data, twins[twin].bytes, len);
        for (unsigned k = 0; k < 3; k++)
            bytes.data[elc_random_below(&random, len)] = (uint8_t)elc_random_u32(&random);
        if (elc_record_next(&record, &bytes, &position) == 1) {
            assert_int_equal(elc_json_from_record(&line, &record, &options), 0);
            const char *text = (const char *)line.data;
            assert_ptr_equal(memchr(text, '\n', line.len), text + line.len - 1);
            if (elc_json_parse(&read, &header, text, line.len, &options) == 0) {
                n_records++;
                position = 0;
                assert_int_equal(elc_record_next(&record, &read, &position), 1);
                assert_int_equal(elc_json_from_record(&again, &record, &options), 0);
                assert_int_equal(again.len, line.len);
                assert_memory_equal(again.data, line.data, line.len);
            }
        }
        elc_buffer_free(&bytes);
        elc_buffer_free(&line);
        elc_buffer_free(&read);
        elc_buffer_free(&again);
    }
    assert_true(n_records > 1000);
}

/* ---- TSV, text, HTML ---- */

static void assert_buffer(struct elc_buffer *buffer, const char *expected) {
    assert_int_equal(elc_buffer_append(buffer, "", 1), 0);
    assert_string_equal((const char *)buffer->data, expected);
    buffer->len = 0;
}

static void test_render(void **state) {
    (void)state;
    static const char with_text[] = "\x84\xa2id\xa1\t\xa4text\xa6<\\>\n&\"\xa4pair\xa1p"
                                    "\xa3ids\xc4\x06\0\0\1\0\3\0";
    static const char without[] = "\x85\xa2id\x07\xa5label\xcb\x3f\xb9\x99\x99\x99\x99\x99\x9a"
                                  "\xa3ids\xc4\x0c\0\0\1\0\2\0\3\0\4\0\3\0"
                                  "\xa6masked\xc4\x02\x04\0\xa8original\xc4\x02\1\0";
    const struct elc_json_options named = {.id_width = 2, .token = token};
    const struct elc_header header = {.vocab = {.cls = 0, .sep = 3, .mask = 4, .pad = 9, .unk = 9}};
    struct elc_buffer out = {0}, payload = {0};
    struct elc_record record;
    size_t position = 0;
    assert_int_equal(elc_buffer_append(&payload, BYTES(with_text)), 0);
    assert_int_equal(elc_buffer_append(&payload, BYTES(without)), 0);

    assert_int_equal(elc_record_next(&record, &payload, &position), 1);
    assert_int_equal(elc_tsv_from_record(&out, &record, &options), 0);
    assert_buffer(&out, "\\t\t\t<\\\\>\\n&\"\tp\t0 1 3\n");
    assert_int_equal(elc_text_from_record(&out, &record, &header, &options), 0);
    assert_buffer(&out, "<\\> &\"\tp\n");
    assert_int_equal(elc_html_from_record(&out, &record, &named), 0);
    assert_buffer(&out, "<p><b>\t</b><span>[CLS]</span><span>he&quot;y</span>"
                        "<span>[SEP]</span></p>\n");

    assert_int_equal(elc_record_next(&record, &payload, &position), 1);
    assert_int_equal(elc_tsv_from_record(&out, &record, &named), 0);
    assert_buffer(&out, "7\t0.1\t\t\t[CLS] he\"y ##s [SEP] [MASK] [SEP]\n");
    assert_int_equal(elc_text_from_record(&out, &record, &header, &named), 0);
    assert_buffer(&out, "he\"ys\t[MASK]\n");
    assert_int_equal(elc_text_from_record(&out, &record, &header, &options), ELC_EINVAL);
    assert_says("--vocab");
    assert_int_equal(elc_html_from_record(&out, &record, &named), 0);
    assert_buffer(&out, "<p><b>7</b><span>[CLS]</span><span>he&quot;y</span><span>##s</span>"
                        "<span>[SEP]</span><mark title=\"he&quot;y\">[MASK]</mark>"
                        "<span>[SEP]</span></p>\n");
    elc_buffer_free(&out);
    elc_buffer_free(&payload);
}

static void test_build(void **state) {
    (void)state;
    struct elc_builder builder = {0};
    struct elc_buffer line = {0};
    struct elc_record record;
    size_t position = 0;
    json_t *value = json_loads("[1,-2.5,\"x\",true,[]]", 0, NULL);
    assert_int_equal(elc_builder_uint(&builder, "id", 1), 0);
    assert_int_equal(elc_json_build(&builder, "label", value), 0);
    assert_int_equal(elc_builder_finish(&builder), 0);
    assert_int_equal(elc_record_next(&record, &builder.record, &position), 1);
    assert_int_equal(elc_json_from_record(&line, &record, &options), 0);
    assert_memory_equal(line.data, "{\"id\":1,\"label\":[1,-2.5,\"x\",true,[]]}\n", line.len);
    json_decref(value);
    value = json_loads("[[[[[[[[]]]]]]]]", 0, NULL);
    assert_int_equal(elc_json_build(&builder, "deep", value), ELC_ELIMIT);
    json_decref(value);
    elc_buffer_free(&line);
    elc_builder_free(&builder);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_twins),  cmocka_unit_test(test_digits),
        cmocka_unit_test(test_tokens), cmocka_unit_test(test_refused),
        cmocka_unit_test(test_header), cmocka_unit_test(test_mutations),
        cmocka_unit_test(test_render), cmocka_unit_test(test_build),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
