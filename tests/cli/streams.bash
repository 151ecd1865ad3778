# Small streams for tests, made without a tokenizer.

# make_vocab: vocab.txt of nine tokens.
make_vocab() {
    printf '%s\n' '[PAD]' '[UNK]' '[CLS]' '[SEP]' '[MASK]' hello world '##s' '!' > vocab.txt
}

# make_lines N: the text twin of N records on standard output, about 500 bytes each in a stream.
make_lines() {
    local filler
    filler=$(printf 'x%.0s' {1..400})
    seq "$1" | sed "s/.*/{\"id\":&,\"ids\":[2,5,6,3],\"text\":\"hello & $filler\"}/"
}

# make_stream N FILE: a stream of N records; some 550 to a block.
make_stream() {
    [ -e vocab.txt ] || make_vocab
    make_lines "$1" | electra-view --from jsonl --vocab vocab.txt -o "$2"
}

# flip FILE OFFSET: inverts a byte.
flip() {
    local byte
    byte=$(dd if="$1" bs=1 skip="$2" count=1 status=none | od -An -tu1)
    printf '%b' "\\x$(printf %x $((255 - byte)))" |
        dd of="$1" bs=1 seek="$2" count=1 conv=notrunc status=none
}

# size FILE: its bytes.
size() {
    wc -c < "$1"
}
