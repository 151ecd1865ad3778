# The manual: a page for each program, well-formed, and at one with --help.

setup() {
    cd "$BATS_TEST_DIRNAME/../.." || return 1
    BIN=${BIN:-$PWD/build/release/bin}
}

programs() {
    basename -s .c -a tools/electra-*.c
}

# The --help of a program, and of each command that it lists.
full_help() {
    local help command
    help=$("$BIN/$1" --help)
    echo "$help"
    for command in $(sed -n '/^Commands:/,/^$/s/^  \([a-z]*\) .*/\1/p' <<< "$help"); do
        "$BIN/$1" "$command" --help
    done
}

# Long and short options of a program's --help, one a line.
help_options() {
    full_help "$1" | grep -E '^ +(-|    --)' | sed 's/  [^- ].*//; s/[ ,=|]/\n/g' |
        grep -E '^--?[a-zA-Z]' | sort -u
}

# The same of the OPTIONS of a page: `.It Fl o , Fl -output Ar FILE`.
manual_options() {
    awk '/^\.Sh/ { inside = /OPTIONS/ } inside && /^\.It/' "$1" |
        sed -E 's/Fl Fl /Fl -/g' | grep -oE 'Fl +[-a-zA-Z0-9]+' | sed -E 's/Fl +/-/' | sort -u
}

@test "each program has a page" {
    local program status=0
    for program in $(programs); do
        [ -e "man/$program.1" ] || { echo "man/$program.1 is missing" && status=1; }
    done
    return $status
}

@test "every page is well-formed" {
    command -v mandoc >/dev/null || skip "no mandoc"
    mandoc -T lint -W warning man/*.[157]
}

@test "the options of --help and of the pages are the same" {
    local program status=0
    for program in $(programs); do
        [ -e "man/$program.1" ] || continue
        diff --label "$program --help" --label "man/$program.1" -u \
            <(help_options "$program") <(manual_options "man/$program.1") || status=1
    done
    return $status
}

# The long options that a page's SYNOPSIS names, and "option" where it says that there are others.
synopsis_options() {
    awk '/^\.Sh/ { inside = /SYNOPSIS/ } inside' "$1" | sed 's/Fl -/--/g; s/ | -/ | --/g' |
        grep -oE -e '--[a-z][-a-z0-9]*|Ar option' | sed 's/Ar //' | sort -u
}

@test "a page's synopsis names all options, or says that there are others" {
    local page missing status=0 everywhere
    everywhere='--(output|threads|seed|model|no-history|force|(no-)?progress|quiet|verbose|help|version)'
    for page in man/electra-*.1; do
        synopsis_options "$page" | grep -qx option && continue
        missing=$(comm -23 <(manual_options "$page" | grep -- -- | grep -vxE -e "$everywhere") \
            <(synopsis_options "$page"))
        [ -z "$missing" ] || { echo "$page:" "${missing//$'\n'/ }" && status=1; }
    done
    return $status
}

@test "pages have their sections in the usual order" {
    # shellcheck disable=SC2016 # awk's
    awk '
        BEGIN {
            n = split("NAME SYNOPSIS DESCRIPTION OPTIONS ENVIRONMENT FILES EXIT_STATUS " \
                "EXAMPLES DIAGNOSTICS SEE_ALSO STANDARDS HISTORY AUTHORS CAVEATS BUGS", list, " ")
            for (i = 1; i <= n; i++)
                place[list[i]] = i
        }
        FNR == 1 { last = 0 }
        /^\.Sh / {
            name = substr($0, 5)
            gsub(/["]/, "", name)
            gsub(/ /, "_", name)
            if (!(name in place) && FILENAME ~ /\.1$/) {
                print FILENAME ": unusual section " name
                bad = 1
            }
            if (name in place) {
                if (place[name] < last) {
                    print FILENAME ": " name " stands too late"
                    bad = 1
                }
                last = place[name]
            }
        }
        END { exit bad }' man/*.[157]
}

@test "pages refer to pages that exist" {
    local page section status=0
    while read -r page section; do
        [ -e "man/$page.$section" ] || { echo "no man/$page.$section" && status=1; }
    done < <(sed -nE 's/^\.Xr (electra[-a-z]*) ([0-9]).*/\1 \2/p' man/*.[157] | sort -u)
    return $status
}
