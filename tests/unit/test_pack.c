/* Packing of documents into examples. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "electra/pack.h"

static const struct elc_vocab_id vocab = {
    .size = 30522, .pad = 0, .unk = 100, .cls = 101, .sep = 102, .mask = 103};

enum { EXAMPLES = 4096, LENGTH = 128 };

/* Everything that a packer has emitted. */
struct emitted {
    struct {
        uint32_t ids[LENGTH], words[LENGTH];
        size_t n, a, b; /* tokens in all, in each segment */
    } examples[EXAMPLES];
    size_t n;
    bool has_words;
    int answer; /* what the callback returns */
};

static int keep(void *context, const struct elc_packed *example) {
    struct emitted *emitted = context;
    assert_true(emitted->n < EXAMPLES && example->n <= LENGTH);
    size_t i = emitted->n++;
    memcpy(emitted->examples[i].ids, example->ids, example->n * sizeof(uint32_t));
    emitted->has_words = example->words != NULL;
    if (example->words)
        memcpy(emitted->examples[i].words, example->words, example->n * sizeof(uint32_t));
    emitted->examples[i].n = example->n;
    size_t first = 0;
    while (first < example->n && example->types[first] == 0)
        first++;
    for (size_t k = first; k < example->n; k++)
        assert_int_equal(example->types[k], 1);
    assert_int_equal(example->pair, first < example->n);
    emitted->examples[i].a = first - 2;
    emitted->examples[i].b = example->pair ? example->n - first - 1 : 0;
    assert_int_equal(example->ids[0], vocab.cls);
    assert_int_equal(example->ids[first - 1], vocab.sep);
    assert_int_equal(example->ids[example->n - 1], vocab.sep);
    return emitted->answer;
}

static struct elc_packer *new_packer(struct emitted *emitted, uint32_t max_length, uint64_t seed) {
    struct elc_packer *packer;
    emitted->n = 0;
    emitted->answer = 0;
    if (elc_packer_new(&packer, &vocab, max_length, seed, keep, emitted) < 0)
        fail_msg("%s", elc_error());
    return packer;
}

/* A document of lines of these lengths; token i of it has the id 1000 + i. */
static void feed(struct elc_packer *packer, const size_t *lengths, size_t n_lines) {
    uint32_t next = 1000;
    for (size_t i = 0; i < n_lines; i++) {
        uint32_t *ids = calloc(lengths[i], sizeof *ids);
        for (size_t k = 0; k < lengths[i]; k++)
            ids[k] = next++;
        assert_int_equal(elc_packer_line(packer, ids, NULL, lengths[i]), 0);
        free(ids);
    }
    assert_int_equal(elc_packer_end_document(packer), 0);
}

static struct emitted *emitted;

static int set_up(void **state) {
    (void)state;
    emitted = calloc(1, sizeof *emitted);
    return emitted ? 0 : -1;
}

static int tear_down(void **state) {
    (void)state;
    free(emitted);
    return 0;
}

static void no_token_is_lost_or_doubled(void **state) {
    (void)state;
    size_t lengths[300];
    size_t total = 0;
    for (size_t i = 0; i < 300; i++)
        total += lengths[i] = 1 + (i * 7919) % 41 + (i % 50 == 0 ? 400 : 0);
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct elc_packer *packer = new_packer(emitted, LENGTH, seed);
        feed(packer, lengths, 300);
        elc_packer_destroy(packer);
        uint8_t *seen = calloc(total, 1);
        for (size_t i = 0; i < emitted->n; i++)
            for (size_t k = 0; k < emitted->examples[i].n; k++)
                if (emitted->examples[i].ids[k] >= 1000)
                    seen[emitted->examples[i].ids[k] - 1000]++;
        for (size_t i = 0; i < total; i++)
            assert_int_equal(seen[i], 1);
        free(seen);
    }
}

static void a_long_line_fills_example_after_example(void **state) {
    (void)state;
    const size_t length = 126 * 100;
    struct elc_packer *packer = new_packer(emitted, LENGTH, 1);
    feed(packer, &length, 1);
    elc_packer_destroy(packer);
    assert_int_equal(emitted->n, 100);
    uint32_t next = 1000;
    for (size_t i = 0; i < emitted->n; i++) {
        assert_int_equal(emitted->examples[i].a, 126);
        assert_int_equal(emitted->examples[i].b, 0);
        for (size_t k = 1; k <= 126; k++)
            assert_int_equal(emitted->examples[i].ids[k], next++);
    }
}

/* Lines of ten tokens: what the rules of google-research/electra allow. */
static void segments_have_the_lengths_of_the_rules(void **state) {
    (void)state;
    size_t lengths[13];
    for (size_t i = 0; i < 13; i++)
        lengths[i] = 10;
    size_t single = 0, shorter = 0, sixty = 0, seventy = 0, full = 0;
    struct elc_packer *packer = new_packer(emitted, LENGTH, 3);
    for (int document = 0; document < 2000; document++)
        feed(packer, lengths, 13); /* 130 tokens: 128 are reached with the last line */
    elc_packer_destroy(packer);
    for (size_t i = 0; i < emitted->n; i++) {
        size_t a = emitted->examples[i].a, b = emitted->examples[i].b;
        if (emitted->examples[i].ids[1] != 1000)
            continue; /* what was left over */
        if (a + b < 125) {
            shorter++; /* a random target */
            continue;
        }
        full++;
        single += b == 0;
        sixty += a == 60;
        seventy += a == 70;
        if (b == 0)
            assert_int_equal(a, 126);
        else
            assert_int_equal(a + b, 125);
    }
    assert_in_range(single + sixty + seventy, full - 10, full); /* targets of 121 … 127 */
    assert_in_range(shorter, 60, 140);                          /* 0.05 of 2000, mostly */
    assert_in_range(single, 140, 240);                          /* 0.1 of 1900 */
    assert_in_range(sixty, 760, 960);                           /* (a fair coin for) the rest */
    assert_in_range(seventy, 760, 960);
}

static void documents_do_not_share_examples(void **state) {
    (void)state;
    const size_t lengths[] = {5, 6};
    struct elc_packer *packer = new_packer(emitted, LENGTH, 1);
    for (int i = 0; i < 50; i++)
        feed(packer, lengths, 2);
    elc_packer_destroy(packer);
    size_t tokens = 0, begun = 0;
    for (size_t i = 0; i < emitted->n; i++) {
        tokens += emitted->examples[i].a + emitted->examples[i].b;
        begun += emitted->examples[i].ids[1] == 1000;
        assert_true(emitted->examples[i].a + emitted->examples[i].b <= 11);
    }
    assert_int_equal(tokens, 50 * 11);
    assert_int_equal(begun, 50);
}

static void an_example_depends_on_its_document_alone(void **state) {
    (void)state;
    size_t some[40], others[40];
    for (size_t i = 0; i < 40; i++) {
        some[i] = 3 + i % 17;
        others[i] = 1 + i % 5;
    }
    struct elc_packer *packer = new_packer(emitted, LENGTH, 1);
    feed(packer, others, 40);
    size_t first = emitted->n;
    feed(packer, some, 40);
    elc_packer_destroy(packer);
    size_t n = emitted->n - first;
    struct emitted *copy = malloc(sizeof *copy);
    memcpy(copy, emitted, sizeof *copy);

    packer = new_packer(emitted, LENGTH, 1);
    feed(packer, some, 3); /* another first document, and blank lines that are none */
    assert_int_equal(elc_packer_line(packer, NULL, NULL, 0), 0);
    assert_int_equal(elc_packer_end_document(packer), 0);
    size_t again = emitted->n;
    feed(packer, some, 40);
    elc_packer_destroy(packer);
    assert_int_equal(emitted->n - again, n);
    assert_memory_equal(&emitted->examples[again], &copy->examples[first],
                        n * sizeof *emitted->examples);
    free(copy);
}

static void words_are_numbered_through_the_example(void **state) {
    (void)state;
    const uint32_t ids[] = {1000, 1001, 1002, 1003, 1004};
    const uint32_t words[] = {0, 0, 1, 2, 2};
    struct elc_packer *packer = new_packer(emitted, LENGTH, 1);
    for (int i = 0; i < 8; i++)
        assert_int_equal(elc_packer_line(packer, ids, words, 5), 0);
    assert_int_equal(elc_packer_end_document(packer), 0);
    elc_packer_destroy(packer);
    assert_true(emitted->has_words && emitted->n > 0);
    for (size_t i = 0; i < emitted->n; i++) {
        uint32_t word = UINT32_MAX;
        for (size_t k = 0; k < emitted->examples[i].n; k++) {
            uint32_t id = emitted->examples[i].ids[k];
            if (id < 1000)
                assert_int_equal(emitted->examples[i].words[k], UINT32_MAX);
            else if (id != 1001 && id != 1004) /* a word begins */
                assert_int_equal(emitted->examples[i].words[k], ++word);
            else if (emitted->examples[i].ids[k - 1] == id - 1)
                assert_int_equal(emitted->examples[i].words[k], word);
            else
                word = emitted->examples[i].words[k]; /* cut inside the word */
        }
    }
}

static void short_lengths_work_down_to_five(void **state) {
    (void)state;
    struct elc_packer *packer;
    assert_int_equal(elc_packer_new(&packer, &vocab, 4, 1, keep, emitted), ELC_EINVAL);
    const size_t lengths[] = {1, 2, 3, 4, 50, 1};
    packer = new_packer(emitted, 5, 1);
    feed(packer, lengths, 6);
    elc_packer_destroy(packer);
    size_t tokens = 0;
    for (size_t i = 0; i < emitted->n; i++) {
        assert_true(emitted->examples[i].n <= 5);
        tokens += emitted->examples[i].a + emitted->examples[i].b;
    }
    assert_int_equal(tokens, 61);
}

static void errors_of_the_receiver_come_back(void **state) {
    (void)state;
    uint32_t ids[200] = {0};
    struct elc_packer *packer = new_packer(emitted, LENGTH, 1);
    emitted->answer = ELC_EIO;
    assert_int_equal(elc_packer_line(packer, ids, NULL, 200), ELC_EIO);
    elc_packer_destroy(packer);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_token_is_lost_or_doubled),
        cmocka_unit_test(a_long_line_fills_example_after_example),
        cmocka_unit_test(segments_have_the_lengths_of_the_rules),
        cmocka_unit_test(documents_do_not_share_examples),
        cmocka_unit_test(an_example_depends_on_its_document_alone),
        cmocka_unit_test(words_are_numbered_through_the_example),
        cmocka_unit_test(short_lengths_work_down_to_five),
        cmocka_unit_test(errors_of_the_receiver_come_back),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
