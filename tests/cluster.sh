#!/usr/bin/env bash
# pipelines/batch over ssh and by Slurm, for real, on this machine: sshd, munged, slurmctld and two
# slurmd, each with keys, ports and folders of its own, on the loopback only, and ended with this
# script. A worker is killed in the middle, and what comes out is what one machine makes.
#
#     make check-cluster          BIN=bin bash tests/cluster.sh
#
# Installs nothing. KEEP=1 leaves the folder with the daemons' logs.
set -uo pipefail
source "$(dirname "$0")/part.sh"
cd "$SCRATCH" || exit
PATH=$PATH:/usr/sbin:/sbin
missing=
for program in parallel ssh sshd munged slurmctld slurmd sbatch perl ss; do
    command -v "$program" >/dev/null || missing+=" $program"
done
if [[ $missing ]]; then
    echo "cluster: missing:$missing: apt-get install parallel openssh-server slurm-wlm munge iproute2" >&2
    exit 1
fi

daemons=()
finish() {
    [[ ! -e slurm.conf ]] || scancel --user="$(id -un)" --signal=KILL 2>/dev/null
    ((${#daemons[@]} == 0)) || kill "${daemons[@]}" 2>/dev/null
    wait "${daemons[@]}" 2>/dev/null
    if [[ ${KEEP-} ]]; then echo "cluster: $SCRATCH" >&2; else rm -rf "$SCRATCH"; fi
}
trap finish EXIT
trap 'exit 1' INT TERM

start() { # LOG COMMAND...
    local log=$1
    shift
    "$@" >"$log.log" 2>&1 </dev/null &
    daemons+=($!)
}

# eventually COMMAND...: within a minute it succeeds.
eventually() {
    local n
    for ((n = 0; n < 300; n++)); do
        ! "$@" >/dev/null 2>&1 || return 0
        sleep 0.2
    done
    echo "never: $*"
    return 1
}

free_port() {
    perl -MIO::Socket::INET -e \
        'print IO::Socket::INET->new(Listen => 1, LocalAddr => "127.0.0.1")->sockport'
}

# The data: four shards of three pictures, of which one is broken, and the single machine's way with them.

batch=$ROOT/pipelines/batch
pipe='vitfwd -j 1 | rollout'
pictures=("$DATA"/pictures/{rgb420,rgb444,grey,restart,progressive,rgb422,rgb440,cmyk,ycck,scans,turned1,turned2}.jpg)
mkdir shards one
preprocess --pack "${pictures[@]}" 2>/dev/null | tensorcat --split 3 -o shards/%d.tar 2>/dev/null
for n in 0 1 2 3; do
    vitfwd "shards/$n.tar" 2>/dev/null | rollout -o "one/$n.tar" 2>/dev/null
done
tensorcat one/{0,1,2,3}.tar 2>/dev/null | topk -n 1 -o one/classes.tsv 2>/dev/null

# Half a shard goes through, then the pipe waits for the file "go".
cat >slow.sh <<'END'
head -c 4096
: >"$SACCADE_WHERE/started"
until [[ -e $SACCADE_WHERE/go ]]; do sleep 0.1; done
cat
END
export SACCADE_WHERE=$PWD # goes with the job, as every SACCADE_* does
slow="bash $PWD/slow.sh | $pipe"

same() { # OUT
    local file
    for file in 0.tar 1.tar 2.tar 3.tar classes.tsv; do cmp "one/$file" "$1/$file" || return; done
    [[ ! $(find "$1" -name '*.part') ]]
}

# workers OUT [PROGRAM]: the numbers of what works for it on a shard.
workers() {
    ps -eo pid=,args= | awk -v out="$PWD/$1" -v slow="$PWD/slow.sh" '
        index($0, "awk") { next }
        index($0, out " --line ") && $2 == "bash" || index($0, "-o " out "/") || $3 == slow { print $1 }'
}

# ssh: one machine under two names.

open_ssh() {
    local port
    port=$(free_port)
    ssh-keygen -q -t ed25519 -N '' -f host_key && ssh-keygen -q -t ed25519 -N '' -f key &&
        cp key.pub authorized && printf '[127.0.0.1]:%s %s\n' "$port" "$(<host_key.pub)" >known || return
    # As root sshd wants this folder, whatever it is told.
    ((UID)) || [[ -d /run/sshd ]] || mkdir -m 755 /run/sshd || return
    cat >sshd_config <<END
Port $port
ListenAddress 127.0.0.1
HostKey $PWD/host_key
AuthorizedKeysFile $PWD/authorized
PidFile $PWD/sshd.pid
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
MaxStartups 50
MaxSessions 50
END
    cat >ssh_config <<END
Host one two
    HostName 127.0.0.1
    Port $port
    User $(id -un)
    IdentityFile $PWD/key
    IdentitiesOnly yes
    UserKnownHostsFile $PWD/known
    StrictHostKeyChecking yes
    BatchMode yes
END
    start sshd "$(command -v sshd)" -D -e -f "$PWD/sshd_config"
    eventually ssh -F ssh_config one true
}

# The worker and its stages are killed, then the connection of another: GNU parallel starts both
# shards again, so all are done in one run.
over_ssh() {
    local run at="over ssh" connections
    open_ssh || { cat sshd.log; return 1; }
    export PARALLEL_SSH="ssh -F $PWD/ssh_config" PARALLEL_HOME=$PWD/parallel
    rm -f started go
    "$batch" --hosts one,two --jobs 1 -o "$at" "$slow" shards >said 2>&1 &
    run=$!
    eventually test -e started && eventually test -e "$at/0.tar.part" &&
        eventually test -e "$at/1.tar.part" || { cat said; return 1; }
    [[ ! -e $at/0.tar && ! -e $at/1.tar ]] || return
    mapfile -t connections < <(ps -o pid= --ppid "${daemons[0]}" | tr -d ' ')
    ((${#connections[@]} >= 2)) || { echo "connections: ${connections[*]}"; return 1; }
    mapfile -t killed < <(workers "$at")
    ((${#killed[@]} >= 4)) || { echo "workers: ${killed[*]}"; return 1; }
    kill -9 "${connections[1]}" "${killed[@]}"
    : >go
    wait "$run" || { cat said; return 1; }
    tail -n 1 said | grep -q "^batch: 4 shards, 12 samples, 1 bad: $PWD/$at/classes.tsv$" && same "$at" ||
        { cat said; return 1; }
}

# Slurm: one machine as two nodes of one processor each.

open_slurm() {
    local host
    host=$(hostname -s)
    mkdir -p state spool-n1 spool-n2 munge && chmod 700 munge
    head -c 1024 /dev/urandom >munge/key && chmod 400 munge/key
    start munged munged --foreground --force --key-file "$PWD/munge/key" --socket "$PWD/munge/socket" \
        --pid-file "$PWD/munge/pid" --log-file "$PWD/munge/log" --seed-file "$PWD/munge/seed"
    eventually test -S munge/socket || return
    cat >slurm.conf <<END
ClusterName=saccade
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$(free_port)
SlurmUser=$(id -un)
SlurmdUser=$(id -un)
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
AuthType=auth/munge
AuthInfo=socket=$PWD/munge/socket
CredType=cred/munge
StateSaveLocation=$PWD/state
SlurmdSpoolDir=$PWD/spool-%n
SlurmctldPidFile=$PWD/slurmctld.pid
SlurmdPidFile=$PWD/slurmd-%n.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=sched_interval=1,bf_interval=1
ReturnToService=2
KillWait=1
NodeName=n1 NodeHostname=$host NodeAddr=127.0.0.1 Port=$(free_port) CPUs=1
NodeName=n2 NodeHostname=$host NodeAddr=127.0.0.1 Port=$(free_port) CPUs=1
PartitionName=all Nodes=n1,n2 Default=YES State=UP OverSubscribe=NO
END
    export SLURM_CONF=$PWD/slurm.conf
    start slurmctld slurmctld -D -i
    eventually scontrol ping || return
    start slurmd-n1 slurmd -D -N n1
    start slurmd-n2 slurmd -D -N n2
    eventually ready
}

ready() {
    [[ $(sinfo -h -N -o '%T' | sort -u) == idle && $(sinfo -h -N | wc -l) == 2 ]]
}

no_jobs() {
    [[ -z $(squeue -h) ]]
}

# The same array again does what is left, and no more.
by_slurm() {
    local at=slurm before submit
    open_slurm || { tail -n 20 munged.log slurmctld.log slurmd-n*.log; return 1; }
    rm -f started go
    submit=$("$batch" --prepare -o "$at" "$slow" shards) && [[ $submit == 'sbatch --array=1-4 '* ]] || return
    eval "$submit" && eventually test -e started && eventually test -e "$at/0.tar.part" || return
    mapfile -t killed < <(workers "$at")
    ((${#killed[@]} >= 4)) || { echo "workers: ${killed[*]}"; return 1; }
    kill -9 "${killed[@]}"
    : >go
    eventually no_jobs || return
    [[ ! -e $at/0.tar && -e $at/0.tar.part && -e $at/3.tar ]] || { ls "$at"; cat "$at"/slurm-*; return 1; }
    before=$(stat -c %y "$at/3.tar")
    "$batch" --prepare -o "$at" "$slow" shards >again && eval "$(<again)" && eventually no_jobs &&
        "$batch" -o "$at" >said 2>&1 && [[ $(wc -l <said) == 1 ]] && same "$at" &&
        [[ $(stat -c %y "$at/3.tar") == "$before" ]] || { cat said "$at"/slurm-*; return 1; }
}

# Nothing but the loopback is listened on.
loopback_only() {
    local pid
    for pid in "${daemons[@]}"; do ss -Hltnp | grep "pid=$pid," | awk '{ print $4 }'; done >ports
    cat ports
    [[ $(wc -l <ports) == 4 ]] && ! grep -v '^127\.' ports
}

result cluster/ssh over_ssh
result cluster/slurm by_slurm
result cluster/loopback loopback_only
exit "$failed"
