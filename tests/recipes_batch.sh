#!/usr/bin/env bash
# pipelines/batch, fetch and video, in a checkout of their own. What batch does over ssh and by Slurm
# is in tests/cluster.sh.
set -uo pipefail
source "$(dirname "$0")/part.sh"
cd "$SCRATCH"
mkdir -p tree/pipelines tree/bin
cp "$ROOT"/pipelines/{run.sh,deps.sh,batch,fetch,fetch.tsv,video} tree/pipelines
ln -s "$BIN"/* tree/bin/
serving=
trap '[[ ! $serving ]] || kill "$serving"; rm -rf "$SCRATCH"' EXIT

# gives STATUS SAID PROGRAM ARGUMENT...: it ends so, and the last line that it says matches SAID.
gives() {
    local wanted=$1 words=$2 status
    shift 2
    tree/pipelines/"$@" >printed 2>said </dev/null
    status=$?
    [[ $status == "$wanted" && $(tail -n 1 said) =~ ^($words)$ ]] && return
    echo "exit status $status, not $wanted, or not said: $words"
    cat said
    return 1
}

# batch

pictures=("$DATA"/pictures/{rgb420,rgb444,grey,restart,progressive,rgb422}.jpg)
pipe='vitfwd -l none -j 1'
single() { # SHARD MADE: what one machine makes of it
    cmp <("$BIN/vitfwd" -l none "$1" 2>/dev/null) "$2"
}

make_shards() {
    mkdir -p 'in put/b c'
    echo no picture >broken.jpg
    preprocess --pack "${pictures[@]:0:3}" broken.jpg -o 'in put/one.tar' # 1, for it has a bad one
    preprocess --pack "${pictures[@]:3}" -o 'in put/b c/two words.tar'
} 2>/dev/null

batch_whole() {
    gives 0 "batch: 2 shards, 7 samples, 1 bad: $PWD/a b/classes.tsv" \
        batch --jobs 2 -o 'a b' "$pipe" 'in put' && grep -qx 'batch: one.tar: 4 samples, 1 bad' said &&
        single 'in put/one.tar' 'a b/one.tar' &&
        single 'in put/b c/two words.tar' 'a b/b c/two words.tar' || return
    diff <(tensorcat 'a b/b c/two words.tar' 'a b/one.tar' 2>/dev/null | topk -n 1 2>/dev/null) \
        'a b/classes.tsv' && [[ ! $(find 'a b' -name '*.part') ]]
}

# What would be made of itself, or of what was made; and another list, however long the first.
batch_own_products() {
    mkdir -p many nest table
    for i in {1..1500}; do ln 'in put/one.tar' "many/a-rather-long-name-of-a-shard-$i.tar"; done
    ln 'in put/one.tar' nest/a.tar && ln 'in put/one.tar' table/table.tar &&
        gives 0 '' batch --prepare -o long "$pipe" many &&
        gives 2 '.*has shards that aren.t asked for now.*' batch --prepare -o long "$pipe" nest &&
        [[ $(wc -l <long/list) == 1500 ]] &&
        gives 2 '.*would be made of itself.*' batch -o nest "$pipe" nest &&
        gives 2 '.*lies in nest.*' batch -o nest/out "$pipe" nest &&
        gives 2 '.*table.tsv is of all shards.*' batch --tsv -o tabled tensorls table
}

# Two at once in one folder end as one does.
batch_twice() {
    local other status=0
    tree/pipelines/batch -o twice "$pipe" 'in put' >/dev/null 2>&1 &
    other=$!
    gives 0 'batch: 2 shards, 7 samples, 1 bad: .*' batch -o twice "$pipe" 'in put' || status=1
    wait "$other" && ((status == 0)) && single 'in put/one.tar' twice/one.tar
}

# What is done stays, unless its shard is newer; a shard more is one more.
batch_again() {
    local before
    before=$(stat -c %y 'a b/one.tar')
    gives 0 'batch: 2 shards.*' batch -o 'a b' && [[ $(wc -l <said) == 1 ]] &&
        [[ $(stat -c %y 'a b/one.tar') == "$before" ]] || return
    touch -d '+1 hour' 'in put/b c/two words.tar'
    preprocess --pack --prefix-shard "$DATA/pictures/ycck.jpg" -o 'in put/x.tar' 2>/dev/null
    gives 0 'batch: 3 shards, 8 samples, 1 bad: .*' batch -o 'a b' "$pipe" 'in put' &&
        grep -q '^batch: b c/two words.tar: 3 samples' said && ! grep -q '^batch: one.tar' said &&
        [[ $(stat -c %y 'a b/one.tar') == "$before" ]]
}

batch_refuses() {
    mkdir -p other && cp 'in put/one.tar' other && cp "${pictures[0]}" other/tab$'\t'name.tar || return
    gives 2 'batch: -o OUT: .*' batch && gives 2 'realpath: none: .*' batch -o none &&
        gives 2 'batch: .*: nothing begun there.*' batch -o other &&
        gives 2 'batch: .*/job: something else was asked for.*' batch -o 'a b' vitfwd 'in put' &&
        gives 2 'batch: .*/list: has shards that .*' batch -o 'a b' "$pipe" 'in put/x.tar' &&
        gives 2 'batch: one.tar: two shards of that name.*' batch -o n "$pipe" 'in put/one.tar' other/one.tar &&
        gives 2 'batch: .*a tab or newline in a name.*' batch -o n "$pipe" other &&
        gives 2 'realpath: nowhere: .*' batch -o n "$pipe" nowhere &&
        gives 2 'batch: no pipeline' batch -o n '  ' other/one.tar &&
        gives 2 'batch: no shards' batch -o n "$pipe" &&
        gives 2 'batch: --jobs: 0: .*' batch --jobs 0 && gives 2 'batch: --what: .*' batch --what &&
        gives 2 'batch: -o: what.' batch -o && gives 0 '' batch -h && grep -q '^usage: batch ' printed
}

# A shard that is cut fails alone, and once it is whole the rest is done.
batch_bad_shard() {
    mkdir -p cut && head -c 1024 'in put/x.tar' >cut/b.tar && cp 'in put/one.tar' cut/a.tar &&
        cp 'in put/b c/two words.tar' cut/c.tar || return
    gives 3 'batch: 1 of 3 shards failed .*' batch --jobs 1 -o bad "$pipe" cut &&
        grep -q '^batch: b.tar: failed: vitfwd: .*truncated' said &&
        [[ -e bad/a.tar && -e bad/c.tar && ! -e bad/b.tar && ! -e bad/classes.tsv ]] &&
        grep -q truncated bad/b.tar.log && cp 'in put/x.tar' cut/b.tar || return
    # The keys of a and c are those of other shards, not of one another.
    gives 0 'batch: 3 shards, 8 samples, 1 bad: .*' batch -o bad && single cut/b.tar bad/b.tar
}

# Pipes that fail otherwise: before their first stage, and those whose last one is no stage.
batch_bad_pipe() {
    gives 3 'batch: 1 of 1 .*' batch -o bad1 'vitfwd -m nowhere' cut/a.tar &&
        grep -q '^batch: a.tar: failed: .*nowhere' said &&
        gives 3 'batch: 1 of 1 .*' batch -o bad2 'vitfwd -l none # so' cut/a.tar && grep -q 'no stage' said &&
        gives 3 'batch: .*fit together' batch -o bad3 "$pipe" cut/a.tar 'in put/one.tar' &&
        grep -q 'prefix-shard' said && [[ ! -e bad3/classes.tsv ]]
}

# wait_for FILE: made by another process.
wait_for() {
    local n
    for ((n = 0; n < 300; n++)); do
        [[ ! -e $1 ]] || return 0
        sleep 0.1
    done
    echo "no $1"
    return 1
}

# Half a shard goes through, then the stage before vitfwd waits for the file "go".
slow="bash $PWD/slow.sh | $pipe"
cat >slow.sh <<'END'
head -c 4096
: >"$WHERE/started"
until [[ -e $WHERE/go ]]; do sleep 0.1; done
cat
END

# begin OUT: two workers, both in the middle.
begin() {
    rm -f started go
    export WHERE=$PWD
    setsid tree/pipelines/batch --jobs 1 -o "$1" "$slow" cut >/dev/null 2>&1 </dev/null &
    begun=$!
    wait_for started && wait_for "$1/a.tar.part"
}

batch_killed() {
    begin killed || return
    kill -9 -- "-$begun"
    wait "$begun" 2>/dev/null
    [[ ! -e killed/a.tar && -e killed/a.tar.part ]] || return
    : >go
    gives 0 'batch: 3 shards, 8 samples, 1 bad: .*' batch -o killed && single cut/a.tar killed/a.tar &&
        single cut/b.tar killed/b.tar && single cut/c.tar killed/c.tar && [[ ! $(find killed -name '*.part') ]]
}

# A worker is killed and what it has started lives on: the next one waits for that.
batch_orphans() {
    local worker second
    begin orphans || return
    worker=$(ps -eo pid=,args= | awk -v out="$PWD/orphans" '
        $2 == "bash" && $3 ~ /pipelines\/batch$/ && $4 == "-o" && $5 == out { print $1 }')
    [[ $worker =~ ^[0-9]+$ ]] && kill -9 "$worker" || return
    tree/pipelines/batch --jobs 1 -o orphans >/dev/null 2>said &
    second=$!
    sleep 0.5
    [[ ! -e orphans/a.tar ]] || return
    : >go
    wait "$second" "$begun" || true
    gives 0 'batch: 3 shards, 8 samples, 1 bad: .*' batch -o orphans && single cut/a.tar orphans/a.tar &&
        single cut/b.tar orphans/b.tar && single cut/c.tar orphans/c.tar
}

# Pictures are packed once; other pictures are another batch.
batch_pictures() {
    mkdir -p 'my photos' && cp "${pictures[@]:0:3}" 'my photos' || return
    gives 0 'batch: 2 shards, 3 samples, 0 bad: .*no logits.*' \
        batch -s 2 -o packed 'vitfwd -j 1 | rollout | tensorcat --only "map.*"' 'my photos' || return
    preprocess --pack 'my photos' 2>/dev/null | vitfwd 2>/dev/null | rollout 2>/dev/null |
        tensorcat --only 'map.*' 2>/dev/null | tensorls 2>/dev/null | grep -v '^__' >one
    tensorls packed/shard-00000.tar packed/shard-00001.tar 2>/dev/null | grep -v '^__' | diff one - || return
    gives 0 'batch: 2 shards.*' batch -s 2 -o packed 'vitfwd -j 1 | rollout | tensorcat --only "map.*"' 'my photos' &&
        [[ $(wc -l <said) == 1 ]] && cp "${pictures[3]}" 'my photos' &&
        gives 2 'batch: .*: is of other pictures .*' batch -o packed vitfwd 'my photos'
}

batch_tables() {
    printf '%s\n' 'in put/one.tar' 'in put/b c/two words.tar' >list.txt
    gives 0 "batch: 2 shards, 7 samples, 1 bad: $PWD/tables/table.tsv" \
        batch --tsv -T list.txt -o tables 'vitfwd -j 1 | topk -n 2' || return
    diff <(vitfwd 'in put/one.tar' 'in put/b c/two words.tar' 2>/dev/null | topk -n 2 2>/dev/null) \
        tables/table.tsv
}

batch_parallel() {
    gives 0 'batch: 3 shards, 8 samples, 1 bad: .*' batch --hosts : --jobs 2 -o "par'a llel" "$pipe" cut &&
        single cut/a.tar "par'a llel/a.tar" && single cut/b.tar "par'a llel/b.tar"
}

# A task of batch.slurm, as Slurm would start it.
batch_task() {
    local id
    gives 0 '' batch --prepare -o tasks "$pipe" cut && grep -q '^sbatch --array=1-3 .*/batch.slurm ' printed || return
    for id in 1 2; do
        SLURM_ARRAY_TASK_ID=$id SLURM_ARRAY_TASK_MAX=2 bash "$ROOT/pipelines/batch.slurm" "$PWD/tasks" || return
    done
    [[ -e tasks/a.tar && -e tasks/b.tar && -e tasks/c.tar ]] && gives 0 'batch: 3 .*' batch -o tasks
}

# As installed, from elsewhere, and without the programs in PATH.
installed() {
    env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL make -s -C "$ROOT" -o all install BIN="$BIN" \
        DESTDIR="$PWD/to" PREFIX=/usr || return
    [[ -e to/usr/share/saccade/pipelines/layers.mk || -e to/usr/share/saccade/pipelines/vit-vs-cnn.mk ]] &&
        PATH=/usr/bin:/bin to/usr/share/saccade/pipelines/batch -o from "$pipe" cut &&
        single cut/a.tar from/a.tar && to/usr/share/saccade/pipelines/fetch --list
}

make_shards
for check in batch_whole batch_own_products batch_twice batch_again batch_refuses batch_bad_shard batch_bad_pipe batch_killed \
    batch_orphans batch_pictures batch_tables batch_task installed; do
    result "recipes/${check/_/-}" "$check"
done
if command -v parallel >/dev/null && parallel --version 2>/dev/null | grep -q '^GNU'; then
    result recipes/batch-parallel batch_parallel
else
    skip recipes/batch-parallel 'GNU parallel is missing'
fi

# fetch, from a server that has the publishers' listings and stand-ins for their files

unset http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY
hub=served/huggingface.co

# publish REPOSITORY FOLDER FILE...: files and the hub's listing of them, LFS's for weights.
publish() {
    local repository=$1 folder=$2 file size sum between=
    shift 2
    mkdir -p "$hub/api/models/$repository/tree" "$hub/$repository/resolve/main"
    {
        printf '[{"type":"directory","oid":"00","size":0,"path":"onnx"},'
        for file; do
            cp "$folder/$file" "$hub/$repository/resolve/main/$file"
            size=$(stat -c %s "$folder/$file")
            sum=$(git hash-object "$folder/$file" 2>/dev/null || blob_sum "$folder/$file")
            printf '%s{"type":"file","oid":"%s","size":%d,' "$between" "$sum" "$size"
            [[ $file == *.json ]] || printf '"lfs":{"oid":"%s","size":%d,"pointerSize":134},' \
                "$(sha256sum <"$folder/$file" | cut -d ' ' -f 1)" "$size"
            printf '"path":"%s"}' "$file"
            between=,
        done
        printf ']'
    } >"$hub/api/models/$repository/tree/main"
}

blob_sum() {
    { printf 'blob %d\0' "$(stat -c %s "$1")" && cat "$1"; } | sha1sum | cut -d ' ' -f 1
}

serve() {
    perl "$ROOT/tests/http.pl" "$PWD/served" "$PWD/port" 2>requests &
    serving=$!
    wait_for port || return
    SACCADE_MIRROR=http://127.0.0.1:$(<port)
    export SACCADE_MIRROR SACCADE_MODELS=$PWD/models
}

vit=$DATA/vit/timm-plain
weights=$hub/google/vit-base-patch16-224/resolve/main/model.safetensors

fetch_model() {
    publish google/vit-base-patch16-224 "$vit" config.json model.safetensors || return
    gives 0 'fetch: google-vit-b16: in .*: give -m google-vit-b16' fetch google-vit-b16 &&
        grep -q 'sha256 as the hub lists it' said && grep -q 'git SHA-1 as the hub lists it' said &&
        cmp "$vit/model.safetensors" models/google-vit-b16/model.safetensors &&
        [[ ! $(find models -name '*.part') ]] && vitfwd --info -m google-vit-b16 | grep -q timm || return
    : >requests
    gives 0 'fetch: google-vit-b16: .*' fetch google-vit-b16 && grep -q 'model.safetensors: is there' said &&
        ! grep -q resolve requests && echo changed >>models/google-vit-b16/config.json &&
        gives 3 'fetch: .*config.json: is there, and .*' fetch google-vit-b16
}

# Cut off once, it goes on by itself; cut off for good, by the next call. A server that knows no
# ranges sends all again; what is of another file is thrown away.
fetch_cut() {
    rm -rf models
    echo 1000 >"$weights.cut"
    gives 0 'fetch: google-vit-b16: .*' fetch google-vit-b16 && grep -q 'model.safetensors 1000 206' requests &&
        cmp "$vit/model.safetensors" models/google-vit-b16/model.safetensors || return
    rm models/google-vit-b16/model.safetensors
    head -c 500 "$vit/model.safetensors" >models/google-vit-b16/model.safetensors.part
    echo 0 >"$weights.cut"
    gives 4 'fetch: .*model.safetensors: cut off .*' fetch google-vit-b16 &&
        [[ $(stat -c %s models/google-vit-b16/model.safetensors.part) == 500 ]] &&
        [[ ! -e models/google-vit-b16/model.safetensors ]] &&
        gives 0 'fetch: google-vit-b16: .*' fetch google-vit-b16 && grep -q 'model.safetensors 500 206' requests || return
    rm models/google-vit-b16/model.safetensors
    head -c 700 "$vit/model.safetensors" >models/google-vit-b16/model.safetensors.part
    : >"$weights.whole"
    gives 0 'fetch: google-vit-b16: .*' fetch google-vit-b16 && rm "$weights.whole" || return
    rm models/google-vit-b16/model.safetensors
    head -c 900 "$vit/config.json" >models/google-vit-b16/model.safetensors.part
    gives 0 'fetch: google-vit-b16: .*' fetch google-vit-b16 || return
    mv models/google-vit-b16/model.safetensors{,.part}
    gives 0 'fetch: google-vit-b16: .*' fetch google-vit-b16 &&
        cmp "$vit/model.safetensors" models/google-vit-b16/model.safetensors
}

fetch_wrong() {
    rm -rf models
    printf X | dd of="$weights" bs=1 seek=2000 conv=notrunc 2>/dev/null
    gives 3 'fetch: .*: its sha256 is [0-9a-f]{64}, and the hub lists [0-9a-f]{64}: removed' \
        fetch google-vit-b16 && [[ ! $(find models -name 'model.*') ]] || return
    gives 4 'fetch: .*the server says 404.*' fetch deit-b-distilled &&
        gives 4 'fetch: .*the server says 404.*' fetch owner/nothing &&
        gives 2 'fetch: nothing: not known.*' fetch nothing && gives 2 'fetch: which.*' fetch &&
        gives 2 'fetch: a/b/c: .*' fetch a/b/c && gives 0 '' fetch --list && grep -q '^dinov2-s-reg ' printed || return
    printf '[{"type":"file","oid":"00","size":1,"path":"README.md"}]' >"$hub/api/models/google/vit-base-patch16-224/tree/main"
    gives 4 'fetch: .*no model.safetensors.*' fetch google-vit-b16 &&
        gives 4 "fetch: $PWD/port: can't be written: .*" fetch -d "$PWD/port" resnet50-0676ba61 &&
        SACCADE_MIRROR=http://127.0.0.1:1 gives 4 'fetch: .*: no way to huggingface.co .*' fetch google-vit-b16 &&
        SACCADE_MIRROR=http://127.0.0.1:1 gives 4 'fetch: .*: no way to www.cs.toronto.edu .*' fetch -d data cifar10
}

# torchvision's: a file that is called by the first digits of its SHA-256.
fetch_torchvision() {
    local source=$DATA/resnet/torchvision-basic/model.pth sum name
    sum=$(sha256sum <"$source" | cut -c 1-8)
    name=resnet50-$sum
    mkdir -p served/download.pytorch.org/models && cp "$source" "served/download.pytorch.org/models/$name.pth" || return
    printf '%s\ttorchvision\thttps://download.pytorch.org/models/%s.pth\t\t\ta stand-in\n' \
        "$name" "$name" >>tree/pipelines/fetch.tsv
    gives 0 "fetch: $name: in .*" fetch "$name" && resnetfwd --info -m "$name" | grep -q torchvision &&
        rm models/"$name".* && echo more >>"served/download.pytorch.org/models/$name.pth" &&
        gives 3 "fetch: .*lists $sum: removed" fetch "$name" && [[ ! $(find models -name "$name*") ]]
}

# Data sets by MD5; of two archives one folder, of one that what is in it.
fetch_data() {
    local url=served/www.robots.ox.ac.uk/~vgg/data/pets/data
    mkdir -p "$url" pack/{images,annotations,batches} && : >pack/images/a_1.jpg && : >pack/annotations/trainval.txt || return
    tar -czf "$url/images.tar.gz" -C pack images && tar -czf "$url/annotations.tar.gz" -C pack annotations || return
    gives 3 'fetch: .*images.tar.gz: its md5 is .*, and torchvision lists 5c4f.*: removed' fetch -d data oxford-pets &&
        [[ ! -e data/oxford-pets ]] || return
    sed -i "s/5c4f3ee8e5d25df40f4fd59a7f44e54c/$(md5sum <"$url/images.tar.gz" | cut -d ' ' -f 1)/
        s/95a8c909bbe2e81eed6a22bccdf3f68f/$(md5sum <"$url/annotations.tar.gz" | cut -d ' ' -f 1)/" tree/pipelines/fetch.tsv
    gives 0 'fetch: oxford-pets: in data/oxford-pets' fetch -d data oxford-pets &&
        [[ -e data/oxford-pets/images/a_1.jpg && -e data/oxford-pets/annotations/trainval.txt ]] &&
        [[ ! $(find data -name '*.gz' -o -name 'oxford*.part') ]] &&
        gives 0 'fetch: data/oxford-pets: is there' fetch -d data oxford-pets || return
    mkdir -p 'served/www.cs.toronto.edu/~kriz' && tar -czf 'served/www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz' -C pack batches
    sed -i "s/c32a1d4ab5d03f1284b67883e8d87530/$(md5sum <'served/www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz' |
        cut -d ' ' -f 1)/" tree/pipelines/fetch.tsv
    gives 0 'fetch: cifar10: in data/cifar10/batches' fetch -d data cifar10
}

fetches=(fetch_model fetch_cut fetch_wrong fetch_torchvision fetch_data)
if command -v curl >/dev/null && perl -MIO::Socket::INET -e 1 2>/dev/null && serve; then
    for check in "${fetches[@]}"; do result "recipes/${check/_/-}" "$check"; done
else
    for check in "${fetches[@]}"; do skip "recipes/${check/_/-}" 'curl or perl is missing'; done
fi

# video

asked() { # FIELDS FILM
    ffprobe -v error -count_frames -show_entries "stream=$1" -of csv=p=0 "$2" | tr '\n' ' '
}

# An odd size, a rate that is no whole number, a sound.
make_film() {
    ffmpeg -nostdin -v error -f lavfi -i testsrc=size=67x45:rate=30000/1001 -f lavfi -i sine=440 -t 1 \
        -c:v libx264 -pix_fmt yuv444p -c:a aac "$1"
}

video_whole() {
    gives 0 'overlay: 30 samples' video film.mp4 'made of it.mp4' && grep -q '^video: --range [0-9.]*,[0-9.]*: ' said &&
        [[ $(asked codec_type,r_frame_rate,nb_read_frames 'made of it.mp4') == 'video,30000/1001,30 audio,0/0,'* ]] &&
        [[ $(asked pix_fmt 'made of it.mp4') == yuv420p* ]] &&
        [[ $(asked codec_type,nb_read_frames film.mp4) == "$(asked codec_type,nb_read_frames 'made of it.mp4')" ]] || return
    ffmpeg -v error -i film.mp4 -map 0:a -c copy -f data - >sound.one
    ffmpeg -v error -i 'made of it.mp4' -map 0:a -c copy -f data - >sound.two
    cmp sound.one sound.two && [[ -s sound.one ]]
}

video_live() {
    tree/pipelines/video --range 0,0.1 film.mp4 - -- --width 64 2>/dev/null >live &&
        [[ $(asked codec_type,nb_read_frames live) == 'video,30 audio,'* ]]
}

# No film where anything fails.
video_fails() {
    head -c 3000 film.mp4 >cut.mp4
    echo text >text.mp4
    ffmpeg -nostdin -v error -i film.mp4 -c copy -movflags +faststart fast.mp4
    head -c $(($(stat -c %s fast.mp4) * 2 / 3)) fast.mp4 >half.mp4
    gives 2 'video: nowhere.mp4: no such file' video nowhere.mp4 no.mp4 &&
        gives 2 'video: IN and OUT.*' video film.mp4 && gives 2 'video: no: of which format.*' video film.mp4 no &&
        gives 3 'video: .*no film that ffmpeg can read' video text.mp4 no.mp4 &&
        gives 3 'video: .*no film that ffmpeg can read' video cut.mp4 no.mp4 &&
        gives 3 'video: half.mp4: only .* seconds could be read.*' video --range 0,1 half.mp4 no.mp4 &&
        gives 3 'video: .*no scale.*' video -p 'vitfwd -l none' film.mp4 no.mp4 &&
        gives 3 'video: .*failed.*' video --range 0,1 -p 'vitfwd -m nowhere' film.mp4 no.mp4 &&
        gives 3 'video: .*failed.*' video --range 0,1 film.mp4 no.mp4 -- --alpha 7 &&
        gives 3 'video: .*failed.*' video --range 0,1 film.mp4 no.such-format &&
        gives 3 'video: .*failed.*' video --range 0,1 -p 'vitfwd | rollout | head -c 200000' film.mp4 no.mp4 &&
        [[ ! $(find . -maxdepth 1 -name 'no*') ]]
}

if command -v ffmpeg >/dev/null && make_film film.mp4 2>/dev/null; then
    for check in video_whole video_live video_fails; do result "recipes/${check/_/-}" "$check"; done
else
    for check in video_whole video_live video_fails; do
        skip "recipes/${check/_/-}" 'ffmpeg (with libx264) is missing'
    done
fi
exit "$failed"
