/* Records for people and for line tools: one line of TSV, one line of text, a paragraph of HTML.
 *
 * Unlike the JSON twin none of these can be read back.
 */
#ifndef ELECTRA_RENDER_H
#define ELECTRA_RENDER_H

#include "electra/json.h"
#include "electra/record.h"
#include "electra/stream.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The columns of elc_tsv_from_record, and a LF. */
#define ELC_TSV_COLUMNS "id\tlabel\ttext\tpair\ttokens\n"

/* Appends id, label, text, pair and tokens, empty where absent: tokens by name, or by id where
 * options->token is NULL, with a space between them. TAB, LF, CR and \ are escaped by \. */
int elc_tsv_from_record(struct elc_buffer *line, const struct elc_record *record,
                        const struct elc_json_options *options) ELC_MUST_CHECK;

/* Appends the text and, after a TAB, the pair, with a space for each LF, CR and TAB inside; for
 * a record without text the words of its tokens, with a TAB for [SEP]. ELC_EINVAL when it has
 * no text and options->token is NULL. */
int elc_text_from_record(struct elc_buffer *line, const struct elc_record *record,
                         const struct elc_header *header,
                         const struct elc_json_options *options) ELC_MUST_CHECK;

/* A page is elc_html_begin, paragraphs, elc_html_end. Tokens that are masked or replaced are
 * marked, with the original as a tooltip. */
int elc_html_begin(struct elc_buffer *page) ELC_MUST_CHECK;
int elc_html_from_record(struct elc_buffer *page, const struct elc_record *record,
                         const struct elc_json_options *options) ELC_MUST_CHECK;
int elc_html_end(struct elc_buffer *page) ELC_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
