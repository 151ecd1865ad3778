# CoNLL's columns with the labels of BIO, or IO, in the last one, to the same with those of BIOES: E
# ends a span of several words, and S is one of a single word. The spans stay what they are, so that
# results compare. google-research/electra learns phrases and names so.
function goes_on(i) {
    return i > 1 && i <= n && prefix[i - 1] ~ /[BI]/ && prefix[i] ~ /[IE]/ && type[i] == type[i - 1]
}
function flush(i) {
    for (i = 1; i <= n; i++) {
        if (prefix[i] ~ /[BIES]/)
            sub(/[^ \t\r]+[ \t\r]*$/,
                (goes_on(i) ? goes_on(i + 1) ? "I" : "E" : goes_on(i + 1) ? "B" : "S") type[i], line[i])
        print line[i]
    }
    n = 0
}
NF == 0 || /^-DOCSTART-/ {
    flush()
    print
    next
}
{
    line[++n] = $0
    tag = $NF
    sub(/\r$/, "", tag)
    prefix[n] = tag ~ /^[BIES](-|$)/ ? substr(tag, 1, 1) : ""
    type[n] = prefix[n] == "" ? "" : substr(tag, 2)
}
END { flush() }
