# Two builds of the same source, in different places, give the same bytes.

load ../cli/helper

@test "the place of the source does not show in what is built" {
    mkdir -p some/where/else
    for item in Makefile include lib tools scripts tests; do
        cp -r "$ROOT/$item" some/where/else/
    done
    cp -r some/where/else here
    for place in here some/where/else; do
        MAKEFLAGS='' make -s -C "$place" -j2 all
        (cd "$place/build/release" && sha256sum bin/* libelectra.a) >"${place##*/}.sums"
    done
    [ -s here.sums ]
    diff here.sums else.sums
}
