/* How a model directory wants its text tokenized: tokenizer.json, tokenizer_config.json, and the
 * files that older tokenizers wrote beside them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jansson.h>

#include "electra/file.h"
#include "electra/parse.h"
#include "electra/tokenize.h"
#include "vocab_json.h"
#include "words.h"

/* The files of one directory, one after another. */
struct reading {
    struct elc_tokenizer_options *options;
    bool has_tokenizer;  /* there is a tokenizer.json, */
    bool has_normalizer; /* and it says its rules */
};

/* true, false, or null and absent: then *value keeps what it holds. */
static int read_bool(const json_t *object, const char *key, int *value) {
    const json_t *found = json_object_get(object, key);
    if (!found || json_is_null(found))
        return 0;
    if (!json_is_boolean(found))
        return elc_fail(ELC_EFORMAT, "'%s' is not true or false", key);
    *value = json_is_true(found);
    return 0;
}

/* A part of a tokenizer.json, where it is there, must be of this type, or of the other one, if any.
 */
static int expect_type(const json_t *root, const char *key, const char *type, const char *other) {
    const json_t *part = json_object_get(root, key);
    const char *found = json_string_value(json_object_get(part, "type"));
    if (!part || (found && (strcmp(found, type) == 0 || (other && strcmp(found, other) == 0))))
        return 0;
    return elc_fail(ELC_EINVAL, "%s '%s' is not supported; it must be %s", key,
                    found                ? found
                    : json_is_null(part) ? "null"
                                         : "?",
                    type);
}

/* The keys of both files that say the same thing under different names. */
static int read_rules(const json_t *rules, const char *lower_key, const char *chinese_key,
                      struct elc_tokenizer_options *options) {
    int lower = !options->cased, chinese = !options->chinese_joined;
    int rc = read_bool(rules, lower_key, &lower);
    if (rc == 0)
        rc = read_bool(rules, "strip_accents", &options->strip_accents);
    if (rc == 0)
        rc = read_bool(rules, chinese_key, &chinese);
    options->cased = !lower;
    options->chinese_joined = !chinese;
    return rc;
}

static int read_word_chars(const json_t *model, struct elc_tokenizer_options *options) {
    const json_t *limit = json_object_get(model, "max_input_chars_per_word");
    if (!limit || json_is_null(limit))
        return 0;
    const double n = json_number_value(limit); /* every integer is read as one */
    if (!(n >= 1 && n <= UINT32_MAX && n == (uint32_t)n))
        return elc_fail(ELC_EFORMAT, "'max_input_chars_per_word' is not a number of characters");
    options->word_chars = (uint32_t)n;
    return 0;
}

/* Tokens in an array, or an object of them by their ids. */
static int check_added(const json_t *added) {
    const char *key;
    json_t *token;
    size_t i;
    int rc = 0;
    json_array_foreach(added, i, token) {
        if (rc == 0)
            rc = elc_added_token_check(token);
    }
    json_object_foreach((json_t *)(uintptr_t)added, key, token) {
        if (rc == 0)
            rc = elc_added_token_check(token);
    }
    return rc;
}

/* tokenizer.json */
static int read_tokenizer(const json_t *root, struct reading *reading) {
    struct elc_tokenizer_options *options = reading->options;
    int clean = !options->keep_controls;
    const json_t *normalizer = json_object_get(root, "normalizer");
    int rc = expect_type(root, "normalizer", "BertNormalizer", NULL);
    if (rc == 0)
        rc = expect_type(root, "pre_tokenizer", "BertPreTokenizer", NULL);
    if (rc == 0)
        rc = expect_type(root, "post_processor", "BertProcessing", "TemplateProcessing");
    if (rc == 0)
        rc = read_bool(normalizer, "clean_text", &clean);
    if (rc == 0)
        rc = check_added(json_object_get(root, "added_tokens"));
    if (rc == 0)
        rc = elc_wordpiece_check(json_object_get(root, "model"));
    if (rc == 0)
        rc = read_word_chars(json_object_get(root, "model"), options);
    /* Hugging Face's default stands in every file and is nobody's wish; Google's is another. */
    if (options->word_chars == WORD_CHARS)
        options->word_chars = 0;
    options->keep_controls = !clean;
    reading->has_tokenizer = true;
    reading->has_normalizer = normalizer != NULL;
    return rc < 0 ? rc : read_rules(normalizer, "lowercase", "handle_chinese_chars", options);
}

/* What this toolkit's own models say besides: Google's rules, a pattern, and what others have in
 * tokenizer.json alone. */
static int read_own_keys(const json_t *root, struct elc_tokenizer_options *options) {
    const json_t *compat = json_object_get(root, "compat");
    const json_t *pattern = json_object_get(root, "pattern");
    const char *rules = json_string_value(compat), *text = json_string_value(pattern);
    if (compat && !json_is_null(compat) &&
        (!rules || (strcmp(rules, "fast") != 0 && strcmp(rules, "google") != 0)))
        return elc_fail(ELC_EINVAL, "'compat' is neither \"fast\" nor \"google\"");
    if (pattern && !json_is_null(pattern) && !text)
        return elc_fail(ELC_EFORMAT, "'pattern' is no text");
    int clean = !options->keep_controls;
    int rc = read_bool(root, "clean_text", &clean);
    if (rc == 0)
        rc = read_word_chars(root, options);
    options->keep_controls = !clean;
    options->google = rules ? strcmp(rules, "google") == 0 : options->google;
    if (rc < 0 || !text)
        return rc;
    elc_tokenizer_options_free(options);
    options->pattern = strdup(text);
    return options->pattern ? 0 : elc_fail_memory(strlen(text));
}

/* Special tokens that BERT's tokenizer has no part for: they may only be its own. */
static int read_more_specials(const json_t *root) {
    static const char *const single[] = {"bos_token", "eos_token"};
    static const char *const several[] = {"additional_special_tokens", "extra_special_tokens",
                                          "model_specific_special_tokens"};
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < sizeof single / sizeof *single; i++) {
        const json_t *token = json_object_get(root, single[i]);
        if (token && !json_is_null(token))
            rc = elc_added_token_check(token);
        if (rc < 0)
            rc = elc_context(rc, "%s", single[i]);
    }
    for (size_t i = 0; rc == 0 && i < sizeof several / sizeof *several; i++)
        rc = check_added(json_object_get(root, several[i]));
    return rc;
}

/* special_tokens_map.json, and the same keys of tokenizer_config.json: by other names the special
 * tokens would have other ids. */
static int read_specials(const json_t *root, struct reading *reading) {
    static const char *const keys[ELC_N_SPECIALS] = {"pad_token", "unk_token", "cls_token",
                                                     "sep_token", "mask_token"};
    (void)reading;
    for (size_t i = 0; i < ELC_N_SPECIALS; i++) {
        const char *wanted = elc_special_tokens[i];
        const json_t *found = json_object_get(root, keys[i]);
        const char *token = elc_token_text(found);
        if (!found || json_is_null(found))
            continue;
        if (!token || strcmp(token, wanted) != 0)
            return elc_fail(ELC_EINVAL, "%s '%s' is not supported; it must be '%s'", keys[i],
                            token ? token : "?", wanted);
        int rc = elc_added_token_check(found);
        if (rc < 0)
            return rc;
    }
    return read_more_specials(root);
}

/* added_tokens.json: an id for each token. */
static int read_added(const json_t *root, struct reading *reading) {
    const char *text;
    json_t *id;
    int rc = 0;
    (void)reading;
    json_object_foreach((json_t *)(uintptr_t)root, text, id) {
        json_t *token = rc == 0 ? json_string(text) : NULL;
        if (rc == 0)
            rc = token ? elc_added_token_check(token) : elc_fail_memory(strlen(text));
        json_decref(token);
    }
    return rc;
}

/* ---- classes ---- */

enum class {
    CLASS_ABSENT,
    CLASS_BERT,   /* its rules are those of tokenizer_config.json, or else the class's own */
    CLASS_GENERIC /* its rules are those of tokenizer.json */
};

/* `name` may end in "Fast". ELC_EINVAL names a class that cuts text in another way. */
static int find_class(enum class *class, const json_t *root) {
    static const char *const bert[] = {
        "ElectraTokenizer",  "BertTokenizer",     "DistilBertTokenizer", "MobileBertTokenizer",
        "ConvBertTokenizer", "LayoutLMTokenizer", "LxmertTokenizer",     "SqueezeBertTokenizer"};
    const json_t *found = json_object_get(root, "tokenizer_class");
    *class = CLASS_ABSENT;
    if (!found || json_is_null(found))
        return 0;
    const char *name = json_string_value(found);
    for (size_t i = 0; name && i < sizeof bert / sizeof *bert; i++) {
        const size_t len = strlen(bert[i]);
        if (strncmp(name, bert[i], len) == 0 && (!name[len] || strcmp(name + len, "Fast") == 0)) {
            *class = CLASS_BERT;
            return 0;
        }
    }
    *class = CLASS_GENERIC;
    return name && (strcmp(name, "PreTrainedTokenizerFast") == 0 ||
                    strcmp(name, "TokenizersBackend") == 0)
               ? 0
               : elc_fail(ELC_EINVAL,
                          "tokenizer_class '%s' is not supported; it must be ElectraTokenizer or "
                          "another of BERT's",
                          name ? name : "?");
}

static int check_class(enum class *class, const json_t *root, const struct reading *reading) {
    int rc = find_class(class, root);
    if (rc == 0 && *class == CLASS_GENERIC && !reading->has_tokenizer)
        rc = elc_fail(ELC_EINVAL, "tokenizer_class '%s' needs a tokenizer.json, which is missing",
                      json_string_value(json_object_get(root, "tokenizer_class")));
    return rc;
}

/* config.json, which may name the class too. */
static int read_class(const json_t *root, struct reading *reading) {
    enum class class;
    return check_class(&class, root, reading);
}

/* A key that only other tokenizers set otherwise. */
static int expect_text(const json_t *root, const char *key, const char *text) {
    const json_t *found = json_object_get(root, key);
    const char *is = json_string_value(found);
    if (!found || json_is_null(found) || (is && strcmp(is, text) == 0))
        return 0;
    return elc_fail(ELC_EINVAL, "%s '%s' is not supported; it must be '%s'", key, is ? is : "?",
                    text);
}

static bool strips(const struct elc_tokenizer_options *options) {
    return options->strip_accents < 0 ? !options->cased : options->strip_accents > 0;
}

/* The rules of tokenizer_config.json. Where a tokenizer.json says them too, both must say the same:
 * what a class of BERT's leaves out there is its default to transformers, whatever the other file
 * has. */
static int read_config_rules(const json_t *root, enum class class, struct reading *reading) {
    static const char lower_key[] = "do_lower_case", chinese_key[] = "tokenize_chinese_chars";
    struct elc_tokenizer_options *options = reading->options, said = *options;
    if (!reading->has_normalizer)
        return read_rules(root, lower_key, chinese_key, options);
    if (class == CLASS_GENERIC)
        return 0;
    if (class == CLASS_BERT)
        said = (struct elc_tokenizer_options){.strip_accents = -1};
    int rc = read_rules(root, lower_key, chinese_key, &said);
    const char *key = said.cased != options->cased                     ? lower_key
                      : strips(&said) != strips(options)               ? "strip_accents"
                      : said.chinese_joined != options->chinese_joined ? chinese_key
                                                                       : NULL;
    if (rc == 0 && key)
        rc = elc_fail(ELC_EINVAL, "'%s' %s differs from the tokenizer.json beside it", key,
                      json_object_get(root, key) ? "here" : "is not here, and its default");
    return rc;
}

/* tokenizer_config.json */
static int read_config(const json_t *root, struct reading *reading) {
    int basic = 1;
    enum class class;
    int rc = check_class(&class, root, reading);
    if (rc == 0)
        rc = expect_text(root, "word_tokenizer_type", "basic");
    if (rc == 0)
        rc = expect_text(root, "subword_tokenizer_type", "wordpiece");
    if (rc == 0)
        rc = expect_text(root, "wordpieces_prefix", "##");
    if (rc == 0)
        rc = read_specials(root, reading);
    if (rc == 0)
        rc = check_added(json_object_get(root, "added_tokens_decoder"));
    if (rc == 0)
        rc = read_bool(root, "do_basic_tokenize", &basic);
    if (rc == 0 && !basic)
        rc = elc_fail(ELC_EINVAL, "'do_basic_tokenize' false is not supported");
    if (rc == 0)
        rc = read_own_keys(root, reading->options);
    return rc < 0 ? rc : read_config_rules(root, class, reading);
}

/* ---- files ---- */

/* Nothing happens where the file is absent. */
static int read_file(const char *path, int (*read)(const json_t *root, struct reading *reading),
                     struct reading *reading) {
    if (access(path, F_OK) != 0 && errno == ENOENT)
        return 0;
    struct elc_map map;
    int rc = elc_map_open(&map, path);
    if (rc < 0)
        return rc;
    json_error_t error;
    const char *text = map.len > 0 ? (const char *)map.data : "";
    /* model_max_length is often 10^30, which is no integer of C's. */
    const size_t flags = JSON_REJECT_DUPLICATES | JSON_DECODE_INT_AS_REAL;
    json_t *root = json_loadb(text, map.len, flags, &error);
    if (json_is_object(root)) {
        rc = read(root, reading);
        if (rc < 0)
            rc = elc_context(rc, "%s", path);
    } else {
        rc = elc_fail(ELC_EFORMAT, "%s: line %d: %s", path, root ? 1 : error.line,
                      root ? "not an object" : error.text);
    }
    json_decref(root);
    elc_map_close(&map);
    return rc;
}

void elc_tokenizer_options_free(struct elc_tokenizer_options *options) {
    free((char *)options->pattern);
    options->pattern = NULL;
}

int elc_tokenizer_options_read(struct elc_tokenizer_options *options, const char *path) {
    struct reading reading = {.options = options};
    struct stat status;
    if (stat(path, &status) != 0 || !S_ISDIR(status.st_mode))
        return elc_ends_with(path, ".json") ? read_file(path, read_tokenizer, &reading) : 0;
    static const struct {
        const char *name;
        int (*read)(const json_t *root, struct reading *reading);
    } files[] = {
        {"tokenizer.json", read_tokenizer},
        {"added_tokens.json", read_added},
        {"special_tokens_map.json", read_specials},
        {"tokenizer_config.json", read_config},
        {"config.json", read_class},
    };
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < sizeof files / sizeof *files; i++) {
        char *file = elc_path_join(path, files[i].name);
        rc = file ? read_file(file, files[i].read, &reading) : ELC_ENOMEM;
        free(file);
    }
    return rc;
}

static bool same_pattern(const char *a, const char *b) {
    return a && b ? strcmp(a, b) == 0 : !a && !b;
}

static int check_rules(const struct elc_tokenizer_options *wanted, const char *path,
                       const struct elc_tokenizer_id *rules, bool google, const char *name) {
    if (wanted->cased != rules->cased)
        return elc_fail(ELC_EMISMATCH, "%s was tokenized %s, but %s is %s", name,
                        rules->cased ? "cased" : "uncased", path,
                        wanted->cased ? "cased" : "uncased");
    if (wanted->strip_accents >= 0 && wanted->strip_accents != rules->strip_accents)
        return elc_fail(ELC_EMISMATCH, "%s was tokenized with accents %s, but %s has them %s", name,
                        rules->strip_accents ? "stripped" : "kept", path,
                        wanted->strip_accents ? "stripped" : "kept");
    if (wanted->google != google)
        return elc_fail(ELC_EMISMATCH, "%s was tokenized with --compat %s, but %s wants %s", name,
                        google ? "google" : "fast", path, wanted->google ? "google" : "fast");
    const struct elc_tokenizer_id id = elc_tokenizer_options_id(wanted);
    const char *key = id.chinese_joined != rules->chinese_joined ? "tokenize_chinese_chars"
                      : id.keep_controls != rules->keep_controls ? "clean_text"
                      : id.word_chars != rules->word_chars       ? "max_input_chars_per_word"
                                                                 : NULL;
    if (key)
        return elc_fail(ELC_EMISMATCH, "%s was tokenized with another '%s' than %s has", name, key,
                        path);
    if (!same_pattern(wanted->pattern, rules->pattern))
        return elc_fail(ELC_EMISMATCH, "%s was tokenized with the pattern '%s', but %s has '%s'",
                        name, rules->pattern ? rules->pattern : "", path,
                        wanted->pattern ? wanted->pattern : "");
    return 0;
}

int elc_tokenizer_options_check(const char *path, const struct elc_tokenizer_id *rules,
                                const char *name) {
    bool google = rules->compat && strcmp(rules->compat, "google") == 0;
    struct elc_tokenizer_options wanted = {
        .cased = rules->cased, .strip_accents = -1, .google = google};
    int rc = elc_tokenizer_options_read(&wanted, path);
    if (rc == 0)
        rc = check_rules(&wanted, path, rules, google, name);
    elc_tokenizer_options_free(&wanted);
    return rc == ELC_EINVAL ? ELC_EMISMATCH : rc; /* no option is at fault */
}
