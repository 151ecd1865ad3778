# electra-eval: results in both formats, what it writes, and everything that can be wrong with them.
# That the figures are right is a matter of tests/unit/test_evaluate.c.

load helper
load streams

# scores TASK: a stream of scores of the records on standard input, lines of its text twin without
# their ids (which the tiny vocabulary does not need).
scores() {
    [ -e vocab.txt ] || make_vocab
    {
        echo '{"id":1,"ids":[]}' | electra-view --from jsonl --vocab vocab.txt |
            electra-view --header | head -n 1 |
            sed "s/\"kind\":\"tokens\"/\"kind\":\"scores\",\"task\":\"$1\"/"
        sed 's/^{/{"ids":[],/'
    } | electra-view --from jsonl
}

# lines TEXT…: each on a line of its own.
lines() {
    printf '%s\n' "$@"
}

# Four texts of two classes, one of them wrong.
spam() {
    lines '{"id":1,"gold":"ham","label":"ham","probabilities":{"ham":0.9,"spam":0.1}}' \
        '{"id":2,"gold":"ham","label":"spam","probabilities":{"ham":0.4,"spam":0.6}}' \
        '{"id":3,"gold":"spam","label":"spam","probabilities":{"ham":0.2,"spam":0.8}}' \
        '{"id":4,"gold":"spam","label":"spam","probabilities":{"ham":0.3,"spam":0.7}}'
}

# As records of a stream: gold is `label`, the result `predicted`.
to_records() {
    sed 's/"label":/"predicted":/; s/"gold":/"label":/'
}

# says TEXT: it stands in what the last command wrote to standard error, in one line.
says() {
    # shellcheck disable=SC2154 # set by run
    [[ $stderr == *"$1"* ]] || { echo "not '$1' but: $stderr"; return 1; }
}

# fails TEXT RESULT…: these lines of JSON are refused with that message.
fails() {
    local message=$1
    shift
    lines "$@" > bad.jsonl
    status_is 1 electra-eval --from jsonl bad.jsonl
    says "electra-eval: bad.jsonl: $message"
    [ "$(wc -l <<< "$stderr")" -eq 1 ]
    [ -z "$output" ]
}

# ---- what is written ----

@test "TSV has a metric on each line" {
    spam | electra-eval --from jsonl > tsv
    diff tsv - <<'END'
accuracy	0.75
f1	0.8
precision	0.666667
recall	1
f1_macro	0.733333
f1_weighted	0.733333
matthews	0.57735
auc	1
log_loss	0.400367
END
}

@test "metrics and tables are written as they are chosen" {
    spam | electra-eval --from jsonl --names --metric recall --metric classes --metric f1 \
        --metric recall --metric confusion > tsv
    diff tsv - <<'END'
metric	value
recall	1
f1	0.8

class	precision	recall	f1	gold	predicted	correct
ham	1	0.5	0.666667	2	1	1
spam	0.666667	1	0.8	2	3	2

gold	ham	spam
ham	1	1
spam	0	2
END
    spam | electra-eval --from jsonl --metric confusion | head -n 1 | grep -qx $'gold\tham\tspam'
}

@test "JSON is one object with everything" {
    spam > spam.jsonl
    electra-eval --from jsonl --format json spam.jsonl > json
    [ "$(wc -l < json)" -eq 1 ]
    grep -q '^{"task":"classify","texts":4,"metrics":{"accuracy":0.75,"f1":0.8,' json
    grep -q '"classes":\[{"class":"ham","precision":1.0,"recall":0.5,' json
    grep -q '"confusion":{"classes":\["ham","spam"\],"counts":\[\[1,1\],\[0,2\]\]}}$' json
    electra-eval --from jsonl --format json --metric auc --bootstrap 10 spam.jsonl > json
    [ "$(cat json)" = \
        '{"task":"classify","texts":4,"metrics":{"auc":1.0},"intervals":{"auc":[1.0,1.0]},"resamples":10}' ]
}

@test "--names is for TSV" {
    spam > spam.jsonl
    status_is 2 electra-eval --from jsonl --names --format json spam.jsonl
    [ "${stderr_lines[0]}" = "electra-eval: --names is for --format tsv" ]
}

@test "names of classes are escaped" {
    lines '{"id":1,"gold":"a\tb","label":"a\\b"}' '{"id":2,"gold":"a\tb","label":"c\nd"}' |
        electra-eval -q --from jsonl --metric confusion > tsv
    diff tsv - <<'END'
gold	a\tb	a\\b	c\nd
a\tb	0	1	1
a\\b	0	0	0
c\nd	0	0	0
END
}

@test "-o appears whole or not at all" {
    spam | electra-eval --from jsonl -o out
    spam | electra-eval --from jsonl | cmp - out
    status_is 2 electra-eval --from jsonl --metric nonsense -o none <(spam)
    [ ! -e none ]
    [ -e /dev/full ] || skip "no /dev/full"
    status_is 1 bash -c 'electra-eval --from jsonl "$1" > /dev/full' - <(spam)
}

# ---- streams and JSON Lines ----

# same TASK RECORDS JSONL: both files give the same metrics.
same() {
    scores "$1" < "$2" > scores.els
    electra-eval --format json scores.els > of-stream
    electra-eval --format json --from jsonl "$3" > of-lines
    cmp of-stream of-lines
    grep -q "\"task\":\"$1\"" of-lines
}

@test "streams and JSON Lines say the same: classify" {
    spam > results.jsonl
    to_records < results.jsonl > records
    same classify records results.jsonl
}

@test "classes whose names begin with a dollar" {
    sed 's/ham/$ham/g' <(spam) > results.jsonl
    to_records < results.jsonl |
        sed -E 's/"probabilities":\{"(.ham)":([0-9.]+),"(.*)":([0-9.]+)\}/"probabilities":{"$map":[["\1",\2],["\3",\4]]}/' \
            > records
    same classify records results.jsonl
    grep -q '"auc":1.0' of-lines
}

@test "streams and JSON Lines say the same: several labels" {
    lines '{"id":1,"gold":["a","b"],"label":["a"]}' '{"id":2,"gold":[],"label":[]}' \
        '{"id":3,"gold":"c","label":["b","c","c"]}' > results.jsonl
    to_records < results.jsonl > records
    same classify records results.jsonl
    grep -q '"f1_micro":0.666666666666667' of-lines
}

@test "streams and JSON Lines say the same: regress" {
    lines '{"id":1,"gold":"1.5","value":1}' '{"id":2,"gold":2,"value":3.5}' \
        '{"id":3,"gold":-1,"value":0.25}' > results.jsonl
    sed 's/"gold"/"label"/' results.jsonl > records
    same regress records results.jsonl
}

@test "several numbers for each text are averaged" {
    lines '{"id":1,"gold":[1,10],"value":[1,20]}' '{"id":2,"gold":[2,20],"value":[2,10]}' |
        electra-eval --from jsonl --metric pearson --metric mae > tsv
    diff tsv <(lines $'pearson\t0' $'mae\t5')
}

@test "streams and JSON Lines say the same: tag" {
    lines '{"id":1,"gold":["B-A","I-A","O"],"labels":["B-A","I-A","S-B"]}' \
        '{"id":2,"gold":["O"],"labels":["O"]}' > results.jsonl
    sed 's/"gold"/"label"/; s/"labels"/"predicted"/' results.jsonl > records
    same tag records results.jsonl
    grep -q '"recall":1.0' of-lines
    grep -q '"classes":\[{"class":"A"' of-lines
}

@test "streams and JSON Lines say the same: qa" {
    lines '{"id":1,"gold":[{"text":"a cat","start":3}],"answer":"The cat.","null_odds":-1,"answers":[{"text":"The cat."}]}' \
        '{"id":2,"gold":[],"answer":"","null_odds":2.5,"answers":[{"text":""},{"text":"dog"}]}' \
        '{"id":3,"gold":[{"text":"x","start":0}],"answer":"y","null_odds":0,"answers":[{"text":"y"}]}' \
        > results.jsonl
    sed 's/"answers"/"nbest"/; s/"answer"/"predicted"/; s/"gold":\[\]/"impossible":true/; s/"gold"/"answers"/' \
        results.jsonl > records
    same qa records results.jsonl
    grep -q '"exact":66.6666666666667' of-lines
    grep -q '"best_exact_thresh":-1.0' of-lines
}

@test "streams and JSON Lines say the same: rtd" {
    # floats 0.25, 0.75, 0.5
    lines '{"id":1,"replaced":[0,1,1],"p":{"$bin":"AACAPgAAQD8AAAA/"}}' \
        '{"id":2,"replaced":[],"p":{"$bin":""}}' > records
    lines '{"id":1,"gold":[0,1,1],"score":0,"tokens":[{"p":0.25},{"p":0.75},{"p":0.5}]}' \
        '{"id":2,"gold":[],"score":0,"tokens":[]}' > results.jsonl
    same rtd records results.jsonl
    grep -q '"recall":0.5' of-lines
}

@test "streams and JSON Lines say the same: fill" {
    # ids 5, 6 and 6, 6; floats 0.25, 0.75
    lines '{"id":1,"original":[5,6],"predicted":{"$bin":"BgAGAA=="},"p_original":{"$bin":"AACAPgAAQD8="}}' \
        > records
    lines '{"id":1,"gold":[5,6],"tokens":[{"token":"c","original":"b","p_original":0.25},{"token":"c","original":"c","p_original":0.75}]}' \
        > results.jsonl
    same fill records results.jsonl
    grep -q '"accuracy":0.5' of-lines
}

@test "streams and JSON Lines say the same: pll" {
    lines '{"id":1,"pll":-6,"tokens":4,"perplexity":4.4817}' \
        '{"id":2,"pll":-2,"tokens":4,"perplexity":1.6487}' > results.jsonl
    same pll results.jsonl results.jsonl
    grep -q '"perplexity":2.71828182845905' of-lines
}

@test "operands are read as one" {
    spam | to_records | scores classify > one.els
    cat one.els one.els | electra-eval > joined
    electra-eval one.els one.els | cmp - joined
    electra-eval - one.els < one.els | cmp - joined
}

@test "of a text's windows the first has the result" {
    lines '{"id":1,"window":[1,2],"answers":[{"text":"x","start":0}],"predicted":"x"}' \
        '{"id":1,"window":[2,2],"answers":[{"text":"x","start":0}]}' \
        '{"id":2,"answers":[{"text":"y","start":0}],"predicted":"x"}' | scores qa > qa.els
    electra-eval qa.els | diff - <(lines $'exact_match\t50' $'f1\t50')
    lines '{"id":1,"window":[1,2],"pll":-6,"tokens":4,"perplexity":4.4817}' \
        '{"id":1,"window":[2,2],"pll":-2,"tokens":4,"perplexity":1.6487}' | scores pll > pll.els
    electra-eval pll.els | grep -q $'^perplexity\t2.71828' # where each window has its own
}

@test "the threshold and the rules for answers are chosen" {
    lines '{"id":1,"gold":[{"text":"x"}],"answer":"","null_odds":1,"answers":[{"text":""},{"text":"x"}]}' \
        > qa.jsonl
    electra-eval --from jsonl --metric exact qa.jsonl | grep -qx $'exact\t0'
    electra-eval --from jsonl --metric exact --threshold 2 qa.jsonl | grep -qx $'exact\t100'
    electra-eval --from jsonl --metric exact_match --squad 1.1 qa.jsonl | grep -qx $'exact_match\t0'
    status_is 2 electra-eval --from jsonl --squad 1.1 --threshold 2 qa.jsonl
    status_is 1 electra-eval --from jsonl --metric exact --squad 1.1 qa.jsonl
    says "exact needs SQuAD 2.0's rules"
    sed 's/"null_odds":1,//' qa.jsonl > no-odds.jsonl
    status_is 1 electra-eval --from jsonl --threshold 2 no-odds.jsonl
    says "text '1' has no null_odds"
}

@test "the positive class is the second in order, or chosen" {
    spam | electra-eval --from jsonl --positive ham --metric recall | grep -qx $'recall\t0.5'
    status_is 1 electra-eval --from jsonl --positive egg <(spam)
    says "no text has or gets the positive class 'egg'"
    status_is 2 electra-eval --from jsonl --squad 1.1 <(spam)
    says "rules and thresholds of SQuAD are not for results of classify"
    status_is 2 electra-eval --from jsonl --positive a <(lines '{"id":1,"gold":1,"value":1}')
    says "there is no positive class among results of regress"
    status_is 2 electra-eval --from jsonl --positive spam \
        <(spam && lines '{"id":"x","gold":"egg","label":"spam"}')
    says "one of two classes can be the positive one; there are 3"
}

@test "texts with NUL" {
    lines '{"id":"a\u0000","gold":["a\u0000b"],"answer":"a\u0000b"}' '{"id":1,"gold":["b"],"answer":"b"}' > nul.jsonl
    electra-eval --from jsonl --squad 1.1 --metric exact_match nul.jsonl | grep -qx $'exact_match\t100'
    lines '{"id":"a","label":["X\u0000","O"],"predicted":["X\u0000","O"]}' | scores tag |
        electra-eval --metric accuracy | grep -qx $'accuracy\t1'
    model=$ROOT/tests/golden/directory/discriminator
    printf '{"id":"a\\u0000","text":"hi","label":"x\\u0000"}\n' |
        electra-tokenize -m "$model" --jsonl --id id --label label |
        electra-score -m "$model" --format jsonl > scores.jsonl
    grep -F '"id":"a\u0000"' scores.jsonl
}

# ---- bootstrap ----

@test "neither threads nor the format of the input change an interval" {
    spam > spam.jsonl
    electra-eval --from jsonl --bootstrap 300 spam.jsonl > one
    electra-eval --from jsonl --bootstrap 300 -j 3 spam.jsonl | cmp - one
    to_records < spam.jsonl | scores classify | electra-eval --bootstrap 300 | cmp - one
    electra-eval --from jsonl --bootstrap 300 -s 2 spam.jsonl > two
    [ "$(cut -f 1,2 one)" = "$(cut -f 1,2 two)" ]
    run ! cmp -s one two
    awk -F '\t' 'NF != 4 || !($3 <= $2 && $2 <= $4) { exit 1 }' one
}

@test "two runs are compared" {
    spam > spam.jsonl
    sed '2s/"label":"spam"/"label":"ham"/' spam.jsonl > better.jsonl
    electra-eval --from jsonl --names --against spam.jsonl better.jsonl > tsv
    head -n 1 tsv | grep -qx $'metric\tvalue\tagainst\tdifference\tlow\thigh\tp'
    grep -qE $'^accuracy\t1\t0.75\t0.25\t0\t' tsv
    electra-eval --from jsonl --names --against spam.jsonl --bootstrap 0 better.jsonl | head -n 2 |
        diff - <(lines $'metric\tvalue\tagainst\tdifference' $'accuracy\t1\t0.75\t0.25')
    electra-eval --from jsonl --format json --metric f1 --against better.jsonl better.jsonl > json
    [ "$(cat json)" = \
        '{"task":"classify","texts":4,"metrics":{"f1":1.0},"against":{"f1":1.0},"differences":{"f1":{"value":0.0,"low":0.0,"high":0.0,"p":1.0}},"resamples":1000}' ]
}

@test "standard input is one of the two runs at the most" {
    spam > spam.jsonl
    for operand in - '' 'spam.jsonl -'; do
        # shellcheck disable=SC2086 # words
        status_is 2 electra-eval --from jsonl --against - $operand < spam.jsonl
        [[ ${stderr_lines[0]} == "electra-eval: --against: standard input holds one run's"* ]]
    done
    electra-eval --from jsonl --against spam.jsonl spam.jsonl > expected
    electra-eval --from jsonl --against - spam.jsonl < spam.jsonl | cmp - expected
    electra-eval --from jsonl --against spam.jsonl - < spam.jsonl | cmp - expected
}

@test "runs of other texts are not compared" {
    spam > spam.jsonl
    sed '3s/"id":3/"id":"7"/' spam.jsonl > other.jsonl
    status_is 1 electra-eval --from jsonl --against other.jsonl spam.jsonl
    says "electra-eval: --against other.jsonl: text 3 has the id '3' in one, '7' in the other"
    head -n 3 spam.jsonl > other.jsonl
    status_is 1 electra-eval --from jsonl --against other.jsonl spam.jsonl
    says "one has 4 texts, the other 3"
    sed '2s/"gold":"ham"/"gold":"spam"/' spam.jsonl > other.jsonl
    status_is 1 electra-eval --from jsonl --against other.jsonl spam.jsonl
    says "text '2' does not have the same gold in both"
    lines '{"id":1,"gold":2,"value":1}' > other.jsonl
    status_is 1 electra-eval --from jsonl --against other.jsonl spam.jsonl
    says "one has results of classify, the other of regress"
}

# ---- what is wrong ----

@test "texts without gold are named, or left out" {
    spam | sed '3s/"gold":"spam",//' > some.jsonl
    status_is 1 electra-eval --from jsonl some.jsonl
    says "some.jsonl: line 3: there is no gold ('gold')"
    status_is 3 electra-eval --from jsonl --keep-going some.jsonl
    says "1 texts were left out"
    [[ $output == *$'accuracy\t0.666667'* ]]
    to_records < some.jsonl | scores classify > some.els
    status_is 1 electra-eval some.els
    says "some.els: record 3: there is no gold ('label')"
    sed 's/"gold":"[a-z]*",//' some.jsonl > none.jsonl
    status_is 1 electra-eval --from jsonl --keep-going none.jsonl
    says "none.jsonl: there is no text to evaluate"
}

@test "texts that were rejected are named, or left out" {
    { lines '{"id":0,"error":"no tokens"}'; spam; } > some.jsonl
    status_is 1 electra-eval --from jsonl some.jsonl
    says "some.jsonl: line 1: it was rejected: no tokens"
    status_is 3 electra-eval --from jsonl --keep-going --format json some.jsonl
    [[ $output == *'"texts":4,"rejected":1,'* ]]
    to_records < some.jsonl | scores classify > some.els
    status_is 1 electra-eval some.els
    says "some.els: record 1: it was rejected: no tokens"
    status_is 3 electra-eval -q --keep-going some.els
    [ -z "$stderr" ]
}

@test "what is no result is refused" {
    fails "line 1: it has no result" '{"id":1,"gold":"a"}'
    fails "line 1: it has no result" '{"id":1,"gold":"a","embedding":[1,2]}'
    fails "line 1: it is no object of JSON" '[1]'
    fails "line 2: not JSON: " '{"id":1,"gold":"a","label":"b"}' 'nonsense'
    fails "line 2: 'id' is neither" '{"id":1,"gold":"a","label":"b"}' '{"gold":"a","label":"b"}'
    fails "line 2: 'label' is not a class" '{"id":1,"gold":"a","label":"b"}' \
        '{"id":2,"gold":"a","label":["b"]}'
    fails "line 1: 'gold' is not a class" '{"id":1,"gold":["a"],"label":"b"}'
    fails "line 2: 'label' is not an array" '{"id":1,"gold":"a","label":["b"]}' \
        '{"id":2,"gold":"a","label":"b"}'
    fails "line 1: 'probabilities' is not a finite number" \
        '{"id":1,"gold":"a","label":"a","probabilities":{"a":"much"}}'
    fails "line 1: 'value' is not a finite number" '{"id":1,"gold":1,"value":"x"}'
    fails "line 1: gold: 'much' is not a number" '{"id":1,"gold":"much","value":1}'
    fails "line 1: 2 numbers are predicted, but gold has 1" '{"id":1,"gold":1,"value":[1,2]}'
    fails "line 1: 2 words have a predicted label, but only 1 a gold one" \
        '{"id":1,"gold":["O"],"labels":["O","O"]}'
    fails "line 1: 'labels' is not an array of strings" '{"id":1,"gold":["O"],"labels":[1]}'
    fails "line 1: 'gold' has an answer without a text" '{"id":1,"gold":[1],"answer":"x"}'
    fails "line 1: 'gold' is not an array of answers" '{"id":1,"gold":"x","answer":"x"}'
    fails "line 1: 1 tokens are scored, but gold has 2" \
        '{"id":1,"gold":[0,1],"score":1,"tokens":[{"p":0.5}]}'
    fails "line 1: 'p' is not a probability" '{"id":1,"gold":[0],"score":1,"tokens":[{"p":1.5}]}'
}

@test "numbers that are not finite are refused" {
    lines '{"id":1,"label":1,"value":{"$double":"nan"}}' | scores regress > nan.els
    status_is 1 electra-eval nan.els
    says "nan.els: record 1: 'value' is not a finite number"
    lines '{"id":1,"replaced":[1],"p":{"$bin":"AADAfw=="}}' | scores rtd > nan.els
    status_is 1 electra-eval nan.els
    says "nan.els: record 1: 'p' is not a probability"
}

@test "streams of something else are refused" {
    make_stream 3 tokens.els
    status_is 1 electra-eval tokens.els
    says "tokens.els: it holds tokens, not scores"
    lines '{"id":1}' | scores embed > embed.els
    status_is 1 electra-eval embed.els
    says "embed.els: it has results of embed, which cannot be evaluated"
    lines '{"id":1,"label":1,"value":1}' | scores regress > a.els
    spam | to_records | scores classify > b.els
    status_is 1 electra-eval a.els b.els
    says "b.els: it has results of classify, what came before of regress"
    status_is 1 electra-eval --from jsonl a.els
    says "a.els: a stream of records, not text"
    status_is 1 electra-eval <(spam)
    says "JSON, not a stream: --from jsonl reads results in JSON Lines"
    status_is 1 electra-eval <(lines $'1\tham\t0.9')
    says "text, not a stream: electra-score --format stream writes one"
    status_is 1 electra-eval <(head -c 200 b.els)
    status_is 1 electra-eval /dev/null
    says "/dev/null: empty"
    lines '{"id":1,"label":"x"}' | scores classify > c.els
    status_is 1 electra-eval c.els
    says "c.els: record 1: 'label' is not a class"
}

@test "nothing to evaluate is an error" {
    status_is 1 electra-eval --from jsonl /dev/null
    says "there is no text to evaluate"
    scores classify < /dev/null > empty.els
    status_is 1 electra-eval empty.els
    says "empty.els: there is no text to evaluate"
}

@test "metrics that do not fit are refused" {
    spam > spam.jsonl
    status_is 2 electra-eval --from jsonl --metric pearson spam.jsonl
    says "'pearson' is no metric of classify; these are: accuracy f1 "
    lines '{"id":1,"gold":"a","label":"b"}' '{"id":2,"gold":"c","label":"c"}' > three.jsonl
    status_is 1 electra-eval -q --from jsonl --metric f1 three.jsonl
    says "f1 needs two classes"
    status_is 1 electra-eval -q --from jsonl --metric log_loss three.jsonl
    says "log_loss needs probabilities"
    lines '{"id":1,"gold":1,"value":1}' > one.jsonl
    status_is 1 electra-eval --from jsonl --metric confusion one.jsonl
    says "confusion needs"
    status_is 1 electra-eval --from jsonl --metric classes one.jsonl
}

@test "what is not defined is said" {
    spam | head -n 2 > ham.jsonl
    status_is 0 electra-eval --from jsonl ham.jsonl
    [[ $output == *$'auc\tnan'* ]]
    says "electra-eval: auc is not defined here: it needs two classes, both among the gold ones"
    status_is 0 electra-eval -q --from jsonl --format json ham.jsonl
    [[ $output == *'"auc":null'* ]]
    [ -z "$stderr" ]
    lines '{"id":1,"gold":1,"value":2}' '{"id":2,"gold":2,"value":2}' > constant.jsonl
    status_is 0 electra-eval --from jsonl --metric pearson --bootstrap 10 constant.jsonl
    [ "$output" = $'pearson\tnan\tnan\tnan' ]
    says "pearson is not defined here: it needs numbers that differ"
}

@test "classes that are never predicted or not known are said" {
    lines '{"id":1,"gold":"a","label":"b","probabilities":{"a":0.2,"b":0.8}}' \
        '{"id":2,"gold":"b","label":"b","probabilities":{"a":0.2,"b":0.8}}' > results.jsonl
    status_is 0 electra-eval --from jsonl results.jsonl
    says "class 'a' is never predicted: its precision counts as 0"
    lines '{"id":3,"gold":"c","label":"b","probabilities":{"a":0.2,"b":0.8}}' >> results.jsonl
    status_is 0 electra-eval --from jsonl results.jsonl
    says "2 classes, 'a' first, are never predicted"
    says "1 texts have a class that the model does not know, 'c' first"
}

@test "words that were cut off count as wrong, and are counted" {
    lines '{"id":1,"gold":["B-A","B-A","O"],"labels":["B-A"]}' > cut.jsonl
    status_is 0 electra-eval --from jsonl --metric recall --metric accuracy cut.jsonl
    says "2 words were cut off: they count as O"
    [ "$output" = $'recall\t0.5\naccuracy\t0.333333' ]
    sed 's/B-A/NN/g; s/"O"/"VB"/' cut.jsonl > words.jsonl
    status_is 0 electra-eval --from jsonl --metric accuracy words.jsonl
    says "2 words were cut off: they count as wrong"
}

@test "too many classes are refused" {
    seq 10001 | sed 's/.*/{"id":&,"gold":&,"label":&}/' > many.jsonl
    status_is 1 electra-eval --from jsonl many.jsonl
    says "line 10001: there are more than 10000 classes"
    head -n 1500 many.jsonl > some.jsonl
    status_is 1 electra-eval --from jsonl --metric confusion some.jsonl
    says "of at most 1000"
    electra-eval --from jsonl --metric accuracy some.jsonl | grep -qx $'accuracy\t1'
}

# ---- with the programs before it ----

# tokenize OPTION…: as for the tiny networks below.
tokenize() {
    electra-tokenize -q --vocab words.txt --max-length 32 "$@"
}

# agrees COMMAND STREAM METRIC… [-- OPTION…]: a network is trained on the stream, and what
# electra-eval says of its results, in both formats, is what the training said of it.
agrees() {
    local command=$1 stream=$2 metric value metrics=()
    shift 2
    while [ $# -gt 0 ] && [ "$1" != -- ]; do
        metrics+=(--metric "$1")
        shift
    done
    electra-train "$command" -q --config tiny.json --vocab words.txt --epochs 2 -o model \
        --valid "$stream" "${@:2}" "$stream" > metrics.jsonl
    electra-score -q -m model --format stream "$stream" | electra-eval -q "${metrics[@]}" > tsv
    electra-score -q -m model --format jsonl "$stream" |
        electra-eval -q --from jsonl "${metrics[@]}" | diff tsv -
    while read -r metric value; do
        grep -o "\"valid_$metric\":[^,}]*" metrics.jsonl | tail -n 1 | sed 's/.*://; s/null/nan/' |
            awk -v value="$value" '{ exit !($1 == value || ($1 - value) ^ 2 < 1e-10) } END { exit !NR }'
    done < tsv
    rm -r model
}

@test "what a training says of its validation, electra-eval says of the results" {
    cat > tiny.json << 'JSON'
{"hidden_size": 16, "embedding_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2,
 "intermediate_size": 32, "train_batch_size": 4, "max_position_embeddings": 64}
JSON
    electra-vocab -q --size 500 "$CORPUS" > words.txt
    for i in {1..6}; do
        printf '%s\n' "a good $i day"$'\tpos' "a bad $i day"$'\tneg' "it is $i now"$'\tnone'
    done | tokenize --tsv --text 1 --label 2 > three.els
    agrees classify three.els accuracy f1_macro matthews
    for i in {1..6}; do
        printf 'good %s\tbad %s\t%s.5\n' "$i" "$i" "$i"
    done | tokenize --tsv --text 1 --pair 2 --label 3 > pairs.els
    agrees regress pairs.els pearson spearman mse
    for _ in {1..8}; do
        printf 'Paris B-LOC\nis O\nNew B-LOC\nYork I-LOC\n\nJohn B-PER\nsees O\nit. O\n\n'
    done | tokenize --conll > tags.els
    agrees tag tags.els f1 precision recall accuracy
    printf '%s\n' '{"text":"good","label":["a","b"]}' '{"text":"bad","label":[]}' \
        '{"text":"good day","label":["a"]}' '{"text":"day","label":["c"]}' |
        tokenize --jsonl --text text --label label > sets.els
    agrees classify sets.els f1_micro f1_macro accuracy -- --multi-label
}

@test "answers of a model, to questions that have one and to others, in both formats" {
    cat > tiny.json << 'JSON'
{"hidden_size": 16, "embedding_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2,
 "intermediate_size": 32, "max_position_embeddings": 64}
JSON
    electra-vocab -q --size 500 "$CORPUS" > words.txt
    cat > squad.json << 'JSON'
{"data": [{"paragraphs": [{"context": "The cat sat on the mat. The dog ran over the red hill.", "qas": [
 {"id": "a", "question": "Who sat?", "answers": [{"text": "The cat", "answer_start": 0}]},
 {"id": "b", "question": "Where?", "answers": [{"text": "hill", "answer_start": 49}]},
 {"id": "c", "question": "Which bird?", "answers": [], "is_impossible": true}]}]}]}
JSON
    tokenize --squad squad.json > squad.els
    electra-train qa -q --config tiny.json --vocab words.txt --epochs 2 -o model squad.els > /dev/null
    electra-score -q -m model --format stream squad.els | electra-eval --format json > of-stream
    electra-score -q -m model --format jsonl squad.els |
        electra-eval --from jsonl --format json | sed 's/_thresh":[^,}]*/_thresh":/g' |
        diff - <(sed 's/_thresh":[^,}]*/_thresh":/g' of-stream)
    grep -q '"texts":3,.*"HasAns_f1":.*"NoAns_f1":.*"best_f1_thresh":' of-stream
}
