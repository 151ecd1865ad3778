/* Headers in memory: copies, history, and whether two of them belong together. */
#include "electra/stream.h"

#include <stdlib.h>
#include <string.h>

#include "header.h"

static const char *const kind_names[] = {"tokens", "corrupted", "scores"};

const char *elc_kind_name(enum elc_kind kind) {
    return kind_names[kind];
}

void elc_header_free(struct elc_header *header) {
    elc_buffer_free(&header->extra);
    elc_arena_free(&header->arena);
    *header = (struct elc_header){0};
}

int elc_header_copy(struct elc_header *copy, const struct elc_header *header) {
    struct elc_buffer bytes = {0};
    *copy = (struct elc_header){0};
    int err = elc_header_pack(&bytes, header);
    if (!err)
        err = elc_header_unpack(copy, bytes.data, bytes.len);
    elc_buffer_free(&bytes);
    return err;
}

int elc_header_add_history(struct elc_header *header, const char *program, const char *version,
                           const char *const *args, size_t n_args) {
    struct elc_arena *arena = &header->arena;
    size_t n = header->n_history;
    struct elc_history_entry *entries = elc_arena_alloc(arena, (n + 1) * sizeof *entries);
    struct elc_history_entry entry = {
        .program = elc_arena_text(arena, program, strlen(program)),
        .version = elc_arena_text(arena, version, strlen(version)),
        .args = elc_arena_alloc(arena, (n_args + 1) * sizeof *entry.args),
        .n_args = n_args,
    };
    if (!entries || !entry.program || !entry.version || !entry.args)
        return ELC_ENOMEM;
    for (size_t i = 0; i < n_args; i++) {
        entry.args[i] = elc_arena_text(arena, args[i], strlen(args[i]));
        if (!entry.args[i])
            return ELC_ENOMEM;
    }
    if (n > 0)
        memcpy(entries, header->history, n * sizeof *entries);
    entries[n] = entry;
    header->history = entries;
    header->n_history = n + 1;
    return 0;
}

static bool same_text(const char *a, const char *b) {
    return (!a && !b) || (a && b && strcmp(a, b) == 0);
}

static const char *shown(const char *text) {
    return text ? text : "none";
}

static int check_vocab(const struct elc_vocab_id *a, const char *a_name,
                       const struct elc_vocab_id *b, const char *b_name) {
    if (a->size != b->size || strcmp(a->xxh3, b->xxh3) != 0)
        return elc_fail(ELC_EMISMATCH,
                        "%s has a vocabulary of %llu tokens (%.8s…), %s another of %llu (%.8s…)",
                        a_name, (unsigned long long)a->size, a->xxh3, b_name,
                        (unsigned long long)b->size, b->xxh3);
    if (a->pad != b->pad || a->unk != b->unk || a->cls != b->cls || a->sep != b->sep ||
        a->mask != b->mask)
        return elc_fail(ELC_EMISMATCH, "%s and %s disagree about the ids of the special tokens",
                        a_name, b_name);
    return 0;
}

static int check_tokenizer(const struct elc_tokenizer_id *a, const char *a_name,
                           const struct elc_tokenizer_id *b, const char *b_name) {
    if (a->cased != b->cased)
        return elc_fail(ELC_EMISMATCH, "%s is %s, %s is %s", a_name, a->cased ? "cased" : "uncased",
                        b_name, b->cased ? "cased" : "uncased");
    if (a->strip_accents != b->strip_accents)
        return elc_fail(ELC_EMISMATCH, "%s has accents %s, %s %s", a_name,
                        a->strip_accents ? "stripped" : "kept", b_name,
                        b->strip_accents ? "stripped" : "kept");
    if (!same_text(a->compat, b->compat))
        return elc_fail(ELC_EMISMATCH, "%s was tokenized with --compat %s, %s with %s", a_name,
                        shown(a->compat), b_name, shown(b->compat));
    if (!same_text(a->pattern, b->pattern))
        return elc_fail(ELC_EMISMATCH, "%s was tokenized with --pattern '%s', %s with '%s'", a_name,
                        shown(a->pattern), b_name, shown(b->pattern));
    if (!same_text(a->unicode, b->unicode))
        return elc_fail(ELC_EMISMATCH, "%s was tokenized with the tables of Unicode %s, %s with %s",
                        a_name, shown(a->unicode), b_name, shown(b->unicode));
    const char *key = a->chinese_joined != b->chinese_joined ? "tokenize_chinese_chars"
                      : a->keep_controls != b->keep_controls ? "clean_text"
                      : a->word_chars != b->word_chars       ? "max_input_chars_per_word"
                                                             : NULL;
    if (key)
        return elc_fail(ELC_EMISMATCH, "%s and %s were tokenized with different '%s'", a_name,
                        b_name, key);
    return 0;
}

int elc_header_check_same(const struct elc_header *a, const char *a_name,
                          const struct elc_header *b, const char *b_name) {
    if (a->kind != b->kind)
        return elc_fail(ELC_EMISMATCH, "%s holds %s, %s holds %s", a_name, elc_kind_name(a->kind),
                        b_name, elc_kind_name(b->kind));
    int err = check_vocab(&a->vocab, a_name, &b->vocab, b_name);
    if (err)
        return err;
    if (a->id_width != b->id_width)
        return elc_fail(ELC_EMISMATCH, "%s has ids of %u bytes, %s of %u", a_name, a->id_width,
                        b_name, b->id_width);
    return check_tokenizer(&a->tokenizer, a_name, &b->tokenizer, b_name);
}

int elc_header_check_vocab(const struct elc_header *header, const char *header_name,
                           const struct elc_vocab_id *vocab, const char *vocab_name) {
    return check_vocab(&header->vocab, header_name, vocab, vocab_name);
}
