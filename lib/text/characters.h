/* What BERT's rules make of each character: dropped, white space, a word of its own, a letter.
 *
 * The rules are PCRE2 patterns over Unicode properties and the tables of utf8proc; see
 * characters.c. What they say of a character is worked out once, when a page of 256 of them is
 * first needed, and remembered in a `struct char_table`, so that text is read by table lookups.
 */
#ifndef LIB_TEXT_CHARACTERS_H
#define LIB_TEXT_CHARACTERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "electra/error.h"

enum {
    CHAR_PAGES = 0x110000 / 256,
    CHAR_PARTS = 8, /* characters that one may be decomposed into; Unicode has at most 4 */
};

struct char_options {
    bool cased, strip_accents;
    bool google;         /* Google's rules, not Hugging Face's */
    bool keep_controls;  /* drop nothing but accents: BertNormalizer without clean_text */
    bool chinese_joined; /* Chinese characters are letters, without handle_chinese_chars */
};

/* The compiled rules; immutable, shared by threads. */
struct char_rules;
int char_rules_new(struct char_rules **rules, const struct char_options *options) ELC_MUST_CHECK;
void char_rules_destroy(struct char_rules *rules);

enum char_kind {
    CHAR_DROPPED,
    CHAR_SPACE,
    CHAR_LETTER,  /* part of a word: anything that is not the rest */
    CHAR_ALONE,   /* a word of its own: punctuation */
    CHAR_CHINESE, /* the same, with spaces around it in the normalized text */
    CHAR_COMPLEX, /* becomes several characters, or what it becomes depends on its neighbours */
};

/* What becomes of one character: for LETTER, ALONE and CHINESE, the bytes of its normalized form.
 */
struct char_entry {
    uint8_t kind; /* enum char_kind */
    uint8_t len;
    char bytes[4];
};

/* One thread's memory of the rules. A zeroed struct is empty. */
struct char_table {
    struct char_entry *entries[CHAR_PAGES];
    uint16_t *classes[CHAR_PAGES];
    void *match_data;
};
/* The entry of `c`; NULL: out of memory. */
const struct char_entry *char_table_find(struct char_table *table, const struct char_rules *rules,
                                         uint32_t c);
void char_table_free(struct char_table *table);

/* The long way round, for CHAR_COMPLEX: a character's canonical decomposition, in order, each
 * part with what the Unicode algorithm of canonical ordering needs to know. */
struct char_part {
    uint32_t c; /* lower-cased; its decomposition's next part if one is needed follows */
    uint8_t combining_class;
    bool mark;  /* to be dropped after ordering: an accent */
    bool alone; /* as CHAR_ALONE */
};
/* The number of parts, 0 if the character is dropped or white space, or a negative error. */
int char_parts(struct char_part parts[CHAR_PARTS], struct char_table *table,
               const struct char_rules *rules, uint32_t c) ELC_MUST_CHECK;

/* What Unicode's rule for the lower case of a final sigma asks of a character, where it applies:
 * CHAR_CASED, CHAR_IGNORABLE (it is looked past, as is what is dropped), or 0; negative: an error.
 */
enum { CHAR_CASED = 1, CHAR_IGNORABLE = 2, CHAR_CAPITAL_SIGMA = 0x3A3, CHAR_FINAL_SIGMA = 0x3C2 };
bool char_has_final_sigma(const struct char_rules *rules);
int char_sigma_context(struct char_table *table, const struct char_rules *rules,
                       uint32_t c) ELC_MUST_CHECK;

/* "14.0.0": the version of Unicode that the rules' properties come from. */
int char_unicode_version(char version[24]) ELC_MUST_CHECK;

#endif
