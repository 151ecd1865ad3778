# WordNet's data files to text: one definition or example a line, a blank line between documents.
# After the bar stands `definition; "example"; "another example" - its author`.
/^[0-9]/ {
    gloss = substr($0, index($0, "|") + 1)
    n = split(gloss, part, "\"")
    for (i = 1; i <= n; i++) {
        line = part[i]
        gsub(/^[ ;:,-]+|[ ;:,]+$/, "", line)
        if (line ~ / / && (i == 1 || i % 2 == 0))
            print line
    }
    if (++glosses % per_document == 0)
        print ""
}
