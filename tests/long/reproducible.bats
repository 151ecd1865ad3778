# Two builds of the same source, in different places, give the same bytes.

load ../cli/helper

@test "the place of the source does not show in what is built" {
    local place
    for place in here some/where/else; do
        mkdir -p "$place"
        (cd "$ROOT" && cp -r Makefile include lib tools scripts tests "$OLDPWD/$place/")
        MAKEFLAGS='' make -s -C "$place" -j2 all
        (cd "$place/build/release" && sha256sum bin/* libelectra.a) >"${place##*/}.sums"
    done
    [ -s here.sums ]
    diff here.sums else.sums
}
