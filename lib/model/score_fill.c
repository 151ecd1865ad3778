/* Task fill: the generator's likeliest tokens for each [MASK], or for each masked position of a
 * corrupted stream. */
#include <math.h>
#include <string.h>

#include "electra/tensor.h"
#include "score.h"

/* Rows whose logits are there at one time. */
enum { CHUNK = 32 };

/* ---- which positions ---- */

static int read_masked(struct elc_score_text *text, const struct elc_score_limits *limits) {
    const size_t n = text->row_buffer.len / sizeof *text->rows;
    for (size_t i = 0; i < n; i++)
        if (text->rows[i] >= text->n || (i > 0 && text->rows[i] <= text->rows[i - 1]))
            return elc_fail(ELC_EFORMAT,
                            "key 'masked' is not an ascending list of positions in the text");
    text->n_rows = n;
    if (!elc_record_find(text->record, "original"))
        return 0;
    int err = elc_record_ids(text->record, "original", limits->id_width, limits->vocab.size,
                             &text->original_buffer);
    if (!err && text->original_buffer.len != n * sizeof *text->original)
        err = elc_fail(ELC_EFORMAT, "keys 'masked' and 'original' disagree in length");
    text->original = (const uint32_t *)(const void *)text->original_buffer.data;
    return err;
}

static int find_masks(struct elc_score_text *text, uint32_t mask) {
    int err = 0;
    text->row_buffer.len = 0;
    for (uint32_t i = 0; !err && i < text->n; i++)
        if (text->ids[i] == mask) {
            err = elc_buffer_append(&text->row_buffer, &i, sizeof i);
            text->n_rows++;
        }
    text->rows = (const uint32_t *)(const void *)text->row_buffer.data;
    return err;
}

static int read(struct elc_score_text *text, const struct elc_score_limits *limits) {
    int got = elc_record_numbers(text->record, "masked", 2, SIZE_MAX, &text->row_buffer);
    if (got == 0)
        return find_masks(text, limits->vocab.mask);
    text->rows = (const uint32_t *)(const void *)text->row_buffer.data;
    return got < 0 ? got : read_masked(text, limits);
}

/* ---- through the network ---- */

/* A row of the batch that is asked for, and what stood there. */
struct asked {
    uint32_t row, original; /* UINT32_MAX: not known */
};

static int collect(struct elc_score_pass *pass, const struct elc_score_text *text,
                   const struct elc_score_place *place) {
    int err = 0;
    for (size_t i = 0; !err && i < text->n_rows; i++) {
        const struct asked asked = {(uint32_t)place->token + text->rows[i],
                                    text->original ? text->original[i] : UINT32_MAX};
        err = elc_buffer_append(&pass->rows, &asked, sizeof asked);
    }
    return err;
}

/* Candidates are tokens, so there are none beyond the vocabulary, however many the network has. */
static size_t n_tokens(const struct elc_scorer *scorer) {
    return (size_t)elc_vocab_id(scorer->vocab)->size;
}

static size_t n_candidates(const struct elc_scorer *scorer) {
    const size_t k = scorer->options.top_k, n = n_tokens(scorer);
    return k < n ? k : n;
}

/* The k best of n, best first, of equals the lowest id. */
static void choose(struct elc_candidate *best, size_t k, const elc_float *p, size_t n) {
    size_t found = 0;
    for (size_t id = 0; id < n; id++) {
        if (found == k && !(p[id] > (elc_float)best[k - 1].p))
            continue;
        size_t low = 0, high = found; /* the first that is worse */
        while (low < high) {
            const size_t middle = low + (high - low) / 2;
            if ((elc_float)best[middle].p >= p[id])
                low = middle + 1;
            else
                high = middle;
        }
        found += found < k;
        memmove(best + low + 1, best + low, (found - 1 - low) * sizeof *best);
        best[low] = (struct elc_candidate){(uint32_t)id, (float)p[id]};
    }
}

/* What is asked for, after each other in pass->numbers. */
struct answers {
    float *p_original;                /* [n] */
    struct elc_candidate *candidates; /* [n, k] */
    elc_float *p;                     /* [v] scratch */
    size_t n, k;
};

static size_t lay_out(struct answers *answers, const struct elc_score_pass *pass) {
    const size_t v = pass->scorer->weights.config.vocab_size;
    answers->n = pass->rows.len / sizeof(struct asked);
    answers->k = n_candidates(pass->scorer);
    answers->p = (elc_float *)(void *)pass->numbers.data;
    answers->p_original = (float *)(void *)(answers->p + v);
    answers->candidates = (struct elc_candidate *)(void *)(answers->p_original + answers->n);
    return v * sizeof *answers->p + answers->n * sizeof *answers->p_original +
           answers->n * answers->k * sizeof *answers->candidates;
}

static void answer(const struct answers *answers, const struct elc_scorer *scorer,
                   const struct asked *asked, size_t i, const elc_float *logits) {
    const size_t v = scorer->weights.config.vocab_size, k = answers->k;
    elc_softmax(answers->p, logits, v); /* NaNs where logits are not finite */
    choose(answers->candidates + i * k, k, answers->p, n_tokens(scorer));
    if (asked->original < v)
        answers->p_original[i] = (float)answers->p[asked->original];
}

static int forward(struct elc_score_pass *pass) {
    const struct elc_weights *weights = &pass->scorer->weights;
    const struct asked *asked = (const struct asked *)(const void *)pass->rows.data;
    const elc_float *logits;
    struct answers answers;
    pass->numbers.len = 0;
    int err = elc_buffer_reserve(&pass->numbers, lay_out(&answers, pass));
    lay_out(&answers, pass);
    if (!err && answers.n > 0)
        err = elc_encoder_forward(&logits, &pass->workspace, weights, &pass->texts);
    for (size_t first = 0; !err && first < answers.n; first += CHUNK) {
        const size_t n = answers.n - first < CHUNK ? answers.n - first : CHUNK;
        uint32_t rows[CHUNK];
        for (size_t i = 0; i < n; i++)
            rows[i] = asked[first + i].row;
        err = elc_generator_logits(&logits, &pass->workspace, weights, rows, n);
        for (size_t i = first; !err && i < first + n; i++)
            answer(&answers, pass->scorer, &asked[i], i,
                   logits + (i - first) * weights->config.vocab_size);
    }
    return err;
}

static int compute(struct elc_score_result *result, const struct elc_score_pass *pass,
                   const struct elc_score_text *text, const struct elc_score_place *place) {
    struct answers answers;
    lay_out(&answers, pass);
    result->k = answers.k;
    result->p_original = text->original ? answers.p_original + place->row : NULL;
    result->candidates = answers.candidates + place->row * answers.k;
    for (size_t i = 0; i < text->n_rows; i++)
        if (!isfinite(result->candidates[i * answers.k].p))
            return elc_fail(ELC_ENUMERIC, "the model's output is not finite");
    return 0;
}

/* ---- TSV ---- */

static int names(struct elc_buffer *out, const struct elc_scorer *scorer) {
    (void)scorer;
    return elc_buffer_printf(out, "id\tposition\ttoken\tprobability\n");
}

/* A text without masks has a row too, with nothing behind its id. */
static int tsv(struct elc_buffer *out, const struct elc_scorer *scorer,
               const struct elc_score_text *text, const struct elc_score_result *result) {
    int err = 0;
    for (size_t i = 0; !err && i < text->n_rows * result->k; i++) {
        err = elc_tsv_id(out, text->record);
        if (!err)
            err = elc_buffer_printf(out, "\t%u\t", text->rows[i / result->k]);
        if (!err)
            err = elc_tsv_token(out, scorer, result->candidates[i].id);
        if (!err)
            err = elc_buffer_printf(out, "\t%.6g\n", (double)result->candidates[i].p);
    }
    if (err || text->n_rows > 0)
        return err;
    err = elc_tsv_id(out, text->record);
    return err ? err : elc_buffer_printf(out, "\t\t\t\n");
}

/* ---- JSON Lines ---- */

static bool json_candidate(json_t *object, const struct elc_scorer *scorer,
                           const struct elc_candidate *candidate) {
    return elc_score_json_set(object, "token", elc_score_json_token(scorer, candidate->id)) &&
           elc_score_json_set(object, "probability", elc_score_json_number((double)candidate->p));
}

static bool json_candidates(json_t *array, const struct elc_scorer *scorer,
                            const struct elc_candidate *candidates, size_t k) {
    bool good = array != NULL;
    for (size_t i = 0; good && i < k; i++) {
        json_t *object = json_object();
        good = json_array_append_new(array, object) == 0 &&
               json_candidate(object, scorer, &candidates[i]);
    }
    return good;
}

/* One masked position: the likeliest token, and with --top-k all `candidates`. */
static bool json_position(json_t *object, const struct elc_scorer *scorer,
                          const struct elc_score_text *text, const struct elc_score_result *result,
                          size_t i) {
    const struct elc_candidate *best = result->candidates + i * result->k;
    bool good = elc_score_json_set(object, "position", json_integer(text->rows[i])) &&
                json_candidate(object, scorer, best);
    if (good && text->original)
        good = elc_score_json_set(object, "original",
                                  elc_score_json_token(scorer, text->original[i])) &&
               elc_score_json_set(object, "p_original",
                                  elc_score_json_number((double)result->p_original[i]));
    if (good && scorer->options.top_k > 1) {
        json_t *array = json_array();
        good = elc_score_json_set(object, "candidates", array) &&
               json_candidates(array, scorer, best, result->k);
    }
    return good;
}

static bool json(json_t *object, const struct elc_scorer *scorer, const struct elc_score_text *text,
                 const struct elc_score_result *result) {
    json_t *tokens = json_array();
    bool good = elc_score_json_set(object, "tokens", tokens);
    for (size_t i = 0; good && i < text->n_rows; i++) {
        json_t *position = json_object();
        good = json_array_append_new(tokens, position) == 0 &&
               json_position(position, scorer, text, result, i);
    }
    return good;
}

/* ---- records ---- */

/* Of each masked position all candidates, the likeliest first: k of them, one but for --top-k. */
static int record(struct elc_builder *builder, const struct elc_scorer *scorer,
                  const struct elc_score_text *text, const struct elc_score_result *result) {
    (void)scorer;
    const size_t n = text->n_rows, k = result->k;
    struct elc_buffer ids = {0}, p = {0};
    int err = 0;
    for (size_t i = 0; !err && i < n * k; i++) {
        err = elc_buffer_append(&ids, &result->candidates[i].id, sizeof(uint32_t));
        if (!err)
            err = elc_buffer_append(&p, &result->candidates[i].p, sizeof(float));
    }
    if (!err)
        err = elc_builder_numbers(builder, "masked", text->rows, n, 2);
    if (!err)
        err = elc_builder_numbers(builder, "predicted", (const uint32_t *)(const void *)ids.data,
                                  n * k, text->id_width);
    if (!err)
        err = elc_builder_bin(builder, "p", p.data, p.len);
    if (!err && result->p_original)
        err = elc_builder_bin(builder, "p_original", result->p_original, n * sizeof(float));
    elc_buffer_free(&ids);
    elc_buffer_free(&p);
    return err;
}

static const char *const keys[] = {"masked", "predicted", "p", "p_original", NULL};

const struct elc_score_entry elc_score_fill = {
    .name = "fill",
    .architecture = ELC_GENERATOR,
    .masked = true,
    .gold = "original",
    .keys = keys,
    .read = read,
    .collect = collect,
    .forward = forward,
    .compute = compute,
    .names = names,
    .tsv = tsv,
    .json = json,
    .record = record,
};
