#!/usr/bin/env bash
# A real SLURM on this one machine, for tests and for rehearsing a sweep: several virtual nodes with make-believe GPUs,
# accounting, requeues, time limits, preemption. No systemd, no cgroups; nothing outside its own folder is touched.
#
#   scripts/slurm_local.sh up       prints the line to source; free to repeat
#   . /tmp/slurm_local/env.sh       afterwards sbatch, squeue, sacct and rlsuite's hardware=slurm use it
#   scripts/slurm_local.sh down     stops what `up` started, by the process numbers it wrote down
#   scripts/slurm_local.sh install  apt-get install of what it needs (Debian or Ubuntu, as root)
#
# Settings: SLURM_LOCAL_DIR (/tmp/slurm_local), NODES (3), CPUS and GPUS a node (8, 2), MEM_MB a node (16000),
# MAX_ARRAY (1001), PORT (first of 40 TCP ports on 127.0.0.1; 17800).
set -euo pipefail
DIR=${SLURM_LOCAL_DIR:-/tmp/slurm_local}
NODES=${NODES:-3} CPUS=${CPUS:-8} GPUS=${GPUS:-2} MEM_MB=${MEM_MB:-16000} MAX_ARRAY=${MAX_ARRAY:-1001} PORT=${PORT:-17800}
export PATH=$PATH:/usr/sbin:/sbin LC_ALL=C
export SLURM_CONF=$DIR/slurm.conf
PROGRAMS=(munged mariadbd mariadb-install-db mariadb slurmdbd slurmctld slurmd srun sacctmgr)
PACKAGES=(munge slurmctld slurmd slurm-client slurmdbd mariadb-server-core mariadb-client-core)

fail() { echo "slurm_local: $*" >&2; exit 1; }

alive() { # NAME: the process in pid/NAME is there, is not a zombie and is the program it was
  local pid comm
  pid=$(cat "$DIR/pid/$1" 2>/dev/null) && comm=${1%%.*} || return 1
  [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = "$comm" ] && ! grep -q '^State:.Z' "/proc/$pid/status"
}

until_ok() { # SECONDS COMMAND...: repeat it until it works
  local end=$((SECONDS + $1)); shift
  until "$@" >"$DIR/log/wait" 2>&1; do
    [ $SECONDS -lt $end ] || { cat "$DIR/log/wait" >&2; fail "no answer to: $* (logs in $DIR/log)"; }
    sleep 0.1
  done
}

stop() { # NAME SECONDS: end it politely, then not
  local pid i
  if alive "$1"; then
    pid=$(cat "$DIR/pid/$1")
    kill "$pid"
    for ((i = 0; i < $2 * 10; i++)); do alive "$1" || break; sleep 0.1; done
    if alive "$1"; then kill -9 "$pid"; fi
  fi
  rm -f "$DIR/pid/$1"
}

install_packages() {
  [ "$(id -u)" = 0 ] || fail "install needs root"
  local policy=/usr/sbin/policy-rc.d
  # Debian starts services while it installs them; ours are private to one folder
  if [ ! -e $policy ]; then printf '#!/bin/sh\nexit 101\n' >$policy; chmod +x $policy; trap "rm -f $policy" EXIT; fi
  export DEBIAN_FRONTEND=noninteractive
  apt-get install -qy --no-install-recommends "${PACKAGES[@]}" >/dev/null 2>&1 ||
    { apt-get update -q && apt-get install -qy --no-install-recommends "${PACKAGES[@]}"; } >/dev/null
}

write_config() {
  local host i
  host=$(hostname -s)
  # a wiped cluster must not hand out job numbers again: submitit finds a job's files by its number
  [ -s "$DIR/first_job" ] || echo $(($(date +%s) % 6000000 * 10 + 1000)) >"$DIR/first_job"
  {
    cat <<CONF
ClusterName=local
SlurmctldHost=$host(127.0.0.1)
SlurmUser=$(id -un)
SlurmdUser=$(id -un)
SlurmctldPort=$PORT
FirstJobId=$(cat "$DIR/first_job")
MaxArraySize=$MAX_ARRAY
# cred_expire is also how long a requeued job waits before it starts again; the default is 120 s, the least is 5
AuthInfo=socket=$DIR/munge/socket,cred_expire=5
StateSaveLocation=$DIR/state
SlurmctldPidFile=$DIR/pid/slurmctld
SlurmctldLogFile=$DIR/log/slurmctld
SlurmdPidFile=$DIR/pid/slurmd.%n
SlurmdLogFile=$DIR/log/slurmd.%n
SlurmdSpoolDir=$DIR/spool/%n
# processes of a job are found by their parents, its memory is asked of /proc
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=2
JobAcctGatherParams=OverMemoryKill
MpiDefault=none
MailProg=/bin/true
PropagateResourceLimits=NONE
# more CPUs than there are may be promised; a node that did not answer is used again, one set down only when resumed: what ran
# there may still be ending
SlurmdParameters=config_overrides
ReturnToService=1
GresTypes=gpu
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
DefMemPerCPU=$((MEM_MB / CPUS))
SchedulerParameters=batch_sched_delay=0,sched_interval=2,bf_interval=1
# partition low is preempted by partition gpu; its jobs are told by the signal they asked for (USR2)
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
SlurmctldParameters=preempt_send_user_signal
KillWait=2
SlurmdTimeout=20
MinJobAge=300
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=127.0.0.1
AccountingStoragePort=$((PORT + 1))
AccountingStoragePass=$DIR/munge/socket
CONF
    for ((i = 1; i <= NODES; i++)); do
      echo "NodeName=node$i NodeHostname=$host NodeAddr=127.0.0.1 Port=$((PORT + 3 + i)) CPUs=$CPUS RealMemory=$MEM_MB Gres=gpu:$GPUS"
    done
    echo "PartitionName=gpu Nodes=ALL Default=YES DefaultTime=60 PriorityTier=10 PreemptMode=OFF"
    echo "PartitionName=low Nodes=ALL DefaultTime=60 PriorityTier=1 GraceTime=15"
  } >"$DIR/slurm.conf"
  # a GPU must be a device file: a link to /dev/null is one
  for ((i = 0; i < GPUS; i++)); do ln -sfn /dev/null "$DIR/dev/gpu$i"; done
  echo "NodeName=node[1-$NODES] Name=gpu File=$DIR/dev/gpu[0-$((GPUS - 1))]" >"$DIR/gres.conf"
  cat >"$DIR/slurmdbd.conf" <<CONF
AuthInfo=socket=$DIR/munge/socket
DbdHost=localhost
DbdAddr=127.0.0.1
DbdPort=$((PORT + 1))
SlurmUser=$(id -un)
LogFile=$DIR/log/slurmdbd
PidFile=$DIR/pid/slurmdbd
StorageType=accounting_storage/mysql
StorageHost=127.0.0.1
StoragePort=$((PORT + 2))
StorageUser=slurm
StoragePass=local
StorageLoc=slurm
CONF
  chmod 600 "$DIR/slurmdbd.conf"
  printf 'export SLURM_CONF=%q SLURM_LOCAL_DIR=%q\n' "$DIR/slurm.conf" "$DIR" >"$DIR/env.sh"
}

start_database() {
  alive mariadbd && return
  local sql=(mariadb --no-defaults -S "$DIR/sql.socket" -u root)
  [ -d "$DIR/sql/mysql" ] || mariadb-install-db --no-defaults --datadir="$DIR/sql" --user="$(id -un)" --skip-test-db \
    --auth-root-authentication-method=normal >"$DIR/log/mariadb-install" 2>&1 || fail "mariadb-install-db"
  setsid mariadbd --no-defaults --datadir="$DIR/sql" --user="$(id -un)" --bind-address=127.0.0.1 --port=$((PORT + 2)) \
    --socket="$DIR/sql.socket" --pid-file="$DIR/pid/mariadbd" --skip-log-bin --innodb-flush-log-at-trx-commit=0 \
    --innodb-lock-wait-timeout=900 --skip-name-resolve </dev/null >"$DIR/log/mariadbd" 2>&1 &
  until_ok 60 "${sql[@]}" -e "create user if not exists 'slurm'@'127.0.0.1' identified by 'local';
    grant all on slurm.* to 'slurm'@'127.0.0.1'"
}

all_idle() { [ "$(sinfo -h -p gpu -N -o %T | grep -cE 'idle|mixed|allocated')" -ge "$NODES" ]; }

up() {
  local program i
  for program in "${PROGRAMS[@]}"; do
    command -v "$program" >/dev/null || fail "$program is missing; as root on Debian or Ubuntu: $0 install"
  done
  mkdir -p "$DIR"/{pid,log,munge,state,spool,dev,sql}
  chmod 711 "$DIR/munge"
  [ -s "$DIR/munge.key" ] || (umask 077; head -c 1024 /dev/urandom >"$DIR/munge.key")
  alive slurmctld || write_config
  alive munged || { rm -f "$DIR/munge/socket"; munged --key-file="$DIR/munge.key" --socket="$DIR/munge/socket" --pid-file="$DIR/pid/munged" \
    --log-file="$DIR/log/munged" --seed-file="$DIR/munge/seed" >/dev/null 2>&1 || fail "munged: see $DIR/log/munged"; }
  start_database
  alive slurmdbd || slurmdbd
  until_ok 60 sacctmgr -n list cluster
  sacctmgr -nP list cluster format=cluster | grep -qx local || sacctmgr -i add cluster local >/dev/null
  alive slurmctld || slurmctld -i
  for ((i = 1; i <= NODES; i++)); do
    mkdir -p "$DIR/spool/node$i"
    alive "slurmd.node$i" || slurmd -N "node$i"
  done
  until_ok 60 all_idle
  echo ". $DIR/env.sh"
}

down() {
  local name
  [ -d "$DIR/pid" ] || return 0
  if alive slurmctld; then
    timeout 10 scancel -u "$(id -un)" 2>/dev/null || true
    for ((i = 0; i < 100; i++)); do [ -n "$(timeout 10 squeue -h 2>/dev/null)" ] || break; sleep 0.1; done
  fi
  for name in "$DIR"/pid/slurmd.*; do [ -e "$name" ] && stop "$(basename "$name")" 10; done
  for name in slurmctld slurmdbd mariadbd munged; do stop "$name" 20; done
}

case ${1:-} in
  up) up ;;
  down) down ;;
  install) install_packages ;;
  *) fail "say up, down or install" ;;
esac
