# WordNet's data files to lines: the definition of a set of words, a tab, and the category that its
# second field is the number of, by the names of lexnames(5WN).
BEGIN {
    OFS = "\t"
    split("adj.all adj.pert adv.all noun.Tops noun.act noun.animal noun.artifact noun.attribute " \
          "noun.body noun.cognition noun.communication noun.event noun.feeling noun.food " \
          "noun.group noun.location noun.motive noun.object noun.person noun.phenomenon " \
          "noun.plant noun.possession noun.process noun.quantity noun.relation noun.shape " \
          "noun.state noun.substance noun.time verb.body verb.change verb.cognition " \
          "verb.communication verb.competition verb.consumption verb.contact verb.creation " \
          "verb.emotion verb.motion verb.perception verb.possession verb.social verb.stative " \
          "verb.weather adj.ppl", name, " ")
}
/^[0-9]/ {
    gloss = substr($0, index($0, "|") + 1)
    sub(/; *".*/, "", gloss)
    gsub(/\t|^ +| +$/, "", gloss)
    if (gloss != "")
        print gloss, name[$2 + 1]
}
