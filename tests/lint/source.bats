# What the source promises beyond compiling: layers, headers that stand alone, no dangerous calls.
# shellcheck disable=SC2046 # the names of sources have no spaces

setup() {
    cd "$BATS_TEST_DIRNAME/../.." || return 1
}

# nothing COMMAND…: the command finds nothing to complain of.
nothing() {
    local found
    found=$("$@" || true)
    [ -z "$found" ] || {
        echo "$found"
        return 1
    }
}

sources() {
    find include lib tools tests/unit -name '*.[ch]'
}

@test "each layer includes only those before it" {
    # shellcheck disable=SC2016 # awk's
    nothing awk '
        FILENAME == "tests/lint/layers" {
            if (/^#/)
                next
            layer = substr($1, 1, length($1) - 1)
            rank[layer] = ++n
            for (i = 2; i <= NF; i++) {
                if ($i ~ /^\[/)
                    owner[substr($i, 2, length($i) - 2)] = layer
                else
                    home[$i] = n
            }
            next
        }
        FNR == 1 {
            split(FILENAME, part, "/")
            own = part[1] == "tools" ? n + 1 : part[1] == "lib" ? rank[part[2]] : home[part[3]]
            where = part[1] == "lib" ? part[2] : part[1]
            if (!own)
                print FILENAME ": its layer does not stand in tests/lint/layers"
        }
        /^[ \t]*#[ \t]*include/ {
            header = $0
            gsub(/^[^"<]*["<]|[">].*$/, "", header)
            base = header
            sub(/^electra\//, "", base)
            if (header in owner && owner[header] != where)
                print FILENAME ": only " owner[header] " includes " header
            if (base != header && home[base] > own)
                print FILENAME ": includes " header " of a later layer"
            if (base != header && !home[base])
                print FILENAME ": includes " header ", which stands in no layer"
            if ($0 ~ /"/ && base == header) {
                beside = FILENAME
                sub(/[^\/]*$/, header, beside)
                if ((getline line < beside) < 0)
                    print FILENAME ": includes " header ", which is not beside it"
                close(beside)
            }
        }' tests/lint/layers $(find include lib tools -name '*.[ch]')
}

@test "each public header compiles alone, in C" {
    for header in include/electra/*.h; do
        printf '#include "%s"\nint probe;\n' "${header#include/}" |
            ${CC:-gcc} -std=c11 -Wall -Wextra -Wpedantic -Werror -Iinclude -fsyntax-only -x c -
    done
}

@test "each public header compiles alone, in C++, and declares C functions" {
    local cxx
    cxx=$(command -v "${CXX:-g++}" || command -v clang++) || skip "no C++ compiler"
    for header in include/electra/*.h; do
        printf '#include "%s"\nint probe;\n' "${header#include/}" |
            "$cxx" -std=c++17 -Wall -Wextra -Werror -Iinclude -fsyntax-only -x c++ -
        grep -q '(.*);' "$header" || continue
        grep -q 'extern "C"' "$header"
    done
}

@test "no call that cannot report failure or overruns its buffer" {
    nothing grep -nwE '(atoi|atol|atoll|atof|sprintf|vsprintf|strcpy|strcat|strncpy|gets|strtok|mktemp|tmpnam|alloca) *\(' \
        $(sources)
}

@test "the library neither prints nor ends the process" {
    nothing grep -nE '\<(printf|puts|putchar|perror|exit|_exit|abort) *\(|(^|[^/])\<(stdout|stderr)\>' \
        $(find lib -name '*.[ch]')
}

@test "no file is longer than 800 lines, no line than 100 columns" {
    # shellcheck disable=SC2016
    nothing env LC_ALL=C.UTF-8 awk '
        FNR == 800 { print FILENAME ": longer than 800 lines" }
        { line = $0; gsub(/[\200-\277]/, "", line) }
        length(line) > 100 { print FILENAME ":" FNR ": longer than 100 columns" }' $(sources)
}

@test "nothing is left to do, and no path of a developer's machine" {
    nothing grep -rnIE '\<(TODO|FIXME)\>|(^|[^a-zA-Z.])/(home|root|work|mnt|Users)/' \
        --exclude-dir=build --exclude-dir=.git --exclude-dir=work \
        --exclude-dir=data --exclude-dir=golden --exclude=source.bats .
}
