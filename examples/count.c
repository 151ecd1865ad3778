/* How many texts and tokens streams hold: a small program of your own over the library.
 *
 *     cc -o count count.c $(pkg-config --cflags --libs electra)
 *     electra-tokenize --vocab vocab.txt reviews.txt | ./count
 */
#include <inttypes.h>
#include <stdio.h>

#include <electra/record.h>
#include <electra/stream.h>

/* Every record of a block is a map with ids of the width that the header names. */
static int count_block(const struct elc_block *block, const struct elc_header *header,
                       uint64_t *n_tokens) {
    struct elc_record record;
    struct elc_buffer ids = {0};
    size_t position = 0;
    int rc;
    while ((rc = elc_record_next(&record, &block->payload, &position)) > 0) {
        rc = elc_record_ids(&record, "ids", header->id_width, header->vocab.size, &ids);
        if (rc < 0)
            break;
        *n_tokens += ids.len / sizeof(uint32_t);
    }
    elc_buffer_free(&ids);
    return rc;
}

int main(int argc, char **argv) {
    struct elc_reader *reader = NULL;
    struct elc_block block = {0};
    uint64_t n_texts = 0, n_tokens = 0;
    int event = elc_reader_new(&reader, argv + 1, (size_t)(argc - 1), false);
    if (event == 0) {
        while ((event = elc_reader_next(reader, &block)) > 0) {
            if (event != ELC_BLOCK)
                continue;
            n_texts += block.count;
            int rc = count_block(&block, elc_reader_header(reader), &n_tokens);
            if (rc < 0) {
                event = rc;
                break;
            }
        }
    }
    if (event < 0)
        fprintf(stderr, "count: %s\n", elc_error());
    else
        printf("%" PRIu64 " texts, %" PRIu64 " tokens\n", n_texts, n_tokens);
    elc_buffer_free(&block.payload);
    elc_reader_destroy(reader);
    return event < 0;
}
