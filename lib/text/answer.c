/* normalize_answer() of the SQuAD scripts:
 *
 *     " ".join(re.sub(r"\b(a|an|the)\b", " ", without_punctuation(text.lower())).split())
 *
 * Python's lower() differs from the simple mapping of each character in two places: I with a dot
 * above becomes two characters, and a sigma that ends a word has a form of its own (Unicode 3.13,
 * Final_Sigma). The properties that decide the latter come from PCRE2. */
#include "electra/answer.h"

#include <stdbool.h>
#include <string.h>
#include <pcre2.h>
#include <utf8proc.h>

#include "utf8.h"

enum { CAPITAL_I_WITH_DOT = 0x130, CAPITAL_SIGMA = 0x3A3, FINAL_SIGMA = 0x3C2, SIGMA = 0x3C3 };

/* ---- lower case ---- */

/* Where the capital sigmas are that end a word. Before such a one comes a letter that has case,
 * after it comes none; characters that case ignores, such as apostrophes and accents, do not count.
 */
struct final_sigmas {
    pcre2_code *code; /* NULL: none was asked for yet */
    pcre2_match_data *match;
    size_t next; /* the first one not before what was last asked for; SIZE_MAX: no more */
};
static const char final_sigma_pattern[] = "(?!\\p{Case_Ignorable})\\p{Cased}\\p{Case_Ignorable}*+"
                                          "\\K\\x{3A3}(?!\\p{Case_Ignorable}*+\\p{Cased})";

static void final_sigmas_free(struct final_sigmas *sigmas) {
    pcre2_match_data_free(sigmas->match);
    pcre2_code_free(sigmas->code);
}

static int find_sigma(struct final_sigmas *sigmas, const char *text, size_t len, size_t from) {
    int rc = pcre2_match(sigmas->code, (PCRE2_SPTR)text, len, from, PCRE2_NO_UTF_CHECK,
                         sigmas->match, NULL);
    sigmas->next = rc < 0 ? SIZE_MAX : pcre2_get_ovector_pointer(sigmas->match)[0];
    return rc < 0 && rc != PCRE2_ERROR_NOMATCH ? elc_fail_memory(0) : 0;
}

/* Is the sigma at `at` a final one? Asked for one after the other. */
static int is_final(bool *final, struct final_sigmas *sigmas, const char *text, size_t len,
                    size_t at) {
    int err = 0, error;
    PCRE2_SIZE offset;
    if (!sigmas->code) {
        sigmas->code = pcre2_compile((PCRE2_SPTR)final_sigma_pattern, PCRE2_ZERO_TERMINATED,
                                     PCRE2_UTF | PCRE2_UCP, &error, &offset, NULL);
        sigmas->match = pcre2_match_data_create(1, NULL);
        if (!sigmas->code || !sigmas->match)
            return elc_fail_memory(0);
        err = find_sigma(sigmas, text, len, 0);
    }
    while (!err && sigmas->next < at)
        err = find_sigma(sigmas, text, len, sigmas->next + 2);
    *final = sigmas->next == at;
    return err;
}

static int append_character(struct elc_buffer *out, uint32_t c) {
    char bytes[4];
    return elc_buffer_append(out, bytes, utf8_encode(bytes, c));
}

static bool is_ascii_punctuation(uint32_t c) {
    return c < 0x80 && c != 0 && strchr("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", (int)c);
}

/* Appends the text in lower case and without punctuation. */
static int fold(struct elc_buffer *out, const char *text, size_t len) {
    struct final_sigmas sigmas = {0};
    int err = 0;
    unsigned width;
    for (size_t at = 0; !err && at < len; at += width) {
        uint32_t c = utf8_decode(text + at, &width);
        bool final = false;
        if (is_ascii_punctuation(c))
            continue;
        if (c == CAPITAL_SIGMA)
            err = is_final(&final, &sigmas, text, len, at);
        if (!err && c == CAPITAL_I_WITH_DOT)
            err = elc_buffer_append(out, "i\xCC\x87", 3);
        else if (!err && c == CAPITAL_SIGMA)
            err = append_character(out, final ? FINAL_SIGMA : SIGMA);
        else if (!err)
            err = append_character(out, (uint32_t)utf8proc_tolower((utf8proc_int32_t)c));
    }
    final_sigmas_free(&sigmas);
    return err;
}

/* ---- words ---- */

/* str.isspace() */
static bool is_space(uint32_t c) {
    const utf8proc_property_t *property = utf8proc_get_property((utf8proc_int32_t)c);
    return property->category == UTF8PROC_CATEGORY_ZS ||
           property->bidi_class == UTF8PROC_BIDI_CLASS_WS ||
           property->bidi_class == UTF8PROC_BIDI_CLASS_B ||
           property->bidi_class == UTF8PROC_BIDI_CLASS_S;
}

/* \w of re: letters and numbers; the underscore is gone by now. */
static bool is_word(uint32_t c) {
    utf8proc_category_t category = utf8proc_category((utf8proc_int32_t)c);
    return (category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_LO) ||
           (category >= UTF8PROC_CATEGORY_ND && category <= UTF8PROC_CATEGORY_NO);
}

static bool is_article(const char *word, size_t len) {
    return (len == 1 && word[0] == 'a') || (len == 2 && memcmp(word, "an", 2) == 0) ||
           (len == 3 && memcmp(word, "the", 3) == 0);
}

/* The length of what `text` begins with: characters of a word, or one other character. */
static size_t next_part(const char *text, size_t len, bool *is_gap) {
    unsigned width;
    size_t at = 0;
    while (at < len && is_word(utf8_decode(text + at, &width)))
        at += width;
    if (at > 0) {
        *is_gap = is_article(text, at);
        return at;
    }
    *is_gap = is_space(utf8_decode(text, &width));
    return width;
}

static int join(struct elc_buffer *out, const char *text, size_t len) {
    int err = 0;
    bool gap = false, is_gap;
    for (size_t at = 0, width; !err && at < len; at += width) {
        width = next_part(text + at, len - at, &is_gap);
        if (!is_gap && gap && out->len > 0)
            err = elc_buffer_append(out, " ", 1);
        if (!err && !is_gap)
            err = elc_buffer_append(out, text + at, width);
        gap = is_gap;
    }
    return err;
}

int elc_answer_normalize(struct elc_buffer *normalized, const char *text, size_t len) {
    struct elc_buffer folded = {0};
    normalized->len = 0;
    int err = fold(&folded, text, len);
    if (!err)
        err = join(normalized, (const char *)folded.data, folded.len);
    elc_buffer_free(&folded);
    return err;
}
