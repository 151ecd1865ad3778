/* BERT's rules for characters, as Hugging Face tokenizers 0.22 (Rust) has them and as Google's own
 * Python has them.
 *
 * Hugging Face normalizes a text in this order:
 *   1. NUL, U+FFFD and control, format and private characters are dropped;
 *   2. white space becomes a space; Chinese characters get a space on both sides;
 *   3. if accents are stripped: canonical decomposition (NFD), then nonspacing marks are dropped;
 *   4. if not cased: each character is lower-cased by itself;
 * and words are then cut at spaces and around punctuation. Steps 2 to 4 and the cutting look at
 * one character at a time, but for NFD's reordering of combining marks; so each character's fate
 * is a table entry, filled from the patterns below.
 *
 * That implementation carries tables of Unicode 8 for its categories and of 9 for NFD.
 * Characters that got their category later are exempted by range: `(?![…])` before a property.
 * The ranges also span code points around them that are nothing of the kind in any version.
 * tests/golden/tokenizer has ranges.py, which makes them, and sweep.py, which proves the result on
 * every code point.
 *
 * Google drops unassigned code points as well, and lower-cases before it decomposes, by words: a
 * capital sigma at the end of a word becomes the small final one. Its tables are those of the
 * Python it runs on; here they are those of PCRE2.
 */
#include "characters.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pcre2.h>
#include <utf8proc.h>

#include "utf8.h"

enum {
    DROP = 1,
    SPACE = 2,
    CHINESE = 4,
    PUNCTUATION = 8,
    MARK = 16,         /* nonspacing: an accent */
    UNDECOMPOSED = 32, /* NFD leaves it whole */
    UNORDERED = 64,    /* NFD leaves it where it is */
    CASED = 128,       /* what a final sigma looks at */
    IGNORABLE = 256,
};

struct char_class {
    uint16_t bit;
    const char *pattern; /* NULL: no character */
};

enum { N_CLASSES = 9 };

static const struct char_class fast_classes[N_CLASSES] = {
    {DROP, "[\\x{0}\\x{FFFD}]"
           "|(?![\\t\\n\\r\\x{890}-\\x{8E2}\\x{110CD}-\\x{1343F}])[\\p{Cc}\\p{Cf}\\p{Co}]"},
    {SPACE, "[\\t\\n\\r\\p{Z}]"},
    /* U+2B820 … U+2B91F are missing from the reference, which has 2B920 for 2B820. */
    {CHINESE, "[\\x{4E00}-\\x{9FFF}\\x{3400}-\\x{4DBF}\\x{20000}-\\x{2A6DF}\\x{2A700}-\\x{2B73F}"
              "\\x{2B740}-\\x{2B81F}\\x{2B920}-\\x{2CEAF}\\x{F900}-\\x{FAFF}"
              "\\x{2F800}-\\x{2FA1F}]"},
    {PUNCTUATION,
     "[!-/:-@\\[-`{-~\\x{166D}\\x{111C9}]"
     "|(?![\\x{61D}\\x{9FD}-\\x{A76}\\x{C77}-\\x{C84}\\x{1B4E}-\\x{1B4F}\\x{1B7D}-\\x{1B7F}"
     "\\x{2E43}-\\x{2E63}\\x{10D6E}-\\x{10F89}\\x{113D4}-\\x{1145D}\\x{11660}-\\x{116B9}"
     "\\x{1183B}-\\x{11FFF}\\x{12FF1}-\\x{12FF2}\\x{16D6D}-\\x{16FE2}\\x{1E5FF}-\\x{1E95F}])"
     "\\p{P}"},
    {MARK, "[\\x{1734}\\x{1171E}]"
           "|(?![\\x{5C8}-\\x{5C9}\\x{7FD}\\x{897}-\\x{8E1}\\x{9FE}\\x{AFA}-\\x{AFF}\\x{B53}-\\x{"
           "B55}\\x{C04}-\\x{C3C}"
           "\\x{D00}\\x{D3B}-\\x{D3C}\\x{D81}\\x{EBA}\\x{ECE}\\x{180F}-\\x{1886}\\x{1ABF}-\\x{1AF0}"
           "\\x{1DF6}-\\x{1DFB}\\x{A82C}\\x{A8C5}\\x{A8FF}\\x{A9BD}\\x{10D24}-\\x{10F85}"
           "\\x{11070}-\\x{11074}\\x{110C2}\\x{111C9}\\x{111CF}\\x{1123E}-\\x{11241}\\x{1133B}"
           "\\x{113BB}-\\x{1145E}\\x{1182F}-\\x{1612F}\\x{16F4F}\\x{16FE4}\\x{1CF00}-\\x{1D128}"
           "\\x{1D25B}-\\x{1D25C}\\x{1E000}-\\x{1E6F5}\\x{1E944}-\\x{1E94A}])\\p{Mn}"},
    /* Decompositions that came with Unicode 13 and 16. */
    {UNDECOMPOSED, "[\\x{105C9}\\x{105E4}\\x{11383}-\\x{113C8}\\x{11938}\\x{16121}-\\x{16128}"
                   "\\x{16D68}-\\x{16D6A}]"},
    /* Combining marks of Unicode 10 and later. */
    {UNORDERED, "[\\x{5C8}-\\x{5C9}\\x{7FD}\\x{897}-\\x{8D3}\\x{9FE}\\x{C3C}\\x{D3B}-\\x{D3C}"
                "\\x{EBA}\\x{1715}\\x{1ABF}-\\x{1AF0}\\x{1DF6}-\\x{1DFA}\\x{A82C}"
                "\\x{10D24}-\\x{10F85}\\x{11070}\\x{1133B}\\x{113CE}-\\x{113D0}\\x{1145E}"
                "\\x{11839}-\\x{11A99}\\x{11D42}-\\x{1612F}\\x{16FF0}-\\x{16FF1}"
                "\\x{1D127}-\\x{1D128}\\x{1D250}-\\x{1D281}\\x{1E08F}-\\x{1E6F5}]"},
};

static const struct char_class google_classes[N_CLASSES] = {
    {DROP, "[\\x{0}\\x{FFFD}]|(?![\\t\\n\\r])\\p{C}"},
    {SPACE, "[\\t\\n\\r\\p{Z}]"},
    {CHINESE, "[\\x{4E00}-\\x{9FFF}\\x{3400}-\\x{4DBF}\\x{20000}-\\x{2A6DF}\\x{2A700}-\\x{2B73F}"
              "\\x{2B740}-\\x{2B81F}\\x{2B820}-\\x{2CEAF}\\x{F900}-\\x{FAFF}"
              "\\x{2F800}-\\x{2FA1F}]"},
    {PUNCTUATION, "[!-/:-@\\[-`{-~]|\\p{P}"},
    {MARK, "\\p{Mn}"},
    {CASED, "\\p{Cased}"},
    {IGNORABLE, "\\p{Case_Ignorable}"},
};

/* Without cleaning nothing is dropped, and white space is what Unicode calls so. */
static const struct char_class kept_controls = {SPACE, "[\\t-\\r\\x{85}\\p{Z}]"};

/* Lower case that came with Unicode 16 and 17, which the reference knows and utf8proc 2.8 does
 * not: the capital, how many follow it, and how far away the small letters are. */
static const struct {
    uint32_t first, last;
    int32_t distance;
} new_lower_case[] = {
    {0x1C89, 0x1C89, 1},      {0xA7CB, 0xA7CB, 0x264 - 0xA7CB},
    {0xA7CC, 0xA7CC, 1},      {0xA7CE, 0xA7CE, 1},
    {0xA7D2, 0xA7D2, 1},      {0xA7D4, 0xA7D4, 1},
    {0xA7DA, 0xA7DA, 1},      {0xA7DC, 0xA7DC, 0x19B - 0xA7DC},
    {0x10D50, 0x10D65, 0x20}, {0x16EA0, 0x16EB8, 0x1B},
};

struct char_rules {
    struct char_options options;
    struct char_class classes[N_CLASSES];
    pcre2_code *patterns[N_CLASSES]; /* NULL: no character */
    pcre2_match_context *limits;
};

/* ---- the rules ---- */

static int compile_class(pcre2_code **code, const char *class_pattern) {
    char pattern[1024]; /* a run of the class, so that a page takes few matches */
    (void)snprintf(pattern, sizeof pattern, "(?:%s)+", class_pattern);
    int error;
    PCRE2_SIZE offset;
    *code = pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED, PCRE2_UTF | PCRE2_UCP, &error,
                          &offset, NULL);
    if (*code)
        return 0;
    char message[128];
    (void)pcre2_get_error_message(error, (PCRE2_UCHAR *)message, sizeof message);
    return elc_fail(ELC_EINVAL, "pattern '%s': %s", pattern, message);
}

/* The classes of these options. */
static void choose_classes(struct char_rules *rules) {
    const struct char_options *options = &rules->options;
    memcpy(rules->classes, options->google ? google_classes : fast_classes, sizeof rules->classes);
    for (struct char_class *class = rules->classes; class < rules->classes + N_CLASSES; class ++) {
        if (options->keep_controls && class->bit == SPACE)
            *class = kept_controls;
        if ((options->keep_controls && class->bit == DROP) ||
            (options->chinese_joined && class->bit == CHINESE))
            class->pattern = NULL;
    }
}

int char_rules_new(struct char_rules **rules, const struct char_options *options) {
    *rules = NULL;
    struct char_rules *made = calloc(1, sizeof *made);
    if (!made)
        return elc_fail_memory(sizeof *made);
    made->options = *options;
    choose_classes(made);
    made->limits = pcre2_match_context_create(NULL);
    int rc = made->limits ? 0 : elc_fail_memory(0);
    for (int i = 0; i < N_CLASSES && rc == 0; i++)
        if (made->classes[i].pattern)
            rc = compile_class(&made->patterns[i], made->classes[i].pattern);
    if (rc < 0) {
        char_rules_destroy(made);
        return rc;
    }
    pcre2_set_match_limit(made->limits, 100000);
    pcre2_set_depth_limit(made->limits, 1000);
    pcre2_set_heap_limit(made->limits, 1024); /* KiB */
    *rules = made;
    return 0;
}

void char_rules_destroy(struct char_rules *rules) {
    if (!rules)
        return;
    for (int i = 0; i < N_CLASSES; i++)
        pcre2_code_free(rules->patterns[i]);
    pcre2_match_context_free(rules->limits);
    free(rules);
}

int char_unicode_version(char version[24]) {
    if (pcre2_config(PCRE2_CONFIG_UNICODE_VERSION, NULL) > 24 ||
        pcre2_config(PCRE2_CONFIG_UNICODE_VERSION, version) < 0)
        return elc_fail(ELC_EINVAL, "the PCRE2 library was built without Unicode");
    return 0;
}

/* ---- classes ---- */

/* The 256 characters of a page as UTF-8, and where each begins. Surrogates are left out. */
static size_t page_text(char *text, uint16_t starts[257], uint32_t first) {
    size_t len = 0;
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t c = first + i;
        starts[i] = (uint16_t)len;
        if (c < 0xD800 || c > 0xDFFF)
            len += utf8_encode(text + len, c);
    }
    starts[256] = (uint16_t)len;
    return len;
}

/* Sets `bit` for each character of the page that the pattern matches. */
static int mark_class(uint16_t *page, const pcre2_code *pattern, uint16_t bit, const char *text,
                      const uint16_t *starts, pcre2_match_data *match,
                      pcre2_match_context *limits) {
    size_t len = starts[256];
    PCRE2_SIZE *range = pcre2_get_ovector_pointer(match);
    unsigned i = 0;
    for (size_t at = 0; at < len; at = range[1]) {
        int rc = pcre2_match(pattern, (PCRE2_SPTR)text, len, at, PCRE2_NO_UTF_CHECK, match, limits);
        if (rc == PCRE2_ERROR_NOMATCH)
            return 0;
        if (rc < 0)
            return elc_fail(ELC_ELIMIT, "character classes: PCRE2 error %d", rc);
        for (; i < 256 && starts[i] < range[1]; i++)
            page[i] |= (uint16_t)(starts[i] >= range[0] ? bit : 0);
    }
    return 0;
}

static int fill_classes(struct char_table *table, const struct char_rules *rules, uint32_t number) {
    char text[256 * 4];
    uint16_t starts[257];
    page_text(text, starts, number * 256);
    if (!table->match_data)
        table->match_data = pcre2_match_data_create(1, NULL);
    uint16_t *page = calloc(256, sizeof *page);
    if (!table->match_data || !page) {
        free(page);
        return elc_fail_memory(256 * sizeof *page);
    }
    int rc = 0;
    for (int i = 0; i < N_CLASSES && rc == 0; i++)
        if (rules->patterns[i])
            rc = mark_class(page, rules->patterns[i], rules->classes[i].bit, text, starts,
                            table->match_data, rules->limits);
    if (rc < 0) {
        free(page);
        return rc;
    }
    table->classes[number] = page;
    return 0;
}

/* The classes of a character, or a negative error. */
static int classes_of(struct char_table *table, const struct char_rules *rules, uint32_t c) {
    if (!table->classes[c >> 8]) {
        int rc = fill_classes(table, rules, c >> 8);
        if (rc < 0)
            return rc;
    }
    return table->classes[c >> 8][c & 255];
}

/* ---- one character's fate ---- */

static uint32_t lower_case(uint32_t c) {
    uint32_t lower = (uint32_t)utf8proc_tolower((utf8proc_int32_t)c);
    if (lower != c)
        return lower;
    for (size_t i = 0; i < sizeof new_lower_case / sizeof *new_lower_case; i++) {
        if (c >= new_lower_case[i].first && c <= new_lower_case[i].last)
            return c + (uint32_t)new_lower_case[i].distance;
    }
    return c;
}

/* The canonical decomposition; the number of characters. */
static int decompose(uint32_t out[CHAR_PARTS], uint32_t c) {
    utf8proc_int32_t parts[CHAR_PARTS];
    int boundary = 0;
    utf8proc_ssize_t n = utf8proc_decompose_char((utf8proc_int32_t)c, parts, CHAR_PARTS,
                                                 UTF8PROC_DECOMPOSE, &boundary);
    if (n < 1 || n > CHAR_PARTS)
        return elc_fail(ELC_ELIMIT, "U+%04X has a decomposition of %td characters", c, n);
    for (utf8proc_ssize_t i = 0; i < n; i++)
        out[i] = (uint32_t)parts[i];
    return (int)n;
}

/* One character of a decomposition: its accent or class, then its lower case. */
static int make_part(struct char_part *part, struct char_table *table,
                     const struct char_rules *rules, uint32_t c) {
    const struct char_options *options = &rules->options;
    *part = (struct char_part){.c = options->cased || options->google ? c : lower_case(c)};
    if (options->strip_accents) {
        int class = classes_of(table, rules, c);
        if (class < 0)
            return class;
        part->mark = class & MARK;
        if (!(class & UNORDERED))
            part->combining_class =
                (uint8_t)utf8proc_get_property((utf8proc_int32_t)c)->combining_class;
    }
    int class = classes_of(table, rules, part->c);
    part->alone = class & PUNCTUATION;
    return class < 0 ? class : 0;
}

int char_parts(struct char_part parts[CHAR_PARTS], struct char_table *table,
               const struct char_rules *rules, uint32_t c) {
    enum { CAPITAL_I_WITH_DOT = 0x130, DOT_ABOVE = 0x307 };
    const struct char_options *options = &rules->options;
    int class = classes_of(table, rules, c);
    if (class < 0 || class & (DROP | SPACE))
        return class < 0 ? class : 0;
    if (options->google && !options->cased && c != CAPITAL_I_WITH_DOT)
        c = lower_case(c);
    uint32_t decomposed[CHAR_PARTS] = {c};
    int n = 1;
    if (options->strip_accents && !(class & UNDECOMPOSED))
        n = decompose(decomposed, c);
    if (n < 0)
        return n;
    /* The one character whose lower case is two: i and a dot above. */
    if (!options->cased && c == CAPITAL_I_WITH_DOT) {
        decomposed[0] = 'i';
        decomposed[1] = DOT_ABOVE;
        n = 2;
    }
    for (int i = 0; i < n; i++) {
        int rc = make_part(&parts[i], table, rules, decomposed[i]);
        if (rc < 0)
            return rc;
        parts[i].alone = parts[i].alone || class & CHINESE;
    }
    return n;
}

bool char_has_final_sigma(const struct char_rules *rules) {
    return rules->options.google && !rules->options.cased;
}

int char_sigma_context(struct char_table *table, const struct char_rules *rules, uint32_t c) {
    int class = classes_of(table, rules, c);
    if (class < 0)
        return class;
    return class & (DROP | IGNORABLE) ? CHAR_IGNORABLE : class & CASED ? CHAR_CASED : 0;
}

static int fill_entry(struct char_entry *entry, struct char_table *table,
                      const struct char_rules *rules, uint32_t c) {
    int class = classes_of(table, rules, c);
    if (class < 0)
        return class;
    if (class & (DROP | SPACE)) {
        entry->kind = class & DROP ? CHAR_DROPPED : CHAR_SPACE;
        return 0;
    }
    struct char_part parts[CHAR_PARTS];
    int n = char_parts(parts, table, rules, c);
    if (n < 0)
        return n;
    int n_kept = 0;
    bool moves = false;
    const struct char_part *kept = NULL;
    for (int i = 0; i < n; i++) {
        if (parts[i].mark)
            continue;
        kept = &parts[i];
        n_kept++;
        moves = moves || kept->combining_class != 0;
    }
    bool depends = c == CHAR_CAPITAL_SIGMA && char_has_final_sigma(rules);
    if (n_kept == 0) {
        entry->kind = CHAR_DROPPED;
    } else if (n_kept > 1 || moves || depends) {
        entry->kind = CHAR_COMPLEX;
    } else {
        entry->kind = class & CHINESE ? CHAR_CHINESE : kept->alone ? CHAR_ALONE : CHAR_LETTER;
        entry->len = (uint8_t)utf8_encode(entry->bytes, kept->c);
    }
    return 0;
}

static int fill_page(struct char_table *table, const struct char_rules *rules, uint32_t number) {
    struct char_entry *page = calloc(256, sizeof *page);
    if (!page)
        return elc_fail_memory(256 * sizeof *page);
    for (uint32_t i = 0; i < 256; i++) {
        int rc = fill_entry(&page[i], table, rules, number * 256 + i);
        if (rc < 0) {
            free(page);
            return rc;
        }
    }
    table->entries[number] = page;
    return 0;
}

const struct char_entry *char_table_find(struct char_table *table, const struct char_rules *rules,
                                         uint32_t c) {
    if (!table->entries[c >> 8] && fill_page(table, rules, c >> 8) < 0)
        return NULL;
    return &table->entries[c >> 8][c & 255];
}

void char_table_free(struct char_table *table) {
    for (int i = 0; i < CHAR_PAGES; i++) {
        free(table->entries[i]);
        free(table->classes[i]);
    }
    pcre2_match_data_free(table->match_data);
    *table = (struct char_table){0};
}
